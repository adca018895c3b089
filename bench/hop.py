"""What a hop costs: a trial's visit to one partition, state in and state out, of a small network and of a large one."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from common import memory_mb, page_tables, peak_mb, run, schema, spread, start_of_peak, table

from automl.cluster.base import VISIT, Work
from automl.cluster.conversation import conversation

SMALL_HOPS, LARGE_HOPS = 300, 12
_PARAMS = {"optimizer": "Adam", "params": {"lr": 0.01}, "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
_UNITS = 2900  # of two hidden layers: 8.4 million weights, and Adam keeps two more numbers for each: 97 MB


@dataclass(frozen=True)
class Hop:
    """One hop: seconds from the first statement to the last answer, and what the session reports of it."""

    seconds: float
    report: dict[str, Any]
    state: bytes


class Session:
    """A session as a search opens it, on the page's packed table."""

    def __init__(self, name: str) -> None:
        self._connection = psycopg.connect(os.environ["AUTOML_DSN"], autocommit=True)
        self._connection.execute("SET plan_cache_mode = force_generic_plan")
        self.pid = self._connection.info.backend_pid
        query = (
            "SELECT attributes AS x, attributes_shape AS x_shape, class_text AS y, class_text_shape AS y_shape"
            f" FROM {name}.iris_train_packed WHERE buffer_id % 2 = $1 ORDER BY buffer_id"
        )
        begin = time.perf_counter()
        setup = {"threads": 1, "datasets": {"training": {"query": query}}}
        self.about = json.loads(self._ask("SELECT madlib.automl_open($1)", (json.dumps(setup),)))
        self.opened = time.perf_counter() - begin

    def define(self, key: str, architecture: str) -> None:
        self._ask("SELECT madlib.automl_define($1, $2, NULL)", (key, architecture))

    def hops(self, key: str, count: int) -> Iterator[Hop]:
        """Let a trial hop from partition to partition and back."""
        order = {"model": key, "compile": _PARAMS, "fit": {"batch_size": 8}, "seed": [1, 1], "labels": 3}
        state: bytes | None = None
        for iteration in range(count):
            stops = [{"train": iteration % 2, "iteration": iteration}]
            begin = time.perf_counter()
            report, state = self._talk(Work(None, VISIT, (json.dumps({**order, "stops": stops}), state)))
            yield Hop(time.perf_counter() - begin, report, state)

    def _talk(self, work: Work) -> Any:
        talk = conversation(work)
        statement = next(talk)
        while True:
            try:
                statement = talk.send(self._ask(*statement))
            except StopIteration as end:
                return end.value

    def _ask(self, sql: str, values: tuple[Any, ...]) -> Any:
        plain = [v if v is None or isinstance(v, (bytes, bytearray)) else str(v).encode() for v in values]
        formats = [int(isinstance(v, (bytes, bytearray))) for v in values]
        result = self._connection.pgconn.exec_params(sql.encode(), plain, None, formats, 1)
        if result.error_message:
            raise RuntimeError(result.error_message.decode())
        return result.get_value(0, 0)


def main() -> None:
    with schema("bench_hop") as connection:
        page_tables(connection)
        session = Session("bench_hop")
        session.define("small", run(connection, "SELECT model_arch::text FROM model_arch_library WHERE model_id = 2")[0][0])
        session.define("large", large_architecture())
        small(session)
        large(session)


def small(session: Session) -> None:
    hops = list(session.hops("small", SMALL_HOPS))
    settled = hops[SMALL_HOPS // 3 :]
    seconds = [hop.seconds for hop in settled]
    whole = statistics.median(seconds)
    setup, train = (statistics.median(hop.report[key] for hop in settled) for key in ("setup", "train"))
    imported = session.about["import_seconds"]
    table(
        f"A hop of a small net (4-10-10-10-3, 60 rows, batch 8, state of {len(hops[0].state)} bytes), {len(settled)} hops",
        [
            ("a hop, from statement to answer", spread(seconds, "ms", 1000)),
            ("of it: the state taken over by the compiled program", f"{1000 * setup:.2f} ms"),
            ("of it: rows read and decoded, 8 steps of training", f"{1000 * train:.2f} ms"),
            ("of it: the statement, the report and the state's bytes", f"{1000 * (whole - setup - train):.2f} ms"),
            ("the first hop, which compiles", f"{hops[0].seconds:.2f} s"),
            ("importing TensorFlow in a session", f"{imported:.2f} s of {session.opened:.2f} s to open it"),
            ("memory of the session after the import", f"{session.about['memory_mb']} MB"),
        ],
    )  # fmt: skip


def large(session: Session) -> None:
    before = memory_mb(session.pid)
    start_of_peak(session.pid)
    hops = list(session.hops("large", LARGE_HOPS))
    size = len(hops[0].state) / 2**20
    seconds = [hop.seconds for hop in hops[2:]]
    train = statistics.median(hop.report["train"] for hop in hops[2:])
    taken = peak_mb(session.pid) - before
    table(
        f"A hop of a large net (4-{_UNITS}-{_UNITS}-3, state of {size:.0f} MB), {len(seconds)} hops",
        [
            ("a hop, from the first statement to the last answer", spread(seconds)),
            ("of it: 8 steps of training", f"{train:.2f} s"),
            ("most memory of the session, above what it had before", f"{taken:.0f} MB: {taken / size:.1f} times the state"),
        ],
    )


def large_architecture() -> str:
    """The JSON of a network whose state is about 100 MB."""
    layers: list[dict[str, Any]] = [{"units": _UNITS, "activation": "relu", "batch_input_shape": [None, 4]}]
    layers += [{"units": _UNITS, "activation": "relu"}, {"units": 3, "activation": "softmax"}]
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": layer} for layer in layers]})


if __name__ == "__main__":
    main()
