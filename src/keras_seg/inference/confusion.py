"""Metrics that count rows above and below thresholds: AUC, Precision, Recall and their kin.

Thresholds that lie evenly are counted as in Keras, by the interval that an output falls into, so that what lies at a threshold
falls on the same side. Source: `keras.src.metrics.confusion_metrics` and `metrics_utils` of Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from keras_seg.inference.activations import sigmoid
from keras_seg.inference.compared import Batch, Rows
from keras_seg.inference.layer import Array
from keras_seg.inference.problems import NeedsTensorFlow

_EPSILON = 1e-7
Pick = Callable[[Batch], tuple[Array, Array]]  # labels and outputs that count, of one shape


@dataclass(frozen=True)
class Counts:
    """How many rows there are of each kind, at each threshold."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array

    def plus(self, other: Counts) -> Counts:
        """Return the counts of both."""
        return Counts(self.tp + other.tp, self.fp + other.fp, self.tn + other.tn, self.fn + other.fn)

    @property
    def single(self) -> Counts:
        """The counts as float32, in which Keras computes with them."""
        return Counts(*(each.astype(np.float32) for each in (self.tp, self.fp, self.tn, self.fn)))


@dataclass(frozen=True)
class Thresholds:
    """Thresholds that outputs are compared with.

    Attributes:
        values: in the order in which they were given.
        evenly: whether they lie evenly between 0 and 1, both included.
        beyond: whether the first lies a little below 0 and the last a little above 1.
    """

    values: Sequence[float]
    evenly: bool
    beyond: bool = False

    def counts(self, y: Array, p: Array) -> Counts:
        """Return the counts of labels and outputs, both of any one shape."""
        positive, places = y.reshape(-1) != 0, self._above(p.reshape(-1))
        tp, fp = self._at_least(places[positive]), self._at_least(places[~positive])
        total = int(positive.sum())
        return Counts(tp, fp, len(places) - total - fp, total - tp)

    def _above(self, p: Array) -> Array:
        """Return how many thresholds each output is above, in ascending order."""
        valid = ~np.isnan(p)
        p = np.where(valid, p, np.float32(0))
        if not self.evenly:
            above = np.searchsorted(np.sort(np.asarray(self.values, np.float32)), p, "left")
        else:
            above = np.ceil(np.clip(p, 0, 1) * np.float32(len(self.values) - 1)).astype(np.int64)
            above = np.maximum(above, 1) if self.beyond else above
        return np.where(valid, above, 0)

    def _at_least(self, places: Array) -> Array:
        """Return how many of these are above each threshold, in the order of `values`."""
        size = len(self.values)
        found = np.bincount(places, minlength=size + 1)[::-1].cumsum()[::-1][1:].astype(np.float64)
        at: Array = np.empty(size)
        at[np.argsort(np.asarray(self.values, np.float32), kind="stable")] = found
        return at


class Counted:
    """A metric of counts.

    Args:
        pick: what of a batch is counted.
        result: takes counts and gives values.
    """

    def __init__(self, pick: Pick, thresholds: Thresholds, result: Callable[[Counts], Array]) -> None:
        self._pick = pick
        self._thresholds = thresholds
        self._result = result
        none: Array = np.zeros(len(thresholds.values))
        self._counts = Counts(none, none, none, none)

    def add(self, batch: Batch) -> None:
        self._counts = self._counts.plus(self._thresholds.counts(*self._pick(batch)))

    def result(self) -> float:
        with np.errstate(all="ignore"):
            return float(np.mean(self._result(self._counts.single)))


def _picked(rows: Rows, class_id: object = None, from_logits: bool = False) -> Pick:
    """Return what is counted: one class where it is named, the second one of two outputs, else all outputs."""
    if class_id is not None:
        if type(class_id) is not int or not 0 <= class_id < rows.units or rows.numbered:
            raise NeedsTensorFlow(f'"class_id" = {class_id!r}')
        place = class_id
        return lambda batch: (batch.y[..., place], batch.p[..., place])
    probable = sigmoid if from_logits else _same
    if not rows.two_outputs:
        return lambda batch: (batch.y, probable(batch.p))
    if from_logits:
        return lambda batch: (batch.shares[:, 1], sigmoid(batch.p[:, 1] - batch.p[:, 0]))
    return lambda batch: (batch.shares[:, 1], batch.p[:, 1])


