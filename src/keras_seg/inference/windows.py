"""Windows that slide over the axes of space of a batch: what convolutions and pooling have in common.

Everything here has channels last; what has them first is turned before and after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from keras_seg.inference.layer import Array, Called, Forward, Layer, Shape, size_of
from keras_seg.inference.reshaping import padded

_MOST_PLACES = 2**16  # in a window: some layers go through them one by one


@dataclass(frozen=True)
class Windows:
    """Where windows lie.

    Attributes:
        space: sizes of the axes of space that come in.
        size, strides, dilation: of a window along each.
        padding: what is put before and behind each.
        places: how many windows there are along each.
    """

    space: Shape
    size: Shape
    strides: Shape
    dilation: Shape
    padding: tuple[tuple[int, int], ...]
    places: Shape

    @property
    def is_padded(self) -> bool:
        return any(before or behind for before, behind in self.padding)

    def padded(self, x: Array, value: float = 0.0) -> Array:
        """Return a batch (rows, *space, channels) with its padding."""
        return padded(x, ((0, 0), *self.padding, (0, 0)), value) if self.is_padded else x

    def shifts(self) -> Iterator[tuple[slice, ...]]:
        """Yield for each place in a window the slices of a padded batch that all windows have there."""
        for offsets in product(*map(range, self.size)):
            starts = [offset * step for offset, step in zip(offsets, self.dilation, strict=True)]
            ends = [
                start + (count - 1) * step + 1 for start, count, step in zip(starts, self.places, self.strides, strict=True)
            ]
            yield (slice(None), *map(slice, starts, ends, self.strides))

    def of(self, x: Array) -> Array:
        """Return all windows of a padded batch as a view (rows, *places, *size, channels)."""
        row, *space, channel = x.strides
        moves = [stride * step for stride, step in zip(space, self.strides, strict=True)]
        within = [stride * step for stride, step in zip(space, self.dilation, strict=True)]
        shape = (len(x), *self.places, *self.size, x.shape[-1])
        return np.lib.stride_tricks.as_strided(x, shape, (row, *moves, *within, channel), writeable=False)


def each(value: int | Sequence[int], dimensions: int) -> Shape:
    """Return a number for each axis, of one number or one for each."""
    return (value,) * dimensions if isinstance(value, int) else tuple(value) * (dimensions if len(value) == 1 else 1)


def windows(layer: Layer, space: Shape, size: Shape, strides: Shape, dilation: Shape) -> Windows:
    """Return where the windows of a layer lie, by its `padding`: valid, same or causal."""
    if math.prod(size) > _MOST_PLACES:
        raise layer.refuse(f"windows of {list(size)}")
    kind = layer["padding"].lower()
    wide = [(length - 1) * step + 1 for length, step in zip(size, dilation, strict=True)]
    padding = [(0, 0)] * len(space)
    if kind == "same":
        needed = [
            max((math.ceil(n / step) - 1) * step + width - n, 0) for n, step, width in zip(space, strides, wide, strict=True)
        ]
        padding = [(total // 2, total - total // 2) for total in needed]
    elif kind == "causal" and len(space) == 1:
        padding = [(wide[0] - 1, 0)]
    elif kind != "valid":
        raise layer.refuse(f'"padding" = {kind!r}')
    places = tuple(
        (n + sum(pair) - width) // step + 1 for n, pair, width, step in zip(space, padding, wide, strides, strict=True)
    )
    if min(places) <= 0 or len(size) != len(space) or len(strides) != len(space):
        raise layer.refuse(f"windows of {list(size)} over rows of {list(space)}")
    return Windows(space, size, strides, dilation, tuple(padding), places)


def last(layer: Layer, shape: Shape, dimensions: int) -> Shape:
    """Return the shape of a row with channels last."""
    if len(shape) != dimensions + 1:
        raise layer.refuse(f"rows of shape {list(shape)}")
    return (*shape[1:], shape[0]) if layer.data_format == "channels_first" else shape


def turned(layer: Layer, called: Called) -> Called:
    """Return the call of a layer that was made for channels last, as the layer has its channels."""
    if layer.data_format != "channels_first":
        return called
    (shape,) = called.shapes
    dimensions = len(shape) - 1

    def made() -> Forward:
        forward = called.make()

        def around(x: Array) -> Array:
            y = forward(np.ascontiguousarray(np.moveaxis(x, 1, -1)))
            return np.moveaxis(y, -1, 1) if y.ndim == dimensions + 2 else y

        return around

    return Called(((shape[-1], *shape[:-1]),), made, called.values + 2 * size_of(shape), called.products)
