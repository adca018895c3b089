"""madlib.automl_resume: whatever ended a run, and whenever, in the end its tables are those of one that nothing disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from fix_calls import Call, waited
from fix_db import CURRENT_SCHEMA, Session, connect_to
from fix_search import PAGE_COMPILE, enter, lent, load, make_iris, search, sequential

PATIENCE = 90.0  # seconds for a moment to come
NET = sequential(
    ("Dense", {"units": 60, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.2}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
# Columns that differ between two calls: when it was, and whether the seed was typed.
OF_THE_CALL = ("metrics_elapsed_time", "start_training_time", "end_training_time", "random_state")
WRITTEN_AGAIN = (
    "run {} cannot be resumed: what it was trained with has been written again since: a packed table, an architecture, a custom"
    " function, or weights to begin from"
)
RUN = "(SELECT max(run_id) FROM madlib.automl_runs)"

Statement = Callable[..., None]
End = Callable[[Session, int], None]
Moment = Callable[[Session], bool]


def hyperband(session: Session, params: str = "R=9, eta=3") -> None:
    """A search of some seconds: three brackets, each of 9 iterations a trial at most."""
    search(
        session,
        "made",
        compile_params_grid=PAGE_COMPILE,
        fit_params_grid="{'batch_size': [2, 4], 'epochs': [2]}",
        automl_params=params,
        validation_table="val",
        metrics_compute_frequency=2,
        random_state=11,
    )


def long_hyperband(session: Session) -> None:
    """A longer one: brackets of 27 iterations, one after the other half way."""
    hyperband(session, "R=27, eta=3, skip_last=1")


def steered(session: Session) -> None:
    """A search that keeps the best iteration of each trial, and ends trials that do not become better."""
    search(
        session,
        "made",
        compile_params_grid=PAGE_COMPILE.replace("[0.001, 0.1, 'log']", "[0.01, 0.5, 'log']"),
        fit_params_grid="{'batch_size': [2, 4], 'epochs': [2]}",
        automl_params="R=9, eta=3, objective=accuracy, keep=best, trial_patience=3",
        validation_table="val",
        metrics_compute_frequency=1,
        random_state=11,
    )


def tpe(session: Session, seed: int | None = None) -> None:
    """A search by TPE, whose seed is drawn unless it is given."""
    search(
        session,
        "made",
        fit_params_grid="{'batch_size': [2, 4], 'epochs': [2]}",
        automl_method="hyperopt",
        automl_params="num_configs=6, num_iterations=8",
        random_state=seed,
        use_caching=True,
    )


def folds(session: Session) -> None:
    """A search that tries each configuration four times, twice for each of two folds."""
    search(
        session,
        "made",
        fit_params_grid="{'batch_size': [2, 4], 'epochs': [2]}",
        automl_method="asha",
        automl_params="R=4, eta=2, num_configs=3, folds=2, trials_per_config=2, keep=best",
        metrics_compute_frequency=1,
        random_state=11,
    )


def several(session: Session) -> None:
    """Configurations of one's own choice, from the weights of an earlier training."""
    session.run("SELECT setseed(0.5)")
    session.run(
        "SELECT madlib.madlib_keras_fit_multiple_model('train', 'made', 'mst', 30, validation_table := 'val',"
        " metrics_compute_frequency := 7, warm_start := TRUE, name := 'of mine')"
    )


def one(session: Session) -> None:
    session.run("SELECT setseed(0.5)")
    session.run(
        "SELECT madlib.madlib_keras_fit('train', 'made', 'lib', 1, $$loss='categorical_crossentropy',optimizer='Adam(lr=0.01)',"
        "metrics=['accuracy']$$, 'batch_size=1,epochs=4', 30, metrics_compute_frequency := 7)"
    )


MADE = f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA} AND relname ~ '^made' AND relkind = 'r' ORDER BY 1"


def contents(session: Session) -> dict[str, object]:
    """A digest of each table of a call."""
    found = {}
    for (table,) in session.fetch(MADE):
        columns = [
            name
            for (name,) in session.fetch(
                "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
                table,
            )
            if name not in OF_THE_CALL
        ]
        row = ", ".join(f"{name}::text" for name in columns)
        found[table] = session.value(
            f"SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM (SELECT {row} FROM {table}) r"
        )
    return found


def drop_made(session: Session) -> None:
    tables = session.fetch(MADE)
    if tables:
        session.run(f"DROP TABLE {', '.join(name for (name,) in tables)}")


def prepare(session: Session, statement: Statement) -> None:
    """Make what a statement begins from."""
    drop_made(session)
    if statement is several:
        session.run("SELECT setseed(0)")
        session.run("SELECT madlib.madlib_keras_fit_multiple_model('train', 'made', 'mst', 1)")


# --- moments ------------------------------------------------------------------------------------------------------------


