"""What stands where in the vector that the columns of a row become: numbers, flags, codes, in this order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The vector of a row, and what is predicted from it.

    Attributes:
        edges: of each number, in the order of the vector, quantiles of its scaled value over the training rows: ascending, at
            least two. Networks take fewer where there are more than they use; 65 are enough.
        flags: floats that are taken as they are: 0/1, -1/0/1, one-hot, arrays.
        codes: of each categorical that is embedded, how many codes it has; 0, which stands for none of them, not counted.
        outputs: classes, or 1 for a number.
        classes: whether classes are predicted.
    """

    edges: tuple[tuple[float, ...], ...]
    flags: int
    codes: tuple[int, ...]
    outputs: int
    classes: bool

    @property
    def numbers(self) -> int:
        """How many floats are embedded piece by piece: the first ones."""
        return len(self.edges)

    @property
    def width(self) -> int:
        """How many floats the vector has."""
        return self.numbers + self.flags + len(self.codes)