def _same(p: Array) -> Array:
    return p


def _no_nan(above: Array, below: Array) -> Array:
    """Return a quotient, and 0 where it is of 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def _given(thresholds: object) -> Thresholds:
    """Return thresholds as they are written: one number, several, or 0.5 for none."""
    values: list[Any] = [0.5] if thresholds is None else thresholds if isinstance(thresholds, list) else [thresholds]
    if not values or not all(type(each) in (int, float) and 0 <= each <= 1 for each in values):
        raise NeedsTensorFlow(f'"thresholds" = {thresholds!r}')
    return Thresholds(values, _are_even(values))


def _are_even(values: Sequence[float]) -> bool:
    size = len(values)
    even = np.arange(size, dtype=np.float32) / max(1, size - 1)
    return size > 2 and bool(np.allclose(values, even, atol=_EPSILON))


def _between(count: int) -> list[float]:
    """Return thresholds that lie evenly between 0 and 1, without these."""
    return [(place + 1) / (count - 1) for place in range(count - 2)]


# --- at thresholds of one's own -----------------------------------------------------------------------------------------


def _counted(result: Callable[[Counts], Array], rows: Rows, thresholds: object = None) -> Counted:
    return Counted(_picked(rows), _given(thresholds), result)


def _of_class(result: Callable[[Counts], Array], rows: Rows, thresholds: object = None, class_id: object = None) -> Counted:
    return Counted(_picked(rows, class_id), _given(thresholds), result)


def _precision(counts: Counts) -> Array:
    return _no_nan(counts.tp, counts.tp + counts.fp)


def _recall(counts: Counts) -> Array:
    return _no_nan(counts.tp, counts.tp + counts.fn)


def _specificity(counts: Counts) -> Array:
    return _no_nan(counts.tn, counts.tn + counts.fp)


# --- the best where another one suffices --------------------------------------------------------------------------------


def _best(
    value: Callable[[Counts], Array],
    bound: Callable[[Counts], Array],
    rows: Rows,
    least: float,
    num_thresholds: int = 200,
    class_id: object = None,
) -> Counted:
    """Return the largest value over thresholds at which another value is not below its least."""
    if type(least) not in (int, float) or not 0 <= least <= 1:
        raise NeedsTensorFlow(f"a bound of {least!r}")
    thresholds = Thresholds([0.0, *_between(num_thresholds), 1.0], True) if num_thresholds > 1 else Thresholds([0.5], False)

    def result(counts: Counts) -> Array:
        return np.where(bound(counts) >= np.float32(least), value(counts), 0).max()

    return Counted(_picked(rows, class_id), thresholds, result)


def _sensitivity_at_specificity(rows: Rows, specificity: float, num_thresholds: int = 200, class_id: object = None) -> Counted:
    return _best(_recall, _specificity, rows, specificity, num_thresholds, class_id)


def _specificity_at_sensitivity(rows: Rows, sensitivity: float, num_thresholds: int = 200, class_id: object = None) -> Counted:
    return _best(_specificity, _recall, rows, sensitivity, num_thresholds, class_id)


def _precision_at_recall(rows: Rows, recall: float, num_thresholds: int = 200, class_id: object = None) -> Counted:
    return _best(_precision, _recall, rows, recall, num_thresholds, class_id)


def _recall_at_precision(rows: Rows, precision: float, num_thresholds: int = 200, class_id: object = None) -> Counted:
    return _best(_recall, _precision, rows, precision, num_thresholds, class_id)


# --- the area under a curve ---------------------------------------------------------------------------------------------


def _auc(
    rows: Rows,
    num_thresholds: int = 200,
    curve: str = "ROC",
    summation_method: str = "interpolation",
    thresholds: object = None,
    from_logits: bool = False,
) -> Counted:
    if num_thresholds < 2 or not isinstance(thresholds, list | None):
        raise NeedsTensorFlow(f'"thresholds" = {thresholds!r} and "num_thresholds" = {num_thresholds}')
    inner = _between(num_thresholds) if thresholds is None else sorted(_given(thresholds).values)
    evenly = thresholds is None or _are_even([0.0, *inner, 1.0])
    between = Thresholds([-_EPSILON, *inner, 1 + _EPSILON], evenly, beyond=True)
    return Counted(_picked(rows, None, from_logits), between, _area(curve, summation_method))


def _area(curve: str, method: str) -> Callable[[Counts], Array]:
    if curve not in _CURVES or method not in _HEIGHTS:
        raise NeedsTensorFlow(f'"curve" = {curve!r} and "summation_method" = {method!r}')
    if _CURVES[curve] is _pr and _HEIGHTS[method] is _mean:
        return _interpolated_area
    points, heights = _CURVES[curve], _HEIGHTS[method]

    def area(counts: Counts) -> Array:
        x, y = points(counts)
        return ((x[:-1] - x[1:]) * heights(y[:-1], y[1:])).sum()

    return area


def _roc(counts: Counts) -> tuple[Array, Array]:
    return _no_nan(counts.fp, counts.fp + counts.tn), _recall(counts)


def _pr(counts: Counts) -> tuple[Array, Array]:
    return _recall(counts), _precision(counts)


def _pr_gain(counts: Counts) -> tuple[Array, Array]:
    """Flach and Kull, "Precision-Recall-Gain Curves", 2015; where nothing is rightly positive, as Keras has it."""
    scale = _no_nan(counts.tp + counts.fn, counts.tn + counts.fp)
    recall, precision = (1 - scale * _no_nan(wrong, counts.tp) for wrong in (counts.fn, counts.fp))
    none = counts.tp == 0
    return np.maximum(np.where(none, 0, recall), 0), np.where(none, np.float32(1), precision)


def _interpolated_area(counts: Counts) -> Array:
    """Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", 2006, section 4."""
    taken = counts.tp + counts.fp
    before, behind = taken[:-1], taken[1:]
    step = counts.tp[:-1] - counts.tp[1:]
    slope = _no_nan(step, np.maximum(before - behind, 0))
    intercept = counts.tp[1:] - slope * behind
    ratio = np.where((before > 0) & (behind > 0), _no_nan(before, behind), np.float32(1))
    return _no_nan(slope * (step + intercept * np.log(ratio)), counts.tp[1:] + counts.fn[1:]).sum()


