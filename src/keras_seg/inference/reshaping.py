"""Layers that move numbers and change none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg.inference.layer import Array, Called, Layer, Shape, one, size_of


def pairs(layer: Layer, argument: str, dimensions: int) -> list[tuple[int, int]]:
    """Return what an argument such as `padding` of ZeroPadding2D or `cropping` says: how much before and behind each axis."""
    value = layer[argument]
    if isinstance(value, int):
        return [(value, value)] * dimensions
    if dimensions == 1 and all(isinstance(each, int) for each in value):
        value = [value if len(value) == 2 else value * 2]
    if len(value) != dimensions:
        raise layer.refuse(f'"{argument}" = {value!r}')
    return [(each, each) if isinstance(each, int) else (each[0], each[1]) for each in value]


def spaces(layer: Layer, shape: Shape, dimensions: int) -> range:
    """Return the axes of a row (counted with the batch's) that are of space, and not of channels."""
    if len(shape) != dimensions + 1:
        raise layer.refuse(f"rows of shape {list(shape)}")
    first = 2 if layer.data_format == "channels_first" else 1
    return range(first, first + dimensions)


def _reshape(layer: Layer, shape: Shape) -> Called:
    target = tuple(layer["target_shape"])
    if -1 in target:
        known = -size_of(target)
        target = tuple(size_of(shape) // known if size == -1 else size for size in target)
    if size_of(target) != size_of(shape) or any(size is None for size in target):
        raise layer.refuse(f'"target_shape" = {layer["target_shape"]!r}')
    return Called((target,), lambda: lambda x: x.reshape(-1, *target))


def _permute(layer: Layer, shape: Shape) -> Called:
    dims = tuple(layer["dims"])
    return Called((tuple(shape[axis - 1] for axis in dims),), lambda: lambda x: x.transpose(0, *dims))


def _repeat(layer: Layer, shape: Shape) -> Called:
    times = layer["n"]
    return Called(((times, *shape),), lambda: lambda x: np.repeat(x[:, None], times, 1), times * size_of(shape))


def _cropping(dimensions: int) -> Any:
    def rule(layer: Layer, shape: Shape) -> Called:
        axes = spaces(layer, shape, dimensions)
        cuts = [slice(None)] * (dimensions + 2)
        out = list(shape)
        for axis, (before, behind) in zip(axes, pairs(layer, "cropping", dimensions), strict=True):
            cuts[axis] = slice(before, shape[axis - 1] - behind)
            out[axis - 1] -= before + behind
        if min(out) <= 0:
            raise layer.refuse(f'"cropping" = {layer["cropping"]!r}')
        taken = tuple(cuts)
        return Called((tuple(out),), lambda: lambda x: x[taken])

    return one(rule)


def _padding(dimensions: int) -> Any:
    def rule(layer: Layer, shape: Shape) -> Called:
        widths = [(0, 0)] * (dimensions + 2)
        out = list(shape)
        for axis, pair in zip(spaces(layer, shape, dimensions), pairs(layer, "padding", dimensions), strict=True):
            widths[axis] = pair
            out[axis - 1] += sum(pair)
        return Called((tuple(out),), lambda: lambda x: padded(x, widths), size_of(tuple(out)))

    return one(rule)


def padded(x: Array, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """Return an array with numbers around it; many times faster than numpy's pad on small ones."""
    shape = tuple(size + before + behind for size, (before, behind) in zip(x.shape, widths, strict=True))
    wide = np.zeros(shape, x.dtype) if value == 0.0 else np.full(shape, value, x.dtype)
    wide[tuple(slice(before, before + size) for size, (before, _) in zip(x.shape, widths, strict=True))] = x
    return wide


def _upsampling(dimensions: int) -> Any:
    def rule(layer: Layer, shape: Shape) -> Called:
        if dimensions == 2:
            layer.allow("interpolation", "nearest")
        size = layer["size"]
        sizes = [size] * dimensions if isinstance(size, int) else list(size)
        axes = spaces(layer, shape, dimensions)
        out = list(shape)
        for axis, times in zip(axes, sizes, strict=True):
            out[axis - 1] *= times

        def forward(x: Array) -> Array:
            for axis, times in zip(axes, sizes, strict=True):
                x = np.repeat(x, times, axis)
            return x

        return Called((tuple(out),), lambda: forward, 2 * size_of(tuple(out)))

    return one(rule)


RULES = {
    "Permute": one(_permute),
    "RepeatVector": one(_repeat),
    "Reshape": one(_reshape),
    **{f"Cropping{n}D": _cropping(n) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": _upsampling(n) for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": _padding(n) for n in (1, 2, 3)},
}
