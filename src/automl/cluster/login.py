"""Logging in, and what is said before a session has an event loop of its own: nothing here is deaf while it waits."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass

from automl.cluster.connection import Address, Unreachable
from automl.cluster.driver import pq, psycopg, sql
from automl.cluster.waits import READ, WRITE, Wait, Waiting, run_through
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION
from keras_seg.server.failure import without_class

_LONGEST = 5.0  # seconds that a server has for a login
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
    owner = pwd.getpwuid(os.geteuid()).pw_name
    problem = Unreachable("unknown")
    for role in dict.fromkeys((address.role, owner) if address.superuser else (address.role,)):
        try:
            pgconn = run_through(_connecting(_words(address, role, name)), interrupt, time.monotonic() + _LONGEST)
        except TimeoutError:
            problem = Unreachable(f"the server does not answer within {_LONGEST:.0f} s")
        except Unreachable as refused:
            problem = refused
        else:
            if role != address.role:
                name_of_role = sql.Identifier(address.role).as_string(None)
                said(pgconn, f"SET SESSION AUTHORIZATION {name_of_role}", interrupt)
            return pgconn
    raise problem


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


def _words(address: Address, role: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host=address.directory,
        port=address.port,
        dbname=address.database,
        user=role,
        application_name=name,
        client_encoding="utf8",
        options=address.settings,
    )


def _connecting(words: str) -> Waiting[pq.abc.PGconn]:
    pgconn = pq.PGconn.connect_start(words.encode())
    try:
        while pgconn.status != pq.ConnStatus.BAD and (status := pgconn.connect_poll()) != pq.PollingStatus.FAILED:
            if status == pq.PollingStatus.OK:
                pgconn.nonblocking = 1
                return pgconn
            yield Wait(pgconn.socket, _EVENTS[pq.PollingStatus(status)])
        raise Unreachable(_last_line(pgconn.get_error_message("utf-8")))
    except BaseException:
        pgconn.finish()
        raise


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


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line]
    return lines[-1].strip() if lines else "unknown"
