"""The first call of a session and the next one: what TensorFlow's import, the sessions that stay, and the work itself take.

`python bench/calls.py 3` takes medians of three.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import psycopg2
from common import Connection, Session, page_hyperopt, page_search, page_tables, run, schema, spread, table

ROUNDS = 5
MADE = """DROP TABLE IF EXISTS automl_output, automl_output_info, automl_output_summary, automl_mst_table,
    automl_mst_table_summary, predicted, fitted, fitted_info, fitted_summary"""
PREDICT = "SELECT madlib.madlib_keras_predict('kept', 'iris_test', 'id', 'attributes', 'predicted', 'prob', NULL, 1)"
FIT = """SELECT madlib.madlib_keras_fit('iris_train_packed', 'fitted', 'model_arch_library', 1,
    $$loss='categorical_crossentropy', optimizer='Adam(lr=0.01)', metrics=['accuracy']$$, 'batch_size=8,epochs=1', 10)"""
OPENED = """SELECT extract(epoch FROM min(backend_start) - %s)::float8 FROM pg_stat_activity
    WHERE application_name = 'keras_automl kept' AND backend_start > %s"""


@dataclass(frozen=True)
class Calls:
    """The seconds of a call in a new session.

    Attributes:
        before: from the call until the first session that it opens; None where it opens none.
        first: of the call.
        second: of the same call again.
    """

    before: float | None
    first: float
    second: float


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
        rows = [("of a first call: importing TensorFlow in a session", spread([imported() for _ in range(rounds)]))]
        for name, call in calls.items():
            found = [called(call) for _ in range(rounds)]
            first, second = median(each.first for each in found), median(each.second for each in found)
            before = [each.before for each in found if each.before is not None]
            opened = f"; {1000 * median(before):.0f} ms until sessions are opened" if before else ""
            rows.append((name, f"{first:.2f} s, then {second:.2f} s{opened}"))
    table(f"The first and the second call of a session, medians of {rounds}", rows)


def imported() -> float:
    """Return the seconds that TensorFlow's import takes in a new session."""
    session = Session("bench_calls")
    session.close()
    return float(session.about["import_seconds"])


def called(call: Callable[[Connection], object]) -> Calls:
    """Make a call in a new session, and make it again."""
    session = psycopg2.connect(os.environ["AUTOML_DSN"])
    session.autocommit = True
    run(session, "SET client_min_messages = warning; SET search_path = bench_calls")
    ((now,),) = run(session, "SELECT clock_timestamp()")
    first = timed(session, call)
    ((before,),) = run(session, OPENED, now, now)
    second = timed(session, call)
    session.close()
    return Calls(before, first, second)


def timed(session: Connection, call: Callable[[Connection], object]) -> float:
    run(session, MADE)
    begun = time.perf_counter()
    call(session)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
