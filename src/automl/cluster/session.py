"""One session of a search: a connection, what it is doing and what it still has to do; and its place, which it may leave.

A session that is lost leaves its place empty. Whoever has the place tries to fill it again, at once and then after pauses that
grow, until a session in it has worked.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from automl.cluster.driver import pq
from automl.cluster.statements import Exchange, Statement
from keras_seg.protocol.parts import Raw

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between two tries to fill a place


@dataclass
class Step:
    """Something that a session does: an exchange of statements.

    Attributes:
        exchange: what is said, and what makes the answer.
        introduces: whether the answer is what the session says about itself.
    """

    exchange: Exchange[Statement]
    introduces: bool = False


@dataclass
class Session:
    """One connection: what it is doing, and what it still has to do.

    Attributes:
        number: of its place.
        current: what it does now.
        pending: what it does then.
        task: of the work that it was given, while it has some.
        working: whether it has work; what it does otherwise makes it ready.
        ready: whether it can take work.
        broken: why it cannot be used any more.
    """

    number: int
    pgconn: pq.abc.PGconn
    pending: deque[Step] = field(default_factory=deque)
    current: Step | None = None
    task: Any = None
    begun: float = 0.0
    working: bool = False
    ready: bool = False
    broken: str | None = None

    @property
    def waits(self) -> bool:
        """Whether it has something to do that has not begun."""
        return self.current is None and bool(self.pending)

    @property
    def idle(self) -> bool:
        """Whether it can take work now."""
        return self.ready and not self.working

    def send(self, statement: Statement) -> None:
        """Send a statement without waiting for anything."""
        values = [_plain(value) for value in statement.values]
        formats = [pq.Format.BINARY if isinstance(value, Raw) else pq.Format.TEXT for value in statement.values]
        self.pgconn.send_query_params(statement.sql.encode(), values, None, formats, pq.Format.BINARY)


@dataclass
class Place:
    """Where a session is, or could be.

    Attributes:
        session: None while there is none.
        next_try: the moment to fill it, as `time.monotonic` tells it.
        was_lost: whether it is empty because a session was lost, and nobody has tried yet to replace it.
    """

    session: Session | None = None
    next_try: float = math.inf
    was_lost: bool = False
    _pause: float = 0.0

    def leave(self) -> None:
        """Lose the session in it; unless others before it were lost as soon, it is time at once for the next one."""
        self.session, self.was_lost = None, True
        self._schedule()

    def put_off(self) -> None:
        """Let it be empty for a while."""
        self.was_lost = False
        self._pause = self._pause or _FIRST_PAUSE
        self._schedule()

    def has_worked(self) -> None:
        """Note that the session in it is worth having: if it is lost, it is replaced at once."""
        self._pause = 0.0

    def _schedule(self) -> None:
        self.next_try = time.monotonic() + self._pause
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)

    @property
    def is_due(self) -> bool:
        """Whether it is empty and it is time to fill it."""
        return self.session is None and time.monotonic() >= self.next_try


def saying(statement: Statement) -> Exchange[Statement]:
    """Return the exchange of one statement."""
    return (yield statement)


def _plain(value: object) -> Any:
    return value if value is None or isinstance(value, Raw) else str(value).encode()