def _mean(first: Array, second: Array) -> Array:
    return (first + second) / 2


_CURVES: Mapping[str, Callable[[Counts], tuple[Array, Array]]] = {
    **dict.fromkeys(("ROC", "roc"), _roc),
    **dict.fromkeys(("PR", "pr"), _pr),
    **dict.fromkeys(("PRGAIN", "prgain"), _pr_gain),
}
_HEIGHTS: Mapping[str, Callable[[Array, Array], Array]] = {
    **dict.fromkeys(("interpolation", "Interpolation"), _mean),
    **dict.fromkeys(("minoring", "Minoring"), np.minimum),
    **dict.fromkeys(("majoring", "Majoring"), np.maximum),
}

COUNTED: Mapping[str, Callable[..., Counted]] = {
    "auc": _auc,
    "precision": partial(_of_class, _precision),
    "recall": partial(_of_class, _recall),
    "true_positives": partial(_counted, lambda counts: counts.tp),
    "false_positives": partial(_counted, lambda counts: counts.fp),
    "true_negatives": partial(_counted, lambda counts: counts.tn),
    "false_negatives": partial(_counted, lambda counts: counts.fn),
    "sensitivity_at_specificity": _sensitivity_at_specificity,
    "specificity_at_sensitivity": _specificity_at_sensitivity,
    "precision_at_recall": _precision_at_recall,
    "recall_at_precision": _recall_at_precision,
}
