"""Trials that train in sessions of their own: one database connection each, all of them at work at the same time.

One thread serves them all: it waits on their sockets and gives a session its next order as soon as an answer is there. It
speaks to libpq directly, because an order and its answer are two messages and nothing more is needed between them.

A session keeps one transaction open, so that it holds its (weakest) lock on the tables: nobody can drop them while a search
reads them, and no lock that queues up behind ours can stop it in the middle.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from automl.cluster.connection import Address, Unreachable, connect
from automl.cluster.driver import pq, psycopg
from automl.cluster.interface import Outcome
from automl.cluster.orders import Setup, Work
from automl.cluster.statements import Call, Exchange, Statement, defining, exchange, opening, selected, spelled
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION, OperatorError
from keras_seg.protocol.parts import Raw
from keras_seg.server.failure import without_class

_LOOK_FOR_CANCEL = 0.1  # seconds
_LONGEST_WAIT = 1.0  # seconds, after which whoever waits may look at other things
_MOST_REPLACEMENTS = 8  # of sessions that died, over the whole run
_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE


class Invisible(Exception):
    """A session does not see the rows that the caller sees: the caller's transaction has not committed them."""


@dataclass
class Step:
    """Something that a session does: an exchange of statements.

    Attributes:
        task: of the work that it belongs to; None for what a session does before its first order.
        exchange: what is said, and what makes the answer.
        introduces: whether the answer is what the session says about itself.
    """

    task: Any
    exchange: Exchange[Statement]
    introduces: bool = False


@dataclass
class Session:
    """One connection: what it is doing, and what it still has to do."""

    number: int
    connection: psycopg.Connection[Any]
    pending: deque[Step] = field(default_factory=deque)
    current: Step | None = None
    begun: float = 0.0
    ready: bool = False
    broken: str | None = None

    @property
    def pgconn(self) -> pq.abc.PGconn:
        return self.connection.pgconn

    def send(self, statement: Statement) -> None:
        """Send a statement without waiting for anything."""
        values = [_plain(value) for value in statement.values]
        formats = [pq.Format.BINARY if isinstance(value, Raw) else pq.Format.TEXT for value in statement.values]
        self.pgconn.send_query_params(statement.sql.encode(), values, None, formats, pq.Format.BINARY)


@dataclass(frozen=True)
class Complaint:
    """What a server says of a statement that failed."""

    message: str
    hint: str | None
    sqlstate: str

    @classmethod
    def of(cls, result: pq.abc.PGresult) -> Complaint:
        """Take a result apart; one that says nothing is of a connection that is gone."""
        message, hint, sqlstate = (
            (result.error_field(field) or b"").decode()
            for field in (
                pq.DiagnosticField.MESSAGE_PRIMARY,
                pq.DiagnosticField.MESSAGE_HINT,
                pq.DiagnosticField.SQLSTATE,
            )
        )
        return cls(without_class(message), hint or None, sqlstate or EXTERNAL_ROUTINE_EXCEPTION)


def saying(statement: Statement) -> Exchange[Statement]:
    """Return the exchange of one statement."""
    return (yield statement)


