"""Layers of one matrix: Dense, EinsumDense and Embedding."""

from __future__ import annotations

import math
import re

import numpy as np

from keras_seg.inference.activations import activation, last_of, then
from keras_seg.inference.layer import Array, Called, Forward, Layer, Shape, one, size_of
from keras_seg.inference.problems import UnfitRow

_EQUATION = re.compile(r"([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*),([a-zA-Z]*)->([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*)", re.ASCII)

_AT_ONCE = ["einsum_path", (0, 1)]


def _dense(layer: Layer, shape: Shape) -> Called:
    units = layer["units"]
    kernel = layer.weight(shape[-1], units)
    bias = layer.weight(units) if layer["use_bias"] else None
    follow = activation(layer)
    out = (*shape[:-1], units)

    def before() -> Forward:
        return _affine(kernel.array, None if bias is None else bias.array)

    return Called((out,), lambda: then(before(), follow), size_of(out), size_of(shape) * units, last_of(layer, before))


def _affine(kernel: Array, bias: Array | None) -> Forward:
    if bias is None:
        return lambda x: np.matmul(x, kernel)

    def forward(x: Array) -> Array:
        y = np.matmul(x, kernel)
        y += bias
        return y

    return forward


def _einsum_dense(layer: Layer, shape: Shape) -> Called:
    """`keras.layers.EinsumDense`: an equation whose kernel takes its sizes from input and output."""
    equation = layer["equation"].replace(" ", "")
    inputs, kernel_axes, outputs, named = _axes(layer, equation, len(shape) + 1)
    letters = f"{inputs},{kernel_axes}->{outputs}"
    given = layer["output_shape"]
    given = [given] if isinstance(given, int) else list(given)
    sizes = dict(zip(inputs[1:], shape, strict=True))
    sizes.update({axis: size for axis, size in zip(named, given, strict=True) if size is not None})
    kernel = layer.weight(*(sizes[axis] for axis in kernel_axes))
    bias_axes = layer["bias_axes"]
    bias = layer.weight(*_bias_shape(bias_axes, outputs, sizes)) if bias_axes else None
    follow = activation(layer)
    out = tuple(sizes[axis] for axis in outputs[1:])

    def made() -> Forward:
        def forward(x: Array) -> Array:
            y = np.einsum(letters, x, kernel.array, optimize=_AT_ONCE)
            return y if bias is None else y + bias.array

        return then(forward, follow)

    products = math.prod(sizes[axis] for axis in {*inputs[1:], *kernel_axes})
    return Called((out,), made, 2 * size_of(out) + size_of(shape), products)


def _axes(layer: Layer, equation: str, dimensions: int) -> tuple[str, str, str, str]:
    """Return the axes of input, kernel and output, with letters for the dots, and those of the output that are written out."""
    match = _EQUATION.fullmatch(equation)
    if match is None or bool(match[2]) != bool(match[6]):
        raise layer.refuse(f'"equation" = {equation!r}')
    before, dots, after, kernel, first, _, last = match.groups()
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in equation]
    filled = "".join(spare[: dimensions - len(before) - len(after)]) if dots else ""
    inputs, outputs = before + filled + after, first + filled + last
    if len(inputs) != dimensions or not outputs or inputs[0] != outputs[0] or inputs[0] in kernel:
        raise layer.refuse(f'"equation" = {equation!r}')
    return inputs, kernel, outputs, last or first[1:]


def _bias_shape(axes: str, outputs: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """Return the shape of the bias: its own axes of the output, and 1 for those behind the first of them."""
    first = min(outputs.index(axis) for axis in axes)
    return tuple(sizes[axis] if axis in axes else 1 for axis in outputs[first:])


def _embedding(layer: Layer, shape: Shape) -> Called:
    layer.allow("mask_zero", False)
    rows, width = layer["input_dim"], layer["output_dim"]
    table = layer.weight(rows, width)
    out = (*shape, width)
    return Called((out,), lambda: lambda x: table.array[_places(layer, x, rows)], size_of(out) + 2 * size_of(shape))


def _places(layer: Layer, x: Array, rows: int) -> Array:
    """Return the rows of the table that numbers stand for; one below 0 counts from the end, as in Keras' take."""
    places = x.astype(np.int32)
    if places.size and not -rows <= int(places.min()) <= int(places.max()) < rows:
        raise UnfitRow(f'layer "{layer.name}" ({layer.kind}) takes numbers from 0 to {rows - 1}')
    return places


RULES = {"Dense": one(_dense), "EinsumDense": one(_einsum_dense), "Embedding": one(_embedding)}