def iterations(count: int) -> Moment:
    """The moment when the trials of the run have made so many iterations, together."""
    sql = "SELECT coalesce(sum(iteration), 0) FROM madlib.automl_trials WHERE run_id = %s"

    def come(watcher: Session) -> bool:
        ((run, status),) = watcher.fetch("SELECT run_id, status FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1")
        return bool(status != "running" or watcher.value(sql, run) >= count)

    return come


def at_once(watcher: Session) -> bool:
    """The moment when the record has been opened."""
    return bool(watcher.value("SELECT count(*) FROM madlib.automl_runs WHERE status = 'running'"))


def last_rung(watcher: Session) -> bool:
    sql = f"SELECT count(*) FROM madlib.automl_trials WHERE run_id = {RUN} AND s = 3 AND i = 2 AND status = 'running'"
    return bool(watcher.value(sql))


# --- what ends a run ----------------------------------------------------------------------------------------------------


def cancel(watcher: Session, caller: int) -> None:
    watcher.run("SELECT pg_cancel_backend(%s)", caller)


def terminate(watcher: Session, caller: int) -> None:
    watcher.run("SELECT pg_terminate_backend(%s)", caller)


def interrupted(dsn: str, statement: Statement, moment: Moment, end: End, sessions: int = 2) -> int:
    """Begin a call in a session of its own, end it at a moment, and return the number of its run."""
    caller, watcher = opened(dsn), opened(dsn)
    caller.run("SET keras_automl.keep_sessions = 0; SET keras_automl.sessions = %s", sessions)
    before = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
    call = Call(caller, statement)
    try:
        run = reached(moment, call, watcher, before)
        end(watcher, caller.info.backend_pid)
        call.join(PATIENCE)
    finally:  # one whose moment has not come must not go on beside other tests
        watcher.run("SELECT pg_terminate_backend(%s)", caller.info.backend_pid)
    assert call.error is not None, "the call came to its end before it was to"
    assert waited(lambda: not watcher.value("SELECT alive FROM madlib.automl_runs WHERE run_id = %s", run), PATIENCE)
    for session in (caller, watcher):
        session.close()
    return run


def reached(moment: Moment, call: Call, watcher: Session, before: int) -> int:
    """Wait for a moment of a call, and return the number of its run, which is greater than `before`."""
    deadline = time.monotonic() + PATIENCE
    while watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs") == before or not moment(watcher):
        assert call.is_alive(), call.error
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(watcher.value("SELECT max(run_id) FROM madlib.automl_runs"))


def opened(dsn: str) -> Session:
    session = connect_to(dsn)
    session.run("SET search_path = t_resume")
    return session


# --- the tests ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(quick: Session) -> Iterator[Session]:
    """A session in a schema `t_resume`: packed tables, a library, and configurations."""
    with lent(quick, "t_resume") as session:
        make_iris(session)
        load(session, "lib", NET)
        session.run(
            "SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], ARRAY["
            "$$loss='categorical_crossentropy',optimizer='Adam(lr=0.01)',metrics=['accuracy']$$,"
            "$$loss='categorical_crossentropy',optimizer='SGD(lr=0.01)',metrics=['accuracy']$$],"
            "ARRAY['batch_size=1,epochs=2', 'batch_size=2,epochs=3'])"
        )
        yield session


@pytest.fixture
def dsn(prepared: Session, database: str) -> str:
    """The database with that schema."""
    return database


@pytest.fixture
def other(prepared: Session) -> Session:
    """That session as one that was just opened, which leaves runs as they are."""
    enter(prepared, "t_resume")
    return prepared


@pytest.fixture
def caller(other: Session) -> Iterator[Session]:
    """The same; what a call makes is gone afterwards."""
    yield other
    enter(other, "t_resume")
    drop_made(other)
    other.run("DELETE FROM madlib.automl_runs WHERE model_output_table ~ 't_resume'")


@cache
def undisturbed(session: Session, statement: Statement, seed: int) -> dict[str, object]:
    """Return what is in the tables of a call that nothing disturbs; it is made once for all tests that compare with it."""
    enter(session, "t_resume")
    prepare(session, statement)
    session.run("SET keras_automl.sessions = 0")
    statement(session, seed) if statement is tpe else statement(session)
    return contents(session)


SOAK = pytest.mark.soak
CASES = [
    pytest.param(folds, iterations(15), cancel, id="with folds", marks=SOAK),
    pytest.param(tpe, iterations(15), cancel, id="by TPE", marks=SOAK),
    pytest.param(steered, iterations(30), terminate, id="the best iterations", marks=SOAK),
    pytest.param(long_hyperband, at_once, cancel, id="cancelled at once", marks=SOAK),
    pytest.param(long_hyperband, iterations(60), terminate, id="terminated in the middle of a long one", marks=SOAK),
    pytest.param(long_hyperband, last_rung, cancel, id="cancelled at the last rung", marks=SOAK),
    pytest.param(several, iterations(35), terminate, id="several", marks=SOAK),
    pytest.param(one, iterations(10), cancel, id="one", marks=SOAK),
]


