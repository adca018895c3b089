"""What the benchmarks of quality search: the same rows, networks and ranges for us and for others."""

from __future__ import annotations

from dataclasses import dataclass

RATES = (0.001, 0.1)  # of learning, on a log scale
OPTIMIZERS = ("Adam", "RMSprop")


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes:
        networks: units of the hidden layers of each.
        batch_sizes: choices.
    """

    networks: tuple[tuple[int, ...], ...]
    batch_sizes: tuple[int, ...]


PROBLEMS = {
    "iris": Problem(((10, 10), (10, 10, 10)), (4, 8)),
    "digits": Problem(((32,), (64,)), (32, 64)),
    "wine": Problem(((16,), (16, 16)), (4, 8)),
    "breast_cancer": Problem(((16,), (32, 16)), (8, 32)),
}
