"""Trials of mixed cost: hopping as soon as a session is idle, against a barrier after each hop.

Half of the trials cost eight times as much as the others. On two real sessions they train an MLP and a CNN on digits; on eight
simulated ones their visits last what a number says. The barrier exists here only: nobody gets a visit before all have arrived.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg2
from common import ADAM, Connection, dataset_query, in_turn, ratio, schema, spread, table
from digits import cnn, digits_tables, mlp

from automl.cluster.connection import Address
from automl.cluster.hopper import Hopper, Layout, Leg, Visit
from automl.cluster.orders import Setup, VisitWork, Work
from automl.cluster.sessions import Sessions
from automl.cluster.terms import Terms
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import FitOrder, SessionSetup, VisitOrder
from keras_seg.protocol.variables import Variable, Variables

ROUNDS, TRIALS, ITERATIONS = 3, 8, 4
SIMULATED_SESSIONS, SIMULATED_TRIALS = 8, 32
_COMPILE = replace(ADAM, params={"lr": 0.001})
_DIGITS = Variables((Variable("image", (64,), "float32"),), Variable("digit", (10,), "int16"))


class Barrier(Hopper):
    """Hands out visits only when none is under way: one to each session, trials in turn, then all wait for the slowest."""

    def _urgency(self, way: Any, session: int) -> tuple[tuple[int, ...], float, int]:
        return (), way.left, -way.trial

    def _worth_compiling(self, way: Any, session: int, foreign: float) -> bool:
        return True

    def next_visit(self, session: int) -> Visit | None:
        if not self._running:
            self._round = set(range(len(self.reaches)))
        if session not in self._round:
            return None
        self._round.discard(session)
        return super().next_visit(session)

    def arrived(self, session: int, seconds: float) -> bool:
        done = super().arrived(session, seconds)
        if self._running:
            self._round.clear()
        return done


def main() -> None:
    with schema("bench_barrier") as connection, TemporaryDirectory() as folder:
        digits_tables(connection, {}, Path(folder) / "digits.npz")
        sessions = opened(connection)
        try:
            trained(sessions, Hopper)  # compiles
            seconds = in_turn(
                {"free": lambda: trained(sessions, Hopper), "barrier": lambda: trained(sessions, Barrier)}, ROUNDS
            )
        finally:
            sessions.close()
    free, barrier = simulated(Hopper), simulated(Barrier)
    table(
        f"{TRIALS} trials, half of them much slower, {ITERATIONS} iterations, two sessions, {ROUNDS} rounds in turn",
        [
            ("as soon as a session is idle", spread(seconds["free"])),
            ("with a barrier after each hop", spread(seconds["barrier"])),
            ("faster by", ratio(seconds["barrier"], seconds["free"])),
            (f"simulated: {SIMULATED_TRIALS} trials, half at 8 times the cost, {SIMULATED_SESSIONS} sessions", f"{free:.1f} s"),
            ("simulated, with a barrier", f"{barrier:.1f} s: {barrier / free:.1f} times"),
        ],
    )  # fmt: skip


def legs(trials: int) -> Iterable[Leg]:
    last = frozenset((ITERATIONS,))
    return [Leg(trial, "slow" if slow(trial) else "fast", 1, ITERATIONS, last) for trial in range(1, trials + 1)]


def slow(trial: int) -> bool:
    return trial % 2 == 1


def opened(connection: Connection) -> Sessions:
    """Open two sessions as a search does."""
    common = SessionSetup({"training": dataset_query(_DIGITS, "bench_barrier.packed", 2)}, _DIGITS)
    definitions = (Definition("slow", cnn().to_json()), Definition("fast", mlp().to_json()))
    info = psycopg2.extensions.ConnectionInfo(connection)
    address = Address(info.host, info.port, info.dbname, info.user, True, "")
    sessions = Sessions(address, Setup(common, definitions=definitions), 2, (), Terms("keras_automl bench", lambda: None))
    while len(sessions.idle()) < 2:
        sessions.wait()
    return sessions


def trained(sessions: Sessions, kind: type[Hopper]) -> None:
    """Train all trials to their end."""
    hopper = kind(Layout((("training", 2),)), sessions.reaches)
    states: dict[int, Any] = {}
    for leg in legs(TRIALS):
        hopper.add(leg)
    while hopper.busy:
        for session in sessions.idle():
            visit = hopper.next_visit(session)
            if visit is not None:
                sessions.begin(session, Work(visit, VisitWork(order(visit), states.get(visit.trial))))
        for outcome in sessions.wait():
            report, state = outcome.answer
            assert report.error is None, report
            states[outcome.task.trial] = state or states[outcome.task.trial]
            hopper.arrived(outcome.session, outcome.seconds)


def order(visit: Visit) -> VisitOrder:
    # The MLP is a hundredth of the CNN: with more epochs it comes to about an eighth.
    fit = FitOrder(batch_size=32, epochs=1 if slow(visit.trial) else 2)
    return VisitOrder("slow" if slow(visit.trial) else "fast", _COMPILE, fit, (1, visit.trial), visit.stops)


def simulated(kind: type[Hopper]) -> float:
    """Return the seconds that a simulated clock shows at the end."""
    reaches: Sequence[None] = [None] * SIMULATED_SESSIONS
    hopper = kind(Layout((("training", 8),)), reaches)
    for leg in legs(SIMULATED_TRIALS):
        hopper.add(leg)
    now, under_way = 0.0, list[tuple[float, int, float]]()
    while hopper.busy:
        working = {session for _, session, _ in under_way}
        for session in range(SIMULATED_SESSIONS):
            visit = None if session in working else hopper.next_visit(session)
            if visit is not None:
                heapq.heappush(under_way, (now + cost(visit), session, now))
        now, session, begun = heapq.heappop(under_way)
        hopper.arrived(session, now - begun)
    return now


def cost(visit: Visit) -> float:
    return len(visit.stops) * (0.8 if slow(visit.trial) else 0.1)


if __name__ == "__main__":
    main()
