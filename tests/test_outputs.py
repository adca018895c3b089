"""Labels in the shape of the outputs, and one output for two classes: which fit, and that they train as in Keras."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keras_seg.protocol.outputs import common_shape, no_probability, unfit
from keras_seg.protocol.variables import Variable


def one_hot(classes: int) -> Variable:
    return Variable("y", (classes,), "int16", one_hot=True)


def array(*shape: int, dtype: str = "int16") -> Variable:
    return Variable("y", shape, dtype)


FIT: list[tuple[Variable, tuple[int, ...], bool]] = [
    (one_hot(3), (3,), False),
    (one_hot(2), (2,), False),
    (one_hot(2), (1,), False),
    (one_hot(2), (1, 1), False),
    (one_hot(2), (), False),
    (array(1), (1,), False),
    (array(1), (), False),
    (array(1), (3,), True),
    (array(4), (4,), False),
    (array(4), (4, 1), False),
    (array(4, 1), (4,), False),
    (array(4), (4, 3), True),
    (array(4, 1), (4, 3), True),
    (array(4, 3), (4, 3), False),
    (array(8, 8, 3, dtype="float32"), (8, 8, 3), False),
    (array(8, 8), (8, 8, 1), False),
]
UNFIT: list[tuple[Variable, tuple[int, ...], bool, str]] = [
    (one_hot(3), (4,), False, "the network's last layer has 4 units, the dependent variable has 3 classes; give it units=3"
     " and activation softmax"),
    (one_hot(2), (3,), False, "the network's last layer has 3 units, the dependent variable has 2 classes; give it units=2"
     " and activation softmax, or units=1 and activation sigmoid"),
    (one_hot(3), (1, 3), False, "the network's outputs have shape [1, 3], the dependent variable has 3 classes; let it end in"
     " Flatten and Dense with units=3 and activation softmax"),
    (one_hot(3), (3, 1), False, "the network's outputs have shape [3, 1], the dependent variable has 3 classes; let it end in"
     " Flatten and Dense with units=3 and activation softmax"),
    (array(1, dtype="float32"), (2,), False, "the network's last layer has 2 units, the dependent variable is one number a row;"
     " give it units=1; to make classes of it, give num_classes to training_preprocessor_dl"),
    (array(1), (3,), False, "the network's last layer has 3 units, the dependent variable is arrays of one number; give it"
     " units=1, or choose a loss that reads class numbers, such as sparse_categorical_crossentropy"),
    (array(1), (5, 1), False, "the network's outputs have shape [5, 1], the dependent variable is arrays of one number; let it"
     " end in Flatten and Dense with units=1"),
    (array(4), (3,), True, "the network's last layer has 3 units, the dependent variable is arrays of 4 numbers; give it"
     " units=4"),
    (array(4, 2), (4, 3), True, "the network's outputs have shape [4, 3], the dependent variable is arrays of shape [4, 2];"
     " give it outputs of that shape"),
    (array(4), (4, 3), False, "the network's outputs have shape [4, 3], the dependent variable is arrays of 4 numbers; let it"
     " end in Flatten and Dense with units=4, or choose a loss that reads class numbers, such as"
     " sparse_categorical_crossentropy"),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "outputs", "reads_numbers"), FIT)
def test_labels_that_fit(labels: Variable, outputs: tuple[int, ...], reads_numbers: bool) -> None:
    assert unfit(labels, outputs, reads_numbers) is None


@pytest.mark.parametrize(("labels", "outputs", "reads_numbers", "problem"), UNFIT)
def test_labels_that_do_not_fit(labels: Variable, outputs: tuple[int, ...], reads_numbers: bool, problem: str) -> None:
    assert unfit(labels, outputs, reads_numbers) == problem


def test_a_dimension_of_1_at_the_end_may_be_missing() -> None:
    assert common_shape(array(4), (4, 1)) == (4, 1)
    assert common_shape(array(4, 1), (4,)) == (4,)
    assert common_shape(array(4), (1, 4)) is None


def test_what_one_output_must_be() -> None:
    assert no_probability("sigmoid", False) is no_probability("hard_sigmoid", True) is no_probability("linear", True) is None
    assert "from_logits" in (no_probability("linear", False) or "")
    assert "always 1" in (no_probability("softmax", True) or "")


# --- against Keras ------------------------------------------------------------------------------------------------------

keras = pytest.importorskip("keras")

STEPS, ROWS = 5, 70
SHAPES: dict[str, tuple[Variable, list[Any], str, list[str]]] = {
    "images": (array(STEPS, 2, dtype="float32"), [("Dense", 2, "linear")], "mse", ["mae", "RootMeanSquaredError"]),
    "images without their last dimension": (
        array(STEPS),
        [("Dense", 1, "sigmoid")],
        "binary_crossentropy",
        ["accuracy", "AUC"],
    ),
    "one-hot steps": (array(STEPS, 3), [("Dense", 3, "softmax")], "categorical_crossentropy", ["accuracy", "AUC"]),
    "class numbers": (array(STEPS), [("Dense", 3, "softmax")], "sparse_categorical_crossentropy", ["accuracy"]),
    "class numbers, one each": (array(STEPS, 1), [("Dense", 3, "softmax")], "sparse_categorical_crossentropy", ["accuracy"]),
    "two classes": (one_hot(2), [("Flatten",), ("Dense", 1, "sigmoid")], "binary_crossentropy", ["accuracy", "AUC", "Recall"]),
}


def model_of(layers: list[Any]) -> Any:
    made = [keras.layers.Dense(units[0], activation=units[1]) if units else keras.layers.Flatten() for _, *units in layers]
    return keras.Sequential([keras.Input((STEPS, 4)), keras.layers.Dense(3, activation="tanh"), *made])


def rows_of(labels: Variable, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, labels as they are packed, and as a user of Keras has them."""
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, STEPS, 4)).astype(np.float32)
    if labels.one_hot:
        y = np.eye(2, dtype=np.float32)[random.integers(0, 2, ROWS)]
        return x, y, y[:, 1]
    if labels.dtype == "float32":
        y = random.normal(size=(ROWS, *labels.shape)).astype(np.float32)
    elif labels.shape[1:] == (3,):
        y = np.eye(3, dtype=np.float32)[random.integers(0, 3, (ROWS, STEPS))]
    else:
        y = random.integers(0, max(2, units), (ROWS, *labels.shape)).astype(np.float32)
    return x, y, y if units > 1 else y[..., None]


