"""Activations, each a function that may write into the array that it is given.

Sources: `keras.activations` and `keras.ops.nn` of Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from keras_seg.inference.layer import Array, Called, Forward, Last, Layer, Shape, one, same, unchanged

Activation = Callable[[Array], Array]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# erf in float32 as x P(x^2) / Q(x^2) on -4 .. 4: the coefficients of XLA and Eigen.
_ERF_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF_Q = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02)


def relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Return x above the threshold and at most `max_value`, and below it a slope down from 0."""
    if negative_slope == 0.0 and threshold == 0.0:
        return np.maximum(x, 0, out=x) if max_value is None else np.clip(x, 0, max_value, out=x)
    below = np.maximum(np.float32(threshold) - x, 0)
    above = np.where(x > threshold, x, np.float32(0))
    if max_value is not None:
        above = np.clip(above, 0, max_value)
    return above - np.float32(negative_slope) * below


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Return x, or x times the slope where it is below 0."""
    return np.where(x > 0, x, x * np.float32(negative_slope))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x, or alpha (exp(x) - 1) where it is below 0."""
    return np.where(x > 0, x, np.float32(alpha) * np.expm1(np.minimum(x, 0)))


def softmax(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """Return shares of 1 along an axis."""
    x = np.exp(x - x.max(axis, keepdims=True))
    x /= x.sum(axis, keepdims=True)
    return x


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), exact for either sign."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, np.float32(1), small) / (1 + small)


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _selu(x: Array) -> Array:
    return np.float32(_SELU_SCALE) * elu(x, _SELU_ALPHA)


def _celu(x: Array) -> Array:
    return np.maximum(x, 0) + np.expm1(np.minimum(x, 0))


def erf(x: Array) -> Array:
    """Return the error function."""
    x = np.clip(x, -4, 4)
    square = x * x
    return x * np.polyval(np.array(_ERF_P, np.float32), square) / np.polyval(np.array(_ERF_Q, np.float32), square)


def _gelu(x: Array) -> Array:
    return x * (np.float32(0.5) * (1 + erf(x * np.float32(math.sqrt(0.5)))))


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / np.float32(6) + np.float32(0.5), 0, 1)


def _hard_sigmoid_of_keras_2(x: Array) -> Array:
    return np.clip(x * np.float32(0.2) + np.float32(0.5), 0, 1)


def _log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _soft_shrink(x: Array) -> Array:
    return np.sign(x) * np.maximum(np.abs(x) - np.float32(0.5), 0)


def _sparsemax(x: Array) -> Array:
    """Return what is above a threshold, as Keras has it: the threshold comes of the running sums over all that is above it,
    where Martins and Astudillo (2016, algorithm 1) take the last of these sums."""
    ordered = -np.sort(-x, -1)
    sums = ordered.cumsum(-1)
    above = ordered - (sums - 1) / np.arange(1, x.shape[-1] + 1, dtype=np.float32) > 0
    whole = np.where(above, sums, np.float32(0)).sum(-1, keepdims=True)
    return np.maximum(x - (whole - 1) / above.sum(-1, keepdims=True, dtype=np.float32), 0)


def _sparse_plus(x: Array) -> Array:
    return np.where(x <= -1, np.float32(0), np.where(x < 1, np.float32(0.25) * (x + 1) ** 2, x))


NAMED: Mapping[str, Activation] = {
    "celu": _celu,
    "elu": elu,
    "exponential": np.exp,
    "gelu": _gelu,
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, np.float32(0)),
    "hard_sigmoid": _hard_sigmoid,
    "hard_sigmoid_of_keras_2": _hard_sigmoid_of_keras_2,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "hard_swish": lambda x: x * _hard_sigmoid(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": leaky_relu,
    "linear": unchanged,
    "log_sigmoid": lambda x: -softplus(-x),
    "log_softmax": _log_softmax,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "relu": relu,
    "relu6": partial(relu, max_value=6.0),
    "selu": _selu,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "soft_shrink": _soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda x: np.clip(np.float32(0.5) * (x + 1), 0, 1),
    "sparsemax": _sparsemax,
    "squareplus": lambda x: np.float32(0.5) * (x + np.sqrt(x * x + 4)),
    "swish": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}
_OF_LAST_AXIS = frozenset(("log_softmax", "softmax", "sparsemax"))  # which is not that of the channels where these come first
WITH_LOGITS = frozenset(("sigmoid", "softmax"))  # crossentropy computes with what these are given


def activation(layer: Layer, argument: str = "activation") -> Activation | None:
    """Return the activation that a layer has as an argument; None where it has none.

    Raises:
        NeedsTensorFlow: it is not computed here.
    """
    value = layer[argument]
    if value is None or value == "linear":
        return None
    name = value.kind.lower() if isinstance(value, Layer) else _named(value)
    if not isinstance(name, str) or (name in _OF_LAST_AXIS and layer.data_format == "channels_first"):
        raise layer.refuse(f'"{argument}" = {name!r}')
    if isinstance(value, Layer):
        return of_layer(value)
    if name not in NAMED:
        raise layer.refuse(f'"{argument}" = {name!r}')
    return NAMED[name]


def _named(value: object) -> object:
    """Return the name of a function that stands as an argument; anything else as it is."""
    return value["config"] if isinstance(value, dict) and value.get("class_name") == "function" else value


def last_of(layer: Layer, before: Callable[[], Forward]) -> Last | None:
    """Return the activation that a layer has as an argument, if crossentropy looks before it.

    Args:
        before: makes the function of what it is given.
    """
    name = _named(layer["activation"])
    return Last(name, before) if isinstance(name, str) and name in WITH_LOGITS else None


def of_layer(layer: Layer) -> Activation:
    """Return what an activation layer does: ReLU, LeakyReLU, ELU or Softmax."""
    given = layer.arguments
    if layer.kind == "ReLU":
        slope = given["negative_slope"] or 0.0
        return partial(relu, negative_slope=slope, max_value=given["max_value"], threshold=given["threshold"] or 0.0)
    if layer.kind == "LeakyReLU":
        return partial(leaky_relu, negative_slope=given["negative_slope"])
    if layer.kind == "ELU":
        return partial(elu, alpha=given["alpha"])
    axis = given["axis"]
    return partial(softmax, axis=tuple(axis) if isinstance(axis, list) else axis)


def then(forward: Forward, follow: Activation | None) -> Forward:
    """Return a function that has its result go through an activation."""
    if follow is None:
        return forward
    return lambda *x: follow(forward(*x))


def _alone(layer: Layer, shape: Shape) -> Called:
    """The rule of a layer that is nothing but an activation: of a copy, because others may read what comes in."""
    function = activation(layer) if layer.kind == "Activation" else of_layer(layer)
    called = same(lambda: unchanged if function is None else lambda x: function(x.copy()), shape, 3)
    if layer.kind == "Activation":
        return replace(called, last=last_of(layer, lambda: unchanged))
    of_last_axis = layer.kind == "Softmax" and layer["axis"] in (-1, len(shape))
    return replace(called, last=Last("softmax", lambda: unchanged)) if of_last_axis else called


def _prelu(layer: Layer, shape: Shape) -> Called:
    shared = [axis - 1 for axis in layer["shared_axes"] or ()]
    alpha = layer.weight(*(1 if axis in shared else size for axis, size in enumerate(shape)))
    return same(lambda: lambda x: np.maximum(x, 0) + alpha.array * np.minimum(x, 0), shape, 2)


RULES = {
    **dict.fromkeys(("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax"), one(_alone)),
    "PReLU": one(_prelu),
}
