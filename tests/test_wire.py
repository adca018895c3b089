"""Packing without a database: even buffers, and arrays as they come from PostgreSQL."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from automl.data.packing_sql import Layout, layout
from keras_seg.protocol import array_bytes


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


def native(oid: int, values: list[float | None], dims: list[int], *, bitmap: bool = False, lower: int = 1) -> bytes:
    """An array as it lies in memory, without its length word; with a bitmap where it is asked for or there is a NULL."""
    bitmap = bitmap or None in values
    head = 16 + 8 * len(dims)  # the length word counts
    offset = -(-(head + -(-len(values) // 8)) // 8) * 8 if bitmap else 0
    header = struct.pack("=iii", len(dims), offset, oid) + struct.pack(f"={2 * len(dims)}i", *dims, *[lower] * len(dims))
    bits = sum(1 << place for place, value in enumerate(values) if value is not None)
    there = [value if oid == 700 else int(value) for value in values if value is not None]
    filled = bits.to_bytes(offset - head, "little") if bitmap else b""
    return header + filled + struct.pack(f"={len(there)}{'f' if oid == 700 else 'h'}", *there)


def test_features_become_native_float32() -> None:
    raw = native(700, [1.5, -2.0], [2]) + native(700, [0.1, 3e38], [2])
    assert array_bytes.features(raw, [2, 2], 1) == np.array([1.5, -2.0, 0.1, 3e38], np.float32).tobytes()


def test_features_are_divided_in_float32() -> None:
    packed = array_bytes.features(native(700, [1.0, 128.0, 255.0], [3]), [1, 3], 255.0)
    expected = [0.0039215688593685627, 0.501960813999176, 1.0]
    assert np.frombuffer(packed or b"", np.float32).astype(float).tolist() == expected


def test_lower_bounds_do_not_matter_and_dimensions_do() -> None:
    raw = native(700, [1, 2, 3, 4], [2, 2], lower=0) + native(700, [5, 6, 7, 8], [2, 2])
    assert array_bytes.features(raw, [2, 2, 2], 1) == np.arange(1, 9, dtype=np.float32).tobytes()
    assert array_bytes.features(raw, [2, 4], 1) is None
    assert array_bytes.features(raw, [2, 1, 4], 1) is None


@pytest.mark.parametrize(
    "rows",
    [
        [native(700, [1, 2], [2]), native(700, [1, 2, 3], [3])],
        [native(700, [1], [1]), native(700, [1, 2, 3], [3])],  # as many values in all
        [native(700, [1, 2], [2])],  # a NULL row is not there
        [native(700, [1, 2], [2]), native(700, [1, None], [2])],
        [native(700, [None, *[1] * 9], [10]), native(700, [1, 2], [2])],
        [native(700, [1, 2], [2]), native(700, [1, 2], [2]) + b"more"],
        [native(700, [1, 2], [2]), native(700, [1, 2], [2])[:-1]],
        [native(700, [1, 2], [2]), native(700, [1, 2], [2], bitmap=True), native(700, [1, 2], [2])],
        [native(21, [1, 2], [2]), native(21, [1, 2], [2])],
    ],
)
def test_rows_that_do_not_fit_are_told(rows: list[bytes]) -> None:
    assert array_bytes.features(b"".join(rows), [2, 2], 1) is None


def test_a_bitmap_without_a_null_is_no_null() -> None:
    rows = native(700, [1, 2], [2], bitmap=True) + native(700, [3, 4], [2]) + native(700, [5, 6], [2], bitmap=True)
    assert array_bytes.features(rows, [3, 2], 2) == np.array([0.5, 1, 1.5, 2, 2.5, 3], np.float32).tobytes()
    nine = [float(value) for value in range(9)]
    assert array_bytes.features(native(700, [*nine], [9], bitmap=True), [1, 9], 1) == np.array(nine, np.float32).tobytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("divisor", [1, 2])
def test_a_number_that_is_not_finite_is_told(value: float, divisor: float) -> None:
    rows = native(700, [1, 2], [2]) + native(700, [3, value], [2])
    assert array_bytes.features(rows, [2, 2], divisor) is None


def test_a_number_that_is_not_finite_once_divided_is_told() -> None:
    rows = native(700, [1, 3.4e28], [2])
    assert array_bytes.features(rows, [1, 2], 1e-10) == np.array([1e10, 3.4e38], np.float32).tobytes()
    assert array_bytes.features(native(700, [1, 3.5e28], [2]), [1, 2], 1e-10) is None
    assert array_bytes.features(native(700, [0, 1], [2]), [1, 2], 1e-45) is None


@pytest.mark.parametrize("place", [0, 7, 8, 8999])
def test_a_null_is_found_wherever_it_is(place: int) -> None:
    values: list[float | None] = [1.0] * 9000
    values[place] = None
    assert array_bytes.features(native(700, values, [9000]), [1, 9000], 1) is None


def test_a_null_hidden_by_the_length_is_found() -> None:
    # The value that is missing makes room for the bitmap: the total is right.
    header = struct.pack("=iiiii", 1, 32, 700, 2, 1)
    assert array_bytes.features(header + struct.pack("=if", 2, 1.0), [1, 2], 1) is None


@pytest.mark.parametrize("offset", [-8, 1, 20, 28, 2**31 - 1])
def test_a_forged_place_of_the_values_is_told(offset: int) -> None:
    header = struct.pack("=iiiii", 1, offset, 700, 2, 1)
    assert array_bytes.features(header + struct.pack("=ff", 1.0, 2.0), [1, 2], 1) is None


def test_nothing_at_all_is_told() -> None:
    assert array_bytes.features(None, [3, 2], 1) is None
    assert array_bytes.encoded(None, [3, 2]) is None
    assert array_bytes.one_hot(None, [3, 2]) is None


def test_encoded_labels_become_native_int16() -> None:
    assert array_bytes.encoded(native(21, [0, 1, -7], [3]), [1, 3]) == np.array([0, 1, -7], np.int16).tobytes()


def test_class_numbers_become_one_hot() -> None:
    packed = array_bytes.one_hot(struct.pack(">iii", 2, 0, 1), [3, 4])
    assert np.frombuffer(packed or b"", np.int16).reshape(3, 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("rows", "dtype", "counts"),
    [
        ([[0, 1, 0], [0, 1, 0], [1, 0, 0]], "int16", [1, 2, 0]),
        ([[0, 1, 0], [1, 0, 0]], "float32", [1, 1, 0]),
        ([[2], [0], [2]], "int16", [1, 0, 2]),
        ([[3, 1, 2], [0, 1, 0]], "int16", None),  # class numbers of time steps
        ([[1, 1, 0]], "int16", None),  # several classes
        ([[0, 0, 0]], "int16", None),
        ([[0.5, 0.25, 0.25]], "float32", None),
        ([[1, 0.5]], "float32", None),
        ([[1, float("nan")]], "float32", None),
        ([[-1], [1]], "int16", None),
        ([[0.5]], "float32", None),
        ([[float("nan")]], "float32", None),
    ],
)
def test_rows_of_each_class_are_counted(rows: list[list[float]], dtype: str, counts: list[int] | None) -> None:
    assert array_bytes.class_counts(np.array(rows, dtype).tobytes(), (len(rows), len(rows[0])), dtype) == counts


@pytest.mark.parametrize("numbers", [(0, 4), (0, -1), (0,)])
def test_a_row_without_a_class_is_told(numbers: tuple[int, ...]) -> None:
    assert array_bytes.one_hot(struct.pack(f">{len(numbers)}i", *numbers), [2, 4]) is None
