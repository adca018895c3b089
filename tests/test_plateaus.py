"""Keras' EarlyStopping and ReduceLROnPlateau, held against Keras' own callbacks."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import keras  # after the skip

from automl.search.directions import Direction
from automl.search.plateaus import EarlyStopping, ReduceLROnPlateau

NAN = float("nan")
SERIES = (
    [0.9, 0.8, 0.7, 0.75, 0.74, 0.73, 0.69, 0.7, 0.7, 0.7, 0.7, 0.7],
    [1.0] * 12,
    [0.5, NAN, 0.4, 0.4, 0.4, NAN, 0.3, 0.31, 0.32, 0.33, 0.34, 0.35],
    [1.0, 0.99, 0.98, 0.97, 0.965, 0.964, 0.963, 0.95, 0.95, 0.95, 0.95, 0.95],
    *([round(random.Random(seed).random(), 2) for _ in range(14)] for seed in range(6)),
)


class Model:
    """As much of a model of Keras as its callbacks look at: one weight, which is the number of the epoch."""

    def __init__(self, rate: float) -> None:
        self.optimizer = SimpleNamespace(learning_rate=rate)
        self.metrics: list[Any] = []
        self.stop_training = False
        self.weights = [0.0]

    def get_weights(self) -> list[float]:
        return list(self.weights)

    def set_weights(self, weights: list[float]) -> None:
        self.weights = list(weights)


def in_keras(callback: keras.callbacks.Callback, values: list[float], rate: float = 1.0) -> tuple[int, Model]:
    """Let Keras' callback see the values, one an epoch; return after how many it stopped, and the model."""
    model = Model(rate)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = [epoch]
        callback.on_epoch_end(epoch, {"val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch + 1, model


def ours(rule: EarlyStopping, values: list[float], direction: Direction) -> tuple[int, int | None]:
    """Let the rule see one value more each time; return after how many it stopped, and where the best one is."""
    seen = next((count for count in range(1, len(values)) if rule.outlook(values[:count], direction).stops), len(values))
    return seen, rule.outlook(values[:seen], direction).best


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"patience": 2},
        {"patience": 3, "min_delta": 0.05},
        {"patience": 1, "min_delta": -0.02},
        {"patience": 2, "baseline": 0.7},
        {"patience": 1, "start_from_epoch": 4},
        {"patience": 20},
        {"start_from_epoch": 30},
    ],
)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_early_stopping_stops_where_that_of_keras_does_and_restores_the_same_weights(given: dict[str, Any], mode: str) -> None:
    for values in SERIES:
        callback = keras.callbacks.EarlyStopping(mode=mode, restore_best_weights=True, **given)
        seen, model = in_keras(callback, values)
        found, best = ours(EarlyStopping(**given), values, Direction(mode))
        assert (found, [seen - 1 if best is None else best]) == (seen, model.weights), values


@pytest.mark.parametrize(
    "given",
    [
        {"patience": 2},
        {"patience": 1, "factor": 0.5},
        {"patience": 1, "cooldown": 2, "min_delta": 0.03},
        {"patience": 0},
        {"patience": 3, "cooldown": 1},
        {},
    ],
)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_learning_rates_are_reduced_as_often_as_by_keras(given: dict[str, Any], mode: str) -> None:
    for values in SERIES:
        _, model = in_keras(keras.callbacks.ReduceLROnPlateau(mode=mode, **given), values)
        rule = ReduceLROnPlateau(**given)
        assert rule.factor ** rule.cuts(values, Direction(mode)) == pytest.approx(model.optimizer.learning_rate), values


def test_the_defaults_are_those_of_keras() -> None:
    for ours_, theirs in (
        (EarlyStopping(), keras.callbacks.EarlyStopping()),
        (ReduceLROnPlateau(), keras.callbacks.ReduceLROnPlateau()),
    ):
        for name, value in vars(ours_).items():
            assert value == getattr(theirs, name), name
