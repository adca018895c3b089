"""Convolutions: windows laid out as rows of a matrix, which is multiplied with the kernel."""

from __future__ import annotations

import math

import numpy as np

from keras_seg.inference.activations import activation, then
from keras_seg.inference.layer import WRITTEN, Array, Called, Forward, Layer, Rule, Shape, Variable, one, size_of
from keras_seg.inference.windows import Windows, each, last, turned, windows


def _conv(dimensions: int) -> Rule:
    def rule(layer: Layer, shape: Shape) -> Called:
        *space, channels = last(layer, shape, dimensions)
        size, strides, dilation = (each(layer[name], dimensions) for name in ("kernel_size", "strides", "dilation_rate"))
        filters, groups = layer["filters"], layer["groups"]
        if channels % groups or filters % groups:
            raise layer.refuse(f'"groups" = {groups} of {channels} channels')
        kernel = layer.weight(*size, channels // groups, filters)
        bias = layer.weight(filters) if layer["use_bias"] else None
        follow = activation(layer)
        over = windows(layer, tuple(space), size, strides, dilation)
        out = (*over.places, filters)

        def made() -> Forward:
            product = _product(over, kernel.array) if groups == 1 else _grouped(over, kernel.array, groups)
            return then(_biased(product, bias), follow)

        patches = math.prod(over.places) * math.prod(size) * channels
        values = patches + 2 * size_of(out) + 2 * size_of(shape)
        return turned(layer, Called((out,), made, values, patches * filters // groups + WRITTEN * patches))

    return one(rule)


def _product(over: Windows, kernel: Array) -> Forward:
    """Return what multiplies the windows of a batch with a kernel (*size, channels, filters)."""
    matrix = np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]))
    inner = len(matrix)
    at_once = max(over.size) == 1 and max(over.strides) == 1

    def forward(x: Array) -> Array:
        if not at_once:
            x = over.of(over.padded(np.ascontiguousarray(x)))
        return (x.reshape(-1, inner) @ matrix).reshape(-1, *over.places, matrix.shape[1])

    return forward


def _grouped(over: Windows, kernel: Array, groups: int) -> Forward:
    channels = kernel.shape[-2]
    products = [_product(over, part) for part in np.split(kernel, groups, -1)]

    def forward(x: Array) -> Array:
        parts = [product(x[..., g * channels : (g + 1) * channels]) for g, product in enumerate(products)]
        return np.concatenate(parts, -1)

    return forward


def _biased(forward: Forward, bias: Variable | None) -> Forward:
    if bias is None:
        return forward
    added = bias.array

    def with_bias(x: Array) -> Array:
        y = forward(x)
        y += added
        return y

    return with_bias


def _depthwise(dimensions: int) -> Rule:
    def rule(layer: Layer, shape: Shape) -> Called:
        over, kernel, channels = _by_channel(layer, shape, dimensions)
        bias = layer.weight(channels * layer["depth_multiplier"]) if layer["use_bias"] else None
        follow = activation(layer)
        out = (*over.places, channels * layer["depth_multiplier"])
        made = lambda: then(_biased(_sums(over, kernel.array), bias), follow)  # noqa: E731
        products = WRITTEN * math.prod(over.size) * size_of(out)
        return turned(layer, Called((out,), made, 3 * size_of(out) + 2 * size_of(shape), products))

    return one(rule)


def _separable(dimensions: int) -> Rule:
    def rule(layer: Layer, shape: Shape) -> Called:
        over, kernel, channels = _by_channel(layer, shape, dimensions)
        between = channels * layer["depth_multiplier"]
        point = layer.weight(*(1,) * dimensions, between, layer["filters"])
        bias = layer.weight(layer["filters"]) if layer["use_bias"] else None
        follow = activation(layer)
        out = (*over.places, layer["filters"])

        def made() -> Forward:
            sums, matrix = _sums(over, kernel.array), point.array.reshape(between, -1)
            return then(_biased(lambda x: sums(x) @ matrix, bias), follow)

        middle = math.prod(over.places) * between
        products = WRITTEN * math.prod(over.size) * middle + middle * layer["filters"]
        return turned(layer, Called((out,), made, 3 * middle + 2 * size_of(out) + 2 * size_of(shape), products))

    return one(rule)


def _by_channel(layer: Layer, shape: Shape, dimensions: int) -> tuple[Windows, Variable, int]:
    *space, channels = last(layer, shape, dimensions)
    size, strides, dilation = (each(layer[name], dimensions) for name in ("kernel_size", "strides", "dilation_rate"))
    kernel = layer.weight(*size, channels, layer["depth_multiplier"])
    return windows(layer, tuple(space), size, strides, dilation), kernel, channels


def _sums(over: Windows, kernel: Array) -> Forward:
    """Return what sums windows channel by channel, with a kernel (*size, channels, multiplier)."""
    *_, channels, multiplier = kernel.shape
    places = kernel.reshape(-1, channels, multiplier)

    def forward(x: Array) -> Array:
        x = over.padded(x)
        total = np.zeros((len(x), *over.places, channels, multiplier), np.float32)
        for shift, factors in zip(over.shifts(), places, strict=True):
            total += x[shift][..., None] * factors
        return total.reshape(*total.shape[:-2], channels * multiplier)

    return forward


RULES = {
    **{f"Conv{n}D": _conv(n) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": _depthwise(n) for n in (1, 2)},
    **{f"SeparableConv{n}D": _separable(n) for n in (1, 2)},
}
