"""Packed rows: from the bytes of a packed table to tensors.

A packed table holds buffers of rows: for each variable native numbers, row-major (features as float32, labels as int16 where
they are one-hot, else as float32), with their shapes beside them. A buffer can be large, so it is read in parts, each into
its place in memory of ours, which TensorFlow then looks at without a copy: while rows are read, one buffer of them is in
memory and no second one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_seg.protocol.variables import Variable, Variables

_PART = 2**20  # bytes: larger ones cost more, because their memory is given back to the kernel and asked for again
_ALIGNMENT = 64  # bytes: TensorFlow's kernels load whole vectors from addresses that are multiples of it

Row = Mapping[str, Any]
Arrays = tuple[np.ndarray, np.ndarray]  # features and labels of a buffer


class DataError(ValueError):
    """The bytes of a packed table do not have the shape that stands beside them."""


@dataclass(frozen=True, eq=False)  # tensors compare by their elements
class Buffer:
    """Rows that lie together, as tensors of float32: x and y (rows, ...)."""

    x: Any
    y: Any

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.x.shape[0])

    @property
    def size(self) -> int:
        """Their bytes."""
        return int(4 * (math.prod(self.x.shape) + math.prod(self.y.shape)))


@dataclass(frozen=True)
class Joined:
    """The buffers of several partitions, as one.

    Attributes:
        buffer: their rows.
        places: for each partition where each of its buffers lies in it: the first row, and how many.
    """

    buffer: Buffer
    places: Mapping[int, Sequence[tuple[int, int]]]


def joined(partitions: Mapping[int, Sequence[Buffer]]) -> Joined:
    """Return the buffers of partitions, at least one buffer, as one."""
    import tensorflow as tf

    places: dict[int, list[tuple[int, int]]] = {partition: [] for partition in partitions}
    begin = 0
    for partition, each in ((partition, buffer) for partition, those in partitions.items() for buffer in those):
        places[partition].append((begin, each.rows))
        begin += each.rows
    those = [buffer for buffers in partitions.values() for buffer in buffers]
    return Joined(Buffer(tf.concat([each.x for each in those], 0), tf.concat([each.y for each in those], 0)), places)


def in_parts(query: str, variables: Variables) -> str:
    """Return the statement that gives the buffers of `query` part by part: one after the other, as `query` orders them.

    Args:
        query: a row for each buffer, of the columns that `variables` names.
    """
    names = [f"b.{name}" for name, _ in variables.names]
    columns = ", ".join(
        f"pg_catalog.substr(b.{name}, {_PART} * p.n + 1, {_PART}) AS {name}, pg_catalog.octet_length(b.{name}) AS {name}_bytes,"
        f" b.{shape}"
        for name, shape in variables.names
    )
    longest = f"GREATEST({', '.join(f'pg_catalog.octet_length({name})' for name in names)})"
    return f"SELECT {columns} FROM ({query}) AS b, LATERAL pg_catalog.generate_series(0, ({longest} - 1) / {_PART}) AS p(n)"


def buffers(variables: Variables, fetch: Callable[[], Row | None]) -> Iterator[Buffer]:
    """Yield the buffers of a statement of `in_parts`: x and y (rows, ...), both float32.

    Args:
        variables: what the rows consist of.
        fetch: returns the next row of the statement, None after the last.

    Raises:
        DataError: bytes and shapes disagree.
    """
    return map(_tensors, arrays(variables, fetch))


def arrays(variables: Variables, fetch: Callable[[], Row | None]) -> Iterator[Arrays]:
    """Yield the buffers of a statement of `in_parts` as x and y (rows, ...) in the types in which they are packed.

    Args, Raises: as `buffers`.
    """
    # Not a loop: its variables would keep a buffer while the next one is read.
    return iter(lambda: _next(variables, fetch), None)


def decode(variables: Variables, columns: Sequence[Any]) -> Buffer:
    """Return the buffer that came in one piece.

    Args:
        variables: what its rows consist of.
        columns: bytes and shape of each variable, in their order.

    Raises:
        DataError: bytes and shapes disagree.
    """
    return _tensors(decoded(variables, columns))


def decoded(variables: Variables, columns: Sequence[Any]) -> Arrays:
    """Return the buffer that came in one piece as `arrays` gives it; arguments and errors as those of `decode`."""
    values, shapes = columns[::2], columns[1::2]
    parts = _Parts(variables, shapes, [len(value) for value in values])
    parts.add(values)
    return parts.arrays()


def _tensors(arrays: Arrays) -> Buffer:
    import tensorflow as tf

    x, y = arrays
    return Buffer(_shared(x), tf.cast(_shared(y), tf.float32))


def _next(variables: Variables, fetch: Callable[[], Row | None]) -> Arrays | None:
    row = fetch()
    if row is None:
        return None
    names = [name for name, _ in variables.names]
    shapes = [row[shape] for _, shape in variables.names]
    parts = _Parts(variables, shapes, [row[f"{name}_bytes"] for name in names])
    while row is not None:
        parts.add([row[name] for name in names])
        row = None if parts.complete else fetch()
    return parts.arrays()


class _Parts:
    """The bytes of one buffer while they come."""

    def __init__(self, variables: Variables, shapes: Sequence[Sequence[int]], sizes: Sequence[int]) -> None:
        self._columns = [_Column(*column) for column in zip(variables.all, shapes, sizes, strict=True)]
        rows = {column.rows for column in self._columns}
        if len(rows) > 1:
            told = ", ".join(f'{column.rows} of "{column.name}"' for column in self._columns)
            raise DataError(f"a buffer must have as many rows of each variable, it has {told}")

    @property
    def complete(self) -> bool:
        return all(column.complete for column in self._columns)

    def add(self, values: Sequence[bytes]) -> None:
        for column, value in zip(self._columns, values, strict=True):
            column.add(value)

    def arrays(self) -> Arrays:
        x, y = (column.array() for column in self._columns)
        return x, y


class _Column:
    """The bytes of one column of a buffer: memory of their number, and how far it is filled."""

    def __init__(self, variable: Variable, shape: Sequence[int], size: int) -> None:
        dtype = np.dtype(variable.dtype)
        if int(np.prod(shape, dtype=np.int64)) * dtype.itemsize != size:
            raise DataError(f'a buffer of "{variable.column}" has {size} bytes, which is not the shape {list(shape)} beside it')
        self.name = variable.column
        self._shape = tuple(shape)
        self._dtype = dtype
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
            raise DataError(f'a buffer of "{self.name}" has more bytes than the {len(self._memory)} that were told')
        self._memory[self._filled : end] = np.frombuffer(part, np.uint8)
        self._filled = end

    def array(self) -> np.ndarray:
        if not self.complete:
            raise DataError(f'{self._filled} of the {len(self._memory)} bytes of a buffer of "{self.name}" came')
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
