"""Layers that keep state, or derive something from weights: they train and predict as plain Keras does with these weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip
from keras import layers  # noqa: E402

from fix_training import FEATURES, FIT, ONE_PARTITION, ROWS, Trial, compile_with, dense, rows, train  # noqa: E402
from keras_seg.architectures import allowed  # noqa: E402
from keras_seg.architectures.build import build_and_note, build_model  # noqa: E402
from keras_seg.protocol import state as codec  # noqa: E402
from keras_seg.training.network import Network  # noqa: E402
from keras_seg.training.predictor import Predictor  # noqa: E402

IMAGE, SEQUENCE, ROW = (6, 6, 3), (5, 4), (4,)
# One of each layer that has weights, and what it takes.
WITH_WEIGHTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "BatchNormalization": (lambda: layers.BatchNormalization(), ROW),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(3)), SEQUENCE),
    "Conv1D": (lambda: layers.Conv1D(2, 3), SEQUENCE),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(2, 3), SEQUENCE),
    "Conv2D": (lambda: layers.Conv2D(2, 3), IMAGE),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(2, 3), IMAGE),
    "Conv3D": (lambda: layers.Conv3D(2, 2), (3, 3, 3, 2)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(2, 2), (3, 3, 3, 2)),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 3), (3, 6, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 3), (3, 6, 6, 2)),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2), (3, 3, 3, 3, 1)),
    "Dense": (lambda: layers.Dense(3), ROW),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3), SEQUENCE),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), IMAGE),
    "EinsumDense": (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"), ROW),
    "Embedding": (lambda: layers.Embedding(7, 3), ROW),
    "GRU": (lambda: layers.GRU(3), SEQUENCE),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), ROW),
    "LSTM": (lambda: layers.LSTM(3), SEQUENCE),
    "LayerNormalization": (lambda: layers.LayerNormalization(), ROW),
    "Normalization": (lambda: layers.Normalization(), ROW),
    "PReLU": (lambda: layers.PReLU(), ROW),
    "RMSNormalization": (lambda: layers.RMSNormalization(), ROW),
    "RNN": (lambda: layers.RNN(layers.LSTMCell(3)), SEQUENCE),
    "ReversibleEmbedding": (lambda: layers.ReversibleEmbedding(7, 3), ROW),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(2, 3), SEQUENCE),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(2, 3), IMAGE),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), SEQUENCE),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Dense(3)), ROW),
    "StackedRNNCells": (lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.SimpleRNNCell(2)])), SEQUENCE),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Normalization()), SEQUENCE),
    "Normalization of two axes": (lambda: layers.Normalization(axis=(1, 3)), IMAGE),
    "Normalization, inverted": (lambda: layers.Normalization(invert=True), ROW),
    "Normalization by given numbers": (lambda: layers.Normalization(mean=2.0, variance=9.0), ROW),
    "Discretization": (lambda: layers.Discretization(bin_boundaries=[0.1, 0.5]), ROW),
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[2, 5], output_mode="multi_hot"), ROW),
    "IntegerLookup, tf_idf": (
        lambda: layers.IntegerLookup(vocabulary=[2, 5], idf_weights=[0.3, 0.7], output_mode="tf_idf"),
        ROW,
    ),
}
# Layers whose weights stand above under the layer that calls them, or that other tests of architectures train.
ELSEWHERE = {
    *("GRUCell", "LSTMCell", "SimpleRNNCell"),
    *("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
}
# Their weights are windows and filters that follow from their arguments.
WINDOWS = {"MelSpectrogram", "STFTSpectrogram"}


def weights_of(model: keras.Model) -> list[np.ndarray]:
    """Weights that are no layer's initial ones, and positive: some are variances."""
    random = np.random.default_rng(5)
    return [random.uniform(0.2, 2.0, tuple(weight.shape)).astype(np.float32) for weight in model.weights]


def loaded(model: keras.Model, arrays: list[np.ndarray], folder: Path) -> keras.Model:
    """The model with these weights as Keras loads it from a file."""
    model.set_weights(arrays)
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_a_layer_predicts_with_the_weights_that_it_is_given(name: str, tmp_path: Path) -> None:
    make, shape = WITH_WEIGHTS[name]
    model = keras.Sequential([keras.Input(shape), make(), layers.Flatten(), layers.Dense(2)])
    arrays = weights_of(model)
    x = np.random.default_rng(6).uniform(0, 6, (5, *shape)).astype(np.float32)
    network = Network(model.to_json(), b"".join(array.tobytes() for array in arrays))
    predicted = Predictor(network).predict(x, lambda: None)
    expected = np.asarray(loaded(model, arrays, tmp_path)(x))
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(Predictor(network).predict(x, lambda: None), predicted)  # a second graph, which begins again


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_the_weights_of_another_seed_are_drawn_as_they_are_built(name: str) -> None:
    make, shape = WITH_WEIGHTS[name]
    text = keras.Sequential([keras.Input(shape), make()]).to_json()
    model, draws = build_and_note(text, 0)
    if draws is not None:  # else it is built again
        built = [variable.numpy() for variable in build_model(text, 3).variables]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(draws.values(model.variables, 3), built, strict=True))


