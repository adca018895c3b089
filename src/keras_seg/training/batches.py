"""Which rows make a batch: the numbers of rows in the order in which they are trained on, and where in it batches begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_seg.protocol.orders import FitOrder


@dataclass(frozen=True, eq=False)  # arrays compare by their elements
class Batches:
    """Batches of rows of one buffer.

    Attributes:
        rows: the numbers of the rows, int32 of shape (rows,).
        bounds: where in them each batch begins, and where the last one ends, int32 of shape (batches + 1,).
    """

    rows: np.ndarray
    bounds: np.ndarray


class Orders:
    """The orders of rows in one pass over buffers, one behind the other.

    Args:
        random: draws them.
    """

    def __init__(self, fit: FitOrder, random: np.random.Generator) -> None:
        self._fit = fit
        self._random = random
        self._steps_left = fit.steps_per_epoch

    def next(self, rows: int) -> np.ndarray:
        """Return the order of the rows of the next buffer, int32, as many as are trained on."""
        fit = self._fit
        order = self._random.permutation(rows).astype(np.int32) if fit.shuffle else np.arange(rows, dtype=np.int32)
        if self._steps_left is not None:
            order = order[: self._steps_left * fit.batch_size]
            self._steps_left -= -(-len(order) // fit.batch_size)
        return order


def batches(orders: Sequence[np.ndarray], size: int) -> Batches:
    """Return batches of at most `size` rows; none of them has rows of two of the orders."""
    bounds, begin = [np.zeros(1, np.int32)], 0
    for order in orders:
        bounds.append(begin + np.minimum(np.arange(size, len(order) + size, size), len(order)))
        begin += len(order)
    rows = np.concatenate([np.zeros(0, np.int32), *orders])
    return Batches(rows.astype(np.int32), np.concatenate(bounds).astype(np.int32))
