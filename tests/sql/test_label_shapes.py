"""Labels in the shape of the outputs: packed, trained, evaluated, and predicted as arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fix_db import Session
from fix_search import load, sequential

INPUT: dict[str, object] = {"batch_input_shape": [None, 4, 3]}
SAME, STEPS, CLASSES, FLAT = 1, 2, 3, 4
FIT = "SELECT madlib.madlib_keras_fit('p', 'm', 'lib', %s, %s, 'batch_size=8', 20, FALSE, 'v')"
COMPILED = "optimizer='Adam(lr=0.1)',loss='{}',metrics=['{}']"


@pytest.fixture
def images(quick: Session) -> Iterator[Session]:
    """The session `quick` in a schema with `d`: x of shape {4,3}, `twice` of it, which row of x has the larger first number
    (`steps`), and of which of three columns the largest is (`place`)."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_shapes CASCADE; CREATE SCHEMA t_shapes")
    quick.run("SET search_path = t_shapes; RESET client_min_messages; SELECT setseed(0.5)")
    row = "ARRAY[(random() - 0.5)::real, (random() - 0.5)::real, (random() - 0.5)::real]"
    quick.run(f"CREATE TABLE raw AS SELECT id, ARRAY[{', '.join([row] * 4)}] AS x FROM generate_series(1, 200) AS id")
    twice = ", ".join(f"ARRAY[{', '.join(f'2 * x[{i}][{j}]' for j in (1, 2, 3))}]" for i in range(1, 5))
    steps = ", ".join(f"(x[{i}][1] > x[{i}][2])::integer" for i in range(1, 5))
    places = ", ".join(
        f"CASE GREATEST(x[{i}][1], x[{i}][2], x[{i}][3]) WHEN x[{i}][1] THEN 0 WHEN x[{i}][2] THEN 1 ELSE 2 END"
        for i in range(1, 5)
    )
    quick.run(
        f"CREATE TABLE d AS SELECT id, x, ARRAY[{twice}]::real[] AS twice, ARRAY[{steps}] AS steps, ARRAY[{places}] AS places,"
        " ARRAY[[id::integer, 1, 0], [0, 1, 2]]::integer[] AS counts FROM raw"
    )
    load(
        quick,
        "lib",
        sequential(("Dense", {"units": 3, **INPUT})),
        sequential(("Dense", {"units": 1, "activation": "sigmoid", **INPUT})),
        sequential(("Dense", {"units": 3, "activation": "softmax", **INPUT})),
        sequential(("Flatten", INPUT), ("Dense", {"units": 4})),
    )
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_shapes CASCADE")
    quick.run("RESET client_min_messages")


def pack(db: Session, dependent: str) -> None:
    db.run("SELECT madlib.training_preprocessor_dl('d', 'p', %s, 'x')", dependent)
    db.run("SELECT madlib.validation_preprocessor_dl('d', 'v', %s, 'x', 'p')", dependent)


def predicted(db: Session, dependent: str, pred_type: str = "'prob'") -> tuple[np.ndarray, np.ndarray]:
    db.run(f"SELECT madlib.madlib_keras_predict('m', 'd', 'id', 'x', 'o', {pred_type})")
    db.run("SET extra_float_digits = 3")  # all digits
    rows = db.fetch(f"SELECT o.{dependent}, d.{dependent} FROM o JOIN d USING (id) ORDER BY id")
    db.run("RESET extra_float_digits")
    return np.array([ours for ours, _ in rows]), np.array([truth for _, truth in rows])


def test_packed_as_they_are(images: Session) -> None:
    pack(images, "twice")
    summary = "SELECT dependent_vartype, class_values, num_classes, dependent_dtype FROM {}_summary"
    for name in "pv":
        assert images.fetch(summary.format(name)) == [("real[]", None, None, "float32")]
        assert {tuple(shape) for (shape,) in images.fetch(f"SELECT twice_shape[2:3] FROM {name}")} == {(4, 3)}
        found = [np.frombuffer(raw, np.float32) for (raw,) in images.fetch(f"SELECT twice FROM {name}")]
        images.run("SET extra_float_digits = 3")
        true = np.array([value for (value,) in images.fetch("SELECT twice FROM d")], np.float32)
        assert sorted(np.concatenate(found).tolist()) == sorted(true.reshape(-1).tolist())
        images.run("RESET extra_float_digits")


def test_whole_numbers_stay_whole(images: Session) -> None:
    pack(images, "counts")
    assert images.fetch("SELECT num_classes, dependent_dtype FROM p_summary") == [(None, "int16")]
    raw = b"".join(bytes(raw) for (raw,) in images.fetch("SELECT counts FROM p"))
    assert sorted(np.frombuffer(raw, np.int16).reshape(-1, 6)[:, 0].tolist()) == list(range(1, 201))


