"""Normalization by what training has learned, or by the numbers of a row itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_seg.inference.layer import Array, Called, Forward, Layer, Shape, Variable, axis_of, beside, one, same


def _batch(layer: Layer, shape: Shape) -> Called:
    layer.allow("renorm", False, None)
    axis = axis_of(layer["axis"], shape)
    size = shape[axis - 1]
    gamma = layer.weight(size) if layer["scale"] else None
    beta = layer.weight(size) if layer["center"] else None
    mean, variance = layer.weight(size, trained=False), layer.weight(size, trained=False)
    epsilon = np.float32(layer["epsilon"])

    def made() -> Forward:
        with np.errstate(all="ignore"):  # a variance that is none gives no numbers, as in Keras
            factor = 1 / np.sqrt(variance.array + epsilon) * _or(gamma, 1)
        offset = _or(beta, 0) - mean.array * factor
        factor, offset = (each.reshape(beside(axis, shape)) for each in (factor, offset))
        return _scaled(factor, offset)

    return same(made, shape)


def _scaled(factor: Array, offset: Array) -> Forward:
    def forward(x: Array) -> Array:
        y = x * factor
        y += offset
        return y

    return forward


def _or(variable: Variable | None, value: float) -> Array:
    return np.float32(value) if variable is None else variable.array


def _axes(layer: Layer, shape: Shape) -> tuple[int, ...]:
    axis = layer["axis"]
    axes = tuple(sorted(axis_of(each, shape) for each in (axis if isinstance(axis, list) else [axis])))
    if 0 in axes:
        raise layer.refuse('"axis" = 0')
    return axes


def _place(axes: Sequence[int], shape: Shape) -> Shape:
    return tuple(size if axis in axes else 1 for axis, size in enumerate((1, *shape)))


def _layer(layer: Layer, shape: Shape) -> Called:
    layer.allow("rms_scaling", False, None)
    axes = _axes(layer, shape)
    sizes = [shape[axis - 1] for axis in axes]
    gamma = layer.weight(*sizes) if layer["scale"] else None
    beta = layer.weight(*sizes) if layer["center"] else None
    place, epsilon = _place(axes, shape), np.float32(layer["epsilon"])

    def made() -> Forward:
        factor, offset = (np.reshape(_or(each, value), place if each else ()) for each, value in ((gamma, 1), (beta, 0)))

        def forward(x: Array) -> Array:
            y = x - x.mean(axes, keepdims=True)
            y *= factor / np.sqrt((y * y).mean(axes, keepdims=True) + epsilon)
            y += offset
            return y

        return forward

    return same(made, shape, 2)


def _rms(layer: Layer, shape: Shape) -> Called:
    axes = _axes(layer, shape)
    if axes != tuple(range(len(shape) - len(axes) + 1, len(shape) + 1)):  # Keras puts the scale along the last axes then
        raise layer.refuse(f'"axis" = {layer["axis"]}')
    scale = layer.weight(*(shape[axis - 1] for axis in axes))
    place, epsilon = _place(axes, shape), np.float32(layer["epsilon"])

    def forward(x: Array) -> Array:
        return x / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon) * scale.array.reshape(place)

    return same(lambda: forward, shape, 2)


def _group(layer: Layer, shape: Shape) -> Called:
    axis, given = axis_of(layer["axis"], shape), layer["axis"]
    if given < -1 or given == 0:
        raise layer.refuse(f'"axis" = {given}')
    size = shape[axis - 1]
    groups = size if layer["groups"] == -1 else layer["groups"]
    gamma = layer.weight(size) if layer["scale"] else None
    beta = layer.weight(size) if layer["center"] else None
    apart = (*shape[: axis - 1], groups, size // groups, *shape[axis:])
    place = tuple(each if at in (axis, axis + 1) else 1 for at, each in enumerate((1, *apart)))
    within = tuple(at for at in range(1, len(apart) + 1) if at != axis)
    epsilon = np.float32(layer["epsilon"])

    def made() -> Forward:
        factor, offset = (np.reshape(_or(each, value), place if each else ()) for each, value in ((gamma, 1), (beta, 0)))

        def forward(x: Array) -> Array:
            y = x.reshape(-1, *apart)
            y = y - y.mean(within, keepdims=True)
            y *= factor / np.sqrt((y * y).mean(within, keepdims=True) + epsilon)
            y += offset
            return y.reshape(x.shape)

        return forward

    return same(made, shape, 2)


RULES = {
    "BatchNormalization": one(_batch),
    "GroupNormalization": one(_group),
    "LayerNormalization": one(_layer),
    "RMSNormalization": one(_rms),
}
