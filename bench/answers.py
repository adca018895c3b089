"""Answers without TensorFlow: one row in a new connection and in a warm one, memory, rows per second, and evaluations, beside
Keras and TensorFlow.

`python bench/answers.py 1000000` goes on to a million rows; `python bench/answers.py 10000 500` asks 500 times for one row.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import psycopg2
from common import Connection, images, memory_mb, own_mb, run, schema, table
from predict import cnn, mlp, predict, save_model

COLUMNS = """
CREATE TABLE rows AS SELECT n AS id, CASE WHEN (n * 7 % 100) + (n % 5) * 20 > 100 THEN 'yes' ELSE 'no' END AS label,
    n % 2 = 0 AS flag,
    date '2020-01-01' + n % 900 AS day, 'plan ' || n % 5 AS plan, 'town ' || n % 40 AS town, 'group ' || n % 12 AS grouped, {}
FROM generate_series(1, 3000) n; ALTER TABLE rows ADD PRIMARY KEY (id)
""".format(", ".join(f"CASE WHEN n % {at + 11} = 0 THEN NULL ELSE n * {at} % 100 END AS x{at}" for at in range(7, 20)))
SIZES, ROUNDS = (1, 100, 10_000, 1_000_000), 3
EVALUATED = 1000
PACK = "SELECT madlib.training_preprocessor_dl('few', 'packed', 'digit', 'image', NULL, 255, 10)"
EVALUATE = "SET keras_automl.keep_sessions = 0; SELECT madlib.madlib_keras_evaluate('model', 'packed', 'evaluated')"
WITHOUT, WITH = "['accuracy']", "['accuracy', 'MeanIoU']"  # metrics in numpy, and one that asks for TensorFlow
ONE = "SELECT madlib.automl_response('model', %s)"  # a literal, as a client sends it
MANY = "SELECT count(madlib.automl_response('model', image)) FROM chosen"


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    sizes = [size for size in SIZES if size <= most]
    with schema("bench_answers") as connection:
        table(f"A row of 20 ordinary columns, {times:,} times", row_of_columns(connection, times))
    with schema("bench_answers") as connection:
        images(connection, "images", sizes[-1])
        row = run(connection, "SELECT image::text FROM images WHERE id = 0")[0][0]
        for name, network in {"an MLP 784-128-10": mlp(), "a CNN of two convolutions": cnn()}.items():
            weights = np.concatenate([array.reshape(-1) for array in network.get_weights()])
            save_model(connection, network, weights)
            table(f"One row of 784 through {name}, {times:,} times", one_row(network, row, times))
            found = [many_rows(connection, network, size) for size in sizes]
            table(f"Rows per second through {name}, medians of {ROUNDS}", [line for lines in found for line in lines])
            title = f"Evaluating {EVALUATED:,} rows with {name} in a new connection, medians of {ROUNDS}"
            table(title, evaluations(connection, sizes[-1]))


def one_row(network: keras.Model, row: str, times: int) -> list[tuple[str, str]]:
    """Return lines of one row: in new connections, in one that has answered before, and by Keras in this process."""
    fresh = []
    for _ in range(5):
        begun = time.perf_counter()
        connection = connected()
        run(connection, ONE, row)
        fresh.append(time.perf_counter() - begun)
        pid = connection.info.backend_pid
    warm = timed(lambda: run(connection, ONE, row), times)
    memory, own = memory_mb(pid), own_mb(pid)
    connection.close()
    x = np.array([row.strip("{}").split(",")], np.float32) / 255
    called = timed(lambda: network(x, training=False).numpy(), min(times, 1000))
    predicted = timed(lambda: network.predict(x, verbose=0), min(times, 200))
    return [
        ("automl_response in a new connection, with connecting", f"{statistics.median(fresh):.3f} s"),
        ("automl_response in a warm one, as psycopg2 sees it", shares(warm)),
        ("memory of that backend; without shared buffers", f"{memory:.0f} MB; {own:.0f} MB"),
        ("Keras: a call of the model, imported and built", shares(called)),
        ("Keras: predict, likewise", shares(predicted)),
    ]


def row_of_columns(connection: Connection, times: int) -> list[tuple[str, str]]:
    """Return lines of a row of ordinary columns: by the functions of a model, and as JSON, in a warm connection."""
    run(connection, COLUMNS)
    run(connection, "SELECT madlib.automl_train('rows', 'model', 'label', budget := '60 s', random_state := 1)")
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
    p50, p99 = np.percentile(milliseconds, (50, 99))
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def many_rows(connection: Connection, network: keras.Model, size: int) -> list[tuple[str, str]]:
    """Return lines of a number of rows: in SQL, and by Keras on an array in memory."""
    run(connection, f"DROP TABLE IF EXISTS chosen; CREATE TABLE chosen AS SELECT * FROM images WHERE id < {size}")
    run(connection, "ANALYZE chosen")
    rows = [row for (row,) in run(connection, "SELECT image FROM chosen ORDER BY id LIMIT 6000")]
    x = np.resize(np.array(rows, np.float32) / 255, (size, len(rows[0])))
    contestants: dict[str, Callable[[], object]] = {
        "automl_response": lambda: run(connection, MANY),
        "madlib_keras_predict": lambda: predict(connection, "chosen"),
        "Keras' predict on an array in memory": lambda: network.predict(x, batch_size=512, verbose=0),
    }
    lines = []
    for name, contestant in contestants.items():
        seconds = statistics.median(timed(contestant, ROUNDS)) / 1000
        lines.append((f"{size:,} rows: {name}", f"{size / seconds:,.0f} ({seconds:.3f} s)"))
    return lines


def evaluations(connection: Connection, size: int) -> list[tuple[str, str]]:
    """Return lines of evaluations of a small table, of so many different images: without TensorFlow, and with it."""
    rows = f"SELECT n AS id, image, digit FROM generate_series(1, {EVALUATED}) AS n JOIN images ON images.id = n % {size}"
    run(connection, f"DROP TABLE IF EXISTS few, packed, packed_summary; CREATE TABLE few AS {rows}")
    run(connection, PACK)
    contestants: dict[str, Callable[[], object]] = {
        "loss and accuracy, in numpy": lambda: evaluated(connection, WITHOUT),
        "with a metric of TensorFlow's too": lambda: evaluated(connection, WITH),
    }
    return [(name, f"{statistics.median(timed(each, ROUNDS)) / 1000:.3f} s") for name, each in contestants.items()]


def evaluated(connection: Connection, metrics: str) -> None:
    compiled = f"optimizer='SGD', loss='categorical_crossentropy', metrics={metrics}"
    run(connection, "DROP TABLE IF EXISTS evaluated, model_info")
    run(connection, "CREATE TABLE model_info AS SELECT 1 AS mst_key, %s::text AS compile_params", compiled)
    fresh = connected()
    run(fresh, EVALUATE)
    fresh.close()


if __name__ == "__main__":
    main()
