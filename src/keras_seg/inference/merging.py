"""Layers of several inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from keras_seg.inference.layer import Array, Called, Layer, Rule, Shape, axis_of, size_of


def _folded(function: Callable[[Array, Array], Array], average: bool = False) -> Rule:
    """Make the rule of a layer that merges its inputs number by number."""

    def rule(layer: Layer, shapes: Sequence[Shape]) -> Called:
        if len(shapes) < 2 or (layer.kind == "Subtract" and len(shapes) != 2):
            raise layer.refuse(f"{len(shapes)} inputs")
        if len({len(shape) for shape in shapes}) != 1:
            raise layer.refuse("inputs of different dimensions")
        out = tuple(np.broadcast_shapes(*shapes))
        count = np.float32(len(shapes))

        def forward(*inputs: Array) -> Array:
            merged = reduce(function, inputs)
            return merged / count if average else merged

        return Called((out,), lambda: forward, 2 * size_of(out))

    return rule


def _concatenate(layer: Layer, shapes: Sequence[Shape]) -> Called:
    axis = axis_of(layer["axis"], shapes[0])
    if len(shapes) < 2 or axis == 0:
        raise layer.refuse(f'{len(shapes)} inputs and "axis" = {layer["axis"]}')
    out = list(shapes[0])
    out[axis - 1] = sum(shape[axis - 1] for shape in shapes)
    return Called((tuple(out),), lambda: lambda *inputs: np.concatenate(inputs, axis), size_of(tuple(out)))


def _dot(layer: Layer, shapes: Sequence[Shape]) -> Called:
    """Products along one axis of each of two inputs; the axes that are left of the first come first."""
    if len(shapes) != 2:
        raise layer.refuse(f"{len(shapes)} inputs")
    given = layer["axes"]
    one, two = given if isinstance(given, list) else (given, given)
    first, second = axis_of(one, shapes[0]), axis_of(two, shapes[1])
    if 0 in (first, second) or shapes[0][first - 1] != shapes[1][second - 1]:
        raise layer.refuse(f'"axes" = {given!r}')
    out = (*_without(shapes[0], first), *_without(shapes[1], second)) or (1,)
    letters = _letters(first, len(shapes[0]), second, len(shapes[1]))
    normalize = layer["normalize"]

    def forward(x: Array, y: Array) -> Array:
        if normalize:
            x, y = _unit(x, first), _unit(y, second)
        return np.einsum(letters, x, y).reshape(-1, *out)

    return Called((out,), lambda: forward, size_of(out) + sum(map(size_of, shapes)))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[: axis - 1] + shape[axis:]


def _letters(first: int, of_first: int, second: int, of_second: int) -> str:
    x = ["a", *"bcdef"[:of_first]]
    y = ["a", *"BCDEF"[:of_second]]
    x[first] = y[second] = "z"
    return f"{''.join(x)},{''.join(y)}->a{''.join(each for each in x[1:] + y[1:] if each != 'z')}"


def _unit(x: Array, axis: int) -> Array:
    return x / np.sqrt(np.maximum((x * x).sum(axis, keepdims=True), np.float32(1e-12)))


RULES: dict[str, Rule] = {
    "Add": _folded(np.add),
    "Average": _folded(np.add, average=True),
    "Concatenate": _concatenate,
    "Dot": _dot,
    "Maximum": _folded(np.maximum),
    "Minimum": _folded(np.minimum),
    "Multiply": _folded(np.multiply),
    "Subtract": _folded(np.subtract),
}
