"""Faults of a Greenplum cluster: a process on a segment that is killed, a segment that is down, a record that is deleted.

The first two make a segment begin again, which ends what all other sessions do there: they want a cluster of their own, and run
after all other tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import psycopg2
import pytest

from automl.cluster.driver import psycopg
from fix_calls import OURS, PATIENCE, Call, trained, waited
from fix_db import CURRENT_SCHEMA, Session, connect_to
from fix_search import COMPILE, FIT, dense, in_schema, load, make_iris, search
from servers import SEGMENTED

pytestmark = [
    pytest.mark.keeps_none,
    pytest.mark.greenplum,
    pytest.mark.alone,
    pytest.mark.parametrize("server", SEGMENTED, indirect=True, scope="session"),
]

ROOM = "t_faults"
MADE = f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA} AND relname ~ '^(long|down)' AND relkind = 'r'"
RUNNING = f"status = 'running' AND model_output_table LIKE '{ROOM}.%'"
DOWN = 2  # the segment that is stopped

# They run where their session or segment does: the test may be on another host.
KILL = """CREATE FUNCTION kill(pid integer) RETURNS void LANGUAGE plpython3u VOLATILE AS $$
import os, signal
os.kill(pid, signal.SIGKILL)
$$"""
SERVER_PROGRAM = """CREATE FUNCTION pg_ctl(words text[]) RETURNS integer LANGUAGE plpython3u VOLATILE AS $$
import os, subprocess, sys
program = os.path.join(os.path.dirname(os.readlink('/proc/self/exe')), 'pg_ctl')
of_gpstart = {'GPSESSID': '0000000000', 'GPERA': 'none'}
return subprocess.run([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      cwd='/', env={**os.environ, **of_gpstart}, start_new_session=True, timeout=60).returncode
$$"""
HERE = """CREATE FUNCTION is_here(folder text) RETURNS boolean LANGUAGE plpython3u VOLATILE AS $$
import os
return os.path.exists(os.path.join(folder, 'postmaster.pid'))
$$"""


class Statement(NamedTuple):
    """A call of ours, as a user makes it on a new connection."""

    name: str
    sql: str


CALLS = [
    Statement(
        "search",
        f"SELECT madlib.madlib_keras_automl('train', 'down', 'lib', 'best', ARRAY[1], $a${COMPILE}$a$, $a${FIT}$a$,"
        " 'hyperband', 'R=2, eta=2')",
    ),
    Statement("pack", "SELECT madlib.training_preprocessor_dl('iris_train', 'down', 'class_text', 'attributes')"),
    Statement("predict", "SELECT madlib.madlib_keras_predict_byom('lib', 1, 'iris_test', 'id', 'attributes', 'down')"),
    Statement("doctor", "SELECT * FROM madlib.automl_doctor()"),
]


def long_search(session: Session) -> None:
    """A search of minutes."""
    search(session, "long", automl_params="R=2000, eta=10", metrics_compute_frequency=1)


@pytest.fixture(scope="module")
def dsn(database: str) -> str:
    """The database with a schema that has packed tables, a library and the functions that break things."""
    session = in_schema(database, ROOM)
    make_iris(session)
    load(session, "lib", dense(3))
    session.run("; ".join((KILL, SERVER_PROGRAM, HERE)))
    session.close()
    return database


@pytest.fixture
def enter(dsn: str) -> Iterator[Callable[[], Session]]:
    """A function that opens a session in the schema; it sends nothing to a segment."""
    sessions: dict[int, Session] = {}

    def open_session() -> Session:
        session = connect_to(dsn, options=f"-c search_path={ROOM}")
        return sessions.setdefault(session.info.backend_pid, session)

    yield open_session
    for session in sessions.values():
        session.close()
    end(dsn, list(sessions))


def end(dsn: str, processes: list[int]) -> None:
    """End sessions, and what their searches have opened: closing a connection ends no statement that is under way on it."""
    session = connect_to(dsn)
    left = f"FROM pg_stat_activity WHERE pid = ANY (%s) OR {OURS}"
    session.run(f"SELECT pg_terminate_backend(pid) {left}", processes)
    assert waited(lambda: session.fetch(f"SELECT query {left}", processes) == [], PATIENCE)
    session.close()


def answers(enter: Callable[[], Session]) -> bool:
    """Whether all segments answer a new session."""
    with suppress(psycopg2.Error):
        return bool(enter().value("SELECT count(*) FROM gp_dist_random('gp_id')"))
    return False


def require_that_it_goes_on(enter: Callable[[], Session]) -> None:
    """Nothing of the search `long` is left, and the next search works."""
    session = enter()
    ours = f"SELECT application_name FROM pg_stat_activity WHERE {OURS}"
    assert waited(lambda: session.fetch(ours) == [], 5)
    assert session.fetch(MADE) == []
    assert session.value(f"SELECT count(*) FROM madlib.automl_runs WHERE {RUNNING}") == 0
    search(session, "next")
    assert session.value("SELECT count(*) FROM next") == 4
    session.run("DROP TABLE next, next_info, next_summary, next_best, next_best_summary")


def test_a_run_is_alive_until_it_is_cancelled(enter: Callable[[], Session]) -> None:
    watcher, caller = enter(), enter()
    call = Call(caller, long_search)
    assert waited(lambda: trained(watcher), PATIENCE), call.error
    assert watcher.fetch("SELECT status FROM madlib.automl_runs WHERE alive") == [("running",)]
    caller.cancel()
    call.join(PATIENCE)
    assert watcher.fetch("SELECT status FROM madlib.automl_runs WHERE alive") == []


def test_deleting_a_run_that_is_under_way_ends_it(enter: Callable[[], Session]) -> None:
    watcher = enter()
    call = Call(enter(), long_search)
    assert waited(lambda: trained(watcher), PATIENCE), call.error
    run = watcher.value("SELECT max(run_id) FROM madlib.automl_runs")
    watcher.run("DELETE FROM madlib.automl_runs WHERE run_id = %s", run)
    call.join(PATIENCE)
    assert call.error is not None
    assert call.error.pgcode == "55000"
    assert "the run was deleted from madlib.automl_runs while it was under way" in str(call.error)
    for view in ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints"):
        assert watcher.value(f"SELECT count(*) FROM madlib.{view} WHERE run_id = %s", run) == 0, view
    require_that_it_goes_on(enter)


def test_a_process_on_a_segment_that_is_killed_ends_the_search(enter: Callable[[], Session]) -> None:
    # SIGKILL looks like a crash: the segment ends all its processes and recovers, that of the caller's transaction too.
    watcher = enter()
    call = Call(enter(), long_search)
    assert waited(lambda: trained(watcher), PATIENCE), call.error
    session = watcher.value("SELECT sess_id FROM pg_stat_activity WHERE application_name = 'keras_automl session 2'")
    with suppress(psycopg2.Error):  # its own process there goes as well
        watcher.run("SELECT kill(pid) FROM gp_dist_random('pg_stat_activity') WHERE sess_id = %s", session)
    call.join(PATIENCE)
    assert call.error is not None
    closed = call.error.pgcode is None  # what nobody can catch ends the caller's session (docs/greenplum.md)
    assert closed or str(call.error.pgcode).startswith("58")  # class of system errors
    assert waited(lambda: answers(enter), PATIENCE)
    status, alive, error = enter().fetch("SELECT status, alive, error FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1")[0]
    assert (status, alive) == ("running" if closed else "failed", False)
    assert closed or "seg" in error
    if closed:
        enter().run(f"DELETE FROM madlib.automl_runs WHERE {RUNNING}")
    require_that_it_goes_on(enter)


@pytest.fixture
def segment_down(enter: Callable[[], Session]) -> Iterator[None]:
    """One segment is stopped; afterwards it is there again."""
    session = enter()
    sql = "SELECT current_setting('data_directory'), datadir, port::text, hostname = (SELECT hostname FROM"
    sql += " gp_segment_configuration WHERE content = -1 AND role = 'p') FROM gp_segment_configuration"
    ((_, folder, port, together),) = session.fetch(f"{sql} WHERE content = {DOWN} AND role = 'p'")
    if not together or not session.value("SELECT is_here(%s)", folder):
        pytest.skip(f"the data directory of segment {DOWN} is not on the coordinator's host, which could start it again")
    asked = enter()
    try:
        assert session.value("SELECT pg_ctl(%s)", ["-w", "-m", "fast", "-D", folder, "stop"]) == 0
        yield
    finally:
        start = ["-w", "-D", folder, "-l", f"{folder}/startup.log", "-o", f"-p {port}", "start"]
        with suppress(psycopg2.Error):
            asked.value("SELECT pg_ctl(%s)", start)
        assert waited(lambda: answers(enter), PATIENCE)


@pytest.mark.usefixtures("segment_down")
def test_a_segment_that_is_down_is_named(dsn: str, enter: Callable[[], Session]) -> None:
    for call in CALLS:
        # psycopg2 forgets the message of an error that ends the session.
        session = psycopg.connect(dsn, options=f"-c search_path={ROOM}", autocommit=True)
        with session, pytest.raises(psycopg.Error) as caught:
            session.execute(call.sql)
        assert f"seg{DOWN}" in str(caught.value), (call.name, caught.value)


def test_afterwards_everything_works(enter: Callable[[], Session]) -> None:
    require_that_it_goes_on(enter)
