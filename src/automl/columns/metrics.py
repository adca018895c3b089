"""How good predictions are, of classes and of numbers, and how good a guess is that is the same for every row. Pure numpy."""

from __future__ import annotations

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


def of_classes(truth: np.ndarray, probabilities: np.ndarray, answered: np.ndarray) -> dict[str, Measured]:
    """Return the measures of predicted classes.

    Args:
        truth: the class of each row, from 0.
        probabilities: (rows, classes).
        answered: the class that each row is said to be of.
    """
    probabilities = probabilities.astype(np.float64)
    shares = np.bincount(truth, minlength=probabilities.shape[1]) / len(truth)
    often = float(shares.max())
    there = np.flatnonzero(shares)
    return {
        "log_loss": Measured(float(log_losses(truth, probabilities).mean()), _entropy(shares[there])),
        "accuracy": Measured(float((truth == answered).mean()), often),
        "balanced_accuracy": Measured(float(_recalls(truth, answered)[there].mean()), 1 / len(there)),
        "brier": Measured(_brier(truth, probabilities), float(1 - (shares**2).sum())),
        **(
            _of_two(truth == 1, probabilities[:, 1], answered == 1) if len(shares) == 2 else _of_several(truth, answered, there)
        ),
    }


def of_numbers(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Measured]:
    """Return the measures of predicted numbers, float64."""
    error, spread = predicted - truth, truth - truth.mean()
    rmse, constant = (float(np.sqrt((each**2).mean())) for each in (error, spread))
    return {
        "rmse": Measured(rmse, constant),
        "mae": Measured(float(np.abs(error).mean()), float(np.abs(spread).mean())),
        "median_absolute_error": Measured(float(np.median(np.abs(error))), float(np.median(np.abs(spread)))),
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
    return AtThreshold(threshold, int(said.sum()), *_precision_recall_f1(positive, said))


def best_threshold(positive: np.ndarray, probability: np.ndarray) -> float:
    """Return the threshold that is best for F1, halfway between two probabilities; of equals the one closest to a half.

    Args:
        positive, probability: as those of `at_threshold`.
    """
    if not positive.any() or positive.all():
        return 0.5
    order = np.argsort(-probability, kind="stable")
    levels, hits = probability[order].astype(np.float64), np.cumsum(positive[order])
    ends = np.append(np.flatnonzero(np.diff(levels)), len(levels) - 1)  # the last row of each level
    scores = 2 * hits[ends] / (ends + 1 + positive.sum())
    below = np.append(levels[ends[:-1] + 1], 0.0)
    halfway = (levels[ends] + below) / 2
    best = np.flatnonzero(scores == scores.max())
    return float(min(halfway[best], key=lambda each: abs(each - 0.5)))


def roc_auc(positive: np.ndarray, probability: np.ndarray) -> float | None:
    """Return the area under the ROC curve: how often a row of the second class has the higher probability of any two rows, one
    of each class; ties count half. None if there is one class only. By ranks (Mann and Whitney 1947)."""
    hits, others = int(positive.sum()), int((~positive).sum())
    if hits == 0 or others == 0:
        return None
    _, level, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of each level, from 1
    return float((ranks[level][positive].sum() - hits * (hits + 1) / 2) / (hits * others))


def _of_two(positive: np.ndarray, probability: np.ndarray, said: np.ndarray) -> Mapping[str, Measured]:
    precision, recall, f1 = _precision_recall_f1(positive, said)
    return {
        "roc_auc": Measured(roc_auc(positive, probability), 0.5),
        "precision": Measured(precision),
        "recall": Measured(recall),
        "f1": Measured(f1),
    }


def _of_several(truth: np.ndarray, answered: np.ndarray, there: np.ndarray) -> Mapping[str, Measured]:
    f1 = [_precision_recall_f1(truth == each, answered == each)[2] or 0.0 for each in there]
    return {"macro_f1": Measured(float(np.mean(f1)))}


def _precision_recall_f1(positive: np.ndarray, said: np.ndarray) -> tuple[float | None, float | None, float | None]:
    hits, found, there = int((positive & said).sum()), int(said.sum()), int(positive.sum())
    f1 = 2 * hits / (found + there) if found + there else None
    return hits / found if found else None, hits / there if there else None, f1


def _recalls(truth: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """Return by class how many of its rows are found; of one without rows something that means nothing."""
    counts = np.bincount(truth)
    recalls: np.ndarray = np.bincount(truth, truth == answered) / np.maximum(counts, 1)
    return recalls


def _brier(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean squared distance of the probabilities from what is true, summed over the classes (Brier 1950)."""
    squares = (probabilities**2).sum(axis=1) - 2 * probabilities[np.arange(len(truth)), truth] + 1
    return float(squares.mean())


def _entropy(shares: np.ndarray) -> float:
    return float(-(shares * np.log(shares)).sum()) + 0.0  # not -0
