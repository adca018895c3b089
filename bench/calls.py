"""The first call of a session and the next ones: what TensorFlow's import, the sessions that stay, and the work itself take.

`python bench/calls.py 3` takes medians of three.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from statistics import median

import psycopg2
from common import Connection, page_hyperopt, page_search, page_tables, run, schema, table

ROUNDS = 5
MADE = """DROP TABLE IF EXISTS automl_output, automl_output_info, automl_output_summary, automl_mst_table,
    automl_mst_table_summary, predicted, fitted, fitted_info, fitted_summary"""
PREDICT = "SELECT madlib.madlib_keras_predict('kept', 'iris_test', 'id', 'attributes', 'predicted', 'prob', NULL, 1)"
FIT = """SELECT madlib.madlib_keras_fit('iris_train_packed', 'fitted', 'model_arch_library', 1,
    $$loss='categorical_crossentropy', optimizer='Adam(lr=0.01)', metrics=['accuracy']$$, 'batch_size=8,epochs=1', 10)"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with schema("bench_calls") as connection:
        page_tables(connection)
        page_search(connection)
        run(connection, "ALTER TABLE automl_output RENAME TO kept; ALTER TABLE automl_output_info RENAME TO kept_info")
        run(connection, "ALTER TABLE automl_output_summary RENAME TO kept_summary")
        run(connection, "SELECT madlib.automl_release()")  # so that there is room for those of the sessions that are timed
        calls: dict[str, Callable[[Connection], object]] = {
            "the page's Hyperband example": page_search,
            "the page's Hyperopt example": page_hyperopt,
            "prediction of 30 rows": lambda session: run(session, PREDICT),
            "fit of one model, 10 iterations": lambda session: run(session, FIT),
        }
        rows = []
        for name, call in calls.items():
            found = [first_and_second(call) for _ in range(rounds)]
            first, second = (median(seconds) for seconds in zip(*found, strict=True))
            rows.append((name, f"{first:.2f} s, then {second:.2f} s"))
    table(f"The first and the second call of a session, medians of {rounds}", rows)


def first_and_second(call: Callable[[Connection], object]) -> tuple[float, float]:
    """Return the seconds of a call in a new session, and of the same call again."""
    session = psycopg2.connect(os.environ["AUTOML_DSN"])
    session.autocommit = True
    run(session, "SET client_min_messages = warning; SET search_path = bench_calls")
    seconds = []
    for _ in range(2):
        run(session, MADE)
        begun = time.perf_counter()
        call(session)
        seconds.append(time.perf_counter() - begun)
    session.close()
    return seconds[0], seconds[1]


if __name__ == "__main__":
    main()