@pytest.mark.parametrize(("statement", "moment", "end"), CASES)
def test_the_tables_are_those_of_a_run_that_nothing_disturbed(
    dsn: str, caller: Session, statement: Statement, moment: Moment, end: End
) -> None:
    prepare(caller, statement)
    require_the_same(caller, statement, interrupted(dsn, statement, moment, end))


def require_the_same(caller: Session, statement: Statement, run: int) -> None:
    """Let a run go on, on other sessions than before, and compare what it makes with what it would have made."""
    caller.run("SET keras_automl.sessions = 1; SET keras_automl.threads = 2")
    caller.run("SELECT madlib.automl_resume(%s)", run)
    row = "SELECT status, error, finished > started, alive, threads, sessions FROM madlib.automl_runs WHERE run_id = %s"
    sessions = 3 if caller.is_greenplum else 1
    assert caller.fetch(row, run) == [("finished", None, True, False, 1, sessions)]
    assert caller.value("SELECT count(*) FROM madlib.automl_checkpoints WHERE run_id = %s", run) == 0
    assert caller.value("SELECT count(*) FROM madlib.automl_trials WHERE run_id = %s AND status <> 'finished'", run) == 0
    seed = caller.value("SELECT random_state FROM madlib.automl_runs WHERE run_id = %s", run)
    assert contents(caller) == undisturbed(caller, statement, seed)


@pytest.mark.soak
def test_checkpoints_that_are_lost_cost_time_and_nothing_else(dsn: str, caller: Session) -> None:
    run = interrupted(dsn, hyperband, iterations(25), cancel)
    caller.run("DELETE FROM madlib.automl_checkpoints WHERE run_id = %s AND mst_key %% 2 = 0", run)
    caller.run("SELECT madlib.automl_resume(%s)", run)
    assert contents(caller) == undisturbed(caller, hyperband, 11)


@pytest.mark.soak
def test_weights_that_a_run_began_from_must_be_the_same(dsn: str, caller: Session) -> None:
    prepare(caller, several)
    run = interrupted(dsn, several, iterations(1), cancel)
    caller.run("UPDATE made SET model_weights = model_weights WHERE mst_key = 2")
    failure = caller.error_of("SELECT madlib.automl_resume(%s)", run)
    assert (failure.sqlstate, failure.message) == ("55000", WRITTEN_AGAIN.format(run))


@pytest.mark.soak
def test_a_run_under_way_is_left_alone(dsn: str, caller: Session) -> None:
    found = []

    def look_and_cancel(watcher: Session, caller: int) -> None:
        run = watcher.value("SELECT max(run_id) FROM madlib.automl_runs")
        found.append(watcher.error_of("SELECT madlib.automl_resume(%s)", run))
        cancel(watcher, caller)

    run = interrupted(dsn, hyperband, iterations(5), look_and_cancel, sessions=1)
    assert [(failure.sqlstate, failure.message) for failure in found] == [
        ("55000", f"run_id: run {run} is under way in another session")
    ]


@pytest.mark.soak
def test_only_one_session_goes_on_with_a_run(dsn: str, caller: Session) -> None:
    run, second = interrupted(dsn, hyperband, iterations(5), cancel, sessions=1), opened(dsn)
    caller.run("BEGIN")
    # A resumed run in the caller's own session holds the run until the transaction is over.
    caller.run("SET keras_automl.sessions = 0; SELECT madlib.automl_resume(%s)", run)
    failure = second.error_of("SELECT madlib.automl_resume(%s)", run)
    assert (failure.sqlstate, failure.message) == ("55000", f"run_id: run {run} is under way in another session")
    assert failure.hint == f"Wait until it is over, or end it: SELECT pg_cancel_backend({caller.info.backend_pid})"
    caller.run("ROLLBACK")
    row = "SELECT status FROM madlib.automl_runs WHERE run_id = %s"
    assert second.value(row, run) == "cancelled"
    second.run("SET keras_automl.sessions = 2; SELECT madlib.automl_resume(%s)", run)
    assert contents(second) == undisturbed(caller, hyperband, 11)
    failure = caller.error_of("SELECT madlib.automl_resume(%s)", run)
    assert (failure.sqlstate, failure.message) == (
        "55000",
        f'run_id: run {run} has finished, its model table was "t_resume.made"',
    )
    second.close()


# --- one search that was ended in the middle; the last of these tests goes on with it -------------------------------------


@pytest.fixture(scope="module")
def ended(prepared: Session, database: str) -> int:
    """The number of that run."""
    return interrupted(database, hyperband, iterations(25), terminate)


