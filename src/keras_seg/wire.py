"""Rows on their way into a packed table: from PostgreSQL's wire format of arrays to buffers of numbers.

`array_send` writes an array as big-endian integers: number of dimensions, a flag for NULL, the type of the elements, size and
lower bound of each dimension; then for each element its length and its value. SQL concatenates the rows of one buffer, and one
call here takes them apart at once, without a loop over rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FLOAT4, _INT2 = 700, 21  # pg_type.oid
_NULL_FLAG = 1


def features(wire: bytes | None, shape: Sequence[int], normalizing_const: float) -> bytes | None:
    """Pack rows of `real[]` as native float32, row-major, divided by `normalizing_const`.

    Args:
        wire: `array_send` of the rows, one after the other; NULL where all rows were NULL.
        shape: number of rows, and the shape that each must have.
        normalizing_const: divisor, in float32; 1 leaves the values as they are.

    Returns:
        The buffer, or None if a row is NULL, holds a NULL or has another shape.
    """
    values = arrays(wire, shape, _FLOAT4, ">f4")
    if values is None:
        return None
    native = values.astype(np.float32)
    if normalizing_const != 1:
        native /= np.float32(normalizing_const)
    return native.tobytes()


def encoded(wire: bytes | None, shape: Sequence[int]) -> bytes | None:
    """Pack rows of `smallint[]`, a dependent variable that is encoded already, as native int16; None as `features` has it."""
    values = arrays(wire, shape, _INT2, ">i2")
    return None if values is None else values.astype(np.int16).tobytes()


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


def arrays(wire: bytes | None, shape: Sequence[int], element: int, dtype: str) -> np.ndarray | None:
    """View concatenated `array_send` of rows that all have one shape as (rows, values), in wire byte order.

    Args:
        wire: the bytes.
        shape: number of rows, and the shape that each must have.
        element: `pg_type.oid` of the elements.
        dtype: how numpy reads one value.
    """
    rows, *dims = shape
    item = np.dtype([("length", ">i4"), ("value", dtype)])
    row = np.dtype([("header", ">i4", (3 + 2 * len(dims),)), ("items", item, (int(np.prod(dims)),))])
    if len(wire or b"") != rows * row.itemsize:
        return None
    block = np.frombuffer(wire or b"", row)
    if not _headers_agree(block["header"], element, dims):
        return None
    # The flag says that there may be a NULL, whose length is -1; without it every length is that of the type.
    if (block["header"][:, 1] == _NULL_FLAG).any() and (block["items"]["length"] != np.dtype(dtype).itemsize).any():
        return None
    values: np.ndarray = block["items"]["value"]
    return values


def _headers_agree(headers: np.ndarray, element: int, dims: Sequence[int]) -> bool:
    same_kind = (headers[:, 0] == len(dims)) & (headers[:, 2] == element)
    same_shape = headers[:, 3::2] == np.asarray(dims)  # the lower bounds between the sizes do not matter
    return bool(same_kind.all() and same_shape.all())
