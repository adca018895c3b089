"""The caller's own database session, through PL/Python: the one file that imports `plpy`.

Statements carry the type of every parameter beside it, as in `WHERE relname = $1::text`: it is read from there, so that the
same text serves PL/Python, which asks for types, and a connection, which does not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NoReturn, Protocol, TypeVar

from automl.database.dialect import Dialect, dialect_of
from automl.errors import AutomlError
from keras_seg.protocol.sqlstates import QUERY_CANCELED
from keras_seg.server.background import away
from keras_seg.server.failure import failure, failure_again, words_of
from keras_seg.server.interrupts import careful, is_cancellation, look

Row = dict[str, Any]
Answer = TypeVar("Answer")
Statement = tuple[str, tuple[object, ...]]

# Quoted names and texts are passed over: what stands in them is a name, whatever it looks like.
_PARAMETER = re.compile(
    r""""(?:[^"]|"")*"(?:\."(?:[^"]|"")*")?|'(?:[^']|'')*'|\$(\d+)::((?:double precision|[a-z_0-9.]+)(?:\[\])?)"""
)


class Database(Protocol):
    """What the rest of the package needs of a database session."""

    @property
    def dialect(self) -> Dialect:
        """Which database this is, and what it has otherwise than others."""

    def execute(self, sql: str, *values: object) -> list[Row]:
        """Run one statement and return its rows, each as a dict by column name."""

    def interrupt(self) -> None:
        """Let a cancellation that is pending take effect; raises it."""


class Journal(Protocol):
    """A session that keeps a record: the caller's, or one that commits as it goes, while the caller goes on."""

    def execute(self, sql: str, *values: object) -> list[Row]:
        """Run one statement and return its rows."""

    def post(self, statements: Sequence[Statement], written: Callable[[], None]) -> None:
        """Have statements executed together: all of them take effect, or none.

        Args:
            written: is called when they have; only then may others be posted.
        """

    def poll(self) -> bool:
        """Go on with what was posted without waiting for anything; return whether it has been written."""

    def finish(self, patience: float = ...) -> None:
        """Wait until what was posted has been written; an error if that does not get on for so many seconds."""

    def leave(self, statements: Sequence[Statement], seconds: float) -> None:
        """Write the last words of a call that fails, if that is possible in so many seconds."""


def session_random(db: Database) -> float:
    """Draw from the session's random(), from 0 to below 1: `setseed()` before it repeats it."""
    return float(db.execute("SELECT pg_catalog.random() AS drawn")[0]["drawn"])


def parameter_types(sql: str) -> list[str]:
    """Return the types written beside `$1`, `$2`, ... in order.

    >>> parameter_types('SELECT $2::integer[], $1::text, $1::text FROM "$3::evil"')
    ['text', 'integer[]']
    """
    types = {int(number): kind for number, kind in _PARAMETER.findall(sql) if number}
    return [types[number] for number in sorted(types)]


class CallerDatabase:
    """The session that called us: its transaction, its rights, its cancel key."""

    def __init__(self) -> None:
        import plpy

        self._plpy = careful(plpy)
        self._begun = time.monotonic()

    @cached_property
    def dialect(self) -> Dialect:
        """Which database this is: asked when it is needed first, once in a call."""
        return dialect_of(self.execute("SELECT pg_catalog.version() AS version")[0]["version"])

    @property
    def elapsed(self) -> float:
        """Seconds since the call."""
        return time.monotonic() - self._begun

    def execute(self, sql: str, *values: object) -> list[Row]:
        if not values:
            return [dict(row) for row in self._plpy.execute(sql)]
        plan = self._plpy.prepare(sql, parameter_types(sql))
        return [dict(row) for row in self._plpy.execute(plan, list(values))]

    def prepared(self, sql: str) -> Prepared:
        """Prepare a statement that is executed many times, in calls to come as well."""
        return Prepared(self._plpy, sql)

    def stream(self, sql: str, *values: object, rows: int = 1) -> Iterator[list[Row]]:
        """Yield the rows of a query, at most `rows` of them in memory at a time."""
        plan = self._plpy.prepare(sql, parameter_types(sql))
        cursor = self._plpy.cursor(plan, list(values))
        try:
            while batch := list(cursor.fetch(rows)):
                yield [dict(row) for row in batch]
        finally:
            cursor.close()

    def post(self, statements: Sequence[Statement], written: Callable[[], None]) -> None:
        with self.subtransaction():
            for sql, values in statements:
                self.execute(sql, *values)
        written()

    def poll(self) -> bool:
        return True

    def finish(self, patience: float = 0.0) -> None:
        """Nothing is under way: whatever was posted has been executed."""

    def leave(self, statements: Sequence[Statement], seconds: float) -> None:
        """The call's error takes back whatever would be written."""

    def subtransaction(self) -> AbstractContextManager[object]:
        """Statements that are undone together where one of them fails, so that the error can be caught."""
        held: AbstractContextManager[object] = self._plpy.subtransaction()
        return held

    def interrupt(self) -> None:
        look(self._plpy)

    def away(self, work: Callable[[], Answer]) -> Answer:
        """Have something computed, or imported, that takes long and needs no database, so that it can be cancelled."""
        return away(work, "keras_automl", self.interrupt)

    def info(self, message: str) -> None:
        self._plpy.info(message)

    def notice(self, message: str) -> None:
        self._plpy.notice(message)

    def warning(self, message: str) -> None:
        self._plpy.warning(message)

    def ending(self, error: Exception, function: str) -> Exception | None:
        """Return the exception that ends the statement for an error of the caller's, without the stack that led to it.

        Args:
            error: what a function has raised.
            function: its name.

        Returns:
            None for a fault of our own, whose stack is worth seeing.
        """
        if isinstance(error, AutomlError):
            return failure(self._plpy, error.message, error.sqlstate, error.hint)
        said = words_of(error)
        if not isinstance(error, self._plpy.SPIError) or not hasattr(error, "spidata"):
            if isinstance(error, self._plpy.Error) and hasattr(error, "sqlstate"):  # one of our own making: `fail`
                return failure(self._plpy, said, error.sqlstate, error.hint)
            return failure(self._plpy, f"{said}: {function}", QUERY_CANCELED) if is_cancellation(error) else None
        return failure_again(self._plpy, error, f"{said}: {function}" if is_cancellation(error) else said)


class EndedStatement:
    """Stands for the functions that SQL calls where a statement was ended while they were imported: the one it calls ends it.

    Raised where they are imported, the error would reach the client behind the classes of two exceptions.

    Args:
        error: what plpy has raised.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error.with_traceback(None)

    def __getattr__(self, function: str) -> NoReturn:
        raise CallerDatabase().ending(self._error, function) or self._error


class Prepared:
    """A statement that gives one row, or rows of one column, kept prepared by the session.

    Args:
        plpy: of the session.
        sql: the statement; what it reads is looked up, and the rights to it, each time.
    """

    def __init__(self, plpy: Any, sql: str) -> None:
        self._plpy = plpy
        self._plan = plpy.prepare(sql, parameter_types(sql))

    def row(self, *values: object) -> tuple[Any, ...]:
        """Return the one row."""
        (row,) = self._plpy.execute(self._plan, values)
        return tuple(row.values())

    def column(self, *values: object) -> tuple[Any, ...] | None:
        """Return the values of the one column; None where the statement fails, but for a cancellation, which is raised."""
        try:
            return tuple([value for row in self._plpy.execute(self._plan, values) for value in row.values()])
        except self._plpy.SPIError as error:
            if is_cancellation(error):
                raise
            return None
