"""Rows on their way into a packed table: from PostgreSQL's arrays, as they lie in memory, to buffers of numbers.

`madlib.automl_native` gives the bytes of an array without touching its elements (`array_send` calls a function for each of
them, which costs 40 times as much): number of dimensions, where the values begin if there is a bitmap of NULLs and else 0, the
type of the elements, the sizes, the lower bounds, the bitmap if there is one; then the values, as the processor has them. SQL
concatenates the rows of one buffer, and one call here takes them apart at once, without a loop over rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg.protocol.limits import MOST_CLASS

_FLOAT4, _INT2 = 700, 21  # pg_type.oid
_LENGTH_WORD = 4  # of a value in memory; the bytes here begin behind it


def features(wire: bytes | None, shape: Sequence[int], normalizing_const: float) -> bytes | None:
    """Pack rows of `real[]` as native float32, row-major, divided by `normalizing_const`.

    Args:
        wire: `automl_native` of the rows, one after the other; NULL where all rows were NULL.
        shape: number of rows, and the shape that each must have.
        normalizing_const: divisor, in float32; 1 leaves the values as they are.

    Returns:
        The buffer, or None if a row is NULL, holds a NULL or has another shape, or if a number in the buffer is not finite.
    """
    values = arrays(wire, shape, _FLOAT4, np.float32)
    if values is None:
        return None
    with np.errstate(over="ignore"):  # which shows in the result
        packed = (values if normalizing_const == 1 else values / np.float32(normalizing_const)).tobytes()
    return packed if np.isfinite(np.frombuffer(packed, np.float32)).all() else None


def encoded(wire: bytes | None, shape: Sequence[int]) -> bytes | None:
    """Pack rows of `smallint[]`, a dependent variable that is encoded already, as native int16; None as `features` has it."""
    values = arrays(wire, shape, _INT2, np.int16)
    return None if values is None else values.tobytes()


def one_hot(wire: bytes | None, shape: Sequence[int]) -> bytes | None:
    """Pack class numbers as one-hot rows of native int16.

    Args:
        wire: `int4send` of the class number of each row, counted from 0.
        shape: number of rows and number of classes.

    Returns:
        The buffer, or None if a row has no class number or one that is out of range.
    """
    rows, classes = shape
    index = np.frombuffer(wire or b"", ">i4")
    if len(index) != rows or ((index < 0) | (index >= classes)).any():
        return None
    table = np.zeros((rows, classes), np.int16)
    table[np.arange(rows), index] = 1
    return table.tobytes()


def class_counts(labels: bytes, shape: Sequence[int], dtype: str) -> list[int] | None:
    """Return how many rows of a packed buffer have each class, by the number of the class.

    Args:
        labels: the buffer, of numbers of `dtype`: the place of the 1 among zeros is a row's class, or its one number is.
        shape: number of rows, and of the values in each.

    Returns:
        The counts, or None if a row has not one class.
    """
    rows = np.frombuffer(labels, dtype).reshape(shape)
    if rows.shape[1] == 1:
        valid = (rows >= 0) & (rows <= MOST_CLASS) & (rows == np.floor(rows))
        counts = np.bincount(rows[valid].astype(np.int64))
    else:
        valid = ((rows == 0) | (rows == 1)) & ((rows == 1).sum(axis=1, keepdims=True) == 1)
        counts = (rows == 1).sum(axis=0)
    return list(map(int, counts)) if valid.all() else None


def arrays(wire: bytes | None, shape: Sequence[int], element: int, dtype: Any) -> np.ndarray | None:
    """View concatenated `automl_native` of rows that all have one shape as (rows, values).

    Args:
        wire: the bytes.
        shape: number of rows, and the shape that each must have.
        element: `pg_type.oid` of the elements.
        dtype: how numpy reads one value.

    Returns:
        The values, or None if a row is missing, holds a NULL or has another shape.
    """
    rows, *dims = shape
    row = np.dtype([("header", np.int32, (3 + 2 * len(dims),)), ("values", dtype, (int(np.prod(dims)),))])
    if len(wire or b"") == rows * row.itemsize:
        block = np.frombuffer(wire or b"", row)
        if _without_bitmap(block["header"], element, dims):
            values: np.ndarray = block["values"]
            return values
    return _one_by_one(memoryview(wire or b""), rows, row, element, dims)


def _without_bitmap(headers: np.ndarray, element: int, dims: Sequence[int]) -> bool:
    """Return whether all rows have this shape and no bitmap. The lower bounds behind the sizes do not matter."""
    expected = np.asarray([len(dims), 0, element, *dims], np.int32)
    return bool((headers[:, : len(expected)] == expected).all())


def _one_by_one(wire: memoryview, rows: int, row: np.dtype[Any], element: int, dims: Sequence[int]) -> np.ndarray | None:
    """Return the values where a row has a bitmap: an array keeps it when its last NULL is overwritten."""
    header, (count,) = row["header"].itemsize, row["values"].shape
    size, at, values = row["values"].itemsize, 0, []
    for _ in range(rows):
        if len(wire) - at < header:
            return None
        ndims, offset, kind, *sizes = np.frombuffer(wire, np.int32, 3 + len(dims), at).tolist()
        begin = at + (offset - _LENGTH_WORD if offset else header)
        if (ndims, kind, sizes) != (len(dims), element, list(dims)) or len(wire) - begin < size or begin < at + header:
            return None
        if offset and not _all_there(wire[at + header : begin], count):
            return None
        values.append(np.frombuffer(wire, row["values"].base, count, begin))
        at = begin + size
    return np.stack(values) if at == len(wire) and rows else None


def _all_there(bitmap: memoryview, count: int) -> bool:
    """Return whether the first `count` bits are set: one a value, and 0 for a NULL."""
    bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")[:count]
    return len(bits) == count and bool(bits.all())
