"""Many searches at once: how many sessions train on the server together, and whose turn it is to open some.

Everything is locks, which go with the connections that hold them; `pg_locks` shows those of all databases to everybody:

    a session that trains   holds a lock that they all share; so many are at work
    a search that waits     holds a ticket: a lock whose number is one more than that of the last in line
    who opens sessions      holds a lock that one has at a time, so that no two count the same room

The search with the least number has the turn. It looks some times a second whether there is room, with statements that are over
at once: one that waited in the server would take a place in a resource queue of Greenplum from the session that it waits for.

A search begins as soon as there is room for one session, or for all if it needs all of them. It asks for those that are missing
later, but comes in only when nobody is in line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from automl.cluster.connection import Address, Unreachable
from automl.cluster.driver import pq, psycopg
from automl.cluster.login import login, said
from automl.cluster.terms import Refused
from automl.cluster.waits import pause, run_through
from automl.database.locks import HELD, OWN_DATABASE, Lock
from automl.database.settings import TOTAL_SESSIONS

_LOOK_FOR_ROOM = 0.25  # seconds between two looks
_QUIET, _REMINDER = 0.5, 60.0  # seconds before somebody is told that it waits, and between that and the next time

_TICKETS, _SESSIONS = f"{HELD} = {int(Lock.TICKET)}", f"{HELD} = {int(Lock.SESSION)}"
_NEXT = f"SELECT coalesce(pg_catalog.max(objid::bigint), 0) + 1 {_TICKETS}"
_TAKE = f"SELECT pg_catalog.pg_try_advisory_lock({int(Lock.TICKET)}, {{}})"
_BEFORE = f"SELECT pg_catalog.count(*) {_TICKETS} AND (objid::bigint, database::bigint) < ({{}}, {OWN_DATABASE}::bigint)"
_PRESENT = f"SELECT pg_catalog.count(*) {_SESSIONS}"
_OPEN = f"SELECT pg_catalog.pg_try_advisory_lock({int(Lock.TURN)}, 0)"
_OPENED = f"SELECT pg_catalog.pg_advisory_unlock({int(Lock.TURN)}, 0)"
_ENTER = f"SELECT pg_catalog.pg_advisory_lock_shared({int(Lock.SESSION)}, 0)"

_EVERYBODY = 2**31  # is behind every ticket


@dataclass
class Turns:
    """The gate through which the sessions of a search come.

    Args:
        address: of the server.
        what: waits for its turn, as in "the search".
        interrupt: raises a cancellation that is pending.
        tell: says something to the caller.
        total: how many sessions may train on the server together.
        least: how many of them the search needs to begin.
    """

    address: Address
    what: str
    interrupt: Callable[[], None]
    tell: Callable[[str], None]
    total: int
    least: int = 1
    _room: int = field(default=0, init=False)  # for sessions, while it is our turn to open some
    _open: bool = field(default=False, init=False)

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait for the turn of this search, and yield for how many sessions there is room; its turn ends with this.

        Raises:
            Unreachable: the server lets nobody wait.
        """
        waiting = login(self.address, "keras_automl waiting", self.interrupt)
        try:
            self._wait(waiting)
            self._open = True
            yield self._room
        except psycopg.Error as problem:
            raise Unreachable(str(problem)) from None
        finally:
            self._open = False
            waiting.finish()

    def admit(self, pgconn: pq.abc.PGconn) -> None:
        """Let a session in: in turn as long as there is room, later if nobody is in line either."""
        if self._open:
            self._enter(pgconn)
            return
        if not self._yes(pgconn, _OPEN):
            raise Refused("another search has its turn")
        if self._number(pgconn, _BEFORE.format(_EVERYBODY)):
            raise Refused("other searches wait for their turn")
        self._room = self._free(pgconn)
        self._enter(pgconn)
        said(pgconn, _OPENED, self.interrupt)

    def _enter(self, pgconn: pq.abc.PGconn) -> None:
        if self._room <= 0:
            raise Refused(f"{TOTAL_SESSIONS.name} is {self.total}")
        said(pgconn, _ENTER, self.interrupt)
        self._room -= 1

    def _wait(self, waiting: pq.abc.PGconn) -> None:
        """Stand in line until there is room, and let nobody else open sessions from then on."""
        ticket, begun = self._ticket(waiting), time.monotonic()
        next_word = begun + _QUIET
        while not self._has_turn(waiting, ticket):
            if time.monotonic() >= next_word:
                self._say(waiting, ticket, time.monotonic() - begun)
                next_word = time.monotonic() + _REMINDER
            run_through(pause(_LOOK_FOR_ROOM), self.interrupt)

    def _ticket(self, waiting: pq.abc.PGconn) -> int:
        while True:
            number = self._number(waiting, _NEXT)
            if self._yes(waiting, _TAKE.format(number)):
                return number

    def _has_turn(self, waiting: pq.abc.PGconn, ticket: int) -> bool:
        if self._number(waiting, _BEFORE.format(ticket)) or not self._yes(waiting, _OPEN):
            return False
        self._room = self._free(waiting)
        if self._room >= self.least:
            return True
        said(waiting, _OPENED, self.interrupt)
        return False

    def _say(self, waiting: pq.abc.PGconn, ticket: int, seconds: float) -> None:
        before, present = self._number(waiting, _BEFORE.format(ticket)), self._number(waiting, _PRESENT)
        since = "" if seconds < _REMINDER else f" since {seconds:.0f} s"
        self.tell(
            f"{self.what} waits for its turn{since}: {present} {'session trains' if present == 1 else 'sessions train'},"
            f" {TOTAL_SESSIONS.name} is {self.total}; searches before it: {before}"
        )

    def _free(self, pgconn: pq.abc.PGconn) -> int:
        """Return for how many sessions there is room; a search that needs more than may train alone comes in when none does."""
        return max(self.total, self.least) - self._number(pgconn, _PRESENT)

    def _number(self, pgconn: pq.abc.PGconn, statement: str) -> int:
        return int(said(pgconn, statement, self.interrupt).get_value(0, 0) or b"0")

    def _yes(self, pgconn: pq.abc.PGconn, statement: str) -> bool:
        return said(pgconn, statement, self.interrupt).get_value(0, 0) == b"t"
