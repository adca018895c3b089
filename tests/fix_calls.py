"""Statements that run while a test looks on, and the moments that it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg2

from fix_db import Session

PATIENCE = 90.0  # seconds for a moment to come
OURS = "application_name ~ '^keras_automl' AND datname = current_database() AND pid <> pg_backend_pid()"

Moment = Callable[[Session], bool]
Statement = Callable[[Session], None]


class Call(threading.Thread):
    """A statement that runs on a session of its own while the test looks on."""

    def __init__(self, session: Session, statement: Statement) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._statement = statement
        self.error: psycopg2.Error | None = None
        self.ended = 0.0
        self.start()

    def run(self) -> None:
        try:
            self._statement(self._session)
        except psycopg2.Error as error:
            self.error = error
        self.ended = time.monotonic()


def waited(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def at_work_on(statement: str) -> Moment:
    """The moment when one of our sessions executes a statement that calls a function."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND state = 'active' AND query ~ %s"
    return lambda watcher: bool(watcher.value(sql, statement) > 0)


def trained(watcher: Session) -> bool:
    """The moment when the search has evaluated some trials."""
    sql = "SELECT count(*) FROM madlib.automl_metrics JOIN madlib.automl_runs USING (run_id) WHERE status = 'running'"
    return bool(watcher.value(sql) > 3)


def begun(watcher: Session, session: Session, statement: Statement) -> Call:
    """Begin a search, and return when it trains."""
    before = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
    call = Call(session, statement)
    sql = "SELECT count(*) > 0 FROM madlib.automl_trials WHERE run_id > %s AND iteration > 0"
    assert waited(lambda: watcher.value(sql, before) or not call.is_alive(), PATIENCE)
    assert call.is_alive(), call.error
    return call
