"""What the sessions of a call may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.data import packed_queries
from automl.data.packed_table import PackedTable
from automl.database import catalog
from automl.database.session import Database
from automl.errors import INSUFFICIENT_RESOURCES, UsageError
from automl.hosts.assignment import Host, useful
from automl.hosts.machine import Machine
from keras_seg.protocol.limits import MOST_THREADS

_MB = 2**20


@dataclass(frozen=True)
class Resources:
    """What a search may use.

    Attributes:
        sessions: how many sessions train at the same time, at most.
        threads: threads of TensorFlow a session.
        memory: bytes of resting states in the coordinator's memory.
        cache: bytes of decoded rows in the memory of all sessions together.
    """

    sessions: int
    threads: int
    memory: int
    cache: int


def available(db: Database, machine: Machine, hosts: Sequence[Host] | None = None, threads: int | None = None) -> Resources:
    """Read the settings that say what may be used.

    Args:
        machine: what the server's machine carries: the defaults of the settings.
        hosts: of the sessions, where they are to train on GPUs.
        threads: of TensorFlow, where it is known already, as of a run that is to go on.

    Raises:
        AutomlError: a setting is out of its bounds.
    """
    sessions = useful(hosts[0], machine.sessions) if hosts else machine.sessions
    return Resources(
        sessions=catalog.whole_setting(db, "keras_automl.sessions", sessions, 0, 256),
        threads=catalog.whole_setting(db, "keras_automl.threads", 1, 1, MOST_THREADS) if threads is None else threads,
        memory=catalog.whole_setting(db, "keras_automl.state_memory_mb", 128, 1, 1_000_000) * _MB,
        cache=catalog.whole_setting(db, "keras_automl.cache_memory_mb", machine.memory // 2 // _MB, 1, 100_000_000) * _MB,
    )


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
