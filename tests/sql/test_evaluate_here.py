"""madlib_keras_evaluate without TensorFlow: in the caller's session, by weights whose loss is known."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import pytest

from fix_db import Session
from fix_search import dense, sequential

# One layer of four inputs and three units: the logit of class k is feature k; the fourth counts for nothing.
WEIGHTS = struct.pack("<15f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
COMPILE = "optimizer='Adam', loss='categorical_crossentropy', metrics={}"
METRICS = "['accuracy', 'Recall(class_id=1)', 'mse']"
LOADED = "CREATE FUNCTION loaded() RETURNS boolean LANGUAGE plpython3u AS $$ import sys; return 'tensorflow' in sys.modules $$"
EVALUATE = "SELECT madlib.madlib_keras_evaluate('model', 'packed', 'e')"


def model(db: Session, architecture: str, weights: bytes, compiled: str) -> None:
    """Make the tables of a model that fit has made."""
    db.run("CREATE TABLE model AS SELECT %s AS model_weights, %s::json AS model_arch", weights, architecture)
    db.run("CREATE TABLE model_summary AS SELECT %s::text AS compile_params, NULL::text AS object_table", compiled)


@pytest.fixture
def rows(db: Session) -> Session:
    """The session `db` with a model, and a packed table of three rows: two of them right."""
    model(db, dense(3), WEIGHTS, COMPILE.format(METRICS))
    db.run("CREATE TABLE rows (id integer, x real[], kind text)")
    db.run("INSERT INTO rows VALUES (1, '{0, 2, 1, 9}', 'bee'), (2, '{3, 0, 0, 9}', 'ant'), (3, '{3, 0, 0, 9}', 'cat')")
    db.run("SELECT madlib.training_preprocessor_dl('rows', 'packed', 'kind', 'x'); " + LOADED)
    return db


def shares(*logits: float) -> list[float]:
    whole = sum(map(math.exp, logits))
    return [math.exp(each) / whole for each in logits]


def test_loss_and_metrics_without_tensorflow_and_without_sessions(rows: Session, connect: Callable[..., Session]) -> None:
    caller = connect()
    caller.run(EVALUATE)
    outputs = ((1, shares(0, 2, 1)), (0, shares(3, 0, 0)), (2, shares(3, 0, 0)))  # with the number of the class that it is
    loss = -sum(math.log(row[truth]) for truth, row in outputs) / 3
    errors = [(share - (at == truth)) ** 2 for truth, row in outputs for at, share in enumerate(row)]
    ((found, metric, names, kind, metrics),) = caller.fetch("SELECT * FROM e")
    assert found == pytest.approx(loss, rel=1e-6)
    assert metrics == pytest.approx([2 / 3, 1, sum(errors) / 9], rel=1e-6)
    assert (metric, names, kind) == (metrics[0], ["accuracy", "Recall(class_id=1)", "mse"], "categorical_crossentropy")
    assert caller.value("SELECT loaded()") is False
    assert caller.value("SELECT madlib.automl_release()") == 0


@pytest.mark.parametrize("sessions", [0, 1])
def test_what_numpy_does_not_know_is_computed_with_tensorflow(
    rows: Session, connect: Callable[..., Session], sessions: int
) -> None:
    rows.run("UPDATE model_summary SET compile_params = %s", COMPILE.format("['accuracy', 'MeanIoU']"))
    caller = connect() if sessions else rows
    caller.run(f"SET keras_automl.sessions = {sessions}")
    caller.run(EVALUATE)
    found, metrics = caller.fetch("SELECT loss, metrics FROM e")[0]
    assert found == pytest.approx(-(math.log(shares(0, 2, 1)[1] * shares(3, 0, 0)[0] * shares(3, 0, 0)[1])) / 3, rel=1e-6)
    assert metrics == pytest.approx([2 / 3, (1 / 2 + 1 + 0) / 3], rel=1e-6)
    assert caller.is_greenplum or caller.value("SELECT loaded()") is (sessions == 0)


def test_buffers_of_several_parts_and_empty_ones(db: Session) -> None:
    # The sum of a row's numbers.
    layers: tuple[tuple[str, dict[str, object]], ...] = (("Dense", {"units": 1, "batch_input_shape": [None, 100]}),)
    model(db, sequential(*layers), struct.pack("<101f", *[1.0] * 100, 0.0), "optimizer='SGD', loss='mse', metrics=['mae']")
    db.run("""CREATE TABLE numbers AS SELECT n AS id, (n % 7)::float8 AS y,
        array(SELECT ((n * m) % 11 - 5)::real FROM generate_series(1, 100) AS m) AS x FROM generate_series(1, 4000) AS n""")
    db.run("SET keras_automl.partitions = 1")
    db.run("SELECT madlib.training_preprocessor_dl('numbers', 'packed', 'y', 'x', 4000)")
    assert db.is_greenplum or db.value("SELECT max(length(x)) > 2 ^ 20 FROM packed")
    # A buffer without a row.
    key, keys = (", __dist_key__", ", max(__dist_key__)") if db.is_greenplum else ("", "")
    db.run(f"""INSERT INTO packed (buffer_id, y, x, y_shape, x_shape{key})
        SELECT max(buffer_id) + 1, ''::bytea, ''::bytea, '{{0,1}}'::integer[], '{{0,100}}'::integer[]{keys} FROM packed""")
    db.run(EVALUATE)
    errors = "SELECT (SELECT sum(v) FROM unnest(x) AS v) - y AS error FROM numbers"
    by_hand = db.fetch(f"SELECT avg(error ^ 2), avg(abs(error)) FROM ({errors}) q")[0]
    assert db.fetch("SELECT loss, metric FROM e")[0] == pytest.approx(by_hand, rel=1e-6)


def test_bytes_that_are_no_rows_are_an_error(rows: Session) -> None:
    rows.run("UPDATE packed SET x = substr(x, 1, 3)")
    said = 'the evaluation failed: DataError: a buffer of "x" has 3 bytes, which is not the shape '
    assert rows.error_of(EVALUATE).message.startswith(said)
    assert rows.value("SELECT to_regclass('e')") is None


def test_numbers_that_a_layer_does_not_take_are_an_error(rows: Session) -> None:
    embedding: dict[str, object] = {"input_dim": 5, "output_dim": 2, "batch_input_shape": [None, 4]}
    end: dict[str, object] = {"units": 3, "activation": "softmax"}
    layers: tuple[tuple[str, dict[str, object]], ...] = (("Embedding", embedding), ("Flatten", {}), ("Dense", end))
    weights = struct.pack("<37f", *[0.5] * 37)
    rows.run("UPDATE model SET model_weights = %s, model_arch = %s::json", weights, sequential(*layers))
    said = 'the evaluation failed: UnfitRow: layer "layer_0" (Embedding) takes numbers from 0 to 4'
    assert rows.error_of(EVALUATE).message == said


def test_a_forged_order_is_refused(rows: Session) -> None:
    assert "EvaluationOrder must be JSON" in rows.error_of("SELECT madlib.automl_evaluated('x', '')").message
