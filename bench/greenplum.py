"""Greenplum against PostgreSQL: a hop, the page's example in turn, more and fewer segments, and packing.

Needs AUTOML_TEST_GREENPLUM_DSN, a cluster whose segments share the machine with `make bench`'s PostgreSQL; else it says so and
ends.
"""

from __future__ import annotations

import json
import os
import time

import psycopg2
from common import Connection, in_turn, page_search, page_tables, ratio, run, schema, spread, table

ROUNDS = 3
HOPS = 200
_CLUSTER = "AUTOML_TEST_GREENPLUM_DSN"
_ORDER = {
    "model": "m",
    "compile": {"optimizer": "Adam", "params": {"lr": 0.01}, "loss": "categorical_crossentropy", "metrics": ["accuracy"]},
    "fit": {"batch_size": 8},
    "seed": [1, 1],
    "labels": 3,
}
_GRID = "$${'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 0.1, 'log']}]}$$"


def main() -> None:
    dsn = os.environ.get(_CLUSTER)
    if not dsn:
        print(f"bench/greenplum.py: {_CLUSTER} is not set, nothing is measured")
        return
    with schema("bench_greenplum") as postgresql, schema("bench_greenplum", dsn) as greenplum:
        for connection in (postgresql, greenplum):
            page_tables(connection)
        rows = hops(greenplum)
        seconds = in_turn({"gp": lambda: again(greenplum), "pg": lambda: again(postgresql)}, ROUNDS)
        rows += [
            ("the page's example on Greenplum, a session for each segment", spread(seconds["gp"])),
            ("the same on PostgreSQL, in turn", spread(seconds["pg"])),
            ("Greenplum takes", ratio(seconds["gp"], seconds["pg"]) + " as long"),
        ]
        rows += packing(greenplum)
        rows += scaling(greenplum)
        table(f"Greenplum, {ROUNDS} rounds in turn", rows)


def again(connection: Connection) -> None:
    """The page's search, after the tables of the last one are gone."""
    run(connection, "DROP TABLE IF EXISTS automl_output, automl_output_info, automl_output_summary")
    run(connection, "DROP TABLE IF EXISTS automl_mst_table, automl_mst_table_summary")
    page_search(connection)


def hops(connection: Connection) -> list[tuple[str, str]]:
    """Time one trial that hops over all segments on one connection, its rows in the memory of their segments."""
    places = run(connection, "SELECT buffer_id, __dist_key__ FROM iris_train_packed ORDER BY 1")
    at = [f" FROM iris_train_packed WHERE __dist_key__ = {key} AND buffer_id = {buffer}" for buffer, key in places]
    ((architecture,),) = run(connection, "SELECT model_arch::text FROM model_arch_library WHERE model_id = 2")
    setup = json.dumps({"threads": 1, "caching": True, "datasets": {}})
    for partition, (_, key) in enumerate(places):
        run(connection, "SELECT madlib.automl_open(%s)" + at[partition], setup)
        run(connection, "SELECT madlib.automl_define('m', %s, NULL)" + at[partition], architecture)
        columns = "attributes, attributes_shape, class_text, class_text_shape FROM iris_train_packed"
        run(
            connection,
            f"SELECT madlib.automl_feed('training', %s, buffer_id, {columns} WHERE __dist_key__ = %s",
            partition,
            key,
        )
    state: bytes | None = None
    seconds = []
    for hop in range(HOPS):
        partition = hop % len(places)
        order = json.dumps({**_ORDER, "stops": [{"train": partition, "iteration": hop}]})
        begin = time.perf_counter()
        answer = bytes(run(connection, "SELECT madlib.automl_visit(%s, %s)" + at[partition], order, state)[0][0])
        seconds.append(time.perf_counter() - begin)
        state = answer[4 + int.from_bytes(answer[:4], "little") :]
    return [(f"a hop over {len(places)} segments, the last half of {HOPS}", spread(seconds[HOPS // 2 :], "ms", 1000))]


def packing(connection: Connection) -> list[tuple[str, str]]:
    """Time packing 60,000 rows of 784 numbers."""
    run(connection, "CREATE TABLE many AS SELECT n AS id, n % 10 AS label, (SELECT array_agg((n + i) % 256) FROM"
                    " generate_series(1, 784) i) AS x FROM generate_series(1, 60000) n DISTRIBUTED BY (id)")  # fmt: skip
    begin = time.perf_counter()
    run(connection, "SELECT madlib.training_preprocessor_dl('many', 'many_packed', 'label', 'x', NULL, 255)")
    return [("packing 60,000 rows of 784 numbers", f"{time.perf_counter() - begin:.1f} s")]


def scaling(connection: Connection) -> list[tuple[str, str]]:
    """Time the same search over the same rows on one segment, on two, and so on; without the import, by its own clock."""
    run(connection, "SELECT madlib.load_keras_model('wide', %s::json)", json.dumps(
        {"class_name": "Sequential", "config": [
            {"class_name": "Dense", "config": {"units": 64, "activation": "relu", "batch_input_shape": [None, 784]}},
            {"class_name": "Dense", "config": {"units": 10, "activation": "softmax"}}]}
    ))  # fmt: skip
    dbids = [row[0] for row in run(connection, "SELECT dbid FROM gp_segment_configuration WHERE content >= 0 ORDER BY content")]
    rows = []
    for count in range(1, len(dbids) + 1):
        run(connection, "DROP TABLE IF EXISTS rules, some, some_summary, o, o_info, o_summary, b, b_summary")
        run(connection, "CREATE TABLE rules AS SELECT unnest(%s::integer[]) AS dbid DISTRIBUTED RANDOMLY", dbids[:count])
        run(connection, "SELECT madlib.training_preprocessor_dl('many', 'some', 'label', 'x', NULL, 255, NULL::text, 'rules')")
        run(connection, "SELECT madlib.madlib_keras_automl('some', 'o', 'wide', 'b', ARRAY[1], " + _GRID + ","
                        " $${'batch_size': [256], 'epochs': [1]}$$, 'hyperband', 'R=3, eta=3', 1)")  # fmt: skip
        ((seconds,),) = run(connection, "SELECT max(metrics_elapsed_time[array_length(metrics_elapsed_time, 1)]) FROM o_info")
        rows.append((f"training on these rows, R=3 and eta=3, on {count} segments", f"{seconds:.1f} s"))
    return rows


if __name__ == "__main__":
    try:
        main()
    except psycopg2.OperationalError as error:
        raise SystemExit(f"bench/greenplum.py: {error}") from None
