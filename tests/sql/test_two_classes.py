"""One output for two classes: trained, ranked, evaluated and predicted, whatever type the labels have."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fix_db import Session, connect_to
from fix_search import dense, load, search, sequential

SIGMOID, LINEAR, TANH, SOFTMAX, TWO, RESHAPED = 1, 2, 3, 4, 5, 6
COMPILE = """{{'loss': ['{}'], 'metrics': [['accuracy', 'AUC', 'Precision']],
    'optimizer_params_list': [{{'optimizer': ['Adam'], 'lr': [0.1]}}]}}"""
LOSS = "binary_crossentropy"
FIT = "{'batch_size': [16], 'epochs': [4]}"
ONE = {"model_id_list": [SIGMOID], "fit_params_grid": FIT, "automl_params": "R=3, eta=3"}
# What the second class looks like in each type, and its type.
KINDS: dict[str, tuple[str, list[Any] | None]] = {
    "boolean": ("c", [False, True]),
    "integer": ("c::integer", [0, 1]),
    "bigint": ("7 - 2 * c::integer::bigint", [5, 7]),
    "text": ("CASE WHEN c THEN 'no' ELSE 'yes' END", ["no", "yes"]),
    "date": ("date '2024-01-01' + c::integer", None),
    "smallint[]": ("ARRAY[c::integer]::smallint[]", [0, 1]),
    "boolean[]": ("ARRAY[c]", [0, 1]),
}


@pytest.fixture
def points(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with `d`: x = {a, b}, and c, whether a is larger."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_two CASCADE; CREATE SCHEMA t_two")
    quick.run("SET search_path = t_two; RESET client_min_messages; SELECT setseed(0.5)")
    quick.run(
        """CREATE TABLE d AS SELECT id, ARRAY[a, b]::real[] AS x, a > b AS c
        FROM (SELECT id, random() AS a, random() AS b FROM generate_series(1, 300) AS id) AS q"""
    )
    reshaped = sequential(
        ("Dense", {"units": 1, "batch_input_shape": [None, 2]}),
        ("Activation", {"activation": "sigmoid"}),
        ("Reshape", {"target_shape": [1, 1]}),
    )
    load(
        quick,
        "lib",
        *(dense(1, 2, activation) for activation in ("sigmoid", "linear", "tanh", "softmax")),
        dense(2, 2),
        reshaped,
    )
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_two CASCADE")
    quick.run("RESET client_min_messages; RESET extra_float_digits")


def pack(db: Session, label: str = "c") -> None:
    """Pack all rows to train on, and the first hundred to validate on."""
    db.run(f"CREATE VIEW rows AS SELECT id, x, {label} AS y FROM d; CREATE VIEW part AS SELECT * FROM rows WHERE id <= 100")
    db.run("SELECT madlib.training_preprocessor_dl('rows', 'p', 'y', 'x')")
    db.run("SELECT madlib.validation_preprocessor_dl('part', 'v', 'y', 'x', 'p')")


def train(db: Session, loss: str = LOSS, **given: Any) -> None:
    search(db, "m", source_table="p", compile_params_grid=COMPILE.format(loss), **{**ONE, **given})


def predict(db: Session, pred_type: str, source: str = "rows") -> list[Any]:
    """Return (predicted, true, prob) of each row, or more columns."""
    db.run("DROP TABLE IF EXISTS o; SET extra_float_digits = 3")
    db.run(
        f"SELECT madlib.madlib_keras_predict('m', '{source}', 'id', 'x', 'o', {pred_type}, FALSE, (SELECT mst_key FROM m_best))"
    )
    return db.fetch(f"SELECT o.y, t.y AS truth, o.* FROM o JOIN {source} t USING (id) ORDER BY id, o.y")


def scores(prob: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the binary crossentropy and the accuracy, as one works them out by hand."""
    clipped = np.clip(prob.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.log(np.where(truth, clipped, 1 - clipped)))), float(np.mean((prob > 0.5) == truth))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("validated", [pytest.param(False, marks=pytest.mark.soak), True])
