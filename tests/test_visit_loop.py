"""The loop that makes visits, on a simulated cluster: what is handed out, taken, repeated and dropped."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

import pytest

from automl.cluster.hopper import Hopper, Layout, Leg, Visit
from automl.cluster.orders import Order, VisitWork
from automl.cluster.visits import TRIES, Lost, Visits, fault_of
from automl.errors import AutomlError
from keras_seg.protocol.orders import EvaluationStop, VisitReport
from keras_seg.protocol.parts import Raw
from simulated import ORDER, Reaches, SimulatedCluster, restless_cost

PAIR = Layout((("training", 2),))
EVERYWHERE = None


def leg(trial: int, iterations: int = 1) -> Leg:
    return Leg(trial, "p", 1, iterations, frozenset())


@dataclass
class Told:
    """A handler that writes down what it is told.

    Args:
        fails: trials whose visits bring an error.
        short: for how many visits the machine has too little, from the first on.
        following: trial -> the leg that it gets when it has finished one.
    """

    hopper: Hopper
    fails: frozenset[int] = frozenset()
    short: int = 0
    following: dict[int, Leg] = field(default_factory=dict)
    taken: list[tuple[int, Raw | None]] = field(default_factory=list)
    told: list[tuple[object, ...]] = field(default_factory=list)

    def order(self, visit: Visit) -> Order:
        return replace(ORDER, state=f"{visit.trial} at {visit.stops[0].partition}".encode())

    def take(self, visit: Visit, answer: VisitWork, seconds: float) -> str | None:
        if self.short:
            self.short -= 1
            raise Lost("MemoryError", "53000")
        self.taken.append((visit.trial, answer.state))
        return "ValueError" if visit.trial in self.fails else None

    def finished(self, trial: int) -> None:
        self.told.append(("finished", trial))
        if trial in self.following:
            self.hopper.add(self.following.pop(trial))

    def failed(self, trial: int, error: str) -> None:
        self.told.append(("failed", trial, error))

    def repeated(self, trial: int, why: str) -> None:
        self.told.append(("repeated", trial, why))

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        self.told.append(("given up", trial, lost.why, lost.sqlstate))
        raise AutomlError("given up")


def made(
    *legs: Leg,
    reaches: Reaches = (EVERYWHERE,),
    dies: frozenset[int] = frozenset(),
    fails: frozenset[int] = frozenset(),
    short: int = 0,
) -> Told:
    """What is told of these legs, at their end."""
    cluster, hopper = SimulatedCluster(reaches, lambda visit: 1.0, dies), Hopper(PAIR, reaches)
    told = Told(hopper, fails, short)
    for each in legs:
        hopper.add(each)
    with suppress(AutomlError):
        Visits(cluster, hopper, told).make()
    return told


def test_a_handler_gets_the_answer_to_its_own_work_and_hears_of_the_end() -> None:
    told = made(leg(1), leg(2))
    assert sorted(told.taken) == [(1, b"1 at 0"), (1, b"1 at 1"), (2, b"2 at 0"), (2, b"2 at 1")]
    assert sorted(told.told) == [("finished", 1), ("finished", 2)]


def test_it_hears_of_each_return_from_waiting() -> None:
    cluster, hopper = SimulatedCluster((EVERYWHERE,), lambda visit: 1.0), Hopper(PAIR, (EVERYWHERE,))
    hopper.add(leg(1, 3))
    times = []
    Visits(cluster, hopper, Told(hopper)).make(lambda: times.append(cluster.now))
    assert times == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_nothing_to_do_is_no_visit() -> None:
    assert made().told == []


def test_a_trial_that_has_finished_can_get_another_leg() -> None:
    cluster, hopper = SimulatedCluster((EVERYWHERE,), lambda visit: 1.0), Hopper(PAIR, (EVERYWHERE,))
    told = Told(hopper, following={1: Leg(1, "p", 2, 1, frozenset())})
    hopper.add(leg(1))
    Visits(cluster, hopper, told).make()
    assert told.told == [("finished", 1), ("finished", 1)]
    assert len(told.taken) == 4


@pytest.mark.parametrize("reaches", [(EVERYWHERE,), (EVERYWHERE,) * 3, (frozenset((0,)), frozenset((1,)))])
def test_an_error_of_a_visit_ends_its_trial_alone(reaches: Reaches) -> None:
    told = made(leg(1, 2), leg(2, 2), leg(3, 2), reaches=reaches, fails=frozenset((2,)))
    assert sorted(told.told) == [("failed", 2, "ValueError"), ("finished", 1), ("finished", 3)]
    assert [trial for trial, _ in told.taken].count(2) == 1


def test_a_lost_visit_is_repeated_and_nothing_of_it_is_taken() -> None:
    told = made(leg(1), dies=frozenset((0, 2)))
    assert told.told == [("repeated", 1, "the session died")] * 2 + [("finished", 1)]
    assert told.taken == [(1, b"1 at 0"), (1, b"1 at 1")]


def test_a_visit_that_is_always_lost_ends_everything_at_once() -> None:
    assert TRIES == 3
    told = made(leg(1), leg(2), dies=frozenset((0, 1, 2)))
    assert told.told == [("repeated", 1, "the session died")] * 2 + [("given up", 1, "the session died", "38000")]
    assert told.taken == []


def test_a_visit_for_which_the_machine_has_too_little_is_repeated() -> None:
    told = made(leg(1), short=2)
    assert told.told == [("repeated", 1, "MemoryError")] * 2 + [("finished", 1)]
    assert told.taken == [(1, b"1 at 0"), (1, b"1 at 1")]


def test_a_machine_that_has_always_too_little_ends_everything_at_once() -> None:
    told = made(leg(1), leg(2), short=3)
    assert told.told == [("repeated", 1, "MemoryError")] * 2 + [("given up", 1, "MemoryError", "53000")]


@pytest.mark.parametrize(("report", "error"), [(VisitReport(), None), (VisitReport(error="ValueError: x"), "ValueError: x")])
def test_what_a_report_blames_a_trial_for(report: VisitReport, error: str | None) -> None:
    assert fault_of(report) == error


def test_a_report_of_a_shortage_blames_nobody() -> None:
    with pytest.raises(Lost, match="MemoryError") as lost:
        fault_of(VisitReport(error="MemoryError", shortage=True))
    assert lost.value.sqlstate == "53000"


def test_each_visit_has_its_own_tries() -> None:
    told = made(leg(1), dies=frozenset((0, 1, 3, 4)))
    assert told.told == [("repeated", 1, "the session died")] * 4 + [("finished", 1)]


# --- an evaluation ------------------------------------------------------------------------------------------------------

PARTITIONS = 7
LOSSES = (0.1, 1e17, -1e17, 0.2, 0.3, 1e-3, 7.0)  # whose sum hangs on the order


@dataclass
class Evaluation:
    """A handler for which each partition is a trial, as an evaluation has them."""

    found: dict[int, float] = field(default_factory=dict)

    def order(self, visit: Visit) -> Order:
        (stop,) = visit.stops
        return replace(ORDER, order=replace(ORDER.order, sums={"training": LOSSES[stop.partition or 0]}))

    def take(self, visit: Visit, answer: VisitWork, seconds: float) -> str | None:
        self.found[visit.trial] = answer.order.sums["training"]
        return None

    def finished(self, trial: int) -> None:
        pass

    def failed(self, trial: int, error: str) -> None:
        raise AssertionError(error)

    def repeated(self, trial: int, why: str) -> None:
        pass

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        raise AutomlError(f"the evaluation of partition {trial} failed: {lost.why}")

    def evaluate(self, cluster: SimulatedCluster) -> float:
        """Return the sum of the losses, added in the order of the partitions."""
        hopper = Hopper(Layout((("training", PARTITIONS),)), cluster.reaches)
        for partition in range(PARTITIONS):
            hopper.add_stops(partition, "the model", (EvaluationStop(1, partition, "training", False),))
        Visits(cluster, hopper, self).make()
        return sum(self.found[partition] for partition in range(PARTITIONS))


@pytest.mark.parametrize("sessions", [1, 2, 4, 9])
@pytest.mark.parametrize("dies", [frozenset(), frozenset((0, 5))], ids=["", "dying"])
def test_an_evaluation_is_the_same_on_any_number_of_sessions(sessions: int, dies: frozenset[int]) -> None:
    for seed in range(5):
        cluster = SimulatedCluster((EVERYWHERE,) * sessions, restless_cost(seed), dies)
        assert Evaluation().evaluate(cluster) == sum(LOSSES)


def test_all_sessions_evaluate_at_once_each_what_it_reaches() -> None:
    for reaches in ([frozenset((partition,)) for partition in range(PARTITIONS)], [EVERYWHERE] * PARTITIONS):
        cluster = SimulatedCluster(reaches, lambda visit: 1.0)
        Evaluation().evaluate(cluster)
        assert cluster.now == 1.0
        assert sorted((event.session, event.visit.stops[0].partition or 0) for event in cluster.past) == [
            (partition, partition) for partition in range(PARTITIONS)
        ]


def test_an_exception_of_the_handler_ends_the_loop() -> None:
    cluster = SimulatedCluster((EVERYWHERE,), lambda visit: 1.0, frozenset((2, 3, 4)))
    with pytest.raises(AutomlError, match="the evaluation of partition 2 failed: the session died"):
        Evaluation().evaluate(cluster)
