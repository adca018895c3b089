"""Predicting 60,000 images: `madlib_keras_predict` in turn with Keras' `predict` on an array in memory.

The first seconds of a call are TensorFlow's import, as they are of a Python process; so a call for one row tells what a call
costs before it predicts, and the rest is what compares with Keras.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
from common import Connection, images, in_turn, peer, run, schema, spread, table
from peers.keras_predict import LARGE

ROWS, ROUNDS = 60_000, 3


def main() -> None:
    networks = {"an MLP 784-128-10": mlp(), "a CNN of two convolutions": cnn()}
    with schema("bench_predict") as connection, tempfile.TemporaryDirectory() as folder:
        images(connection, "images", ROWS)
        run(connection, "CREATE TABLE one AS SELECT * FROM images LIMIT 1")
        x = [row for (row,) in run(connection, "SELECT image FROM images ORDER BY id LIMIT 6000")]
        np.save(Path(folder) / "x.npy", np.tile(np.array(x, np.float32) / 255, (ROWS // len(x), 1)))
        for name, network in networks.items():
            compare(connection, Path(folder), name, network)


def mlp() -> keras.Model:
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((784,)), dense(128, activation="relu"), dense(10, activation="softmax")])


def cnn() -> keras.Model:
    layers = keras.layers
    convolutions = [layers.Conv2D(filters, 3, strides=2, activation="relu") for filters in (16, 32)]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((784,)), layers.Reshape((28, 28, 1)), *convolutions, *head])


def compare(connection: Connection, folder: Path, name: str, network: keras.Model) -> None:
    """Print how long both take with one network."""
    weights = np.concatenate([array.reshape(-1) for array in network.get_weights()])
    save_model(connection, network, weights)
    files = [folder / "network.json", folder / "weights.npy", folder / "x.npy"]
    files[0].write_text(network.to_json())
    np.save(files[1], weights)
    alone: list[dict[str, float]] = []
    seconds = in_turn(
        {
            "read": lambda: run(connection, "COPY images TO '/dev/null' (FORMAT binary)"),
            "keras": lambda: alone.append(json.loads(peer("keras_predict", *map(str, files)))),
            "one": partial(predict, connection, "one"),
            "all": partial(predict, connection, "images"),
        },
        ROUNDS,
    )
    own = [whole - start for whole, start in zip(seconds["all"], seconds["one"], strict=True)]
    theirs = [each["default"] for each in alone]
    shares = [a / (b + c) for a, b, c in zip(own, theirs, seconds["read"], strict=True)]
    table(
        f"Predicting {ROWS:,} rows of 784 with {name}, {ROUNDS} rounds in turn",
        [
            ("reading the table: COPY TO '/dev/null' (FORMAT binary)", spread(seconds["read"])),
            ("Keras' predict on an array in memory, batches of 32 as by default", spread(theirs)),
            (f"the same with batches of {LARGE:,}", spread([each["large"] for each in alone])),
            ("madlib_keras_predict, from call to result", spread(seconds["all"])),
            ("the same call for one row: TensorFlow's import, the network", spread(seconds["one"])),
            ("what the other rows cost", spread(own)),
            ("that in times of Keras' predict and reading the table", f"{statistics.median(shares):.2f} times"),
        ],
    )


def save_model(connection: Connection, network: keras.Model, weights: np.ndarray) -> None:
    """Write the tables of a trained model, as a search does."""
    run(connection, "DROP TABLE IF EXISTS model, model_summary")
    run(connection, "CREATE TABLE model (mst_key integer, model_weights bytea, model_arch json)")
    run(connection, "INSERT INTO model VALUES (1, %s, %s)", weights.astype(np.float32).tobytes(), network.to_json())
    run(
        connection,
        "CREATE TABLE model_summary AS SELECT 'digit'::text AS dependent_varname, array(SELECT generate_series(0, 9)) AS"
        " class_values, 255::real AS normalizing_const",
    )


def predict(connection: Connection, rows: str) -> None:
    run(connection, "DROP TABLE IF EXISTS predicted")
    run(connection, "SELECT madlib.madlib_keras_predict('model', %s, 'id', 'image', 'predicted', 'response')", rows)


if __name__ == "__main__":
    main()
