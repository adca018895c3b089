"""Memory of a session that trains on a partition of 2 GB: one buffer at a time, or all of it with `use_caching`.

Runs on the server's machine as root: it reads the memory of the session from /proc. What a session takes without rows
(TensorFlow, the network) is what it takes for the same search on ten rows.
"""

from __future__ import annotations

import json
import time

import psycopg2
from common import Connection, Peak, images, run, schema, table

BUFFERS, ROWS = 32, 21_000  # 66 MB of float32 a buffer
LIMIT = 1000  # MB
_DENSE = {"class_name": "Dense", "config": {"units": 10, "activation": "softmax", "batch_input_shape": [None, 784]}}
_ARCHITECTURE = json.dumps({"class_name": "Sequential", "config": [_DENSE]})
_COMPILE = "{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 0.1]}]}"
_FIT = "{'batch_size': [256], 'epochs': [1]}"


def main() -> None:
    with schema("bench_caching") as connection:
        partition(connection)
        buffer, whole = run(connection, "SELECT max(octet_length(image)) / 1e6, sum(octet_length(image)) / 1e6 FROM packed")[0]
        figures = [("the partition, one of its buffers", f"{whole:,.0f} MB, {buffer:.0f} MB")]
        for caching in (False, True):
            seconds, few = searched(connection, "few_packed", caching)
            seconds, all_of_it = searched(connection, "packed", caching)
            more = all_of_it - few
            name = "with use_caching" if caching else "without caching"
            figures += [
                (f"{name}: peak of the session, the server's shared buffers left out", f"{all_of_it:,.0f} MB"),
                (f"{name}: more than on ten rows", f"{more:,.0f} MB, {more / float(buffer):.1f} buffers"),
                (f"{name}: the search, two passes over the partition and one to evaluate", f"{seconds:.1f} s"),
            ]
        run(connection, f"SET keras_automl.cache_memory_mb = {LIMIT}")
        figures.append((f"use_caching where {LIMIT} MB are allowed", refusal(connection)))
    table(f"A session trains on a partition of {BUFFERS} buffers of {ROWS:,} rows of 784", figures)


def partition(connection: Connection) -> None:
    """Pack the rows of one buffer and repeat it; pack ten rows; load the network."""
    images(connection, "images", ROWS)
    run(connection, "CREATE TABLE few AS SELECT * FROM images LIMIT 10; SET keras_automl.partitions = 1")
    for source, packed in (("images", "packed"), ("few", "few_packed")):
        run(connection, "SELECT madlib.training_preprocessor_dl(%s, %s, 'digit', 'image', NULL, 255, 10)", source, packed)
    columns = "image, digit, image_shape, digit_shape"
    run(
        connection,
        f"INSERT INTO packed ({columns}, buffer_id) SELECT {columns}, n FROM packed, generate_series(1, {BUFFERS - 1}) AS n",
    )
    run(connection, "CHECKPOINT; SET keras_automl.sessions = 1")
    run(connection, "SELECT madlib.load_keras_model('nets', %s::json)", _ARCHITECTURE)


def searched(connection: Connection, packed: str, caching: bool) -> tuple[float, float]:
    """Train one trial for two iterations; return the seconds and the peak of its session in MB."""
    with Peak(session_of_search) as peak:
        begin = time.perf_counter()
        search(connection, packed, caching)
        seconds = time.perf_counter() - begin
    return seconds, peak.megabytes


def search(connection: Connection, packed: str, caching: bool) -> None:
    run(connection, "DROP TABLE IF EXISTS found, found_info, found_summary, best, best_summary")
    run(
        connection,
        "SELECT madlib.madlib_keras_automl(%s, 'found', 'nets', 'best', ARRAY[1], %s, %s, 'hyperopt',"
        " 'num_configs=1, num_iterations=2, algorithm=rand', 1, use_caching => %s)",
        packed,
        _COMPILE,
        _FIT,
        caching,
    )


def refusal(connection: Connection) -> str:
    """Return what a search answers whose rows would take more memory than is allowed."""
    try:
        search(connection, "packed", True)
    except psycopg2.Error as error:
        return str(error.diag.message_primary)
    return "not refused"


def session_of_search(connection: Connection) -> int | None:
    """Return the process of the first session of the search that is under way."""
    found = run(connection, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'keras_automl% session 1'")
    return found[0][0] if found else None


if __name__ == "__main__":
    main()
