"""Microseconds of a row with one thread, in numpy as the database computes it and by Keras' predict.

    OPENBLAS_NUM_THREADS=1 python -m peers.one_thread

Prints JSON: for each network both, medians of rounds in turn.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from predict import cnn, mlp

from keras_seg.inference.network import network

ROWS, ROUNDS = 2_000, 5
WORDS, KINDS = 40, 1_000


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    generator = np.random.default_rng(1)
    images = generator.random((ROWS, 784), np.float32)
    words = generator.integers(0, KINDS, (ROWS, WORDS)).astype(np.float32)
    networks = {"an MLP 784-128-10": (mlp(), images), "a CNN of two convolutions": (cnn(), images)}
    networks[f"LSTM(64) over {WORDS} words"] = lstm(), words
    print(json.dumps({name: compared(*given) for name, given in networks.items()}))


def lstm() -> keras.Model:
    layers = keras.layers
    return keras.Sequential([keras.Input((WORDS,)), layers.Embedding(KINDS, 32), layers.LSTM(64), layers.Dense(1)])


def compared(model: keras.Model, x: np.ndarray) -> tuple[float, float]:
    """Return the microseconds of a row: in numpy, and by Keras."""
    ready = network(model.to_json(), b"".join(each.astype(np.float32).tobytes() for each in model.get_weights()))
    ways: tuple[Callable[[], object], ...] = (
        lambda: ready.outputs(x),
        lambda: model.predict(x, batch_size=512, verbose=0),
    )
    for way in ways:
        way()
    rounds = [[seconds(way) for way in ways] for _ in range(ROUNDS)]
    ours, theirs = (1e6 * statistics.median(each) / len(x) for each in zip(*rounds, strict=True))
    return ours, theirs


def seconds(way: Callable[[], object]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
