"""What happens around a search while it runs: rows that are written, and a machine that has too little for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dill
import psycopg2
import pytest

from fix_calls import Call, at_work_on, waited
from fix_db import CURRENT_SCHEMA, Session
from fix_search import FOR_TENSORFLOW, dense, load, make_iris, search

pytestmark = pytest.mark.keeps_none

PATIENCE = 90.0  # seconds for a moment to come
LAST = "(SELECT max(run_id) FROM madlib.automl_runs)"
MADE = "SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {}"
FUNCTIONS = "t_disturbed_functions"
# TensorFlow calls the inner function in each step: a file says whether it finds no memory.
SHORT = """
import tensorflow as tf

def squared(y_true, y_pred):
    def short(outputs):
        import os
        if os.path.exists({path!r}):
            raise MemoryError("no memory left")
        return outputs
    outputs = tf.ensure_shape(tf.numpy_function(short, [tf.stop_gradient(y_pred)], tf.float32), y_pred.shape)
    return tf.reduce_mean(tf.square(y_pred - y_true) + 0.0 * outputs, -1)
"""


@pytest.fixture
def prepared(db: Session) -> Session:
    """A session in a schema with packed tables and a library."""
    make_iris(db)
    load(db, "lib", dense(3))
    db.run("SET keras_automl.sessions = 1")
    return db


def begun(watcher: Session, call: Call, before: int) -> bool:
    """Whether the next run has trained something."""
    sql = "SELECT coalesce(max(iteration), 0) FROM madlib.automl_trials WHERE run_id > %s"
    return bool(watcher.value(sql, before)) or not call.is_alive()


def disturbed(caller: Session, watcher: Session, statement: Callable[[Session], None], sql: str) -> psycopg2.Error | None:
    """Run `sql` when a statement has trained something, and return the error that this ends with."""
    before = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
    call = Call(caller, statement)
    assert waited(lambda: begun(watcher, call, before), PATIENCE)
    watcher.run(sql)
    call.join(PATIENCE)
    return call.error


def of_seconds(session: Session) -> None:
    """A search of some seconds."""
    search(session, "made", automl_params="R=9, eta=3", validation_table="val", metrics_compute_frequency=1)


def fit_of_seconds(session: Session) -> None:
    session.run(
        "SELECT madlib.madlib_keras_fit('train', 'made', 'lib', 1, $$loss='categorical_crossentropy',optimizer='SGD()'$$,"
        " 'batch_size=1,epochs=20', 20, metrics_compute_frequency := 1)"
    )


WRITES = [
    ("updated", "read committed", of_seconds, "UPDATE val SET class_text = class_text", "val"),
    ("deleted", "repeatable read", of_seconds, "DELETE FROM train WHERE buffer_id = 1", "train"),
    ("of a fit", "read committed", fit_of_seconds, "UPDATE train SET class_text = class_text WHERE buffer_id = 0", "train"),
]


@pytest.mark.parametrize(
    ("isolation", "statement", "sql", "table"),
    [pytest.param(*case, id=name, marks=[pytest.mark.soak] if at else []) for at, (name, *case) in enumerate(WRITES)],
)
def test_rows_that_were_written_under_a_run_are_an_error(
    prepared: Session,
    connect: Callable[..., Session],
    isolation: str,
    statement: Callable[[Session], None],
    sql: str,
    table: str,
) -> None:
    prepared.run(f"SET default_transaction_isolation = '{isolation}'")
    error = disturbed(prepared, connect(), statement, sql)
    schema = prepared.value("SELECT current_schema()")
    assert error is not None
    assert prepared.failure(error) == (
        "55000",
        f'rows of table "{schema}.{table}" were written while the search read them; nothing has been made',
        "Call the function again. To keep writers out meanwhile, call it in a transaction that begins with"
        f' LOCK TABLE "{schema}"."{table}" IN SHARE MODE',
    )
    made = f"SELECT count(*) FROM pg_class WHERE relname ~ '^made' AND relkind = 'r' AND relnamespace = {CURRENT_SCHEMA}"
    assert prepared.value(made) == 0
    status, said = prepared.fetch(f"SELECT status, error FROM madlib.automl_runs WHERE run_id = {LAST}")[0]
    assert (status, str(said).partition(" were")[0]) == ("failed", f'rows of table "{schema}.{table}"')


@pytest.mark.soak
def test_rows_that_were_written_under_an_evaluation_are_an_error(prepared: Session, connect: Callable[..., Session]) -> None:
    search(prepared, "made", automl_params="R=2, eta=2")
    # So that it is evaluated with TensorFlow, which reads at several moments.
    prepared.run(f"UPDATE made SET model_arch = {FOR_TENSORFLOW}")
    watcher, at_work = connect(), at_work_on("automl_open")
    assert waited(lambda: not at_work(watcher), PATIENCE)  # a session of the search may still have been getting ready
    call = Call(prepared, lambda session: session.run("SELECT madlib.madlib_keras_evaluate('made', 'val', 'scores', NULL, 1)"))
    # Rows have been compared, TensorFlow is imported.
    assert waited(lambda: at_work(watcher) or not call.is_alive(), PATIENCE)
    watcher.run("UPDATE val SET class_text = class_text")
    call.join(PATIENCE)
    assert call.error is not None
    schema = prepared.value("SELECT current_schema()")
    assert prepared.failure(call.error)[:2] == (
        "55000",
        f'rows of table "{schema}.val" were written while the evaluation read them; nothing has been made',
    )
    assert prepared.value("SELECT count(*) FROM pg_class WHERE relname = 'scores'") == 0


@pytest.mark.soak
def test_rows_that_are_locked_are_not_written(prepared: Session, connect: Callable[..., Session]) -> None:
    writer = connect()
    prepared.run("BEGIN; LOCK TABLE train, val IN SHARE MODE")
    call = Call(writer, lambda session: session.run("DELETE FROM train"))
    of_seconds(prepared)
    assert call.is_alive()
    prepared.run("COMMIT")
    call.join(PATIENCE)
    assert prepared.value("SELECT count(*) > 0 FROM made")


# --- a machine that has too little --------------------------------------------------------------------------------------


@pytest.fixture
def marker(prepared: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that says whether there is no memory; it is not there yet."""
    path = Path(f"/tmp/keras_automl_{tmp_path_factory.getbasetemp().name}_{prepared.info.backend_pid}")
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(SHORT.format(path=str(path)), space)
    prepared.run(f"DROP TABLE IF EXISTS madlib.{FUNCTIONS}")
    prepared.run("SELECT madlib.load_custom_function(%s, %s, 'squared')", FUNCTIONS, dill.dumps(space["squared"], recurse=True))
    yield path
    path.unlink(missing_ok=True)
    prepared.run(f"DROP TABLE madlib.{FUNCTIONS}")


