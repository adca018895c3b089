"""Opening the sessions of a call, and the one that keeps its record; in the caller's own session where that is not possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from automl.cluster.caller import CallerSession
from automl.cluster.connection import Unreachable, own_address
from automl.cluster.driver import psycopg
from automl.cluster.interface import Cluster
from automl.cluster.orders import Setup
from automl.cluster.outbox import Outbox
from automl.cluster.resources import Resources
from automl.cluster.segments import CallerSegments, SegmentMap, SegmentSessions, segment_map
from automl.cluster.sessions import Invisible, Sessions
from automl.data.packed_queries import fingerprint, partition_query
from automl.data.packed_table import PackedTable
from automl.database.session import CallerDatabase, Journal
from automl.hosts.assignment import Host, of_sessions
from automl.models.custom_functions import FunctionTable
from keras_seg.protocol.orders import TRAINING, Definition, SessionSetup


@dataclass(frozen=True)
class SessionNeeds:
    """What the sessions of a call need.

    Attributes:
        datasets: the packed tables by the names that orders know them by.
        definitions: the architectures.
        caching: whether a session keeps decoded partitions in memory.
        hosts: for each session the host that it trains on, where it is to train on a GPU; on PostgreSQL one for all.
        functions: the table of custom functions, if there is one.
    """

    datasets: Mapping[str, PackedTable]
    definitions: tuple[Definition, ...]
    resources: Resources
    caching: bool = False
    hosts: tuple[Host, ...] | None = None
    functions: FunctionTable | None = None


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
    wanted = min(needs.resources.sessions, count)
    if wanted:
        number = wanted if where is None else len(where.places)
        db.info(
            f"{what} opens {number} {'session' if number == 1 else 'sessions'} and waits for TensorFlow to be imported there"
        )
    try:
        journal, cluster = _connected(db, setup, wanted, where, expected)
    except (Unreachable, Invisible) as problem:
        turn = "one hop after the other" if where is None else "one hop of each segment at a time"
        db.notice(f"{what} runs in this session, {turn}: {problem}")
        cluster = CallerSession(db, setup) if where is None else CallerSegments(db, setup, where)
    try:
        yield cluster, journal or db
    finally:
        cluster.close()
        if journal is not None:
            journal.close()


def fingerprints(db: Journal, needs: SessionNeeds) -> tuple[str, ...]:
    """Return what tells whether two sessions, or two calls, see the same rows."""
    return tuple(str(db.execute(statement)[0]["fingerprint"]) for statement in _fingerprint_queries(needs))


def _fingerprint_queries(needs: SessionNeeds) -> tuple[str, ...]:
    functions = () if needs.functions is None else (needs.functions.fingerprint,)
    return (*(fingerprint(table) for table in needs.datasets.values()), *functions)


def _connected(
    db: CallerDatabase, setup: Setup, count: int, where: SegmentMap | None, expected: Sequence[str]
) -> tuple[Outbox, Cluster]:
    if count == 0:
        raise Unreachable("keras_automl.sessions is 0")
    address = own_address(db)
    journal = Outbox(address, "keras_automl record", db.interrupt, db.warning)
    try:
        journal.execute("SELECT 1 AS one FROM madlib.automl_runs LIMIT 0")
        if where is not None:
            return journal, SegmentSessions(address, setup, where, expected, db.interrupt, "keras_automl")
        return journal, Sessions(address, setup, count, expected, db.interrupt, "keras_automl")
    except psycopg.Error as problem:
        journal.close()
        raise Invisible(str(problem).splitlines()[0]) from None
    except BaseException:
        journal.close()
        raise
