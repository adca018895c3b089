"""What of a network's outputs goes into a table: classes of each row with their probabilities, or the outputs as they are."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from keras_seg.protocol.keras_names import reads_logits
from keras_seg.protocol.outputs import PROBABILITIES, no_probability

_SIZE = struct.Struct("<I")
_BRACES = str.maketrans("[]", "{}", " ")
MOST_ROWS = 8192  # of a batch
MOST_VALUES = 8 * 2**20  # of a batch, on either side of the network
MOST_CHOSEN = 2**18  # rows of a block, which are objects of Python for a while


class OneOutput(StrEnum):
    """What the one output of a network stands for where there are two classes: it tells of the second."""

    PROBABILITY = "probability"
    LOGIT = "logit"  # what a sigmoid at the very end makes of one is its probability, as Keras' crossentropy has it
    ALWAYS_LOGIT = "always logit"

    @classmethod
    def under(cls, loss: str) -> OneOutput:
        """Return what it stands for in a network that was trained with this loss.

        >>> OneOutput.under("BinaryFocalCrossentropy(from_logits=True)").value
        'always logit'
        """
        if not reads_logits(loss):
            return cls.PROBABILITY
        return cls.ALWAYS_LOGIT if "focal" in loss.lower() else cls.LOGIT


class NoClass(ValueError):
    """The network gives NaN for a row, which tells no class and no probability.

    Attributes:
        row: its id.
    """

    def __init__(self, row: str | None) -> None:
        super().__init__(f"NaN for {row}")
        self.row = row


@dataclass(frozen=True)
class OutputSelection:
    """Which classes of a row go into the table: all, the k most probable, or those above a threshold; with their ranks or
    not. Or the outputs as they are.

    Attributes:
        told_apart: of outputs as they are, whether classes are told by them later on.
    """

    most: int | None = None
    above: float | None = None
    ranked: bool = True
    raw: bool = False
    told_apart: bool = False

    @property
    def of_classes(self) -> bool:
        """Whether outputs that are NaN give no answer."""
        return not self.raw or self.told_apart

    def fits(self, outputs: Sequence[int], classes: int | None) -> bool:
        """Return whether it can be taken of what a network gives for a row.

        Args:
            outputs: its shape; of one output for two classes that of both.
            classes: how many are named; None where none are.

        >>> OutputSelection(most=1).fits((3,), None), OutputSelection(most=1).fits((1,), None)
        (True, False)
        """
        columns = math.prod(outputs)
        if classes is not None:
            return columns == classes or (self.raw and columns == 1 and classes == 2)
        several = sum(size > 1 for size in outputs) == 1
        return self.raw or several or (columns == 1 and self.most is self.above is None)

    def of_each_row(self, columns: int) -> int:
        """Return how many rows of the table come of one row at most."""
        return min(self.most or columns, columns)


class Block(NamedTuple):
    """Rows for the table, column by column: SQL takes them apart.

    Attributes:
        ids: as text.
        classes: numbers of the classes, from 0; None for outputs as they are.
        outputs: as text: a probability, or an array of all outputs of a row.
        ranks: from 1; None for outputs as they are.
        problem: why there are no rows, as JSON.
    """

    ids: Sequence[str | None] = ()
    classes: Sequence[int] | None = None
    outputs: Sequence[str] = ()
    ranks: Sequence[int] | None = None
    problem: str | None = None


def batch_rows(inputs: int, columns: int = 1, chosen: int = 1) -> int:
    """Return how many rows go through a network at once.

    Args:
        inputs, columns: numbers of a row before and behind the network.
        chosen: rows of the table that come of one row.

    >>> batch_rows(784), batch_rows(2**22), batch_rows(4, columns=1000, chosen=1000)
    (8192, 2, 262)
    """
    return max(1, min(MOST_ROWS, MOST_VALUES // max(1, inputs), MOST_VALUES // max(1, columns), MOST_CHOSEN // max(1, chosen)))


def blocks(ids: Sequence[str | None], outputs: np.ndarray, selection: OutputSelection) -> Iterator[Block]:
    """Yield what a selection takes of the outputs (rows, ...), in blocks of bounded size.

    Raises:
        NoClass: it is of classes, and a row has NaN.
    """
    if selection.of_classes and (row := without_class(outputs)) is not None:
        raise NoClass(ids[row])
    columns = max(1, math.prod(outputs.shape[1:]))
    size = batch_rows(1, columns, selection.of_each_row(columns))
    for start in range(0, len(ids), size):
        yield _block(ids[start : start + size], outputs[start : start + size], selection)


def _block(ids: Sequence[str | None], outputs: np.ndarray, selection: OutputSelection) -> Block:
    if selection.raw:
        return Block(ids, None, [sql_array(row) for row in outputs.tolist()])
    outputs = outputs.reshape(len(outputs), -1)
    rows, classes, ranks = select(outputs, selection)
    taken = list(map(repr, outputs[rows, classes].tolist()))
    return Block([ids[row] for row in rows], classes.tolist(), taken, ranks.tolist())


def without_class(outputs: np.ndarray) -> int | None:
    """Return the first row of outputs (rows, ...) that has NaN, if there is one.

    >>> without_class(np.array([[0.5, 0.5], [0.5, np.nan]]))
    1
    """
    wrong = np.isnan(outputs).any(axis=tuple(range(1, outputs.ndim)))
    return int(wrong.argmax()) if wrong.any() else None


def select(probabilities: np.ndarray, selection: OutputSelection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, class, rank from 1) of what a selection takes from probabilities (rows, classes), by row and rank."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    taken = np.ones(order.shape, bool)
    if selection.most is not None:
        taken[:, selection.most :] = False
    if selection.above is not None:
        taken &= np.take_along_axis(probabilities, order, 1) > selection.above
    rows, places = np.nonzero(taken)
    return rows, order[rows, places], places + 1


def sql_array(numbers: object) -> str:
    """Return lists of numbers as an array in SQL.

    >>> sql_array([[1, 2.5], [3, 4]])
    '{{1,2.5},{3,4}}'
    """
    return repr(numbers).translate(_BRACES)


def packed_outputs(outputs: np.ndarray) -> bytes:
    """Return outputs (rows, ...) as bytes: how many sizes there are, four bytes each for these, then float32."""
    sizes = b"".join(map(_SIZE.pack, outputs.shape))
    return _SIZE.pack(outputs.ndim) + sizes + outputs.astype(np.float32, copy=False).tobytes()


def opened_outputs(raw: bytes) -> np.ndarray:
    """Return the outputs (rows, ...) that `packed_outputs` has written."""
    (count,) = _SIZE.unpack_from(raw)
    begin = _SIZE.size * (1 + count)
    sizes = [size for (size,) in _SIZE.iter_unpack(raw[_SIZE.size : begin])]
    return np.frombuffer(raw, np.float32, offset=begin).reshape(sizes)


def meaning_of_one(asked: OneOutput, activation: str, in_sigmoid: bool) -> OneOutput | None:
    """Return what the one output of a network tells of two classes; None where it tells nothing of them.

    Args:
        asked: what it stands for by its loss.
        activation: the last one of the network.
        in_sigmoid: whether a sigmoid is the very last of its operations.
    """
    # A loss of logits finds those before a sigmoid at the very end; any other output it takes for one.
    probable = asked is OneOutput.PROBABILITY or (asked is OneOutput.LOGIT and in_sigmoid)
    if activation in PROBABILITIES and probable:
        return OneOutput.PROBABILITY
    return asked if no_probability(activation, asked is not OneOutput.PROBABILITY) is None else None


def of_two(outputs: np.ndarray, one: OneOutput) -> np.ndarray:
    """Return the probabilities of two classes (rows, 2) float32 from one output for each row (rows,)."""
    if one is OneOutput.PROBABILITY:
        return np.stack([1 - outputs, outputs], axis=1)
    logits = np.clip(outputs.astype(np.float64), -700, 700)  # exp stays a number
    return np.stack([1 / (1 + np.exp(logits)), 1 / (1 + np.exp(-logits))], axis=1).astype(np.float32)


def shape_taken(outputs: tuple[int, ...], one: OneOutput | None) -> tuple[int, ...]:
    """Return the shape in which the outputs of a row are taken: of two classes where one output stands for them.

    Args:
        outputs: of the network for a row.
        one: what the one output tells of two classes; None where it has several, or tells nothing of them.
    """
    if one is not None:
        return (2,)
    return (1,) if math.prod(outputs) == 1 else outputs


def taken(found: np.ndarray, outputs: tuple[int, ...], one: OneOutput | None) -> np.ndarray:
    """Return what a network found for rows (rows, ...) in the shape that `shape_taken` tells."""
    whole = found if one is None else of_two(found.reshape(-1), one)
    return whole.reshape(len(found), *shape_taken(outputs, one))