class Sessions:
    """The cluster of sessions that connect back to the server.

    Args:
        address: of the server.
        setup: what each session is told before its first order.
        count: how many sessions to open.
        expected: for each of the setup's fingerprints what the caller's own session sees.
        interrupt: raises a cancellation of the caller's statement that is pending.
        name: shown in pg_stat_activity.

    Raises:
        Unreachable: not even one session could be opened.
        Invisible: the sessions do not see what the caller sees.
    """

    kind = "sessions"

    def __init__(
        self,
        address: Address,
        setup: Setup,
        count: int,
        expected: Sequence[str],
        interrupt: Callable[[], None],
        name: str,
    ) -> None:
        self._address = address
        self._setup = setup
        self._expected = tuple(expected)
        self._interrupt = interrupt
        self._name = name
        self._replaced = 0
        self._versions = ""
        self._selector = selectors.DefaultSelector()
        self._sessions: list[Session] = []
        try:
            self._open_all(count)
        except BaseException:
            self.close()
            raise

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return [None] * len(self._sessions)

    def idle(self) -> list[int]:
        return [session.number for session in self._sessions if session.ready and session.current is None]

    def begin(self, session: int, work: Work) -> None:
        self._sessions[session].begun = time.monotonic()
        first, *rest = self._steps(self._sessions[session], work)
        self._sessions[session].pending = deque(rest)
        self._start(self._sessions[session], first)

    def wait(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        end = time.monotonic() + _LONGEST_WAIT
        while not outcomes and time.monotonic() < end:
            self._interrupt()
            idle_before = len(self.idle())
            for session in [each for each in self._sessions if each.broken]:
                outcomes += self._died(session, str(session.broken))
            for key, _ in self._selector.select(0 if outcomes else _LOOK_FOR_CANCEL):
                outcomes += self._serve(key.data)
            if len(self.idle()) > idle_before:
                break
        return outcomes

    def versions(self) -> str:
        return self._versions or "{}"

    def close(self) -> None:
        for session in self._sessions:
            if session.current is not None:
                _cancel(session)
        for session in self._sessions:
            session.connection.close()
        self._selector.close()

    def _open_all(self, count: int) -> None:
        for number in range(count):
            try:
                session = self._open(number)
            except Unreachable:
                if not self._sessions or self._all_needed():
                    raise
                return  # fewer sessions (max_connections, CONNECTION LIMIT) do as well
            self._sessions.append(session)
            if number == 0:
                self._compare(session)
            self._prepare_session(session)

    def _all_needed(self) -> bool:
        """Whether fewer sessions than asked for are of no use."""
        return False

    def _open(self, number: int) -> Session:
        connection = connect(self._address, f"{self._name} session {number + 1}", self._interrupt)
        connection.pgconn.nonblocking = 1
        session = Session(number, connection)
        self._selector.register(connection.pgconn.socket, selectors.EVENT_READ, session)
        return session

    def _compare(self, session: Session) -> None:
        session.pgconn.nonblocking = 0
        try:
            rows = [session.connection.execute(statement).fetchall() for statement in self._setup.fingerprints]
        except psycopg.Error as error:
            raise Invisible(str(error).splitlines()[0]) from None
        finally:
            session.pgconn.nonblocking = 1
        if [str(row[0]) for ((row),) in rows] != list(self._expected):
            raise Invisible("another session sees other rows")

    def _prepare_session(self, session: Session) -> None:
        """Queue what a session does before its first order."""
        session.ready = False
        session.pending = deque(self._first_steps(session))
        self._start(session, session.pending.popleft())

    def _first_steps(self, session: Session) -> list[Step]:
        """Return what a session does before its first order: the transaction, the locks, TensorFlow, the architectures."""
        setup = self._setup
        return [
            Step(None, saying(Statement("BEGIN"))),
            *(Step(None, lock) for lock in self._locks(session)),
            Step(None, self._spelled(session, opening(setup.of_session(session.number))), introduces=True),
            *(Step(None, self._spelled(session, defining(each))) for each in setup.definitions),
        ]

    def _locks(self, session: Session) -> list[Exchange[Statement]]:
        """Return the exchanges by which a session takes its locks on the packed tables."""
        queries = self._setup.common.datasets.values()
        return [saying(Statement(f"SELECT 1 FROM ({query}) q LIMIT 0", (0,))) for query in queries]

    def _steps(self, session: Session, work: Work) -> list[Step]:
        """Return what a session does to have a piece of work done."""
        return [Step(work.task, self._spelled(session, exchange(work.order)))]

    def _spelled(self, session: Session, calls: Exchange[Call]) -> Exchange[Statement]:
        """Return calls as the statements that this session makes of them."""
        return spelled(calls, selected)

    def _start(self, session: Session, step: Step) -> None:
        session.current = step
        self._say(session, next(step.exchange))

    def _say(self, session: Session, statement: Statement) -> None:
        try:
            session.send(statement)
            self._flush(session)
        except (psycopg.OperationalError, ValueError) as error:  # a ValueError where libpq has closed the socket
            session.broken = str(error).strip()

    def _flush(self, session: Session) -> None:
        events = _WRITE if session.pgconn.flush() else selectors.EVENT_READ
        self._selector.modify(session.pgconn.socket, events, session)

    def _serve(self, session: Session) -> list[Outcome]:
        """Take what came on a session's socket."""
        try:
            session.pgconn.consume_input()
            self._flush(session)
            if session.current is None or session.pgconn.is_busy():
                if session.pgconn.status == pq.ConnStatus.BAD:
                    return self._died(session, "the connection is closed")
                return []
            result = session.pgconn.get_result()
            while session.pgconn.get_result() is not None:
                pass
        except psycopg.OperationalError as error:
            return self._died(session, str(error).strip())
        if result is None:
            return self._died(session, "the connection is closed")
        return self._finished(session, result)

    def _finished(self, session: Session, result: pq.abc.PGresult) -> list[Outcome]:
        step = session.current
        assert step is not None
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            session.current = None
            return self._failed(session, step, Complaint.of(result))
        answer: Any = result.get_value(0, 0) if result.ntuples and result.nfields else None
        try:
            following = step.exchange.send(answer)
        except StopIteration as end:
            session.current, answer = None, end.value
        else:
            self._say(session, following)
            return []
        if step.introduces and not self._versions:
            self._versions = bytes(answer).decode()
        if session.pending:
            self._start(session, session.pending.popleft())
            return []
        if session.ready:
            return [Outcome(session.number, step.task, answer, None, time.monotonic() - session.begun)]
        session.ready = True
        return []

    def _failed(self, session: Session, step: Step, complaint: Complaint) -> list[Outcome]:
        if session.pgconn.status == pq.ConnStatus.BAD:
            session.current = step
            return self._died(session, complaint.message)
        if not session.ready:
            raise OperatorError(
                f"a session of the search could not be prepared: {complaint.message}",
                hint=complaint.hint,
                sqlstate=complaint.sqlstate,
            )
        # The statement failed as a whole, so its transaction did too.
        session.pgconn.nonblocking = 0
        session.pgconn.exec_(b"ROLLBACK")
        session.pgconn.exec_(b"BEGIN")
        session.pgconn.nonblocking = 1
        return [Outcome(session.number, step.task, None, complaint.message, time.monotonic() - session.begun)]

    def _died(self, session: Session, why: str) -> list[Outcome]:
        """Replace a session that died; its work comes back as lost."""
        self._replaced += 1
        step, was_ready = session.current, session.ready
        self._selector.unregister(_key(self._selector, session))
        session.connection.close()
        if self._replaced > _MOST_REPLACEMENTS:
            raise OperatorError(
                f"{self._replaced} sessions of the search died, the last with: {why}",
                hint="The server's log says why; memory is the usual reason: lower keras_automl.sessions.",
            )
        try:
            fresh = self._open(session.number)
        except Unreachable as problem:
            raise OperatorError(f"a session of the search died ({why}) and cannot be replaced: {problem}") from None
        self._sessions[session.number] = fresh
        self._prepare_session(fresh)
        if step is None or not was_ready:
            return []
        return [Outcome(session.number, step.task, None, f"the session died: {why}", time.monotonic() - session.begun)]


def _plain(value: object) -> Any:
    return value if value is None or isinstance(value, Raw) else str(value).encode()


def _cancel(session: Session) -> None:
    with suppress(psycopg.Error):  # it may have ended by itself
        session.pgconn.get_cancel().cancel()


def _key(selector: selectors.BaseSelector, session: Session) -> int:
    # Not the connection's own number, which is gone when libpq has closed the socket.
    return next(key.fd for key in selector.get_map().values() if key.data is session)
