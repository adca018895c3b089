"""Pooling: the highest number or the mean of windows, or of whole rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_seg.inference.layer import WRITTEN, Array, Called, Forward, Layer, Rule, Shape, one, size_of
from keras_seg.inference.windows import Windows, each, last, turned, windows


def _pooling(dimensions: int, pool: Callable[[Windows], Forward]) -> Rule:
    def rule(layer: Layer, shape: Shape) -> Called:
        *space, channels = last(layer, shape, dimensions)
        size = each(layer["pool_size"], dimensions)
        strides = size if layer["strides"] is None else each(layer["strides"], dimensions)
        over = windows(layer, tuple(space), size, strides, (1,) * dimensions)
        out = (*over.places, channels)
        products = WRITTEN * math.prod(size) * size_of(out)
        return turned(layer, Called((out,), lambda: pool(over), 2 * size_of(out) + 2 * size_of(shape), products))

    return one(rule)


def _highest(over: Windows) -> Forward:
    shifts = list(over.shifts())

    def forward(x: Array) -> Array:
        x = over.padded(x, -math.inf)
        highest = x[shifts[0]].copy()
        for shift in shifts[1:]:
            np.maximum(highest, x[shift], out=highest)
        return highest

    return forward


def _mean(over: Windows) -> Forward:
    """Return what takes means; what was put around the rows counts for nothing."""
    shifts = list(over.shifts())
    ones = over.padded(np.ones((1, *over.space, 1), np.float32))
    counts = sum(ones[shift] for shift in shifts)

    def forward(x: Array) -> Array:
        x = over.padded(x)
        total = x[shifts[0]].copy()
        for shift in shifts[1:]:
            total += x[shift]
        total /= counts
        return total

    return forward


def _global(dimensions: int, reduce: Callable[..., Array]) -> Rule:
    def rule(layer: Layer, shape: Shape) -> Called:
        channels = last(layer, shape, dimensions)[-1]
        first = 2 if layer.data_format == "channels_first" else 1
        axes, keep = tuple(range(first, first + dimensions)), bool(layer["keepdims"])
        left: Shape = (channels,)
        if keep:
            left = (channels, *(1,) * dimensions) if first == 2 else (*(1,) * dimensions, channels)
        return Called((left,), lambda: lambda x: reduce(x, axis=axes, keepdims=keep), size_of(left))

    return one(rule)


def _adaptive(dimensions: int, reduce: Callable[..., Array]) -> Rule:
    """Windows whose number is given: window i of n over s numbers goes from floor(i s / n) to ceil((i + 1) s / n)."""

    def rule(layer: Layer, shape: Shape) -> Called:
        *space, channels = last(layer, shape, dimensions)
        counts = each(layer["output_size"], dimensions)
        out = (*counts, channels)

        def forward(x: Array) -> Array:
            for axis, (size, count) in enumerate(zip(space, counts, strict=True), 1):
                x = _along(x, axis, size, count, reduce)
            return x

        return turned(layer, Called((out,), lambda: forward, 2 * size_of(shape) + size_of(out)))

    return one(rule)


def _along(x: Array, axis: int, size: int, count: int, reduce: Callable[..., Array]) -> Array:
    front = (slice(None),) * axis
    ends = [(place * size // count, -(-(place + 1) * size // count)) for place in range(count)]
    return np.stack([reduce(x[(*front, slice(begin, end))], axis=axis) for begin, end in ends], axis)


RULES = {
    **{f"AveragePooling{n}D": _pooling(n, _mean) for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": _pooling(n, _highest) for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": _global(n, np.mean) for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": _global(n, np.max) for n in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{n}D": _adaptive(n, np.mean) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": _adaptive(n, np.max) for n in (1, 2, 3)},
}
