"""Networks of members against Keras itself: each member is trained on a loss of its own, and the output is their mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from automl.columns.layout import Layout  # noqa: E402
from automl.columns.networks import Form, network  # noqa: E402
from fix_training import (  # noqa: E402
    CLASSES,
    FEATURES,
    FIT,
    ONE_PARTITION,
    ROWS,
    Trial,
    compile_with,
    dense,
    evaluate,
    rows,
    train,
    weights_into,
)
from keras_seg.architectures.build import build_model  # noqa: E402
from keras_seg.protocol import state as codec  # noqa: E402
from keras_seg.protocol.members import MEMBERS  # noqa: E402
from keras_seg.training.members import with_members  # noqa: E402

K = 4
LAYOUT = Layout(((-2.0, -1.0, 0.0, 1.0, 2.0),) * 4, FEATURES - 4, (), CLASSES, True)
NETWORK = network(LAYOUT, Form(K, 2, 6, 0.0, 4, 3))


ADAM = compile_with("Adam", {"lr": 0.01})


def begun(text: str) -> tuple[Trial, keras.Model]:
    """A trial with its initial weights, and a model of Keras with the same."""
    trial = Trial(text, ONE_PARTITION)
    trial.visit([train()], ADAM, replace(FIT, steps_per_epoch=0))
    model = keras.models.model_from_json(text)
    weights_into(model, trial.state or b"")
    return trial, model


def each_member(model: keras.Model) -> keras.Model:
    """The same model, with what each member gives (rows, members, classes) as its output."""
    return keras.Model(model.inputs, model.get_layer(MEMBERS).input)


@pytest.mark.parametrize(
    ("loss", "weighted"),
    [
        ("categorical_crossentropy", False),
        ("sparse_categorical_crossentropy", True),
        ("mse", True),
        ("CategoricalCrossentropy(label_smoothing=0.1)", False),
        pytest.param("categorical_crossentropy", True, marks=pytest.mark.soak),
        pytest.param("sparse_categorical_crossentropy", False, marks=pytest.mark.soak),
        pytest.param("mse", False, marks=pytest.mark.soak),
    ],
)
def test_it_trains_on_the_mean_of_the_members_losses(loss: str, weighted: bool) -> None:
    trial, model = begun(NETWORK)
    weights = {"0": 1.0, "1": 3.0, "2": 0.5} if weighted else None
    for iteration in (1, 2):
        trial.visit([train(iteration=iteration)], replace(ADAM, loss=loss), replace(FIT, class_weight=weights))
    assert trial.report.error is None
    members = each_member(model)
    x, y = rows(1, ROWS)
    targets: Any = np.repeat(y[:, None], K, 1).astype(np.float32)
    of_row = np.array([weights[str(each)] for each in y.argmax(1)], np.float32) if weights else np.ones(ROWS, np.float32)
    targets = targets.argmax(-1) if loss.startswith("sparse") else targets
    of_keras = keras.losses.CategoricalCrossentropy(label_smoothing=0.1) if "smoothing" in loss else loss
    members.compile(keras.optimizers.Adam(0.01), of_keras, jit_compile=False)
    members.fit(x, targets, sample_weight=np.repeat(of_row[:, None], K, 1), batch_size=8, epochs=2, shuffle=False, verbose=0)
    ours = np.frombuffer(codec.weights(trial.state or b""), np.float32)
    theirs = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_is_evaluated_by_the_mean_of_the_members() -> None:
    trial, model = begun(NETWORK)
    trial.visit(evaluate("training", 1), ADAM)
    x, y = rows(1, ROWS)
    mean = np.asarray(each_member(model)(x)).mean(1)
    scores = trial.report.scores["training"]
    assert scores.loss == pytest.approx(-np.log(mean[y == 1]).mean(), abs=1e-5)
    assert scores.metrics[0] == pytest.approx((mean.argmax(1) == y.argmax(1)).mean(), abs=1e-6)
    np.testing.assert_allclose(model(x), mean, atol=1e-6)


def test_a_model_that_ends_in_another_layer_has_no_members() -> None:
    layers = keras.layers
    named = dense(layers.RepeatVector(2), layers.GlobalAveragePooling1D(name=MEMBERS))
    assert with_members(build_model(named, 1)) is None  # a Dense follows
    plain = keras.Sequential([keras.Input((6,)), layers.RepeatVector(2), layers.GlobalAveragePooling1D()])
    assert with_members(plain) is None
    apart = with_members(
        keras.Sequential([keras.Input((6,)), layers.RepeatVector(2), layers.GlobalAveragePooling1D(name=MEMBERS)])
    )
    assert [tuple(each.shape) for each in apart.outputs] == [(None, 6), (None, 2, 6)]


def test_what_is_not_trainable_stays_as_it_is_and_comes_back() -> None:
    text = dense(keras.layers.Dense(4, trainable=False, name="frozen"), keras.layers.Dense(5, activation="relu"))
    trial, model = begun(text)
    before = codec.decode(trial.state or b"")
    trial.visit([train()], ADAM)
    after = codec.decode(trial.state or b"")
    assert [array.tolist() for array in after.other] == [array.tolist() for array in before.other]
    assert [array.shape for array in after.other] == [(FEATURES, 4), (4,)]
    frozen = model.get_layer("frozen").get_weights()
    weights_into(model, trial.state or b"")
    assert all(map(np.array_equal, frozen, model.get_layer("frozen").get_weights()))
    trained = 4 * 5 + 5 + 5 * CLASSES + CLASSES
    slots = [array.size for array in after.optimizer]
    assert sorted(slots)[-2:] == [trained, trained]  # of Adam's two moments none is kept for what is frozen
