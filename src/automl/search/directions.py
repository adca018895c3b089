"""Which values of a loss or a metric are better: the small or the large ones."""

from __future__ import annotations

from enum import StrEnum

from automl.search.literals import call_of
from keras_seg.protocol import keras_names
from keras_seg.protocol.keras_names import ACCURACY

# Metrics of Keras that are better large; all others that it has are better small. By the names that `one_name` gives them.
_LARGE = frozenset(
    (
        "accuracy",
        "auc",
        "binary_accuracy",
        "binary_io_u",
        "categorical_accuracy",
        "concordance_correlation",
        "cosine_similarity",
        "f1_score",
        "f_beta_score",
        "io_u",
        "mean_io_u",
        "one_hot_io_u",
        "one_hot_mean_io_u",
        "pearson_correlation",
        "precision",
        "precision_at_recall",
        "r2_score",
        "recall",
        "recall_at_precision",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "top_k_categorical_accuracy",
        "true_negatives",
        "true_positives",
    )
)
# Those of them that are no shares, which lie between 0 and 1.
_NO_SHARES = frozenset(
    ("concordance_correlation", "cosine_similarity", "pearson_correlation", "r2_score", "true_negatives", "true_positives")
)


class Direction(StrEnum):
    """Which values of an objective are better: the small or the large ones."""

    MIN = "min"
    MAX = "max"


def direction_of(metric: str) -> Direction | None:
    """Return which values of a metric are better; None where it is none of Keras.

    >>> str(direction_of("AUC(curve='PR')")), str(direction_of("mae")), direction_of("revenue")
    ('max', 'min', None)
    """
    call = call_of(metric)
    name = metric if call is None else call.name
    if one_name(name) in _LARGE:
        return Direction.MAX
    return Direction.MIN if keras_names.is_known("metric", name) else None


def is_share(metric: str) -> bool:
    """Whether the values of a metric of that name lie between 0 and 1, and large ones are better."""
    return one_name(metric) in _LARGE - _NO_SHARES


def one_name(name: str) -> str:
    """Return one name for all ways to write a metric."""
    return "accuracy" if name.lower() in ACCURACY else keras_names.one_name("metric", name).lower()
