"""Packed rows: from the bytes of a packed table to tensors.

A packed table holds buffers of rows: x as native float32, y as native int16 (one-hot) or float32 (soft labels), row-major, with
their shapes beside them. A buffer can be large, so it is read in parts, each into its place in memory of ours, which TensorFlow
then looks at without a copy: while rows are read, one buffer of them is in memory and no second one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_PART = 2**20  # bytes: larger ones cost more, because their memory is given back to the kernel and asked for again
_ALIGNMENT = 64  # bytes: TensorFlow's kernels load whole vectors from addresses that are multiples of it

Row = Mapping[str, Any]


class DataError(ValueError):
    """The bytes of a packed table do not have the shape that stands beside them."""


@dataclass(frozen=True)
class Buffer:
    """Rows that lie together, as tensors of float32: x (rows, ...) and y (rows, classes)."""

    x: Any
    y: Any

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])


def in_parts(query: str) -> str:
    """Return the statement that gives the buffers of `query` part by part: one after the other, as `query` orders them.

    Args:
        query: of the columns x, x_shape, y, y_shape, a row for each buffer.
    """
    return (
        f"SELECT pg_catalog.substr(b.x, {_PART} * p.n + 1, {_PART}) AS x, pg_catalog.octet_length(b.x) AS x_bytes, b.x_shape,"
        f" pg_catalog.substr(b.y, {_PART} * p.n + 1, {_PART}) AS y, pg_catalog.octet_length(b.y) AS y_bytes, b.y_shape"
        f" FROM ({query}) AS b, LATERAL pg_catalog.generate_series(0,"
        f" (GREATEST(pg_catalog.octet_length(b.x), pg_catalog.octet_length(b.y)) - 1) / {_PART}) AS p(n)"
    )


def buffers(fetch: Callable[[], Row | None]) -> Iterator[Buffer]:
    """Yield the buffers of a statement of `in_parts`: x (rows, ...) and y (rows, classes), both float32.

    Args:
        fetch: returns the next row, None after the last.

    Raises:
        DataError: bytes and shapes disagree.
    """
    # Not a loop: its variables would keep a buffer while the next one is read.
    return iter(lambda: _next(fetch), None)


def decode(x: bytes, x_shape: Sequence[int], y: bytes, y_shape: Sequence[int]) -> Buffer:
    """Return the buffer that came in one piece; as `buffers`."""
    parts = _Parts(x_shape, len(x), y_shape, len(y))
    parts.add(x, y)
    return parts.buffer()


def _next(fetch: Callable[[], Row | None]) -> Buffer | None:
    row = fetch()
    if row is None:
        return None
    parts = _Parts(row["x_shape"], row["x_bytes"], row["y_shape"], row["y_bytes"])
    while row is not None:
        parts.add(row["x"], row["y"])
        row = None if parts.complete else fetch()
    return parts.buffer()


class _Parts:
    """The bytes of one buffer while they come."""

    def __init__(self, x_shape: Sequence[int], x_bytes: int, y_shape: Sequence[int], y_bytes: int) -> None:
        self._x = _Column("independent variable", x_shape, x_bytes, (np.float32,))
        self._y = _Column("dependent variable", y_shape, y_bytes, (np.int16, np.float32))
        if self._x.rows != self._y.rows:
            raise DataError(f"a buffer has {self._x.rows} rows of the independent and {self._y.rows} of the dependent variable")

    @property
    def complete(self) -> bool:
        return self._x.complete and self._y.complete

    def add(self, x: bytes, y: bytes) -> None:
        self._x.add(x)
        self._y.add(y)

    def buffer(self) -> Buffer:
        import tensorflow as tf

        y = self._y.array()
        return Buffer(_shared(self._x.array()), tf.cast(_shared(y.reshape(len(y), -1)), tf.float32))


class _Column:
    """The bytes of one column of a buffer: memory of their number, and how far it is filled."""

    def __init__(self, what: str, shape: Sequence[int], size: int, dtypes: Sequence[Any]) -> None:
        count = int(np.prod(shape, dtype=np.int64))
        fitting = [np.dtype(dtype) for dtype in dtypes if count * np.dtype(dtype).itemsize == size]
        if not fitting:
            raise DataError(f"a buffer of the {what} has {size} bytes, which is not the shape {list(shape)} beside it")
        self._what = what
        self._shape = tuple(shape)
        self._dtype = fitting[0]
        self._memory = _aligned(size)
        self._filled = 0

    @property
    def rows(self) -> int:
        return self._shape[0]

    @property
    def complete(self) -> bool:
        return self._filled == len(self._memory)

    def add(self, part: bytes) -> None:
        end = self._filled + len(part)
        if end > len(self._memory):
            raise DataError(f"a buffer of the {self._what} has more bytes than the {len(self._memory)} that were told")
        self._memory[self._filled : end] = np.frombuffer(part, np.uint8)
        self._filled = end

    def array(self) -> np.ndarray:
        if not self.complete:
            raise DataError(f"{self._filled} of the {len(self._memory)} bytes of a buffer of the {self._what} came")
        array: np.ndarray = self._memory.view(self._dtype).reshape(self._shape)
        return array


def _aligned(size: int) -> np.ndarray:
    """Return `size` bytes, not set to anything, at an address that TensorFlow can read from."""
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size]


def _shared(array: np.ndarray) -> Any:
    """Return a tensor over the memory of an array, which nobody writes to any more."""
    import tensorflow as tf

    return tf.experimental.dlpack.from_dlpack(array.__dlpack__()) if array.size else tf.constant(array)
