"""Keras' own predict on an array in memory.

    python -m peers.keras_predict ARCHITECTURE.json WEIGHTS.npy X.npy

Prints JSON: the seconds of a predict with Keras' batches of 32 and with large ones, once Keras has compiled what it needs.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from peers.networks import loaded

LARGE = 1024


def main(architecture: str, weights: str, rows: str) -> None:
    model = loaded(architecture, weights)
    x = np.load(rows)
    model.predict(x[:64], verbose=0)
    print(json.dumps({"default": timed(model, x, None), "large": timed(model, x, LARGE)}))


def timed(model: keras.Model, x: np.ndarray, batch_size: int | None) -> float:
    begin = time.perf_counter()
    model.predict(x, batch_size=batch_size, verbose=0)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(*sys.argv[1:])
