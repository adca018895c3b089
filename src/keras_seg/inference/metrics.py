"""Metrics as sums over rows, in double precision: means of values, and scores of classes.

Each takes batches and then tells its value; of a metric with several values their mean. Sources: `keras.metrics` of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from keras_seg.inference.compared import Batch, Rows
from keras_seg.inference.layer import Array
from keras_seg.inference.losses import Values, cosine_similarity
from keras_seg.inference.problems import NeedsTensorFlow

_EPSILON = 1e-7


class Metric(Protocol):
    """What is summed up over batches of rows."""

    def add(self, batch: Batch) -> None:
        """Take a batch."""

    def result(self) -> float:
        """Return the value for all rows so far."""


class Mean:
    """The mean of what a function gives for each row; of the values of a row their mean.

    Args:
        values: takes a batch and gives values (rows, ...).
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._total = 0.0
        self.rows = 0

    def add(self, batch: Batch) -> None:
        values = self._values(batch)
        self._total += float(values.sum(dtype=np.float64)) * len(values) / values.size
        self.rows += len(values)

    def result(self) -> float:
        return self._total / self.rows if self.rows else 0.0


class RootMean(Mean):
    """The square root of a mean."""

    def result(self) -> float:
        return float(np.sqrt(super().result()))


# --- shares of rows that are right --------------------------------------------------------------------------------------


def binary_accuracy(batch: Batch, threshold: float = 0.5) -> Array:
    return batch.y == (batch.p > np.float32(threshold))


def categorical_accuracy(batch: Batch) -> Array:
    return batch.y.argmax(-1) == batch.p.argmax(-1)


def sparse_categorical_accuracy(batch: Batch) -> Array:
    return batch.numbers == batch.p.argmax(-1)


def top_k_categorical_accuracy(batch: Batch, k: int = 5) -> Array:
    return _in_top(batch.y.argmax(-1), batch.p, k)


def sparse_top_k_categorical_accuracy(batch: Batch, k: int = 5) -> Array:
    return _in_top(batch.numbers, batch.p, k)


def _in_top(numbers: Array, p: Array, k: int) -> Array:
    """Return whether fewer than `k` outputs are above that of a class; not where one is no number, or there is no class."""
    known = (numbers >= 0) & (numbers < p.shape[-1])
    own = np.take_along_axis(p, np.where(known, numbers, 0)[..., None], -1)
    return known & np.isfinite(p).all(-1) & ((p > own).sum(-1) < k)


def similarity(batch: Batch) -> Array:
    """Return the cosine of labels and outputs: as a loss it is below 0 where they are alike."""
    return -cosine_similarity(batch)


MEANS: Mapping[str, Values] = {
    **{
        function.__name__: function
        for function in (
            *(binary_accuracy, categorical_accuracy, sparse_categorical_accuracy),
            *(top_k_categorical_accuracy, sparse_top_k_categorical_accuracy),
        )
    },
    "cosine_similarity": similarity,
}


# --- of all rows at once ------------------------------------------------------------------------------------------------


class R2:
    """The share of the variance that a network explains, mean over its outputs."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums: Array = np.zeros((3, 1))  # of the labels, of their squares, of the squares of errors

    def add(self, batch: Batch) -> None:
        y, error = batch.y.astype(np.float64), np.square(batch.y - batch.p, dtype=np.float64)
        self._sums = self._sums + np.stack([y.sum(0), np.square(y).sum(0), error.sum(0)])
        self._rows += len(y)

    def result(self) -> float:
        total, squares, errors = self._sums
        with np.errstate(all="ignore"):
            scores = 1 - errors / (squares - total * (total / self._rows))
        return float(np.where(np.isinf(scores), 0.0, scores).mean())


class FBeta:
    """Precision and recall in one number.

    Args:
        rows: what stands in a row.
        average: over the classes; None for the mean of all, or the second of two.
        beta: how many times recall weighs as much as precision.
        threshold: above which an output is positive; None where the largest of a row is.

    Raises:
        NeedsTensorFlow: Keras refuses the arguments, or the rows.
    """

    def __init__(self, rows: Rows, average: str | None = None, beta: float = 1.0, threshold: float | None = None) -> None:
        if threshold is None and rows.one_for_two:
            threshold = 0.5  # the larger of two outputs is above a half
        valid = isinstance(beta, float) and beta > 0 and average in (None, "micro", "macro", "weighted")
        of_all = rows.numbered and average is not None
        if not valid or of_all or not _is_share(threshold) or (threshold is None and rows.units == 1):
            raise NeedsTensorFlow("a score of these rows")
        self._average, self._beta, self._threshold = average, beta, threshold
        self._second = rows.two_outputs and average is None
        self._counts: Array = np.zeros((3, rows.units))  # rightly positive, wrongly positive, wrongly negative

    def add(self, batch: Batch) -> None:
        y, p = batch.shares.astype(np.float64), self._positive(batch.p).astype(np.float64)
        self._counts = self._counts + np.stack([(p * y).sum(0), (p * (1 - y)).sum(0), ((1 - p) * y).sum(0)])

    def _positive(self, p: Array) -> Array:
        if self._threshold is None:
            return (p >= p.max(-1, keepdims=True)) & (np.abs(p) > 1e-9)
        return p > np.float32(self._threshold)

    def result(self) -> float:
        right, wrong, missed = self._counts.sum(1, keepdims=True) if self._average == "micro" else self._counts
        precision, recall = right / (right + wrong + _EPSILON), right / (right + missed + _EPSILON)
        square = self._beta**2
        scores = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self._average == "weighted":
            there = right + missed
            return float((scores * there / (there.sum() + _EPSILON)).sum())
        return float(scores[1] if self._second else scores.mean())


def _is_share(threshold: object) -> bool:
    return threshold is None or (isinstance(threshold, float) and 0 < threshold <= 1)
