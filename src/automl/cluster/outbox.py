"""The session that keeps the record of a call: what is posted there is written while the caller goes on.

Each posting is one transaction, and commits at once, so other sessions see it. One that does not succeed is tried again: when
somebody holds a lock for long, a disk is full, or the connection is lost, which is opened again then. Only where somebody
waits for it is its patience limited. What is written must bear to be written twice: a connection may be lost when the server
has committed and has not said so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from automl.cluster.channel import Channel
from automl.cluster.connection import Address, Unreachable, connect, logging_in
from automl.cluster.driver import psycopg
from automl.cluster.waits import LOOK, WRITE, Wait, Waiting, ready, run_through
from automl.database.session import Row, Statement
from automl.errors import OperatorError, RunDeleted
from keras_seg.server import postmaster

_WARN_AFTER = 60.0  # seconds
_PATIENCE = 300.0  # seconds, of somebody who waits
_AT_ONCE = 0.05  # seconds that going on may take, at most
_TAKEN_WITHIN = 0.005
_OF_A_NEW_ONE = 0.75  # of the time for the last words, on a new connection where the one that is there does not answer
_PAUSES = 0.05, 1.0  # seconds between two tries: the first, the longest
# Whoever deletes a run takes its rows with it, and these need it: a foreign key, or where there is none a look for the run.
_DELETED = (psycopg.errors.ForeignKeyViolation, psycopg.errors.DivisionByZero)
# Classes of SQLSTATE that pass: connections, conflicts of transactions, resources, the operator, the system. A lock that is
# held; a row that a transaction has written that was given up here and has committed meanwhile, which is left out then.
_PASSING = ("08", "40", "53", "57", "58", "55P03", "23505")


def _nothing() -> None:
    """Hear of what was written, and do nothing."""


class Outbox:
    """A session of our own for the record.

    Args:
        address: of the server.
        name: shown in pg_stat_activity.
        interrupt: raises a cancellation of the caller's statement that is pending.
        warn: says something to the caller.

    Raises:
        Unreachable: no connection is possible.
    """

    def __init__(
        self, address: Address, name: str, interrupt: Callable[[], None], warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._address = address
        self._name = name
        self._interrupt = interrupt
        self._warn = warn
        self._work: Waiting[list[Row]] | None = None
        self._wait = Wait()
        self._written: Callable[[], None] = _nothing
        self._between_tries = False
        self._why = ""
        self._moved = time.monotonic()
        self._warned = False
        self._channel: Channel | None = Channel(connect(self._address, name, interrupt))

    def execute(self, sql: str, *values: object) -> list[Row]:
        """Run one statement and return its rows, before what was posted if that does not succeed."""
        while self._work is not None and not self._between_tries:
            self._go_on(LOOK)
            self._look(_PATIENCE)
        if self._work is None:
            self._why, self._moved = "", time.monotonic()
        return run_through(self._kept(lambda channel: channel.run([(sql, values)])), lambda: self._look(_PATIENCE))

    def post(self, statements: Sequence[Statement], written: Callable[[], None] = _nothing) -> None:
        """Have statements executed in one transaction while the caller goes on.

        Args:
            written: is called when they have been committed; only then may others be posted.
        """
        assert self._work is None
        self._work = self._kept(lambda channel: channel.transaction(statements))
        self._wait, self._written = Wait(until=0.0), written
        self._moved, self._warned = time.monotonic(), False
        self.poll()

    def poll(self) -> bool:
        """Go on with what was posted as far as that goes without waiting; return whether it is committed.

        Raises:
            RunDeleted: the run that it is about is not there any more.
            OperatorError: it cannot be written, however often that is tried.
        """
        end = time.monotonic() + _AT_ONCE
        while self._work is not None and time.monotonic() < end and ready(self._wait, self._moment):
            self._step()
        self._complain()
        return self._work is None

    def finish(self, patience: float = _PATIENCE) -> None:
        """Wait until what was posted is committed.

        Args:
            patience: seconds that it may take without getting on.

        Raises:
            RunDeleted, OperatorError: as `poll`; the second one also where the patience ends.
        """
        while self._work is not None:
            self._go_on(LOOK)
            self._look(patience)

    def leave(self, statements: Sequence[Statement], seconds: float) -> None:
        """Write the last words, if that is possible in so many seconds; what is under way after a part of them is given up.

        What was posted may have been answered long ago, by a server that nobody has listened to since: its connection serves,
        and is worth much on Greenplum, where a new one makes a process on each segment. A connection on which nothing is under
        way may be deaf all the same: then they are said again on a new one, which has most of the time, because a busy machine
        takes a while to make it.
        """
        end = time.monotonic() + seconds
        here = end - _OF_A_NEW_ONE * seconds
        under_way, self._work = self._work, None
        if under_way is not None:
            _done(under_way, here)
        idle = self._channel is not None and self._channel.idle
        if idle and self._said(statements, here):
            return
        self._drop()  # what is on its way cannot be called back
        self._said(statements, end)

    def _said(self, statements: Sequence[Statement], until: float) -> bool:
        """Write statements in one transaction; return whether they were written by then."""
        return _done(self._kept(lambda channel: channel.transaction(statements)), until)

    def close(self) -> None:
        self._drop()

    # --- one try after the other --------------------------------------------------------------------------------------------

    def _kept(self, work: Callable[[Channel], Waiting[list[Row]]]) -> Waiting[list[Row]]:
        """Do something on the connection until it succeeds; on a new one where that is lost."""
        pause, longest = _PAUSES
        while True:
            try:
                if self._channel is None:
                    self._channel = Channel((yield from logging_in(self._address, self._name)))
                done = yield from work(self._channel)
            except (psycopg.Error, Unreachable) as error:
                self._stumble(error)
            else:
                return done
            self._between_tries = True
            yield Wait(until=time.monotonic() + pause)
            self._between_tries = False
            pause = min(longest, 2 * pause)

    def _stumble(self, error: psycopg.Error | Unreachable) -> None:
        """Note why a try failed, and raise it if the next one would fail as well."""
        if self._channel is not None and self._channel.lost:
            self._drop()
        elif isinstance(error, psycopg.Error) and error.sqlstate is not None and not error.sqlstate.startswith(_PASSING):
            raise error
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        self._why = said or next(iter(str(error).splitlines()), "") or "the connection is lost"

    def _drop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    @property
    def _moment(self) -> float:
        """Seconds to wait for the server while it takes what is sent: it takes a large state in many small pieces."""
        return _TAKEN_WITHIN if self._wait.events & WRITE and self._stands < LOOK else 0.0

    def _go_on(self, seconds: float) -> None:
        """Wait a moment for what was posted, and go on with it."""
        if ready(self._wait, seconds):
            self._step()

    def _step(self) -> None:
        assert self._work is not None
        try:
            self._wait = next(self._work)
        except StopIteration:
            self._work, self._why = None, ""
            written, self._written = self._written, _nothing  # which knows what was written: it may be large
            written()
        except _DELETED:
            self._work = None
            raise RunDeleted from None
        except psycopg.Error as error:
            self._work = None
            raise self._failure(error.diag.message_primary or str(error), error.sqlstate) from None
        if not self._why:
            self._moved = time.monotonic()

    # --- while it does not succeed ------------------------------------------------------------------------------------------

    @property
    def _stands(self) -> float:
        """Seconds for which nothing has got on."""
        return time.monotonic() - self._moved

    def _look(self, patience: float) -> None:
        self._interrupt()
        self._complain()
        if self._stands > patience:
            raise self._failure(f"{self._reason} for {self._stands:.0f} s")

    def _complain(self) -> None:
        """Say once that what was posted has not been written for long."""
        if self._work is not None and self._stands > _WARN_AFTER and not self._warned:
            self._warned = True
            self._warn(
                f"the record has not been written for {self._stands:.0f} s: {self._reason}; training goes on, and what is not"
                " written stays in memory"
            )

    @property
    def _reason(self) -> str:
        return self._why or "its session does not answer"

    def _failure(self, why: str, sqlstate: str | None = None) -> OperatorError:
        return OperatorError(f"the record cannot be written: {why}", **({"sqlstate": sqlstate} if sqlstate else {}))


def _done(work: Waiting[list[Row]], until: float) -> bool:
    """Go on with something until then; return whether it has succeeded."""
    with suppress(psycopg.Error, TimeoutError):
        run_through(work, _give_up_with_the_server, until)
        return True
    return False


def _give_up_with_the_server() -> None:
    """Raise what the end of the time raises where there is no server any more that could be told anything."""
    if postmaster.is_gone():
        raise TimeoutError