@pytest.mark.parametrize("name", SHAPES)
def test_training_and_evaluation_equal_keras(name: str) -> None:
    import tensorflow as tf

    from keras_seg.protocol.orders import FitOrder
    from keras_seg.training.buffers import Buffer
    from keras_seg.training.evaluator import Evaluator
    from keras_seg.training.network import Network
    from keras_seg.training.parameters import Compile
    from keras_seg.training.trainer import Trainer

    labels, layers, loss, metrics = SHAPES[name]
    x, y, theirs = rows_of(labels, layers[-1][1])
    model = model_of(layers)
    network, compiled = Network(model.to_json(), None), Compile("SGD", {"lr": 0.1}, loss, tuple(metrics))
    trainer, buffer = Trainer(network, compiled, labels, False), Buffer(tf.constant(x), tf.constant(y))
    state = trainer.initial(compiled, 1)
    vector = state.trainable[0]
    model.set_weights([part.numpy() for part in network.unflatten(tf.constant(vector))])
    trainer.load(state)
    for _ in range(3):
        trainer.train(compiled, FitOrder(batch_size=16, shuffle=False), [buffer], np.random.default_rng(0), lambda: None)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss, metrics=metrics, jit_compile=False)
    model.fit(x, theirs, batch_size=16, epochs=3, shuffle=False, verbose=0)
    ours = trainer.dump()
    flat = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    assert np.abs(ours.trainable[0] - flat).max() < 1e-6
    assert np.abs(ours.trainable[0] - vector).max() > 1e-3
    evaluator = Evaluator(network, compiled, labels)
    sums = evaluator.add(evaluator.zeros(), network.frozen(replace(ours)), buffer, lambda: None)
    value, values = evaluator.results(sums)
    assert [value, *values] == pytest.approx(model.evaluate(x, theirs, verbose=0), abs=1e-5)
    assert not math.isnan(value)


@pytest.mark.parametrize(("outputs", "given"), [((1,), [[0], [1]]), ((), [[0], [1]]), ((1, 1), [[[0]], [[1]]])])
def test_labels_of_two_classes_take_the_shape_of_one_output(outputs: tuple[int, ...], given: list[Any]) -> None:
    import tensorflow as tf

    from keras_seg.training.objectives import make_loss
    from keras_seg.training.row_shape import RowShape

    shape = RowShape(one_hot(2), outputs)
    assert shape.given(tf.constant([[1.0, 0.0], [0.0, 1.0]])).numpy().tolist() == given
    if outputs:
        make_loss("binary_crossentropy", shape)


