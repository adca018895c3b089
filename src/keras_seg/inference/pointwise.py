"""Layers that do nothing but in training, and those that scale numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_seg.inference.layer import Array, Called, Layer, Shape, axis_of, one, same, unchanged

_IDENTITIES = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)


def _identity(layer: Layer, shape: Shape) -> Called:
    return Called((shape,), lambda: unchanged)


def _rescaling(layer: Layer, shape: Shape) -> Called:
    scale, offset = np.asarray(layer["scale"], np.float32), np.asarray(layer["offset"], np.float32)
    out = tuple(np.broadcast_shapes((1, *shape), scale.shape, offset.shape)[1:])
    return same(lambda: lambda x: x * scale + offset, out, 2)


def _normalization(layer: Layer, shape: Shape) -> Called:
    """`keras.layers.Normalization`: by numbers in its arguments, or by those that adapt() has learned, its weights."""
    axis = layer["axis"]
    kept = [] if axis is None else sorted(axis_of(each, shape) for each in (axis if isinstance(axis, list) else [axis]))
    if 0 in kept:
        raise layer.refuse('"axis" = 0')
    sizes = tuple(shape[each - 1] for each in kept)
    place = tuple(size if each in kept else 1 for each, size in enumerate((1, *shape)))
    if (layer["mean"] is None) != (layer["variance"] is None):
        raise layer.refuse("one of mean and variance alone")
    if layer["mean"] is not None:
        given = [_spread(np.asarray(layer[each], np.float32), kept, place) for each in ("mean", "variance")]
        return same(lambda: _normalized(given[0], given[1], layer["invert"]), shape, 2)
    mean, variance = layer.weight(*sizes, trained=False), layer.weight(*sizes, trained=False)
    layer.weight(trained=False)  # how many rows adapt() has seen
    return same(lambda: _normalized(mean.array.reshape(place), variance.array.reshape(place), layer["invert"]), shape, 2)


def _spread(numbers: Array, kept: list[int], place: Shape) -> Array:
    """Return numbers in the places of the axes that are kept, the last of them for the last."""
    expanded = [1] * len(place)
    for axis, size in zip(kept[::-1], numbers.shape[::-1], strict=False):
        expanded[axis] = size
    return np.broadcast_to(numbers.reshape(expanded), place)


def _normalized(mean: Array, variance: Array, invert: bool) -> Any:
    deviation = np.maximum(np.sqrt(variance), np.float32(1e-7))
    return (lambda x: mean + x * deviation) if invert else (lambda x: (x - mean) / deviation)


def _unit_normalization(layer: Layer, shape: Shape) -> Called:
    axis = layer["axis"]
    axes = tuple(axis_of(each, shape) for each in (axis if isinstance(axis, list) else [axis]))

    def forward(x: Array) -> Array:
        return x / np.sqrt(np.maximum((x * x).sum(axes, keepdims=True), np.float32(1e-12)))

    return same(lambda: forward, shape, 2)


def _flatten(layer: Layer, shape: Shape) -> Called:
    size = math.prod(shape)
    if layer.data_format == "channels_first" and len(shape) > 1:
        turn = (0, *range(2, len(shape) + 1), 1)
        return Called(((size,),), lambda: lambda x: x.transpose(turn).reshape(-1, size), size)
    return Called(((size,),), lambda: lambda x: x.reshape(-1, size))


RULES = {
    **dict.fromkeys(_IDENTITIES, one(_identity)),
    "Flatten": one(_flatten),
    "Normalization": one(_normalization),
    "Rescaling": one(_rescaling),
    "UnitNormalization": one(_unit_normalization),
}
