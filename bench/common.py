"""What the benchmarks share: the page's tables, timing in turn, and the table that is printed."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import psycopg
import psycopg2

from automl.cluster.orders import VisitWork
from automl.cluster.statements import Call, Exchange, Statement, defining, exchange, opening, run_to_end, selected
from automl.search.asha import AshaParams
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import (
    CompileOrder,
    EvaluationStop,
    FitOrder,
    SessionSetup,
    Stop,
    TrainingStop,
    VisitOrder,
    VisitReport,
)
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.variables import Variable, Variables

BENCH = Path(__file__).resolve().parent
EXAMPLES = BENCH.parent / "examples"

ADAM = CompileOrder("Adam", {"lr": 0.01}, "categorical_crossentropy", ("accuracy",))
IRIS = Variables((Variable("attributes", (4,), "float32"),), Variable("class_text", (3,), "int16"))

Connection = Any


@dataclass(frozen=True)
class Hop:
    """One hop: seconds from the first statement to the last answer, and what the session reports of it."""

    seconds: float
    report: VisitReport
    state: bytes


class Session:
    """A session as a search opens it, on the page's packed table."""

    batch_size = 8

    def __init__(self, name: str) -> None:
        self._connection = psycopg.connect(os.environ["AUTOML_DSN"], autocommit=True)
        self._connection.execute("SET plan_cache_mode = force_generic_plan")
        self.pid = self._connection.info.backend_pid
        self.places = ["", ""]  # the end of a statement that makes it run where a partition lies
        begin = time.perf_counter()
        setup = SessionSetup({"training": dataset_query(IRIS, f"{name}.iris_train_packed", 2)}, IRIS)
        self.about = json.loads(self.have(opening(setup)))
        self.opened = time.perf_counter() - begin

    def define(self, key: str, architecture: str) -> None:
        self.have(defining(Definition(key, architecture)))

    def hops(self, key: str, count: int, rate: float = 0.01, evaluated: bool = False, together: int = 1) -> Iterator[Hop]:
        """Let a trial hop from partition to partition and back; and be evaluated at the end of each hop, if wanted.

        Args:
            together: hops of one visit, which is yielded as one.
        """
        compiled = replace(ADAM, params={"lr": rate})
        state: bytes | None = None
        for iteration in range(0, count, together):
            partition = iteration % len(self.places)
            hops = range(iteration, iteration + together)
            stops: tuple[Stop, ...] = tuple(TrainingStop(each, each % len(self.places), False) for each in hops)
            if evaluated:
                stops = (*stops, EvaluationStop(iteration, 0, "training", True))
            begin = time.perf_counter()
            order = VisitOrder(key, compiled, FitOrder(self.batch_size), (1, 1), stops)
            report, state = self.have(exchange(VisitWork(order, state)), self.places[partition])
            yield Hop(time.perf_counter() - begin, report, state or b"")

    def close(self) -> None:
        self._connection.close()

    def have(self, calls: Exchange[Call], place: str = "") -> Any:
        """Have an exchange where a partition lies, and return its answer."""
        return run_to_end(calls, lambda call: self.ask(selected(call, place)))

    def ask(self, statement: Statement) -> Any:
        """Run a statement as a search does, in binary, and return its first value."""
        plain = [v if v is None or isinstance(v, Raw) else str(v).encode() for v in statement.values]
        formats = [int(isinstance(v, Raw)) for v in statement.values]
        result = self._connection.pgconn.exec_params(statement.sql.encode(), plain, None, formats, 1)
        if result.error_message:
            raise RuntimeError(result.error_message.decode())
        return result.get_value(0, 0) if result.ntuples else None


def dataset_query(variables: Variables, table: str, partitions: int) -> str:
    """Return the query of a dataset as a search has it."""
    named = zip(variables.all, variables.names, strict=True)
    columns = (f"{each.column} AS {value}, {each.column}_shape AS {shape}" for each, (value, shape) in named)
    return f"SELECT {', '.join(columns)} FROM {table} WHERE buffer_id % {partitions} = $1 ORDER BY buffer_id"