def test_labels_of_each_type(points: Session, kind: str, validated: bool) -> None:
    label, classes = KINDS[kind]
    pack(points, label)
    train(points, **({"validation_table": "v"} if validated else {}))
    rows = predict(points, "'response'")
    truths = [truth[0] if isinstance(truth, list) else truth for _, truth, *_ in rows]
    first, second = classes or sorted(set(truths))
    assert {row[0] for row in rows} == {first, second}
    assert len(rows) == 300 and sum(row[0] == truth for row, truth in zip(rows, truths, strict=True)) > 270
    both = predict(points, "'prob'")
    assert [row[0] for row in both[:2]] == [first, second]
    assert all(a.prob + b.prob == pytest.approx(1, abs=1e-6) for a, b in zip(both[::2], both[1::2], strict=True))
    loss, accuracy = scores(np.array([row.prob for row in both[1::2]]), np.array([truth == second for truth in truths]))
    info = points.fetch("SELECT * FROM m_info JOIN m_best USING (mst_key)")[0]
    assert (info.training_loss_final, info.training_metrics_final) == (pytest.approx(loss, abs=1e-5), pytest.approx(accuracy))
    points.run("SELECT madlib.madlib_keras_evaluate('m', 'v', 'e', FALSE, (SELECT mst_key FROM m_best))")
    loss, accuracy = scores(
        np.array([row.prob for row in both[1:200:2]]), np.array([truth == second for truth in truths[:100]])
    )
    ((found, metrics),) = points.fetch("SELECT loss, metrics FROM e")
    assert (found, metrics[0]) == (pytest.approx(loss, abs=1e-5), pytest.approx(accuracy))
    assert metrics[1] > 0.95  # the area under the curve
    if validated:
        assert info.validation_loss_final == pytest.approx(loss, abs=1e-5)


def test_the_response_has_the_type_of_the_labels(points: Session) -> None:
    for label, kind in (("c", "boolean"), ("c::text::varchar", "character varying"), ("c::integer", "integer")):
        points.run("DROP VIEW IF EXISTS rows CASCADE; DROP TABLE IF EXISTS p, p_summary, v, v_summary")
        points.run("DROP TABLE IF EXISTS m, m_info, m_summary, m_best, m_best_summary")
        pack(points, label)
        train(points)
        predict(points, "'response'")
        assert points.value("SELECT pg_typeof(y)::text FROM o LIMIT 1") == kind


def test_networks_with_one_output_and_with_two_in_one_search(points: Session) -> None:
    pack(points)
    params = "num_configs=3, num_iterations=2, algorithm=rand"
    train(points, model_id_list=[SIGMOID, TWO, RESHAPED], automl_method="hyperopt", automl_params=params)
    assert points.value("SELECT count(*) FROM m_info WHERE training_loss_final IS NOT NULL") == 3
    assert sum(row[0] == row[1] for row in predict(points, "'response'")) > 200


def test_fit_and_fit_multiple(points: Session) -> None:
    pack(points, "CASE WHEN c THEN 'b' ELSE 'a' END")
    compiled = "optimizer='Adam(lr=0.1)',loss='binary_crossentropy',metrics=['accuracy']"
    points.run("SELECT madlib.madlib_keras_fit('p', 'one', 'lib', %s, %s, 'batch_size=16', 8)", SIGMOID, compiled)
    points.run("SELECT madlib.madlib_keras_predict('one', 'rows', 'id', 'x', 'o', 'response')")
    assert points.value("SELECT count(*) FROM o JOIN rows USING (id, y)") > 270
    points.run(
        "SELECT madlib.load_model_selection_table('lib', 'mst', %s, ARRAY[%s], ARRAY['batch_size=16'])",
        [SIGMOID, TWO],
        compiled,
    )
    points.run("SELECT madlib.madlib_keras_fit_multiple_model('p', 'several', 'mst', 8, FALSE, 'v')")
    for key in (1, 2):
        points.run(
            "SELECT madlib.madlib_keras_predict('several', 'rows', 'id', 'x', %s, 'response', FALSE, %s)", f"o{key}", key
        )
        assert points.value(f"SELECT count(*) FROM o{key} JOIN rows USING (id, y)") > 270


def test_class_weights_are_those_of_the_classes(points: Session) -> None:
    pack(points, "CASE WHEN c THEN 'yes' ELSE 'no' END")
    train(points, fit_params_grid="{'batch_size': [16], 'epochs': [4], 'class_weight': [{'yes': 0.0, 'no': 1.0}]}")
    assert {row[0] for row in predict(points, "'response'")} == {"no"}  # nothing else counted


# --- what one output can be ---------------------------------------------------------------------------------------------


