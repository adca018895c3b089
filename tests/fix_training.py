"""A trial on a session of its own, over a server that is a dict: for tests of training without a database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_seg import transition
from keras_seg.protocol import parts
from keras_seg.protocol import state as codec
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
from keras_seg.protocol.variables import Variable, Variables
from keras_seg.server.runtime import Runtime
from keras_seg.session.cache import Cache
from keras_seg.training.buffers import in_parts

Tables = dict[str, list[list[dict[str, Any]]]]

ROWS, FEATURES, CLASSES = 53, 6, 3
PART = 400  # bytes of a buffer that a row of the statement brings
VARIABLES = Variables((Variable("x", (FEATURES,), "float32"),), Variable("y", (CLASSES,), "int16"))
SETUP = SessionSetup(datasets={"training": "training", "validation": "validation"}, variables=VARIABLES)
FIT = FitOrder(batch_size=8, shuffle=False)


class Cursor:
    """Rows as `plpy.cursor` gives them."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)

    def fetch(self, count: int) -> list[dict[str, Any]]:
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken


class Started(Runtime):
    """TensorFlow as this process has it, threads and all."""

    def wait(self, interrupt: Any) -> None:
        pass

    def versions(self) -> dict[str, Any]:
        return {}


class Server:
    """As much of plpy as the segment side uses, over tables that are dicts: query -> partition -> buffers."""

    class Error(Exception):
        pass

    class SPIError(Exception):
        pass

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.looks = 0

    def execute(self, _: str) -> None:
        self.looks += 1

    def prepare(self, query: str, _: list[str]) -> str:
        return query

    def cursor(self, query: str, values: list[int]) -> Cursor:
        tables = {in_parts(name, VARIABLES): partitions for name, partitions in self._tables.items()}
        return Cursor([part for row in tables[query][values[0]] for part in cut(row)])

    def error(self, message: str, **_: str) -> None:
        raise RuntimeError(message)


def rows(seed: int, count: int, shape: tuple[int, ...] = (FEATURES,)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, *shape)).astype(np.float32)
    return x, np.eye(CLASSES, dtype=np.int16)[random.integers(0, CLASSES, count)]


def buffer(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """A row of the query of a dataset."""
    columns = list(zip(VARIABLES.names, (x, y), strict=True))
    values = {name: array.tobytes() for (name, _), array in columns}
    return {**values, **{shape: list(array.shape) for (_, shape), array in columns}}


def cut(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that the statement of `in_parts` gives for one of the packed table, with parts of another size."""
    names = [name for name, _ in VARIABLES.names]
    sizes = {f"{name}_bytes": len(row[name]) for name in names}
    begins = range(0, max(*sizes.values(), 1), PART)
    return [{**row, **sizes, **{name: row[name][at : at + PART] for name in names}} for at in begins]


def dense(*hidden: keras.layers.Layer) -> str:
    return str(
        keras.Sequential([keras.Input((FEATURES,)), *hidden, keras.layers.Dense(CLASSES, activation="softmax")]).to_json()
    )


def compile_with(optimizer: str, params: Mapping[str, Any] | None = None, **others: Any) -> CompileOrder:
    """Compile parameters for the rows of these tests; `others` are fields of the order."""
    given = CompileOrder(optimizer, params or {}, "categorical_crossentropy", ("accuracy",))
    return replace(given, **others)


class Trial:
    """One trial on a session of its own: the data, the orders, the state."""

    def __init__(self, architecture: str, tables: Tables, caching: bool = False, weights: bytes | None = None) -> None:
        self.server = Server(tables)
        self.gd: dict[str, Any] = {transition.CACHE: Cache(runtime=Started(1))}
        self.state: bytes | None = None
        self.report = VisitReport()
        transition.open_session(self.server, self.gd, replace(SETUP, caching=caching).to_json())
        transition.define(self.gd, "m", architecture, weights)

    def visit(self, stops: Sequence[Stop], compiled: CompileOrder, fit: FitOrder = FIT) -> Trial:
        """Make stops; what the session has said and the state are there afterwards."""
        self.order(VisitOrder("m", compiled, fit, (7, 1), tuple(stops)))
        return self

    def order(self, order: VisitOrder) -> None:
        """Give the session an order."""
        report, state = parts.opened(transition.visit(self.server, self.gd, order.to_json(), self.state))
        self.report, self.state = VisitReport.from_json(report), state or self.state

    @property
    def md5(self) -> str:
        return hashlib.md5(self.state or b"").hexdigest()


def train(partition: int = 0, iteration: int = 1, last: bool = False) -> TrainingStop:
    return TrainingStop(iteration, partition, last)


def evaluate(dataset: str, partitions: int, iteration: int = 1) -> list[EvaluationStop]:
    return [EvaluationStop(iteration, at, dataset, at == partitions - 1) for at in range(partitions)]


def weights_into(model: keras.Model, state: bytes) -> None:
    flat = np.frombuffer(codec.weights(state), np.float32)
    ends = np.cumsum([int(np.prod(weight.shape)) for weight in model.weights])
    model.set_weights([part.reshape(w.shape) for part, w in zip(np.split(flat, ends[:-1]), model.weights, strict=True)])


def uneven() -> tuple[Tables, np.ndarray, np.ndarray]:
    """Rows in buffers of very different sizes, over two partitions, and all of them as arrays."""
    x, y = rows(3, 1301)
    cuts = [(0, 700), (700, 703), (703, 1300), (1300, 1301)]
    buffers = [buffer(x[start:stop], y[start:stop]) for start, stop in cuts]
    return {"training": [buffers[:3], buffers[3:]], "validation": [buffers[:1], buffers[1:]]}, x, y


PLAIN = dense(keras.layers.Dense(8, activation="relu"))
ALL_ROWS = buffer(*rows(1, ROWS))
ONE_PARTITION: Tables = {"training": [[ALL_ROWS]], "validation": [[ALL_ROWS]]}
