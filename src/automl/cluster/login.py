"""Logging in, and what is said before a session has an event loop of its own: nothing here is deaf while it waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from automl.cluster.connection import Address, dialling
from automl.cluster.driver import pq, psycopg
from automl.cluster.waits import READ, WRITE, Wait, Waiting, run_through
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION
from keras_seg.server.failure import without_class

_EVENTS = {pq.PollingStatus.READING: READ, pq.PollingStatus.WRITING: WRITE}


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


def login(address: Address, name: str, interrupt: Callable[[], None]) -> pq.abc.PGconn:
    """Connect as the calling role, for a superuser as the owner of the cluster where the role's own login is refused.

    Args:
        name: shown as the application_name in pg_stat_activity.
        interrupt: raises a cancellation that is pending; called all the while.

    Raises:
        Unreachable: the server does not let us; the text is the server's, and what would allow it.
    """
    pgconn = run_through(dialling(address, name), interrupt)
    pgconn.nonblocking = 1
    return pgconn


def said(pgconn: pq.abc.PGconn, statement: str, interrupt: Callable[[], None]) -> pq.abc.PGresult:
    """Run a statement and return its result, in texts.

    Raises:
        psycopg.Error: it failed, or the connection did.
    """
    return run_through(_answering(pgconn, statement), interrupt)


def cancel(pgconn: pq.abc.PGconn, until: float) -> None:
    """Have the server cancel what a session is doing, unless it does not answer until then."""
    try:
        run_through(_cancelling(pgconn), lambda: None, until)
    except (TimeoutError, psycopg.Error):  # the session may have ended by itself
        return


def _answering(pgconn: pq.abc.PGconn, statement: str) -> Waiting[pq.abc.PGresult]:
    pgconn.send_query(statement.encode())
    while pgconn.flush():
        yield Wait(pgconn.socket, READ | WRITE)
        pgconn.consume_input()
    while pgconn.is_busy():
        yield Wait(pgconn.socket, READ)
        pgconn.consume_input()
    result = pgconn.get_result()
    if result is None:
        raise psycopg.OperationalError("the connection is closed")
    while pgconn.get_result() is not None:
        pass
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise psycopg.DatabaseError(Complaint.of(result).message)
    return result


def _cancelling(pgconn: pq.abc.PGconn) -> Waiting[None]:
    request = pgconn.cancel_conn()
    request.start()
    try:
        while (status := pq.PollingStatus(request.poll())) in _EVENTS:
            yield Wait(request.socket, _EVENTS[status])
    finally:
        request.finish()
