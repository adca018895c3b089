"""Trials that train in sessions of their own: one database connection each, all of them at work at the same time.

One thread serves them all: it waits on their sockets and gives a session its next order as soon as an answer is there. It
speaks to libpq directly, because an order and its answer are two messages and nothing more is needed between them.

A session keeps one transaction open, so that it holds its (weakest) lock on the tables: nobody can drop them while a search
reads them, and no lock that queues up behind ours can stop it in the middle.

A session that is lost is replaced: at once, and if that cannot be, or the next one is lost as well, after pauses that grow. The
others go on meanwhile. It is the end when none is left.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from automl.cluster.connection import Address, Complaint, Unreachable
from automl.cluster.driver import pq, psycopg
from automl.cluster.interface import Outcome
from automl.cluster.keeping import Conditions, Keeper
from automl.cluster.login import cancel, login, said
from automl.cluster.orders import Setup, Work
from automl.cluster.session import Place, Session, Step, saying
from automl.cluster.statements import REST, Call, Exchange, Statement, defining, exchange, opening, selected, spelled
from automl.cluster.terms import Refused, Terms
from automl.errors import OperatorError

_LOOK_FOR_CANCEL = 0.1  # seconds
_LONGEST_WAIT = 1.0  # seconds, after which whoever waits may look at other things
_MOST_LOST = 8  # sessions one after the other, none of which has worked
_CANCELLING = 0.5  # seconds that the server has to cancel what sessions do at the end
_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE


class Invisible(Exception):
    """A session does not see the rows that the caller sees: the caller's transaction has not committed them."""


