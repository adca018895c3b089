"""Decisions in the order of the plan, and what ends them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from automl.errors import UsageError
from automl.search.budgets import Decisions, Limits, Reason
from automl.search.directions import Direction
from automl.search.objective import require_reachable, resolve
from automl.search.parameters import CompileParams
from automl.search.retirement import Retired
from automl.search.scheduler import Plan, Task
from automl.search.steering import Wanted
from simulated import ScheduledSearch, Simulation, restless_cost
from simulated_plans import LAYOUT, PLANS, loss


def task(trial: int) -> Task:
    return Task(trial, 1)


def decided(limits: Limits, scores: list[float | None], order: list[int] | None = None) -> Decisions:
    """Trials with one task each that end in an order."""
    decisions = Decisions(limits)
    decisions.begin([task(trial) for trial in range(1, len(scores) + 1)], None)
    for trial in order or range(1, len(scores) + 1):
        decisions.end(task(trial), scores[trial - 1], (), None)
    return decisions


def test_tasks_retire_in_their_order_and_those_behind_an_open_one_wait() -> None:
    decisions = Decisions(Limits())
    decisions.begin([task(1), task(2), task(3)], None)
    assert decisions.end(task(3), 0.3, (), None) == []
    assert decisions.end(task(1), 0.1, (), None) == [Retired(task(1), 0.1)]
    assert (decisions.taken, decisions.complete) == (1, False)
    assert decisions.end(task(2), None, (), None) == [Retired(task(2), None), Retired(task(3), 0.3)]
    assert (decisions.taken, decisions.complete, decisions.ended_by) == (3, True, None)


def test_what_follows_retires_before_what_stands_behind_it() -> None:
    first, second, follow = Task(1, 1, turn=(1,)), Task(2, 1, turn=(4,)), Task(1, 2, 1, turn=(3,))
    decisions = Decisions(Limits())
    decisions.begin([first, second], None)
    assert decisions.end(second, 0.2, (), None) == []
    assert decisions.end(first, 0.1, [follow], None) == [Retired(first, 0.1)]
    assert decisions.end(follow, 0.1, (), None) == [Retired(follow, 0.1), Retired(second, 0.2)]


def test_nothing_retires_before_a_trial_that_could_have_begun() -> None:
    late = Task(1, 1, turn=(9,))
    decisions = Decisions(Limits())
    decisions.begin([late], (5,))
    assert decisions.end(late, 0.1, (), (5,)) == []
    assert decisions.begin([Task(2, 1, turn=(5,))], (12,)) == []
    assert decisions.end(Task(2, 1, turn=(5,)), 0.2, (), (12,)) == [Retired(Task(2, 1, turn=(5,)), 0.2), Retired(late, 0.1)]


NAN = float("nan")


@pytest.mark.parametrize(
    ("limits", "scores", "reason", "taken"),
    [
        (Limits(), [0.5, 0.4, 0.3], None, 3),
        (Limits(max_trials=2), [0.5, 0.4, 0.3], Reason.MAX_TRIALS, 2),
        (Limits(max_trials=3), [0.5, 0.4, 0.3], None, 3),
        (Limits(target=0.4), [0.5, 0.4, 0.3], Reason.TARGET, 2),
        (Limits(target=-0.9), [-0.5, -0.95, -0.3], Reason.TARGET, 2),
        (Limits(target=0.1), [0.5, NAN, None], None, 3),
        (Limits(patience=2), [0.5, 0.4, 0.4, 0.6, 0.1], Reason.PATIENCE, 4),
        (Limits(patience=2), [0.5, 0.6, 0.4, 0.6, None, 0.1], Reason.PATIENCE, 5),
        (Limits(patience=2), [None, NAN, 0.1], None, 3),
        (Limits(decisions=2), [0.5, 0.4, 0.3], Reason.DECISIONS, 2),
        (Limits(decisions=9), [0.5, 0.4, 0.3], None, 3),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_what_ends_the_decisions(
    limits: Limits, scores: list[float | None], reason: Reason | None, taken: int, backwards: bool
) -> None:
    order = list(range(len(scores), 0, -1)) if backwards else None
    decisions = decided(limits, scores, order)
    assert (decisions.ended_by, decisions.taken) == (reason, taken)


def test_patience_counts_trials_and_not_their_tasks() -> None:
    decisions = Decisions(Limits(patience=2))
    tasks = [Task(1, 1), *(Task(2, 1, offset) for offset in range(5))]
    decisions.begin(tasks, None)
    for each in tasks:
        decisions.end(each, 0.5, (), None)
    assert (decisions.taken, decisions.ended_by) == (6, None)


def require(target: float, wanted: str, loss: str = "mse", functions: tuple[str, ...] = ()) -> None:
    """Ask for a target of an objective, which is a metric or `loss`, perhaps behind its direction."""
    before, colon, behind = wanted.partition(":")
    name = behind if colon else before
    metrics = () if name == "loss" else (name,)
    compiled = [CompileParams("Adam", {}, loss, metrics)]
    direction = Direction(before) if colon else None
    require_reachable(target, resolve(Wanted(name, direction), compiled, "training"), compiled, functions)


@pytest.mark.parametrize(
    ("target", "wanted", "rule"),
    [
        (90.0, "accuracy", "above 0 and at most 1 for accuracy"),
        (0.0, "AUC(curve='PR')", "above 0 and at most 1 for AUC(curve='PR')"),
        (1.5, "min:accuracy", "at least 0 and below 1 for accuracy"),
        (90.0, "r2_score", "at most 1 for r2_score"),
        (5.0, "CosineSimilarity", "above -1 and at most 1 for CosineSimilarity"),
        (-1.0, "mae", "at least 0 for mae"),
        (-0.5, "loss", "at least 0 for loss"),
        (-1.0, "FalseNegatives", "at least 0 for FalseNegatives"),
        (0.0, "TruePositives", "above 0 for TruePositives"),
        (0.0, "max:loss", "above 0 for loss"),
    ],
)
def test_a_target_that_can_never_be_reached_or_always_is_refused(target: float, wanted: str, rule: str) -> None:
    with pytest.raises(UsageError) as error:
        require(target, wanted)
    assert error.value.message == f'automl_params: "target" must be {rule}, got {target}'
    hints = {
        (90.0, "accuracy"): "It is a share: 0.9 for 90 percent.",
        (1.5, "min:accuracy"): "It is a share: 0.015 for 1.5 percent.",
    }
    assert error.value.hint == hints.get((target, wanted))


@pytest.mark.parametrize(
    ("target", "wanted", "others"),
    [
        (1.0, "Recall", {}),
        (0.0, "min:accuracy", {}),
        (90.0, "TruePositives", {}),
        (-3.0, "r2_score", {}),
        (0.0, "mae", {}),
        (2.5, "loss", {}),
        (-0.5, "loss", {"loss": "poisson"}),
        (-0.5, "loss", {"loss": "cosine_similarity"}),
        (-0.5, "KLDivergence", {}),
        (90.0, "max:revenue", {"functions": ("revenue",)}),
        (90.0, "max:accuracy", {"functions": ("accuracy",)}),  # somebody else's
        (-0.5, "loss", {"loss": "gain", "functions": ("gain",)}),
    ],
)
def test_a_target_that_can_be_reached_is_none_of_ours(target: float, wanted: str, others: dict[str, Any]) -> None:
    require(target, wanted, **others)


@pytest.mark.parametrize(("factor", "reachable"), [(1.0, False), (0.5, False), (-1.0, True)])
def test_the_factor_of_a_loss_turns_its_range(factor: float, reachable: bool) -> None:
    compiled = [CompileParams("Adam", {}, "mse", loss_weights=factor)]
    with nullcontext() if reachable else pytest.raises(UsageError, match="must be at least 0 for loss"):
        require_reachable(-0.5, resolve(Wanted(), compiled, "training"), compiled)


# --- searches -----------------------------------------------------------------------------------------------------------


def retired(plan: Plan, sessions: int, seed: int, limits: Limits) -> tuple[list[Retired], Decisions]:
    """What a simulated search has decided."""
    simulation = Simulation(LAYOUT, (None,) * sessions, restless_cost(seed))
    search = ScheduledSearch(plan.scheduler(), simulation, loss, decisions=Decisions(limits))
    search.run()
    return search.retired, search.decisions


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize(
    "limits", [Limits(), Limits(max_trials=5), Limits(target=0.3), Limits(patience=3), Limits(decisions=7)], ids=repr
)
def test_the_same_is_decided_on_any_number_of_sessions(plan: Plan, limits: Limits) -> None:
    whole, _ = retired(plan, 1, 0, Limits())
    alone, decisions = retired(plan, 1, 1, limits)
    assert whole[: len(alone)] == alone
    for sessions, seed in ((2, 2), (64, 3)):
        found, others = retired(plan, sessions, seed, limits)
        assert found == alone
        assert (others.taken, others.ended_by) == (decisions.taken, decisions.ended_by)


def test_hyperband_decides_bracket_after_bracket() -> None:
    found, _ = retired(PLANS["hyperband"], 3, 1, Limits())
    places = [(each.task.place["s"], each.task.place["i"]) for each in found]
    assert places == [(2, 0)] * 9 + [(2, 1)] * 3 + [(2, 2)] + [(1, 0)] * 3 + [(1, 1)] + [(0, 0)] * 3


def test_as_many_trials_as_the_first_bracket_has_are_tried_to_its_end() -> None:
    found, decisions = retired(PLANS["hyperband"], 3, 1, Limits(max_trials=9))
    assert (len(found), decisions.ended_by) == (13, Reason.MAX_TRIALS)
