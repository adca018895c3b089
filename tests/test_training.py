"""Training and evaluation against Keras itself: the same batches in the same order give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from fix_training import (  # noqa: E402
    FEATURES,
    FIT,
    ONE_PARTITION,
    PLAIN,
    ROWS,
    Trial,
    compile_with,
    dense,
    evaluate,
    rows,
    train,
    uneven,
    weights_into,
)
from keras_seg import transition  # noqa: E402
from keras_seg.protocol import state as codec  # noqa: E402
from keras_seg.protocol.orders import CompileOrder, FitOrder  # noqa: E402
from keras_seg.training import optimizers, trainer  # noqa: E402


def compared(trial: Trial, optimizer: Any, compiled: CompileOrder, fit: FitOrder = FIT, epochs: int = 3) -> float:
    """Train by visits and by keras.fit from the same initial weights; return the largest difference of a weight."""
    x, y = rows(1, ROWS)
    trial.visit([train()], compiled, replace(fit, steps_per_epoch=0))  # no step: the initial weights
    begun, trial.state = trial.state or b"", None
    model = keras.models.model_from_json(trial_architecture(trial))
    weights_into(model, begun)
    for variable, array in zip(model.non_trainable_variables, codec.decode(begun).other, strict=True):
        variable.assign(array)  # the states of random generators are no weights
    optimizer.build(model.trainable_variables)  # keras.fit would do so within its graph, where ScheduleFreeAdamW begins wrong
    model.compile(optimizer=optimizer, loss=compiled.loss, jit_compile=False)
    weights: Any = fit.class_weight and {int(key): value for key, value in fit.class_weight.items()}
    model.fit(x, y.astype(np.float32), batch_size=8, epochs=epochs, shuffle=False, verbose=0, class_weight=weights)
    for iteration in range(1, epochs + 1):
        trial.visit([train(iteration=iteration)], compiled, fit)
    assert trial.report.error is None
    ours = np.frombuffer(codec.weights(trial.state or b""), np.float32)
    theirs = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    assert not np.array_equal(ours, np.frombuffer(codec.weights(begun), np.float32))
    return float(np.abs(ours - theirs).max())


def trial_architecture(trial: Trial) -> str:
    return str(trial.gd[transition.CACHE].definitions["m"].architecture)


OPTIMIZERS: dict[str, tuple[str, dict[str, Any], Callable[[], Any]]] = {
    "Adam": ("Adam", {"lr": 0.01}, lambda: keras.optimizers.Adam(0.01)),
    "Adam, other numbers": (
        "adam",
        {"learning_rate": 0.02, "beta_1": 0.8, "epsilon": 1e-4},
        lambda: keras.optimizers.Adam(0.02, beta_1=0.8, epsilon=1e-4),
    ),
    "SGD": ("SGD", {"lr": 0.1}, lambda: keras.optimizers.SGD(0.1)),
    "SGD, momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}, lambda: keras.optimizers.SGD(0.1, momentum=0.9)),
    "SGD, nesterov": (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "RMSprop": ("RMSprop", {"lr": 0.01, "rho": 0.8}, lambda: keras.optimizers.RMSprop(0.01, rho=0.8)),
    "AdamW": ("AdamW", {"lr": 0.01, "weight_decay": 0.05}, lambda: keras.optimizers.AdamW(0.01, weight_decay=0.05)),
    "Adagrad": ("Adagrad", {"lr": 0.05}, lambda: keras.optimizers.Adagrad(0.05)),
    "Adadelta": ("Adadelta", {"lr": 1.0}, lambda: keras.optimizers.Adadelta(1.0)),
    "Adamax": ("Adamax", {"lr": 0.01}, lambda: keras.optimizers.Adamax(0.01)),
    "Nadam": ("Nadam", {"lr": 0.01}, lambda: keras.optimizers.Nadam(0.01)),
    "Ftrl": ("Ftrl", {"lr": 0.05}, lambda: keras.optimizers.Ftrl(0.05)),
    "Lion": ("Lion", {"lr": 0.001}, lambda: keras.optimizers.Lion(0.001)),
    "Lamb, by variable": ("Lamb", {"lr": 0.01}, lambda: keras.optimizers.Lamb(0.01)),
    "Adafactor, by variable": ("Adafactor", {"lr": 0.01}, lambda: keras.optimizers.Adafactor(0.01)),
    "Muon, by variable": ("Muon", {"lr": 0.01}, lambda: keras.optimizers.Muon(0.01)),
    "ScheduleFreeAdamW, by variable": ("ScheduleFreeAdamW", {"lr": 0.01}, lambda: keras.optimizers.ScheduleFreeAdamW(0.01)),
    "clipnorm, by variable": ("SGD", {"lr": 0.1, "clipnorm": 0.1}, lambda: keras.optimizers.SGD(0.1, clipnorm=0.1)),
    "clipvalue": ("SGD", {"lr": 0.1, "clipvalue": 0.01}, lambda: keras.optimizers.SGD(0.1, clipvalue=0.01)),
    "global_clipnorm": (
        "SGD",
        {"lr": 0.1, "global_clipnorm": 0.1},
        lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1),
    ),
    "a schedule": (
        "SGD",
        {"learning_rate": {"schedule": "ExponentialDecay", "positional": [0.1, 5, 0.5], "keywords": {"staircase": True}}},
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5, staircase=True)),
    ),
    "decay": (
        "SGD",
        {"lr": 0.1, "decay": 0.05},
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.05)),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_visits_equal_a_keras_loop(name: str) -> None:
    optimizer, params, theirs = OPTIMIZERS[name]
    trial = Trial(PLAIN, ONE_PARTITION)
    assert compared(trial, theirs(), compile_with(optimizer, params)) < 1e-5


LARGE = dense(keras.layers.Dense(512, activation="relu"), keras.layers.Dense(520, activation="relu"))  # one kernel of 266,240


def states(network: str, compiled: CompileOrder) -> list[str]:
    """Return hashes of the states of a trial after its first and second visit, and of one that begins after it."""
    trial, found = Trial(network, ONE_PARTITION), []
    for begins in (True, False, True):
        trial.state = None if begins else trial.state
        trial.visit([train()], compiled)
        assert trial.report.error is None
        found.append(trial.md5)
    return found


# Those whose variables are of other kinds: none, one vector, with starting values, by variable.
BY_VARIABLE = [name for name in OPTIMIZERS if "by variable" in name]
VARIABLES = ["SGD", "Adam", "Ftrl", *BY_VARIABLE[:1], *(pytest.param(name, marks=pytest.mark.soak) for name in BY_VARIABLE[1:])]


@pytest.mark.parametrize("name", VARIABLES)
def test_large_variables_are_dropped_between_visits_without_a_trace(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_with(*OPTIMIZERS[name][:2])
    found = states(LARGE, compiled)
    assert found[0] == found[2] != found[1]
    monkeypatch.setattr(trainer, "_LARGE", 2**62)  # none is dropped
    assert states(LARGE, compiled) == found


def test_all_optimizers_of_keras_are_compared() -> None:
    compared_ones = {optimizer.lower() for optimizer, _, _ in OPTIMIZERS.values()}
    assert compared_ones == {known.__name__.lower() for known in optimizers._optimizers().values()}


NETWORKS = {
    # No bias before it: its gradient would be zero but for rounding, and Adam makes steps of full length of that.
    "batch normalisation": dense(keras.layers.Dense(8, use_bias=False), keras.layers.BatchNormalization(), keras.layers.ReLU()),
    "dropout": dense(keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.4)),
    "a regularizer": dense(keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.05))),
    "a constraint": dense(keras.layers.Dense(8, activation="relu", kernel_constraint=keras.constraints.MaxNorm(0.4))),
    "a convolution": dense(
        keras.layers.Reshape((FEATURES, 1)), keras.layers.Conv1D(4, 3, activation="relu"), keras.layers.Flatten()
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_that_keep_or_add_something_equal_keras_too(name: str) -> None:
    trial = Trial(NETWORKS[name], ONE_PARTITION)
    assert compared(trial, keras.optimizers.Adam(0.01), compile_with("Adam", {"lr": 0.01})) < 1e-5


def test_class_weights_equal_keras() -> None:
    trial, weights = Trial(PLAIN, ONE_PARTITION), {"0": 3.0, "2": 0.5}
    fit = replace(FIT, class_weight=weights)
    assert compared(trial, keras.optimizers.SGD(0.1), compile_with("SGD", {"lr": 0.1}), fit) < 1e-5


def test_classes_without_a_weight_weigh_one() -> None:
    # A single column holds class numbers, which may lie beyond those that have a weight.
    y = tf.constant([[0.0], [1.0], [5.0], [-1.0]])
    assert trainer._sample_weight(y, trainer._by_class({"1": 2.0}, y)).numpy().tolist() == [1, 2, 1, 1]
    for number in ("-1", "2000000000"):
        trial = Trial(PLAIN, ONE_PARTITION).visit([train()], compile_with("SGD"), replace(FIT, class_weight={number: 2.0}))
        assert "class numbers must be from 0 to 1000000" in (trial.report.error or "")


METRICS = ("accuracy", "AUC", "Precision", "TopKCategoricalAccuracy", "categorical_crossentropy", "mse", "F1Score")


def test_metrics_over_uneven_partitions_equal_keras() -> None:
    tables, x, y = uneven()
    network = dense(keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L1(0.01)), keras.layers.BatchNormalization())
    compiled = compile_with("Adam", metrics=METRICS)
    trial = Trial(network, tables).visit([train(0), train(1)], compiled)
    trial.visit([*evaluate("training", 2), *evaluate("validation", 2)], compiled)
    model = keras.models.model_from_json(network)
    weights_into(model, trial.state or b"")
    metrics = [
        "accuracy",
        "AUC",
        "Precision",
        "TopKCategoricalAccuracy",
        "categorical_crossentropy",
        "mse",
        keras.metrics.F1Score(),
    ]
    model.compile(loss="categorical_crossentropy", metrics=metrics, jit_compile=False)
    loss, *values = model.evaluate(x, y.astype(np.float32), verbose=0)
    expected = [loss, *(float(np.mean(value)) for value in values)]
    for dataset in ("training", "validation"):
        found = trial.report.scores[dataset]
        assert [found.loss, *found.metrics] == pytest.approx(expected, abs=1e-5)
