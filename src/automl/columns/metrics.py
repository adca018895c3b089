"""How good predictions are, of classes and of numbers, and how good a guess is that is the same for every row. Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEAST = 1e-7  # a probability counts for no less in the log loss; Keras' epsilon


@dataclass(frozen=True)
class Measured:
    """A measure.

    Attributes:
        value: of the predictions; None where the rows tell none.
        constant: of the guess that is the same for every row, the shares of the classes or the mean of the numbers in these
            very rows; None where that says nothing.
    """

    value: float | None
    constant: float | None = None


@dataclass(frozen=True)
class AtThreshold:
    """What becomes of two classes if rows are the second one from a probability on.

    Attributes:
        rows: how many are said to be of the second class.
        precision: how many of these are; None if there are none.
        recall: how many of that class are found; None if there are none.
        f1: the harmonic mean of both.
    """

    threshold: float
    rows: int
    precision: float | None
    recall: float | None
    f1: float | None


def of_classes(
    truth: np.ndarray, probabilities: np.ndarray, answered: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, Measured]:
    """Return the measures of predicted classes.

    Args:
        truth: the class of each row, from 0.
        probabilities: (rows, classes).
        answered: the class that each row is said to be of.
        weights: how much each row counts; None where all count the same.
    """
    probabilities, weights = probabilities.astype(np.float64), _weights(weights, truth)
    shares = np.bincount(truth, weights, probabilities.shape[1]) / weights.sum()
    often = float(shares.max())
    there = np.flatnonzero(shares)
    return {
        "log_loss": Measured(_mean(log_losses(truth, probabilities), weights), _entropy(shares[there])),
        "accuracy": Measured(_mean(truth == answered, weights), often),
        "balanced_accuracy": Measured(float(_recalls(truth, answered, weights)[there].mean()), 1 / len(there)),
        "brier": Measured(_brier(truth, probabilities, weights), float(1 - (shares**2).sum())),
        **(
            _of_two(truth == 1, probabilities[:, 1], answered == 1, weights)
            if len(shares) == 2
            else _of_several(truth, answered, there, weights)
        ),
    }


def of_numbers(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> dict[str, Measured]:
    """Return the measures of predicted numbers, float64; `weights` as those of `of_classes`."""
    weights = _weights(weights, truth)
    error, spread = predicted - truth, truth - _mean(truth, weights)
    rmse, constant = (math.sqrt(_mean(each**2, weights)) for each in (error, spread))
    return {
        "rmse": Measured(rmse, constant),
        "mae": Measured(*(_mean(np.abs(each), weights) for each in (error, spread))),
        "median_absolute_error": Measured(*(_median(np.abs(each), weights) for each in (error, spread))),
        "r2": Measured(None if constant == 0 else 1 - (rmse / constant) ** 2, None if constant == 0 else 0.0),
    }


def log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the log loss of each row; arguments as those of `of_classes`."""
    found = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    losses: np.ndarray = -np.log(np.clip(found, LEAST, 1.0))
    return losses


def confusion(truth: np.ndarray, answered: np.ndarray, classes: int) -> np.ndarray:
    """Return how many rows of each class are said to be of each: (classes, classes), the true ones first."""
    pairs = np.bincount(truth.astype(np.int64) * classes + answered, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def at_threshold(positive: np.ndarray, probability: np.ndarray, threshold: float) -> AtThreshold:
    """Return what becomes of two classes from a threshold on.

    Args:
        positive: whether each row is of the second class.
        probability: of that, for each row.
    """
    said = probability >= threshold
    measured = _precision_recall_f1(positive, said, _weights(None, positive))
    return AtThreshold(threshold, int(said.sum()), *measured)


def best_threshold(positive: np.ndarray, probability: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the threshold that is best for F1, halfway between two probabilities; of equals the one closest to a half.

    Args:
        positive, probability: as those of `at_threshold`.
        weights: as those of `of_classes`.
    """
    if not positive.any() or positive.all():
        return 0.5
    order = np.argsort(-probability, kind="stable")
    sorted_weights = _weights(weights, positive)[order]
    levels, hits = probability[order].astype(np.float64), np.cumsum(sorted_weights * positive[order])
    ends = np.append(np.flatnonzero(np.diff(levels)), len(levels) - 1)  # the last row of each level
    scores = 2 * hits[ends] / (np.cumsum(sorted_weights)[ends] + hits[-1])
    below = np.append(levels[ends[:-1] + 1], 0.0)
    halfway = (levels[ends] + below) / 2
    best = np.flatnonzero(scores == scores.max())
    return float(min(halfway[best], key=lambda each: abs(each - 0.5)))


def roc_auc(positive: np.ndarray, probability: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    """Return the area under the ROC curve: how often a row of the second class has the higher probability of any two rows, one
    of each class; ties count half. None if there is one class only (Mann and Whitney 1947)."""
    weights, level = _weights(weights, positive), np.unique(probability, return_inverse=True)[1]
    hits, others = (np.bincount(level, weights * each) for each in (positive, ~positive))
    if not hits.sum() or not others.sum():
        return None
    lower = np.cumsum(others) - others / 2  # rows of the first class that have a lower probability, or the same
    return float((hits * lower).sum() / (hits.sum() * others.sum()))


def _of_two(positive: np.ndarray, probability: np.ndarray, said: np.ndarray, weights: np.ndarray) -> Mapping[str, Measured]:
    precision, recall, f1 = _precision_recall_f1(positive, said, weights)
    return {
        "roc_auc": Measured(roc_auc(positive, probability, weights), 0.5),
        "precision": Measured(precision),
        "recall": Measured(recall),
        "f1": Measured(f1),
    }


def _of_several(truth: np.ndarray, answered: np.ndarray, there: np.ndarray, weights: np.ndarray) -> Mapping[str, Measured]:
    f1 = [_precision_recall_f1(truth == each, answered == each, weights)[2] or 0.0 for each in there]
    return {"macro_f1": Measured(float(np.mean(f1)))}


def _precision_recall_f1(
    positive: np.ndarray, said: np.ndarray, weights: np.ndarray
) -> tuple[float | None, float | None, float | None]:
    hits, found, there = (float(weights[each].sum()) for each in (positive & said, said, positive))
    f1 = 2 * hits / (found + there) if found + there else None
    return hits / found if found else None, hits / there if there else None, f1


def _recalls(truth: np.ndarray, answered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return by class how many of its rows are found; 0 of one without rows."""
    all_rows, hits = np.bincount(truth, weights), np.bincount(truth, weights * (truth == answered))
    recalls: np.ndarray = np.divide(hits, all_rows, out=np.zeros_like(hits), where=all_rows > 0)
    return recalls


def _brier(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean squared distance of the probabilities from what is true, summed over the classes (Brier 1950)."""
    squares = (probabilities**2).sum(axis=1) - 2 * probabilities[np.arange(len(truth)), truth] + 1
    return _mean(squares, weights)


def _entropy(shares: np.ndarray) -> float:
    return float(-(shares * np.log(shares)).sum()) + 0.0  # not -0


def _weights(weights: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    return np.ones(len(rows)) if weights is None else weights


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(values, weights=weights))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the median; halfway between two numbers where half of the weight lies below the second of them."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    places = [int(np.searchsorted(reached, reached[-1] / 2, side)) for side in ("left", "right")]
    return float(values[order][places].mean())
