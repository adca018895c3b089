"""Answers without TensorFlow: one row in a new connection and in a warm one, and memory, beside onnxruntime and TensorFlow;
a row of ordinary columns; evaluations.

`python bench/answers.py 500` asks 500 times for a row, and not 10,000 times.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import psycopg2
from common import Connection, images, memory_mb, own_mb, peer, run, schema, table
from predict import cnn, mlp, save_model

COLUMNS = """
CREATE TABLE rows AS SELECT n AS id, CASE WHEN (n * 7 % 100) + (n % 5) * 20 > 100 THEN 'yes' ELSE 'no' END AS label,
    n % 2 = 0 AS flag,
    date '2020-01-01' + n % 900 AS day, 'plan ' || n % 5 AS plan, 'town ' || n % 40 AS town, 'group ' || n % 12 AS grouped, {}
FROM generate_series(1, 3000) n; ALTER TABLE rows ADD PRIMARY KEY (id)
""".format(", ".join(f"CASE WHEN n % {at + 11} = 0 THEN NULL ELSE n * {at} % 100 END AS x{at}" for at in range(7, 20)))
TIMES, IMAGES = 10_000, 1_000
CONNECTIONS, ROUNDS = 5, 3
PACK = "SELECT madlib.training_preprocessor_dl('images', 'packed', 'digit', 'image', NULL, 255, 10)"
EVALUATE = "SET keras_automl.keep_sessions = 0; SELECT madlib.madlib_keras_evaluate('model', 'packed', 'evaluated')"
WITHOUT, WITH = "['accuracy']", "['accuracy', 'MeanIoU']"  # metrics in numpy, and one that asks for TensorFlow
ONE = "SELECT madlib.automl_response('model', %s)"  # a literal, as a client sends it


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with schema("bench_answers") as connection:
        table(f"A row of 20 ordinary columns, {times:,} times", row_of_columns(connection, times))
    with schema("bench_answers") as connection:
        images(connection, "images", IMAGES)
        row = run(connection, "SELECT image::text FROM images WHERE id = 0")[0][0]
        for name, network in {"an MLP 784-128-10": mlp(), "a CNN of two convolutions": cnn()}.items():
            weights = np.concatenate([array.reshape(-1) for array in network.get_weights()])
            save_model(connection, network, weights)
            lines = [*one_row(row, times), *peers(connection, network, weights, row, times)]
            table(f"One row of 784 through {name}, {times:,} times", lines)
        title = f"Evaluating {IMAGES:,} rows with a CNN of two convolutions in a new connection, medians of {ROUNDS}"
        table(title, evaluations(connection))


def one_row(row: str, times: int) -> list[tuple[str, str]]:
    """Return lines of one row: in new connections, and in one that has answered before."""
    fresh = []
    for _ in range(CONNECTIONS):
        begun = time.perf_counter()
        connection = connected()
        run(connection, ONE, row)
        fresh.append(time.perf_counter() - begun)
        pid = connection.info.backend_pid
    warm = timed(lambda: run(connection, ONE, row), times)
    memory, own = memory_mb(pid), own_mb(pid)
    connection.close()
    return [
        ("automl_response in a new connection, with connecting", f"{statistics.median(fresh):.3f} s"),
        ("automl_response in a warm one, as psycopg2 sees it", shares(warm)),
        ("memory of that backend; without shared buffers", f"{memory:.0f} MB; {own:.0f} MB"),
    ]


def peers(connection: Connection, network: keras.Model, weights: np.ndarray, row: str, times: int) -> list[tuple[str, str]]:
    """Return lines of the same row in processes of their own, by onnxruntime and by TensorFlow."""
    save_info(connection, WITHOUT)
    with tempfile.TemporaryDirectory() as folder:
        names = ("model.onnx", "network.json", "weights.npy", "row.npy")
        model, architecture, flat, x = (Path(folder) / name for name in names)
        model.write_bytes(run(connection, "SELECT madlib.automl_export('model', 1, 'onnx')")[0][0])
        architecture.write_text(network.to_json())
        np.save(flat, weights)
        np.save(x, np.array([row.strip("{}").split(",")], np.float32) / 255)
        by_onnx = json.loads(peer("one_row", "onnxruntime", str(model), str(x), str(times)))
        by_keras = json.loads(peer("one_row", "tensorflow", str(architecture), str(flat), str(x), str(times)))
    return [
        *started("onnxruntime", by_onnx),
        ("onnxruntime, further answers", told(by_onnx["run"])),
        *started("TensorFlow", by_keras),
        ("TensorFlow, further answers: a call of the model", told(by_keras["called"])),
        ("TensorFlow, further answers: compiled", told(by_keras["compiled"])),
    ]


def started(name: str, found: dict[str, float]) -> list[tuple[str, str]]:
    return [
        (f"{name} in a new process, from its import to the first answer", f"{found['first']:.3f} s"),
        ("memory of that process", f"{found['memory_mb']:.0f} MB"),
    ]


def row_of_columns(connection: Connection, times: int) -> list[tuple[str, str]]:
    """Return lines of a row of ordinary columns: by the functions of a model, and as JSON, in a warm connection."""
    run(connection, COLUMNS)
    run(connection, "SELECT madlib.automl_train('rows', 'model', 'label', budget := '20 s', random_state := 1)")
    row = run(connection, "SELECT to_json(r)::text FROM rows r WHERE id = 7")[0][0]
    run(connection, "PREPARE prepared (integer) AS SELECT model(r) FROM rows r WHERE id = $1")
    asked: dict[str, tuple[str, object]] = {
        "its function, in a statement that is sent each time": ("SELECT model(r) FROM rows r WHERE id = %s", 7),
        "its function, in one that is prepared": ("EXECUTE prepared (%s)", 7),
        "its probabilities, likewise sent": ("SELECT model_prob(r) FROM rows r WHERE id = %s", 7),
        "automl_predict of JSON": ("SELECT madlib.automl_predict('model', %s::jsonb)", row),
        "its features alone, sent": ("SELECT model_features(r) FROM rows r WHERE id = %s", 7),
    }
    return [(name, shares(timed(partial(run, connection, *each), times))) for name, each in asked.items()]


def connected() -> Connection:
    connection = psycopg2.connect(os.environ["AUTOML_DSN"], options="-c search_path=bench_answers")
    connection.autocommit = True
    return connection


def timed(call: Callable[[], object], times: int) -> list[float]:
    """Return the milliseconds of calls."""
    call()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - begun))
    return found


def shares(milliseconds: list[float]) -> str:
    return told(np.percentile(milliseconds, (50, 99)).tolist())


def told(percentiles: Sequence[float]) -> str:
    p50, p99 = percentiles
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def evaluations(connection: Connection) -> list[tuple[str, str]]:
    """Return lines of evaluations of a small table: without TensorFlow, and with it."""
    run(connection, PACK)
    contestants: dict[str, Callable[[], object]] = {
        "loss and accuracy, in numpy": lambda: evaluated(connection, WITHOUT),
        "with a metric of TensorFlow's too": lambda: evaluated(connection, WITH),
    }
    return [(name, f"{statistics.median(timed(each, ROUNDS)) / 1000:.3f} s") for name, each in contestants.items()]


def save_info(connection: Connection, metrics: str) -> None:
    """Write with what the model was compiled, as a search does."""
    compiled = f"optimizer='SGD', loss='categorical_crossentropy', metrics={metrics}"
    run(connection, "DROP TABLE IF EXISTS model_info")
    run(connection, "CREATE TABLE model_info AS SELECT 1 AS mst_key, %s::text AS compile_params", compiled)


def evaluated(connection: Connection, metrics: str) -> None:
    save_info(connection, metrics)
    run(connection, "DROP TABLE IF EXISTS evaluated")
    fresh = connected()
    run(fresh, EVALUATE)
    fresh.close()


if __name__ == "__main__":
    main()
