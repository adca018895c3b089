"""Connections back to the server that called us, as the role that called us.

A session of a search reads the user's tables, and behind a table can stand anything that its owner wrote: a view, a policy, a
function in an index. So a session has the rights of the calling role and no others, from its first byte on: it logs in as that
role. (Logging in as the cluster's owner and changing the session's user would leave a way back: RESET SESSION AUTHORIZATION,
in any function behind a view, ends as the owner.) Only for a superuser, who has nothing to gain by it, the owner's login
serves as well.

Where to connect is read from what the postmaster wrote, never from a setting that a user can change.
"""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from automl.cluster.driver import make_conninfo, pq, psycopg, sql
from automl.cluster.waits import READ, WRITE, Wait, Waiting, run_through
from automl.database.session import Database
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION
from keras_seg.server.failure import without_class

Connected: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

_CONNECTS_WITHIN = 5.0  # seconds
# What a connection waits for that is being made, or that cancels another.
EVENTS = {pq.PollingStatus.READING: READ, pq.PollingStatus.WRITING: WRITE}

# Given at the start, where they go before what a role or database carries, and not SET, which makes a process on every segment
# of Greenplum. A server gets those that it knows.
_SESSION_SETTINGS = {
    "search_path": "pg_catalog",
    "statement_timeout": "0",  # the caller's own ends the search
    "lock_timeout": "2s",  # a lock of the caller's own transaction would never be given back
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_read_only": "off",  # the record is written whatever a role may write by default
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",  # who keeps a record sees what others write meanwhile
    "synchronous_commit": "off",  # a server that crashes may lose the last moments of the record: they can be computed again
    "row_security": "on",  # with it off a table with policies is an error, not its rows
    "restrict_nonsystem_relation_kind": "",  # the record is read through views
    "exit_on_error": "off",
    "DateStyle": "ISO",  # these and those that follow change what a statement means, or how a value is written
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "client_connection_check_interval": "200ms",  # a session whose coordinator is gone ends itself
    "client_min_messages": "error",
    "jit": "off",  # a hop reads some buffers: compiling its query costs more than it saves
    "plan_cache_mode": "force_generic_plan",  # planning for one call copies its parameters several times
}


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


class Unreachable(Exception):
    """No connection back to the server is possible; the text says why."""


@dataclass(frozen=True)
class Address:
    """Where the server that runs us listens, and who calls.

    Attributes:
        directory: of its Unix socket.
        port: of its socket.
        database: the caller's database.
        role: the role whose rights the caller has.
        superuser: whether that role is one.
        settings: those of a session's settings that the server knows, as libpq's `options`.
    """

    directory: str
    port: int
    database: str
    role: str
    superuser: bool
    settings: str


def own_address(db: Database) -> Address:
    """Return the address of the server whose backend this process is.

    Raises:
        Unreachable: it listens on no Unix socket.
    """
    lines = Path("postmaster.pid").read_text().splitlines()  # a backend's working directory is the data directory
    port, directory = int(lines[3]), lines[4]
    if not directory:
        raise Unreachable("the server listens on no Unix socket (unix_socket_directories is empty)")
    # Sessions log in as whom this names, so no word of it may be one that the caller can define on its search path: a type
    # "text" with a cast to it, an operator "=".
    row = db.execute(
        "SELECT pg_catalog.current_database()::pg_catalog.text AS database, current_user::pg_catalog.text AS role,"
        " (SELECT rolsuper FROM pg_catalog.pg_roles"
        " WHERE rolname::pg_catalog.text OPERATOR(pg_catalog.=) current_user::pg_catalog.text) AS superuser"
    )[0]
    return Address(directory, port, row["database"], row["role"], bool(row["superuser"]), _settings(db))


def _settings(db: Database) -> str:
    known = db.execute(
        "SELECT name::pg_catalog.text AS name FROM pg_catalog.pg_settings"
        " WHERE name::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])",
        list(_SESSION_SETTINGS),
    )
    values = {row["name"]: _SESSION_SETTINGS[row["name"]].replace(" ", r"\ ") for row in known}
    return " ".join(f"-c {name}={value}" for name, value in values.items())


def connect(address: Address, name: str, interrupt: Callable[[], None] = lambda: None) -> Connected:
    """Connect as the calling role.

    Args:
        name: shown as the application_name in pg_stat_activity.
        interrupt: raises a cancellation that is pending.

    Raises:
        Unreachable: the server does not let us; the text is the server's, and what would allow it.
    """
    return run_through(logging_in(address, name), interrupt)


def logging_in(address: Address, name: str) -> Waiting[Connected]:
    """Connect as `connect` does, for those who do something else meanwhile."""
    connection = psycopg.Connection[tuple[object, ...]]((yield from dialling(address, name)))
    connection.autocommit = True
    return connection


def dialling(address: Address, name: str) -> Waiting[pq.abc.PGconn]:
    """Connect as `connect` does, for those who speak to libpq themselves."""
    owner = pwd.getpwuid(os.geteuid()).pw_name
    problem: Exception | None = None
    for role in dict.fromkeys((address.role, owner) if address.superuser else (address.role,)):
        try:
            pgconn = yield from _dialling(address, role, name)
            if role != address.role:
                yield from _become(pgconn, address.role)
        except psycopg.OperationalError as error:
            problem = error
            continue
        return pgconn
    raise Unreachable(last_line(str(problem)) or "unknown")


def becoming(role: str) -> str:
    """Return the statement that makes a session of the cluster's owner one of a role."""
    return sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)).as_string(None)


def _become(pgconn: pq.abc.PGconn, role: str) -> Waiting[None]:
    try:
        yield from answering(pgconn, becoming(role))
    except BaseException:
        pgconn.finish()
        raise


def _dialling(address: Address, role: str, name: str) -> Waiting[pq.abc.PGconn]:
    pgconn = pq.PGconn.connect_start(
        make_conninfo(
            host=address.directory,
            port=address.port,
            dbname=address.database,
            user=role,
            application_name=name,
            client_encoding="utf8",
            options=address.settings,
        ).encode()
    )
    until = time.monotonic() + _CONNECTS_WITHIN
    try:
        while (status := pgconn.connect_poll()) != pq.PollingStatus.OK:
            if status == pq.PollingStatus.FAILED:
                raise psycopg.OperationalError(pgconn.get_error_message())
            if time.monotonic() >= until:
                raise psycopg.OperationalError(f"the server did not answer within {_CONNECTS_WITHIN:.0f} s")
            yield Wait(pgconn.socket, EVENTS[pq.PollingStatus(status)], until)
    except BaseException:
        pgconn.finish()
        raise
    return pgconn


def answering(pgconn: pq.abc.PGconn, statement: str) -> Waiting[pq.abc.PGresult]:
    """Run a statement and return its result, in texts.

    Raises:
        psycopg.Error: it failed, or the connection did.
    """
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
        raise type(psycopg.errors.error_from_result(result))(Complaint.of(result).message)
    return result


def last_line(message: str) -> str:
    """Return the last line of a message that has something in it."""
    return next((line.strip() for line in reversed(message.splitlines()) if line.strip()), "")