class Sessions:
    """The cluster of sessions that connect back to the server.

    Args:
        address: of the server.
        setup: what each session is told before its first order.
        count: how many sessions to open; fewer do as well, and others are opened when they can be.
        expected: for each of the setup's fingerprints what the caller's own session sees.
        terms: on which they are opened.

    Raises:
        Unreachable: not even one session could be opened.
        Invisible: the sessions do not see what the caller sees.
    """

    kind = "sessions"
    _patience = 5.0  # seconds without a session, after which none is expected any more

    def __init__(
        self,
        address: Address,
        setup: Setup,
        count: int,
        expected: Sequence[str],
        terms: Terms,
    ) -> None:
        self._address = address
        self._setup = setup
        self._expected = tuple(expected)
        self._terms = terms
        self._versions = ""
        self._lost = 0  # since one has worked
        self._why = self._problem = ""
        self._missing_since: float | None = None
        self._selector = selectors.DefaultSelector()
        self._places = [Place() for _ in range(count)]
        try:
            self._open_all()
        except BaseException:
            self.close()
            raise

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return [None] * len(self._places)

    @property
    def present(self) -> int:
        return len(list(self._sessions))

    def idle(self) -> list[int]:
        idle = [session for session in self._sessions if session.idle]
        if self._terms.at_once is None:
            return [session.number for session in idle]
        # Who has waited longest goes first, where not all can; but all are named, as there may be nothing for the first.
        return [session.number for session in sorted(idle, key=lambda session: session.begun)] if self._room else []

    def begin(self, session: int, work: Work) -> None:
        chosen = self._places[session].session
        assert chosen is not None
        chosen.task, chosen.begun, chosen.working = work.task, time.monotonic(), True
        chosen.pending = deque(self._steps(chosen, work))
        if self._room:  # else it waits for its turn
            self._start(chosen)

    def wait(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        end = time.monotonic() + _LONGEST_WAIT
        while not outcomes and time.monotonic() < end:
            self._terms.interrupt()
            idle_before = len(self.idle())
            for session in [each for each in self._sessions if each.broken]:
                outcomes += self._died(session, str(session.broken))
            self._fill_places()
            for key, _ in self._selector.select(0 if outcomes else _LOOK_FOR_CANCEL):
                outcomes += self._serve(key.data)
            self._start_waiting()
            if len(self.idle()) > idle_before:
                break
        return outcomes

    def versions(self) -> str:
        return self._versions or "{}"

    def close(self, *, well: bool = False) -> None:
        until, keeper = time.monotonic() + _CANCELLING, self._terms.keeper
        for session in self._sessions:
            if session.current is not None:
                cancel(session.pgconn, until)
        for session in self._sessions:
            if well and keeper and session.idle and not session.broken:
                keeper.keep(session.pgconn, self._conditions(keeper, session.number), REST.select() + self._at(session.number))
            else:
                session.pgconn.finish()
        self._selector.close()

    def _conditions(self, keeper: Keeper, number: int) -> Conditions:
        setup = self._setup.of_session(number)
        return keeper.conditions(setup.threads, setup.gpus)

    def _at(self, number: int) -> str:
        """Return the end of a statement that makes it run where a session's process is."""
        return ""

    @property
    def _sessions(self) -> Iterator[Session]:
        return (place.session for place in self._places if place.session is not None)

    # --- opening --------------------------------------------------------------------------------------------------------

    def _open_all(self) -> None:
        for number, place in enumerate(self._places):
            try:
                place.session = self._open(number)
            except Unreachable:
                if number == 0 or self._all_needed():
                    raise
                for later in self._places[number:]:  # max_connections, CONNECTION LIMIT
                    later.put_off()
                break
            if number == 0:
                self._compare(place.session)
            self._prepare(place.session, self._first_steps(place.session))

    def _all_needed(self) -> bool:
        """Whether fewer sessions than asked for are of no use."""
        return False

    def _open(self, number: int) -> Session:
        name, keeper = f"{self._terms.name} session {number + 1}", self._terms.keeper
        if keeper is None:
            pgconn = login(self._address, name, self._terms.interrupt)
        else:
            pgconn = keeper.connect(self._conditions(keeper, number), name)
        try:
            if self._terms.gate is not None:
                self._terms.gate.admit(pgconn)
        except psycopg.Error as problem:
            pgconn.finish()
            raise Unreachable(str(problem)) from None
        except BaseException:
            pgconn.finish()
            raise
        session = Session(number, pgconn)
        self._selector.register(pgconn.socket, selectors.EVENT_READ, session)
        return session

    def _compare(self, session: Session) -> None:
        try:
            results = [said(session.pgconn, statement, self._terms.interrupt) for statement in self._setup.fingerprints]
        except psycopg.Error as error:
            raise Invisible(str(error)) from None
        if [(result.get_value(0, 0) or b"").decode() for result in results] != list(self._expected):
            raise Invisible("another session sees other rows")

    def _prepare(self, session: Session, steps: Iterable[Step]) -> None:
        """Let a session do something before its next order."""
        session.ready, session.working = False, False
        session.pending = deque(steps)
        self._start_waiting()

    def _first_steps(self, session: Session) -> list[Step]:
        """Return what a session does before its first order: the transaction, the locks, TensorFlow, the architectures."""
        setup = self._setup
        return [
            *self._transaction(session),
            Step(self._spelled(session, opening(setup.of_session(session.number))), introduces=True),
            *(Step(self._spelled(session, defining(each))) for each in setup.definitions),
        ]

    def _transaction(self, session: Session) -> list[Step]:
        """Return what begins a session's transaction, which holds its locks."""
        return [Step(saying(Statement("BEGIN"))), *map(Step, self._locks(session))]

    def _locks(self, session: Session) -> list[Exchange[Statement]]:
        """Return the exchanges by which a session takes its locks on the packed tables."""
        queries = self._setup.common.datasets.values()
        return [saying(Statement(f"SELECT 1 FROM ({query}) q LIMIT 0", (0,))) for query in queries]

    # --- what is said ---------------------------------------------------------------------------------------------------

    def _steps(self, session: Session, work: Work) -> list[Step]:
        """Return what a session does to have a piece of work done."""
        return [Step(self._spelled(session, exchange(work.order)))]

    def _spelled(self, session: Session, calls: Exchange[Call]) -> Exchange[Statement]:
        """Return calls as the statements that this session makes of them."""
        return spelled(calls, selected)

    @property
    def _room(self) -> int:
        """How many sessions more may do something now."""
        busy = sum(session.current is not None for session in self._sessions)
        return len(self._places) if self._terms.at_once is None else max(0, self._terms.at_once - busy)

    def _start_waiting(self) -> None:
        """Start what waits, as far as it may."""
        for session in self._sessions:
            if session.waits and self._room:
                self._start(session)

    def _start(self, session: Session) -> None:
        session.current = session.pending.popleft()
        self._say(session, next(session.current.exchange))

    def _say(self, session: Session, statement: Statement) -> None:
        try:
            session.send(statement)
            self._flush(session)
        except (psycopg.OperationalError, ValueError) as error:  # a ValueError where libpq has closed the socket
            session.broken = str(error).strip()

    def _flush(self, session: Session) -> None:
        events = _WRITE if session.pgconn.flush() else selectors.EVENT_READ
        self._selector.modify(session.pgconn.socket, events, session)

    # --- what comes -----------------------------------------------------------------------------------------------------

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
        return self._ended(session, session.current, result)

    def _ended(self, session: Session, step: Step, result: pq.abc.PGresult) -> list[Outcome]:
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            return self._failed(session, Complaint.of(result))
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
            self._start(session)
            return []
        return self._done(session, answer)

    def _done(self, session: Session, answer: Any) -> list[Outcome]:
        """Note that a session has done all that it had to do."""
        if not session.working:
            session.ready = True
            return []
        self._lost = 0
        self._places[session.number].has_worked()
        return [_outcome(session, answer=answer)]

    def _failed(self, session: Session, complaint: Complaint) -> list[Outcome]:
        if session.pgconn.status == pq.ConnStatus.BAD:
            return self._died(session, complaint.message)
        if not session.working:
            return self._not_ready(session, complaint)
        # The statement failed as a whole, so its transaction did too.
        outcome = _outcome(session, lost=complaint.message)
        session.current = None
        self._prepare(session, [Step(saying(Statement("ROLLBACK"))), *self._transaction(session)])
        return [outcome]

    def _not_ready(self, session: Session, complaint: Complaint) -> list[Outcome]:
        """Do without a session that cannot get ready, if there are others, or were."""
        self._leave(session, f"it could not be prepared: {complaint.message}")
        if not self.present and not self._versions:
            raise OperatorError(
                f"a session of the search could not be prepared: {complaint.message}",
                hint=complaint.hint,
                sqlstate=complaint.sqlstate,
            )
        return []

    # --- sessions that are lost -----------------------------------------------------------------------------------------

    def _died(self, session: Session, why: str) -> list[Outcome]:
        """Let a session go that died; its work comes back as lost."""
        outcomes = [_outcome(session, lost=f"the session died: {why}")] if session.working else []
        self._leave(session, why)
        return outcomes

    def _leave(self, session: Session, why: str) -> None:
        self._selector.unregister(_key(self._selector, session))
        session.pgconn.finish()
        self._places[session.number].leave()
        self._lost, self._why = self._lost + 1, next(iter(why.splitlines()), "unknown")

    def _fill_places(self) -> None:
        """Open the sessions that are missing, where it is time to try.

        Raises:
            OperatorError: none is left.
        """
        for number, place in enumerate(self._places):
            if place.is_due:
                try:
                    place.session = self._open(number)
                except Unreachable as problem:
                    self._miss(place, problem)
                else:
                    self._prepare(place.session, self._first_steps(place.session))
        self._require_some()

    def _miss(self, place: Place, problem: Unreachable) -> None:
        """Note that a place cannot be filled now."""
        self._problem = str(problem)
        if isinstance(problem, Refused):
            self._missing_since = None  # its turn will come
        elif place.was_lost:
            others = f"it goes on with {self.present} and" if self.present else "it"
            self._terms.warn(
                f"a session of the search was lost ({self._why}) and cannot be replaced now ({problem}): {others} tries again"
            )
        place.put_off()

    def _require_some(self) -> None:
        """Raise when no session is left, nor to be expected."""
        now = time.monotonic()
        self._missing_since = (self._missing_since or now) if self._is_short else None
        in_vain = self._lost > _MOST_LOST and not any(session.ready for session in self._sessions)
        if in_vain or (self._missing_since is not None and now - self._missing_since > self._patience):
            cannot = "" if in_vain else f", and cannot be replaced: {self._problem}"
            raise OperatorError(
                f"{'no' if not self.present else 'too few'} sessions of the search are left; the last was lost with:"
                f" {self._why}{cannot}",
                hint="The server's log says why; memory is the usual reason: lower keras_automl.sessions.",
            )

    @property
    def _is_short(self) -> bool:
        """Whether the search cannot go on with the sessions that are there."""
        return not self.present


def _outcome(session: Session, answer: Any = None, lost: str | None = None) -> Outcome:
    """Return what has become of a session's work, which it has no more."""
    session.working = False
    return Outcome(session.number, session.task, answer, lost, time.monotonic() - session.begun)


def _key(selector: selectors.BaseSelector, session: Session) -> int:
    # Not the connection's own number, which is gone when libpq has closed the socket.
    return next(key.fd for key in selector.get_map().values() if key.data is session)
