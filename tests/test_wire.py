"""Packing without a database: even buffers, and the wire format of arrays."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from automl.packing import Layout, layout
from keras_seg import wire


@pytest.mark.parametrize(
    ("rows", "partitions", "largest", "requested", "buffers", "size"),
    [
        (120, 2, 1000, None, 2, 60),  # the page
        (30, 2, 1000, None, 2, 15),  # the page
        (120, 3, 1000, None, 3, 40),  # MADlib on three segments
        (17, 1, 1000, 5, 4, 5),
        (17, 3, 1000, 5, 6, 3),
        (100, 2, 10, None, 10, 10),
        (101, 2, 10, None, 12, 9),
        (1, 8, 1000, None, 1, 1),
        (3, 2, 1000, 1, 3, 1),
        (5, 2, 1000, 10**9, 2, 3),
    ],
)
def test_buffers_are_even(rows: int, partitions: int, largest: int, requested: int | None, buffers: int, size: int) -> None:
    cut = layout(rows, partitions, largest, requested)
    assert cut == Layout(rows, min(rows, partitions), buffers)
    assert cut.buffer_size == size


def sent(oid: int, values: list[float | None], dims: list[int], *, flag: int = 0, lower: int = 1) -> bytes:
    """What array_send writes for an array."""
    code = ">if" if oid == 700 else ">ih"
    header = struct.pack(">iii", len(dims), flag, oid) + b"".join(struct.pack(">ii", size, lower) for size in dims)
    items = (struct.pack(">i", -1) if v is None else struct.pack(code, 4 if oid == 700 else 2, v) for v in values)
    return header + b"".join(items)


def test_features_become_native_float32() -> None:
    raw = sent(700, [1.5, -2.0], [2]) + sent(700, [0.1, 3e38], [2])
    assert wire.features(raw, [2, 2], 1) == np.array([1.5, -2.0, 0.1, 3e38], np.float32).tobytes()


def test_features_are_divided_in_float32() -> None:
    packed = wire.features(sent(700, [1.0, 128.0, 255.0], [3]), [1, 3], 255.0)
    expected = [0.0039215688593685627, 0.501960813999176, 1.0]
    assert np.frombuffer(packed or b"", np.float32).astype(float).tolist() == expected


def test_lower_bounds_do_not_matter_and_dimensions_do() -> None:
    raw = sent(700, [1, 2, 3, 4], [2, 2], lower=0) + sent(700, [5, 6, 7, 8], [2, 2])
    assert wire.features(raw, [2, 2, 2], 1) == np.arange(1, 9, dtype=np.float32).tobytes()
    assert wire.features(raw, [2, 4], 1) is None
    assert wire.features(raw, [2, 1, 4], 1) is None


@pytest.mark.parametrize(
    "rows",
    [
        [sent(700, [1, 2], [2]), sent(700, [1, 2, 3], [3])],
        [sent(700, [1], [1]), sent(700, [1, 2, 3], [3])],  # as many values in all
        [sent(700, [1, 2], [2])],  # a NULL row is not there
        [sent(700, [1, 2], [2]), sent(700, [1, None], [2], flag=1)],
        [sent(21, [1, 2], [2]), sent(21, [1, 2], [2])],
    ],
)
def test_rows_that_do_not_fit_are_told(rows: list[bytes]) -> None:
    assert wire.features(b"".join(rows), [2, 2], 1) is None


def test_a_flag_without_a_null_is_no_null() -> None:
    assert wire.features(sent(700, [1, 2], [2], flag=1), [1, 2], 1) == np.array([1, 2], np.float32).tobytes()


def test_a_null_hidden_by_the_length_is_found() -> None:
    # -1 for a NULL and 8 bytes more of another value: the total is right, the lengths are not.
    header = struct.pack(">iiiii", 1, 1, 700, 2, 1)
    assert wire.features(header + struct.pack(">iiif", -1, 0, 4, 1.0), [1, 2], 1) is None


def test_nothing_at_all_is_told() -> None:
    assert wire.features(None, [3, 2], 1) is None
    assert wire.encoded(None, [3, 2]) is None
    assert wire.one_hot(None, [3, 2]) is None


def test_encoded_labels_become_native_int16() -> None:
    assert wire.encoded(sent(21, [0, 1, -7], [3]), [1, 3]) == np.array([0, 1, -7], np.int16).tobytes()


def test_class_numbers_become_one_hot() -> None:
    packed = wire.one_hot(struct.pack(">iii", 2, 0, 1), [3, 4])
    assert np.frombuffer(packed or b"", np.int16).reshape(3, 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("numbers", [(0, 4), (0, -1), (0,)])
def test_a_row_without_a_class_is_told(numbers: tuple[int, ...]) -> None:
    assert wire.one_hot(struct.pack(f">{len(numbers)}i", *numbers), [2, 4]) is None
