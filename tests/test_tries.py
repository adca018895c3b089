"""Several tries of each configuration: their numbers, their means, and that methods decide by these whoever is faster."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest

from automl.search.asha import AshaParams
from automl.search.budgets import Decisions, Limits, Reason
from automl.search.hyperband import HyperbandParams
from automl.search.retirement import Retired
from automl.search.scheduler import ListPlan, OpenEnded, Plan, Step, Task
from automl.search.space import Configuration
from automl.search.stopping import StoppingPlan
from automl.search.tries import Mean, Tries, TriesPlan, mean_of
from simulated import ScheduledSearch, Simulation, restless_cost
from simulated_plans import LAYOUT, SPACE, loss
from simulated_plans import PLANS as OF_METHODS

PLANS: dict[str, Plan] = {**OF_METHODS, "stopped": StoppingPlan(OF_METHODS["hyperband"], 50, 1, 2)}
Loss = Callable[[int, int], float | None]
THREE = Tries(3)


# --- numbers ------------------------------------------------------------------------------------------------------------


def test_the_tries_of_a_configuration_have_numbers_side_by_side() -> None:
    assert [THREE.numbers(configuration) for configuration in (1, 2, 3)] == [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    assert [tuple(THREE.place(trial).values()) for trial in (1, 3, 4, 8)] == [(1, 1), (1, 3), (2, 1), (3, 2)]
    assert list(THREE.place(5)) == ["configuration", "try"]
    assert Tries().place(5) == {}


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        (Tries(3), [set(), set(), set(), set()]),
        (Tries(1, 3), [{0, 3, 6}, {1, 4}, {2, 5}, {0, 3, 6}]),
        (Tries(2, 2), [{0, 2, 4, 6}, {1, 3, 5}, {0, 2, 4, 6}, {1, 3, 5}]),
        (Tries(1, 7), [{0}, {1}, {2}, {3}]),
    ],
)
def test_each_fold_is_held_out_by_a_try(tries: Tries, expected: list[set[int]]) -> None:
    assert [tries.held_out(trial, 7) for trial in (1, 2, 3, 4)] == expected
    if tries.folds:
        parts = [tries.held_out(trial, 7) for trial in tries.numbers(2)]
        assert sorted(partition for part in parts for partition in part) == sorted([*range(7)] * tries.each)


# --- means --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [[0.25, 0.75], [0.1, 0.2, 0.4], [3.5e-7] * 4, [-0.97, -0.91, -0.93, 0.5, 1e9], [1e200, -1e200]]
)
def test_a_mean_and_its_standard_error(values: list[float]) -> None:
    found = mean_of(values)
    assert found.value == pytest.approx(statistics.mean(values), rel=1e-14)
    assert found.standard_error == pytest.approx(statistics.stdev(values) / len(values) ** 0.5, rel=1e-12, abs=1e-20)


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_try_that_failed_has_no_mean_and_one_without_a_number_none_that_is_one(lost: float) -> None:
    assert mean_of([0.5, None, lost]) == Mean(None, None)
    found = mean_of([0.5, lost])
    assert found.value is not None
    assert math.isnan(found.value)
    assert found.standard_error is None


# --- steps --------------------------------------------------------------------------------------------------------------


def test_the_method_hears_of_a_configuration_when_all_its_tries_have_ended() -> None:
    configurations = tuple((number, Configuration(1, f"c{number}", "f")) for number in (1, 2))
    scheduler = TriesPlan(StoppingPlan(ListPlan(configurations, 2), 50, 1, 2), Tries(2)).scheduler()
    assert (scheduler.count, scheduler.iterations) == (4, 8)
    step = scheduler.start()
    assert [trial for trial, _ in step.trials] == [1, 2, 3, 4]
    assert [configuration.compile_params for _, configuration in step.trials] == ["c1", "c1", "c2", "c2"]
    first = Task(3, 1, 0, 1, {}, (2, 0, 2, 0), tries=(3, 4), is_part=True)
    assert step.tasks[2] == first
    assert scheduler.report(4, 0.5) == Step()
    following = scheduler.report(3, 0.3).tasks
    assert [(task.trial, task.offset, task.tries) for task in following] == [(3, 1, (3, 4)), (4, 1, (3, 4))]
    with pytest.raises(KeyError):
        scheduler.report(9, 0.1)


def test_a_configuration_one_of_whose_tries_failed_has_failed() -> None:
    scheduler = TriesPlan(HyperbandParams(2, 2, brackets=(1,)).plan(SPACE, 0, 2), Tries(2)).scheduler()
    scheduler.start()
    for trial, score in enumerate((0.1, None, 0.9, 0.8), 1):
        step = scheduler.report(trial, score)
    assert [task.trial for task in step.tasks] == [3, 4]


# --- decisions ----------------------------------------------------------------------------------------------------------


def task(trial: int, offset: int = 0) -> Task:
    tries = Tries(2).numbers((trial + 1) // 2)
    return Task(trial, 1, offset, turn=(tries[0], offset), tries=tries)


@pytest.mark.parametrize(
    ("limits", "scores", "reason", "taken"),
    [
        (Limits(), [0.5, 0.7, 0.2, 0.3, 0.9, 0.9], None, 3),
        (Limits(max_trials=4), [0.5, 0.7, 0.2, 0.3, 0.9, 0.9], Reason.MAX_TRIALS, 2),
        (Limits(target=0.25), [0.1, 0.7, 0.2, 0.3, 0.9, 0.9], Reason.TARGET, 2),  # the mean is to have it, not a try
        (Limits(patience=2), [0.5, 0.7, 0.1, None, 0.1, 2.0, 0.1, 0.1], Reason.PATIENCE, 3),
        (Limits(decisions=1), [0.5, 0.7, 0.2, 0.3], Reason.DECISIONS, 1),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_budgets_count_configurations(
    limits: Limits, scores: list[float | None], reason: Reason | None, taken: int, backwards: bool
) -> None:
    decisions, trials = Decisions(limits), range(1, len(scores) + 1)
    decisions.begin([task(trial) for trial in trials], None)
    for trial in reversed(trials) if backwards else trials:
        decisions.end(task(trial), scores[trial - 1], (), None)
    assert (decisions.ended_by, decisions.taken) == (reason, taken)


def test_what_retires_is_the_first_try_with_the_mean() -> None:
    decisions = Decisions(Limits())
    decisions.begin([task(1), task(2)], None)
    assert decisions.end(task(2), 0.25, (), None) == []
    assert decisions.end(task(1), 0.75, [task(1, 1), task(2, 1)], None) == [Retired(task(1), 0.5)]
    assert not decisions.complete
    assert decisions.end(task(1, 1), 0.75, (), None) == []
    assert decisions.end(task(2, 1), None, (), None) == [Retired(task(1, 1), None)]
    assert decisions.complete


# --- searches -----------------------------------------------------------------------------------------------------------


def searched(plan: Plan, sessions: int, seed: int, losses: Loss = loss, limits: Limits | None = None) -> ScheduledSearch:
    simulation = Simulation(LAYOUT, (None,) * sessions, restless_cost(seed))
    search = ScheduledSearch(plan.scheduler(), simulation, losses, decisions=Decisions(limits or Limits()))
    search.run()
    return search


def some_fail(trial: int, iteration: int) -> float | None:
    return None if trial % 11 == 4 else math.nan if trial % 17 == 9 else loss(trial, iteration)


@pytest.mark.parametrize("limits", [Limits(), Limits(decisions=8)], ids=["whole", "prefix"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_the_same_comes_of_any_timing(plan: Plan, limits: Limits) -> None:
    tried = TriesPlan(plan, THREE)
    found = [searched(tried, sessions, sessions, some_fail, limits) for sessions in (1, 3, 16)]
    assert len({repr((each.retired, each.decisions.ended_by, each.decisions.taken)) for each in found}) == 1
    if limits == Limits():
        assert len({repr((sorted(each.trials.items()), sorted(map(repr, each.ended)))) for each in found}) == 1
    else:
        assert repr(found[0].retired) == repr(searched(tried, 1, 3, some_fail).retired[:8])


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_it_is_the_search_of_configurations_that_have_the_means(plan: Plan) -> None:
    several = searched(TriesPlan(plan, THREE), 4, 1)

    def mean(configuration: int, iteration: int) -> float:
        return statistics.mean(loss(3 * configuration - before, iteration) for before in (2, 1, 0))

    single = searched(plan, 1, 2, mean)
    assert [(each.task.trial, each.task.offset) for each in several.retired] == [
        (3 * each.task.trial - 2, each.task.offset) for each in single.retired
    ]
    assert [each.score for each in several.retired] == pytest.approx([each.score for each in single.retired], rel=1e-14)
    assert several.trials == {
        3 * configuration - before: tried for configuration, tried in single.trials.items() for before in (2, 1, 0)
    }


def test_a_method_without_an_end_goes_on_with_configurations() -> None:
    scheduler = TriesPlan(AshaParams(4, 2).without_end().plan(SPACE, 1, 2), THREE).scheduler()
    scheduler.start()
    assert isinstance(scheduler, OpenEnded)
    assert [trial for trial, _ in scheduler.more().trials] == [1, 2, 3]
    assert scheduler.horizon is not None
    assert [trial for trial, _ in scheduler.more().trials] == [4, 5, 6]