def test_logits_become_probabilities(points: Session) -> None:
    pack(points)
    train(points, "BinaryCrossentropy(from_logits=True)", model_id_list=[LINEAR])
    rows, logits = predict(points, "'prob'"), None
    assert sum((row.prob > 0.5) == row.truth for row in rows if row[0]) > 270
    points.run("DROP TABLE o")
    key = "(SELECT mst_key FROM m_best)"
    points.run(f"SELECT madlib.madlib_keras_predict('m', 'rows', 'id', 'x', 'o', 'value', FALSE, {key})")
    logits = np.array([value for ((value,),) in points.fetch("SELECT y FROM o ORDER BY id")])
    assert np.abs(np.array([row.prob for row in rows if row[0]]) - 1 / (1 + np.exp(-logits))).max() < 1e-6
    assert np.abs(logits).max() > 1


def test_a_role_that_may_not_read_the_loss(points: Session, role: str, database: str) -> None:
    pack(points)
    train(points, "BinaryCrossentropy(from_logits=True)", model_id_list=[LINEAR])
    points.run(f"GRANT USAGE, CREATE ON SCHEMA t_two TO {role}; GRANT SELECT ON m, m_summary, rows TO {role}")
    other = connect_to(database, user=role)
    other.run("SET search_path = t_two")
    predict_one = "SELECT madlib.madlib_keras_predict('m', 'rows', 'id', 'x', 'o', 'prob', FALSE, 1)"
    failure = other.error_of(predict_one)
    rule = f'model_table: role "{role}" has no SELECT privilege on table "t_two.m_info"'
    assert (failure.sqlstate, failure.message) == ("42501", rule)
    points.run(f"GRANT SELECT (mst_key, loss_type) ON m_info TO {role}")
    other.run(predict_one)
    assert other.value("SELECT count(*) FROM o") == 600
    other.close()


@pytest.mark.parametrize(
    ("loss", "model", "problem"),
    [
        (LOSS, LINEAR, "its last activation is linear; give it activation sigmoid, or units=2 and activation softmax, or a loss"
         " with from_logits=True"),
        ("hinge", TANH, "its last activation is tanh; give it activation sigmoid, or units=2 and activation softmax"),
        (LOSS, SOFTMAX, "its last activation is softmax, which of one unit is always 1; give it activation sigmoid"),
        ("categorical_crossentropy", SIGMOID, 'loss "categorical_crossentropy" wants a network with an output for each class,'
         ' this one has a single output; for two classes "binary_crossentropy" does'),
        ("sparse_categorical_crossentropy", SIGMOID, 'a single output; for two classes "binary_crossentropy" does'),
    ],
)  # fmt: skip
def test_what_gives_no_probability_is_refused(points: Session, loss: str, model: int, problem: str) -> None:
    pack(points)
    sql = "SELECT madlib.madlib_keras_automl('p', 'm', 'lib', 'b', ARRAY[%s], %s, %s)"
    failure = points.error_of(sql, model, COMPILE.format(loss), FIT)
    assert failure.sqlstate == "22023"
    assert problem in failure.message


def test_metrics_of_several_outputs_are_refused(points: Session) -> None:
    pack(points)
    compiled = COMPILE.format(LOSS).replace("'AUC'", "'categorical_accuracy'")
    sql = "SELECT madlib.madlib_keras_automl('p', 'm', 'lib', 'b', ARRAY[%s], %s, %s)"
    message = points.error_of(sql, SIGMOID, compiled, FIT).message
    assert 'metric "categorical_accuracy" wants a network with an output for each class' in message
    assert 'for two classes "accuracy" does' in message


def test_more_classes_say_how_many_units_they_need(points: Session) -> None:
    pack(points, "mod(id, 3)")
    sql = "SELECT madlib.madlib_keras_automl('p', 'm', 'lib', 'b', ARRAY[%s], %s, %s)"
    message = points.error_of(sql, SIGMOID, COMPILE.format(LOSS), FIT).message
    assert "model_id 1: the network's last layer has 1 units, the dependent variable has 3 classes; give it units=3" in message


# --- prediction by known weights ----------------------------------------------------------------------------------------

PREDICT = "SELECT madlib.madlib_keras_predict('known', 'three', 'id', 'x', 'k', {})"
BYOM = "SELECT madlib.madlib_keras_predict_byom('own', 1, 'three', 'id', 'x', 'k', {})"
# sigmoid of 2, -3 and 0
PROBABILITIES = [
    (1, "yes", 0.8808, 1), (1, "no", 0.1192, 2),
    (2, "no", 0.9526, 1), (2, "yes", 0.0474, 2),
    (3, "no", 0.5, 1), (3, "yes", 0.5, 2),
]  # fmt: skip


