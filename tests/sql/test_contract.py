"""One contract for every executor: sessions of our own, the caller's, and both on the segments of Greenplum.

What comes of an order is the same on all of them, to the bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from automl.cluster.driver import psycopg
from automl.cluster.hopper import Layout
from automl.cluster.interface import Cluster, ask
from automl.cluster.orders import CheckWork, VisitWork, Work
from cluster_contract import ClusterContract
from fix_cluster import (
    COMPILE,
    ENDLESS,
    KINDS,
    NAME,
    Caller,
    Cancelled,
    Executor,
    Packed,
    Trials,
    all_idle,
    next_outcome,
    opened,
    outcome_of,
    reaching,
    training,
    visiting,
)
from keras_seg.protocol import parts
from keras_seg.protocol import state as codec
from keras_seg.protocol.orders import (
    CheckOrder,
    EvaluationStop,
    NetworkCheck,
    Part,
    VisitOrder,
    VisitReport,
)

# What one session does two do as well.
KIND_OF_EACH = [pytest.param(kind, marks=pytest.mark.soak if kind == "1 session" else ()) for kind in KINDS]


@pytest.fixture(scope="module", params=KIND_OF_EACH)
def executor(request: pytest.FixtureRequest, packed: Packed) -> Iterator[Executor]:
    """A cluster of each kind, which all tests share."""
    caller = Caller()
    cluster = opened(request.param, packed, NAME, caller)
    found = Executor(request.param, packed, caller, cluster)
    yield found
    if found.own:  # it is closed whatever it does
        cluster.begin(reaching(cluster, 0), Work(None, training(fit=ENDLESS)))
    cluster.close()
    assert not found.own or packed.all_gone(NAME)


@dataclass(frozen=True)
class Forged(VisitOrder):
    """An order that is none."""

    def to_json(self) -> str:
        return '{"forged": true}'


def forged(state: bytes | None = None) -> VisitWork:
    return VisitWork(Forged("tiny", COMPILE, training().order.fit, (5, 1), ()), state)


def answered(cluster: Cluster, order: VisitWork, partition: int = 0) -> tuple[VisitReport, bytes]:
    """Have a visit made, and return its report and the state that it has left."""
    outcome = outcome_of(cluster, order, partition)
    assert outcome.lost is None
    report, state = outcome.answer
    assert isinstance(report, VisitReport)
    return report, bytes(state)


def md5(state: bytes) -> str:
    return hashlib.md5(state).hexdigest()


class TestExecutors(ClusterContract):
    """What holds for every cluster, and what training in it comes to."""

    @pytest.fixture
    def cluster(self, executor: Executor) -> Cluster:
        return executor.cluster

    @pytest.fixture
    def layout(self, packed: Packed) -> Layout:
        return packed.layout

    @pytest.fixture
    def kill(self, executor: Executor) -> Callable[[int], None]:
        if not executor.own:
            pytest.skip("with the caller's session its statement ends")
        return lambda session: executor.packed.watcher.run(
            "SELECT pg_terminate_backend(pid) FROM unnest(%s) pid",
            executor.packed.backends(f"{NAME} session {session + 1}"),
        )

    def test_versions(self, cluster: Cluster) -> None:
        all_idle(cluster)
        assert {"tensorflow", "keras", "python"} <= json.loads(cluster.versions()).keys()

    # --- checks ---------------------------------------------------------------------------------------------------------

    def test_a_network_that_fits_has_no_problem(self, cluster: Cluster) -> None:
        order = CheckOrder((NetworkCheck("tiny", "tiny", COMPILE), NetworkCheck("wide", "wide")))
        assert ask(cluster, CheckWork(order)).problems == ()

    def test_problems_say_in_which_part_they_are(self, cluster: Cluster) -> None:
        wrong = replace(COMPILE, loss="no_loss")
        order = CheckOrder(
            (
                NetworkCheck("none", "none", COMPILE),
                NetworkCheck("five", "five", COMPILE),
                NetworkCheck("tiny", "tiny", wrong),
                NetworkCheck("tiny", "tiny", COMPILE),
            )
        )
        problems = ask(cluster, CheckWork(order)).problems
        assert [problem.part for problem in problems] == [Part.ARCHITECTURE, Part.ROWS, Part.COMPILE]
        assert problems[1].text == "five: the network takes rows of shape [5], the table holds rows of shape [4]"

    # --- visits ---------------------------------------------------------------------------------------------------------

    def test_training_leaves_a_state_and_evaluating_none(self, cluster: Cluster) -> None:
        report, state = answered(cluster, training())
        assert (report.error, report.size, len(state) > 0) == (None, len(state), True)
        assert report.rows > 0
        report, nothing = answered(cluster, visiting(EvaluationStop(1, 0, "validation", True), state=state))
        assert (report.error, report.size, nothing) == (None, 0, b"")
        assert report.scores.keys() == {"validation"}

    def test_an_order_with_a_state_leaves_the_same_bits_everywhere(self, cluster: Cluster, packed: Packed) -> None:
        _, begun = answered(cluster, training(0), 0)
        _, state = answered(cluster, training(1, state=begun), 1)
        assert packed.is_found("two visits", (md5(begun), md5(state)))
        again, _ = answered(cluster, training(1, state=begun), 1)
        assert again.error is None
        assert md5(answered(cluster, training(1, state=begun), 1)[1]) == md5(state) != md5(begun)

    def test_legs_end_with_the_same_bits_everywhere(self, cluster: Cluster, packed: Packed) -> None:
        trials = Trials()
        trials.go(cluster, packed.layout, trials=2, iterations=3)
        assert trials.scores.keys() == {
            (trial, iteration, name) for trial in (1, 2) for iteration in (1, 2, 3) for name in ("training", "validation")
        }
        assert packed.is_found("scores", trials.scores)
        assert packed.is_found("states", {trial: md5(state) for trial, state in trials.states.items()})

    def test_a_large_state_goes_in_parts_and_comes_back_whole(self, cluster: Cluster, packed: Packed) -> None:
        report, begun = answered(cluster, training(model="wide"))
        assert report.size == len(begun) > 3 * parts.PART
        report, state = answered(cluster, training(model="wide", state=begun))
        assert (report.error, report.size) == (None, len(begun))
        assert codec.decode(state).weights == codec.decode(begun).weights
        assert packed.is_found("large", (md5(begun), md5(state)))

    # --- what goes wrong ------------------------------------------------------------------------------------------------

    def test_a_trial_that_raises_costs_itself_alone(self, cluster: Cluster) -> None:
        report, state = answered(cluster, training(model="fragile"))
        assert report.error is not None and "indices" in report.error
        assert (report.size, state) == (0, b"")
        assert answered(cluster, training())[0].error is None

    def test_a_state_that_is_none_is_an_error_of_its_trial(self, cluster: Cluster) -> None:
        report, _ = answered(cluster, training(state=b"no state"))
        assert report.error is not None and report.error.startswith("StateError: ")
        assert answered(cluster, training())[0].error is None

    @pytest.mark.parametrize("size", [0, 2 * parts.PART + 1], ids=["", "large state"])
    def test_an_order_that_is_none_is_lost_and_the_next_one_is_served(self, executor: Executor, size: int) -> None:
        cluster, order = executor.cluster, forged(bytes(size) or None)
        if executor.own:
            outcome = outcome_of(cluster, order)
            assert outcome.answer is None
            assert outcome.lost is not None and 'VisitOrder must not have "forged"' in outcome.lost
        else:  # it is an error of the caller's statement
            with pytest.raises(psycopg.Error, match='VisitOrder must not have "forged"'):
                outcome_of(cluster, order)
        report, state = answered(cluster, training())
        assert report.error is None
        assert executor.packed.is_found("one visit", md5(state))

    def test_a_cancellation_ends_waiting(self, executor: Executor) -> None:
        cluster = executor.cluster
        session = reaching(cluster, 0)
        cluster.begin(session, Work("cancelled", training()))
        executor.caller.cancelled = True
        try:
            with pytest.raises(Cancelled):
                cluster.wait()
        finally:
            executor.caller.cancelled = False
        assert next_outcome(cluster).task == "cancelled"

    def test_closing_ends_sessions_that_are_not_ready_yet(self, executor: Executor) -> None:
        if not executor.own:
            pytest.skip("the session is the caller's")
        cluster = executor.another("closed")
        assert executor.packed.backends("closed")
        cluster.close()
        assert executor.packed.all_gone("closed")


def test_whoever_has_waited_longest_keeps_no_other_from_work(packed: Packed) -> None:
    """Where one may work at a time there may be nothing for the first in the line."""
    cluster = opened("2 sessions" if packed.where is None else "segments", packed, "in turn", Caller(), at_once=1)
    try:
        first, *others = all_idle(cluster)
        assert others
        for session in others:
            cluster.begin(session, Work(session, training(min(cluster.reaches[session] or {0}))))
            assert cluster.idle() == []  # nobody else may begin beside it
            assert next_outcome(cluster).task == session
        assert cluster.idle()[0] == first
        for session in (first, others[0]):  # both are given work: the second one waits for its turn
            cluster.begin(session, Work(session, training(min(cluster.reaches[session] or {0}))))
        assert [next_outcome(cluster).task for _ in range(2)] == [first, others[0]]
    finally:
        cluster.close()
    assert packed.all_gone("in turn")
