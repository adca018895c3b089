"""What stands in the rows that a loss or a metric is given, and whether it fits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_seg.server.failure import message_of
from keras_seg.training.problems import CompileProblem


@dataclass(frozen=True)
class RowShape:
    """What stands in a row: the values of the dependent variable, and those that the network gives.

    Attributes:
        label_width: number of values of a packed row of labels.
        outputs: shape of what the network gives for a row.
    """

    label_width: int
    outputs: tuple[int, ...]

    @property
    def units(self) -> int:
        """The size of the network's last dimension."""
        return self.outputs[-1] if self.outputs else 1

    @property
    def numbered(self) -> bool:
        """Whether a row of labels is one class number for a network with an output for each class."""
        return self.label_width == 1 and self.units > 1

    def two_rows(self) -> tuple[Any, Any]:
        """Return labels (2, label_width) and outputs (2, ...), all zeros. One row would be stretched to any shape."""
        return tf.zeros((2, self.label_width)), tf.zeros((2, *self.outputs))


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
        fit = f"labels of length {shape.label_width} and outputs of shape {list(shape.outputs)}"
        raise CompileProblem(f'{what} "{text}" does not fit {fit}: {message_of(error, lines=1)}') from None
    return made