def test_an_autoencoder_predicts_arrays(images: Session) -> None:
    pack(images, "twice")
    images.run(FIT.replace("20", "2"), SAME, COMPILED.format("mse", "mae"))
    ours, truth = predicted(images, "twice")
    assert images.value("SELECT pg_typeof(twice)::text FROM o LIMIT 1") == "real[]"
    assert ours.shape == truth.shape == (200, 4, 3)
    assert np.mean((ours - truth) ** 2) < np.mean(truth**2) / 4
    ((loss, metric),) = images.fetch("SELECT validation_loss_final, validation_metrics_final FROM m_summary")
    assert loss == pytest.approx(np.mean((ours - truth) ** 2), rel=1e-3)
    assert metric == pytest.approx(np.mean(np.abs(ours - truth)), rel=1e-3)
    images.run("SELECT madlib.madlib_keras_evaluate('m', 'v', 'e')")
    assert images.value("SELECT loss FROM e") == pytest.approx(loss)
    assert images.fetch("SELECT num_classes, class_values, dependent_vartype FROM m_summary") == [(None, None, "real[]")]
    for pred_type in ("'response'", "'value'", "NULL::text"):
        images.run("DROP TABLE o")
        assert np.array_equal(predicted(images, "twice", pred_type)[0], ours)
    for pred_type in ("2", "0.5"):
        message = images.error_of(f"SELECT madlib.madlib_keras_predict('m', 'd', 'id', 'x', 'k', {pred_type})").message
        assert "pred_type: must be 'response', or be left out: this model predicts an array, which has no classes" in message


def test_one_output_a_time_step(images: Session) -> None:
    pack(images, "steps")
    images.run(FIT, STEPS, COMPILED.format("binary_crossentropy", "accuracy"))
    ours, truth = predicted(images, "steps", "'value'")
    right = np.mean((ours[:, :, 0] > 0.5) == truth)
    assert right > 0.9
    assert images.value("SELECT validation_metrics_final FROM m_summary") == pytest.approx(right)


def test_a_class_number_a_time_step(images: Session) -> None:
    pack(images, "places")
    images.run(FIT, CLASSES, COMPILED.format("sparse_categorical_crossentropy", "accuracy"))
    ours, truth = predicted(images, "places", "'value'")
    right = np.mean(ours.argmax(-1) == truth)
    assert right > 0.9
    assert images.value("SELECT validation_metrics_final FROM m_summary") == pytest.approx(right)
    failure = images.error_of("SELECT madlib.madlib_keras_predict('m', 'd', 'id', 'x', 'k')")
    expected = "pred_type: must be 'value': the network gives an array of shape [4, 3] for a row, and that tells no class"
    assert (failure.sqlstate, failure.message) == ("22023", expected)


def test_what_is_refused(images: Session) -> None:
    failure = images.error_of("SELECT madlib.training_preprocessor_dl('d', 'p', 'twice', 'x', NULL, 1.0, 3)")
    assert failure.message == "num_classes: must be left out for arrays, got 3"
    pack(images, "twice")
    message = images.error_of(FIT, FLAT, COMPILED.format("mse", "mae")).message
    assert "last layer has 4 units, the dependent variable is arrays of shape [4, 3]; give it outputs of that shape" in message
    weights = "SELECT madlib.madlib_keras_fit('p', 'm', 'lib', %s, %s, 'class_weight={0: 2.0}', 2)"
    message = images.error_of(weights, SAME, COMPILED.format("mse", "mae")).message
    expected = 'fit_params: "class_weight" must be left out: "twice" is an array of several dimensions, which has no classes'
    assert message == expected
    images.run("SELECT madlib.training_preprocessor_dl('d', 's', 'steps', 'x')")
    message = images.error_of(weights.replace("'p'", "'s'"), STEPS, COMPILED.format("binary_crossentropy", "accuracy")).message
    expected = "the network gives outputs of shape [4, 1], not one class a row"
    assert message == f'fit_params: model_id 2: "class_weight" must be left out: {expected}'
    images.run("SELECT madlib.training_preprocessor_dl('d', 'n', 'places', 'x')")
    of_numbers = COMPILED.format("sparse_categorical_crossentropy", "accuracy")
    message = images.error_of(weights.replace("'p'", "'n'"), CLASSES, of_numbers).message
    expected = "the network gives outputs of shape [4, 3], not one class a row"
    assert message == f'fit_params: model_id 3: "class_weight" must be left out: {expected}'
    message = images.error_of(weights.replace("'p'", "'n'").replace("{0: 2.0}", "''balanced''"), CLASSES, of_numbers).message
    expected = "must not be 'balanced': column \"places\" holds arrays that are not one class each"
    assert message == f'fit_params: "class_weight" {expected}'
    failure = images.error_of("SELECT madlib.validation_preprocessor_dl('d', 'w', 'counts', 'x', 'p')")
    assert failure.message == ('dependent_varname: arrays in column "counts" must have shape {4,3} as in p, found {2,3}')
    images.run("UPDATE d SET twice = '{{1,2}}' WHERE id IN (3, 4)")
    failure = images.error_of("SELECT madlib.training_preprocessor_dl('d', 'q', 'twice', 'x')")
    assert "shape {1,2} in 2 rows" in failure.message or "shape {4,3} in 198 rows" in failure.message
