"""Rows that come to a network one by one, and what of its outputs goes into a table."""

from __future__ import annotations

import numpy as np
import pytest

from keras_seg.protocol.orders import GatheringProblem
from keras_seg.protocol.predictions import Block, NoClass, OutputSelection, batch_rows, blocks
from keras_seg.session.row_batches import Gathering

ALL, RAW = OutputSelection(), OutputSelection(ranked=False, raw=True)
PROBABILITIES = np.array([[0.25, 0.5, 0.25], [1, 0, 0]], np.float32)


def native(*values: float) -> bytes:
    """The bytes of a real[] as PostgreSQL has them in memory: dimensions, no NULLs, type, size, lower bound, values."""
    return np.array([1, 0, 700, len(values), 1], np.int32).tobytes() + np.array(values, np.float32).tobytes()


def gathering(selection: OutputSelection = RAW, size: int | None = None) -> Gathering:
    """One with a network that gives its two inputs back."""
    made = Gathering(lambda x: x, [2], 2, 10.0, selection)
    made._size = size or made._size
    return made


def test_rows_wait_until_a_batch_is_full() -> None:
    rows = gathering(size=2)
    assert rows.add("a", native(10, 20)) is None
    assert rows.add("b", native(30, 40)) == Block(["a", "b"], None, ["{1.0,2.0}", "{3.0,4.0}"])
    assert rows.add("c", native(5, 5)) is None
    assert rows.rest() == Block(["c"], None, ["{0.5,0.5}"])
    assert rows.rest() is None


@pytest.mark.parametrize("wrong", [None, native(1), native(1, 2, 3), b""])
def test_a_wrong_row_is_a_problem_and_ends_it(wrong: bytes | None) -> None:
    rows = gathering()
    told = [rows.add("7", wrong), rows.rest()]
    assert [GatheringProblem.from_json(block.problem or "") for block in told if block] == [GatheringProblem(row="7")]
    assert rows.add("8", native(1, 2)) is None
    assert rows.rest() is None


@pytest.mark.parametrize("selection", [ALL, OutputSelection(most=1), OutputSelection(above=0.5)])
def test_a_row_with_nan_is_a_problem_where_classes_are_asked_for(selection: OutputSelection) -> None:
    rows = gathering(selection)
    rows.forward = lambda x: np.where(x > 1, np.float32(np.nan), x)
    assert [rows.add("7", native(1, 2)), rows.add("8", native(20, 2))] == [None, None]
    block = rows.rest()
    assert block is not None
    assert GatheringProblem.from_json(block.problem or "") == GatheringProblem(row="8", no_class=True)
    assert rows.stopped


def test_nan_is_given_as_it_is_where_outputs_are() -> None:
    (block,) = blocks(["a"], np.array([[np.nan, 1]], np.float32), RAW)
    assert block.outputs == ["{nan,1.0}"]
    with pytest.raises(NoClass, match="NaN for a"):
        list(blocks(["a"], np.array([[np.nan, 1]], np.float32), OutputSelection(raw=True, told_apart=True)))


def test_all_classes_come_by_rank_and_of_equal_ones_the_first() -> None:
    (block,) = blocks(["a", None], PROBABILITIES, ALL)
    assert block.ids == ["a", "a", "a", None, None, None]
    assert block.classes == [1, 0, 2, 0, 1, 2]
    assert block.outputs == ["0.5", "0.25", "0.25", "1.0", "0.0", "0.0"]
    assert block.ranks == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize(
    ("selection", "classes"),
    [(OutputSelection(most=1), [1, 0]), (OutputSelection(most=2), [1, 0, 0, 1]), (OutputSelection(above=0.25), [1, 0])],
)
def test_some_classes(selection: OutputSelection, classes: list[int]) -> None:
    (block,) = blocks(["a", "b"], PROBABILITIES, selection)
    assert block.classes == classes


def test_blocks_are_bounded_by_the_rows_that_they_give() -> None:
    outputs = np.zeros((500, 1000), np.float32)
    parts = list(blocks(list(map(str, range(500))), outputs, ALL))
    assert [len(part.ids) for part in parts] == [262_000, 238_000]
    assert [len(part.ids) for part in blocks(["a"] * 500, outputs, OutputSelection(most=1))] == [500]


@pytest.mark.parametrize(("numbers", "rows"), [((4,), 8192), ((2**30,), 1), ((1, 2**30), 1), ((1, 1, 2**30), 1)])
def test_a_batch_has_at_least_one_row_and_at_most_8192(numbers: tuple[int, ...], rows: int) -> None:
    assert batch_rows(*numbers) == rows
