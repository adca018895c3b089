"""Sessions that are lost and cannot come back, or do not answer, and what a role carries: the search goes on, or ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg2
import pytest
from test_sessions import PAGE, small_search

from automl.cluster.interface import Cluster
from automl.cluster.orders import Work
from automl.cluster.sessions import Sessions
from automl.cluster.terms import Terms
from automl.errors import OperatorError
from fix_calls import Call, at_work_on, waited
from fix_cluster import Caller, Packed, all_idle, training
from fix_db import Session
from fix_search import load, make_iris, sequential

pytestmark = pytest.mark.postgresql("on Greenplum a search needs all its sessions")

PATIENCE = 90.0  # seconds
NETWORK = sequential(
    ("Dense", {"units": 6, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
LONG = {**PAGE, "automl_params": "R=27, eta=3"}
PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"


@pytest.fixture
def caller(db: Session, role: str, connect: Callable[..., Session]) -> Session:
    """A session of a plain role that has packed tables and a network."""
    session = connect(user=role)
    make_iris(session)
    load(session, "nets", NETWORK)
    session.run("SET keras_automl.keep_sessions = 0; SET keras_automl.sessions = 2")
    return session


@contextmanager
def meanwhile(watcher: Session, interfere: Callable[[Session], None]) -> Iterator[None]:
    """Interfere as soon as the search of this block makes visits."""
    at_work, failures = at_work_on("automl_visit"), list[BaseException]()

    def wait_and_interfere() -> None:
        try:
            assert waited(lambda: at_work(watcher), PATIENCE)
            interfere(watcher)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=wait_and_interfere)
    thread.start()
    yield
    thread.join()
    assert failures == []


def kill(watcher: Session, name: str) -> None:
    for (pid,) in watcher.fetch(PIDS, name):
        watcher.run("SELECT pg_terminate_backend(%s)", pid)


def limit(watcher: Session, role: str, connections: int) -> None:
    watcher.run(f"ALTER ROLE {role} CONNECTION LIMIT {connections}")


def test_the_search_goes_on_with_the_session_that_is_left(db: Session, caller: Session, role: str) -> None:
    db.run("SET keras_automl.sessions = 0")
    untouched = small_search(db, "untouched", **PAGE)

    def interfere(watcher: Session) -> None:
        limit(watcher, role, 3)  # the caller, the record, and the other session
        kill(watcher, "keras_automl session 1")

    caller.notices.clear()
    with meanwhile(db, interfere):
        again = small_search(caller, "disturbed", **PAGE)
    assert again == untouched
    (warning,) = [notice for notice in caller.notices if "was lost" in notice]
    assert f'too many connections for role "{role}"' in warning
    assert "it goes on with 1 and tries again" in warning


@pytest.mark.soak
def test_a_search_whose_sessions_are_all_lost_ends_with_an_error(db: Session, caller: Session, role: str) -> None:
    def interfere(watcher: Session) -> None:
        limit(watcher, role, 2)
        for name in ("keras_automl session 1", "keras_automl session 2"):
            kill(watcher, name)

    begin = time.monotonic()
    with meanwhile(db, interfere), pytest.raises(psycopg2.Error, match="no sessions of the search are left") as caught:
        small_search(caller, "lost", **LONG)
    assert f'too many connections for role "{role}"' in str(caught.value)
    assert time.monotonic() - begin < PATIENCE
    assert caller.value("SELECT status FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1") == "failed"


@pytest.fixture
def two(packed: Packed, role: str, db: Session) -> Iterator[tuple[Cluster, list[str]]]:
    """Two sessions of a plain role, and the warnings that they give."""
    db.run(f"GRANT USAGE ON SCHEMA t_contract TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA t_contract TO {role}")
    said: list[str] = []
    address = replace(packed.address, role=role, superuser=False)
    cluster = Sessions(address, packed.setup, 2, packed.expected, Terms("two", Caller().interrupt, warn=said.append))
    yield cluster, said
    cluster.close()
    assert packed.all_gone("two")


def works(cluster: Cluster, session: int) -> bool:
    """Whether a session makes a visit."""
    cluster.begin(session, Work("task", training(0)))
    while not (outcomes := cluster.wait()):
        pass
    return outcomes[0].session == session and outcomes[0].lost is None


@pytest.mark.soak
def test_a_session_that_was_lost_comes_back_when_it_can(
    two: tuple[Cluster, list[str]], packed: Packed, role: str, db: Session
) -> None:
    cluster, said = two
    assert all_idle(cluster) == [0, 1]
    limit(db, role, 1)
    kill(db, "two session 1")
    assert waited(lambda: not cluster.wait() and cluster.present == 1, PATIENCE)
    assert waited(lambda: not cluster.wait() and said != [], PATIENCE)
    assert works(cluster, 1)  # the other one, meanwhile
    assert cluster.idle() == [1]
    limit(db, role, -1)
    assert all_idle(cluster) == [0, 1]
    assert len(said) == 1
    assert works(cluster, 0)


@pytest.mark.soak
def test_a_lock_that_stops_a_new_session_does_not_end_the_search(
    two: tuple[Cluster, list[str]], packed: Packed, db: Session, connect: Callable[..., Session]
) -> None:
    cluster, _ = two
    assert all_idle(cluster) == [0, 1]
    other = connect()
    call = Call(other, lambda session: session.run("ALTER TABLE t_contract.train ADD COLUMN other integer"))
    assert waited(lambda: db.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0, PATIENCE)
    kill(db, "two session 1")
    end = time.monotonic() + 8  # a lock is given up after two seconds
    while time.monotonic() < end:
        assert cluster.wait() == []
    assert cluster.idle() == [1]
    assert works(cluster, 1)
    other.cancel()
    call.join(PATIENCE)
    assert all_idle(cluster) == [0, 1]


@pytest.mark.soak
def test_when_no_session_is_left_it_is_an_error(two: tuple[Cluster, list[str]], role: str, db: Session) -> None:
    cluster, _ = two
    all_idle(cluster)
    limit(db, role, 0)
    for name in ("two session 1", "two session 2"):
        kill(db, name)
    begin = time.monotonic()
    with pytest.raises(OperatorError, match=f'no sessions of the search are left; .* too many connections for role "{role}"'):
        while time.monotonic() - begin < PATIENCE:
            cluster.wait()
    assert 4 < time.monotonic() - begin < 20


def stopped(session: Session) -> None:
    small_search(session, "stopped", **LONG)


def test_a_session_that_is_stopped_does_not_keep_the_caller_from_being_cancelled(db: Session, caller: Session) -> None:
    caller.run("SET keras_automl.sessions = 1")
    call = Call(caller, stopped)
    assert waited(lambda: at_work_on("automl_visit")(db) or not call.is_alive(), PATIENCE)
    pids = [pid for (pid,) in db.fetch(PIDS, "keras_automl session 1")]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(1)
        asked = time.monotonic()
        db.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
        call.join(PATIENCE)
        assert call.error is not None and call.error.pgcode == "57014"
        assert call.ended - asked < 1
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert waited(lambda: db.fetch(PIDS, "keras_automl session 1") == [], 10)


CARRIED = {
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "'1s'",
    "idle_in_transaction_session_timeout": "'1s'",
    "row_security": "off",
    "DateStyle": "'German, DMY'",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "exit_on_error": "on",
    "search_path": "nowhere",
    "lock_timeout": "'10s'",
}


@pytest.mark.soak
def test_what_a_role_carries_does_not_reach_sessions_and_record(
    db: Session, caller: Session, role: str, connect: Callable[..., Session]
) -> None:
    plain = small_search(caller, "plain")
    for name, value in CARRIED.items():
        db.run(f"ALTER ROLE {role} SET {name} = {value}")
    carrying = connect(user=role)  # which sets its search_path
    assert carrying.value("SHOW default_transaction_read_only") == "on"
    for setting in ("default_transaction_read_only = off", "exit_on_error = off", "statement_timeout = 0"):
        carrying.run(f"SET {setting}")
    carrying.run("SET keras_automl.keep_sessions = 0; SET keras_automl.sessions = 2")
    assert small_search(carrying, "carried") == plain
    assert [notice for notice in carrying.notices if "runs in this session" in notice] == []
    assert carrying.value("SELECT status FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1") == "finished"