def test_what_cannot_be_resumed(other: Session, ended: int) -> None:
    before = other.fetch("SELECT * FROM madlib.automl_runs WHERE run_id = %s", ended)
    resume = f"SELECT madlib.automl_resume({ended})"
    assert other.error_of("SELECT madlib.automl_resume(NULL::bigint)") == (
        "22004", "run_id: must be the number of a run, got NULL", None,
    )  # fmt: skip
    failure = other.error_of("SELECT madlib.automl_resume(123456)")
    assert (failure.sqlstate, failure.message) == ("22023", "run_id: must be the number of one of your runs, got 123456")
    other.run("CREATE TABLE made_info (x integer)")
    failure = other.error_of(resume)
    assert (failure.sqlstate, failure.message) == ("42P07", 'model_output_table: table "t_resume.made_info" already exists')
    other.run("DROP TABLE made_info")
    other.run("CREATE SCHEMA elsewhere; SET search_path = elsewhere, t_resume")
    failure = other.error_of(resume)
    assert (failure.sqlstate, failure.message) == (
        "55000",
        'run_id: model_output_table must be what it was in the run, "t_resume.made", and is "elsewhere.made" now',
    )
    other.run("SET search_path = t_resume; DROP SCHEMA elsewhere; UPDATE train_summary SET partitions = partitions + 1")
    now = other.value("SELECT partitions FROM train_summary")
    failure = other.error_of(resume)
    assert failure.message == (
        f'run_id: the number of partitions of source_table must be what it was in the run, "{now - 1}", and is "{now}" now'
    )
    other.run("UPDATE train_summary SET partitions = partitions - 1; ALTER TABLE val RENAME TO val_")
    assert other.error_of(resume).message == 'validation_table: table "val" does not exist'
    other.run("ALTER TABLE val_ RENAME TO val")
    other.run("BEGIN; UPDATE val SET class_text = class_text")
    failure = other.error_of(resume)
    other.run("ROLLBACK")
    assert (failure.sqlstate, failure.message) == ("55000", WRITTEN_AGAIN.format(ended))
    assert failure.hint == (
        "If what they hold is the same, as after a restore from a dump, have it taken for the same: UPDATE madlib.automl_runs"
        f" SET inputs = NULL WHERE run_id = {ended}"
    )
    assert other.fetch("SELECT * FROM madlib.automl_runs WHERE run_id = %s", ended) == before


EDITS = [
    "arguments = '{}'",
    "arguments = NULL",
    """arguments = replace(arguments, '"R=9, eta=3"', '{"a": 1}')""",
    "threads = 1000",
    "method = 'other'",
]


def test_an_edited_record_is_refused_and_left_as_it_is(other: Session, ended: int) -> None:
    resume = f"SELECT madlib.automl_resume({ended})"
    kept = other.fetch("SELECT arguments, threads, method FROM madlib.automl_runs WHERE run_id = %s", ended)
    this = f"WHERE run_id = {ended}"
    for edit in EDITS:
        other.run(f"UPDATE madlib.automl_runs SET {edit} {this}")
        failure = other.error_of(resume)
        assert (failure.sqlstate, failure.message) == (
            "55000",
            f"run_id: the record of run {ended} does not say what was called",
        )
        other.run(f"UPDATE madlib.automl_runs SET (arguments, threads, method) = (%s, %s, %s) {this}", *kept[0])
    fourth = f"{this} AND mst_key = 4"
    trained = other.value(f"SELECT fit_params FROM madlib.automl_trial_log {fourth}")
    other.run(f"UPDATE madlib.automl_trial_log SET fit_params = 'x' {fourth}")
    everything = f"SELECT r.*, t.* FROM madlib.automl_runs r JOIN madlib.automl_trials t USING (run_id) {this} ORDER BY mst_key"
    before = other.fetch(everything)
    failure = other.error_of(resume)
    assert failure.sqlstate == "55000"
    assert failure.message.startswith("the run cannot be resumed: its mst_key 4 is (1, optimizer=")
    assert other.fetch(everything) == before
    other.run(f"UPDATE madlib.automl_trial_log SET fit_params = %s {fourth}", trained)


def test_a_run_of_somebody_else_is_none(other: Session, ended: int, role: str) -> None:
    other.run(f"SET ROLE {role}")
    failure = other.error_of("SELECT madlib.automl_resume(%s)", ended)
    other.run("RESET ROLE")
    assert (failure.sqlstate, failure.message) == (
        "22023",
        f"run_id: must be the number of one of your runs, got {ended}",
    )


def test_afterwards_it_goes_on_to_the_tables_of_one_that_nothing_disturbed(caller: Session, ended: int) -> None:
    require_the_same(caller, hyperband, ended)
