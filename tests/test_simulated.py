"""The cluster that other tests simulate keeps the contract of the real ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from automl.cluster.hopper import Layout
from automl.cluster.interface import Cluster
from cluster_contract import ClusterContract
from simulated import Reaches, SimulatedCluster

EVERYWHERE: Reaches = (None, None)
SEGMENTS: Reaches = tuple(frozenset((partition,)) for partition in range(3))


class TestSimulated(ClusterContract):
    """What it answers is the order: it neither trains nor checks, and connects to nothing."""

    trains = False

    @pytest.fixture(params=[EVERYWHERE, SEGMENTS], ids=["PostgreSQL", "Greenplum"])
    def cluster(self, request: pytest.FixtureRequest) -> Cluster:
        return SimulatedCluster(request.param, lambda visit: 1.0)

    @pytest.fixture
    def layout(self) -> Layout:
        return Layout((("training", 3), ("validation", 2)))

    @pytest.fixture
    def kill(self, cluster: SimulatedCluster) -> Callable[[int], None]:
        return lambda session: cluster.die(session)
