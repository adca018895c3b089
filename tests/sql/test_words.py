"""What a client reads of an error, to the letter: no class of an exception before it, no stack of ours in its context."""

from __future__ import annotations

import time

import psycopg2
import pytest

from fix_db import Session
from fix_search import dense, load

SPLIT = "SELECT madlib.train_test_split({}, 'parts', 0.5)"


def diag(db: Session, sql: str) -> psycopg2.extensions.Diagnostics:
    with pytest.raises(psycopg2.Error) as caught:
        db.run(sql)
    return caught.value.diag


def without_segment(message: str | None) -> str:
    return str(message).partition("  (seg")[0]


def test_an_error_of_an_argument_begins_with_the_argument(db: Session) -> None:
    said = diag(db, SPLIT.format("'nowhere'"))
    assert (said.sqlstate, said.message_primary) == ("42P01", 'source_table: table "nowhere" does not exist')
    assert said.severity == "ERROR"


def test_several_are_told_as_they_are(db: Session) -> None:
    said = diag(db, "SELECT madlib.hyperband_schedule('t', NULL, NULL, 0)")
    assert said.message_primary == (
        "2 problems were found:\n"
        "  R: must be an integer of at least eta, got NULL\n  eta: must be an integer of at least 2, got NULL"
    )


def test_what_a_statement_of_ours_fails_with_is_told_in_its_own_words(db: Session) -> None:
    db.run("CREATE TABLE numbers AS SELECT 0 AS zero; CREATE VIEW hard AS SELECT 1 / zero AS one FROM numbers")
    said = diag(db, SPLIT.format("'hard'"))
    assert (said.sqlstate, without_segment(said.message_primary)) == ("22012", "keras_automl: division by zero")
    assert said.internal_query is None


def test_a_cancellation_is_told_as_the_server_tells_it(db: Session) -> None:
    db.run("CREATE VIEW slow AS SELECT pg_sleep(60)::text AS one; SELECT madlib.automl_load(); SET statement_timeout = '500ms'")
    said = diag(db, SPLIT.format("'slow'"))
    assert said.sqlstate == "57014"
    assert without_segment(said.message_primary) == "canceling statement due to statement timeout: train_test_split"


def test_the_context_has_no_stack_but_what_plpython_adds(db: Session) -> None:
    db.run("CREATE TABLE numbers AS SELECT 0 AS zero; CREATE VIEW hard AS SELECT 1 / zero AS one FROM numbers")
    for statement in (SPLIT.format("'nowhere'"), SPLIT.format("'hard'")):
        lines = str(diag(db, statement).context).splitlines()
        assert [line for line in lines if ", in " in line and not line.endswith((", in <module>", ", in __call__"))] == []
        assert len(lines) <= 5


# --- names of Keras -----------------------------------------------------------------------------------------------------

MISSPELT = """{'loss': ['categorical_crosentropy'], 'metrics': ['acuracy'],
    'optimizer_params_list': [
        {'optimizer': ['Adma'], 'lr': [0.001, 0.01, 'log']}, {'optimizer': ['SGD'], 'momentun': [0.9]}]}"""


@pytest.fixture
def tables(db: Session) -> Session:
    """A packed table, and a library with a network of the iris rows."""
    db.run("CREATE TABLE rows AS SELECT ARRAY[n, 1, 2, 3]::real[] AS x, (ARRAY['a', 'b', 'c'])[1 + n % 3] AS y"
           " FROM generate_series(1, 30) n")  # fmt: skip
    db.run("SELECT madlib.training_preprocessor_dl('rows', 'packed', 'y', 'x')")
    load(db, "lib", dense(3))
    return db


