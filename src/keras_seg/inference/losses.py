"""Losses of rows: each a function of a batch that gives one value for each row, or for each place of it.

They are named as Keras' functions, and computed in float32 as there: what lies at a bound is cut to the same number. Sources:
`keras.losses`, and crossentropies of `keras.src.backend.tensorflow.nn`, of Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from keras_seg.inference.activations import sigmoid, softmax, softplus
from keras_seg.inference.compared import Batch
from keras_seg.inference.layer import Array

Values = Callable[..., Array]  # of a batch and arguments of the loss, a value for each row and place (rows, ...)

EPSILON = np.float32(1e-7)
_ALMOST_ONE = np.float32(1 - 1e-7)
_LOG_2 = np.float32(np.log(2.0))


# --- numbers ------------------------------------------------------------------------------------------------------------


def mean_squared_error(batch: Batch) -> Array:
    return np.square(batch.y - batch.p).mean(-1)


def mean_absolute_error(batch: Batch) -> Array:
    return np.abs(batch.y - batch.p).mean(-1)


def mean_absolute_percentage_error(batch: Batch) -> Array:
    return 100 * np.abs((batch.y - batch.p) / np.maximum(np.abs(batch.y), EPSILON)).mean(-1)


def mean_squared_logarithmic_error(batch: Batch) -> Array:
    first, second = np.log(np.maximum(batch.p, EPSILON) + 1), np.log(np.maximum(batch.y, EPSILON) + 1)
    return np.square(first - second).mean(-1)


def huber(batch: Batch, delta: float = 1.0) -> Array:
    error = batch.p - batch.y
    size, bound = np.abs(error), np.float32(delta)
    return np.where(size <= bound, np.square(error) / 2, bound * size - np.square(bound) / 2).mean(-1)


def log_cosh(batch: Batch) -> Array:
    error = batch.p - batch.y
    return (error + softplus(-2 * error) - _LOG_2).mean(-1)


def poisson(batch: Batch) -> Array:
    return (batch.p - batch.y * np.log(batch.p + EPSILON)).mean(-1)


def cosine_similarity(batch: Batch) -> Array:
    return -(_of_length_1(batch.y) * _of_length_1(batch.p)).sum(-1)


def _of_length_1(x: Array) -> Array:
    return x * np.minimum(1 / np.sqrt(np.square(x).sum(-1, keepdims=True)), 1 / EPSILON)


# --- margins: labels of 0 and 1 stand for -1 and 1 ----------------------------------------------------------------------


def hinge(batch: Batch) -> Array:
    return _short_of_margin(batch).mean(-1)


def squared_hinge(batch: Batch) -> Array:
    return np.square(_short_of_margin(batch)).mean(-1)


def _short_of_margin(batch: Batch) -> Array:
    return np.maximum(1 - (2 * batch.y - 1) * batch.p, 0)


def categorical_hinge(batch: Batch) -> Array:
    positive, negative = (batch.y * batch.p).sum(-1), ((1 - batch.y) * batch.p).max(-1)
    return np.maximum(negative - positive + 1, 0)


# --- probabilities ------------------------------------------------------------------------------------------------------


def kl_divergence(batch: Batch) -> Array:
    y, p = np.clip(batch.y, EPSILON, 1), np.clip(batch.p, EPSILON, 1)
    return (y * np.log(y / p)).sum(-1)


def binary_crossentropy(batch: Batch, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    return _binary(batch, _smoothed(batch.y, label_smoothing, 2), from_logits).mean(-1)


def binary_focal_crossentropy(
    batch: Batch,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
) -> Array:
    y = _smoothed(batch.y, label_smoothing, 2)
    p = sigmoid(batch.p) if from_logits else batch.p
    entropy = _entropy_of_logits(batch.p, y) if from_logits else _binary(batch, y, False)
    right = y * p + (1 - y) * (1 - p)
    focal = np.power(1 - right, np.float32(gamma)) * entropy
    if apply_class_balancing:
        focal = (y * alpha + (1 - y) * (1 - alpha)) * focal
    return focal.mean(-1)


def categorical_crossentropy(batch: Batch, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    y = _smoothed(batch.y, label_smoothing, batch.y.shape[-1])
    logits = _logits(batch, from_logits)
    if logits is not None:
        return -(y * _log_softmax(logits)).sum(-1)
    return -(y * np.log(_of_sum_1(batch.p))).sum(-1)


def categorical_focal_crossentropy(
    batch: Batch, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0
) -> Array:
    y = _smoothed(batch.y, label_smoothing, batch.y.shape[-1])
    p = _of_sum_1(softmax(batch.p) if from_logits else batch.p)
    return (np.power(1 - p, np.float32(gamma)) * np.float32(alpha) * -y * np.log(p)).sum(-1)


def sparse_categorical_crossentropy(batch: Batch, from_logits: bool = False) -> Array:
    logits = _logits(batch, from_logits)
    if logits is None:
        logits = np.log(np.clip(batch.p, EPSILON, _ALMOST_ONE))
    numbers, classes = batch.numbers, logits.shape[-1]
    if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) < classes:
        raise ValueError(f"class numbers must be from 0 to {classes - 1}")
    return -np.take_along_axis(_log_softmax(logits), numbers[..., None], -1)[..., 0]


def categorical_generalized_cross_entropy(batch: Batch, q: float = 0.5) -> Array:
    of_class = batch.numbers[..., None] == np.arange(batch.p.shape[-1])
    p = np.where(of_class, batch.p, 0).sum(-1)
    return (1 - np.power(p, np.float32(q))) / np.float32(q)


def _logits(batch: Batch, from_logits: bool) -> Array | None:
    """Return what crossentropy computes with: Keras takes what is before a sigmoid or softmax, whatever the argument says."""
    if batch.logits is not None:
        return batch.logits
    return batch.p if from_logits else None


def _smoothed(y: Array, share: float, classes: int) -> Array:
    return y * np.float32(1 - share) + np.float32(share / classes) if share else y


def _binary(batch: Batch, y: Array, from_logits: bool) -> Array:
    """Return the crossentropy of each output by itself."""
    logits = _logits(batch, from_logits)
    if logits is not None:
        return _entropy_of_logits(logits, y)
    p = np.clip(batch.p, EPSILON, _ALMOST_ONE)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _entropy_of_logits(x: Array, y: Array) -> Array:
    return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))


def _of_sum_1(p: Array) -> Array:
    return np.clip(p / p.sum(-1, keepdims=True), EPSILON, _ALMOST_ONE)


def _log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


LOSSES: Mapping[str, Values] = {
    function.__name__: function
    for function in (
        *(mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error),
        *(huber, log_cosh, poisson, cosine_similarity, hinge, squared_hinge, categorical_hinge, kl_divergence),
        *(binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy),
        *(sparse_categorical_crossentropy, categorical_generalized_cross_entropy),
    )
}
# These compute with what is before a sigmoid or softmax.
OF_LOGITS = frozenset(
    ("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
)
# Whether labels are 0 and 1 and stand for -1 and 1 Keras asks of each batch: it is certain of classes alone.
OF_MARGINS = frozenset(("hinge", "squared_hinge"))