LAST: list[tuple[Any, str]] = [
    (lambda k: [k.layers.Dense(1, activation="sigmoid")], "sigmoid"),
    (lambda k: [k.layers.Dense(1)], "linear"),
    (lambda k: [k.layers.Dense(1), k.layers.Activation("hard_sigmoid"), k.layers.Flatten()], "hard_sigmoid"),
    (lambda k: [k.layers.Dense(1, activation="sigmoid"), k.layers.BatchNormalization()], "linear"),
    (lambda k: [k.layers.Dense(1), k.layers.ReLU()], "relu"),
    (lambda k: [k.layers.Dense(1), k.layers.Softmax()], "softmax"),
    (lambda k: [k.layers.TimeDistributed(k.layers.Dense(1, activation="sigmoid")), k.layers.GlobalMaxPooling1D()], "sigmoid"),
    (lambda k: [k.Sequential([k.layers.Dense(1, activation="tanh"), k.layers.Dropout(0.1)]), k.layers.Flatten()], "tanh"),
    (lambda k: [k.layers.Bidirectional(k.layers.LSTM(1, activation="tanh"), merge_mode="sum")], "linear"),
    (lambda k: [k.layers.Flatten()], "linear"),
]


@pytest.mark.parametrize(("layers", "activation"), LAST)
def test_the_last_activation(layers: Any, activation: str) -> None:
    from keras_seg.architectures.endings import last_activation

    assert last_activation(keras.Sequential([keras.Input((STEPS, 4)), *layers(keras)])) == activation


def test_the_last_activation_where_layers_meet() -> None:
    from keras_seg.architectures.endings import last_activation

    given = keras.Input((4,))
    two = [keras.layers.Dense(1, activation="sigmoid")(given) for _ in range(2)]
    assert last_activation(keras.Model(given, keras.layers.Average()(two))) == "sigmoid"
    assert last_activation(keras.Model(given, keras.layers.Add()(two))) == "linear"


def test_the_last_activation_is_found_at_once_where_paths_meet_often() -> None:
    from keras_seg.architectures.endings import last_activation

    given = keras.Input((1,))
    merged = shaped = keras.layers.Dense(1, activation="sigmoid")(given)
    for _ in range(40):
        merged = keras.layers.Average()([merged, merged])
    for _ in range(1200):  # more than Python's calls go deep, those of Keras' own search too
        shaped = keras.layers.Identity()(shaped)
    assert last_activation(keras.Model(given, merged)) == last_activation(SimpleNamespace(outputs=[shaped])) == "sigmoid"
    added = merged
    for _ in range(40):
        added = keras.layers.Add()([added, added])
    assert last_activation(keras.Model(given, added)) == "linear"


WEIGHTED: list[Any] = [
    lambda k: k.layers.RNN(k.layers.LSTMCell(1)),
    lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(1), merge_mode="sum"),
    lambda k: k.layers.LSTM(1, activation="sigmoid", recurrent_activation="tanh"),
    lambda k: k.layers.MultiHeadAttention(1, 1),
    lambda k: k.layers.TimeDistributed(k.layers.LayerNormalization()),
    lambda k: k.layers.Rescaling(3.0),
    lambda k: k.layers.UnitNormalization(),
]


@pytest.mark.parametrize("layer", WEIGHTED)
def test_what_does_not_keep_the_range_is_linear(layer: Any) -> None:
    from keras_seg.architectures.endings import last_activation

    given = keras.Input((STEPS, 4))
    steps, made = keras.layers.Dense(1, activation="sigmoid")(given), layer(keras)
    several = isinstance(made, keras.layers.MultiHeadAttention)
    assert last_activation(keras.Model(given, made(steps, steps) if several else made(steps))) == "linear"


def test_models_in_models_that_only_shape_are_looked_through() -> None:
    from keras_seg.architectures.endings import last_activation

    shaping = keras.Sequential([keras.Input((1,)), keras.layers.Reshape((1, 1)), keras.layers.Flatten()])
    given = keras.Input((4,))
    ends = [keras.layers.Dense(1, activation=name)(given) for name in ("sigmoid", "sigmoid", "tanh")]
    first, second, other = (shaping(shaping(end)) for end in ends)
    assert last_activation(keras.Model(given, first)) == "sigmoid"
    assert last_activation(keras.Model(given, keras.layers.Average()([first, second]))) == "sigmoid"
    assert last_activation(keras.Model(given, keras.layers.Average()([first, other]))) == "linear"
    assert last_activation(keras.Model(given, keras.layers.Identity()(shaping(given[:, :1])))) == "linear"


