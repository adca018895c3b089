"""Budgets, automl_stop and automl_resume with other budgets, on sessions of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg2
import pytest

from fix_calls import Call, waited
from fix_db import Session, connect_to
from fix_search import PAGE_COMPILE, dense, enter, lent, load, make_iris, search

RESULT = """SELECT mst_key, compile_params, fit_params, md5(model_weights), training_loss, validation_loss, metrics_iters
    FROM {0} JOIN {0}_info USING (mst_key) ORDER BY 1"""
LAST = "SELECT run_id, status, ended_by, decisions FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"
IN_FORCE = "SELECT status, ended_by, automl_params FROM madlib.automl_runs WHERE run_id = %s"
RANKED = "SELECT mst_key FROM madlib.automl_leaderboard(%s, NULL) WHERE rank IS NOT NULL ORDER BY rank"
RUNNING = "SELECT max(run_id) FROM madlib.automl_runs WHERE alive"


def bounded(session: Session, name: str, method: str, params: str) -> None:
    search(
        session,
        name,
        compile_params_grid=PAGE_COMPILE,
        fit_params_grid="{'batch_size': [2, 4], 'epochs': [2]}",
        automl_method=method,
        automl_params=params,
        validation_table="val",
        random_state=4,
    )


@pytest.fixture(scope="module")
def prepared(quick: Session) -> Iterator[Session]:
    """A session in a schema with packed tables and a library."""
    with lent(quick, "t_ended") as session:
        make_iris(session)
        load(session, "lib", dense(3))
        yield session


@pytest.fixture
def caller(prepared: Session) -> Session:
    """That session as one that was just opened, which trains on two others."""
    enter(prepared, "t_ended")
    prepared.run("SET keras_automl.sessions = 2")
    return prepared


def test_it_goes_on_to_the_end_of_its_plan(caller: Session) -> None:
    bounded(caller, "whole", "hyperband", "R=4, eta=2")
    assert caller.fetch(LAST)[0][1:] == ("finished", None, 13)
    bounded(caller, "halved", "hyperband", "R=4, eta=2, max_trials=4, patience=50")
    run, *others = caller.fetch(LAST)[0]
    assert others == ["stopped", "max_trials", 7]
    assert caller.value("SELECT count(*) FROM halved") == 4
    caller.run("BEGIN")
    caller.run("SELECT madlib.automl_resume(%s)", run)
    caller.run("ROLLBACK")  # as if it had crashed: the tables of before are there again, the budget that ended it is not
    assert caller.fetch(IN_FORCE, run) == [("running", None, "R=4, eta=2, patience=50")]
    assert caller.value("SELECT count(*) FROM halved") == 4
    caller.run("SELECT madlib.automl_resume(%s)", run)
    assert caller.fetch(IN_FORCE, run) == [("finished", None, "R=4, eta=2, patience=50")]
    assert caller.fetch(RESULT.format("halved")) == caller.fetch(RESULT.format("whole"))
    assert caller.value("SELECT automl_params FROM halved_summary") == "R=4, eta=2, patience=50"
    assert caller.value("SELECT madlib.automl_repeat(%s)", run) is True


def test_one_that_went_on_by_a_time_is_repeated_with_as_many_configurations(caller: Session) -> None:
    """There are nine of them without that."""
    bounded(caller, "opened", "asha", "R=4, eta=2, max_trials=3")
    run, *_ = caller.fetch(LAST)[0]
    caller.run("SELECT madlib.automl_resume(%s, 'max_time=10 min, max_trials=12')", run)
    assert caller.fetch(IN_FORCE, run) == [("stopped", "max_trials", "R=4, eta=2, max_time=10 min, max_trials=12")]
    assert caller.value("SELECT count(*) FROM opened") == 12
    said = "SELECT time_from > 0 FROM madlib.automl_states WHERE run_id = %s ORDER BY n DESC LIMIT 1"
    assert caller.value(said, run) is True
    assert caller.value("SELECT madlib.automl_repeat(%s)", run) is True


def test_a_time_that_is_over_delivers_and_its_decisions_repeat_it(caller: Session) -> None:
    caller.notices.clear()
    limit = 12 if caller.is_greenplum else 3  # compiling, which comes first, takes a part of it
    bounded(caller, "timed", "asha", f"R=4, eta=2, max_time={limit} s")
    run, status, ended_by, decisions = caller.fetch(LAST)[0]
    assert (status, ended_by) == ("stopped", "max_time")
    said = "".join(caller.notices)
    assert "INFO:  training of configurations begins after" in said
    ended = (
        rf"max_time={limit} s has ended the search after \d+\.\d s: {decisions} "
        r"decisions about (\d+) configurations, 100% of the"
    )
    found = re.search(ended, said)
    assert found
    assert f"INFO:  SELECT madlib.automl_resume({run}, 'max_time=10 min') goes on\n" in said
    assert caller.value("SELECT count(*) FROM timed") == int(found[1])
    assert caller.value("SELECT count(*) FROM timed WHERE model_weights IS NULL") == 0
    assert caller.value("SELECT count(*) FROM timed_best") == 1
    trials = "SELECT count(*), sum((status = 'finished')::integer) FROM madlib.automl_trials WHERE run_id = %s"
    begun, finished = caller.fetch(trials, run)[0]
    assert begun >= finished == int(found[1])
    delivered = caller.fetch("SELECT mst_key FROM timed_info ORDER BY validation_loss_final, mst_key")
    assert caller.fetch(RANKED, run) == delivered
    bounded(caller, "repeated", "asha", f"R=4, eta=2, max_time={limit} s, decisions={decisions}")
    assert caller.fetch(LAST)[0][1:] == ("stopped", "decisions", decisions)
    assert caller.fetch(RESULT.format("repeated")) == caller.fetch(RESULT.format("timed"))
    assert caller.value("SELECT madlib.automl_repeat(%s)", run) is True
    before = caller.value("SELECT count(*) FROM timed")
    caller.run("SELECT madlib.automl_resume(%s, %s)", run, f"decisions={decisions + 9}")
    after = "SELECT status, decisions FROM madlib.automl_runs WHERE run_id = %s"
    assert caller.fetch(after, run) == [("stopped", decisions + 9)]
    assert caller.value("SELECT count(*) FROM timed") > before
    given = f"R=4, eta=2, max_time={limit} s, decisions={decisions + 9}"
    assert caller.value("SELECT automl_params FROM timed_summary") == given


BAD_BUDGETS = [
    ("R=9", '"R" is not one of max_time, max_trials, target, patience, decisions'),
    ("max_tim=5 s", '"max_tim" is not one of max_time, max_trials, target, patience, decisions; did you mean "max_time"?'),
    ("max_time=5", "\"max_time\" must be a time above 0 with its unit (s, min, h or d), of at most 366 days, got '5'"),
]


@pytest.mark.soak
def test_a_table_that_took_the_name_meanwhile_is_left_alone(caller: Session) -> None:
    caller.run("SET keras_automl.sessions = 0")  # its own session keeps the states too
    bounded(caller, "renamed", "hyperopt", "num_configs=4, num_iterations=1, max_trials=2")
    run = caller.fetch(LAST)[0][0]
    for params, message in BAD_BUDGETS:
        assert caller.error_of("SELECT madlib.automl_resume(%s, %s)", run, params).message == f"automl_params: {message}"
    caller.run("ALTER TABLE renamed RENAME TO mine; CREATE TABLE renamed AS SELECT 7 AS seven")
    failure = caller.error_of("SELECT madlib.automl_resume(%s)", run)
    assert (failure.sqlstate, failure.message) == ("42P07", 'model_output_table: table "t_ended.renamed" already exists')
    assert caller.value("SELECT seven FROM renamed") == 7
    caller.run("DROP TABLE renamed")
    caller.run("SELECT madlib.automl_resume(%s)", run)
    assert caller.value("SELECT count(*) FROM mine") == 2
    assert caller.value("SELECT count(*) FROM renamed") == 4
    bounded(caller, "alone", "hyperopt", "num_configs=4, num_iterations=1")
    assert caller.fetch(RESULT.format("renamed")) == caller.fetch(RESULT.format("alone"))


def test_somebody_stops_it(database: str, caller: Session, role: str) -> None:
    other = connect_to(database)
    call = Call(caller, lambda session: bounded(session, "stopped", "hyperopt", "num_configs=1000, num_iterations=2"))
    trained = """SELECT count(*) FROM madlib.automl_trials t JOIN madlib.automl_runs r USING (run_id)
        WHERE r.alive AND t.status = 'finished'"""
    try:
        assert waited(lambda: bool(other.value(trained) > 3) or not call.is_alive(), 90.0)
        assert call.is_alive(), call.error
        run = other.value(RUNNING)
        other.run(f"SET ROLE {role}")
        failure = other.error_of("SELECT madlib.automl_stop(%s)", run)
        assert (failure.sqlstate, failure.message) == ("22023", f"run_id: must be the number of one of your runs, got {run}")
        other.run("RESET ROLE")
        other.notices.clear()
        other.run("SELECT madlib.automl_stop(%s)", run)
        told = "ends, and delivers the best that it has found, if a trial has come to its first decision"
        assert other.notices == [f"INFO:  run {run} {told}\n"]
        call.join(30.0)
        assert call.error is None
    finally:
        if call.is_alive():
            other.run("SELECT pg_terminate_backend(%s)", caller.info.backend_pid)
    row = other.fetch("SELECT status, ended_by, decisions > 3 FROM madlib.automl_runs WHERE run_id = %s", run)
    assert row == [("stopped", "automl_stop", True)]
    assert other.value("SELECT count(*) > 3 FROM t_ended.stopped") is True
    failure = other.error_of("SELECT madlib.automl_stop(%s)", run)
    assert (failure.sqlstate, failure.message) == ("55000", f"run_id: run {run} is not under way")
    other.close()


def test_anybody_can_take_an_advisory_lock_and_stops_nothing_by_that(database: str, caller: Session, role: str) -> None:
    other = connect_to(database)
    forger = connect_to(database, user=role)
    call = Call(caller, lambda session: bounded(session, "forged", "hyperopt", "num_configs=6, num_iterations=3"))
    try:
        assert waited(lambda: other.value(RUNNING) is not None or not call.is_alive(), 90.0)
        assert call.is_alive(), call.error
        forger.run("SELECT pg_advisory_lock(27496, %s)", other.value(RUNNING))
        call.join(90.0)
        assert call.error is None
    finally:
        for session in (forger, other):
            session.close()
    assert caller.fetch(LAST)[0][1:] == ("finished", None, 6)


def test_a_budget_of_which_nothing_comes_is_an_error_and_it_can_go_on(caller: Session) -> None:
    params = "num_configs=2, num_iterations=20, max_time=1 ms"
    with pytest.raises(psycopg2.Error, match=r"max_time=0\.001 s has ended the search before"):
        bounded(caller, "hasty", "hyperopt", params)
    run, status, ended_by, _ = caller.fetch(LAST)[0]
    assert (status, ended_by) == ("failed", None)
    assert caller.value("SELECT to_regclass('hasty') IS NULL") is True
    caller.run("SELECT madlib.automl_resume(%s, 'max_time=10 min')", run)
    assert caller.value("SELECT count(*) FROM hasty") == 2


def test_trials_that_do_worse_than_earlier_ones_end_early(caller: Session) -> None:
    found = []
    for name, sessions in (("median_two", 2), ("median_one", 1)):
        caller.run("SET keras_automl.sessions = %s", sessions)
        search(
            caller,
            name,
            automl_method="hyperopt",
            automl_params="num_configs=14, num_iterations=4, algorithm=rand, stop=median",
            metrics_compute_frequency=1,
            validation_table="val",
            random_state=4,
        )
        found.append(caller.fetch(RESULT.format(name)))
    assert found[0] == found[1]
    made = [len(row[-1]) for row in found[0]]
    assert made[:6] == [4] * 6  # as many know too few others
    assert 0 < sum(count < 4 for count in made) < 14
    failure = caller.error_of(
        "SELECT madlib.madlib_keras_automl('train', 'm', 'lib', 's', ARRAY[1], %s, %s, automl_params := 'stop=median')",
        PAGE_COMPILE,
        "{'batch_size': [8], 'epochs': [1]}",
    )
    assert failure.message == (
        'automl_params: "stop" compares trials at evaluations within a task, and the longest task is evaluated once'
    )
