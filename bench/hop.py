"""What a hop costs: one statement on a session that lets a small network visit a partition, and what it is made of."""

from __future__ import annotations

import json
import statistics
import time

from common import page_tables, run, schema, spread, table

HOPS = 300
_PARAMS = {"optimizer": "Adam", "params": {"lr": 0.01}, "loss": "categorical_crossentropy", "metrics": ["accuracy"]}


def main() -> None:
    with schema("bench_hop") as connection:
        page_tables(connection)
        query = (
            "SELECT attributes AS x, attributes_shape AS x_shape, class_text AS y, class_text_shape AS y_shape"
            " FROM bench_hop.iris_train_packed WHERE buffer_id % 2 = $1 ORDER BY buffer_id"
        )
        begin = time.perf_counter()
        setup = {"threads": 1, "datasets": {"training": {"query": query}}}
        about = json.loads(run(connection, "SELECT madlib.automl_open(%s)", json.dumps(setup))[0][0])
        opened = time.perf_counter() - begin
        architecture = run(connection, "SELECT model_arch::text FROM model_arch_library WHERE model_id = 2")[0][0]
        run(connection, "SELECT madlib.automl_define('m', %s, NULL)", architecture)
        order = {"model": "m", "compile": _PARAMS, "fit": {"batch_size": 8}, "seed": [1, 1], "labels": 3}
        state: bytes | None = None
        seconds, parts = [], []
        for iteration in range(HOPS):
            stops = [{"train": iteration % 2, "iteration": iteration}]
            begin = time.perf_counter()
            answer = bytes(
                run(connection, "SELECT madlib.automl_visit(%s, %s)", json.dumps({**order, "stops": stops}), state)[0][0]
            )
            seconds.append(time.perf_counter() - begin)
            length = int.from_bytes(answer[:4], "little")
            parts.append(json.loads(answer[4 : 4 + length]))
            state = answer[4 + length :]
        settled, reports = seconds[HOPS // 3 :], parts[HOPS // 3 :]
        setup_ms, train_ms = (1000 * statistics.median(report[key] for report in reports) for key in ("setup", "train"))
        table(
            f"A hop of a small net (4-10-10-10-3, 60 rows, batch 8, state of {len(state or b'')} bytes), {len(settled)} hops",
            [
                ("a hop, from statement to answer", spread(settled, "ms", 1000)),
                ("of it: the state taken over by the compiled program", f"{setup_ms:.2f} ms"),
                ("of it: rows read and decoded, 8 steps of training", f"{train_ms:.2f} ms"),
                (
                    "of it: the statement, the report and the state's bytes",
                    f"{1000 * statistics.median(settled) - setup_ms - train_ms:.2f} ms",
                ),
                ("the first hop, which compiles", f"{seconds[0]:.2f} s"),
                ("importing TensorFlow in a session", f"{about['import_seconds']:.2f} s of {opened:.2f} s to open it"),
                ("memory of the session after the import", f"{about['memory_mb']} MB"),
            ],
        )


if __name__ == "__main__":
    main()
