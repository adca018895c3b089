"""Who visits what next, on a simulated cluster and clock: the order of stops, losses, failures, urgency and utilisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from automl.cluster.hopper import Hopper, Layout, Leg, Visit, tour
from automl.search.hyperband import HyperbandParams
from keras_seg.protocol.orders import EvaluationStop, Stop, TrainingStop
from simulated import Reaches, Search, Simulation, random_cost, restless_cost

ONE_DATASET = Layout((("training", 3),))
TWO_DATASETS = Layout((("training", 3), ("validation", 2)))
PAIR = Layout((("training", 2), ("validation", 2)))
EVERYWHERE = None  # what a session of PostgreSQL reaches


def segments(partitions: int) -> Reaches:
    """What the sessions of Greenplum reach: each a partition."""
    return [frozenset((partition,)) for partition in range(partitions)]


# The clusters that make a search of three partitions, or of two, come to the same end.
CLUSTERS = {**{f"{count} sessions": [EVERYWHERE] * count for count in (1, 2, 4, 8)}, "Greenplum": segments(3)}
any_cluster = pytest.mark.parametrize("reaches", CLUSTERS.values(), ids=CLUSTERS.keys())


def leg(
    trial: int, iterations: int = 1, *, first: int = 1, program: str = "p", iterations_after: int = 0, frequency: int = 0
) -> Leg:
    """A leg that is evaluated at its end, or every `frequency` iterations as well."""
    last = first + iterations - 1
    every = range(first + frequency - 1, last, frequency) if frequency else ()
    return Leg(trial, program, first, iterations, frozenset((*every, last)), iterations_after)


def written(visits: list[Visit]) -> str:
    """Visits as text, a bar between two. Training is t, evaluation of the training data e, of the validation data v."""
    letters = {"training": "e", "validation": "v"}

    def stop(each: Stop) -> str:
        letter = letters[each.dataset] if isinstance(each, EvaluationStop) else "t"
        return f"{each.iteration}{letter}{each.partition}{'.' if each.last else ''}"

    return " | ".join(" ".join(map(stop, visit.stops)) for visit in visits)


# --- the order of stops -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trial", "stops"),
    [
        (1, "1t0 1t1 1t2. 1e0 1v0 1e1 1v1. 1e2."),
        (2, "1t1 1t2 1t0. 1e0 1v0 1e1 1v1. 1e2."),
        (3, "1t2 1t0 1t1. 1e0 1v0 1e1 1v1. 1e2."),
        (4, "1t0 1t1 1t2. 1e0 1v0 1e1 1v1. 1e2."),
        (11, "1t1 1t2 1t0. 1e0 1v0 1e1 1v1. 1e2."),
    ],
)
def test_a_trial_begins_where_its_number_says_and_evaluates_last(trial: int, stops: str) -> None:
    assert written([Visit(trial, tuple(tour(TWO_DATASETS, leg(trial))))]) == stops


def test_only_the_iterations_asked_for_are_evaluated() -> None:
    stops = tuple(tour(ONE_DATASET, Leg(2, "p", 5, 3, frozenset((6, 7)))))
    assert written([Visit(2, stops)]) == "5t1 5t2 5t0. 6t1 6t2 6t0. 6e0 6e1 6e2. 7t1 7t2 7t0. 7e0 7e1 7e2."


@pytest.mark.parametrize(
    ("trial", "held_out", "stops"),
    [
        (2, {1, 3}, "1t2 1t4 1t0. 1e0 1v1 1e2 1v3. 1e4."),
        (3, {1, 3}, "1t4 1t0 1t2. 1e0 1v1 1e2 1v3. 1e4."),
        (2, {0, 2, 4}, "1t3 1t1. 1v0 1e1 1v2 1e3. 1v4."),
    ],
)
def test_what_a_trial_holds_out_it_does_not_train_on_and_is_validated_by(trial: int, held_out: set[int], stops: str) -> None:
    both = Layout((("training", 5), ("validation", 5)))
    of_fold = replace(leg(trial), held_out=frozenset(held_out))
    assert written([Visit(trial, tuple(tour(both, of_fold)))]) == stops
    assert of_fold.stops(both) == len(stops.split())


def test_one_partition() -> None:
    stops = tuple(tour(Layout((("training", 1), ("validation", 1))), leg(7, 2)))
    assert written([Visit(7, stops)]) == "1t0. 2t0. 2e0. 2v0."


def alone(layout: Layout, reaches: Reaches, *legs: Leg) -> Simulation:
    """A simulation of these legs, at its end."""
    simulation = Simulation(layout, reaches)
    simulation.run(legs)
    return simulation


def test_postgresql_a_visit_is_one_training_stop_and_the_evaluation_behind_it() -> None:
    simulation = alone(TWO_DATASETS, [EVERYWHERE], leg(2, 2, frequency=1))
    assert written(simulation.visits(2)) == ("1t1 | 1t2 | 1t0. 1e0 1v0 1e1 1v1. 1e2. | 2t1 | 2t2 | 2t0. 2e0 2v0 2e1 2v1. 2e2.")


def test_greenplum_a_session_makes_the_stops_of_its_partition() -> None:
    simulation = alone(TWO_DATASETS, [frozenset((p,)) for p in range(3)], leg(2))
    assert written(simulation.visits(2)) == "1t1 | 1t2 | 1t0. 1e0 1v0 | 1e1 1v1. | 1e2."
    assert [event.session for event in simulation.past] == [1, 2, 0, 1, 2]


def test_sessions_only_get_what_they_reach() -> None:
    reaches = [frozenset((0, 1)), frozenset((2,)), frozenset((0,))]
    simulation = alone(TWO_DATASETS, reaches, *(leg(trial, 3) for trial in range(1, 8)))
    assert all(stop.partition in reaches[event.session] for event in simulation.past for stop in event.visit.stops)


def test_nobody_visits_a_partition_twice_in_an_iteration() -> None:
    simulation = Simulation(PAIR, [EVERYWHERE] * 3, restless_cost(1))
    simulation.run(leg(trial, 4, frequency=2) for trial in range(1, 10))
    stops = Counter((event.visit.trial, stop) for event in simulation.past for stop in event.visit.stops)
    assert set(stops.values()) == {1}
    assert len(stops) == 9 * (4 * 2 + 2 * 4)


def test_a_trial_is_in_one_place_at_a_time() -> None:
    simulation = Simulation(PAIR, [EVERYWHERE] * 4, restless_cost(2))
    simulation.run(leg(trial, 5) for trial in range(1, 7))
    for trial in range(1, 7):
        own = sorted((event.begin, event.end) for event in simulation.past if event.visit.trial == trial)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(own))


def test_nobody_waits_while_there_is_something_to_do() -> None:
    hopper = Hopper(PAIR, [EVERYWHERE] * 3)
    for trial in (1, 2):
        hopper.add(leg(trial))
    assert [visit and visit.trial for visit in map(hopper.next_visit, (0, 1, 2))] == [1, 2, None]
    assert hopper.arrived(1, 0.1) is False
    assert hopper.next_visit(2) == Visit(2, (TrainingStop(1, 0, True), *tour_of_evaluation()))
    assert hopper.arrived(2, 0.1) is True
    assert hopper.busy


def tour_of_evaluation() -> tuple[Stop, ...]:
    return tuple(
        EvaluationStop(1, partition, name, partition == 1) for partition in (0, 1) for name in ("training", "validation")
    )


# --- the same for any cluster -------------------------------------------------------------------------------------------


def every_stop(simulation: Simulation, trials: int) -> list[str]:
    return [written(simulation.visits(trial)).replace(" | ", " ") for trial in range(1, trials + 1)]


@any_cluster
@pytest.mark.parametrize("seed", range(5))
def test_the_stops_of_a_trial_do_not_depend_on_sessions_and_clock(reaches: Reaches, seed: int) -> None:
    one = Simulation(TWO_DATASETS, [EVERYWHERE])
    one.run(leg(trial, 3, frequency=2) for trial in range(1, 14))
    other = Simulation(TWO_DATASETS, reaches, restless_cost(seed))
    other.run(leg(trial, 3, frequency=2) for trial in range(1, 14))
    assert every_stop(other, 13) == every_stop(one, 13)


@pytest.mark.parametrize("sessions_a_segment", [1, 2, 4])
def test_the_stops_of_a_trial_do_not_depend_on_where_sessions_reach(sessions_a_segment: int) -> None:
    reaches = [frozenset((partition,)) for partition in range(3)] * sessions_a_segment
    segments = Simulation(TWO_DATASETS, reaches, restless_cost(3))
    segments.run(leg(trial, 2) for trial in range(1, 8))
    for trial in range(1, 8):
        stops = [stop for visit in segments.visits(trial) for stop in visit.stops]
        assert stops == list(tour(TWO_DATASETS, leg(trial, 2)))


def in_a_moment(visit: Visit) -> float:
    return 0.006 * len(visit.stops)


def test_stops_that_take_a_moment_are_made_together_as_soon_as_that_is_known() -> None:
    one = Simulation(ONE_DATASET, [EVERYWHERE], in_a_moment)
    one.run([leg(1, 3)])
    assert written(one.visits(1)) == "1t0 | 1t1 | 1t2. 2t0 2t1 | 2t2. 3t0 3t1 | 3t2. 3e0 3e1 3e2."


def test_a_visit_ends_with_an_evaluation_for_it_may_end_the_trial() -> None:
    one = Simulation(PAIR, [EVERYWHERE], in_a_moment)
    one.run([leg(1, 3, frequency=1)])
    assert [visit.training_stops for visit in one.visits(1)] == [1, 1, 2, 2]
    assert [visit.stops[-1].iteration for visit in one.visits(1)] == [1, 1, 2, 3]


def test_where_sessions_reach_a_partition_each_a_visit_has_one_stop_that_trains() -> None:
    two = Simulation(Layout((("training", 2),)), segments(2), in_a_moment)
    two.run([leg(1, 5)])
    assert max(visit.training_stops for visit in two.visits(1)) == 1


@pytest.mark.parametrize("seconds", [0.0, 1e-6, 0.001, 0.006, 0.1])
def test_however_many_stops_a_visit_has_each_is_made_once_in_its_order(seconds: float) -> None:
    quick = Simulation(TWO_DATASETS, [EVERYWHERE] * 2, lambda visit: seconds * len(visit.stops))
    quick.run(leg(trial, 40, frequency=7) for trial in range(1, 6))
    for trial in range(1, 6):
        stops = [stop for visit in quick.visits(trial) for stop in visit.stops]
        assert stops == list(tour(TWO_DATASETS, leg(trial, 40, frequency=7)))


BEST_FIRST = (9, 1, 5, 4, 3, 7, 6, 2, 8, 12, 11, 10, 13, 14, 15)


def quality(trial: int, iteration: int) -> float:
    """The loss of a trial: its place in `BEST_FIRST`, but trial 5 is better than all others from iteration 4 on."""
    return -1.0 if trial == 5 and iteration >= 4 else float(BEST_FIRST.index(trial))


def searched(reaches: Reaches, seed: int, **simulated: Any) -> Search:
    simulation = Simulation(PAIR, reaches, restless_cost(seed), **simulated)
    search = Search(HyperbandParams(9, 3, 0), simulation, quality)
    search.run()
    return search


@any_cluster
@pytest.mark.parametrize("seed", range(3))
def test_a_search_ends_the_same_on_any_cluster(reaches: Reaches, seed: int) -> None:
    search = searched(reaches, seed)
    assert {(rung.bracket, rung.round): ranking for rung, ranking in search.finished} == {
        (2, 0): (9, 1, 5, 4, 3, 7, 6, 2, 8),
        (2, 1): (5, 9, 1),
        (2, 2): (5,),
        (1, 0): (12, 11, 10),
        (1, 1): (12,),
        (0, 0): (13, 14, 15),
    }
    # bracket 2 trains 9 * 1 + 3 * 3 + 1 * 9, bracket 1 3 * 3 + 1 * 9, bracket 0 3 * 9 iterations of two partitions
    assert sum(event.visit.training_stops for event in search.simulation.past) == 2 * (27 + 18 + 27)


def test_a_large_search_is_simulated_to_its_end() -> None:
    simulation = Simulation(PAIR, [EVERYWHERE] * 8, random_cost(1))
    Search(HyperbandParams(81, 3, 0), simulation, lambda trial, iteration: 1 / (trial + iteration)).run()
    iterations = (81 + 27 * 3 + 9 * 9 + 3 * 27 + 81) + (27 * 3 + 9 * 9 + 3 * 27 + 81) + (9 * 9 + 3 * 27 + 81)
    iterations += (6 * 27 + 2 * 81) + 5 * 81
    assert sum(event.visit.training_stops for event in simulation.past) == 2 * iterations


# --- what dies and what fails -------------------------------------------------------------------------------------------


@any_cluster
def test_a_lost_visit_is_made_again_exactly_once(reaches: Reaches) -> None:
    dies = frozenset((0, 5, 8, 17))  # a visit that is lost three times would end its trial
    lossy = Simulation(TWO_DATASETS, reaches, restless_cost(4), dies)
    lossy.run(leg(trial, 2) for trial in range(1, 6))
    whole = Simulation(TWO_DATASETS, [EVERYWHERE])
    whole.run(leg(trial, 2) for trial in range(1, 6))
    lost = [event.visit for event in lossy.past if event.how == "lost"]
    assert len(lost) == 4
    assert every_stop(lossy, 5) == every_stop(whole, 5)


def test_any_session_makes_a_lost_visit_again() -> None:
    hopper = Hopper(PAIR, [EVERYWHERE] * 3)
    hopper.add(leg(1, 3))
    first = hopper.next_visit(0)
    hopper.lost(0)
    assert hopper.next_visit(2) == first
    assert hopper.next_visit(0) is None
    hopper.arrived(2, 1.0)
    assert hopper.next_visit(1) is not None


def test_the_last_visit_of_a_leg_can_be_lost_twice() -> None:
    hopper = Hopper(Layout((("training", 1),)), [EVERYWHERE] * 2)
    hopper.add(leg(1))
    only = hopper.next_visit(0)
    hopper.lost(0)
    assert hopper.next_visit(1) == only
    hopper.lost(1)
    assert hopper.next_visit(0) == only
    assert hopper.arrived(0, 1.0) is True
    assert not hopper.busy


def test_a_session_that_dies_idle_loses_nothing() -> None:
    hopper = Hopper(PAIR, [EVERYWHERE] * 2)
    hopper.add(leg(1))
    hopper.lost(1)
    assert written([hopper.next_visit(0) or Visit(0, ())]) == "1t0"
    assert hopper.next_visit(1) is None


@pytest.mark.parametrize("sessions", [1, 2, 4, 8])
def test_a_search_ends_the_same_though_sessions_die(sessions: int) -> None:
    search = searched([EVERYWHERE] * sessions, 5, dies=frozenset(range(0, 120, 7)))
    assert len([event for event in search.simulation.past if event.how == "lost"]) == 18
    assert sorted(search.finished, key=str) == sorted(searched([EVERYWHERE], 6).finished, key=str)


def test_a_trial_that_fails_goes_no_further() -> None:
    simulation = Simulation(PAIR, [EVERYWHERE] * 2, fails=frozenset((2,)))
    simulation.run(leg(trial, 3) for trial in (1, 2, 3))
    assert [event.how for event in simulation.past if event.visit.trial == 2] == ["failed"]
    assert simulation.visits(2) == []
    assert [len(simulation.visits(trial)) for trial in (1, 3)] == [6, 6]


def test_failed_trials_of_a_search_are_last_and_the_rest_goes_on() -> None:
    search = searched([EVERYWHERE] * 4, 7, fails=frozenset((9, 12)))
    ranked = {(rung.bracket, rung.round): ranking for rung, ranking in search.finished}
    assert ranked[2, 0] == (1, 5, 4, 3, 7, 6, 2, 8, 9)
    assert ranked[2, 1] == (5, 1, 4)
    assert ranked[1, 1] == (11,)


# --- who goes first -----------------------------------------------------------------------------------------------------


def order_of(*legs: Leg) -> list[int]:
    """The trials of the first visits that sessions get, one session after the other."""
    hopper = Hopper(PAIR, [EVERYWHERE] * len(legs))
    for each in legs:
        hopper.add(each)
    return [visit.trial for visit in map(hopper.next_visit, range(len(legs))) if visit is not None]


@pytest.mark.parametrize(
    ("legs", "order"),
    [
        ((leg(1, 1), leg(2, 9), leg(3, 3)), [2, 3, 1]),
        ((leg(1, 1, iterations_after=12), leg(2, 9), leg(3, 3, iterations_after=9)), [1, 3, 2]),
        ((leg(3, 2), leg(2, 2), leg(1, 2)), [1, 2, 3]),
        ((leg(1, 2), leg(2, 2, frequency=1)), [2, 1]),
    ],
    ids=["longest", "with what is ahead", "ties by number", "evaluation counts"],
)
def test_the_longest_way_goes_first(legs: tuple[Leg, ...], order: list[int]) -> None:
    assert order_of(*legs) == order


def test_slow_programs_go_first() -> None:
    hopper = Hopper(PAIR, [EVERYWHERE] * 2)
    for trial, program in ((1, "fast"), (2, "slow")):
        hopper.add(leg(trial, 9, program=program))
    hopper.next_visit(0)
    hopper.next_visit(1)
    hopper.arrived(0, 0.1)
    hopper.arrived(1, 10.0)
    visit = hopper.next_visit(0)
    assert visit is not None and visit.trial == 2


def warm_pair() -> Hopper:
    """A hopper whose session 0 has compiled "a" and whose session 1 has compiled "b"; trials 1 and 2 have as far to go."""
    hopper = Hopper(PAIR, [EVERYWHERE] * 2)
    for trial, program in ((1, "a"), (2, "b")):
        hopper.add(leg(trial, 4, program=program))
    for session in (0, 1):
        hopper.next_visit(session)
    for session in (0, 1):
        hopper.arrived(session, 0.01)
    return hopper


def test_a_session_prefers_a_program_that_it_has_compiled() -> None:
    hopper = warm_pair()
    second = hopper.next_visit(1)
    first = hopper.next_visit(0)
    assert (first and first.trial, second and second.trial) == (1, 2)


def test_a_session_that_was_replaced_has_compiled_nothing() -> None:
    hopper = warm_pair()
    hopper.lost(1)  # idle: only what it had compiled is gone
    visit = hopper.next_visit(1)
    assert visit is not None and visit.trial == 2  # whose program nobody has; that of trial 1 can be left to session 0


def test_a_much_longer_way_outweighs_compiling() -> None:
    hopper = warm_pair()
    hopper.add(leg(3, 400, program="a"))
    visit = hopper.next_visit(1)
    assert visit is not None and visit.trial == 3


# --- utilisation --------------------------------------------------------------------------------------------------------


def utilisation(sessions: int, program: Callable[[int], str]) -> float:
    """That of a search of 80 trials of 20 iterations; a trial's visits take up to ten times those of another."""
    simulation = Simulation(PAIR, [EVERYWHERE] * sessions, random_cost(1))
    simulation.run(leg(trial, 20, program=program(trial)) for trial in range(1, 81))
    return simulation.utilisation


@pytest.mark.parametrize("sessions", [1, 2, 4, 16, 24, 32, 48, 56, 64])
@pytest.mark.soak
def test_utilisation_of_trials_of_one_cost(sessions: int) -> None:
    simulation = Simulation(PAIR, [EVERYWHERE] * sessions, random_cost(1, spread=1.0))
    simulation.run(leg(trial, 20) for trial in range(1, 81))
    assert simulation.utilisation >= 0.95, f"{simulation.utilisation:.3f}"


@pytest.mark.parametrize("sessions", [1, 4, 16, 32, 48, 64])
def test_utilisation_of_trials_of_one_program(sessions: int) -> None:
    assert utilisation(sessions, lambda trial: "one") >= 0.95


@pytest.mark.parametrize("sessions", [1, 4, 16, 32, 48, 64])
@pytest.mark.soak
def test_utilisation_of_trials_with_a_program_each(sessions: int) -> None:
    assert utilisation(sessions, str) >= 0.95
