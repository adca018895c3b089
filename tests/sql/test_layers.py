"""Layers that keep state, types of numbers and architectures of old Keras, from the library to the prediction."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

import pytest

from fix_db import Session

COMPILE = "$$loss='mse', optimizer='SGD(lr=0.0)'$$"


@pytest.fixture
def one(quick: Session) -> Iterator[Session]:
    """The session `quick` in a new schema, with four `rows` of one number 12 and the label 1, `packed`."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_layers CASCADE; CREATE SCHEMA t_layers")
    quick.run("SET search_path = t_layers")
    quick.run("CREATE TABLE rows AS SELECT i AS id, ARRAY[12]::real[] AS x, 1.0::real AS y FROM generate_series(1, 4) i")
    quick.run("SELECT madlib.training_preprocessor_dl('rows', 'packed', 'y', 'x')")
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; DROP SCHEMA t_layers CASCADE; RESET client_min_messages")


def architecture(version: str, *layers: tuple[str, Mapping[str, object]]) -> str:
    nodes = [{"class_name": name, "config": config} for name, config in layers]
    tree = {"class_name": "Sequential", "config": {"name": "net", "layers": nodes}, "keras_version": version}
    return json.dumps({**tree, **({"module": "keras"} if version[0] == "3" else {})})


def load(db: Session, text: str, *weights: float) -> None:
    db.run("SELECT madlib.load_keras_model('lib', %s::json, %s)", text, struct.pack(f"<{len(weights)}f", *weights))


def predicted(db: Session, table: str = "rows") -> list[float]:
    db.run("DROP TABLE IF EXISTS p")
    db.run(f"SELECT madlib.madlib_keras_predict_byom('lib', 1, '{table}', 'id', 'x', 'p', 'value')")
    return list(db.value("SELECT dependent_var FROM p ORDER BY id LIMIT 1"))


def trained(db: Session) -> tuple[float, ...]:
    """The weights after an iteration whose learning rate is 0, and the loss."""
    db.run(f"SELECT madlib.madlib_keras_fit('packed', 'model', 'lib', 1, {COMPILE}, 'batch_size=4', 1)")
    raw = bytes(db.value("SELECT model_weights FROM model"))
    return (*struct.unpack(f"<{len(raw) // 4}f", raw), db.value("SELECT training_loss_final FROM model_summary"))


NORMALIZED = architecture(
    "2.9.0",
    ("InputLayer", {"batch_input_shape": [None, 1], "dtype": "float32", "name": "i"}),
    ("Normalization", {"name": "n", "axis": [-1], "mean": None, "variance": None}),
    ("Dense", {"name": "d", "units": 1}),
)


def test_what_normalization_has_learned_counts(one: Session) -> None:
    load(one, NORMALIZED, 10, 4, 100, 1, 0)  # mean, variance, count, kernel, bias: (12 - 10) / 2 = 1
    assert predicted(one) == [1]
    assert trained(one) == (10, 4, 100, 1, 0, 0)
    one.run("SELECT madlib.madlib_keras_evaluate('model', 'packed', 'e')")
    assert one.value("SELECT loss FROM e") == 0


def test_a_kernel_is_divided_by_its_largest_singular_value(one: Session) -> None:
    dense = {"class_name": "Dense", "module": "keras.layers", "config": {"name": "d", "units": 1, "use_bias": False}}
    first = ("InputLayer", {"batch_shape": [None, 1], "name": "i"})
    load(one, architecture("3.5.0", first, ("SpectralNormalization", {"name": "s", "layer": dense})), 3, 1)
    assert trained(one) == (1, 1, 121)  # the kernel, the vector, and (12 - 1) squared


@pytest.mark.parametrize(("version", "expected"), [("1.2.2", 0.8), ("2.2.4", 0.8), ("3.5.0", 0.75)])
def test_hard_sigmoid_is_that_of_the_keras_that_wrote_it(one: Session, version: str, expected: float) -> None:
    units = {"output_dim": 1} if version[0] == "1" else {"units": 1}
    load(
        one, architecture(version, ("Dense", {**units, "activation": "hard_sigmoid", "batch_input_shape": [None, 1]})), 0.125, 0
    )
    assert predicted(one) == [pytest.approx(expected)]


LSTM = {"output_dim": 1, "inner_activation": "sigmoid", "batch_input_shape": [None, 3, 1]}


def test_an_lstm_of_keras_1_predicts_as_it_did(one: Session) -> None:
    # Keras 1.2.2 itself gives 2.3261304 for these weights and this row.
    one.run("CREATE TABLE lines AS SELECT 1 AS id, ARRAY[[sin(1)], [cos(1)], [1 / 7.0]]::real[] AS x, 1.0::real AS y")
    load(one, architecture("1.2.2", ("LSTM", LSTM), ("Dense", {"output_dim": 1})), *(i / 10 for i in range(1, 15)))
    assert predicted(one, "lines") == [pytest.approx(2.3261304, abs=1e-5)]
    one.run("DROP TABLE packed, packed_summary")
    one.run("SELECT madlib.training_preprocessor_dl('lines', 'packed', 'y', 'x')")
    *weights, loss = trained(one)
    assert weights == pytest.approx([i / 10 for i in range(1, 15)])  # in the same layout, so that they fit the architecture
    assert loss == pytest.approx(1.3261304**2, abs=1e-4)
    one.run("SELECT madlib.madlib_keras_predict('model', 'lines', 'id', 'x', 'again', 'value')")
    assert one.value("SELECT y FROM again") == pytest.approx(2.3261304, abs=1e-5)


def test_a_model_of_bfloat16_among_others(one: Session) -> None:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "bfloat16"}, "registered_name": None}
    first = ("InputLayer", {"batch_shape": [None, 1], "name": "i"})
    load(one, architecture("3.5.0", first, ("Dense", {"name": "d", "units": 1, "dtype": policy})), 0.125, 0.5)
    load(one, architecture("3.5.0", first, ("Dense", {"name": "d", "units": 1})), 0.125, 0.5)
    assert predicted(one) == [2]
    assert trained(one) == (0.125, 0.5, 1)
    one.run(
        "SELECT madlib.madlib_keras_automl('packed', 'aut', 'lib', 'best', ARRAY[1, 2], $${'loss': ['mse'],"
        " 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.0, 0.0]}]}$$, $${'batch_size': [4], 'epochs': [1]}$$,"
        " 'hyperband', 'R=3, eta=3', 1)"
    )
    assert one.fetch("SELECT DISTINCT model_id, training_loss_final FROM aut_info ORDER BY 1") == [(1, 1.0), (2, 1.0)]


def test_files_that_hold_an_architecture_load(one: Session) -> None:
    topology = {"keras_version": "2.9.0", "backend": "tensorflow", "model_config": json.loads(NORMALIZED)}
    for held in (json.dumps(NORMALIZED), json.dumps({"format": "layers-model", "modelTopology": topology})):
        one.run("DROP TABLE IF EXISTS lib")
        load(one, held, 10, 4, 100, 1, 0)
        assert predicted(one) == [1]
        assert one.value("SELECT model_arch->>'class_name' FROM lib") == "Sequential"
