"""Metrics of one class, of networks that have two outputs: of two classes the second one is meant.

Keras takes each output for a label by itself: of two that add up to 1 it counts every row twice, once for each class, and then
precision and recall are both the accuracy, whatever becomes of a rare class. What a user of two classes means is the value for
the second class, as a network with one output has it.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_seg.training.class_numbers import class_numbers
from keras_seg.training.row_shape import RowShape

_OF_ONE_CLASS = (
    keras.metrics.AUC,
    keras.metrics.BinaryIoU,
    keras.metrics.FalseNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.Precision,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.Recall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
    keras.metrics.TrueNegatives,
    keras.metrics.TruePositives,
)
_CHOICES = {"class_id": None, "top_k": None, "multi_label": False, "average": None}  # arguments that say what is meant


def of_positive_class(metric: keras.metrics.Metric, shape: RowShape) -> keras.metrics.Metric:
    """Return a metric of one class as that of the second one, where there are two and no argument says otherwise.

    Args:
        metric: of Keras.
        shape: of the rows that it will be given.
    """
    known = isinstance(metric, (*_OF_ONE_CLASS, keras.metrics.FBetaScore))
    chosen = any(getattr(metric, name, usual) != usual for name, usual in _CHOICES.items())
    return _OfPositiveClass(metric) if known and shape.two_outputs and not chosen else metric


class _OfPositiveClass(keras.metrics.Metric):  # type: ignore[misc]
    """A metric that is given the second class alone; a score that compares outputs is given both, and its second value counts.

    Args:
        metric: what keeps the variables.
    """

    def __init__(self, metric: keras.metrics.Metric) -> None:
        super().__init__(name=metric.name)
        self._inner = metric
        self._both = isinstance(metric, keras.metrics.FBetaScore)
        self._logits = bool(getattr(metric, "_from_logits", False))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take a batch: labels (rows, 2), or the numbers of classes (rows, 1) or (rows,), and outputs (rows, 2)."""
        if y_true.shape[1:] != y_pred.shape[1:]:
            y_true = tf.one_hot(class_numbers(tf.reshape(y_true, (-1, 1))), 2)
        if self._both:
            return self._inner.update_state(y_true, y_pred, sample_weight)
        positive = y_pred[:, 1:] - y_pred[:, :1] if self._logits else y_pred[:, 1:]
        return self._inner.update_state(y_true[:, 1:], positive, sample_weight)

    def result(self) -> Any:
        """Return the value of the inner metric."""
        return self._inner.result()[1] if self._both else self._inner.result()

    def reset_state(self) -> None:
        """Forget all batches."""
        self._inner.reset_state()