LOGITS: list[tuple[Any, bool]] = [
    (lambda k: [k.layers.Dense(1, activation="sigmoid")], True),
    (lambda k: [k.layers.Dense(1), k.layers.Activation("sigmoid"), k.layers.Identity()], True),
    (lambda k: [k.Sequential([k.layers.Dense(1, activation="sigmoid")])], True),
    (lambda k: [k.layers.Dense(1, activation="hard_sigmoid")], False),
    (lambda k: [k.layers.Dense(1, activation="sigmoid"), k.layers.Reshape((1,))], False),
    (lambda k: [k.layers.Dense(1, activation="sigmoid"), k.layers.Dropout(0.5)], False),
    (lambda k: [k.layers.Reshape((4, 1)), k.layers.LSTM(1, activation="sigmoid")], False),
    (lambda k: [k.layers.Reshape((4, 1)), k.layers.SimpleRNN(1, activation="sigmoid")], False),
]


@pytest.mark.parametrize(("layers", "seen"), LOGITS)
def test_crossentropy_of_logits_looks_before_a_sigmoid_at_the_end_only(layers: Any, seen: bool) -> None:
    """What Keras does: its loss of the outputs is that of their logits, or it takes the outputs themselves for logits."""
    import tensorflow as tf

    from keras_seg.training.network import Network

    network = Network(keras.Sequential([keras.Input((4,)), *layers(keras)]).to_json(), None)
    trainable, other = network.initial(1, False)
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    y, loss = np.array([[1.0], [0.0]] * 3, np.float32), keras.losses.BinaryCrossentropy(from_logits=True)
    tf.random.set_seed(1)

    def trained() -> Any:
        outputs = network.call([tf.constant(w) for w in trainable], [tf.constant(w) for w in other], x, True)[0]
        return outputs, loss(y, outputs)

    outputs, value = (np.asarray(each, np.float64) for each in tf.function(trained)())
    p = outputs if seen else 1 / (1 + np.exp(-outputs))
    assert value == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), abs=1e-5)
    assert network.ends_in_sigmoid is seen


ONES: list[tuple[str, bool, str, str | None]] = [
    ("sigmoid", True, "binary_crossentropy", "probability"),
    ("sigmoid", True, "BinaryCrossentropy(from_logits=True)", "probability"),
    ("sigmoid", False, "BinaryCrossentropy(from_logits=True)", "logit"),  # a Flatten behind it
    ("sigmoid", True, "BinaryFocalCrossentropy(from_logits=True)", "always logit"),
    ("hard_sigmoid", False, "BinaryCrossentropy(from_logits=True)", "logit"),
    ("hard_sigmoid", False, "custom", "probability"),
    ("linear", False, "BinaryCrossentropy(from_logits=True)", "logit"),
    ("linear", False, "custom", None),
]


@pytest.mark.parametrize(("activation", "ends", "loss", "expected"), ONES)
def test_what_one_output_stands_for_in_prediction(activation: str, ends: bool, loss: str, expected: str | None) -> None:
    from keras_seg.protocol.orders import SessionSetup
    from keras_seg.protocol.predictions import OneOutput
    from keras_seg.session import programs

    network = SimpleNamespace(output_shape=(1,), activation=activation, ends_in_sigmoid=ends)
    setup = SessionSetup(one_output=OneOutput.under(loss))
    cache: Any = SimpleNamespace(
        setup=setup, definitions=defaultdict(lambda: None), networks=SimpleNamespace(made=lambda *_: network)
    )
    assert programs._one_output(cache, "n") == expected


def test_a_custom_loss_trains_one_output_of_any_activation_but_softmax() -> None:
    from keras_seg.session.check import _unfit_outputs

    cache: Any = SimpleNamespace(functions={"own": None}, variables=SimpleNamespace(labels=one_hot(2)))
    linear, softmax = (SimpleNamespace(output_shape=(1,), activation=name) for name in ("linear", "softmax"))
    assert _unfit_outputs(cache, linear, "own") is None  # type: ignore[arg-type]
    assert "always 1" in (_unfit_outputs(cache, softmax, "own") or "")  # type: ignore[arg-type]
    assert "from_logits" in (_unfit_outputs(cache, linear, "binary_crossentropy") or "")  # type: ignore[arg-type]


def test_prediction_of_an_output_that_tells_no_class_says_what_does() -> None:
    from automl.prediction.trained_model import Model
    from keras_seg.protocol.definitions import Definition

    failure = Model(Definition("m", "{}", None), "y", "text", ("no", "yes"), 1.0).unfit((1,))
    assert str(failure).startswith("pred_type: must be 'value': the network gives one number for a row")
    assert "activation sigmoid" in str(failure.hint)
