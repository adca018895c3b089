"""Where tables are made that the sessions of a search read: in a session of its own, which commits, so that others see them.

What the caller's transaction has made cannot be seen by others, and a search over it runs in the caller's own session. So
another session packs the rows, as the calling role. Where that one would not see what the caller sees, or the search is to run
in the caller's session anyway, everything is made there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from automl.cluster.channel import Channel
from automl.cluster.connection import Address, Unreachable, connect, own_address
from automl.cluster.driver import psycopg
from automl.cluster.waits import run_through
from automl.database.catalog import Relation
from automl.database.session import CallerDatabase
from automl.database.settings import AS_WRITTEN, PARTITIONS, SESSIONS, read_setting, settings
from automl.database.transaction import keeps_its_snapshot
from automl.errors import EXTERNAL_ROUTINE_EXCEPTION, AutomlError
from keras_seg.server.failure import without_class

_OF_CALLER = ("search_path", "TimeZone", "lc_monetary", "xmloption", "row_security")  # what views and functions hang on
_CLEANING = 5.0  # seconds
_PATIENCE = 60  # seconds for a lock that somebody else waits for, perhaps for the caller


class Maker(Protocol):
    """Makes tables."""

    @property
    def commits(self) -> bool:
        """Whether others see at once what it makes."""

    def make(self, *statements: str) -> None:
        """Execute a statement; several take effect together, or not at all."""

    def clear(self, statements: Sequence[str]) -> None:
        """Execute statements as far as they succeed, where what was made is of no use any more."""


class CallerMaker:
    """Makes tables in the caller's own transaction, whose error takes them back."""

    commits = False

    def __init__(self, db: CallerDatabase) -> None:
        self._db = db

    def make(self, *statements: str) -> None:
        with settings(self._db, {**AS_WRITTEN, **self._db.dialect.scans}):
            for statement in statements:
                self._db.execute(statement)

    def clear(self, statements: Sequence[str]) -> None:
        """Nothing is left where the transaction ends with an error."""


class SessionMaker:
    """Makes tables in a session of its own.

    Args:
        address: of the server.

    Raises:
        Unreachable: no connection is possible.
    """

    commits = True

    def __init__(self, db: CallerDatabase, address: Address) -> None:
        self._db = db
        self._address = address
        self._channel = self._connected()

    def make(self, *statements: str) -> None:
        run = self._channel.transaction if len(statements) > 1 else self._channel.run
        try:
            run_through(run([(statement, ()) for statement in statements]), self._db.interrupt)
        except psycopg.Error as error:
            said = error.diag
            state = error.sqlstate or EXTERNAL_ROUTINE_EXCEPTION
            raise AutomlError(
                without_class(said.message_primary or str(error)), sqlstate=state, hint=said.message_hint
            ) from None

    def clear(self, statements: Sequence[str]) -> None:
        until = time.monotonic() + _CLEANING
        with suppress(psycopg.Error, TimeoutError, Unreachable):
            if not self._channel.idle:  # what it does is over when its connection is
                self._channel.close()
                self._channel = self._connected()
            for statement in statements:
                run_through(self._channel.run([(statement, ())]), lambda: None, until)

    def close(self) -> None:
        self._channel.close()

    def _connected(self) -> Channel:
        return Channel(connect(self._address, "keras_automl columns", self._db.interrupt))


@contextmanager
def open_maker(db: CallerDatabase, source: Relation, *, written: bool) -> Iterator[Maker]:
    """Open the session that makes tables of the rows of a table, and close it whatever happens.

    Args:
        written: whether the caller's transaction had changed a table when this call began, which others do not see.
    """
    maker = None if written else _session(db, source)
    if maker is None:
        yield CallerMaker(db)
        return
    try:
        for setting in _settings(db):
            maker.make(setting)
        yield maker
    finally:
        maker.close()


def _session(db: CallerDatabase, source: Relation) -> SessionMaker | None:
    """Return a session of its own; None where that is not possible, or would not see what the caller sees."""
    temporary = (source.name.schema or "").startswith("pg_temp")
    queue = db.dialect.queue(db)
    alone = read_setting(db, SESSIONS, 1) == 0 or (queue is not None and queue.statements == 1)
    if temporary or alone or keeps_its_snapshot(db):
        return None
    try:
        return SessionMaker(db, own_address(db))
    except Unreachable:
        return None  # the search will say why


def _settings(db: CallerDatabase) -> Iterator[str]:
    """Yield the statements that make a session see and write what the caller does."""
    rows = db.execute(
        "SELECT pg_catalog.quote_literal(name) AS name, pg_catalog.quote_literal(setting) AS setting"
        " FROM pg_catalog.pg_settings WHERE name = ANY ($1::text[])",
        list(_OF_CALLER),
    )
    for row in rows:
        yield f"SELECT pg_catalog.set_config({row['name']}, {row['setting']}, false)"
    yield f"SET {PARTITIONS.name} = {read_setting(db, PARTITIONS, os.cpu_count() or 1)}"
    yield f"SET lock_timeout = '{_PATIENCE}s'"
    for name, value in db.dialect.scans.items():
        yield f"SET {name} = {value}"
