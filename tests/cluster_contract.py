"""What holds for every cluster, whatever its sessions are: tests that a class of a cluster's own tests inherits.

It gives the fixture `cluster`, of which all tests share one, and `kill`, which lets the work of a session die.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from automl.cluster.hopper import Layout, Leg, tour
from automl.cluster.interface import Cluster, Outcome, ask
from automl.cluster.orders import CheckWork, Work
from fix_cluster import ENDLESS, Trials, all_idle, next_outcome, outcome_of, training
from keras_seg.protocol.orders import CheckOrder, NetworkCheck


class ClusterContract:
    """Sessions become idle, work, and are idle again; what is lost is said; trials come to the end of their legs."""

    trains = True  # whether visits are really made

    def test_every_session_becomes_idle(self, cluster: Cluster) -> None:
        assert all_idle(cluster) == list(range(len(cluster.reaches)))
        assert len(cluster.reaches) > 0

    def test_it_says_what_it_is(self, cluster: Cluster) -> None:
        all_idle(cluster)
        assert isinstance(cluster.kind, str) and cluster.kind
        assert isinstance(json.loads(cluster.versions()), dict)

    def test_a_session_is_busy_until_its_outcome_comes(self, cluster: Cluster) -> None:
        session = all_idle(cluster)[-1]
        cluster.begin(session, Work(("a", "task"), training(_reached(cluster, session))))
        assert session not in cluster.idle()
        outcome = next_outcome(cluster)
        assert (outcome.session, outcome.task, outcome.lost) == (session, ("a", "task"), None)
        assert outcome.answer is not None
        assert outcome.seconds >= 0
        assert session in cluster.idle()

    def test_all_sessions_work_side_by_side(self, cluster: Cluster) -> None:
        for session in all_idle(cluster):
            cluster.begin(session, Work(f"task {session}", training(_reached(cluster, session))))
        assert cluster.idle() == []
        outcomes: list[Outcome] = []
        while len(outcomes) < len(cluster.reaches):
            outcomes += cluster.wait()
        assert sorted((outcome.session, outcome.task) for outcome in outcomes) == [
            (session, f"task {session}") for session in range(len(cluster.reaches))
        ]

    def test_one_session_does_what_all_wait_for(self, cluster: Cluster) -> None:
        order = CheckWork(CheckOrder((NetworkCheck("net", "tiny"),)))
        answer = ask(cluster, order)
        assert answer is not None
        assert all_idle(cluster)

    def test_trials_make_the_stops_of_their_legs_in_order(self, cluster: Cluster, layout: Layout) -> None:
        trials = Trials(take_answer=self.trains)
        trials.go(cluster, layout, 3, 2)
        assert sorted(trials.ended) == [1, 2, 3]
        for trial, stops in trials.stops.items():
            assert stops == list(tour(layout, Leg(trial, "tiny", 1, 2, frozenset((1, 2)))))

    def test_a_session_that_dies_loses_its_work_and_is_replaced(self, cluster: Cluster, kill: Callable[[int], None]) -> None:
        session = all_idle(cluster)[0]
        cluster.begin(session, Work("lost", training(_reached(cluster, session), fit=ENDLESS)))
        kill(session)
        outcome = next_outcome(cluster)
        assert (outcome.session, outcome.task, outcome.answer) == (session, "lost", None)
        assert outcome.lost is not None and "the session died" in outcome.lost
        assert session in all_idle(cluster)
        assert outcome_of(cluster, training(_reached(cluster, session)), _reached(cluster, session)).lost is None


def _reached(cluster: Cluster, session: int) -> int:
    """A partition that the session reaches."""
    return min(cluster.reaches[session] or {0})