def test_every_layer_that_keeps_weights_is_among_them() -> None:
    keeping = {
        name
        for name in allowed.LAYERS
        for owner in getattr(layers, name).__mro__
        if owner.__module__.startswith("keras.src.layers.") and owner is not layers.Layer
        if {"add_weight", "finalize_state"} & ({*owner.__dict__, *called(owner)})
    }
    assert keeping - {*WITH_WEIGHTS, *ELSEWHERE, *WINDOWS} == {"StringLookup", "TextVectorization"}  # of texts, not of numbers


def called(owner: type) -> set[str]:
    """The names that the methods of a class use."""
    return {name for method in vars(owner).values() if hasattr(method, "__code__") for name in method.__code__.co_names}


SPECTRAL = {
    "a dense kernel": dense(layers.SpectralNormalization(layers.Dense(8, activation="relu"))),
    "a convolution": dense(
        layers.Reshape((FEATURES, 1)), layers.SpectralNormalization(layers.Conv1D(4, 3), power_iterations=2), layers.Flatten()
    ),
    "a regularizer": dense(layers.SpectralNormalization(layers.Dense(8, kernel_regularizer="l2"))),
    "a constraint, so each weight by itself": dense(layers.SpectralNormalization(layers.Dense(8, bias_constraint="max_norm"))),
    "a layer that is not trained": dense(layers.SpectralNormalization(layers.Dense(8, trainable=False))),
    "normalization of what comes": dense(layers.Normalization(), layers.Dense(8)),
    "statistics with corrections": dense(layers.Dense(8, use_bias=False), layers.BatchNormalization(renorm=True)),
    "the same twice": "",
}


def twice() -> str:
    """A network that calls one layer two times, which assigns to its kernel two times."""
    inputs = keras.Input((FEATURES,))
    layer = layers.SpectralNormalization(layers.Dense(FEATURES, activation="tanh"))
    return str(keras.Model(inputs, layers.Dense(3, activation="softmax")(layer(layer(inputs)))).to_json())


@pytest.mark.parametrize("optimizer", [pytest.param("SGD", marks=pytest.mark.soak), "Adam"])
@pytest.mark.parametrize("name", SPECTRAL)
def test_what_layers_assign_in_training_equals_keras(name: str, optimizer: str) -> None:
    architecture = SPECTRAL[name] or twice()
    model = keras.models.model_from_json(architecture)
    arrays = [array / 2 for array in weights_of(model)]
    trial = Trial(architecture, ONE_PARTITION, weights=b"".join(array.tobytes() for array in arrays))
    for iteration in (1, 2, 3):
        trial.visit([train(iteration=iteration)], compile_with(optimizer, {"lr": 0.01}), FIT)
    assert trial.report.error is None
    model.set_weights(arrays)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    x, y = rows(1, ROWS)
    model.compile(getattr(keras.optimizers, optimizer)(0.01), "categorical_crossentropy", jit_compile=False)
    model.fit(x, y.astype(np.float32), batch_size=8, epochs=3, shuffle=False, verbose=0)
    ours = np.frombuffer(codec.weights(trial.state or b""), np.float32)
    theirs = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


EXACT = ("float32", "float64")


@pytest.mark.parametrize("policy", sorted(allowed.FLOATING))
def test_every_type_of_numbers_trains_and_predicts(policy: str) -> None:
    layer = layers.Dense(8, activation="relu", dtype=policy)
    architecture = dense(layer, layers.Dense(4, dtype=policy))
    model = keras.models.model_from_json(architecture)
    arrays = [array / 4 for array in weights_of(model)]
    trial = Trial(architecture, ONE_PARTITION, weights=b"".join(array.tobytes() for array in arrays))
    trial.visit([train()], compile_with("SGD", {"lr": 0.1}), FIT)
    assert trial.report.error is None
    trained = codec.weights(trial.state or b"")
    x, y = rows(1, ROWS)
    model.set_weights(arrays)
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    model.fit(x, y.astype(np.float32), batch_size=8, shuffle=False, verbose=0)
    theirs = np.concatenate([np.asarray(weight, np.float32).reshape(-1) for weight in model.get_weights()])
    np.testing.assert_allclose(np.frombuffer(trained, np.float32), theirs, atol=1e-5 if policy in EXACT else 0.02)
    predicted = Predictor(Network(architecture, trained)).predict(x, lambda: None)
    np.testing.assert_allclose(predicted, np.asarray(model(x), np.float32), atol=1e-4 if policy in EXACT else 0.05)
