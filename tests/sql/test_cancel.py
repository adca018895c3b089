"""Cancelling: the statement ends within a second, at any moment, and leaves no session, table or run under way."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg2
import pytest

from fix_calls import OURS, PATIENCE, Call, Moment, Statement, at_work_on, trained, waited
from fix_db import Session, connect_to
from fix_search import FOR_TENSORFLOW, in_schema, load, make_iris, search, sequential

ENDS_WITHIN = 1.0  # seconds, of the statement
ENDS_ON_SEGMENTS = 2.0  # where it runs on segments, which are asked first
GONE_WITHIN = 2.0  # seconds more, for the sessions
CANCELLED = "57014"
pytestmark = pytest.mark.alone


def at_once(watcher: Session) -> bool:
    """The moment when the statement has begun."""
    called = "query LIKE 'SELECT madlib.madlib_keras%' AND datname = current_database()"
    return bool(watcher.value(f"SELECT count(*) FROM pg_stat_activity WHERE {called} AND state = 'active'") > 0)


def long_search(session: Session) -> None:
    """A search of minutes."""
    search(session, "long", model_id_list=[1], automl_params="R=2000, eta=10", metrics_compute_frequency=1)


def wide_search(session: Session) -> None:
    """A search whose every pass takes seconds."""
    grid = "{'batch_size': [1], 'epochs': [500]}"
    search(session, "wide", model_id_list=[3], automl_params="R=100, eta=10", fit_params_grid=grid)


def predict(session: Session) -> None:
    """A prediction of many rows with TensorFlow."""
    session.run("SELECT madlib.madlib_keras_predict('made', 'many', 'id', 'attributes', 'predicted')")


def predict_here(session: Session) -> None:
    """A prediction of many rows that needs no TensorFlow, in a session that has imported our own package."""
    session.run("SELECT madlib.automl_load()")
    session.run("SELECT madlib.madlib_keras_predict('light', 'many', 'id', 'attributes', 'predicted')")


@pytest.fixture(scope="module")
def dsn(database: str) -> str:
    """The database with a schema `t_cancel`: packed tables, a library, a model and a table of many rows."""
    session = in_schema(database, "t_cancel")
    make_iris(session)
    wide = [
        ("Dense", {"units": 400, "activation": "relu", **({} if at else {"batch_input_shape": [None, 4]})}) for at in range(4)
    ]
    for layers in ([("Dense", {"units": 3, "activation": "softmax", "batch_input_shape": [None, 4]})],) * 2:
        load(session, "lib", sequential(*layers))
    load(session, "lib", sequential(*wide, ("Dense", {"units": 3, "activation": "softmax"})))
    session.run("CREATE TABLE many AS SELECT n AS id, attributes FROM iris_data, generate_series(1, 10000) n")
    weights, networks = "decode(repeat('00', 60), 'hex') AS model_weights", "FROM lib WHERE model_id = 1"
    summary = "'y'::text AS dependent_varname, '{a,b,c}'::text[] AS class_values, 1.0::real AS normalizing_const"
    for name, network in (("light", "model_arch"), ("made", FOR_TENSORFLOW)):
        session.run(f"CREATE TABLE {name} AS SELECT 1 AS mst_key, {weights}, {network} AS model_arch {networks}")
        session.run(f"CREATE TABLE {name}_summary AS SELECT {summary}")
    session.close()
    return database


@pytest.fixture
def watcher(dsn: str) -> Iterator[Session]:
    """A session that looks on; afterwards nothing of ours may be left."""
    session = connect_to(dsn)
    session.run("SET search_path = t_cancel; SET keras_automl.keep_sessions = 0")
    yield session
    session.close()


@pytest.fixture
def caller(dsn: str, watcher: Session) -> Iterator[Session]:
    """The session whose statement is cancelled; the test's end ends it, whatever it is doing."""
    session = connect_to(dsn)
    session.run("SET search_path = t_cancel; SET keras_automl.keep_sessions = 0")
    yield session
    watcher.run("SELECT pg_terminate_backend(%s)", session.info.backend_pid)
    watcher.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
    watcher.run("DELETE FROM madlib.automl_runs WHERE status = 'running'")
    watcher.run("DROP TABLE IF EXISTS predicted")


def left(watcher: Session) -> list[str]:
    """What is there of the caller, which keeps no sessions: those that are kept are other callers'."""
    ours = f"{OURS} AND application_name <> 'keras_automl kept'"
    return [name for (name,) in watcher.fetch(f"SELECT application_name || ': ' || query FROM pg_stat_activity WHERE {ours}")]


def made(watcher: Session) -> list[str]:
    """Tables that a search or prediction made."""
    sql = """SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(long|wide|predicted)'"""
    return [name for (name,) in watcher.fetch(sql)]


def require_nothing_left(watcher: Session) -> None:
    assert waited(lambda: not left(watcher), GONE_WITHIN), left(watcher)
    assert made(watcher) == []
    assert watcher.value("SELECT count(*) FROM madlib.automl_runs WHERE status = 'running'") == 0


def require_cancelled(call: Call, asked: float, within: float = ENDS_WITHIN) -> None:
    call.join(PATIENCE)
    assert not call.is_alive()
    assert call.error is not None and call.error.pgcode == CANCELLED
    assert call.ended - asked < within


