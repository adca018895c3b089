"""The forward pass in numpy, layer by layer over its arguments, against Keras."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from fix_architectures import FILES, SRC, dump_weights, text_of
from keras_seg.architectures import allowed, signatures
from keras_seg.architectures.build import build_model, converted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import load_weights
from keras_seg.inference.network import network
from keras_seg.inference.problems import NeedsTensorFlow, UnfitRow

SEED = 20260
ROWS = 3


def filled(model: Any, generator: np.random.Generator) -> Any:
    """A model with weights that tell one place from another; variances are above 0."""
    weights = []
    for variable in model.weights:
        drawn = generator.normal(0, 0.5, variable.shape)
        weights.append(np.abs(drawn) + 0.1 if "variance" in variable.path else drawn)
    model.set_weights(weights)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # Normalization computes with what it has made of its weights
    return model


def agree(model: Any, x: np.ndarray, tolerance: float = 1e-5) -> None:
    """Compare what both make of rows."""
    expected = np.asarray(model(x, training=False))
    made = network(model.to_json(), dump_weights(model))
    assert made.output_shape == expected.shape[1:]
    found = made.outputs(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def layer_of(text: str) -> Any:
    import keras

    return eval(text, {**vars(keras.layers), "keras": keras})  # a text of the table below


def case(shape: tuple[int, ...], *texts: str) -> list[Any]:
    """Cases of layers that take one input of a shape."""
    return [pytest.param(text, shape, id=f"{text} {shape}".replace(" ", "")) for text in texts]


ACTIVATIONS = sorted(allowed.ACTIVATIONS - {"threshold", "glu", "sparsemax"})
IMAGE, LAST, FIRST = (7, 6, 4), "data_format='channels_last'", "data_format='channels_first'"
CASES = [
    *case((5,), *(f"Dense(4, activation='{name}')" for name in ACTIVATIONS), *(f"Activation('{name}')" for name in ACTIVATIONS)),
    *case((5,), "Dense(3)", "Dense(3, use_bias=False)", "Dense(3, activation=LeakyReLU(0.1))", "Dense(3, activation=ELU(0.5))"),
    *case((2, 3, 5), "Dense(4)", "Dense(2, activation='softmax')", "Activation('softmax')"),
    *case((3, 5), "EinsumDense('abc,cd->abd', (None, 4), bias_axes='d')", "EinsumDense('abc,cd->abd', (3, 4))"),
    *case((3, 5), "EinsumDense('abc,bd->adc', (2, 5), bias_axes='dc', activation='tanh')"),
    *case((3, 5), "EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", "EinsumDense('...x,xy->...y', 4, bias_axes='y')"),
    *case((3, 5), "EinsumDense('ab...,bc->ac...', 4)", "EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='d')"),
    *case((6,), "ReLU()", "ReLU(max_value=0.5)", "ReLU(negative_slope=0.2)", "ReLU(0.6, 0.1, 0.3)", "ReLU(threshold=0.4)"),
    *case((6,), "LeakyReLU()", "LeakyReLU(negative_slope=0.4)", "ELU()", "ELU(alpha=0.3)", "PReLU()", "Softmax()"),
    *case((4, 3, 2), "PReLU()", "PReLU(shared_axes=[1, 2])", "Softmax()", "Softmax(axis=1)", "Softmax(axis=[1, 2])", "Softmax([-1])"),
    *case((5,), "BatchNormalization()", "BatchNormalization(center=False)", "BatchNormalization(scale=False, epsilon=0.1)"),
    *case(IMAGE, "BatchNormalization()", "BatchNormalization(axis=1)", "BatchNormalization(axis=2, scale=False, center=False)"),
    *case((5,), "LayerNormalization()", "LayerNormalization(center=False, epsilon=0.1)", "RMSNormalization()"),
    *case(IMAGE, "LayerNormalization()", "LayerNormalization(axis=[1, 2])", "LayerNormalization(axis=[2, 3], scale=False)"),
    *case(IMAGE, "LayerNormalization(axis=1)", "RMSNormalization(axis=[2, 3], epsilon=0.01)"),
    *case(IMAGE, "GroupNormalization(2)", "GroupNormalization(-1)", "GroupNormalization(1, epsilon=0.1, center=False)"),
    *case(IMAGE, "GroupNormalization(3, axis=2)", "GroupNormalization(7, axis=1, scale=False)", "GroupNormalization(4, axis=3)"),
    *case((5,), "GroupNormalization(5)", "UnitNormalization()", "Normalization()", "Normalization(axis=None)"),
    *case((5,), "Normalization(mean=0.5, variance=2.0)", "Normalization(mean=[1, 2, 3, 4, 5], variance=[1, 2, 3, 4, 5])"),
    *case((5,), "Normalization(mean=0.5, variance=2.0, invert=True)", "Normalization(mean=1.0, variance=0.0)"),
    *case(IMAGE, "Normalization()", "Normalization(axis=1)", "Normalization(axis=[1, 3], invert=True)", "UnitNormalization(axis=1)"),
    *case(IMAGE, "Normalization(axis=2, mean=[1, 2, 3, 4, 5, 6], variance=[1, 2, 3, 4, 5, 6])", "UnitNormalization(axis=[1, 2])"),
    *case(IMAGE, "Rescaling(0.5)", "Rescaling(2, -1)", "Rescaling([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4])"),
    *case(IMAGE, "Flatten()", f"Flatten({FIRST})", "Reshape((6, 28))", "Reshape((-1, 7))", "Permute((3, 1, 2))", "Permute((2, 1, 3))"),
    *case((5,), "Flatten()", "Reshape((1, 5))", "RepeatVector(3)", "Identity()", "ActivityRegularization(0.1)", "Reshape((-1,))"),
    *case((5,), "Dropout(0.5)", "GaussianNoise(1.0)", "GaussianDropout(0.5)", "AlphaDropout(0.5)"),
    *case((7, 4), "SpatialDropout1D(0.5)", "Cropping1D(2)", "Cropping1D((1, 3))", "ZeroPadding1D(2)", "ZeroPadding1D((0, 3))"),
    *case((7, 4), "UpSampling1D()", "UpSampling1D(3)", f"ZeroPadding1D(1, {FIRST})"),
    *case(IMAGE, "SpatialDropout2D(0.5)", "Cropping2D(1)", "Cropping2D((2, 1))", "Cropping2D(((1, 2), (0, 3)))"),
    *case(IMAGE, f"Cropping2D(1, {FIRST})", "ZeroPadding2D()", "ZeroPadding2D((2, 0))", "ZeroPadding2D(((1, 2), (0, 3)))"),
    *case(IMAGE, f"ZeroPadding2D(1, {FIRST})", "UpSampling2D()", "UpSampling2D((1, 3))", f"UpSampling2D(2, {FIRST})"),
    *case((3, 4, 3, 2), "Cropping3D()", "ZeroPadding3D(((0, 1), (2, 1), (1, 0)))", "UpSampling3D((1, 2, 3))", "SpatialDropout3D(0.1)"),
    *case((9, 3), "Conv1D(4, 3)", "Conv1D(4, 3, padding='same')", "Conv1D(4, 3, padding='causal')", "Conv1D(4, 2, strides=2)"),
    *case((9, 3), "Conv1D(4, 3, dilation_rate=2)", "Conv1D(4, 3, padding='causal', dilation_rate=3, activation='relu')"),
    *case((9, 3), "Conv1D(6, 2, groups=3)", "Conv1D(4, 1)", "Conv1D(4, 1, strides=2)", "Conv1D(4, 4, 3, 'same', use_bias=False)"),
    *case(IMAGE, "Conv2D(3, 3)", "Conv2D(3, (2, 3), padding='same')", "Conv2D(3, 3, strides=2)", "Conv2D(3, 3, (2, 1), 'same')"),
    *case(IMAGE, "Conv2D(3, 2, dilation_rate=(2, 3))", "Conv2D(3, 3, padding='same', dilation_rate=2, use_bias=False)"),
    *case(IMAGE, "Conv2D(4, 3, groups=2, activation='relu')", "Conv2D(8, 1, groups=4)", "Conv2D(5, 1, activation='tanh')"),
    *case(IMAGE, "Conv2D(2, (7, 6))"),
    *case((4, 5, 4, 2), "Conv3D(3, 2)", "Conv3D(3, (1, 2, 3), (2, 1, 1), 'same')", "Conv3D(3, 2, dilation_rate=2, padding='same')"),
    *case((9, 3), "DepthwiseConv1D(3)", "DepthwiseConv1D(3, 2, 'same', depth_multiplier=2)", "DepthwiseConv1D(2, dilation_rate=2)"),
    *case(IMAGE, "DepthwiseConv2D(3)", "DepthwiseConv2D(3, 2, 'same', depth_multiplier=2)", "DepthwiseConv2D(2, use_bias=False)"),
    *case(IMAGE, "DepthwiseConv2D(2, dilation_rate=2, activation='relu')", f"DepthwiseConv2D(3, {FIRST})"),
    *case((9, 3), "SeparableConv1D(4, 3)", "SeparableConv1D(4, 3, padding='same')", "SeparableConv1D(4, 2, 2, depth_multiplier=3)"),
    *case(IMAGE, "SeparableConv2D(3, 3)", "SeparableConv2D(3, 3, 2, 'same', depth_multiplier=2, activation='relu')"),
    *case(IMAGE, "SeparableConv2D(3, 2, use_bias=False, dilation_rate=2)", f"SeparableConv2D(3, 3, {FIRST})"),
    *case((8, 3), *(f"{kind}Pooling1D({given})" for kind in ("Max", "Average") for given in ("2", "3, 2, 'same'", "3, 1", f"2, {FIRST}"))),
    *case(IMAGE, *(f"{kind}Pooling2D({given})" for kind in ("Max", "Average") for given in ("2", "(3, 2), (2, 3), 'same'", f"2, {FIRST}"))),
    *case((4, 5, 4, 2), *(f"{kind}Pooling3D({given})" for kind in ("Max", "Average") for given in ("2", "(1, 2, 3), 2, 'same'"))),
    *case((8, 3), *(f"Global{kind}Pooling1D({given})" for kind in ("Max", "Average") for given in ("", "keepdims=True", FIRST))),
    *case(IMAGE, *(f"Global{kind}Pooling2D({given})" for kind in ("Max", "Average") for given in ("", "keepdims=True", FIRST))),
    *case((4, 5, 4, 2), "GlobalMaxPooling3D()", "GlobalAveragePooling3D(keepdims=True)"),
    *case((8, 3), "AdaptiveMaxPooling1D(3)", "AdaptiveAveragePooling1D(5)"),
    *case(IMAGE, "AdaptiveMaxPooling2D((3, 2))", "AdaptiveAveragePooling2D(3)", f"AdaptiveAveragePooling2D(2, {FIRST})"),
    *case((6, 4), *(f"{kind}(3{given})" for kind in ("SimpleRNN", "LSTM", "GRU") for given in ("", ", return_sequences=True"))),
    *case((6, 4), *(f"{kind}(3, go_backwards=True)" for kind in ("SimpleRNN", "LSTM", "GRU"))),
    *case((6, 4), *(f"{kind}(3, go_backwards=True, return_sequences=True, use_bias=False)" for kind in ("SimpleRNN", "LSTM", "GRU"))),
    *case((6, 4), "SimpleRNN(3, activation='relu')", "LSTM(3, activation='relu', recurrent_activation='hard_sigmoid')"),
    *case((6, 4), "GRU(3, reset_after=False)", "GRU(3, reset_after=False, use_bias=False)", "GRU(2, 'relu', 'relu', dropout=0.5)"),
    *case((6, 4), "LSTM(3, activation=None)", "RNN(GRUCell(3))", "RNN(LSTMCell(3), return_sequences=True)", "RNN(SimpleRNNCell(3))"),
    *case((6, 4), *(f"Bidirectional(LSTM(3{given}), '{mode}')" for given in ("", ", return_sequences=True") for mode in ("sum", "concat"))),
    *case((6, 4), "Bidirectional(GRU(3), 'mul')", "Bidirectional(SimpleRNN(3), 'ave')", "Bidirectional(RNN(GRUCell(2)))"),
    *case((6, 4), "Bidirectional(GRU(3), backward_layer=LSTM(2, go_backwards=True))"),
    *case((6, 4), "TimeDistributed(Dense(3, activation='relu'))", "TimeDistributed(BatchNormalization())"),
    *case((3, *IMAGE), "TimeDistributed(Conv2D(2, 3))", "TimeDistributed(Flatten())"),
    *case((6, 4), "TimeDistributed(keras.Sequential([keras.Input((4,)), Dense(3), LeakyReLU()]))"),
]


@pytest.mark.parametrize(("text", "shape"), CASES)
def test_a_layer_over_its_arguments(text: str, shape: tuple[int, ...]) -> None:
    import keras

    generator = np.random.default_rng(SEED)
    model = filled(keras.Sequential([keras.Input(shape), layer_of(text)]), generator)
    agree(model, generator.normal(0, 1.5, (ROWS, *shape)).astype(np.float32))
