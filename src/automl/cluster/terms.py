"""On what terms sessions are opened, and how many of them may work at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from automl.cluster.connection import Unreachable
from automl.cluster.driver import pq
from automl.cluster.keeping import Keeper


class Refused(Unreachable):
    """One session more may not be opened now, though the server would let it."""


class Gate(Protocol):
    """Says whether one session more may be opened."""

    def admit(self, pgconn: pq.abc.PGconn) -> None:
        """Let a session in, for as long as its connection lasts.

        Raises:
            Refused: it may not come in now.
        """


@dataclass(frozen=True)
class Terms:
    """On what terms sessions are opened and work.

    Attributes:
        name: of the sessions, shown in pg_stat_activity.
        interrupt: raises a cancellation of the caller's statement that is pending.
        gate: lets them in; None for one that is open.
        at_once: how many of them may do something at the same time; None for all.
        warn: tells the caller that sessions are missing.
        keeper: has sessions of earlier calls, and takes those that this one leaves; None where none is kept.
    """

    name: str
    interrupt: Callable[[], None]
    gate: Gate | None = None
    at_once: int | None = None
    warn: Callable[[str], None] = lambda text: None
    keeper: Keeper | None = None
