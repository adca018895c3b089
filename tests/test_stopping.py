"""Ending tasks of trials that do worse than earlier ones: whom the rule ends, and that it does so whoever is faster."""

from __future__ import annotations

import random
from statistics import median_low

import pytest

from automl.cluster.hopper import Layout
from automl.search.asha import AshaParams
from automl.search.budgets import Decisions, Limits
from automl.search.hyperband import HyperbandParams
from automl.search.hyperopt import HyperoptParams
from automl.search.scheduler import ListPlan, Plan, Step, Task
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space
from automl.search.stopping import StoppingPlan
from simulated import ScheduledSearch, Simulation, restless_cost

SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
LAYOUT = Layout((("training", 2),))
MANY = ListPlan(tuple((number, Configuration(1, f"c{number}", "f")) for number in range(1, 41)), 10)


def loss(trial: int, iteration: int) -> float:
    """Curves that fall, cross each other, and rise now and then."""
    return random.Random(trial).random() + random.Random(f"{trial} {iteration}").random() / iteration


# --- steps --------------------------------------------------------------------------------------------------------------


def test_a_task_is_made_in_parts_from_evaluation_to_evaluation() -> None:
    scheduler = StoppingPlan(HyperbandParams(3, 3).plan(SPACE, 0, 2), 50, 2, 2).scheduler()
    step = scheduler.start()
    assert step.tasks[0] == Task(1, 1, 0, 3, {"s": 1, "i": 0}, (-1, 0, 1, 0))
    assert step.tasks[3] == Task(4, 2, 1, 1, {"s": 0, "i": 0}, (0, 0, 4, 0), is_part=True)
    assert scheduler.report(4, 0.5) == Step((), (Task(4, 1, 3, 0, {"s": 0, "i": 0}, (0, 0, 4, 1)),))
    assert [scheduler.report(trial, trial / 10) for trial in (1, 2)] == [Step(), Step()]
    (promoted,) = scheduler.report(3, 0.3).tasks
    assert promoted == Task(1, 2, 1, 1, {"s": 1, "i": 1}, (-1, 1, 1, 0), is_part=True)


def few(kept: float = 50, window: int = 1) -> StoppingPlan:
    return StoppingPlan(ListPlan(MANY.trials[:7], 2), kept, 1, window)


def ended(scores: list[float | None], kept: float = 50) -> list[int]:
    """Who of seven trials is ended after the first of two iterations, each of them told of in turn."""
    scheduler = few(kept).scheduler()
    scheduler.start()
    return [trial for trial, score in enumerate(scores, 1) if score is not None and not scheduler.report(trial, score).tasks]


@pytest.mark.parametrize(
    ("scores", "kept", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.3, 0.9], 50, [7]),  # the third of five is just good enough
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.31, 0.25], 50, [6]),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.21, 0.2], 25, [6]),  # the second best of five, and then of six
        ([0.1, 0.2, 0.3, 0.4, float("nan"), 0.5, 0.3], 90, []),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], 1, []),  # equals are as good
    ],
)
def test_who_is_ended(scores: list[float | None], kept: float, expected: list[int]) -> None:
    assert ended(scores, kept) == expected


def test_one_that_failed_counts_for_nobody() -> None:
    scheduler = few().scheduler()
    scheduler.start()
    assert scheduler.report(1, None).tasks == ()
    for trial in (2, 3, 4, 5):
        scheduler.report(trial, 0.1)
    assert scheduler.report(6, 0.9).tasks  # four came as far


def test_it_rests_until_the_earlier_ones_are_as_far() -> None:
    scheduler = few(window=2).scheduler()
    scheduler.start()
    assert scheduler.report(7, 0.9) == Step()
    assert [bool(scheduler.report(trial, 0.1).tasks) for trial in (1, 2, 3, 4)] == [True] * 4
    assert scheduler.report(5, 0.1).tasks == (Task(5, 1, 1, 0, {}, (5, 1)),)  # which lets 7 end
    assert scheduler.report(6, 0.5).tasks == (Task(6, 1, 1, 0, {}, (6, 1)),)  # which knows four
    with pytest.raises(KeyError):
        scheduler.report(7, 0.9)


# --- searches -----------------------------------------------------------------------------------------------------------


def reference(kept_half: int = 2) -> dict[int, int]:
    """How many iterations each of forty trials makes, by the words of the rule, one trial after the other; a window of 4."""
    made: dict[int, int] = {}
    for trial in range(1, 41):
        made[trial] = 10
        for iteration in (2, 4, 6, 8):
            others = [loss(other, iteration) for other in range(1, trial - 3) if made[other] >= iteration]
            best = min(loss(trial, each) for each in range(2, iteration + 1, 2))
            if len(others) >= 5 and best > median_low(sorted(others)):
                made[trial] = iteration
                break
    return made


@pytest.mark.parametrize("sessions", [1, 3, 64])
def test_the_median_rule_ends_whom_it_says_whoever_is_faster(sessions: int) -> None:
    plan = StoppingPlan(MANY, 50, 2, 4)
    search = ScheduledSearch(plan.scheduler(), Simulation(LAYOUT, (None,) * sessions, restless_cost(sessions)), loss)
    search.run()
    made = {trial: 0 for trial in range(1, 41)}
    for each in search.ended:
        made[each.task.trial] += each.task.iterations
    assert made == reference()
    assert sum(made.values()) < 300  # of 400


PLANS: dict[str, Plan] = {
    "hyperband": HyperbandParams(27, 3).plan(SPACE, 1, 2),
    "hyperband, tpe": HyperbandParams(27, 3, sampler="tpe").plan(SPACE, 1, 2),
    "tpe": HyperoptParams(25, 6).plan(SPACE, 1, 2),
    "asha": AshaParams(27, 3, 40).plan(SPACE, 1, 2),
}


@pytest.mark.parametrize("limits", [Limits(), Limits(decisions=70)], ids=["whole", "prefix"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_the_same_is_decided_on_any_number_of_sessions(plan: Plan, limits: Limits) -> None:
    found = []
    for sessions in (1, 2, 64):
        simulation = Simulation(LAYOUT, (None,) * sessions, restless_cost(sessions))
        scheduler = StoppingPlan(plan, 50, 1, 2).scheduler()
        search = ScheduledSearch(scheduler, simulation, loss, decisions=Decisions(limits))
        search.run()
        found.append((search.retired, search.decisions.ended_by))
    assert found[0] == found[1] == found[2]
    assert len(found[0][0]) >= 70
