"""Custom losses and metrics: loading, using and deleting them, and everything that must not be unpickled."""

from __future__ import annotations

import pickle
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dill
import psycopg2
import pytest

from fix_db import Session, connect_to, is_as_new
from fix_orders import ORDER, SETUP, altered
from fix_search import SMALL, dense, lent, load, make_iris, search
from keras_seg.protocol import parts
from keras_seg.protocol.orders import CheckOrder, CheckReport, NetworkCheck, Part, SessionSetup, VisitReport
from test_custom_functions import TOP_2_OF_0_1_0

TABLE = "t_custom_functions"
INSIDE = """
def squared(y_true, y_pred):
    import tensorflow.keras.backend as kb
    return kb.square(y_pred - y_true)
"""
SOURCES = {
    "squared": INSIDE,
    "entropy": """
import keras
def entropy(y_true, y_pred):
    return keras.losses.categorical_crossentropy(y_true, y_pred)
""",
    "hits": """
import tensorflow as tf
def hits(y_true, y_pred):
    return tf.equal(tf.argmax(y_true, -1), tf.argmax(y_pred, -1))
""",
    "mean_squared": """
from keras import ops
def mean_squared(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)
""",
    "averaged": """
import tensorflow as tf
def averaged(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_pred - y_true))
""",
    "boom": """
def boom(y_true, y_pred):
    raise KeyError("no such thing")
""",
    "silent": """
def silent(y_true, y_pred):
    raise ValueError
""",
    "twisted": """
import tensorflow as tf
def twisted(y_true, y_pred):
    return tf.zeros(5)
""",
    "spoken": """
import tensorflow as tf
def spoken(y_true, y_pred):
    return tf.constant(["a", "b"])
""",
    "nothing": """
def nothing(y_true, y_pred):
    pass
""",
    "one_argument": """
def one_argument(y_true):
    return y_true
""",
    "flat": """
import tensorflow as tf
def flat(y_true, y_pred):
    return tf.reduce_sum(y_true, -1)
""",
    "eager": """
def eager(y_true, y_pred):
    return (y_pred - y_true).numpy()
""",
    # Passes with the two rows that it is tried on.
    "never_eight": """
import tensorflow as tf
def never_eight(y_true, y_pred):
    tf.debugging.assert_none_equal(tf.shape(y_pred)[0], 8, message="eight rows")
    return tf.reduce_mean(tf.square(y_pred - y_true), -1)
""",
}
OPEN, CHECK, VISIT = (f"SELECT madlib.automl_{name}" for name in ("open(%s)", "check(%s)", "visit(%s, NULL)"))
PARAMS = "optimizer='Adam(lr=0.05)',loss='{}',metrics={}"
NOT_THERE, NO_FUNCTION = b"cnot_there\nfunction\n.", pickle.dumps(Path("here"))


