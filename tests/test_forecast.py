"""Going through a plan before it runs: what takes part, what is decided, and what it comes to in seconds and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from automl.search.methods import METHODS
from automl.search.scheduler import ListPlan, Plan
from automl.search.steering import Keep, Steering, StopRule
from automl.search.stopping import StoppingPlan
from automl.search.tries import TriesPlan
from automl.training.forecast import Cost, Forecast, Part, Rehearsal
from automl.training.plan_rows import Memory, PlanRows, Writing
from automl.training.request import Request
from automl.training.states import INTERVAL
from automl.training.timing import Measured
from automl.training.writings import Writings
from test_ended import ENDLESS_PLANS
from test_replay import LISTED, PARTITIONS, SEED, SPACE, request_of

SECOND = Cost(
    compiling=0.0, tracing=0.0, visit=0.0, batch=1.0, row=0.0, evaluation=0.0, state=10, weights=3
)  # a stop that trains
MB = 2**20
ALONE: Sequence[frozenset[int] | None] = (None,)


def gone_through(
    method: str,
    params: str,
    steering: Steering = Steering(),  # noqa: B008  # it is frozen
    reaches: Sequence[frozenset[int] | None] = ALONE,
) -> Forecast:
    """What a plan comes to where a partition is one batch of a second."""
    return of_plan(METHODS[method].read(params)[0].plan(SPACE, SEED, PARTITIONS), steering, reaches)


def of_plan(
    plan: Plan,
    steering: Steering = Steering(),  # noqa: B008
    reaches: Sequence[frozenset[int] | None] = ALONE,
    frequency: int | None = None,
    most: int = 20_000,
) -> Forecast:
    request = request_of(plan, frequency, 2**20, steering=steering)
    return Rehearsal(request, reaches, lambda trial: SECOND, 8, Writings(MB, MB), most).forecast()


def at_its_pace(cost: Cost, *, trials: int = 1, writings: Writings | None = None) -> Forecast:
    """What trials come to on one session that make 20 training stops each, in iterations of two."""
    return going(request_of(ListPlan(LISTED[:trials], 10), None, 2**20), cost, writings)


def going(request: Request, cost: Cost, writings: Writings | None = None) -> Forecast:
    return Rehearsal(request, ALONE, lambda trial: cost, 8, writings or Writings(100 * MB, 36_000 * MB)).forecast()


def parts(found: Forecast) -> dict[tuple[int, ...], tuple[float, int, float]]:
    return {
        tuple(value for _, value in place): (part.trials, part.iterations, part.visits) for place, part in found.parts.items()
    }


def test_all_rungs_are_gone_through() -> None:
    found = gone_through("hyperband", "R=9, eta=3")
    assert parts(found) == {
        (2, 0): (9, 1, 18), (2, 1): (3, 3, 18), (2, 2): (1, 9, 18),
        (1, 0): (3, 3, 18), (1, 1): (1, 9, 18),
        (0, 0): (3, 9, 54),
    }  # fmt: skip
    assert (found.trials, found.iterations, found.visits, found.seconds) == (15, 72, 144, 144.0)
    assert (found.weights, found.states, found.latest, found.ended) == (15 * 3, 144 * 10, 15 * 10, False)
    assert found.written == found.states  # nobody makes two visits in a fifth of a second


def test_a_state_that_another_one_follows_at_once_is_not_written() -> None:
    found = at_its_pace(replace(SECOND, batch=0.03))
    assert found.single == found.states  # a visit makes one stop here
    assert (found.states, found.written) == (200, 40)  # within 0.6 seconds: after 0.03, 0.24 and 0.45, and at the end


def test_a_large_state_is_written_as_often_as_it_leaves_time_for_others() -> None:
    """A twentieth of the time is for writing, and a megabyte takes 12.5 ms; each second turn is for tidying."""
    assert (
        at_its_pace(replace(SECOND, state=16 * MB)).written == 6 * 16 * MB
    )  # after 1, 3, 8, 13 and 18 seconds, and at the end


def test_a_state_that_memory_does_not_hold_is_written_when_it_is_in_the_way() -> None:
    assert at_its_pace(SECOND, trials=3, writings=Writings(30, 0)).written == 0
    assert at_its_pace(SECOND, trials=3, writings=Writings(20, 0)).written == 600 - 50  # memory has two of the three at the end


def test_what_rests_is_written_while_nothing_comes() -> None:
    """A run that waits looks at its record each second, and has tidied by then."""
    assert at_its_pace(replace(SECOND, batch=60.0, state=12 * MB)).written == 20 * 12 * MB


def test_states_at_the_end_of_a_rung_are_kept_until_another_is_counted() -> None:
    """So a trial that goes on to the next rung has two, and memory holds fewer trials."""
    found = gone_through("hyperband", "R=9, eta=3")
    assert (found.latest, found.resting) == (150, 170)  # two trials at once


@pytest.mark.parametrize(("size", "steering"), [(1, Steering()), (300, Steering()), (30, Steering(keep=Keep.BEST))])
def test_no_more_is_written_than_is_told_at_most(size: int, steering: Steering) -> None:
    request = request_of(ListPlan(LISTED[:3], 10), 1, 2**20, steering=steering)
    for hourly in (0, 100 * MB, 36_000 * MB):
        found = going(request, replace(SECOND, state=size * MB), Writings(100 * MB, hourly))
        writing = Writing(hourly, 100 * MB)
        assert writing.at_least(found) <= found.written == writing.likely(found) <= writing.at_most(found), hourly


def test_what_is_written_when_a_rung_ends_comes_at_once() -> None:
    plan = METHODS["hyperband"].read("R=9, eta=3")[0].plan(SPACE, SEED, PARTITIONS)
    found = going(request_of(plan, None, 2**20), replace(SECOND, batch=0.0001))
    assert found.seconds < INTERVAL
    assert (found.states, found.written) == (220, 210)


def test_the_best_state_is_written_beside_the_latest() -> None:
    written = [
        going(request_of(ListPlan(LISTED[:1], 10), 1, 2**20, steering=Steering(keep=keep)), replace(SECOND, batch=0.04)).written
        for keep in (Keep.LAST, Keep.BEST)
    ]
    assert written == [50, 70]  # twice where a visit has ended in the middle of an iteration


def test_what_a_session_or_a_trial_does_first_takes_longer() -> None:
    """It compiles what trains with its first visit, what evaluates with the first that does, and begins a trial."""
    cost = replace(SECOND, compiling=100.0, tracing=50.0, beginning=7.0)
    assert at_its_pace(cost).seconds == 20 + 100 + 50 + 7


def test_sessions_share_it_and_wait_where_they_will() -> None:
    found = gone_through("hyperband", "R=9, eta=3", reaches=(None, None))
    assert found.visits == 144
    assert 72 <= found.seconds < 144


def test_as_many_trials_as_a_budget_admits() -> None:
    """As a run would: 3 of the 27 of the first bracket, to the end of their first round."""
    found = gone_through("hyperband", "R=27, eta=3", Steering(max_trials=3))
    assert parts(found) == {(3, 0): (3, 1, 6)}
    assert (found.trials, found.iterations, found.seconds, found.weights, found.ended) == (3, 3, 6.0, 9, True)


@pytest.mark.parametrize(("steering", "visits"), [(Steering(trials_per_config=2), 12), (Steering(folds=2), 6)])
def test_a_budget_counts_configurations_whatever_their_tries(steering: Steering, visits: int) -> None:
    plan = TriesPlan(METHODS["hyperband"].read("R=27, eta=3")[0].plan(SPACE, SEED, PARTITIONS), steering.tries)
    found = of_plan(plan, replace(steering, max_trials=3))
    assert parts(found) == {(3, 0): (6, 1, visits)}
    assert (found.trials, found.weights, found.ended) == (6, 18, True)


def test_trials_of_a_method_without_rungs_are_admitted_too() -> None:
    found = gone_through("hyperopt", "num_configs=9, num_iterations=2, algorithm=rand", Steering(max_trials=4), (None, None))
    assert (parts(found), found.ended) == ({(): (4, 2, 16)}, True)


def test_new_trials_of_a_method_that_has_more_are_admitted_too() -> None:
    found = gone_through("asha", "R=4, eta=2, num_configs=9", Steering(max_trials=4))
    assert found.parts[("i", 0),].trials == 4
    assert (found.trials, found.ended) == (4, True)


def test_a_budget_of_more_trials_than_there_are_ends_nothing() -> None:
    found = gone_through("hyperopt", "num_configs=4, num_iterations=1, algorithm=rand", Steering(max_trials=4))
    assert (found.trials, found.ended) == (4, False)


def test_it_goes_as_far_as_decisions_are_taken_in_the_order_of_the_plan() -> None:
    found = gone_through("hyperband", "R=9, eta=3", Steering(decisions=4))
    assert parts(found) == {(2, 0): (4, 1, 8)}  # without that order the longest ways would go first, of bracket 0
    assert (found.weights, found.latest, found.seconds, found.ended) == (12, 40, 8.0, True)


def test_what_is_under_way_when_it_ends_is_not_delivered() -> None:
    found = gone_through("hyperband", "R=9, eta=3", Steering(decisions=4), (None,) * 3)
    assert (found.trials, found.weights, found.latest) == (6, 12, 60)


def test_the_time_ends_it_unless_decisions_are_to() -> None:
    found = of_plan(ENDLESS_PLANS["random"][0], Steering(max_time=30.0))
    assert (found.seconds, found.visits, found.ended) == (30.0, 29, True)  # the thirtieth comes when the time is over
    assert gone_through("hyperband", "R=9, eta=3", Steering(max_time=5.0, decisions=4)).seconds == 8.0


@pytest.mark.parametrize("steering", [Steering(target=0.0), Steering(patience=1)])
def test_what_hangs_on_losses_ends_nothing(steering: Steering) -> None:
    assert gone_through("hyperopt", "num_configs=4, num_iterations=2, algorithm=rand", steering).visits == 16


def test_a_trial_whose_task_is_made_in_parts_counts_once() -> None:
    plan = StoppingPlan(ListPlan(LISTED, 5), 50, 1, PARTITIONS)  # with four nobody is ended
    assert parts(of_plan(plan, Steering(stop=StopRule(50)), frequency=1)) == {(): (4, 5, 40)}


def test_some_are_ended_as_chance_has_it() -> None:
    plan = StoppingPlan(METHODS["hyperopt"].read("num_configs=20, num_iterations=4, algorithm=rand")[0]
                        .plan(SPACE, SEED, PARTITIONS), 50, 1, PARTITIONS)  # fmt: skip
    found = of_plan(plan, Steering(stop=StopRule(50)), frequency=1)
    assert parts(found) == {(): (20, 4, found.visits)}
    assert found.visits == 2 * found.iterations
    assert 20 < found.iterations < 60


def test_what_is_not_gone_through_is_like_the_rest() -> None:
    found = of_plan(ListPlan(LISTED, 5), most=24)
    assert (found.trials, found.iterations, found.visits, found.seconds, found.ended) == (4, 20, 40, 40.0, False)
    found = gone_through_a_while(Steering(max_time=300.0))
    assert (found.seconds, found.visits, found.ended) == (300.0, 300, True)
    found = gone_through_a_while(Steering(max_trials=20))
    assert found.trials == 20
    assert found.ended


def gone_through_a_while(steering: Steering) -> Forecast:
    plan = METHODS["hyperopt"].read("num_configs=100, num_iterations=3, algorithm=rand")[0].plan(SPACE, SEED, PARTITIONS)
    return of_plan(plan, steering, most=30)


# --- rows ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "latest", "ended", "figures"),
    [
        (0.5 * MB, 0.25 * MB, False, (0.0, 0.25, 1.0)),
        (900 * MB, 1.0 * MB, False, (0.0, 23.0, 23.0)),  # a tenth of an hour's, and what was saved up
        (900 * MB, 4.0 * MB, True, (4.0, 27.0, 27.0)),
        (900 * MB, 400.0 * MB, False, (0.0, 450.0, 1800.0)),
        (900 * MB, 400.0 * MB, True, (400.0, 450.0, 1800.0)),
    ],
)
def test_what_is_written_of_states(states: float, latest: float, ended: bool, figures: tuple[float, ...]) -> None:
    writing = Writing(hourly=100 * MB, memory=100 * MB)
    found = Forecast(
        seconds=360.0, states=states, single=2 * states, written=states / 2, latest=latest, resting=latest, ended=ended
    )
    each = (writing.at_least(found), writing.likely(found), writing.at_most(found))
    assert [value / MB for value in each] == pytest.approx(figures)


def took(memory: int, grown: int) -> Measured:
    return Measured(SECOND, 1.0, 1.0, memory, memory - 1, grown)


def test_a_session_takes_what_one_program_does_up_to_all_of_them() -> None:
    memory = Memory(imported=500, found=[took(560, 60), took(590, 30), took(570, 70)], programs=5, cached=7)
    assert (memory.at_least, memory.likely, memory.at_most) == (559, 590, 500 + 60 + 30 + 70 + 2 * 70 + 7)


def test_the_rows_have_a_range_for_each_figure() -> None:
    place = (("i", 0),)
    fast, middle, slow = (
        Forecast({place: Part(6, 2, 24, seconds)}, seconds / 2, 6, 12, weights, 5.0, 5.0, 5.0, latest=2.0, ended=True)
        for seconds, weights in ((30.0, 9.0), (40.0, 8.0), (50.0, 7.0))
    )
    plan = PlanRows(10.0, fast, middle, slow, 2, Writing(0, 100), Memory(500, [took(560, 60)], 1, 0))
    start, part, whole = plan.rows
    assert {key: value for key, value in start.items() if value is not None} == {
        "part": "start", "seconds": 10.0, "at_least": 7.5, "at_most": 12.5
    }  # fmt: skip
    assert {key: value for key, value in part.items() if value is not None} == {
        "part": "i=0", "trials": 6, "iterations": 2, "visits": 24, "seconds": 20.0, "at_least": 15.0, "at_most": 25.0
    }  # fmt: skip
    assert whole == {
        "part": "all", "trials": 6, "iterations": 12, "visits": 24,
        "seconds": pytest.approx(30.0), "at_least": pytest.approx(22.5), "at_most": pytest.approx(37.5),
        "bytes": 13, "bytes_at_least": 9, "bytes_at_most": 14, "memory_mb": 560, "memory_mb_at_least": 559,
        "memory_mb_at_most": 560,
    }  # fmt: skip
