"""A run that a budget ends: what it delivers hangs on its decisions alone, they repeat it, and it can go on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from automl.errors import AutomlError, UsageError
from automl.search.budgets import Reason
from automl.search.methods import METHODS
from automl.search.scheduler import ListPlan, Plan
from automl.search.steering import Keep, Steering
from automl.search.tries import TriesPlan
from automl.training import run as under_test
from automl.training import standing
from automl.training.decided import Outside
from automl.training.rows import Standing
from automl.training.standing import Watch
from test_replay import ANYWHERE, CLUSTERS, FAILS, PARTITIONS, PLANS, SEED, SPACE, World, request_of

ENDLESS = METHODS["asha"].parse({"R": "4", "eta": "2"}).without_end()  # type: ignore[attr-defined]
ENDLESS_PLANS: dict[str, tuple[Plan, int | None]] = {
    "random": (ENDLESS.plan(SPACE, SEED, PARTITIONS), 1),
    "tpe": (replace(ENDLESS, sampler="tpe").plan(SPACE, SEED, PARTITIONS), None),
}
BUDGETS = {
    "decisions": Steering(decisions=8),
    "keep": Steering(decisions=8, keep=Keep.BEST),
    "max_trials": Steering(max_trials=4),
    "target": Steering(target=0.3),
    "patience": Steering(patience=3),
}


def world(plan: tuple[Plan, int | None], steering: Steering, seed: int, reaches: Any = ANYWHERE, memory: int = 2**20) -> World:
    return World(request_of(*plan, memory=memory, steering=steering), random.Random(seed), reaches, FAILS)


def ended(monkeypatch: pytest.MonkeyPatch, plan: Any, steering: Steering, seed: int = 1, **others: Any) -> World:
    made = world(plan, steering, seed, **others)
    assert made.go(monkeypatch)
    return made


@pytest.fixture(params=PLANS)
def plan(request: pytest.FixtureRequest) -> tuple[Plan, int | None]:
    return PLANS[request.param]


@pytest.mark.parametrize("steering", BUDGETS.values(), ids=BUDGETS.keys())
def test_what_is_delivered_hangs_on_the_decisions_alone(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], steering: Steering
) -> None:
    first = ended(monkeypatch, plan, steering)
    end = {key: first.record.run[key] for key in ("status", "decisions", "ended_by", "best_mst_key", "best_objective")}
    assert end["status"] == ("finished" if end["ended_by"] is None else "stopped")
    for seed, reaches in ((2, (None,)), (3, (None,) * 9), (4, CLUSTERS["Greenplum"])):
        again = ended(monkeypatch, plan, steering, seed, reaches=reaches, memory=1 if seed == 3 else 2**20)
        assert again.found.trials == first.found.trials
        assert {key: again.record.run[key] for key in end} == end
    if end["ended_by"] is not None:
        repeated = ended(monkeypatch, plan, Steering(decisions=end["decisions"], keep=steering.keep), 5)
        assert repeated.found.trials == first.found.trials


@pytest.mark.parametrize("steering", [BUDGETS["keep"], BUDGETS["max_trials"]], ids=["keep", "max_trials"])
@pytest.mark.parametrize("crash", [False, True], ids=["cancelled", "crashed"])
def test_it_delivers_the_same_wherever_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], steering: Steering, crash: bool
) -> None:
    whole = ended(monkeypatch, plan, steering)
    for stop in range(0, whole.visits, 9):
        stopped = world(plan, steering, stop, memory=1 if stop % 2 else 2**20)
        if stopped.go(monkeypatch, stop=stop, crash=crash):
            continue
        assert stopped.go(monkeypatch, resumed=True)
        assert stopped.found.trials == whole.found.trials
        assert stopped.record.run["decisions"] == whole.record.run["decisions"]


@pytest.mark.parametrize("keep", list(Keep))
def test_it_goes_on_to_what_it_would_have_become(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], keep: Keep
) -> None:
    whole = ended(monkeypatch, plan, Steering(keep=keep))
    for decisions in (5, 7, 9):
        stopped = ended(monkeypatch, plan, Steering(keep=keep, decisions=decisions), decisions)
        if stopped.record.run["status"] == "finished":
            continue
        assert stopped.record.checkpoints
        stopped.request = replace(stopped.request, steering=Steering(keep=keep))
        assert stopped.go(monkeypatch, resumed=True)
        assert stopped.found.trials == whole.found.trials
        assert stopped.record.run["status"] == "finished"
        assert stopped.record.curves == whole.record.curves
        assert {row["status"] for row in stopped.record.trials.values()} <= {"finished", "failed"}


@pytest.mark.parametrize("keep", list(Keep))
def test_what_is_delivered_is_what_the_record_ranks(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], keep: Keep
) -> None:
    for decisions in range(5, 9):
        made = ended(monkeypatch, plan, Steering(keep=keep, decisions=decisions), decisions, reaches=(None,) * 9)
        found: dict[int, Any] = made.found.trials
        curves = {number: curve for number, (_, _, curve, error, _) in found.items() if error is None}
        losses = {number: [each.validation[0] for each in curve] for number, curve in curves.items()}
        values = {number: min(each) if keep is Keep.BEST else each[-1] for number, each in losses.items()}
        rows = {number: row for (number,), row in made.record.trials.items()}
        assert {number: (rows[number]["status"], rows[number]["objective"]) for number in values} == {
            number: ("finished", value) for number, value in values.items()
        }
        failed, undecided = sorted({*found} - {*values}), sorted({*rows} - {*found})
        assert made.record.run["ranking"] == [*sorted(values, key=values.__getitem__), *failed, *undecided]
        assert {rows[number]["status"] for number in undecided} <= {"stopped", "failed"}


def test_a_trial_without_a_decision_may_have_the_best_value_and_one_that_was_decided_about_may_have_failed_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    better = failed = False
    for decisions in range(3, 9):
        made = ended(monkeypatch, PLANS["hyperband, often"], Steering(decisions=decisions), decisions, reaches=(None,) * 9)
        undecided = [row for (number,), row in made.record.trials.items() if number not in made.found.trials]
        best = made.record.run["best_objective"]
        better |= any(row["objective"] is not None and row["objective"] < best for row in undecided)
        failed |= any("failed" in line and "mst_key 1 " in line for line in made.said) and 1 in made.found.trials
    assert better
    assert failed


def stop_by(monkeypatch: pytest.MonkeyPatch, reason: Reason, looks: int) -> None:
    """Let a run be ended from outside when it has looked so often."""
    left = iter(range(looks))

    class Impatient(Outside):
        def look(self) -> Reason | None:
            return None if next(left, None) is not None else reason

    monkeypatch.setattr(under_test, "Outside", Impatient)


@pytest.mark.parametrize("plan", ENDLESS_PLANS.values(), ids=ENDLESS_PLANS.keys())
@pytest.mark.parametrize("reaches", [(None,), (None,) * 5, CLUSTERS["Greenplum"]], ids=["one", "five", "segments"])
def test_a_clock_says_how_many_decisions_are_taken_and_these_repeat_the_run(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], reaches: Sequence[frozenset[int] | None]
) -> None:
    with monkeypatch.context() as patched:
        stop_by(patched, Reason.MAX_TIME, 150)
        first = ended(patched, plan, Steering(max_time=60.0), 1, reaches=reaches)
    assert (first.record.run["status"], first.record.run["ended_by"]) == ("stopped", "max_time")
    taken = first.record.run["decisions"]
    assert taken > 8
    repeated = ended(monkeypatch, plan, Steering(max_time=60.0, decisions=taken), 2)
    assert repeated.found.trials == first.found.trials
    assert len(first.found.trials) < len(first.record.configurations)  # some had begun that nothing was decided about
    there = {number for (number,), row in first.record.trials.items() if row["status"] in ("finished", "failed")}
    assert set(first.found.trials) <= there <= {*first.found.trials, 1, 2}  # which may have failed by then
    with monkeypatch.context() as patched:
        stop_by(patched, Reason.STOP, 100)
        assert first.go(patched, resumed=True)
    assert (first.record.run["status"], first.record.run["ended_by"]) == ("stopped", "automl_stop")
    longer = ended(monkeypatch, plan, Steering(max_time=60.0, decisions=first.record.run["decisions"]), 3)
    assert first.record.run["decisions"] > taken
    assert longer.found.trials == first.found.trials


@pytest.mark.parametrize("reason", [Reason.MAX_TIME, Reason.STOP])
def test_time_that_is_over_at_once_waits_for_one_decision_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    hasty = world(ENDLESS_PLANS["random"], Steering(max_time=1.0), 1)
    hasty.request = replace(hasty.request, at_least_one=True)
    with monkeypatch.context() as patched:
        stop_by(patched, reason, 0)
        if reason is Reason.STOP:  # somebody who says so means now
            with pytest.raises(AutomlError, match="automl_stop has ended the search before its first trial"):
                hasty.go(patched)
            return
        assert hasty.go(patched)
    taken = hasty.record.run["decisions"]
    assert (1 <= taken < 10, hasty.record.run["ended_by"]) == (True, "max_time")
    repeated = ended(monkeypatch, ENDLESS_PLANS["random"], Steering(decisions=taken), 2)
    assert repeated.found.trials == hasty.found.trials


def test_what_has_ended_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ended(monkeypatch, PLANS["hyperband"], Steering(decisions=8)).said
    assert any(line.startswith("decisions=8 has ended the search after 0.0 s: 8 decisions about 8 config") for line in said)
    assert "SELECT madlib.automl_resume(1, 'max_time=10 min') goes on" in said


def test_a_budget_that_ends_before_the_first_decision_is_an_error_and_the_run_can_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = world(PLANS["listed"], Steering(max_time=60.0), 1)
    with (
        monkeypatch.context() as patched,
        pytest.raises(AutomlError, match=r"^max_time=60 s has ended the search before") as error,
    ):
        stop_by(patched, Reason.MAX_TIME, 3)
        made.go(patched)
    assert error.value.hint == "SELECT madlib.automl_resume(1, 'max_time=10 min') goes on where it was."
    assert made.record.run["status"] == "failed"
    assert made.go(monkeypatch, resumed=True)
    assert made.found.trials == ended(monkeypatch, PLANS["listed"], Steering()).found.trials


def test_no_decision_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ended(monkeypatch, PLANS["hyperband, often"], Steering(decisions=8))
    before = made.found.trials, dict(made.record.run)
    for steering, after, value in (
        (Steering(decisions=3), 3, 3),
        (Steering(max_trials=2), 2, 2),
        (Steering(target=0.9), 1, 0.9),
        (Steering(patience=1), 2, 1),
    ):
        made.request = replace(made.request, steering=steering)
        with pytest.raises(UsageError) as error:
            made.go(monkeypatch, resumed=True)
        (key,) = (each for each in ("decisions", "max_trials", "target", "patience") if getattr(steering, each) is not None)
        rule = f'"{key}" must lie beyond what the run has come to, which is 8 decisions: it would end after {after} of them'
        assert (error.value.message, error.value.hint) == (
            f"automl_params: {rule}, got {value}",
            "Leave it out, or give one that goes farther.",
        )
        assert dict(made.record.run) == before[1]
    made.request = replace(made.request, steering=Steering(decisions=8))
    assert made.go(monkeypatch, resumed=True)
    assert made.found.trials == before[0]


def test_no_decision_is_taken_back_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_EVERY", 0.0)  # seconds between two looks at how far it is
    monkeypatch.setattr(standing, "_SHARE", 0.0)
    made = world(PLANS["hyperband"], Steering(), 1)
    assert not made.go(monkeypatch, stop=80, crash=True)
    taken = made.record.run["decisions"]
    assert taken > 1
    made.request = replace(made.request, steering=Steering(decisions=1))
    with pytest.raises(UsageError, match=f"which is {taken} decisions: it would end after 1 of them"):
        made.go(monkeypatch, resumed=True)


# --- how far it is --------------------------------------------------------------------------------------------------------


def standings(monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], steering: Steering) -> list[Standing]:
    """Where a search stands whenever it looks."""
    found: list[Standing] = []

    class Watching(Watch):
        def standing(self, *given: Any, **named: Any) -> Standing:
            found.append(super().standing(*given, **named))
            return found[-1]

    monkeypatch.setattr(under_test, "Watch", Watching)
    monkeypatch.setattr(standing, "_EVERY", 0.0)
    monkeypatch.setattr(standing, "_SHARE", 0.0)
    ended(monkeypatch, plan, steering)
    return found


@pytest.mark.parametrize("steering", [Steering(), Steering(max_trials=4), Steering(folds=2)], ids=["whole", "some", "folds"])
def test_what_is_done_does_not_fall_and_is_never_more_than_there_will_be(
    monkeypatch: pytest.MonkeyPatch, plan: tuple[Plan, int | None], steering: Steering
) -> None:
    tried = plan[0] if steering.folds is None else TriesPlan(plan[0], steering.tries)
    if steering.max_trials is not None and isinstance(tried, ListPlan):
        pytest.skip("its trials have numbers of their own")
    found = standings(monkeypatch, (tried, plan[1]), steering)
    done = [each.done for each in found if each.done is not None]
    assert done == sorted(done)
    assert len(set(done)) > 3
    last = found[-1]
    assert last.done == last.trials == (4 if steering.max_trials else tried.planned_trials)


def test_of_a_search_without_an_end_nobody_says_how_many_there_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in ENDLESS_PLANS.values():
        found = standings(monkeypatch, plan, Steering(max_time=60.0, decisions=9))
        assert {each.trials for each in found} == {None}
        assert found[-1].share == 1.0
