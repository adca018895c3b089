"""Opening the sessions of a call, and the one that keeps its record; in the caller's own session where that is not possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from automl.cluster.caller import CallerSession
from automl.cluster.connection import Address, Unreachable, own_address
from automl.cluster.driver import psycopg
from automl.cluster.interface import Cluster
from automl.cluster.keeping import Keeper, keeper
from automl.cluster.orders import Setup
from automl.cluster.outbox import Outbox
from automl.cluster.resources import Resources, available
from automl.cluster.segments import CallerSegments, SegmentMap, SegmentSessions, segment_map
from automl.cluster.sessions import Invisible, Sessions
from automl.cluster.terms import Terms
from automl.cluster.turns import Turns
from automl.data.packed_queries import fingerprint, partition_query
from automl.data.packed_table import PackedTable
from automl.database.dialect import Queue
from automl.database.session import CallerDatabase, Journal
from automl.database.settings import TOTAL_SESSIONS
from automl.hosts.assignment import Host, of_sessions
from automl.hosts.machine import this_machine
from automl.models.custom_functions import FunctionTable
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import TRAINING, SessionSetup


@dataclass(frozen=True)
class SessionNeeds:
    """What the sessions of a call need.

    Attributes:
        datasets: the packed tables by the names that orders know them by.
        definitions: the architectures.
        caching: whether a session keeps decoded partitions in memory.
        hosts: for each session the host that it trains on, where it is to train on a GPU; on PostgreSQL one for all.
        functions: the table of custom functions, if there is one.
        trains: whether they count among those that train on the server, and wait for their turn.
    """

    datasets: Mapping[str, PackedTable]
    definitions: tuple[Definition, ...]
    resources: Resources
    caching: bool = False
    hosts: tuple[Host, ...] | None = None
    functions: FunctionTable | None = None
    trains: bool = True


@contextmanager
def open_cluster(
    db: CallerDatabase, needs: SessionNeeds, count: int, what: str, expected: Sequence[str]
) -> Iterator[tuple[Cluster, Journal]]:
    """Open sessions and the one that keeps the record, and close them whatever happens.

    Args:
        count: how many sessions are of use; no more are opened.
        what: runs in them, for the notice that says that none can be opened.
        expected: what the caller's session sees, as `fingerprints` tells it.
    """
    setup = Setup(
        common=SessionSetup(
            datasets={name: partition_query(table) for name, table in needs.datasets.items()},
            variables=needs.datasets[TRAINING].variables,
            threads=needs.resources.threads,
            caching=needs.caching,
            functions=None if needs.functions is None else needs.functions.name.table,
        ),
        gpus=of_sessions(needs.hosts, count),
        definitions=needs.definitions,
        fingerprints=_fingerprint_queries(needs),
    )
    cluster: Cluster
    journal: Outbox | None = None
    where = segment_map(db, needs.datasets, needs.caching) if db.dialect.segmented else None
    try:
        journal, cluster = _Opening(db, setup, needs, min(needs.resources.sessions, count), where, what, expected).connected()
    except (Unreachable, Invisible) as problem:
        turn = "one hop after the other" if where is None else "one hop of each segment at a time"
        db.notice(f"{what} runs in this session, {turn}: {problem}")
        cluster = CallerSession(db, setup) if where is None else CallerSegments(db, setup, where)
    well = False
    try:
        yield cluster, journal or db
        well = True
    finally:
        cluster.close(well=well)
        if journal is not None:
            journal.close()


def open_sessions(db: CallerDatabase, setup: Setup, count: int, name: str, what: str) -> Cluster:
    """Open sessions that read no tables; whoever opens them closes them.

    Args:
        count: how many at most; 0 for the caller's own session.
        name: of the sessions, in pg_stat_activity.
        what: runs in them, for the notice that says that none can be opened.
    """
    try:
        if count == 0:
            raise Unreachable("keras_automl.sessions is 0")
        _queue_of_several(db)
        address = own_address(db)
        kept = keeper(db, address, setup.common.threads)
        return Sessions(address, setup, count, (), Terms(name, db.interrupt, warn=db.warning, keeper=kept))
    except Unreachable as problem:
        db.notice(f"{what} runs in this session: {problem}")
        return CallerSession(db, setup)


@contextmanager
def one_session(db: CallerDatabase, definitions: tuple[Definition, ...], what: str) -> Iterator[Cluster]:
    """Open a session that has architectures and no rows, and close it whatever happens; `what` is that of `open_sessions`."""
    resources = available(db, this_machine())
    setup = Setup(SessionSetup(threads=resources.threads), definitions=definitions)
    cluster, well = open_sessions(db, setup, min(1, resources.sessions), "keras_automl file", what), False
    try:
        yield cluster
        well = True
    finally:
        cluster.close(well=well)


def _queue_of_several(db: CallerDatabase) -> Queue | None:
    """Return the queue that bounds how many statements of the caller are active, if there is one.

    Raises:
        Unreachable: it lets none be active beside the caller's own.
    """
    queue = db.dialect.queue(db)
    if queue is not None and queue.statements == 1:
        raise Unreachable(f'resource queue "{queue.name}" lets one statement be active, which is this one')
    return queue


def fingerprints(db: Journal, needs: SessionNeeds) -> tuple[str, ...]:
    """Return what tells whether two sessions, or two calls, see the same rows."""
    return tuple(str(db.execute(statement)[0]["fingerprint"]) for statement in _fingerprint_queries(needs))


def _fingerprint_queries(needs: SessionNeeds) -> tuple[str, ...]:
    functions = () if needs.functions is None else (needs.functions.fingerprint,)
    return (*(fingerprint(table) for table in needs.datasets.values()), *functions)


@dataclass(frozen=True)
class _Opening:
    """The connections of a call back to the server, about to be opened; arguments as those of `open_cluster`.

    Attributes:
        count: how many sessions are wanted.
        where: the partitions lie, on segments.
    """

    db: CallerDatabase
    setup: Setup
    needs: SessionNeeds
    count: int
    where: SegmentMap | None
    what: str
    expected: Sequence[str]

    def connected(self) -> tuple[Outbox, Cluster]:
        """Open the record and the sessions, when it is their turn.

        Raises:
            Unreachable, Invisible: they are of no use.
        """
        if self.count == 0:
            raise Unreachable("keras_automl.sessions is 0")
        at_once = self._at_once()
        address = own_address(self.db)
        kept = keeper(self.db, address, self.needs.resources.threads)
        try:
            return self._connected(address, kept, at_once)
        except Unreachable:
            if not kept.make_room():
                raise
            return self._connected(address, kept, at_once)

    def _connected(self, address: Address, kept: Keeper, at_once: int | None) -> tuple[Outbox, Cluster]:
        if not self.needs.trains:
            self._say(self._number)
            return self._open(address, Terms("keras_automl", self.db.interrupt, None, at_once, self.db.warning, kept))
        total, least = self.needs.resources.total, self._number if self.where else 1
        turns = Turns(address, self.what, self.db.interrupt, self.db.info, total, least)
        with turns.turn() as room:
            self._say(room)
            return self._open(address, Terms("keras_automl", self.db.interrupt, turns, at_once, self.db.warning, kept))

    @property
    def _number(self) -> int:
        return self.count if self.where is None else len(self.where.places)

    def _say(self, room: int) -> None:
        sessions = f"{self._number} {'session' if self._number == 1 else 'sessions'}"
        if room < self._number:
            sessions = f"{room} of {sessions}, for {TOTAL_SESSIONS.name} is {self.needs.resources.total},"
        self.db.info(f"{self.what} opens {sessions} and waits for TensorFlow to be imported there")

    def _at_once(self) -> int | None:
        """Return how many sessions may do something at the same time; None for all."""
        queue = _queue_of_several(self.db)
        if queue is None:
            return None
        at_once = max(1, queue.statements - 2)  # beside this statement and those of the record
        if at_once < self._number:
            self.db.notice(
                f"{at_once} of {self._number} sessions {'works' if at_once == 1 else 'work'} at a time: resource queue"
                f' "{queue.name}" lets {queue.statements} statements be active, with this one and those of the record'
            )
        return at_once

    def _open(self, address: Address, terms: Terms) -> tuple[Outbox, Cluster]:
        journal = Outbox(address, "keras_automl record", self.db.interrupt, self.db.warning)
        try:
            journal.execute("SELECT 1 AS one FROM madlib.automl_runs LIMIT 0")
            if self.where is not None:
                return journal, SegmentSessions(address, self.setup, self.where, self.expected, terms)
            return journal, Sessions(address, self.setup, self.count, self.expected, terms)
        except psycopg.Error as problem:
            journal.close()
            raise Invisible(str(problem).splitlines()[0]) from None
        except BaseException:
            journal.close()
            raise