def test_all_misspelt_names_are_told_at_once_and_before_tensorflow(tables: Session) -> None:
    begin = time.monotonic()
    failure = tables.error_of(
        "SELECT madlib.madlib_keras_automl('packed', 'm', 'lib', 'best', ARRAY[1], %s, '{''batch_size'': [8]}')", MISSPELT
    )
    assert time.monotonic() - begin < 4.0  # the import alone takes as long
    assert failure == (
        "22023",
        "4 problems were found:\n"
        '  compile_params_grid: loss "categorical_crosentropy" is not one of Keras; did you mean "categorical_crossentropy"?\n'
        '  compile_params_grid: metric "acuracy" is not one of Keras; did you mean "accuracy"?\n'
        '  compile_params_grid: optimizer "Adma" is not one of Keras; did you mean "Adam"?\n'
        '  compile_params_grid: optimizer SGD has no parameter "momentun"; did you mean "momentum"?',
        "If it is a custom function, name the table that holds it in object_table.",
    )


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        ("madlib_keras_fit('packed', 'm', 'lib', 1, $$loss='msee', optimizer='Adma(momentum=1)'$$, 'batch_size=8', 1)",
         "compile_params"),
        ("load_model_selection_table('lib', 't', ARRAY[1], ARRAY[$$loss='msee', optimizer='Adma()'$$], ARRAY['batch_size=8'])",
         "compile_params_list"),
        ("generate_model_configs('lib', 't', ARRAY[1], $${'loss': ['msee'], 'optimizer': ['Adma']}$$,"
         " $${'batch_size': [8]}$$)", "compile_params_grid"),
    ],
)  # fmt: skip
def test_other_functions_look_the_names_up_too(tables: Session, call: str, argument: str) -> None:
    message = tables.error_of(f"SELECT madlib.{call}").message
    assert f'{argument}: loss "msee" is not one of Keras; did you mean "mse"?' in message
    assert f'{argument}: optimizer "Adma" is not one of Keras; did you mean "Adam"?' in message


def test_names_with_the_modules_of_python_and_the_arguments_of_keras_2(tables: Session) -> None:
    tables.run("SET keras_automl.sessions = 0")
    tables.run(
        "SELECT madlib.madlib_keras_fit('packed', 'm', 'lib', 1, $$loss=tf.keras.losses.CategoricalCrossentropy(),"
        " optimizer='tf.keras.optimizers.Adam(lr=1, epsilon=None, decay=0.0)',"
        " metrics=['AUC(name=\"auc\")', 'keras.metrics.AUC()']$$, 'batch_size=8', 1)"
    )
    assert tables.fetch("SELECT loss_type, metrics_type FROM m_summary") == [
        ("CategoricalCrossentropy()", ['AUC(name="auc")', "AUC()"])
    ]


def test_what_only_keras_knows_is_told_together_as_well(tables: Session) -> None:
    tables.run("SET keras_automl.sessions = 0")
    failure = tables.error_of(
        "SELECT madlib.madlib_keras_fit('packed', 'm', 'lib', 1, $$loss='Huber(delt=2)', optimizer='SGD(momentum=2)',"
        " metrics=['AUC(curv=1)', 'accuracy', 'Precision(top=1)']$$, 'batch_size=8', 1)"
    )
    assert failure.message.splitlines() == [
        "4 problems were found:",
        "  compile_params: optimizer SGD: `momentum` must be a float between [0, 1].",
        '  compile_params: loss "Huber" has no argument "delt"; did you mean "delta"?',
        '  compile_params: metric "AUC" has no argument "curv"; did you mean "curve"?',
        '  compile_params: metric "Precision" has no argument "top"; did you mean "top_k"?',
    ]


def test_an_array_of_two_dimensions_is_refused(tables: Session) -> None:
    call = "SELECT madlib.load_model_selection_table('lib', 't', ARRAY[1], ARRAY[['a', 'b']]::varchar[], ARRAY['batch_size=8'])"
    failure = tables.error_of(call)
    if not tables.is_greenplum:  # whose PL/Python takes none
        assert (failure.sqlstate, failure.message) == (
            "22023",
            "compile_params_list: must be an array of one dimension, a text of parameters for each element, got [['a', 'b']]",
        )
    call = "SELECT madlib.load_model_selection_table('lib', 't', ARRAY[[1], [2]], ARRAY['a'], ARRAY['batch_size=8'])"
    if not tables.is_greenplum:
        assert "model_id_list: must be a list of model ids, got [[1], [2]]" in tables.error_of(call).message
