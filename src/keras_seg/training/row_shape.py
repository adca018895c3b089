"""What stands in the rows that a loss or a metric is given, and whether it fits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_seg.protocol.outputs import are_class_numbers, common_shape, stands_for_two
from keras_seg.protocol.variables import Variable
from keras_seg.server.failure import message_of
from keras_seg.training.problems import CompileProblem


@dataclass(frozen=True)
class RowShape:
    """What stands in a row: the values of the dependent variable, and those that the network gives.

    Attributes:
        packed: the labels as a packed table has them.
        outputs: shape of what the network gives for a row.
    """

    packed: Variable
    outputs: tuple[int, ...]

    @property
    def units(self) -> int:
        """The size of the network's last dimension."""
        return self.outputs[-1] if self.outputs else 1

    @property
    def numbered(self) -> bool:
        """Whether labels are class numbers for a network with an output for each class."""
        return are_class_numbers(self.packed, self.outputs)

    @property
    def two_outputs(self) -> bool:
        """Whether the network has two outputs, one for each of two classes."""
        one_hot = self.packed.one_hot and self.packed.shape == (2,)
        return self.outputs == (2,) and (one_hot or self.numbered)

    @property
    def one_for_two(self) -> bool:
        """Whether the network has one output for two classes."""
        return stands_for_two(self.packed, self.outputs)

    @property
    def labels(self) -> tuple[int, ...]:
        """The shape of the labels that losses and metrics are given: of one output for two classes 0 or 1."""
        if self.one_for_two:
            return self.outputs or (1,)
        return common_shape(self.packed, self.outputs) or self.packed.shape

    @property
    def classes(self) -> int:
        """How many classes there are, for metrics that count them."""
        return self.units if self.numbered else max(self.units, self.labels[-1])

    def given(self, y: Any) -> Any:
        """Return packed labels (rows, ...) as losses and metrics are given them (rows, ...); part of a graph."""
        if self.one_for_two:
            y = y[:, 1:]
        return y if self.labels == y.shape[1:] else tf.reshape(y, (-1, *self.labels))

    def two_rows(self) -> tuple[Any, Any]:
        """Return labels (2, ...) and outputs (2, ...), all zeros. One row would be stretched to any shape."""
        return tf.zeros((2, *self.labels)), tf.zeros((2, *self.outputs))


def tried(what: str, text: str, made: Any, shape: RowShape) -> Any:
    """Return a loss or metric that has seen rows: one that does not fit them says so now, not in the middle of training.

    Args:
        what: "loss" or "metric".
        text: its name as it was written.
        made: the loss or metric, called with labels and outputs.

    Raises:
        CompileProblem: it does not fit.
    """
    try:
        made(*shape.two_rows())
    except CompileProblem:
        raise
    except Exception as error:  # whatever Keras raises is the answer here
        labels = f"length {shape.labels[0]}" if len(shape.labels) == 1 else f"shape {list(shape.labels)}"
        fit = f"labels of {labels} and outputs of shape {list(shape.outputs)}"
        raise CompileProblem(f'{what} "{text}" does not fit {fit}: {message_of(error, lines=1)}') from None
    return made
