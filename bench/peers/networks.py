"""A network outside of any database, from files of its architecture and of its weights in one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def loaded(architecture: str, weights: str) -> Any:
    """Return a model of Keras, which is imported here: some peers are timed from its import on."""
    import keras

    model = keras.models.model_from_json(Path(architecture).read_text())
    flat, arrays, at = np.load(weights), [], 0
    for array in model.get_weights():
        arrays.append(flat[at : at + array.size].reshape(array.shape))
        at += array.size
    model.set_weights(arrays)
    return model
