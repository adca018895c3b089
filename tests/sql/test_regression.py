"""A number to be predicted, end to end; class numbers; outputs as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fix_db import Session
from fix_search import dense, load, search

LINEAR, TWO, SOFT = 1, 2, 3
COMPILE = """{{'loss': [{}], 'metrics': [[{}]], 'optimizer_params_list': [{{'optimizer': ['Adam'], 'lr': [0.1]}}]}}"""
FIT = "{'batch_size': [16], 'epochs': [8]}"


@pytest.fixture
def lines(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with `d`: y is 3 a - 2 b + 1 for x = {a, b}, c is 1 where a > b."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_lines CASCADE; CREATE SCHEMA t_lines")
    quick.run("SET search_path = t_lines; RESET client_min_messages; SELECT setseed(0.5)")
    quick.run(
        """CREATE TABLE d AS SELECT id, ARRAY[a, b]::real[] AS x, 3 * a - 2 * b + 1 AS y, ARRAY[a + b, a - b] AS yy,
        (a > b)::integer AS c FROM (SELECT id, random() AS a, random() AS b FROM generate_series(1, 300) AS id) AS q"""
    )
    load(quick, "lib", dense(1, 2, "linear"), dense(2, 2, "linear"), dense(2, 2))
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_lines CASCADE")
    quick.run("RESET client_min_messages")


def pack(db: Session, dependent: str, *more: object) -> None:
    places = "".join(", %s" for _ in more)
    db.run(f"SELECT madlib.training_preprocessor_dl('d', 'p', %s, 'x'{places})", dependent, *more)


def train(db: Session, model: int, loss: str, metrics: str, **given: Any) -> None:
    compiled = COMPILE.format(loss, metrics)
    common = {"source_table": "p", "model_id_list": [model], "compile_params_grid": compiled, "fit_params_grid": FIT}
    search(db, "m", **{**common, "automl_params": "R=3, eta=3", **given})


def predict(db: Session, pred_type: str) -> list[tuple[Any, Any]]:
    """Return (predicted, true) of each row."""
    db.run(f"SELECT madlib.madlib_keras_predict('m', 'd', 'id', 'x', 'o', {pred_type}, FALSE, (SELECT mst_key FROM m_best))")
    dependent = db.value("SELECT dependent_varname FROM m_summary")
    return db.fetch(f"SELECT o.{dependent}, d.{dependent} FROM o JOIN d USING (id)")


@pytest.mark.parametrize("kind", ["real", "double precision", "numeric"])
def test_a_column_of_fractions_is_a_number_to_be_predicted(lines: Session, kind: str) -> None:
    lines.run(f"ALTER TABLE d ALTER y TYPE {kind}")
    pack(lines, "y")
    lines.run("SELECT madlib.validation_preprocessor_dl('d', 'v', 'y', 'x', 'p')")
    summary = "SELECT dependent_vartype, class_values, num_classes, dependent_dtype FROM p_summary"
    assert lines.fetch(summary) == [(kind, None, None, "float32")]
    assert {tuple(shape) for (shape,) in lines.fetch("SELECT y_shape[2:2] FROM p")} == {(1,)}
    train(
        lines,
        LINEAR,
        "'mse', 'Huber(delta=0.5)'",
        "'mae', 'R2Score'",
        validation_table="v",
        automl_params="R=3, eta=3, objective=mae",
    )
    info = "SELECT validation_loss_final, training_metrics_final, metrics_type FROM m_info ORDER BY 1 LIMIT 1"
    ((loss, error, metrics),) = lines.fetch(info)
    assert loss < 1e-4 and error < 0.02 and metrics == ["mae", "R2Score"]
    assert lines.fetch("SELECT num_classes, class_values, dependent_vartype FROM m_summary") == [(None, None, kind)]
    assert max(abs(float(a) - float(b)) for a, b in predict(lines, "'response'")) < 0.05
    columns = "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = 'o'::regclass AND attnum > 0"
    assert [name for (name,) in lines.fetch(columns)] == ["id integer", "y real"]


def test_its_packed_values_are_those_of_the_column(lines: Session) -> None:
    pack(lines, "y")
    lines.run("SET extra_float_digits = 3")  # all digits, which Greenplum leaves out
    packed = np.concatenate([np.frombuffer(raw, np.float32) for (raw,) in lines.fetch("SELECT y FROM p")])
    assert sorted(packed.tolist()) == sorted(np.float32(y) for (y,) in lines.fetch("SELECT y FROM d"))


def test_num_classes_makes_classes_of_fractions(lines: Session) -> None:
    lines.run("ALTER TABLE d ALTER c TYPE double precision")
    pack(lines, "c", None, None, 2)
    assert lines.fetch("SELECT class_values, num_classes FROM p_summary") == [([0.0, 1.0], 2)]


@pytest.mark.parametrize(
    ("bad", "sqlstate", "found"),
    [
        ("NULL", "22023", "NULL"),
        ("'NaN'", "22023", "NaN"),
        ("'Infinity'", "22023", "infinity"),
        ("1e300", "22003", "a number beyond the range of real"),
        ("1e-300", "22003", "a number too close to 0 for real"),
    ],
)
def test_a_number_that_is_missing_is_refused(lines: Session, bad: str, sqlstate: str, found: str) -> None:
    lines.run(f"UPDATE d SET y = {bad} WHERE id IN (3, 4)")
    failure = lines.error_of("SELECT madlib.training_preprocessor_dl('d', 'p', 'y', 'x')")
    assert failure.sqlstate == sqlstate
    rule = 'dependent_varname: column "y" is a number to be predicted (double precision) and must be finite in every row'
    assert failure.message.startswith(f"{rule}, found {found} in 2 rows (first in row ")
    assert failure.hint == "Leave these rows out in a view; or give num_classes to make classes of its distinct values."


def test_validation_must_be_of_numbers_too(lines: Session) -> None:
    pack(lines, "y")
    lines.run("SELECT madlib.validation_preprocessor_dl('d', 'v', 'c', 'x', 'p')")  # integers are numbers as well
    assert lines.fetch("SELECT num_classes, dependent_dtype FROM v_summary") == [(None, "float32")]
    failure = lines.error_of("SELECT madlib.validation_preprocessor_dl('d', 'w', 'yy', 'x', 'p')")
    assert failure.sqlstate == "42804"
    assert 'column "yy" must have the type that p was packed with, double precision' in failure.message


def test_what_a_number_has_not(lines: Session) -> None:
    pack(lines, "y")
    call = """SELECT madlib.madlib_keras_automl('p', 'm', 'lib', 'b', ARRAY[%s], $${'loss': ['mse'],
        'optimizer': ['Adam']}$$, %s)"""
    weights = lines.error_of(call, LINEAR, "{'class_weight': [{0: 2.0}]}")
    expected = 'fit_params_grid: "class_weight" must be left out: "y" is a number, which has no classes'
    assert weights.message.endswith(expected)
    units = lines.error_of(call, TWO, FIT).message
    assert "model_id 2: the network's last layer has 2 units, the dependent variable is one number a row" in units
    train(lines, LINEAR, "'mse'", "'mae'")
    for pred_type in ("2", "0.5"):
        failure = lines.error_of(f"SELECT madlib.madlib_keras_predict('m', 'd', 'id', 'x', 'o', {pred_type}, FALSE, 1)")
        assert "pred_type: must be 'response', or be left out: this model predicts a number" in failure.message


def test_arrays_of_numbers_are_predicted_as_arrays(lines: Session) -> None:
    pack(lines, "yy")
    train(lines, TWO, "'mse'", "'mae'")
    pairs = predict(lines, "'value'")
    assert np.abs(np.array([a for a, _ in pairs]) - np.array([b for _, b in pairs])).max() < 0.05


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"])
def test_losses_of_class_numbers_train_one_hot_rows(lines: Session, loss: str) -> None:
    pack(lines, "c")
    train(lines, SOFT, f"'{loss}'", "'sparse_categorical_accuracy', 'accuracy', 'AUC(num_thresholds=100)'")
    curves = "SELECT training_metrics FROM madlib.automl_metrics WHERE run_id = (SELECT max(run_id) FROM madlib.automl_runs)"
    assert all(values[0] == values[1] for (values,) in lines.fetch(curves))
    pairs = predict(lines, "'response'")
    assert sum(a == b for a, b in pairs) / len(pairs) > 0.9


def test_class_numbers_in_arrays_train_with_losses_of_class_numbers(lines: Session) -> None:
    lines.run("ALTER TABLE d ALTER c TYPE integer[] USING ARRAY[c]")
    pack(lines, "c")
    train(lines, SOFT, "'sparse_categorical_crossentropy'", "'accuracy'")
    assert lines.value("SELECT max(training_metrics_final) FROM m_info") > 0.9


def test_losses_and_metrics_that_do_not_exist_are_all_named(lines: Session) -> None:
    pack(lines, "c")
    compiled = COMPILE.format("'mse', 'ctc'", "'AUC(curve=1)', 'Mean'")
    message = lines.error_of(
        "SELECT madlib.madlib_keras_automl('p', 'm', 'lib', 'b', ARRAY[%s], %s, %s, automl_params := 'objective=max:AUC')",
        SOFT,
        compiled,
        FIT,
    ).message
    assert 'loss "ctc" compares sequences' in message
    assert 'metric "AUC": Invalid AUC curve' in message
