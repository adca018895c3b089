"""What kills a session, a caller or a server in the middle of a search: the run goes on where it was, to the same bits.

All of it in a server of this file's own (fix_own_server), which these tests crash, stop, and replace by its standby.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import psycopg2
import pytest
from test_resume import MADE, NET, contents

from fix_calls import Call, waited
from fix_db import Session, connect_to
from fix_own_server import OwnServer
from fix_search import PAGE_COMPILE, dense, in_schema, lent, load, make_iris, search

pytestmark = pytest.mark.postgresql("what is made here is compared with what is made there")
ROOM = "t_crashes"
PATIENCE = 90.0  # seconds for a moment to come
LEAVES_WITHIN = 10.0  # seconds, of a process whose server is gone
GOING_DOWN = "keras_automl: the server is going down because its postmaster has ended unexpectedly"
FURTHER = 10  # iterations that a run makes between two faults
RUN = "SELECT max(run_id) FROM madlib.automl_runs"
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name ~ %s AND pid <> pg_backend_pid()"


def enter(server: OwnServer) -> Session:
    """Open a session in the schema of these tests."""
    return connect_to(server.dsn, options=f"-c search_path={ROOM} -c keras_automl.sessions=1 -c keras_automl.keep_sessions=0")


def long_search(session: Session) -> None:
    """A search of some eighty iterations."""
    search(
        session,
        "made",
        compile_params_grid=PAGE_COMPILE,
        fit_params_grid="{'batch_size': [1, 2], 'epochs': [2]}",
        automl_params="R=9, eta=3",
        validation_table="val",
        metrics_compute_frequency=2,
        random_state=11,
    )


def make_tables(session: Session) -> None:
    """Make packed tables and a library."""
    make_iris(session)
    load(session, "lib", NET, dense(3))


@pytest.fixture(scope="module")
def prepared(own_server: OwnServer) -> OwnServer:
    """The server with a schema that has packed tables and a library."""
    session = in_schema(own_server.dsn, ROOM)
    make_tables(session)
    # A model of three equal classes, as fit makes it.
    weights = np.zeros(4 * 3 + 3, np.float32).tobytes()
    session.run("CREATE TABLE answering AS SELECT model_arch, %s::bytea AS model_weights FROM lib WHERE model_id = 2", weights)
    session.run(
        "CREATE TABLE answering_summary AS SELECT 'class_text'::text AS dependent_varname,"
        " ARRAY['first', 'second', 'third'] AS class_values, 1.0::real AS normalizing_const"
    )
    session.close()
    return own_server


@pytest.fixture(scope="module")
def undisturbed(quick: Session) -> dict[str, object]:
    """What is in the tables of the search where nothing disturbs it: on the server of the other tests, which goes on."""
    with lent(quick, ROOM) as session:
        make_tables(session)
        session.run("SET keras_automl.sessions = 0")
        long_search(session)
        return contents(session)


@pytest.fixture
def mended(prepared: OwnServer) -> Iterator[OwnServer]:
    """The server, which runs, and runs again afterwards."""
    yield prepared
    prepared.mend()


# --- faults -------------------------------------------------------------------------------------------------------------


def process(watcher: Session, name: str) -> int:
    """The process of one of our sessions, or of the caller."""
    return int(watcher.fetch(OURS, name)[0][0])


def kill_a_session(server: OwnServer, watcher: Session, caller: int) -> None:
    os.kill(process(watcher, "^keras_automl session 1"), signal.SIGKILL)


def kill_the_caller(server: OwnServer, watcher: Session, caller: int) -> None:
    os.kill(caller, signal.SIGKILL)


def stop_at_once(server: OwnServer, watcher: Session, caller: int) -> None:
    server.stop("immediate")


def kill_the_postmaster(server: OwnServer, watcher: Session, caller: int) -> None:
    server.kill()


Fault = Callable[[OwnServer, Session, int], None]
FAULTS: list[Fault] = [kill_a_session]
LONG_FAULTS: list[Fault] = [kill_the_caller, stop_at_once, kill_the_postmaster]  # make soak has them too


# --- a run that goes from fault to fault --------------------------------------------------------------------------------


@dataclass
class Journey:
    """A run that is interrupted, and resumed, by each test that wants it.

    Attributes:
        number: of the run; None before it has begun.
        heard: what its caller has heard last.
    """

    number: int | None = None
    heard: str | None = None

    def go(self, session: Session) -> None:
        """Begin the run, or go on with it, to its end."""
        if self.number is None:
            long_search(session)
        else:
            session.run("SELECT madlib.automl_resume(%s)", self.number)

    def disturb(self, server: OwnServer, fault: Fault) -> None:
        """Let the run go on for some iterations, and make a fault happen, which the caller hears of."""
        caller, watcher = enter(server), enter(server)
        before = self.iterations(watcher)
        call = Call(caller, self.go)
        assert waited(lambda: self.iterations(watcher) >= before + FURTHER or not call.is_alive(), PATIENCE)
        assert call.is_alive(), call.error
        self.number = watcher.value(RUN)
        with suppress(psycopg2.Error):
            fault(server, watcher, caller.info.backend_pid)
        call.join(PATIENCE)
        assert call.error is not None
        self.heard = call.error.diag.message_primary

    def iterations(self, watcher: Session) -> int:
        """How many iterations its trials have made together, as the record has it."""
        return int(watcher.value("SELECT coalesce(sum(iteration), 0) FROM madlib.automl_trials"))


@pytest.fixture(scope="module")
def journey() -> Journey:
    """One run for all faults, so that it is interrupted again and again."""
    return Journey()


@pytest.mark.parametrize(
    "fault", [*(pytest.param(each, marks=pytest.mark.soak) for each in LONG_FAULTS), *FAULTS], ids=lambda fault: fault.__name__
)
def test_whatever_ends_a_run_nothing_of_it_is_left_and_it_can_go_on(
    mended: OwnServer, undisturbed: dict[str, object], journey: Journey, fault: Fault
) -> None:
    postmaster = mended.postmaster
    journey.disturb(mended, fault)
    if fault is kill_the_postmaster:
        begin = time.monotonic()
        assert waited(lambda: mended.processes == [], LEAVES_WITHIN), mended.processes
        print(f"left after {time.monotonic() - begin:.1f} s")
        assert journey.heard == GOING_DOWN
    if fault in (stop_at_once, kill_the_postmaster):
        mended.mend()
        assert mended.postmaster != postmaster
    assert waited(mended.answers, PATIENCE)
    watcher = enter(mended)
    assert waited(lambda: watcher.fetch(OURS, "^keras_automl") == [], LEAVES_WITHIN)
    assert watcher.fetch(MADE) == []
    assert watcher.fetch("SELECT run_id, alive FROM madlib.automl_runs") == [(journey.number, False)]
    watcher.close()


def test_a_run_that_was_interrupted_again_and_again_ends_as_one_that_was_not(
    mended: OwnServer, undisturbed: dict[str, object], journey: Journey
) -> None:
    session = enter(mended)
    journey.go(session)
    assert contents(session) == undisturbed
    assert session.fetch("SELECT status, alive FROM madlib.automl_runs") == [("finished", False)]
    assert session.value("SELECT count(*) FROM madlib.automl_checkpoints") == 0
    assert session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    session.run(f"DROP TABLE {', '.join(name for (name,) in session.fetch(MADE))}; DELETE FROM madlib.automl_runs")
    session.close()


def long_visits(session: Session) -> None:
    """A search whose every visit takes minutes."""
    search(session, "made", fit_params_grid="{'batch_size': [1], 'epochs': [100000]}")


def long_fit(session: Session) -> None:
    """A training of minutes, in the session that calls."""
    session.run("SET keras_automl.sessions = 0")
    compiled = "$$loss='categorical_crossentropy',optimizer='SGD()'$$"
    session.run(f"SELECT madlib.madlib_keras_fit('train', 'fitted', 'lib', 1, {compiled}, 'batch_size=1,epochs=100000', 20)")


def test_who_is_in_a_long_visit_leaves_when_the_postmaster_is_killed_and_blames_no_trial(mended: OwnServer) -> None:
    callers, watcher = [enter(mended), enter(mended)], enter(mended)
    calls = [Call(caller, statement) for caller, statement in zip(callers, (long_visits, long_fit), strict=True)]
    training = f"{OURS} AND query ~ 'automl_visit' AND state = 'active'"
    assert waited(lambda: watcher.fetch(training, "^keras_automl") != [] or not calls[0].is_alive(), PATIENCE)
    time.sleep(4)  # the fit imports TensorFlow by itself
    assert all(call.is_alive() for call in calls), [call.error for call in calls]
    mended.kill()
    assert waited(lambda: mended.processes == [], LEAVES_WITHIN), mended.processes
    for call in calls:
        call.join(PATIENCE)
        assert call.error is not None
        assert (call.error.pgcode, call.error.diag.message_primary) == ("57P01", GOING_DOWN)
    mended.mend()
    session = enter(mended)
    session.run("DELETE FROM madlib.automl_runs")
    session.close()


# --- a table of ordinary columns ----------------------------------------------------------------------------------------

HOUSES = """
CREATE TABLE houses AS SELECT i AS id, (i * 37) % 61 AS area, CASE WHEN (i * 37) % 61 > 30 THEN 'large' ELSE 'small' END AS size
FROM generate_series(1, 300) i
"""
TRAIN = "SELECT * FROM madlib.automl_train('houses', 'big', 'size', id_col := 'id', preset := 'fast', random_state := 7{})"
ONE = """, params := '{"automl_method": "hyperopt", "automl_params": "algorithm=rand, num_configs=1, num_iterations=3"}'"""
OF_MODEL = (
    "SELECT relname FROM pg_class WHERE relnamespace = 't_crashes'::regnamespace AND relkind IN ('r', 'v') AND relname ~ '^big'"
)
# Whether what an earlier call has left was made in one transaction with the comment by which it is known.
KNOWN = """SELECT bool_and(made.xmin::text = d.xmin::text) FROM pg_description d JOIN (
    SELECT oid, tableoid, xmin FROM pg_class WHERE relname = 'big_rows'
    UNION ALL SELECT oid, tableoid, xmin FROM pg_proc WHERE proname = 'big_features'
) made ON made.oid = d.objoid AND made.tableoid = d.classoid"""


def test_a_call_that_was_killed_while_it_made_a_model_of_columns_leaves_none_and_can_be_made_again(mended: OwnServer) -> None:
    caller, watcher = enter(mended), enter(mended)
    watcher.run(HOUSES)
    call = Call(caller, lambda session: session.run(TRAIN.format("")))
    assert waited(lambda: watcher.fetch("SELECT 1 FROM madlib.automl_runs WHERE alive") != [] or not call.is_alive(), PATIENCE)
    assert call.is_alive(), call.error
    failure = watcher.error_of(TRAIN.format(""))  # somebody else's call for the same name meanwhile
    assert (failure.sqlstate, failure.message) == ("55006", 'model: table "t_crashes.big" is being made by another transaction')
    os.kill(caller.info.backend_pid, signal.SIGKILL)
    call.join(PATIENCE)
    assert call.error is not None
    assert waited(mended.answers, PATIENCE)
    session = enter(mended)
    left = {name for (name,) in session.fetch(OF_MODEL)}
    assert "big_rows" in left
    assert left.isdisjoint({"big", "big_info", "big_summary", "big_columns"})
    assert session.value(KNOWN) is True
    (run,) = session.fetch("SELECT run_id, status, alive FROM madlib.automl_runs")
    assert (run.status, run.alive) == ("running", False)
    session.run("SET keras_automl.sessions = 0")
    session.run(TRAIN.format(ONE))
    assert {name for (name,) in session.fetch(OF_MODEL)} == {"big", "big_info", "big_summary", "big_columns"}
    assert session.value("SELECT count(*) FROM houses h WHERE big(h) IN ('large', 'small')") == 300
    resume = "SELECT madlib.automl_resume(%s)"
    assert session.error_of(resume, run.run_id).sqlstate == "42P07"  # the tables that it would make are there
    session.run("DROP TABLE houses CASCADE; DROP TABLE big, big_info, big_summary, big_columns")
    assert session.error_of(resume, run.run_id).sqlstate == "42P01"  # what it was trained on went with the second call
    session.run("DELETE FROM madlib.automl_runs")
    session.close()


# --- a standby ----------------------------------------------------------------------------------------------------------

WRITES = "keras_automl: {} writes, and this server is a standby, which can only be read"
CALLS: dict[str, Callable[[Session], None]] = {
    "madlib_keras_automl": long_search,
    "automl_resume": lambda session: session.run("SELECT madlib.automl_resume(1)"),
    "training_preprocessor_dl": lambda session: session.run(
        "SELECT madlib.training_preprocessor_dl('iris_train', 'packed', 'class_text', 'attributes')"
    ),
    "madlib_keras_predict_byom": lambda session: session.run(
        "SELECT madlib.madlib_keras_predict_byom('lib', 1, 'iris_test', 'id', 'attributes', 'predicted')"
    ),
    "gpu_configuration": lambda session: session.run("SELECT madlib.gpu_configuration('gpus')"),
}


def require_reading_only(standby: Session) -> None:
    """What reads works on a standby; what writes says so before anything else."""
    standby.run("SELECT madlib.madlib_keras_automl('usage'), madlib.gpu_configuration()")
    assert standby.value("SELECT count(*) > 0 FROM madlib.automl_doctor()")
    assert standby.value("SELECT madlib.automl_response('answering', ARRAY[5.1, 3.5, 1.4, 0.2])") == "first"
    for function, call in CALLS.items():
        with pytest.raises(psycopg2.Error) as caught:
            call(standby)
        assert caught.value.pgcode == "25006", caught.value
        assert caught.value.diag.message_primary == WRITES.format(function)
        assert str(caught.value.diag.message_hint).startswith("Call it on the primary server. ")


def has_metrics(reader: Session) -> bool:
    return bool(reader.value("SELECT count(*) > 0 FROM madlib.automl_metrics"))


@pytest.mark.soak
def test_a_standby_shows_runs_and_goes_on_with_them_when_it_is_promoted(
    mended: OwnServer, standby: OwnServer, undisturbed: dict[str, object]
) -> None:
    caller, reader = enter(mended), enter(standby)
    caller.run("DELETE FROM madlib.automl_runs")
    require_reading_only(reader)
    call = Call(caller, long_search)
    assert waited(lambda: has_metrics(reader), PATIENCE), call.error
    for view in ("automl_trials", "automl_metrics", "automl_leaderboard", "automl_progress"):
        assert reader.value(f"SELECT count(*) > 0 FROM madlib.{view}"), view
    assert reader.value("SELECT status FROM madlib.automl_progress") == "running"
    assert call.is_alive(), call.error
    mended.stop("immediate")
    call.join(PATIENCE)
    standby.promote()
    run, status, alive = reader.fetch("SELECT run_id, status, alive FROM madlib.automl_runs")[0]
    assert (status, alive) == ("running", False)
    reader.run("SELECT madlib.automl_resume(%s)", run)
    assert contents(reader) == undisturbed
    reader.close()
