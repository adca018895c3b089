"""Visits, made until nobody has a stop before it: every idle session gets one, and what comes first is taken first.

What a visit is for does not matter here. Trials that train make legs; an evaluation lets every partition be a trial of its own
with one stop, so that all sessions evaluate at once, and adds what they bring in the order of the partitions.

A visit whose session died, or for which the machine had too little, is made again from the state that went in, which its
handler still has; but not forever. Its trial is not to blame: what is given up then is everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from automl.cluster.hopper import Hopper, Visit
from automl.cluster.interface import Cluster, Outcome
from automl.cluster.orders import Order, Work
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION, INSUFFICIENT_RESOURCES
from keras_seg.protocol.orders import Stop, VisitReport

TRIES = 3  # of one visit, when its session dies


class Lost(Exception):
    """A visit brought nothing, which is not its trial's fault.

    Args:
        why: what was said of it.
        sqlstate: five characters.
    """

    def __init__(self, why: str, sqlstate: str = EXTERNAL_ROUTINE_EXCEPTION) -> None:
        super().__init__(why)
        self.why = why
        self.sqlstate = sqlstate


def fault_of(report: VisitReport) -> str | None:
    """Return why a trial failed, as the report of its visit says; None if it did not.

    Raises:
        Lost: the machine had too little for the visit.
    """
    if report.error is not None and report.shortage:
        raise Lost(report.error, INSUFFICIENT_RESOURCES)
    return report.error


class VisitHandler(Protocol):
    """What visits are made for: says what is done in each of them, and takes what it brings.

    An exception of any of these functions ends the loop.
    """

    def order(self, visit: Visit) -> Order:
        """Return what a session is to do."""

    def take(self, visit: Visit, answer: Any, seconds: float) -> str | None:
        """Take what a visit has brought; return why its trial failed, None if it did not.

        Raises:
            Lost: it brought nothing, for no fault of its trial.
        """

    def finished(self, trial: int) -> None:
        """Hear that a trial has made all its stops, after the last of its visits was taken. It may get others now."""

    def failed(self, trial: int, error: str) -> None:
        """Hear that a trial goes no further: its visit brought an error."""

    def repeated(self, trial: int, why: str) -> None:
        """Hear that a visit was lost, and will be made again."""

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        """End the loop with an error that says that a visit was lost too often."""


class Visits:
    """The loop that keeps the sessions of a cluster busy.

    Args:
        cluster: the sessions.
        hopper: has the trials, and decides who visits what. Others may be added to it while the loop goes on.
        handler: what the visits are made for.
    """

    def __init__(self, cluster: Cluster, hopper: Hopper, handler: VisitHandler) -> None:
        self._cluster = cluster
        self._hopper = hopper
        self._handler = handler
        self._lost: Counter[tuple[int, Stop]] = Counter()

    def make(self, taken: Callable[[], None] = lambda: None, over: Callable[[], bool] = lambda: False) -> None:
        """Make visits until no trial has a stop before it.

        Args:
            taken: is called each time that something has come and was taken.
            over: whether no more are needed; those under way are left alone.

        Raises:
            OperatorError: no session is left to work.
            AutomlError: a visit was lost too often; as the handler says it.
        """
        while self._hopper.busy and not over():
            self._hand_out()
            for outcome in self._cluster.wait():
                self._take(outcome)
            taken()

    def _hand_out(self) -> None:
        for session in self._cluster.idle():
            visit = self._hopper.next_visit(session)
            if visit is not None:
                self._cluster.begin(session, Work(visit, self._handler.order(visit)))

    def _take(self, outcome: Outcome) -> None:
        visit: Visit = outcome.task
        try:
            error = self._brought(outcome)
        except Lost as lost:
            self._repeat(outcome.session, visit, lost)
            return
        if error is not None:
            self._hopper.dropped(outcome.session)
            self._handler.failed(visit.trial, error)
        elif self._hopper.arrived(outcome.session, outcome.seconds):
            self._handler.finished(visit.trial)

    def _brought(self, outcome: Outcome) -> str | None:
        if outcome.lost is not None:
            raise Lost(outcome.lost)
        return self._handler.take(outcome.task, outcome.answer, outcome.seconds)

    def _repeat(self, session: int, visit: Visit, lost: Lost) -> None:
        which = visit.trial, visit.stops[0]
        self._lost[which] += 1
        if self._lost[which] == TRIES:
            self._handler.given_up(visit.trial, lost)
        self._handler.repeated(visit.trial, lost.why)
        self._hopper.lost(session)
