"""Clusters of every kind on a small packed table, and the orders that the tests of their contract give them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import pytest

from automl.cluster.caller import CallerSession
from automl.cluster.connection import Address
from automl.cluster.hopper import Hopper, Layout, Leg, Visit
from automl.cluster.interface import Cluster, Outcome
from automl.cluster.orders import Order, Setup, VisitWork, Work
from automl.cluster.outbox import Outbox
from automl.cluster.segments import CallerSegments, SegmentMap, SegmentSessions, segment_map
from automl.cluster.sessions import Sessions
from automl.cluster.terms import Terms
from automl.cluster.visits import Lost, Visits
from automl.data.packed_queries import fingerprint, partition_query
from automl.data.packed_table import PackedTable, read
from automl.database.dialect import Dialect, dialect_of
from automl.database.session import Row
from fix_db import Session, connect_to
from fix_search import dense, in_schema, sequential
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import (
    CompileOrder,
    FitOrder,
    Scores,
    SessionSetup,
    Stop,
    TrainingStop,
    VisitOrder,
)
from servers import SERVERS

NAME = "contract"  # of the sessions, in pg_stat_activity
SCHEMA = "t_contract"
_KINDS = {False: ("1 session", "2 sessions", "caller"), True: ("segments", "caller segments")}
_SEGMENTED = {each.segmented for each in SERVERS.values() if each.is_there} or {False}
KINDS = [kind for segmented in sorted(_SEGMENTED) for kind in _KINDS[segmented]]  # that fit a server that is there
COMPILE = CompileOrder("Adam", {"lr": 0.01}, "categorical_crossentropy", ("accuracy",))
FIT = FitOrder(batch_size=8)
ENDLESS = FitOrder(batch_size=8, epochs=10**6)
_SETTINGS = "-c client_min_messages=error"
_ENDS_WITH_US = " -c client_connection_check_interval=200ms"  # which Greenplum 6 has not
_TINY = sequential(
    ("Dense", {"units": 5, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.3}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
_WIDE = sequential(  # 1.2 million weights
    ("Dense", {"units": 150_000, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
_FRAGILE = sequential(  # raises at the rows of this table, which are no indices below 2
    ("Embedding", {"input_dim": 2, "output_dim": 2, "batch_input_shape": [None, 4]}),
    ("Flatten", {}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
DEFINITIONS = tuple(
    Definition(key, text)
    for key, text in (
        ("tiny", _TINY), ("wide", _WIDE), ("fragile", _FRAGILE), ("five", dense(3, inputs=5)), ("none", '{"class_name": "X"}')
    )
)  # fmt: skip


class Cancelled(Exception):
    """What a test's cancellation raises."""


@dataclass
class Caller:
    """The statement that a cluster works for, which can be cancelled."""

    cancelled: bool = False

    def interrupt(self) -> None:
        if self.cancelled:
            raise Cancelled


class Client(Outbox):
    """A connection that stands for the caller's own session: what runs there runs in a test."""

    def __init__(self, address: Address, name: str, caller: Caller) -> None:
        super().__init__(address, name, caller.interrupt)
        self._caller = caller

    @cached_property
    def dialect(self) -> Dialect:
        return dialect_of(super().execute("SELECT pg_catalog.version() AS version")[0]["version"])

    def execute(self, sql: str, *values: object) -> list[Row]:
        return super().execute(sql, *map(_plain, values))

    def interrupt(self) -> None:
        self._caller.interrupt()


def _plain(value: object) -> object:
    # In an array psycopg wants all elements to be of one type.
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return bytes(value) if isinstance(value, bytearray) else value


