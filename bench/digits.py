"""Rows a second: twenty trials of a CNN, and of an MLP, on scikit-learn's digits, against the same trials by `keras.fit`."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from common import Connection, in_turn, peer, ratio, run, schema, spread, table
from sklearn.datasets import load_digits

ROUNDS, TRIALS = 3, 20
ITERATIONS = {"CNN": 5, "MLP": 20}
_COMPILE = """{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'],
    'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.0001, 0.01, 'log']}]}"""
_FIT = "{'batch_size': [32, 64], 'epochs': [1]}"


def main() -> None:
    architectures = {"CNN": cnn().to_json(), "MLP": mlp().to_json()}
    with schema("bench_digits") as connection, tempfile.TemporaryDirectory() as folder:
        rows = digits_tables(connection, architectures, Path(folder) / "digits.npz")
        for number, (name, architecture) in enumerate(architectures.items(), 1):
            compare(connection, Path(folder), name, number, architecture, rows)


def compare(connection: Connection, folder: Path, name: str, number: int, architecture: str, rows: int) -> None:
    """Print how fast both train the trials of one network."""
    iterations = ITERATIONS[name]
    search(connection, number, iterations)
    trials = folder / f"{name}.json"
    trials.write_text(json.dumps([trial(architecture, iterations, *row) for row in drawn(connection)]))
    seconds = in_turn(
        {
            "ours": lambda: search(connection, number, iterations),
            "peer": lambda: peer("keras_fit", str(trials), str(folder / "digits.npz")),
        },
        ROUNDS,
    )
    trained = rows * TRIALS * iterations
    table(
        f"{TRIALS} trials of a {name} on digits, {rows} rows, {iterations} iterations, {ROUNDS} rounds in turn",
        [
            ("madlib_keras_automl, from call to result", spread(seconds["ours"])),
            ("keras.fit, one process with all cores, imports included", spread(seconds["peer"])),
            ("rows a second of ours", spread([trained / each for each in seconds["ours"]], "rows/s")),
            ("rows a second of keras.fit", spread([trained / each for each in seconds["peer"]], "rows/s")),
            ("faster by", ratio(seconds["peer"], seconds["ours"])),
        ],
    )


def cnn() -> keras.Model:
    """A small network for images of 8 x 8: three convolutions."""
    layers = keras.layers
    convolutions = [layers.Conv2D(filters, 3, activation="relu", padding="same") for filters in (32, 32, 64)]
    head = [
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    return keras.Sequential(
        [keras.Input((64,)), layers.Reshape((8, 8, 1)), *convolutions[:2], layers.MaxPooling2D(), convolutions[2], *head]
    )


def mlp() -> keras.Model:
    """One hidden layer of 128."""
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((64,)), dense(128, activation="relu"), dense(10, activation="softmax")])


def digits_tables(connection: Connection, architectures: dict[str, str], path: Path) -> int:
    """Pack the digits, load the networks, save the rows for the peer; return how many rows there are."""
    digits = load_digits()
    run(connection, "CREATE TABLE digits (image real[], digit integer)")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO digits VALUES (%s, %s)",
            [(image.tolist(), int(digit)) for image, digit in zip(digits.data, digits.target, strict=True)],
        )
    run(connection, "SELECT madlib.training_preprocessor_dl('digits', 'packed', 'digit', 'image', NULL, 16)")
    for architecture in architectures.values():
        run(connection, "SELECT madlib.load_keras_model('nets', %s::json)", architecture)
    np.savez(path, x=(digits.data / 16).astype(np.float32), y=np.eye(10, dtype=np.float32)[digits.target])
    return len(digits.data)


def search(connection: Connection, model_id: int, iterations: int) -> None:
    """Train the trials: a random search without early stopping."""
    names = ("found", "found_info", "found_summary", "best", "best_summary")
    run(connection, f"DROP TABLE IF EXISTS {', '.join(names)}")
    run(
        connection,
        "SELECT madlib.madlib_keras_automl('packed', 'found', 'nets', 'best', %s, %s, %s, 'hyperopt', %s, 1)",
        [model_id],
        _COMPILE,
        _FIT,
        f"num_configs={TRIALS}, num_iterations={iterations}, algorithm=rand",
    )


def drawn(connection: Connection) -> list[tuple[Any, ...]]:
    return run(connection, "SELECT compile_params, fit_params FROM found_info ORDER BY mst_key")


def trial(architecture: str, epochs: int, compile_params: str, fit_params: str) -> dict[str, Any]:
    """A trial as the peer takes it."""
    rate, size = re.search(r"lr=([\d.e-]+)", compile_params), re.search(r"batch_size=(\d+)", fit_params)
    assert rate and size
    return {
        "architecture": architecture,
        "learning_rate": float(rate.group(1)),
        "batch_size": int(size.group(1)),
        "epochs": epochs,
    }


if __name__ == "__main__":
    main()
