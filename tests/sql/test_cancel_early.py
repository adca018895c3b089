"""Cancelling before anything is trained: while packages are imported, configurations drawn and sessions opened."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from test_cancel import CANCELLED, ENDS_WITHIN
from test_turns import address_of

from automl.cluster.login import login, said
from automl.database.locks import Lock
from fix_calls import OURS, PATIENCE, Call, Statement, waited
from fix_cluster import Caller
from fix_db import Session, connect_to
from fix_search import dense, in_schema, load, make_iris, search

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def early(database: str) -> str:
    """A schema with packed tables and a network."""
    session = in_schema(database, "t_early")
    make_iris(session)
    load(session, "lib", dense(3))
    session.close()
    return database


@pytest.fixture
def watcher(early: str) -> Iterator[Session]:
    session = connect_to(early)
    session.run("SET search_path = t_early")
    yield session
    session.close()


def proposed(session: Session) -> None:
    """A search whose configurations hyperopt proposes."""
    search(session, "early", automl_method="hyperopt", automl_params="num_configs=20, num_iterations=1000, algorithm=tpe")


def proposed_in_this_session(session: Session) -> None:
    session.run("SET keras_automl.sessions = 0")
    proposed(session)


def drawn(session: Session) -> None:
    """A search of a hundred thousand configurations."""
    search(session, "early", automl_method="hyperopt", automl_params="num_configs=100000, num_iterations=5, algorithm=rand")


def generated(session: Session) -> None:
    """As many of them as a table."""
    compiled = "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.001, 0.1, 'log']}]}"
    sql = "SELECT madlib.generate_model_configs('lib', 'early', ARRAY[1], %s, %s, 'random', 100000, 1)"
    session.run(sql, compiled, "{'batch_size': [8]}")


@pytest.mark.parametrize(
    ("statement", "seconds"),
    [
        *((proposed, seconds) for seconds in (0.1, 1.0, 3.0)),
        *(pytest.param(proposed, seconds, marks=pytest.mark.soak) for seconds in (0.5, 2.0)),
        (proposed_in_this_session, 1.5),
        (drawn, 2.0),
        *(pytest.param(drawn, seconds, marks=pytest.mark.soak) for seconds in (1.0, 4.0)),
        (generated, 2.0),
    ],
)
def test_a_search_can_be_cancelled_before_it_trains(early: str, watcher: Session, statement: Statement, seconds: float) -> None:
    caller = connect_to(early)  # a new one, which has imported nothing
    caller.run("SET search_path = t_early")
    pid = caller.info.backend_pid
    call = Call(caller, statement)
    begun = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query ~ 'SELECT madlib'"
    assert waited(lambda: watcher.value(begun, pid) > 0 or not call.is_alive(), PATIENCE)
    time.sleep(seconds)
    assert call.is_alive(), call.error
    asked = time.monotonic()
    watcher.run("SELECT pg_cancel_backend(%s)", pid)
    call.join(PATIENCE)
    assert call.error is not None and call.error.pgcode == CANCELLED
    assert call.ended - asked < ENDS_WITHIN
    ours = f"SELECT application_name FROM pg_stat_activity WHERE {OURS}"
    assert waited(lambda: watcher.fetch(ours) == [], 5)
    assert watcher.value("SELECT to_regclass('early')") is None
    caller.close()


# The import of our own package takes a second longer.
SLOW = """DO $$
import sys, time
class Slow:
    def find_spec(name, path=None, target=None):
        if name == 'automl.entry':
            time.sleep(1)
sys.meta_path.insert(0, Slow)
$$ LANGUAGE plpython3u"""


def test_a_cancellation_while_the_package_is_imported_is_said_once_and_in_our_words(early: str) -> None:
    caller = connect_to(early)
    caller.run(SLOW)
    caller.run("SET statement_timeout = 700")
    error = caller.error_of("SELECT madlib.automl_release()")
    assert (error.sqlstate, error.message) == (CANCELLED, "canceling statement due to statement timeout: automl_release")
    caller.run("RESET statement_timeout")
    assert caller.value("SELECT madlib.automl_release()") == 0
    caller.close()


def test_an_import_that_was_cancelled_goes_on_in_the_next_call(early: str, watcher: Session) -> None:
    caller = connect_to(early)
    caller.run("SET search_path = t_early; SET statement_timeout = 1500")
    with pytest.raises(Exception, match="statement timeout"):
        proposed(caller)
    caller.run("SET statement_timeout = 0")
    search(caller, "after", automl_method="hyperopt", automl_params="num_configs=4, num_iterations=1, algorithm=tpe")
    assert caller.value("SELECT count(*) FROM after") == 4
    caller.run("DROP TABLE after, after_info, after_summary, after_best, after_best_summary")
    caller.close()


@pytest.fixture
def somebody_trains(watcher: Session) -> Iterator[None]:
    """A session that stands for another search, which trains."""
    here = login(address_of(watcher), "test", Caller().interrupt)
    said(here, f"SELECT pg_advisory_lock_shared({int(Lock.SESSION)}, 0)", Caller().interrupt)
    yield
    here.finish()


def test_who_waits_for_a_turn_can_be_cancelled(early: str, watcher: Session, somebody_trains: None) -> None:
    caller = connect_to(early)
    caller.run("SET search_path = t_early; SET keras_automl.total_sessions = 1")
    call = Call(caller, proposed)
    assert waited(lambda: watcher.value("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'waiting'"), PATIENCE)
    time.sleep(1.0)  # it is told that it waits
    asked = time.monotonic()
    watcher.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    call.join(PATIENCE)
    assert call.error is not None and call.error.pgcode == CANCELLED
    assert call.ended - asked < ENDS_WITHIN
    assert any("waits for its turn" in notice for notice in caller.notices)
    caller.close()
