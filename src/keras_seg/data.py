"""Packed rows: from the bytes of a packed table to tensors.

A packed table holds buffers of rows: x as native float32, y as native int16 (one-hot) or float32 (soft labels), row-major, with
their shapes beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg.trainer import Buffer


class DataError(ValueError):
    """The bytes of a packed table do not have the shape that stands beside them."""


def decode(x: bytes, x_shape: Sequence[int], y: bytes, y_shape: Sequence[int]) -> Buffer:
    """Return a buffer: x (rows, ...) and y (rows, classes), both float32.

    Raises:
        DataError: bytes and shapes disagree.
    """
    import tensorflow as tf

    features = array("independent variable", x, x_shape, (np.float32,))
    labels = array("dependent variable", y, y_shape, (np.int16, np.float32))
    if len(features) != len(labels):
        raise DataError(f"a buffer has {len(features)} rows of the independent and {len(labels)} of the dependent variable")
    x, y = tf.constant(features), tf.constant(labels.reshape(len(labels), -1), tf.float32)
    # TensorFlow has copied the bytes, but lets go of them only when it runs an operation.
    return Buffer(x, tf.identity(y))


def array(what: str, raw: bytes, shape: Sequence[int], dtypes: Sequence[Any]) -> np.ndarray:
    """Return a read-only view of `raw` as an array of `shape`, of the type among `dtypes` that has the right size."""
    count = int(np.prod(shape, dtype=np.int64))
    for dtype in dtypes:
        if count * np.dtype(dtype).itemsize == len(raw):
            return np.frombuffer(raw, dtype).reshape(tuple(shape))
    raise DataError(f"a buffer of the {what} has {len(raw)} bytes, which is not the shape {list(shape)} beside it")
