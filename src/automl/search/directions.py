"""Which values of a loss or a metric are better, the small or the large ones, and which it can have at all."""

from __future__ import annotations

from dataclasses import dataclass
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
_CORRELATIONS = frozenset(("concordance_correlation", "cosine_similarity", "pearson_correlation"))
_COUNTS = frozenset(("false_negatives", "false_positives", "true_negatives", "true_positives"))
_R2 = frozenset(("r2_score",))
# Losses, and metrics that are better small, which are 0 where all is right. Left out are those that can fall below that:
# the divergence of outputs that do not add up to 1, Poisson's, and those of masks where outputs are no shares.
_ERRORS = frozenset(
    (
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_generalized_cross_entropy",
        "categorical_hinge",
        "circle",
        "hinge",
        "huber",
        "log_cosh",
        "log_cosh_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "root_mean_squared_error",
        "squared_hinge",
    )
)


@dataclass(frozen=True)
class Range:
    """The values that a loss or a metric can have.

    Attributes:
        least, most: its bounds, which it can have too; None for none.
    """

    least: float | None = None
    most: float | None = None

    @property
    def is_share(self) -> bool:
        """Whether they are the shares of something."""
        return (self.least, self.most) == (0.0, 1.0)


_RANGES = (
    (_LARGE - _CORRELATIONS - _COUNTS - _R2, Range(0.0, 1.0)),
    (_CORRELATIONS, Range(-1.0, 1.0)),
    (_COUNTS | _ERRORS, Range(0.0)),
    (_R2, Range(None, 1.0)),
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


def range_of(metric: str) -> Range:
    """Return the values that a metric of Keras can have; without bounds where nobody knows of any.

    >>> range_of("AUC(curve='PR')"), range_of("mae"), range_of("revenue")
    (Range(least=0.0, most=1.0), Range(least=0.0, most=None), Range(least=None, most=None))
    """
    call = call_of(metric)
    return _range(one_name(metric if call is None else call.name))


def range_of_loss(loss: str, factor: float) -> Range:
    """Return the values that a loss of Keras can have; upwards there is no bound, what layers add to it lies above.

    Args:
        factor: that it is multiplied with.
    """
    call = call_of(loss)
    least = _range(keras_names.one_name("loss", loss if call is None else call.name)).least
    return Range(None if least is None or factor < 0 else factor * least)


def _range(name: str) -> Range:
    return next((found for names, found in _RANGES if name in names), Range())


def one_name(name: str) -> str:
    """Return one name for all ways to write a metric."""
    return "accuracy" if name.lower() in ACCURACY else keras_names.one_name("metric", name).lower()