@contextmanager
def schema(name: str, dsn: str | None = None) -> Iterator[Connection]:
    """Connect to the cluster of `make bench` or to `dsn`, in a fresh schema that is dropped at the end."""
    connection = psycopg2.connect(dsn or os.environ["AUTOML_DSN"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")
        cursor.execute(f"SET search_path = {name}")
        try:
            yield connection
        finally:
            cursor.execute(f"DROP SCHEMA {name} CASCADE")
            connection.close()


def run(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


def page_tables(connection: Connection) -> None:
    """Make the page's tables: iris split and packed, the two architectures loaded."""
    run(connection, (EXAMPLES / "iris.sql").read_text())
    page = (EXAMPLES / "hyperband.sql").read_text().split("\\echo == The schedule")[0]
    run(connection, "\n".join(line for line in page.splitlines() if not line.startswith("\\")))


def page_search(connection: Connection) -> None:
    """Run the page's Hyperband example, R=9 and eta=3, as it stands in examples/hyperband.sql."""
    page = (EXAMPLES / "hyperband.sql").read_text()
    run(connection, page.split("\\echo == The search")[1].split("\\echo")[0])


def page_hyperopt(connection: Connection) -> None:
    """Run the page's Hyperopt example, 20 configurations of 10 iterations, as it stands in examples/hyperopt.sql."""
    page = (EXAMPLES / "hyperopt.sql").read_text()
    run(connection, page.split("\\echo == The search")[1].split("\\echo")[0])


def save_iris(connection: Connection, path: Path) -> None:
    """Write the split rows to a file for the peers: x, y, x_test, y_test."""
    arrays: dict[str, Any] = {}
    for table, suffix in (("iris_train", ""), ("iris_test", "_test")):
        rows = run(connection, f"SELECT attributes::real[], class_text FROM {table} ORDER BY id")
        classes = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
        arrays["x" + suffix] = np.array([row[0] for row in rows], np.float32)
        arrays["y" + suffix] = np.eye(3, dtype=np.float32)[[classes.index(row[1]) for row in rows]]
    np.savez(path, **arrays)


def images(connection: Connection, name: str, rows: int, distinct: int = 6000) -> None:
    """Make a table (id, image, digit) of images of 28 x 28, ink on white: integers from 0 to 255 as real[].

    Args:
        rows: how many; beyond `distinct` they repeat.
    """
    random = np.random.Generator(np.random.PCG64(1))
    at = np.arange(28)
    ink = np.zeros((distinct, 28, 28))
    for _ in range(4):  # strokes
        x, y = random.uniform(6, 22, (2, distinct, 1))
        width = random.uniform(1, 4, (2, distinct, 1))
        ink += np.exp(-(((at - x) / width[0]) ** 2))[:, :, None] * np.exp(-(((at - y) / width[1]) ** 2))[:, None, :]
    values = np.minimum(255, 255 * ink).astype(np.int16).reshape(distinct, -1)
    lines = "".join(f"{number}\t{{{','.join(map(str, row.tolist()))}}}\n" for number, row in enumerate(values))
    run(connection, "CREATE TEMPORARY TABLE drawn (id integer, image real[])")
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY drawn FROM STDIN", io.StringIO(lines))
    run(
        connection,
        f"CREATE TABLE {name} AS SELECT n AS id, image, drawn.id % 10 AS digit"
        f" FROM generate_series(0, {rows - 1}) AS n JOIN drawn ON drawn.id = n % {distinct}",
    )
    run(connection, f"DROP TABLE drawn; ANALYZE {name}; CHECKPOINT")


def peer(module: str, *arguments: str) -> str:
    """Run a peer in a process of its own, as a data scientist would, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(BENCH)}
    command = [sys.executable, "-m", f"peers.{module}", *arguments]
    return subprocess.run(
        command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time every contestant once a round, in turn, so that a slow moment of the machine hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            begin = time.perf_counter()
            contestant()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def asha_configurations(R: int, eta: int, iterations: int) -> int:
    """Return how many configurations ASHA makes of so many iterations at most: one in eta goes on to each of its rungs."""
    ladder = [rung.iterations for rung in AshaParams(R, eta).rungs]
    count = 1
    while sum((count + 1) // eta**at * each for at, each in enumerate(ladder)) <= iterations:
        count += 1
    return count


def memory_mb(pid: int) -> float:
    """Return the memory that a process of this machine holds now, in MB."""
    return _status_mb(pid, "VmRSS")


def start_of_peak(pid: int) -> None:
    """Let `peak_mb` count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held, in MB."""
    return _status_mb(pid, "VmHWM")


class Peak:
    """Watches the memory of a process while its block runs.

    Args:
        find: returns the process, or None as long as there is none.

    Attributes:
        megabytes: the most memory that it has held of its own: the server's shared buffers left out.
    """

    def __init__(self, find: Callable[[Connection], int | None]) -> None:
        self.megabytes = 0.0
        self._find = find
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        connection = psycopg2.connect(os.environ["AUTOML_DSN"])
        connection.autocommit = True
        pid: int | None = None
        while not self._over.wait(0.02) and pid is None:
            pid = self._find(connection)
        connection.close()
        with suppress(FileNotFoundError, StopIteration):  # it has ended
            while pid is not None and not self._over.wait(0.02):
                self.megabytes = max(self.megabytes, _status_mb(pid, "VmHWM") - _status_mb(pid, "RssShmem"))


def own_mb(pid: int) -> float:
    """Return the memory of its own that a process holds now, in MB: the server's shared buffers left out."""
    return _status_mb(pid, "VmRSS") - _status_mb(pid, "RssShmem")


def _status_mb(pid: int, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def spread(values: Sequence[float], unit: str = "s", scale: float = 1.0) -> str:
    """Return the median with the range: `4.9 s (4.7 to 5.6)`."""
    low, middle, high = (_figure(scale * each) for each in (min(values), statistics.median(values), max(values)))
    return f"{middle} {unit} ({low} to {high})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """Return how many times faster: the median of the ratios of the rounds."""
    return f"{statistics.median(a / b for a, b in zip(slow, fast, strict=True)):.1f} times"


def table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a benchmark's figures as a table of Markdown."""
    width = max(len(name) for name, _ in rows)
    print(f"\n### {title}\n")
    print(f"| {'what':{width}} | figure |\n|{'-' * (width + 2)}|---|")
    for name, figure in rows:
        print(f"| {name:{width}} | {figure} |")
    sys.stdout.flush()