def by_function(session: Session, name: str) -> None:
    """A search of some seconds whose loss is the function."""
    grid = "{'loss': ['squared'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.001, 0.1, 'log']}]}"
    search(session, name, compile_params_grid=grid, automl_params="R=9, eta=3", object_table=FUNCTIONS)


@pytest.mark.soak
def test_memory_that_runs_out_ends_the_run_and_no_trial(
    prepared: Session, connect: Callable[..., Session], marker: Path
) -> None:
    watcher = connect()
    by_function(prepared, "undisturbed")
    before = watcher.value(f"SELECT {LAST}")
    call = Call(prepared, lambda session: by_function(session, "made"))
    assert waited(lambda: begun(watcher, call, before), PATIENCE), call.error
    marker.touch()
    call.join(PATIENCE)
    assert call.error is not None
    run = watcher.value(f"SELECT {LAST}")
    failure = prepared.failure(call.error)
    assert failure.sqlstate == "53000"
    assert failure.message.startswith("a visit of mst_key ")
    assert "no memory left" in failure.message
    assert str(failure.hint).startswith(f"SELECT madlib.automl_resume({run}) goes on where it was and tries the trial again. ")
    assert watcher.fetch("SELECT status, alive FROM madlib.automl_runs WHERE run_id = %s", run) == [("failed", False)]
    states = "SELECT DISTINCT status, error FROM madlib.automl_trials WHERE run_id = %s AND status <> 'finished'"
    assert watcher.fetch(states, run) == [("stopped", None)]
    marker.unlink()
    prepared.run("SELECT madlib.automl_resume(%s)", run)
    assert prepared.value(MADE.format("made")) == prepared.value(MADE.format("undisturbed"))
    assert watcher.fetch("SELECT DISTINCT status FROM madlib.automl_trials WHERE run_id = %s", run) == [("finished",)]
