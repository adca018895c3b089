"""Losses and metrics that want the number of a class, on rows of labels of any kind."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def class_numbers(y: Any) -> Any:
    """Return the number of the class of each label: its one value, or the place of its largest.

    Args:
        y: labels (rows, ..., values).

    Returns:
        int64 of shape (rows, ...).
    """
    return tf.cast(tf.squeeze(y, -1), tf.int64) if y.shape[-1] == 1 else tf.argmax(y, axis=-1)


def _for(y: Any, outputs: Any) -> Any:
    """Return the number of each label's class; labels that lack the last dimension of the outputs are numbers already."""
    return tf.cast(y, tf.int64) if len(y.shape) < len(outputs.shape) else class_numbers(y)


class ClassNumbers(keras.losses.Loss):  # type: ignore[misc]
    """A loss that is given the number of each row's class.

    Args:
        loss: what is given the numbers; it reduces the batch.
    """

    def __init__(self, loss: keras.losses.Loss) -> None:
        super().__init__(name=loss.name, reduction=None)
        self._inner = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return self._inner(_for(y_true, y_pred), y_pred, sample_weight)


class ClassNumbersMetric(keras.metrics.Metric):  # type: ignore[misc]
    """A metric that is given the number of each row's class.

    Args:
        metric: what is given the numbers, and keeps the variables.
    """

    def __init__(self, metric: keras.metrics.Metric) -> None:
        super().__init__(name=metric.name)
        self._inner = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take a batch: labels and outputs, both (rows, ...)."""
        return self._inner.update_state(_for(y_true, y_pred), y_pred, sample_weight)

    def result(self) -> Any:
        """Return the value of the inner metric."""
        return self._inner.result()

    def reset_state(self) -> None:
        """Forget all batches."""
        self._inner.reset_state()
