"""What visits take, measured on sessions that are numbers: each part of a cost is found again in what whole visits took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from automl.cluster.interface import Cluster, Outcome
from automl.cluster.orders import VisitWork, Work
from automl.errors import OperatorError
from automl.search.scheduler import ListPlan
from automl.training.forecast import Cost
from automl.training.planning import Costs
from automl.training.timing import ONCE, Measured, measured
from automl.training.trials import Trial, make_trials
from keras_seg.protocol.orders import EvaluationStop, VisitReport
from test_replay import LISTED, request_of

REQUEST = request_of(ListPlan(LISTED[:1], 1), 1, 2**20)
COST = Cost(compiling=5.0, tracing=2.0, visit=0.1, batch=0.01, row=0.001, evaluation=0.3, beginning=0.7, state=7, weights=3)
IMPORTED, COMPILED, TRACED = 500, 10, 5  # MB of a session, and what it grows by


@dataclass
class Clock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Timed:
    """Sessions whose visits take what they cost."""

    clock: Clock
    rows: int
    reaches: Sequence[frozenset[int] | None] = (None,)
    fails: bool = False
    leaves: int | None = None  # a session that is gone after its first visit
    _ahead: list[tuple[float, int, VisitWork, float]] = field(default_factory=list)
    _done: set[object] = field(default_factory=set)
    _memory: dict[int, int] = field(default_factory=dict)

    def idle(self) -> list[int]:
        there = [each for each in range(len(self.reaches)) if each != self.leaves or each not in self._memory]
        return [session for session in there if session not in {each[1] for each in self._ahead}]

    def begin(self, session: int, work: Work) -> None:
        order = cast(VisitWork, work.order)
        self._ahead.append((self.clock.now + self._seconds(session, order)[0], session, order, self.clock.now))

    def wait(self) -> list[Outcome]:
        first = min(self._ahead, key=lambda each: each[0])
        self._ahead.remove(first)
        self.clock.now, session, work, begun = first
        _, training, evaluation = self._seconds(session, work, made=True)
        report = VisitReport(
            rows=self.rows,
            training_seconds=training,
            evaluation_seconds=evaluation,
            memory_mb=self._memory[session],
            error="no" if self.fails else None,
        )
        return [Outcome(session, None, (report, b"state.."), None, self.clock.now - begun)]

    def _seconds(self, session: int, work: VisitWork, made: bool = False) -> tuple[float, float, float]:
        """Seconds of a visit, of those that train, and that evaluate."""
        order, stops = work.order, sum(isinstance(stop, EvaluationStop) for stop in work.order.stops)
        batches = -(-self.rows // order.fit.batch_size)
        share = min(batches, order.fit.steps_per_epoch or batches) / batches
        training = share * (batches * COST.batch + self.rows * COST.row)
        evaluation = stops * COST.evaluation
        for seconds, key in ((COST.compiling, "compiled"), (COST.tracing, "traced")):
            first = (session, order.compile.optimizer, key)
            if first in self._done or (key == "traced" and not stops):
                continue
            if key == "compiled":
                training += seconds
            else:
                evaluation += seconds
            if made:
                self._done.add(first)
                self._memory[session] = self._memory.get(session, IMPORTED) + (COMPILED if key == "compiled" else TRACED)
        return COST.visit + training + evaluation + (COST.beginning if work.state is None else 0.0), training, evaluation


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("automl.training.timing.time.monotonic", clock.monotonic)
    monkeypatch.setattr("automl.training.timing.codec.weights_size", lambda state: 3)
    return clock


def trial(batch_size: int = 8, optimizer: str = "Adam", steps: int | None = None) -> Trial:
    (made,) = make_trials(REQUEST, [(1, LISTED[0][1])])
    compiled = replace(made.compiled, optimizer=optimizer)
    return replace(made, compiled=compiled, fit=replace(made.fit, batch_size=batch_size, steps_per_epoch=steps))


def taken(clock: Clock, rows: int, *programs: list[Trial], sessions: int = 1, **more: Any) -> dict[object, Measured]:
    cluster = Timed(clock, rows, (None,) * sessions, **more)
    return measured(cast(Cluster, cluster), REQUEST, programs, rows, IMPORTED)


def test_each_part_of_a_cost_is_found(clock: Clock) -> None:
    (found,) = taken(clock, 80, [trial(8), trial(20)]).values()
    for name, value in vars(COST).items():
        assert getattr(found.cost, name) == pytest.approx(value), name
    assert (found.least, found.most) == pytest.approx((1, 1))


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_programs_are_measured_in_turn_and_each_has_its_memory(clock: Clock, sessions: int) -> None:
    found = taken(clock, 80, [trial()], [trial(optimizer="SGD")], sessions=sessions)
    assert len(found) == 2
    assert all(each.cost.visit == pytest.approx(COST.visit) for each in found.values())
    assert [each.grown for each in found.values()] == [COMPILED + TRACED] * 2
    assert min(each.first for each in found.values()) == IMPORTED + COMPILED
    assert max(each.memory for each in found.values()) == IMPORTED + (COMPILED + TRACED) * (2 if sessions == 1 else 1)


def test_a_batch_takes_the_same_where_an_iteration_has_only_some(clock: Clock) -> None:
    (found,) = taken(clock, 80, [trial(steps=3)]).values()
    assert found.cost.batch == pytest.approx(COST.batch + 8 * COST.row)


def test_where_a_visit_takes_long_some_batches_stand_for_it_and_the_one_evaluation_counts(clock: Clock) -> None:
    (found,) = taken(clock, 8_000, [trial()]).values()
    assert found.cost.batch == pytest.approx(COST.batch + 8 * COST.row)
    assert found.cost.evaluation == pytest.approx(COST.evaluation + COST.tracing / 2)
    assert found.cost.tracing == pytest.approx(0)


@pytest.mark.parametrize("leaves", [0, 1])
def test_what_a_session_has_begun_that_is_gone_another_one_goes_on_with(clock: Clock, leaves: int) -> None:
    found = taken(clock, 80, [trial()], [trial(optimizer="SGD")], sessions=2, leaves=leaves)
    assert [each.cost.batch for each in found.values()] == pytest.approx([COST.batch + 8 * COST.row] * 2)


def test_a_visit_that_fails_says_why(clock: Clock) -> None:
    with pytest.raises(OperatorError, match=r"^a visit that was to be measured failed: no$"):
        taken(clock, 80, [trial()], fails=True)


def test_what_happens_once_has_a_range_of_its_own() -> None:
    one = trial()
    costs = Costs({one.program: Measured(COST, 0.5, 3.0, 0, 0)})
    least, cost, most = (costs.of(one, which) for which in ("least", "cost", "most"))
    assert cost == COST
    for name in ("compiling", "tracing", "beginning"):
        ends = getattr(least, name), getattr(most, name)
        assert ends == pytest.approx(((1 - ONCE) * getattr(COST, name), (1 + ONCE) * getattr(COST, name)))
    for name in ("batch", "row", "evaluation"):
        assert (getattr(least, name), getattr(most, name)) == pytest.approx(
            (0.5 * getattr(COST, name), 3 * getattr(COST, name))
        )
