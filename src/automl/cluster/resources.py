"""What the sessions of a call may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.cluster.keeping import kept_here
from automl.data import packed_queries
from automl.data.packed_table import PackedTable
from automl.data.placement import segments_of
from automl.database.session import Database
from automl.database.settings import CACHE_MEMORY, SESSIONS, STATE_MEMORY, THREADS, TOTAL_SESSIONS, read_setting
from automl.errors import INSUFFICIENT_RESOURCES, UsageError
from automl.hosts import gpus
from automl.hosts.assignment import Host, default_sessions
from automl.hosts.machine import Machine
from keras_seg.protocol.estimates import Load

_MB = 2**20


@dataclass(frozen=True)
class Resources:
    """What a search may use.

    Attributes:
        sessions: how many sessions train at the same time, at most.
        threads: threads of TensorFlow in a session.
        memory: bytes of resting states in the coordinator's memory.
        cache: bytes of decoded rows in the memory of all sessions together.
        total: how many sessions train at the same time for all callers together, at most.
    """

    sessions: int
    threads: int
    memory: int
    cache: int
    total: int


def available(db: Database, machine: Machine, hosts: Sequence[Host] | None = None, threads: int | None = None) -> Resources:
    """Read the settings that say what may be used.

    Args:
        machine: what the server's machine carries: the defaults of the settings.
        hosts: of the sessions, where they are to train on GPUs.
        threads: of TensorFlow, where it is known already, as of a run that is to go on.

    Raises:
        AutomlError: a setting is out of its bounds.
    """
    of_machine = max(machine.sessions, kept_here())  # whose memory is not free, but theirs
    sessions = default_sessions(hosts[0], of_machine) if hosts else of_machine
    return Resources(
        sessions=read_setting(db, SESSIONS, sessions),
        threads=read_setting(db, THREADS) if threads is None else threads,
        memory=read_setting(db, STATE_MEMORY),
        cache=read_setting(db, CACHE_MEMORY, machine.memory // 2),
        total=read_setting(db, TOTAL_SESSIONS, machine.total_sessions * _hosts(db)),
    )


def hosts_of_training(db: Database, use_gpus: bool | None, training: PackedTable | None) -> tuple[Host, ...] | None:
    """Return for each session the host that it trains on, with its GPUs; None if GPUs are not asked for.

    Args:
        training: the table that is trained on; None where it is not known, for all hosts.
    """
    return gpus.hosts_of_sessions(db, segments_of(db, training)) if use_gpus else None


def load_of(db: Database, sessions: int, resources: Resources) -> Load:
    """Return what trains on one host at the same time, the server's own or each of those that have segments.

    Args:
        sessions: that were opened.
    """
    hosts = _hosts(db)
    return Load(max(1, sessions // hosts), resources.memory if hosts == 1 else 0)  # states rest where the caller's session is


def _hosts(db: Database) -> int:
    """Return on how many hosts sessions train."""
    return len({segment.host for segment in db.dialect.segments(db)}) or 1


def require_cache(db: Database, tables: Sequence[PackedTable | None], resources: Resources) -> None:
    """Raise unless the decoded rows fit into the memory of the sessions, each of which may come to hold all of them."""
    one = sum(packed_queries.decoded_bytes(db, table) for table in tables if table is not None)
    sessions = max(1, resources.sessions)
    if one * sessions > resources.cache:
        raise UsageError(
            "use_caching",
            f"needs {one // _MB} MB in each of {sessions} sessions, and keras_automl.cache_memory_mb allows"
            f" {resources.cache // _MB} MB together",
            True,
            hint="Leave it out, lower keras_automl.sessions, or raise keras_automl.cache_memory_mb.",
            sqlstate=INSUFFICIENT_RESOURCES,
        )
