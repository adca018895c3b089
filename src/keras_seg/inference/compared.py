"""What losses and metrics compare: labels and outputs, in the shapes in which they are given where TensorFlow computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_seg.inference.layer import Array, Shape
from keras_seg.protocol.outputs import are_class_numbers, common_shape, stands_for_two
from keras_seg.protocol.variables import Variable


@dataclass(frozen=True)
class Rows:
    """What stands in a row.

    Attributes:
        packed: the labels as a packed table has them.
        outputs: shape of what the network gives for a row.
    """

    packed: Variable
    outputs: Shape

    @property
    def units(self) -> int:
        """The size of the network's last dimension."""
        return self.outputs[-1] if self.outputs else 1

    @cached_property
    def numbered(self) -> bool:
        """Whether labels are class numbers for a network with an output for each class."""
        return are_class_numbers(self.packed, self.outputs)

    @cached_property
    def one_for_two(self) -> bool:
        """Whether the network has one output for two classes."""
        return stands_for_two(self.packed, self.outputs)

    @property
    def alike(self) -> bool:
        """Whether a row of labels has a number for each output."""
        return self.outputs != () and (self.one_for_two or common_shape(self.packed, self.outputs) == self.outputs)

    @property
    def two_outputs(self) -> bool:
        """Whether the network has two outputs, one for each of two classes."""
        one_hot = self.packed.one_hot and self.packed.shape == (2,)
        return self.outputs == (2,) and (one_hot or self.numbered)

    @property
    def kind(self) -> str:
        """Which of several accuracies, or crossentropies, fits the rows."""
        return "binary" if self.units == 1 else "sparse_categorical" if self.numbered else "categorical"

    def given(self, y: np.ndarray) -> Array:
        """Return packed labels (rows, ...) as they are compared (rows, ...) float32."""
        if self.one_for_two:
            y = y[:, 1:]
        shape = self.packed.shape if self.numbered else self.outputs
        return y.astype(np.float32).reshape(len(y), *shape)


class Batch:
    """Labels and outputs of some rows.

    Args:
        rows: what stands in a row.
        y: packed labels (rows, ...).
        outputs: of the network (rows, ...) float32.
        logits: what these come out of, if a sigmoid or softmax is the very last of the network.

    Attributes:
        y, p: labels and outputs as they are compared.
    """

    def __init__(self, rows: Rows, y: np.ndarray, outputs: Array, logits: Array | None) -> None:
        self._rows = rows
        self.y = rows.given(y)
        self.p = outputs
        self.logits = logits

    @cached_property
    def numbers(self) -> Array:
        """The number of the class of each label (rows, ...) int64: its one value, or the place of its largest."""
        if self.y.ndim < self.p.ndim:
            return self.y.astype(np.int64)
        return self.y[..., 0].astype(np.int64) if self.y.shape[-1] == 1 else self.y.argmax(-1)

    @cached_property
    def shares(self) -> Array:
        """Labels with a number for each output (rows, ...)."""
        if not self._rows.numbered:
            return self.y
        return (self.numbers[..., None] == np.arange(self._rows.units)).astype(np.float32)
