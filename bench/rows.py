"""Rows per second: in any query by `automl_response`, as a table by `madlib_keras_predict`, and by Keras on an array in memory.

`python bench/rows.py 10000` goes as far as 10,000 rows; without an argument a million. The last table is of one thread,
outside of the database: numpy beside Keras.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
from common import Connection, images, peer, run, schema, table
from predict import cnn, mlp, predict, save_model

SIZES = (1, 100, 10_000, 1_000_000)
FEW, ROUNDS = 100, 5  # up to so many rows medians are taken of so many rounds, after one that does not count
ONE_BY_ONE = 10_000  # more rows, which are asked for one by one, take as long for each
IN_MEMORY = 100_000  # rows of Keras' array, of which more take as long for each
DISTINCT = 6_000
MANY = "SELECT count(madlib.automl_response('model', image)) FROM chosen"
CHOSEN = """CREATE OR REPLACE VIEW chosen AS SELECT n AS id, image
    FROM generate_series(0, {} - 1) AS n JOIN images ON images.id = n % {}"""


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    with schema("bench_rows") as connection:
        images(connection, "images", DISTINCT)
        rows = np.array([image for (image,) in run(connection, "SELECT image FROM images ORDER BY id")], np.float32) / 255
        for name, network in {"an MLP 784-128-10": mlp(), "a CNN of two convolutions": cnn()}.items():
            save_model(connection, network, np.concatenate([array.reshape(-1) for array in network.get_weights()]))
            found = [line for size in SIZES if size <= most for line in of_rows(connection, network, rows, size)]
            table(f"Rows per second through {name}, 784 numbers each", found)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    lines = [(name, f"{ours:.0f}, {theirs:.0f} µs") for name, (ours, theirs) in json.loads(peer("one_thread")).items()]
    table("A row with one thread: in numpy, by Keras' predict", lines)


def of_rows(connection: Connection, network: keras.Model, rows: np.ndarray, size: int) -> list[tuple[str, str]]:
    """Return lines of a number of rows, of which so many are distinct.

    Args:
        rows: those, as the network takes them.
    """
    run(connection, CHOSEN.format(size, len(rows)))
    x = np.resize(rows, (min(size, IN_MEMORY), *rows.shape[1:]))
    contestants: dict[str, tuple[Callable[[], object], int]] = {
        "madlib_keras_predict, from call to result": (lambda: predict(connection, "chosen"), size),
        "Keras' predict on an array in memory": (lambda: network.predict(x, batch_size=512, verbose=0), len(x)),
    }
    if size <= ONE_BY_ONE:
        contestants["automl_response"] = (lambda: run(connection, MANY), size)
    return [line(f"{size:,} rows: {name}", *given) for name, given in contestants.items()]


def line(name: str, contestant: Callable[[], object], rows: int) -> tuple[str, str]:
    seconds = statistics.median(timed(contestant, rows))
    return name, f"{rows / seconds:,.0f} ({seconds:.3f} s for {rows:,})"


def timed(contestant: Callable[[], object], rows: int) -> list[float]:
    """Return the seconds of a contestant: of several rounds where it takes a moment."""
    if rows <= FEW:
        contestant()
    seconds = []
    for _ in range(ROUNDS if rows <= FEW else 1):
        begun = time.perf_counter()
        contestant()
        seconds.append(time.perf_counter() - begun)
    return seconds


if __name__ == "__main__":
    main()
