"""Layers around layers: Bidirectional and TimeDistributed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from keras_seg.inference.layer import Array, Called, Forward, Layer, Shape, one, size_of

_MERGED: Mapping[str, Callable[[Array, Array], Array]] = {
    "ave": lambda x, y: (x + y) / 2,
    "concat": lambda x, y: np.concatenate((x, y), -1),
    "mul": np.multiply,
    "sum": np.add,
}


def _bidirectional(layer: Layer, shape: Shape) -> Called:
    layer.allow("merge_mode", *_MERGED)
    forth, back = (inner.call((shape,)) for inner in layer.inner)
    sequences = layer.inner[0]["return_sequences"]
    merge = _MERGED[layer["merge_mode"]]
    out = forth.shape
    if layer["merge_mode"] == "concat":
        out = (*out[:-1], out[-1] + back.shape[-1])

    def made() -> Forward:
        first, second = forth.make(), back.make()

        def forward(x: Array) -> Array:
            y = second(x)
            return merge(first(x), y[:, ::-1] if sequences else y)

        return forward

    return Called((out,), made, forth.values + back.values + 2 * size_of(out), forth.work + back.work)


def _time_distributed(layer: Layer, shape: Shape) -> Called:
    (inner,) = layer.inner
    if len(shape) < 2:
        raise layer.refuse(f"rows of shape {list(shape)}")
    times, each = shape[0], shape[1:]
    called = inner.call((each,))
    if len(called.shapes) != 1:
        raise layer.refuse("several outputs")
    out = (times, *called.shape)

    def made() -> Forward:
        forward = called.make()
        return lambda x: forward(x.reshape(-1, *each)).reshape(-1, *out)

    return Called((out,), made, times * called.values + size_of(out), times * called.work)


RULES = {"Bidirectional": one(_bidirectional), "TimeDistributed": one(_time_distributed)}
