"""The shape of a datum: what one row of a packed table consists of."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """What a network takes or gives for one row.

    Attributes:
        column: of the packed table; the shape of each of its buffers stands beside it in `<column>_shape`.
        shape: of the values of one row.
        dtype: of the numbers in a buffer, as numpy calls it.
        one_hot: whether these are a place for each class, with 1 in that of the row's own.
    """

    column: str
    shape: tuple[int, ...]
    dtype: str
    one_hot: bool = False

    @property
    def size(self) -> int:
        """Numbers of one row."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Variables:
    """What one row consists of.

    Attributes:
        inputs: what the network takes; one for now.
        output: what it is to give; None where it is only to predict.
    """

    inputs: tuple[Variable, ...]
    output: Variable | None = None

    @property
    def all(self) -> tuple[Variable, ...]:
        """Inputs and output, in the order in which their columns come."""
        return self.inputs if self.output is None else (*self.inputs, self.output)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What the query of a dataset calls the columns of each variable: that of the bytes, and that of the shape.

        They are our own, because columns of a packed table can be called anything.
        """
        return tuple((f"value_{number}", f"shape_{number}") for number in range(len(self.all)))

    @property
    def input(self) -> Variable:
        """The one input."""
        (only,) = self.inputs
        return only

    @property
    def labels(self) -> Variable:
        """The output, where there are rows to train on or to evaluate."""
        if self.output is None:
            raise ValueError("there is no output where rows are only predicted")
        return self.output
