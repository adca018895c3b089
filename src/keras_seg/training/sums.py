"""Loss and metrics as sums over rows, which can be added over batches, buffers and partitions.

The sums are arrays of float64: the number of rows, shape (); the loss times rows, shape (); and the variables of each metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Metrics = Sequence[keras.metrics.Metric]


def zeros(metrics: Metrics) -> list[np.ndarray]:
    """Return the sums before the first row."""
    sums = [np.zeros((), np.float64), np.zeros((), np.float64)]
    return sums + [np.zeros(tuple(v.shape), np.float64) for metric in metrics for v in metric.variables]


def with_batch(metrics: Metrics, sums: Sequence[Any], loss: Any, y_true: Any, y_pred: Any) -> list[Any]:
    """Return the sums with a batch added, in double precision; part of a graph.

    Args:
        loss: its mean over the rows of the batch, shape ().
        y_true: labels (rows, ...), as metrics are given them.
        y_pred: outputs (rows, ...).
    """
    count = tf.cast(tf.shape(y_true)[0], tf.float64)
    added = [count, count * tf.cast(loss, tf.float64)]
    for metric in metrics:
        begin = [tf.zeros(variable.shape, variable.dtype) for variable in metric.variables]
        added += [tf.cast(state, tf.float64) for state in metric.stateless_update_state(begin, y_true, y_pred)]
    return [old + new for old, new in zip(sums, added, strict=True)]


def results(metrics: Metrics, sums: Sequence[np.ndarray]) -> tuple[float, list[float]]:
    """Return (loss, values of the metrics) of the rows summed; of a metric with several values their mean."""
    rows, loss, *states = sums
    values, at = [], 0
    for metric in metrics:
        own = states[at : at + len(metric.variables)]
        at += len(own)
        values.append(_mean(*own) if _is_mean(metric) else _result(metric, own))
    return float(loss / rows), values


def _is_mean(metric: keras.metrics.Metric) -> bool:
    return type(metric).result is keras.metrics.Mean.result and metric.dtype == "float32"


def _mean(total: np.ndarray, count: np.ndarray) -> float:
    """Return what `keras.metrics.Mean.result` does, to which most metrics lead: TensorFlow takes half a millisecond for it."""
    with np.errstate(all="ignore"):
        return float(np.float32(total) / np.float32(count)) if count else 0.0


def _result(metric: keras.metrics.Metric, arrays: Sequence[np.ndarray]) -> float:
    state = [tf.cast(array, variable.dtype) for array, variable in zip(arrays, metric.variables, strict=True)]
    # Not `stateless_result`: what it returns may be a variable, which has its own value again when the scope has ended.
    with keras.StatelessScope(list(zip(metric.variables, state, strict=True))):
        return float(np.mean(tf.convert_to_tensor(metric.result()).numpy()))
