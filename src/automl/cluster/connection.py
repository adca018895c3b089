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
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from automl.cluster.driver import BytesBinaryDumper, dict_row, psycopg, sql
from automl.database.session import Database, Row
from automl.errors import OperatorError, RunDeleted
from keras_seg.protocol.parts import PART

Result = TypeVar("Result")

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


def connect(address: Address, name: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the calling role.

    Args:
        name: shown as the application_name in pg_stat_activity.

    Raises:
        Unreachable: the server does not let us; the text is the server's, and what would allow it.
    """
    owner = pwd.getpwuid(os.geteuid()).pw_name
    problem: Exception | None = None
    for role in dict.fromkeys((address.role, owner) if address.superuser else (address.role,)):
        try:
            connection = _login(address, role, name)
        except psycopg.OperationalError as error:
            problem = error
            continue
        if role != address.role:
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(address.role)))
        return connection
    raise Unreachable(_sentence(problem))


def _login(address: Address, role: str, name: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=address.directory,
        port=address.port,
        dbname=address.database,
        user=role,
        application_name=name,
        client_encoding="utf8",
        connect_timeout=5,
        options=address.settings,
        autocommit=True,
    )


def _sentence(error: Exception | None) -> str:
    lines = [line for line in str(error).splitlines() if line]
    return lines[-1].strip() if lines else "unknown"


class Connection:
    """A session of our own for short statements: each is committed at once, and other sessions see it.

    One that dies is opened again, and what it was doing is done again.

    Args:
        address: of the server.
        name: shown in pg_stat_activity.
    """

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._open()

    def execute(self, statement: str, *values: object) -> list[Row]:
        """Run a statement with parameters `$1`, `$2`, ... and return its rows."""
        return self._kept(lambda: self._execute(statement, values))

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Run statements in one transaction, without waiting for one before the next is sent unless they are large.

        Raises:
            RunDeleted: rows refer to a run that is not there any more.
        """
        try:
            self._kept(lambda: self._batch(statements), lambda: self._again(statements))
        except psycopg.errors.ForeignKeyViolation:
            raise RunDeleted from None

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> None:
        self._connection = connect(self._address, self._name)
        # A server that crashes may lose the last moments of these rows: their results can be computed again.
        self._connection.execute("SET synchronous_commit TO off")
        self._cursor = psycopg.RawCursor(self._connection, row_factory=dict_row)
        for raw in (bytes, bytearray, memoryview):
            self._connection.adapters.register_dumper(raw, BytesBinaryDumper)

    def _kept(self, work: Callable[[], Result], again: Callable[[], Result] | None = None) -> Result:
        """Do a piece of work, once more on a new connection if this one has died: by `again` where that is another thing."""
        try:
            return work()
        except psycopg.OperationalError as error:
            # One that died in the middle of a pipeline may not know it yet; then the error is psycopg's own, without SQLSTATE.
            why = error.diag.message_primary or _sentence(error)
            if error.sqlstate is not None and not self._connection.closed:
                raise OperatorError(f"the record cannot be written: {why}", sqlstate=error.sqlstate) from None
        self._connection.close()
        try:
            self._open()
        except Unreachable as problem:
            raise OperatorError(f"the session that keeps the record died ({why}) and cannot be replaced: {problem}") from None
        return (again or work)()

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[Row]:
        self._cursor.execute(statement.encode(), values or None, binary=True)
        return self._cursor.fetchall() if self._cursor.description else []

    def _batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        # Without waiting libpq would keep all parts of a large state in its memory until they are sent.
        waits = any(isinstance(value, memoryview) and len(value) == PART for _, values in statements for value in values)
        with nullcontext() if waits else self._connection.pipeline(), self._connection.transaction():
            for statement, values in statements:
                self._cursor.execute(statement.encode(), values)

    def _again(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Run statements once more, unless they have been committed and only the answer was lost."""
        with suppress(psycopg.errors.UniqueViolation):  # they have
            self._batch(statements)