MOMENTS: list[tuple[str, Statement, Moment, float]] = [
    ("at once", long_search, at_once, 0.0),
    ("a moment later", long_search, at_once, 0.3),
    ("in the middle of the import", long_search, at_work_on("automl_open"), 1.0),
    ("while models are checked", wide_search, at_work_on("automl_check"), 0.0),
    ("while small networks train", long_search, trained, 0.0),
    ("in a long visit", wide_search, at_work_on("automl_visit"), 1.0),
    ("while a prediction imports", predict, at_work_on("automl_open"), 0.5),
    ("while rows are predicted", predict, at_work_on("automl_predict_batch"), 0.5),
    ("while rows are predicted without TensorFlow", predict_here, at_once, 1.0),
]


@pytest.mark.parametrize(("statement", "moment", "later"), [case[1:] for case in MOMENTS], ids=[case[0] for case in MOMENTS])
def test_a_statement_can_be_cancelled(
    watcher: Session, caller: Session, statement: Statement, moment: Moment, later: float
) -> None:
    last = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
    if statement is predict and watcher.is_greenplum:
        moment = at_once  # there it has no sessions: it runs in processes of the caller's
    call = Call(caller, statement)
    assert waited(lambda: moment(watcher) or not call.is_alive(), PATIENCE)
    time.sleep(later)
    assert call.is_alive(), call.error
    asked = time.monotonic()
    watcher.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    require_cancelled(call, asked)
    require_nothing_left(watcher)
    # A search that had opened its record closed it; a prediction has none.
    for status, error in watcher.fetch("SELECT status, error FROM madlib.automl_runs WHERE run_id > %s", last):
        assert status == "cancelled"
        assert "canceling statement due to user request" in error


@pytest.mark.parametrize("seconds", [0.5, 1.5, pytest.param(5.0, marks=pytest.mark.soak)])
def test_a_statement_can_time_out(watcher: Session, caller: Session, seconds: float) -> None:
    caller.run(f"SET statement_timeout = {int(1000 * seconds)}")
    begin = time.monotonic()
    call = Call(caller, long_search)
    require_cancelled(call, begin + seconds)
    require_nothing_left(watcher)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(at_work_on("automl_open"), id="import"),
        pytest.param(trained, id="training", marks=pytest.mark.soak),  # beside the one in a long visit
    ],
)
def test_the_sessions_of_a_caller_that_is_gone_go_too(watcher: Session, caller: Session, moment: Moment) -> None:
    call = Call(caller, long_search)
    assert waited(lambda: moment(watcher), PATIENCE)
    watcher.run("SELECT pg_terminate_backend(%s)", caller.info.backend_pid)
    call.join(PATIENCE)
    assert call.error is not None
    assert waited(lambda: not left(watcher), GONE_WITHIN), left(watcher)
    assert made(watcher) == []
    watcher.run("DELETE FROM madlib.automl_runs WHERE status = 'running'")  # nobody was left to close it


def test_a_session_in_a_long_visit_goes_with_its_caller(watcher: Session, caller: Session) -> None:
    call = Call(caller, wide_search)
    assert waited(lambda: at_work_on("automl_visit")(watcher), PATIENCE)
    time.sleep(1)
    watcher.run("SELECT pg_terminate_backend(%s)", caller.info.backend_pid)
    call.join(PATIENCE)
    assert waited(lambda: not left(watcher), GONE_WITHIN), left(watcher)
    watcher.run("DELETE FROM madlib.automl_runs WHERE status = 'running'")
    watcher.run("DROP TABLE IF EXISTS predicted")


def test_training_in_the_caller_s_session_can_be_cancelled_and_tried_again(watcher: Session, caller: Session) -> None:
    caller.run("SET keras_automl.sessions = 0")
    for seconds in (0.7, 2.0):  # while TensorFlow is imported
        cancel_here(watcher, caller, long_search, seconds)
    search_to_the_end(caller, "after")
    for statement, seconds in ((long_search, 1.0), (wide_search, 3.0), (predict, 1.0)):  # while it is at work
        cancel_here(watcher, caller, statement, seconds)
    search_to_the_end(caller, "after")


def cancel_here(watcher: Session, caller: Session, statement: Statement, seconds: float) -> None:
    """Cancel a statement that trains in its own session, some seconds after it has begun."""
    call = Call(caller, statement)
    time.sleep(seconds)
    assert call.is_alive(), call.error
    asked = time.monotonic()
    watcher.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    require_cancelled(call, asked, ENDS_ON_SEGMENTS if watcher.is_greenplum else ENDS_WITHIN)
    require_nothing_left(watcher)


def search_to_the_end(caller: Session, name: str) -> None:
    """Make a small search, and drop its tables."""
    search(caller, name, model_id_list=[1])
    assert caller.value(f"SELECT count(*) FROM {name}") == 4
    caller.run(f"DROP TABLE {name}, {name}_info, {name}_summary, {name}_best, {name}_best_summary")


def test_a_cancelled_session_searches_again(watcher: Session, caller: Session) -> None:
    caller.run("SET statement_timeout = 1000")
    with pytest.raises(psycopg2.Error):
        long_search(caller)
    caller.run("RESET statement_timeout")
    search_to_the_end(caller, "again")
    require_nothing_left(watcher)
