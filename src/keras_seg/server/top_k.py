"""The metric that `load_top_k_accuracy_function` loads.

Tables of functions hold it as a pickle, which refers to it by its name and its place. Where it moves, `MOVED` in
`keras_seg.protocol.custom_functions` must say so.
"""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any


def top_k_accuracy(y_true: Any, y_pred: Any, *, k: int) -> Any:
    """Return for each row whether its class is among the k that the network gives the largest values.

    Args:
        y_true: labels (rows, classes), one-hot or soft.
        y_pred: outputs (rows, classes).
        k: at least 1.

    Returns:
        1 or 0 for each row, float32 of shape (rows,).

    Raises:
        ValueError: there is a single output, which is always among the largest.
    """
    import keras

    if y_pred.shape[-1] == 1:
        raise ValueError('it wants a network with an output for each class; for two classes "accuracy" does')
    return keras.metrics.top_k_categorical_accuracy(y_true, y_pred, k=k)


def pickled(k: int) -> bytes:
    """Return `top_k_accuracy` for this k, as a table of functions holds it."""
    return pickle.dumps(partial(top_k_accuracy, k=k))