def pickled(name: str) -> bytes:
    """A function as dill gives it to somebody who typed its source."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCES[name], space)
    raw: bytes = dill.dumps(space[name], recurse=True)
    return raw


def load_function(db: Session, name: str, raw: bytes, table: str = TABLE) -> None:
    db.run("SELECT madlib.load_custom_function(%s, %s, %s)", table, raw, name)


def fit(db: Session, name: str, /, loss: str, metrics: list[str], **given: Any) -> None:
    arguments = {
        "source_table": "train",
        "model": name,
        "model_arch_table": "lib",
        "model_id": SMALL,
        "compile_params": PARAMS.format(loss, metrics),
        "fit_params": "batch_size=8",
        "num_iterations": 2,
        "object_table": TABLE,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    db.run(f"SELECT setseed(0.5); SELECT madlib.madlib_keras_fit({called})", *arguments.values())


def drop_functions(dsn: str, *tables: str) -> None:
    session = connect_to(dsn)
    session.run(
        "SET client_min_messages = error; " + "; ".join(f"DROP TABLE IF EXISTS madlib.{each} CASCADE" for each in tables)
    )
    session.close()


@pytest.fixture(scope="module")
def db(database: str, quick: Session) -> Iterator[Session]:
    """A session that trains in itself, with packed tables, a library, and a table of functions."""
    drop_functions(database, TABLE)
    with lent(quick, "t_custom") as session:
        make_iris(session)
        load(session, "lib", dense(3))
        session.run("SET keras_automl.sessions = 0")
        for name in SOURCES:
            load_function(session, name, pickled(name))
        load_function(session, "not_there", NOT_THERE)
        load_function(session, "no_function", NO_FUNCTION)
        session.run("SELECT madlib.load_top_k_accuracy_function(%s, 2)", TABLE)
        load_function(session, "top_2_of_0_1_0", TOP_2_OF_0_1_0)
        yield session
    drop_functions(database, TABLE)


# --- what they compute --------------------------------------------------------------------------------------------------

CURVES = "SELECT training_loss, md5(model_weights) FROM {0}_summary, {0}"


@pytest.mark.parametrize(
    ("custom", "builtin"),
    [pytest.param("entropy", "categorical_crossentropy", marks=pytest.mark.soak), ("mean_squared", "mse")],
)
def test_a_custom_loss_gives_the_bits_of_the_same_one_of_keras(db: Session, custom: str, builtin: str) -> None:
    fit(db, f"by_{custom}", custom, ["accuracy"])
    fit(db, f"like_{custom}", builtin, ["accuracy"])
    ours, theirs = (db.fetch(CURVES.format(f"{by}_{custom}"))[0] for by in ("by", "like"))
    assert ours == theirs


@pytest.mark.parametrize("custom", ["averaged", "squared"])
def test_a_loss_may_give_one_number_or_several_a_row(db: Session, custom: str) -> None:
    fit(db, f"shape_{custom}", custom, [])
    fit(db, f"keras_{custom}", "mse", [])
    ours, theirs = (db.fetch(CURVES.format(f"{by}_{custom}"))[0] for by in ("shape", "keras"))
    assert ours.md5 == theirs.md5
    assert ours.training_loss == pytest.approx(theirs.training_loss, rel=1e-6)


@pytest.mark.soak
def test_sessions_of_their_own_give_the_same_bits(db: Session) -> None:
    fit(db, "in_caller", "entropy", ["hits"], validation_table="val")
    db.run("SET keras_automl.sessions = 2")
    try:
        fit(db, "in_sessions", "entropy", ["hits"], validation_table="val")
    finally:
        db.run("SET keras_automl.sessions = 0")
    assert db.fetch(CURVES.format("in_caller")) == db.fetch(CURVES.format("in_sessions"))


def test_custom_metrics_equal_those_of_keras(db: Session) -> None:
    same = ["hits", "categorical_accuracy", "top_2_accuracy", "TopKCategoricalAccuracy(k=2)", "squared", "mse"]
    fit(db, "metrics", "entropy", [*same, "top_2_of_0_1_0"])
    db.run("SELECT madlib.madlib_keras_evaluate('metrics', 'val', 'metrics_val')")
    *values, former = db.value("SELECT metrics FROM metrics_val")
    assert values[0::2] == values[1::2]
    assert former == values[2]
    assert 0 < values[0] <= values[2] <= 1
    assert db.value("SELECT metrics_type FROM metrics_val") == [*same, "top_2_of_0_1_0"]


def test_a_search_uses_them_and_its_tables_name_them(db: Session) -> None:
    grid = """{'loss': ['entropy', 'mse'], 'metrics': [['hits', 'accuracy']],
        'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01, 0.1, 'log']}]}"""
    given = {"compile_params_grid": grid, "object_table": f" {TABLE.upper()} ", "validation_table": "val"}
    search(db, "out", **given, automl_params="R=2, eta=2, objective=accuracy")
    shown = f"madlib.{TABLE}"
    assert db.value("SELECT object_table FROM out_summary") == db.value("SELECT object_table FROM out_best_summary") == shown
    assert {"entropy", "mse"} == {loss for (loss,) in db.fetch("SELECT loss_type FROM out_info")}
    key = db.value("SELECT min(mst_key) FROM out_info WHERE loss_type = 'entropy'")
    db.run("SELECT madlib.madlib_keras_evaluate('out', 'val', 'out_val', FALSE, %s)", key)
    measured = db.value("SELECT validation_loss_final FROM out_info WHERE mst_key = %s", key)
    assert db.value("SELECT loss FROM out_val") == measured


def test_selections_carry_their_table(db: Session) -> None:
    call = "SELECT madlib.generate_model_configs('lib', 'mst', ARRAY[1], %s, '{''batch_size'': [8]}', object_table := %s)"
    grid = "{'loss': ['%s'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01]}]}"
    db.run(call, grid % "mse", None)
    assert db.fetch("SELECT * FROM mst_summary") == [("lib", None)]
    db.run(call, grid % "entropy", f"madlib.{TABLE}")  # the selection has none yet
    assert db.fetch("SELECT * FROM mst_summary") == [("lib", f"madlib.{TABLE}")]
    db.run(call, grid % "averaged", None)  # the one that the selection has
    db.run("SELECT madlib.madlib_keras_fit_multiple_model('train', 'multi', 'mst', 1)")
    assert db.value("SELECT object_table FROM multi_summary") == f"madlib.{TABLE}"
    assert [loss for (loss,) in db.fetch("SELECT loss_type FROM multi_info ORDER BY mst_key")] == ["mse", "entropy", "averaged"]
    load_function(db, "squared", pickled("squared"), "t_custom_others")
    try:
        failure = db.error_of(call, grid % "squared", "t_custom_others")
        assert failure.message == (
            f"object_table: must be \"madlib.{TABLE}\", as for the configurations that are there, got 't_custom_others'"
        )
    finally:
        drop_functions(db.dsn, "t_custom_others")


def test_a_table_that_is_not_committed_trains_in_the_caller_s_session(db: Session) -> None:
    db.run("SET keras_automl.sessions = 2; BEGIN")
    try:
        load_function(db, "squared", pickled("squared"), "t_custom_fresh")
        db.notices.clear()
        fit(db, "fresh", "squared", ["mae"], object_table="t_custom_fresh")
        assert any("runs in this session, one hop after the other" in line for line in db.notices) or db.is_greenplum
        assert db.value("SELECT training_loss_final FROM fresh_summary") > 0
    finally:
        db.run("ROLLBACK; SET keras_automl.sessions = 0")


def test_a_trial_whose_function_fails_is_recorded_and_the_others_go_on(db: Session) -> None:
    grid = "{'loss': ['never_eight'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01, 0.1, 'log']}]}"
    search(db, "partly", compile_params_grid=grid, fit_params_grid="{'batch_size': [4, 8]}", object_table=TABLE)
    rows = db.fetch("SELECT fit_params, training_loss_final FROM partly_info")
    assert {params: {loss is None for each, loss in rows if each == params} for params, _ in rows} == {
        "batch_size=4": {False},
        "batch_size=8": {True},
    }
    sql = "SELECT DISTINCT error FROM madlib.automl_trials WHERE status = 'failed' AND compile_params LIKE '%%never_eight%%'"
    assert "eight rows" in db.value(sql)


# --- functions that are none ---------------------------------------------------------------------------------------------

FAILING: list[tuple[str, str]] = [
    ("boom", "the custom function failed with KeyError: 'no such thing'"),
    ("silent", "the custom function failed with ValueError: ValueError"),
    ("twisted", r"the custom function must return a number for each row, and returned shape \[5\] for 2 rows"),
    ("spoken", "the custom function must return numbers, and returned string"),
    ("nothing", "the custom function failed with ValueError: .*None.*"),
    ("one_argument", "the custom function failed with TypeError: .*takes 1 positional argument but 2 were given"),
    ("eager", "the custom function failed with .*numpy.*"),
]


@pytest.mark.parametrize("what", ["loss", "metric"])
@pytest.mark.parametrize(("name", "message"), FAILING)
def test_a_function_that_cannot_work_is_found_before_training(db: Session, what: str, name: str, message: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fit(db, "bad", *((name, ["accuracy"]) if what == "loss" else ("mse", [name])))
    failure = db.failure(caught.value)
    assert failure.sqlstate == "22023"
    assert re.fullmatch(f'compile_params: {what} "{name}": {message}', failure.message), failure.message


OTHERS: list[tuple[str, list[str], str]] = [
    ("flat", ["accuracy"], 'loss "flat": the custom function must depend on the outputs and have a gradient'),
    ("not_there", ["accuracy"],
     "custom function \"not_there\" cannot be unpickled here: ModuleNotFoundError: No module named 'not_there'"),
    ("no_function", ["accuracy"], 'custom function "no_function" must be a function, and is of the type PosixPath'),
    ("squarred", ["accuracy"], 'loss "squarred" is neither one of Keras nor in table ".*"; did you mean "squared".*'),
    ("squared(delta=2)", ["accuracy"], 'loss "squared" is a custom function, which takes no arguments, got .*'),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "metrics", "message"), OTHERS)
def test_other_problems_are_found_before_training(db: Session, loss: str, metrics: list[str], message: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fit(db, "bad", loss, metrics)
    failure = db.failure(caught.value)
    assert failure.sqlstate == "22023"
    assert re.fullmatch(f"compile_params: {message}", failure.message), failure.message


def test_a_name_of_keras_is_never_taken_over(db: Session) -> None:
    db.run(f"INSERT INTO madlib.{TABLE} (name, object) SELECT 'mse', object FROM madlib.{TABLE} WHERE name = 'boom'")
    try:
        with pytest.raises(psycopg2.Error) as caught:
            fit(db, "bad", "mse", ["accuracy"])
        rule = "is the name of a loss of Keras and of a custom function; load the function under another name"
        assert db.failure(caught.value).message == f'compile_params: loss "mse" {rule}'
    finally:
        db.run(f"DELETE FROM madlib.{TABLE} WHERE name = 'mse'")


def test_names_are_checked_when_configurations_are_written(db: Session) -> None:
    grid = "{'loss': ['entropy', 'mistake'], 'metrics': [['hit', 'AUC(num_thresholds=50)']], 'optimizer_params_list': [{}]}"
    call = "SELECT madlib.generate_model_configs('lib', 'unmade', ARRAY[1], %s, '{''batch_size'': [8]}', object_table := %s)"
    grid = grid.replace("[{}]", "[{'lr': [0.1]}]")
    message = db.error_of(call, grid, TABLE).message
    table = f'nor in table "madlib.{TABLE}"'
    assert f'compile_params_grid: loss "mistake" is neither one of Keras {table}' in message
    assert f'compile_params_grid: metric "hit" is neither one of Keras {table}; did you mean "hits"?' in message
    failure = db.error_of(call, grid.replace("'hit', ", "").replace(", 'mistake'", ""), None)
    assert failure.message == 'compile_params_grid: loss "entropy" is not one of Keras'
    assert failure.hint == "If it is a custom function, name the table that holds it in object_table."
    lists = "SELECT madlib.load_model_selection_table('lib', 'unmade', ARRAY[1], %s, ARRAY['batch_size=8'], %s)"
    failure = db.error_of(lists, [PARAMS.format("entropi", ["hits"])], TABLE)
    assert failure.message == f'compile_params_list: loss "entropi" is neither one of Keras {table}; did you mean "entropy"?'
    assert db.value("SELECT to_regclass('unmade')") is None


# --- loading and deleting ------------------------------------------------------------------------------------------------

LOADING: list[tuple[tuple[Any, ...], str, str]] = [
    ((None, pickled("squared"), "f"), "22004", "object_table: must be the name of a table, got NULL"),
    (("other.f", pickled("squared"), "f"), "22023",
     "object_table: must be in the schema madlib, which need not be written before its name, got 'other.f'"),
    ((TABLE, None, "f"), "22004", "object: must be a function as dill.dumps gives it, got NULL"),
    ((TABLE, b"def f(): pass", "f"), "22023", "object: must be a function as dill.dumps gives it, got '13 bytes'"),
    ((TABLE, b"", "f"), "22023", "object: must be a function as dill.dumps gives it, got '0 bytes'"),
    ((TABLE, pickled("squared")[:-9], "f"), "22023", "object: must be a function as dill.dumps gives it, got '.* bytes'"),
    ((TABLE, dill.dumps({"a": [1]}), "f"), "22023",
     "object: must be a function as dill.dumps gives it, this is the pickle of plain data, got '.* bytes'"),
    ((TABLE, pickled("squared"), None), "22004", "name: must be the name of a function as Python writes it, got NULL"),
    ((TABLE, pickled("squared"), ""), "22023", "name: must be the name of a function as Python writes it, got ''"),
    ((TABLE, pickled("squared"), "f(x)"), "22023", r"name: must be the name of a function as Python writes it, got 'f\(x\)'"),
    ((TABLE, pickled("squared"), "lambda"), "22023", "name: must be the name of a function as Python writes it, got 'lambda'"),
    ((TABLE, pickled("squared"), "mse"), "22023", "name: must not be the name of a loss of Keras, got 'mse'"),
    ((TABLE, pickled("squared"), "acc"), "22023", "name: must not be the name of a (loss|metric) of Keras, got 'acc'"),
    ((TABLE, pickled("squared"), "AUC"), "22023", "name: must not be the name of a metric of Keras, got 'AUC'"),
    ((TABLE, pickled("squared"), "boom"), "42710",
     f"name: table \"madlib.{TABLE}\" has a function of this name already, got 'boom'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), LOADING)
def test_loading_errors(db: Session, arguments: tuple[Any, ...], sqlstate: str, message: str) -> None:
    failure = db.error_of("SELECT madlib.load_custom_function(%s, %s::bytea, %s)", *arguments)
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(message, failure.message), failure.message


@pytest.mark.parametrize("k", [0, -1, 10001, None])
def test_top_k_wants_a_positive_number(db: Session, k: int | None) -> None:
    failure = db.error_of("SELECT madlib.load_top_k_accuracy_function(%s, %s)", TABLE, k)
    assert failure.sqlstate == ("22004" if k is None else "22023")
    assert failure.message == f"k: must be an integer from 1 to 10000, got {'NULL' if k is None else k}"


def test_the_table_and_what_becomes_of_it(db: Session) -> None:
    name = '"t custom ""quoted"""'
    db.run("SELECT madlib.load_custom_function(%s, %s, 'one', 'first')", name, pickled("squared"))
    db.run("SELECT madlib.load_top_k_accuracy_function(%s, 3)", f"madlib.{name}")
    rows = db.fetch(f"SELECT id, name, description FROM madlib.{name} ORDER BY id")
    assert rows == [(1, "one", "first"), (2, "top_3_accuracy", "returns top_3_accuracy")]
    failure = db.error_of("SELECT madlib.delete_custom_function(%s, 'two')", name)
    assert (failure.sqlstate, failure.hint) == ("42704", "It has one (1), top_3_accuracy (2).")
    assert failure.message == 'name: must be one of the functions in "madlib.t custom "quoted"", got \'two\''
    assert db.error_of("SELECT madlib.delete_custom_function(%s, 7)", name).message.startswith(
        "id: must be one of the functions"
    )
    assert db.error_of("SELECT madlib.delete_custom_function(%s, NULL)", name).sqlstate == "22004"
    db.run("SELECT madlib.delete_custom_function(%s, 'one')", name)
    db.run(f"CREATE VIEW on_functions AS SELECT name FROM madlib.{name}")
    db.notices.clear()
    db.run("SELECT madlib.delete_custom_function(%s, 2)", name)
    assert any("is empty, but kept because of view on_functions" in line for line in db.notices)
    db.run("SET keras_automl.sessions = 1")
    db.notices.clear()
    fit(db, "without_functions", "mse", ["accuracy"], object_table=name)
    db.run("SET keras_automl.sessions = 0")
    assert not any("runs in this session" in line for line in db.notices)
    db.run("DROP VIEW on_functions; SELECT madlib.load_top_k_accuracy_function(%s, 3)", name)
    db.run("SELECT madlib.delete_custom_function(%s, 'top_3_accuracy')", name)
    assert db.value(f"SELECT to_regclass('madlib.{name}')") is None
    assert db.error_of("SELECT madlib.delete_custom_function(%s, 'one')", name).sqlstate == "42P01"


# --- who may -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logged_in(db: Session, role: str, database: str) -> Iterator[Session]:
    """A session of an ordinary role that may read and make tables in the schema: it imports once for all tests."""
    db.run(f"GRANT USAGE, CREATE ON SCHEMA t_custom TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA t_custom TO {role}")
    session = connect_to(database, user=role)
    yield session
    session.close()


@pytest.fixture
def plain(logged_in: Session) -> Session:
    """That session as one that was just opened, in the schema."""
    assert is_as_new(logged_in)
    logged_in.run("SET search_path = t_custom; SET keras_automl.sessions = 0")
    return logged_in


@pytest.fixture(scope="module")
def role(db: Session) -> Iterator[str]:
    name = "automl_custom_plain"
    db.run(f"DROP ROLE IF EXISTS {name}")  # a run that was ended in the middle has left it
    db.run(f"CREATE ROLE {name} LOGIN")
    yield name
    cleaner = connect_to(db.dsn)
    cleaner.run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
    cleaner.close()


@pytest.mark.parametrize("sessions", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_an_ordinary_role_uses_what_a_superuser_has_loaded(db: Session, plain: Session, sessions: int) -> None:
    plain.run(f"SET keras_automl.sessions = {sessions}")
    fit(plain, f"ordinary_{sessions}", "entropy", ["hits"])
    assert plain.value(f"SELECT training_loss_final FROM ordinary_{sessions}_summary") > 0


def test_an_ordinary_role_loads_and_deletes_nothing(db: Session, plain: Session, role: str) -> None:
    for verb, call in (
        ("load", "load_custom_function('mine', '\\x80', 'f')"),
        ("load", f"load_top_k_accuracy_function('{TABLE}', 4)"),
        ("delete", f"delete_custom_function('{TABLE}', 'boom')"),
        ("delete", f"delete_custom_function('{TABLE}', 1)"),
    ):
        failure = plain.error_of(f"SELECT madlib.{call}")
        assert (failure.sqlstate, failure.message) == (
            "42501",
            f"object_table: only a superuser may {verb} custom functions, which run with the rights of the server;"
            f' "{role}" is none',
        )
        assert failure.hint == f"Ask a superuser to {verb} it. Whoever may read the table can use its functions."


def test_a_table_that_a_role_may_not_read(db: Session, plain: Session) -> None:
    db.run(f"REVOKE SELECT ON madlib.{TABLE} FROM PUBLIC")
    try:
        with pytest.raises(psycopg2.Error) as caught:
            fit(plain, "unread", "entropy", ["hits"])
        assert caught.value.pgcode == "42501"
        assert "has no SELECT privilege on table" in str(caught.value)
        assert plain.error_of(OPEN, SessionSetup(functions=TABLE).to_json()).sqlstate == "42501"
    finally:
        db.run(f"GRANT SELECT ON madlib.{TABLE} TO PUBLIC")


# --- what is never unpickled ---------------------------------------------------------------------------------------------


class Touch:
    """An object whose pickle makes a file on the server."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os

        return os.mkdir, (self.path,)


@pytest.fixture
def marker() -> Iterator[Path]:
    """A path that is there when a pickle has been opened on the server."""
    path = Path("/tmp") / f"automl_touched_{uuid.uuid4().hex}"  # one that no run that was ended has left
    yield path
    if path.exists():
        path.rmdir()


@pytest.fixture
def loaded(db: Session, marker: Path) -> Iterator[str]:
    """A table of functions with a pickle that leaves a mark."""
    drop_functions(db.dsn, "t_attacked")
    load_function(db, "touch", pickle.dumps(Touch(str(marker))), "t_attacked")
    yield "t_attacked"
    drop_functions(db.dsn, "t_attacked", "t_attacked_real")


def test_the_mark_is_left_where_the_table_is_trusted(db: Session, loaded: str, plain: Session, marker: Path) -> None:
    with pytest.raises(psycopg2.Error, match='custom function "touch"'):  # which opens to None
        fit(plain, "touched", "touch", ["accuracy"], object_table=loaded)
    assert marker.exists()


WRITABLE = 'must not be writable by role "automl_custom_plain", which is no superuser'
WITHOUT_WAYS = "must not have {}: its functions run with the rights of the server"
ATTACKS: list[tuple[str, str]] = [
    ("ALTER TABLE madlib.t_attacked OWNER TO {role}",
     'must be owned by a superuser, not by role "automl_custom_plain"'),
    ("GRANT INSERT ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT UPDATE ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT DELETE ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT TRIGGER ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT UPDATE (object) ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT INSERT (name, object) ON madlib.t_attacked TO {role}", WRITABLE),
    ("GRANT INSERT ON madlib.t_attacked TO PUBLIC", "must not be writable by role"),
    ("CREATE ROLE automl_custom_group; GRANT INSERT ON madlib.t_attacked TO automl_custom_group;"
     " GRANT automl_custom_group TO {role}", "must not be writable by role"),
    ("GRANT pg_write_all_data TO {role}", "must not be writable by role"),
    ("ALTER TABLE madlib.t_attacked RENAME TO t_attacked_real;"
     " CREATE VIEW madlib.t_attacked AS SELECT * FROM madlib.t_attacked_real", "must be a plain table"),
    ("CREATE TABLE madlib.t_attacked_real () INHERITS (madlib.t_attacked)", WITHOUT_WAYS.format("parents or children")),
    # Whoever may write the parent writes the child, with no right on it.
    ("CREATE TABLE theirs AS SELECT name, object FROM madlib.t_attacked; ALTER TABLE theirs OWNER TO {role};"
     " ALTER TABLE madlib.t_attacked INHERIT theirs", WITHOUT_WAYS.format("parents or children")),
    ("CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
     " CREATE TRIGGER changes BEFORE INSERT ON madlib.t_attacked FOR EACH ROW EXECUTE PROCEDURE changes()",
     WITHOUT_WAYS.format("triggers")),
    ("CREATE RULE also AS ON DELETE TO madlib.t_attacked DO ALSO SELECT 1", WITHOUT_WAYS.format("rules")),
    ("ALTER TABLE madlib.t_attacked ENABLE ROW LEVEL SECURITY", WITHOUT_WAYS.format("row level security")),
    ("ALTER TABLE madlib.t_attacked SET SCHEMA t_custom", "does not exist in the schema madlib"),
]  # fmt: skip
# From PostgreSQL 16 on a membership says what it is good for.
ATTACKS_SINCE = [
    (160000, "CREATE ROLE automl_custom_super SUPERUSER; GRANT INSERT ON madlib.t_attacked TO {role};"
     " GRANT automl_custom_super TO {role} WITH INHERIT FALSE, SET FALSE", WRITABLE),
    (160000, "CREATE ROLE automl_custom_super SUPERUSER; GRANT INSERT ON madlib.t_attacked TO {role};"
     " GRANT automl_custom_super TO {role} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", WRITABLE),
    # It has the owner's rights, on the table as well, and is no superuser.
    (160000, "CREATE ROLE automl_custom_super SUPERUSER; ALTER TABLE madlib.t_attacked OWNER TO automl_custom_super;"
     " GRANT automl_custom_super TO {role} WITH INHERIT TRUE, SET FALSE", WRITABLE),
    (160000, "CREATE ROLE automl_custom_group; GRANT INSERT ON madlib.t_attacked TO automl_custom_group;"
     " GRANT automl_custom_group TO {role} WITH INHERIT FALSE, SET TRUE", "must not be writable by role"),
    (160000, "GRANT pg_write_all_data TO {role} WITH INHERIT FALSE, SET TRUE", "must not be writable by role"),
]  # fmt: skip
UNDO = {
    "automl_custom_super": "DROP OWNED BY automl_custom_super CASCADE; DROP ROLE automl_custom_super",
    "automl_custom_group": "DROP OWNED BY automl_custom_group CASCADE; DROP ROLE automl_custom_group",
    "pg_write_all_data": "REVOKE pg_write_all_data FROM {role}",
    "pg_maintain": "REVOKE pg_maintain FROM {role}",
    "CREATE VIEW": "DROP VIEW madlib.t_attacked",
    "theirs": "DROP TABLE theirs CASCADE",
    "changes": "DROP FUNCTION changes() CASCADE",
    "SET SCHEMA": "DROP TABLE t_custom.t_attacked",
}
NOT_ON_GREENPLUM = ("pg_write_all_data", "ROW LEVEL SECURITY", "INHERIT", "TRIGGER changes", "RULE")


@pytest.mark.parametrize(("since", "attack", "message"), [*((0, *each) for each in ATTACKS), *ATTACKS_SINCE])
def test_a_table_in_which_others_have_a_say_is_never_read(
    db: Session, plain: Session, role: str, loaded: str, marker: Path, since: int, attack: str, message: str
) -> None:
    require_version(db, since)
    if db.is_greenplum and any(part in attack for part in NOT_ON_GREENPLUM):
        pytest.skip("there is no such thing, or not on tables that are replicated")
    db.run(attack.format(role=role))
    try:
        with pytest.raises(psycopg2.Error) as caught:
            fit(plain, "attacked", "touch", ["accuracy"], object_table=loaded)
        assert plain.failure(caught.value).message.startswith(f'object_table: table "madlib.t_attacked" {message}')
        # And where the coordinator is left out: whatever an order says, the session looks itself.
        failure = plain.error_of(OPEN, SessionSetup(functions=loaded).to_json())
        assert failure.sqlstate == "42501"
        assert failure.message.startswith(f'object_table: table "madlib.t_attacked" {message}')
        assert not marker.exists()
        # Nor does a superuser delete from it, where a trigger could wait.
        failure = db.error_of("SELECT madlib.delete_custom_function(%s, 'touch')", loaded)
        said = message.removesuffix(" in the schema madlib")
        assert failure.message.startswith(f'object_table: table "madlib.t_attacked" {said}')
    finally:
        undo = "; ".join(statement for part, statement in UNDO.items() if part in attack)
        db.run(f"SET client_min_messages = error; {undo.format(role=role)}; RESET client_min_messages")


HARMLESS_SINCE = [
    # Who can become a superuser can do anything anyway.
    (0, "CREATE ROLE automl_custom_super SUPERUSER; GRANT INSERT ON madlib.t_attacked TO {role};"
     " GRANT automl_custom_super TO {role}"),
    (160000, "CREATE ROLE automl_custom_super SUPERUSER; GRANT INSERT ON madlib.t_attacked TO {role};"
     " GRANT automl_custom_super TO {role} WITH INHERIT FALSE, SET TRUE"),
    (160000, "CREATE ROLE automl_custom_super SUPERUSER; GRANT automl_custom_super TO {role} WITH INHERIT FALSE, SET FALSE"),
    (170000, "GRANT MAINTAIN ON madlib.t_attacked TO {role}"),
    (170000, "GRANT pg_maintain TO {role}"),
]  # fmt: skip


@pytest.mark.parametrize(("since", "grant"), HARMLESS_SINCE)
def test_a_table_that_others_cannot_write_is_read(
    db: Session, plain: Session, role: str, loaded: str, since: int, grant: str
) -> None:
    require_version(db, since)
    db.run(grant.format(role=role))
    try:
        plain.run(OPEN, SessionSetup(functions=loaded).to_json())
    finally:
        undo = "; ".join(statement for part, statement in UNDO.items() if part in grant)
        db.run(f"SET client_min_messages = error; {undo.format(role=role)}; RESET client_min_messages")


def require_version(db: Session, since: int) -> None:
    """Skip where the server is of an earlier version, as server_version_num has it."""
    if db.info.server_version < since:
        pytest.skip(f"memberships and rights of this kind exist since PostgreSQL {since // 10000}")


@pytest.mark.postgresql("was not tried there")
def test_a_table_that_took_the_place_of_one_that_an_old_snapshot_sees(
    db: Session, plain: Session, role: str, loaded: str, marker: Path
) -> None:
    db.run(f"GRANT CREATE ON SCHEMA madlib TO {role}")
    plain.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    db.run(f"DROP TABLE madlib.{loaded}")
    plain.run(f"CREATE TABLE madlib.{loaded} (id integer, name text, description text, object bytea)")
    plain.run(f"INSERT INTO madlib.{loaded} VALUES (1, 'touch', NULL, %s)", pickle.dumps(Touch(str(marker))))
    # Every statement still sees the catalog's row of the table that is gone, which a superuser owned.
    failure = plain.error_of(OPEN, SessionSetup(functions=loaded).to_json())
    assert failure.sqlstate == "42501"
    assert failure.message == f'object_table: table "madlib.{loaded}" was exchanged while it was read'
    plain.run("ROLLBACK")
    db.run(f"REVOKE CREATE ON SCHEMA madlib FROM {role}")


@pytest.mark.postgresql("tables that are replicated have no rules")
def test_a_table_that_is_no_longer_trusted_when_a_session_looks(db: Session, database: str, loaded: str, marker: Path) -> None:
    db.run("SET keras_automl.sessions = 1; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    other = connect_to(database)
    other.run(f"CREATE RULE also AS ON DELETE TO madlib.{loaded} DO ALSO SELECT 1")
    other.close()
    try:
        # The caller looks with its old snapshot, its session with a new one.
        with pytest.raises(psycopg2.Error) as caught:
            fit(db, "late", "touch", ["accuracy"], object_table=loaded)
    finally:
        db.run("ROLLBACK; SET keras_automl.sessions = 0")
    failure, rule = db.failure(caught.value), WITHOUT_WAYS.format("rules")
    assert failure.sqlstate == "42501"
    assert failure.message.startswith("a session of the search could not be prepared: ")
    assert failure.message.endswith(f'object_table: table "madlib.{loaded}" {rule}')
    assert not marker.exists()


def report_of(session: Session, order: str) -> VisitReport:
    """What a session says of a visit of a new trial."""
    text, _ = parts.opened(bytes(session.value(VISIT, order)))
    return VisitReport.from_json(text)


def test_orders_bring_neither_bytes_nor_facts(db: Session, plain: Session, loaded: str, marker: Path) -> None:
    plain.run("DROP TABLE IF EXISTS stolen; CREATE TABLE stolen AS SELECT * FROM madlib.t_attacked")
    evil = pickle.dumps(Touch(str(marker))).hex()
    for name in ("t_custom.stolen", "stolen", 'stolen" UNION SELECT name, object FROM t_custom."stolen'):
        assert plain.error_of(OPEN, SessionSetup(functions=name).to_json()).sqlstate == "42501"
    for forged in ({"touch": evil}, {"table": "stolen", "schema": "t_custom", "trusted": True}, [evil], 7):
        failure = plain.error_of(OPEN, altered(SessionSetup(), functions=forged))
        assert failure.sqlstate == "22023"
        assert failure.message.startswith("SessionSetup.functions must be a text, got ")
    plain.run(OPEN, SETUP.to_json())
    plain.run("SELECT madlib.automl_define('m', %s, NULL)", dense(3))
    compiled = replace(ORDER.compile, loss="touch")
    check, visit = CheckOrder((NetworkCheck("n", "m", compiled),)), replace(ORDER, compile=compiled)
    (problem,) = CheckReport.from_json(plain.value(CHECK, check.to_json())).problems
    assert (problem.part, problem.text) == (Part.COMPILE, 'loss "touch" is not one of Keras')
    assert "is not one of Keras" in (report_of(plain, visit.to_json()).error or "")
    for call, message, where, path in (
        (CHECK, check, "CheckOrder.networks", "networks 0"),
        (CHECK, check, "CheckOrder.networks.compile", "networks 0 compile"),
        (VISIT, visit, "VisitOrder", ""),
        (VISIT, visit, "VisitOrder.compile", "compile"),
    ):
        failure = plain.error_of(call, altered(message, path, functions={"touch": evil}))
        assert (failure.sqlstate, failure.message) == ("22023", f'{where} must not have "functions"')
    assert not marker.exists()


def test_an_order_that_cannot_be_done_is_the_trial_s_error(db: Session, plain: Session) -> None:
    plain.run(OPEN, SETUP.to_json())
    assert report_of(plain, ORDER.to_json()).error == "KeyError: 'm'"
    plain.run(OPEN, SessionSetup().to_json())
    assert report_of(plain, ORDER.to_json()).error == "ValueError: the session was not told what a row consists of"


RANGE = "batch_size and epochs must be at least 1, got"
SENSELESS: list[tuple[str, str]] = [
    ("{}", 'VisitOrder must have "model"'),
    ('{"compile": {}}', 'VisitOrder must have "model"'),
    ("optimizer", "VisitOrder must be JSON: Expecting value: line 1 column 1 (char 0)"),
    (altered(ORDER, fit=3), "VisitOrder.fit must be an object, got 3"),
    # Batches of -1 rows: a loop that would never end.
    (altered(ORDER, "fit", batch_size=-1), f"{RANGE} -1 and 1"),
    (altered(ORDER, "fit", batch_size=0), f"{RANGE} 0 and 1"),
    (altered(ORDER, "fit", epochs=0), f"{RANGE} 8 and 0"),
]


def test_an_order_that_makes_no_sense_is_refused(db: Session, plain: Session) -> None:
    plain.run(OPEN, SETUP.to_json())
    for order, message in SENSELESS:
        failure = plain.error_of(VISIT, order)
        assert (failure.sqlstate, failure.message) == ("22023", f"{message}")


@pytest.mark.parametrize("threads", [-5, 0, 10**6, 10**12])
def test_a_number_of_threads_that_would_end_the_server_is_refused(db: Session, plain: Session, threads: int) -> None:
    failure = plain.error_of(OPEN, SessionSetup(threads=threads).to_json())
    assert (failure.sqlstate, failure.message) == (
        "22023", f"keras_automl.threads: must be an integer from 1 to 256, got {threads}",
    )  # fmt: skip
    assert db.value("SELECT 1") == 1


@pytest.mark.parametrize(("threads", "given"), [(True, "true"), ("two", '"two"'), ([], "[]"), (None, "null")])
def test_a_setup_that_makes_no_sense_is_refused(db: Session, plain: Session, threads: object, given: str) -> None:
    failure = plain.error_of(OPEN, altered(SessionSetup(), threads=threads))
    assert (failure.sqlstate, failure.message) == (
        "22023", f"SessionSetup.threads must be a whole number, got {given}",
    )  # fmt: skip
    assert db.value("SELECT 1") == 1