@pytest.fixture
def known(points: Session) -> Session:
    """The session `points` with a model whose output is the sigmoid of the first feature, and three rows."""
    weights = struct.pack("<3f", 1, 0, 0)
    points.run("CREATE TABLE known AS SELECT %s AS model_weights, %s::json AS model_arch", weights, dense(1, 2, "sigmoid"))
    points.run(
        "CREATE TABLE known_summary AS SELECT 'kind'::text AS dependent_varname, '{no,yes}'::text[] AS class_values,"
        " 1.0::real AS normalizing_const, 2 AS num_classes"
    )
    points.run("CREATE TABLE three (id integer, x real[])")
    points.run("INSERT INTO three VALUES (1, '{2, 9}'), (2, '{-3, 9}'), (3, '{0, 9}')")
    points.run("CREATE TABLE own AS SELECT 1 AS model_id, model_arch, model_weights FROM known")
    return points


def rounded(db: Session) -> list[tuple[Any, ...]]:
    rows = db.fetch("SELECT * FROM k ORDER BY id, prob DESC, 2")
    db.run("DROP TABLE k")
    return [tuple(round(value, 4) if isinstance(value, float) else value for value in row) for row in rows]


def test_both_classes_have_a_probability(known: Session) -> None:
    for pred_type in ("'prob'", "2", "5"):
        known.run(PREDICT.format(pred_type))
        assert rounded(known) == PROBABILITIES
    known.run(PREDICT.format("'response'"))
    assert rounded(known) == [(1, "yes", 0.8808), (2, "no", 0.9526), (3, "no", 0.5)]  # at one half the first
    known.run(PREDICT.format("1"))
    assert rounded(known) == [row for row in PROBABILITIES if row[3] == 1]
    known.run(PREDICT.format("0.9"))
    assert rounded(known) == [(2, "no", 0.9526, 1)]
    known.run(PREDICT.format("'value'"))
    assert [[round(value, 4) for value in row.kind] for row in known.fetch("SELECT * FROM k ORDER BY id")] == [
        [0.8808], [0.0474], [0.5]
    ]  # fmt: skip


def test_sessions_of_their_own_give_the_same(known: Session) -> None:
    known.run("SET keras_automl.sessions = 1")
    try:
        known.run(PREDICT.format("'prob'"))
        assert rounded(known) == PROBABILITIES
    finally:
        known.run("SET keras_automl.sessions = 0")


def test_a_model_of_a_library_with_one_output(known: Session) -> None:
    known.run(BYOM.format("'prob', class_values := ARRAY['no', 'yes']"))
    assert rounded(known) == PROBABILITIES
    numbers = [(row, {"no": 0, "yes": 1}[name], prob, rank) for row, name, prob, rank in PROBABILITIES]
    known.run(BYOM.format("'prob'"))
    assert rounded(known) == numbers
    known.run(BYOM.format("'response'"))
    assert [row[:2] for row in rounded(known)] == [(1, 1), (2, 0), (3, 0)]
    known.run(BYOM.format("0.9"))
    assert rounded(known) == [(2, 0, 0.9526, 1)]


def test_one_output_that_is_no_probability_has_no_classes(known: Session) -> None:
    known.run("UPDATE own SET model_arch = %s::json", dense(1, 2, "linear"))
    known.run(BYOM.format("'prob'"))
    assert rounded(known) == [(1, 0, 2.0, 1), (2, 0, -3.0, 1), (3, 0, 0.0, 1)]
    for pred_type in ("'response'", "1", "0.5"):
        failure = known.error_of(BYOM.format(pred_type))
        expected = "pred_type: must be 'value': the network gives one number for a row, and that tells no class"
        assert (failure.sqlstate, failure.message) == ("22023", expected)
        assert "let the network end in activation sigmoid" in str(failure.hint)
    failure = known.error_of(BYOM.format("'prob', class_values := ARRAY['no', 'yes']"))
    assert failure.message == "class_values: must have one value for each of the network's 1 outputs, got ['no', 'yes']"
    assert "let the network end in activation sigmoid" in str(failure.hint)
    known.run(BYOM.format("'value', class_values := ARRAY['no', 'yes']"))
    assert known.fetch("SELECT * FROM k ORDER BY id") == [(1, [2.0]), (2, [-3.0]), (3, [0.0])]