@dataclass(frozen=True)
class Packed:
    """The tables that are trained on and validated with.

    Attributes:
        watcher: a session of the test's own.
        found: what executors have found, by its name: the same for all.
    """

    watcher: Session
    address: Address
    setup: Setup
    expected: tuple[str, ...]
    layout: Layout
    where: SegmentMap | None
    found: dict[str, object] = field(default_factory=dict)

    def is_found(self, what: str, value: object) -> bool:
        """Whether all executors so far have found the same."""
        return self.found.setdefault(what, value) == value

    def backends(self, name: str) -> list[int]:
        """The processes of the sessions whose name begins so."""
        sql = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND datname = current_database()"
        return [pid for (pid,) in self.watcher.fetch(sql, f"{name}%")]

    def all_gone(self, name: str) -> bool:
        """Whether the sessions whose name begins so have ended, or do within a minute."""
        deadline = time.monotonic() + 60
        while self.backends(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.backends(name)


@pytest.fixture(scope="module")
def packed(database: str) -> Iterator[Packed]:
    """Tables of a hundred rows in three partitions, or as many as there are segments."""
    watcher = in_schema(database, SCHEMA)
    watcher.run("SET keras_automl.partitions = 3; SET client_min_messages = warning")
    watcher.run("CREATE TABLE rows AS SELECT n AS id, ARRAY[n, n * 7 % 5, n * 3 % 11, 1]::real[] AS x, n % 3 AS y"
                " FROM generate_series(2, 101) n")  # fmt: skip
    watcher.run("SELECT madlib.training_preprocessor_dl('rows', 'train', 'y', 'x', 9)")
    watcher.run("SELECT madlib.validation_preprocessor_dl('rows', 'val', 'y', 'x', 'train', 20)")
    at = watcher.info
    settings = _SETTINGS if watcher.is_greenplum else _SETTINGS + _ENDS_WITH_US
    address = Address(at.host, at.port, at.dbname, at.user, superuser=True, settings=settings)
    client = Client(address, "contract maker", Caller())
    tables = {"training": _read(client, "train"), "validation": _read(client, "val")}
    where = segment_map(client, tables, False) if client.dialect.segmented else None
    setup = _setup(tables)
    expected = tuple(client.execute(statement)[0]["fingerprint"] for statement in setup.fingerprints)
    client.close()
    layout = Layout(tuple((name, table.partitions) for name, table in tables.items()))
    yield Packed(watcher, address, setup, expected, layout, where)
    watcher.close()
    cleaner = connect_to(database)
    cleaner.run(f"SET client_min_messages = warning; DROP SCHEMA {SCHEMA} CASCADE")
    cleaner.close()


def _read(client: Client, name: str) -> PackedTable:
    return read(client, "source_table", f"{SCHEMA}.{name}")


def _setup(tables: dict[str, PackedTable]) -> Setup:
    datasets = {name: partition_query(table) for name, table in tables.items()}
    return Setup(
        SessionSetup(datasets, tables["training"].variables),
        definitions=DEFINITIONS,
        fingerprints=tuple(map(fingerprint, tables.values())),
    )


@dataclass(frozen=True)
class Executor:
    """A cluster of one kind on real rows.

    Attributes:
        own: whether its sessions are its own, not the caller's.
    """

    kind: str
    packed: Packed
    caller: Caller
    cluster: Cluster

    @property
    def own(self) -> bool:
        return not self.kind.startswith("caller")

    def another(self, name: str) -> Cluster:
        """Open one more of its kind."""
        return opened(self.kind, self.packed, name, self.caller)


def opened(kind: str, packed: Packed, name: str, caller: Caller, at_once: int | None = None) -> Cluster:
    """Open a cluster; what does not fit the database skips the test.

    Args:
        at_once: how many of its own sessions may do something at the same time.
    """
    if ("segments" in kind) != (packed.where is not None):
        pytest.skip("only where rows lie on segments" if "segments" in kind else "not where rows lie on segments")
    terms = Terms(name, caller.interrupt, at_once=at_once)
    if kind == "segments" and packed.where:
        return SegmentSessions(packed.address, packed.setup, packed.where, packed.expected, terms)
    if kind == "caller segments" and packed.where:
        return CallerSegments(Client(packed.address, name, caller), packed.setup, packed.where)
    if kind == "caller":
        return CallerSession(Client(packed.address, name, caller), packed.setup)
    return Sessions(packed.address, packed.setup, int(kind[0]), packed.expected, terms)


# --- orders and what comes of them ---------------------------------------------------------------------------------------


def visiting(*stops: Stop, state: bytes | None = None, model: str = "tiny", fit: FitOrder = FIT) -> VisitWork:
    return VisitWork(VisitOrder(model, COMPILE, fit, (5, 1), stops), state)


def training(partition: int = 0, **given: Any) -> VisitWork:
    """A visit that trains on one partition."""
    return visiting(TrainingStop(1, partition, False), **given)


def all_idle(cluster: Cluster) -> list[int]:
    """Wait until all sessions are idle, and return them."""
    while len(cluster.idle()) < len(cluster.reaches):
        cluster.wait()
    return cluster.idle()


def reaching(cluster: Cluster, partition: int) -> int:
    """Return an idle session that reaches a partition."""
    reaches = cluster.reaches
    return next(session for session in all_idle(cluster) if partition in (reaches[session] or {partition}))


def outcome_of(cluster: Cluster, order: Order, partition: int = 0) -> Outcome:
    """Have work done by a session that reaches a partition."""
    cluster.begin(reaching(cluster, partition), Work("a task", order))
    return next_outcome(cluster)


def next_outcome(cluster: Cluster) -> Outcome:
    """Wait for work that is under way, the only one."""
    while not (outcomes := cluster.wait()):
        pass
    (outcome,) = outcomes
    return outcome


@dataclass
class Trials:
    """A handler of visits that keeps what trials need from one visit to the next.

    Args:
        take_answer: takes the report and the state; a simulated cluster has none.
    """

    take_answer: bool = True
    stops: dict[int, list[Stop]] = field(default_factory=lambda: defaultdict(list))
    states: dict[int, bytes] = field(default_factory=dict)
    sums: dict[int, dict[str, Any]] = field(default_factory=dict)
    scores: dict[tuple[int, int, str], Scores] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)

    def go(self, cluster: Cluster, layout: Layout, trials: int, iterations: int) -> None:
        """Let trials make a leg each, with metrics after every iteration."""
        hopper = Hopper(layout, cluster.reaches)
        for trial in range(1, trials + 1):
            hopper.add(Leg(trial, "tiny", 1, iterations, frozenset(range(1, iterations + 1))))
        Visits(cluster, hopper, self).make()

    def order(self, visit: Visit) -> Order:
        sums = self.sums.get(visit.trial, {})
        order = VisitOrder("tiny", COMPILE, FIT, (5, visit.trial), visit.stops, sums)
        return VisitWork(order, self.states.get(visit.trial))

    def take(self, visit: Visit, answer: Any, seconds: float) -> str | None:
        self.stops[visit.trial] += visit.stops
        if not self.take_answer:
            return None
        report, state = answer
        self.states[visit.trial] = state or self.states[visit.trial]
        self.sums[visit.trial] = report.sums
        iteration = visit.stops[-1].iteration
        self.scores.update({(visit.trial, iteration, name): scores for name, scores in report.scores.items()})
        error: str | None = report.error
        return error

    def finished(self, trial: int) -> None:
        self.ended.append(trial)

    def failed(self, trial: int, error: str) -> None:
        raise AssertionError(f"trial {trial} failed: {error}")

    def repeated(self, trial: int, why: str) -> None:
        raise AssertionError(f"a visit of trial {trial} was lost: {why}")

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        raise AssertionError(f"a visit of trial {trial} was lost: {lost.why}")
