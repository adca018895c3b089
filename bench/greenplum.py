"""Greenplum against PostgreSQL: a hop, the page's examples in turn, prediction, packing, and more and fewer segments.

Needs AUTOML_TEST_GREENPLUM_DSN, a cluster whose segments share the machine with `make bench`'s PostgreSQL; else it says so and
ends.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg2
import psycopg2.extensions
from common import (
    IRIS,
    Connection,
    Session,
    images,
    in_turn,
    memory_mb,
    page_hyperopt,
    page_search,
    page_tables,
    peak_mb,
    ratio,
    run,
    schema,
    spread,
    table,
)

from automl.cluster.driver import pq, psycopg
from automl.cluster.prepared import Execution
from automl.cluster.session import saying
from automl.cluster.statements import Statement, defining, opening, run_to_end
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import SessionSetup
from keras_seg.protocol.variables import Variable, Variables

ROUNDS = 3
HOPS = 600
ROWS = 60_000
SCHEMA = "bench_greenplum"
_CLUSTER = "AUTOML_TEST_GREENPLUM_DSN"
_GRID = "$${'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 0.1, 'log']}]}$$"
_DIGITS = Variables((Variable("image", (784,), "float32"),), Variable("digit", (10,), "int16"))
_WIDE = json.dumps(
    {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Dense", "config": {"units": 64, "activation": "relu", "batch_input_shape": [None, 784]}},
            {"class_name": "Dense", "config": {"units": 10, "activation": "softmax"}},
        ],
    }
)


class SegmentSession(Session):
    """One connection whose statements run where the partitions lie: what the sessions of a search are, one for each of them."""

    def __init__(self, dsn: str, source: str, variables: Variables, caching: bool) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._execution = Execution(pq.Escaping(self._connection.pgconn).escape_literal)
        first = f"SELECT min(buffer_id), __dist_key__ FROM {source} GROUP BY 2 ORDER BY 1"
        places = self._connection.execute(first).fetchall()
        self.places = [f" FROM {source} WHERE __dist_key__ = {key} AND buffer_id = {buffer}" for buffer, key in places]
        columns = ", ".join(f"{each.column}, {each.column}_shape" for each in variables.all)
        feed = f"SELECT madlib.automl_feed('training', $1::integer, buffer_id, {columns}) FROM {source} WHERE __dist_key__ = "
        self._feeds = [f"{feed}{key}" for _, key in places]
        super().ask(Statement("BEGIN"))
        setup = SessionSetup(variables=variables, caching=caching)
        opened = [self.have(opening(setup), place) for place in self.places]
        self.pids = [json.loads(answer)["pid"] for answer in opened]

    def ask(self, statement: Statement) -> Any:
        return run_to_end(self._execution.of(saying(statement)), super().ask)

    def feed(self, partition: int) -> None:
        self.ask(Statement(self._feeds[partition], (partition,)))

    def close(self) -> None:
        self._connection.close()

    def define(self, key: str, architecture: str) -> None:
        for place in self.places:
            self.have(defining(Definition(key, architecture)), place)


def main() -> None:
    dsn = os.environ.get(_CLUSTER)
    if not dsn:
        print(f"bench/greenplum.py: {_CLUSTER} is not set, nothing is measured")
        return
    with database(dsn) as own:
        measure(own)


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """Give the DSN of a database of that cluster made for the benchmark, with the extension."""
    server = psycopg2.connect(dsn)
    server.autocommit = True
    run(server, f"DROP DATABASE IF EXISTS {SCHEMA}")
    run(server, f"CREATE DATABASE {SCHEMA}")
    own = psycopg2.extensions.make_dsn(dsn, dbname=SCHEMA)
    maker = psycopg2.connect(own)
    maker.autocommit = True
    for name in ("plpython3u", "keras_automl"):
        run(maker, f"CREATE EXTENSION {name}")
    maker.close()
    yield own
    run(server, f"DROP DATABASE {SCHEMA}")
    server.close()


def measure(dsn: str) -> None:
    """Print the tables."""
    with schema(SCHEMA) as postgresql, schema(SCHEMA, dsn) as greenplum:
        both = {"Greenplum": greenplum, "PostgreSQL": postgresql}
        for connection in both.values():
            page_tables(connection)
        hops(dsn, greenplum)
        rows = compare("the page's Hyperband example", both, page_search)
        rows += compare("the page's Hyperopt example", both, page_hyperopt)
        for connection in both.values():
            images(connection, "many", ROWS)
            run(connection, "SELECT madlib.load_keras_model('wide', %s::json)", _WIDE)
        rows += compare(f"packing {ROWS:,} rows of 784 real", both, pack)
        for connection in both.values():
            train(connection, "packed")
        rows += compare(f"predicting {ROWS:,} of them", both, predict)
        table(f"Three segments against PostgreSQL on the same machine, {ROUNDS} rounds in turn", rows)
        memory(dsn)
        scaling(greenplum)


def compare(what: str, both: Mapping[str, Connection], contestant: Callable[[Connection], None]) -> list[tuple[str, str]]:
    """Return what something takes on either database, in turn."""
    seconds = in_turn({name: partial(contestant, connection) for name, connection in both.items()}, ROUNDS)
    figures = [(f"{what}, {name}", spread(each)) for name, each in seconds.items()]
    return [*figures, ("Greenplum takes the time of PostgreSQL", ratio(*seconds.values()))]


def hops(dsn: str, connection: Connection) -> None:
    """Time one trial that hops over all segments, its rows in the memory of their processes."""
    session = SegmentSession(dsn, f"{SCHEMA}.iris_train_packed", IRIS, True)
    for partition in range(len(session.places)):
        session.feed(partition)
    session.define("small", run(connection, "SELECT model_arch::text FROM model_arch_library WHERE model_id = 2")[0][0])
    settled = list(session.hops("small", HOPS))[HOPS // 2 :]
    seconds = [hop.seconds for hop in settled]
    inside = statistics.median(hop.report.setup_seconds + hop.report.training_seconds for hop in settled)
    nothing = []
    for at in session.places * (HOPS // 6):
        begin = time.perf_counter()
        session.ask(Statement("SELECT $1::text, $2::bytea" + at, ("", settled[0].state)))
        nothing.append(time.perf_counter() - begin)
    table(
        f"A hop of a small net on {len(session.places)} segments, {len(settled[0].state)} bytes, {len(settled)} hops",
        [
            ("a hop, from statement to answer", spread(seconds, "ms", 1000)),
            ("of it: in the function on the segment", f"{1000 * inside:.2f} ms"),
            ("a statement with the same state that calls nothing there", spread(nothing, "ms", 1000)),
        ],
    )


def memory(dsn: str) -> None:
    """Show what a process on a segment holds of its partition, whether the search caches or not."""
    rows = []
    for caching in (False, True):
        session = SegmentSession(dsn, f"{SCHEMA}.packed", _DIGITS, caching)
        session.batch_size = 256
        session.define("wide", _WIDE)
        imported = memory_mb(session.pids[0])
        hops, fed = session.hops("wide", 4 * len(session.places)), []
        for hop in range(4 * len(session.places)):
            partition, begin = hop % len(session.places), time.perf_counter()
            if not caching or hop < len(session.places):
                session.feed(partition)
                fed.append(time.perf_counter() - begin)
            next(hops)
        name = f"use_caching {str(caching).upper()}"
        rows += [
            (f"{name}: MB after the import, between visits, at most",
             " / ".join(f"{mb:,.0f}" for mb in (imported, memory_mb(session.pids[0]), peak_mb(session.pids[0])))),
            (f"{name}: bringing it {'once' if caching else 'before each visit'}", spread(fed)),
        ]  # fmt: skip
        session.close()
    table(f"A process on a segment with a third of {ROWS:,} rows of 784", rows)


def pack(connection: Connection) -> None:
    run(connection, "DROP TABLE IF EXISTS packed, packed_summary")
    run(connection, "SELECT madlib.training_preprocessor_dl('many', 'packed', 'digit', 'image', NULL, 255)")


def predict(connection: Connection) -> None:
    run(connection, "DROP TABLE IF EXISTS p")
    run(connection, "SELECT madlib.madlib_keras_predict('o', 'many', 'id', 'image', 'p', 'response', mst_key := 1)")


def train(connection: Connection, source: str) -> None:
    run(connection, "DROP TABLE IF EXISTS o, o_info, o_summary, b, b_summary")
    run(
        connection,
        f"SELECT madlib.madlib_keras_automl('{source}', 'o', 'wide', 'b', ARRAY[1], {_GRID},"
        " $${'batch_size': [256], 'epochs': [1]}$$, 'hyperband', 'R=3, eta=3', 1)",
    )


def scaling(connection: Connection) -> None:
    """Time the same search over the same rows on one segment, on two, and so on; without the import, by its own clock."""
    dbids = [row[0] for row in run(connection, "SELECT dbid FROM gp_segment_configuration WHERE content >= 0 ORDER BY content")]
    for count in range(1, len(dbids) + 1):
        run(connection, f"CREATE TABLE on_{count}_rules AS SELECT unnest(%s::integer[]) AS dbid", dbids[:count])
        run(
            connection,
            f"SELECT madlib.training_preprocessor_dl('many', 'on_{count}', 'digit', 'image', NULL, 255, NULL::text,"
            f" 'on_{count}_rules')",
        )
    seconds: dict[int, list[float]] = {count: [] for count in range(1, len(dbids) + 1)}
    for _ in range(ROUNDS):
        for count, each in seconds.items():
            train(connection, f"on_{count}")
            last = "max(metrics_elapsed_time[array_length(metrics_elapsed_time, 1)])"
            each.append(float(run(connection, f"SELECT {last} FROM o_info")[0][0]))
    table(
        f"Training {ROWS:,} rows, R=3 and eta=3, one thread a segment",
        [(f"on {count} of {len(dbids)} segments", spread(each)) for count, each in seconds.items()],
    )


if __name__ == "__main__":
    try:
        main()
    except psycopg2.OperationalError as error:
        raise SystemExit(f"bench/greenplum.py: {error}") from None
