"""The entry points that SQL calls on a session: open, define, check, visit (with put and take), predict, gather, close.

An order is JSON: what to do, in terms of trials and partitions. It knows nothing of brackets, and the only SQL that comes with
it is the query of each dataset, which runs with the rights of the session. Whatever an order says, it can only train, evaluate
and predict: nothing in it is imported, unpickled or evaluated. It may name a table of custom functions, which is looked at here
before anything of it is loaded: see `custom`.

What goes wrong in a trial comes back in the report of its visit ("error") and costs that trial alone; a cancellation, or a
table that cannot be read, is an error of the statement.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.protocol import custom_functions, parts
from keras_seg.protocol import state as codec
from keras_seg.protocol.array_bytes import encoded as pack_encoded
from keras_seg.protocol.array_bytes import features as pack_features
from keras_seg.protocol.array_bytes import one_hot as pack_classes
from keras_seg.protocol.limits import MOST_THREADS
from keras_seg.protocol.predictions import Block, Selection
from keras_seg.server.failure import fail
from keras_seg.server.gpus import gpus as host_gpus
from keras_seg.server.gpus import of_driver
from keras_seg.server.inspection import inspect as look_around
from keras_seg.server.interrupts import deferred, look, protected
from keras_seg.server.runtime import Runtime, RuntimeProblem
from keras_seg.session.cache import Cache, Definition
from keras_seg.session.row_batches import Gathering
from keras_seg.training import buffers

__all__ = [
    "check",
    "close_session",
    "define",
    "feed",
    "gather",
    "gather_begin",
    "gather_rest",
    "gpus",
    "inspect",
    "open_session",
    "pack_classes",
    "pack_encoded",
    "pack_features",
    "predict",
    "put",
    "take",
    "visit",
]

if TYPE_CHECKING:
    from keras_seg.training.buffers import Buffer
    from keras_seg.training.tensorboard import Board
    from keras_seg.training.trainer import Compile, Evaluator, Fit, Network, Trainer

_LENGTH = struct.Struct("<I")
_GATHERED = "gathered"  # key of the network that predicts the rows which come one by one
CACHE = "keras_seg.session.cache"
OBJECT_NOT_IN_PREREQUISITE_STATE = "55000"
INSUFFICIENT_PRIVILEGE = "42501"
INVALID_PARAMETER_VALUE = "22023"
_NOT_SAID = (
    "Graph execution error",
    "Detected at node",
    "File ",
    "<stack traces",
    "[[{{",
    "Stack trace",
    "Exception encountered",
)


@protected
def open_session(plpy: Any, gd: dict[str, Any], setup: str) -> str:
    """Get a session ready for a run: import TensorFlow, remember the run's setup.

    Args:
        setup: JSON with `threads`, `gpus`, `caching`, `datasets`: name -> {"query"}, whose query takes a partition as $1 and
            gives columns x, x_shape, y, y_shape; and `functions`, the name of a table of custom functions, or null.

    Returns:
        JSON with versions, seconds of the import and memory in MB.
    """
    cache = gd.setdefault(CACHE, Cache())
    cache.clear()
    cache.setup = json.loads(setup)
    _read_functions(plpy, cache)
    wanted = Runtime(_threads(plpy, cache.setup.get("threads", 1)), tuple(map(str, cache.setup.get("gpus", ()))))
    cache.runtime = cache.runtime or _begin(plpy, wanted)
    _require_same(plpy, cache.runtime, wanted)
    try:
        cache.runtime.wait(lambda: look(plpy))
    except RuntimeProblem as problem:
        fail(plpy, f"keras_automl: {problem}", OBJECT_NOT_IN_PREREQUISITE_STATE, problem.hint)
    return json.dumps(cache.runtime.versions())


def _threads(plpy: Any, given: Any) -> int:
    """Return the number of threads if TensorFlow survives it: another one ends the process, and all sessions of the server."""
    if type(given) is not int or not 1 <= given <= MOST_THREADS:
        fail(plpy, f"keras_automl.threads: must be an integer from 1 to {MOST_THREADS}, got {given}", INVALID_PARAMETER_VALUE)
    return int(given)


def _begin(plpy: Any, wanted: Runtime) -> Runtime:
    """Return a runtime that may begin here: its GPUs are among those that the server may use."""
    there = {gpu.name for gpu in of_driver(lambda: look(plpy))} if wanted.gpus else set()
    unknown = [gpu for gpu in wanted.gpus if gpu not in there]
    if unknown:
        rule = f"there is no GPU {unknown[0]} on this host, which has {', '.join(sorted(there)) or 'none'}"
        fail(plpy, f"use_gpus: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Call again: the driver may have lost it since.")
    return wanted


def _require_same(plpy: Any, began: Runtime, wanted: Runtime) -> None:
    """End the statement unless TensorFlow began in this session as it is wanted now: it cannot change."""
    if began.threads != wanted.threads:
        rule = f"TensorFlow began in this session with {began.threads} threads and cannot change to {wanted.threads}"
        fail(plpy, f"keras_automl.threads: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Connect anew, or set it back.")
    if began.gpus != wanted.gpus:
        here, there = (f"on {', '.join(each.gpus)}" if each.gpus else "without a GPU" for each in (began, wanted))
        rule = f"TensorFlow began in this session {here} and cannot change to run {there}"
        fail(plpy, f"use_gpus: {rule}", OBJECT_NOT_IN_PREREQUISITE_STATE, "Connect anew.")


@protected
def gpus(plpy: Any, source: str) -> str:
    """Return JSON: this host and its GPUs; see `devices.gpus`."""
    return host_gpus(source, lambda: look(plpy))


@protected
def inspect(plpy: Any) -> str:
    """Return JSON of what is found here; see `inspection.inspect`."""
    return look_around(lambda: look(plpy))


def _read_functions(plpy: Any, cache: Cache) -> None:
    table = cache.setup.get("functions")
    if table is None:
        return
    try:
        cache.functions = custom_functions.read(plpy, str(table))
    except custom_functions.CustomProblem as problem:
        fail(plpy, f'object_table: table "{custom_functions.SCHEMA}.{table}" {problem}', INSUFFICIENT_PRIVILEGE)


def close_session(gd: dict[str, Any]) -> None:
    """Drop everything that the run left on this session."""
    gd.setdefault(CACHE, Cache()).clear()


def define(gd: dict[str, Any], key: str, architecture: str, weights: parts.Raw | None) -> None:
    """Let later orders name an architecture, and its initial weights if it has some, by `key`."""
    gd[CACHE].definitions[key] = Definition(architecture, weights)


def feed(gd: dict[str, Any], dataset: str, partition: int, buffer: int, *columns: Any) -> int:
    """Take a buffer of a partition, for the visits of a session that cannot read tables.

    Args:
        columns: x, x_shape, y, y_shape, as the packed table has them.

    Returns:
        How many buffers of the partition are there now.
    """
    buffers = gd[CACHE].fed.setdefault((dataset, partition), {})
    buffers[buffer] = columns
    return len(buffers)


@protected
def check(plpy: Any, gd: dict[str, Any], orders: str) -> str:
    """Build and compile what the orders name, once, without training.

    Args:
        orders: JSON list of {"name", "model", "x_shape", "labels", "compile", "fit"}; without "labels" and what follows only
            the network is looked at.

    Returns:
        JSON list of problems, each {"argument", "problem"}: which SQL argument to blame, and why; empty where all is well.
    """
    problems = []
    for order in json.loads(orders):
        look(plpy)
        found = _problem(plpy, gd[CACHE], order)
        if found is not None:
            problems.append({"argument": found[0], "problem": found[1]})
    return json.dumps(problems)


def put(gd: dict[str, Any], part: bytes, first: bool) -> None:
    """Take a part of a state that is too large for one statement; the visit that follows brings the last part."""
    arriving = gd[CACHE].arriving
    if first:
        arriving.begin()
    arriving.add(part)


def take(gd: dict[str, Any]) -> bytes:
    """Return the next part of the state that the last visit has left; nothing where there is none."""
    cache: Cache = gd[CACHE]
    part = next(cache.leaving, b"")
    if len(part) < parts.PART:
        cache.leaving = iter(())  # the last part: what it was cut from need not stay in memory
    return part


@protected
def visit(plpy: Any, gd: dict[str, Any], order: str, state: bytes | None) -> bytes:
    """Let a trial visit partitions: train and evaluate as the order's stops say.

    Args:
        order: JSON {"model", "compile", "fit", "seed", "labels", "stops"}; a stop is {"train": partition, "iteration": n,
            "last": whether the iteration is then trained} or {"evaluate": dataset, "partition": p (null where all sums have
            come), "iteration": n, "last": whether the sums are complete}. With "state": "weights" the state that comes is
            weights alone, as in a model table. With "tensorboard" what happens is written for it; see `board`.
        state: the trial's state, or the last part of it, or NULL for one that begins.

    Returns:
        Four bytes with the length of the report, the report (JSON) with the `bytes` of the new state (0 where the visit only
        evaluated), the first part of that state; `take` gives the others.
    """
    cache: Cache = gd[CACHE]
    cache.leaving = iter(())
    try:
        task = Visit(plpy, cache, json.loads(order), cache.arriving.complete(state))
        del state
        task.run()
    except plpy.SPIError:
        raise  # a cancellation, or a table that cannot be read
    except Exception as error:
        return _envelope({"error": f"{type(error).__name__}: {_sentence(error)}"}, b"")
    finally:
        if not cache.setup.get("caching"):
            cache.fed.clear()
    pieces = task.new_state()
    cache.leaving = parts.cut(pieces)
    return _envelope({**task.report, "bytes": parts.total(pieces)}, take(gd))


@protected
def predict(plpy: Any, gd: dict[str, Any], key: str, rows: bytes, count: int) -> bytes:
    """Return the outputs of a network for `count` rows of features.

    Args:
        key: of an architecture that was defined with its weights.
        rows: float32, row-major, count times the network's input.

    Returns:
        Four bytes with the number of columns, then float32 (count, columns).
    """
    cache: Cache = gd[CACHE]
    x = np.frombuffer(rows, np.float32).reshape(count, *_network(cache, key).input_shape)
    flat = _outputs(plpy, cache, key, x)
    return _LENGTH.pack(flat.shape[1] if count else 0) + flat.tobytes()


@protected
def gather_begin(plpy: Any, gd: dict[str, Any], setup: str, order: str, architecture: str) -> Block | None:
    """Get ready to predict the rows that the same statement hands to this process.

    Args:
        setup: as for `open_session`.
        order: JSON {"x_shape", "normalizing_const", "classes", "selection", "weights"}: shape and divisor of the features, how
            many classes are named (null where none are), the fields of Selection, and the query of the weights, which gives
            their parts in order.

    Returns:
        A block with a problem where the network does not fit the rows ("network": why) or the classes ("columns": how many
        it gives).
    """
    open_session(plpy, gd, setup)
    cache: Cache = gd[CACHE]
    given = json.loads(order)
    define(gd, _GATHERED, architecture, _weights(plpy, cache, given["weights"]))
    shape, selection = given["x_shape"], Selection(**given["selection"])
    found = _problem(plpy, cache, {"name": "the model", "model": _GATHERED, "x_shape": shape})
    columns = 0 if found else int(np.prod(_network(cache, _GATHERED).output_shape))
    cache.gathering = Gathering(
        lambda x: _outputs(plpy, cache, _GATHERED, x), shape, columns, float(given["normalizing_const"]), selection
    )
    if found:
        return cache.gathering.stop(network=found[1])
    if given["classes"] not in (None, columns):
        return cache.gathering.stop(columns=columns)
    return None


def gather(gd: dict[str, Any], identity: str | None, features: bytes | None) -> Block | None:
    """Take a row to predict; return the rows of a batch when it is full."""
    gathering: Gathering = gd[CACHE].gathering
    return gathering.add(identity, features)


def gather_rest(gd: dict[str, Any]) -> Block | None:
    """Return the rows of the last batch, and drop everything that the prediction needed."""
    gathering: Gathering = gd[CACHE].gathering
    rest = gathering.rest()
    close_session(gd)
    return rest


class Visit:
    """One visit while it runs: the program it uses, the trial's state, what it reports."""

    def __init__(self, plpy: Any, cache: Cache, order: dict[str, Any], state: parts.Raw | None) -> None:
        self._plpy = plpy
        self._cache = cache
        self._order = order
        self._state = state
        self._compile = _compile(cache, order["compile"])
        self._fit = _fit(order["fit"])
        self._trained = False
        self._sums: dict[str, list[np.ndarray]] = {
            name: [np.asarray(array, np.float64) for array in sums] for name, sums in order.get("sums", {}).items()
        }
        self._current: codec.State | None = None
        self._frozen: Any = None
        self._board: Board | None = None
        self.report: dict[str, Any] = {"rows": 0, "setup": 0.0, "train": 0.0, "evaluate": 0.0}

    def run(self) -> None:
        """Make all the stops of the order, one after the other."""
        for stop in self._order["stops"]:
            if "train" in stop:
                self._train(stop)
            else:
                self._evaluate(stop)
        if self._sums:
            self.report["sums"] = {name: [array.tolist() for array in sums] for name, sums in self._sums.items()}

    def new_state(self) -> list[bytes | memoryview]:
        """Return the parts of the state after the visit; none where it only evaluated, for then it is the one that came."""
        return codec.encoded_parts(self._now()) if self._trained else []

    def _train(self, stop: dict[str, Any]) -> None:
        begin = time.perf_counter()
        trainer = self._trainer()
        if not self._trained:
            trainer.load(self._begin(trainer))
            self._state = None  # a large one need not stay in memory twice
        ready = time.perf_counter()
        partition, watched = stop["train"], "tensorboard" in self._order
        for epoch in range(self._fit.epochs):
            if watched:
                trainer.begin_sums(self._sums.get(f"epoch {epoch}"))
            seed = np.random.SeedSequence([*self._order["seed"], 1, stop["iteration"], partition, epoch])
            buffers = self._buffers("training", partition)
            random = np.random.Generator(np.random.PCG64(seed))
            self.report["rows"] += trainer.train(self._compile, self._fit, buffers, random, self._interrupt)
            if watched:
                self._sums[f"epoch {epoch}"] = trainer.sums()
        self._trained = True
        self._current, self._frozen = None, None
        if watched and stop["last"]:
            self._tell_epochs(trainer, stop["iteration"])
        self.report["setup"] += ready - begin
        self.report["train"] += time.perf_counter() - ready

    def _evaluate(self, stop: dict[str, Any]) -> None:
        begin = time.perf_counter()
        name = stop["evaluate"]
        evaluator = self._evaluator()
        sums = self._sums.get(name) or evaluator.zeros()
        part = evaluator.zeros()
        for buffer in () if stop["partition"] is None else self._buffers(name, stop["partition"]):
            part = evaluator.add(part, self._frozen_weights(evaluator), buffer, self._interrupt)
            del buffer  # before the next one is read
        self._sums[name] = [whole + piece for whole, piece in zip(sums, part, strict=True)]
        if stop["last"]:
            loss, metrics = evaluator.results(self._sums.pop(name))
            self.report[name] = {"loss": loss, "metrics": metrics}
            if name == "validation" and "tensorboard" in self._order:
                self._tell_validation(stop["iteration"], loss, metrics)
        self.report["evaluate"] += time.perf_counter() - begin

    def _tell_epochs(self, trainer: Trainer, iteration: int) -> None:
        """Let TensorBoard know the epochs of an iteration: passes over all partitions."""
        first, points = (iteration - 1) * self._fit.epochs, []
        for epoch in range(self._fit.epochs):
            loss, metrics = self._evaluator().results(self._sums.pop(f"epoch {epoch}"))
            points.append((first + epoch, self._named(loss, metrics)))
        points[-1][1]["learning_rate"] = trainer.learning_rate(self._compile)
        with trainer.shown(self._now()) as model:
            self._tell(lambda board: board.trained(model, iteration, points))

    def _tell_validation(self, iteration: int, loss: float, metrics: Sequence[float]) -> None:
        """Let TensorBoard know a validation, as of the epoch before it."""
        model, epoch = self._evaluator().network.model, iteration * self._fit.epochs - 1
        self._tell(lambda board: board.validated(model, iteration, epoch, self._named(loss, metrics)))

    def _named(self, loss: float, metrics: Sequence[float]) -> dict[str, float]:
        from keras_seg.training.objectives import names_of

        return {"loss": loss, **dict(zip(names_of(self._compile.metrics), metrics, strict=True))}

    def _tell(self, event: Callable[[Board], None]) -> None:
        """Write for TensorBoard; that it cannot be written is worth a warning, not the trial."""
        from keras_seg.training.tensorboard import Board, BoardProblem

        try:
            self._board = self._board or Board.of(self._plpy, self._order["tensorboard"])
            event(self._board)
        except (BoardProblem, OSError) as problem:
            self.report["warning"] = f"TensorBoard's files are not written: {problem}"

    def _begin(self, trainer: Trainer) -> codec.State:
        warm = self._order.get("state") == "weights"
        if self._state is not None and not warm:
            return codec.decode(self._state)
        # 0 sets the seed of the weights apart from those of the orders of rows (1).
        seed = np.random.SeedSequence([*self._order["seed"], 0]).generate_state(1)[0]
        return trainer.initial(self._compile, int(seed), self._state)

    def _now(self) -> codec.State:
        if self._current is None:
            if self._trained:
                self._current = self._trainer().dump()
            elif self._state is not None and self._order.get("state") == "weights":
                trainable, other = _network(self._cache, self._order["model"]).initial(0, True, self._state)
                self._current = codec.State(trainable, other, (), ())
            elif self._state is not None:
                self._current = codec.decode(self._state)
            else:
                raise ValueError("a trial that has not begun cannot be evaluated")
        return self._current

    def _frozen_weights(self, evaluator: Evaluator) -> Any:
        if self._frozen is None:
            self._frozen = evaluator.network.frozen(self._now())
        return self._frozen

    def _trainer(self) -> Trainer:
        watched = "tensorboard" in self._order
        return _trainer(self._cache, self._order["model"], self._compile, self._fit, self._order["labels"], watched)

    def _evaluator(self) -> Evaluator:
        return _evaluator(self._cache, self._order["model"], self._compile, self._order["labels"])

    def _buffers(self, name: str, partition: int) -> Iterator[Buffer]:
        if not self._cache.setup.get("caching"):
            yield from self._read(name, partition)
            return
        if (name, partition) not in self._cache.data:
            self._cache.data[name, partition] = list(self._read(name, partition, last=True))
        yield from self._cache.data[name, partition]

    def _read(self, name: str, partition: int, last: bool = False) -> Iterator[Buffer]:
        """Yield the buffers of a partition; what was fed is let go buffer by buffer if this is the `last` time."""
        fed = self._cache.fed.get((name, partition))
        if last:
            self._cache.fed.pop((name, partition), None)
        if fed is not None:
            return (buffers.decode(*(fed.pop(number) if last else fed[number])) for number in sorted(fed))
        query = self._cache.setup["datasets"][name]["query"]
        cursor = self._plpy.cursor(self._plpy.prepare(buffers.in_parts(query), ["integer"]), [partition])
        return buffers.buffers(lambda: self._fetch(cursor))

    def _fetch(self, cursor: Any) -> Any:
        rows = cursor.fetch(1)
        self._interrupt()  # PL/Python frees its own copy of the row at the next statement
        return rows[0] if rows else None

    def _interrupt(self) -> None:
        look(self._plpy)


def _weights(plpy: Any, cache: Cache, query: str) -> parts.Raw | None:
    """Read weights that lie in a table in parts."""
    cursor = plpy.cursor(query)
    cache.arriving.begin()
    while rows := cursor.fetch(1):
        cache.arriving.add(rows[0]["part"])
    return cache.arriving.complete(None)


def _outputs(plpy: Any, cache: Cache, key: str, x: np.ndarray) -> np.ndarray:
    """Return the outputs (rows, columns) of a network for features (rows, ...)."""
    from keras_seg.training.trainer import Predictor

    predictor = cache.predictors.get(key, lambda: Predictor(_network(cache, key)))
    with deferred():
        outputs = predictor.predict(x, lambda: look(plpy))
    return np.ascontiguousarray(outputs.reshape(len(x), -1), np.float32)


def _network(cache: Cache, key: str) -> Network:
    from keras_seg.training.trainer import Network

    definition = cache.definitions[key]
    network: Network = cache.networks.get(key, lambda: Network(definition.architecture, definition.weights))
    return network


def _trainer(cache: Cache, model: str, compiled: Compile, fit: Fit, labels: int, watched: bool) -> Trainer:
    from keras_seg.training.trainer import Trainer

    weighted = bool(fit.class_weight)
    # Who is watched computes metrics while it trains.
    key = (model, compiled.structure, labels, weighted, compiled.metrics if watched else None)
    trainer: Trainer = cache.trainers.get(key, lambda: Trainer(_network(cache, model), compiled, labels, weighted, watched))
    return trainer


def _evaluator(cache: Cache, model: str, compiled: Compile, labels: int) -> Evaluator:
    from keras_seg.training.trainer import Evaluator

    key = (model, compiled.loss, compiled.loss_weight, compiled.metrics, labels)
    evaluator: Evaluator = cache.evaluators.get(key, lambda: Evaluator(_network(cache, model), compiled, labels))
    return evaluator


def _compile(cache: Cache, given: dict[str, Any]) -> Compile:
    from keras_seg.training.trainer import Compile

    weight = float(given.get("loss_weight") or 1.0)
    return Compile(given["optimizer"], given["params"], given["loss"], tuple(given["metrics"]), weight, cache.functions)


def _fit(given: dict[str, Any]) -> Fit:
    from keras_seg.training.trainer import Fit

    return Fit(**given)


def _problem(plpy: Any, cache: Cache, order: dict[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with one network and its parameters: (argument, sentence), or None."""
    from keras_seg.training.optimizers import make_optimizer

    name = order["name"]
    try:
        network = _network(cache, order["model"])
    except Exception as error:  # whatever Keras raises is the answer here
        return "model_arch_table", f"{name}: {_sentence(error)}"
    try:
        unfit = _unfit(network, order, cache.functions)
        if unfit is not None:
            return "model_id_list", f"{name}: {unfit}"
        if "compile" not in order:
            return None
        compiled = _compile(cache, order["compile"])
        make_optimizer(compiled.optimizer, compiled.params)  # its own numbers: a trainer serves others too
        _trainer(cache, order["model"], compiled, _fit(order["fit"]), order["labels"], "tensorboard" in order)
        _evaluator(cache, order["model"], compiled, order["labels"])
    except Exception as error:  # likewise
        return "compile_params_grid", _sentence(error)
    return _unwritable(plpy, order["tensorboard"]) if "tensorboard" in order else None


def _unwritable(plpy: Any, given: dict[str, Any]) -> tuple[str, str] | None:
    """Return why TensorBoard's files cannot be written; None if they can."""
    from keras_seg.training.tensorboard import Board, BoardProblem

    try:
        Board.of(plpy, given)
    except BoardProblem as problem:
        return "fit_params_grid", f'"callbacks": {problem}'
    return None


def _unfit(network: Network, order: dict[str, Any], functions: Container[str]) -> str | None:
    """Return why rows of the order's shapes do not fit the network; None if they do.

    Args:
        functions: the custom ones; of these a loss knows itself what rows it reads.
    """
    from keras_seg.training.objectives import wants_class_numbers

    x_shape, labels = order["x_shape"], order.get("labels")
    if network.input_shape != tuple(x_shape):
        return f"the network takes rows of shape {list(network.input_shape)}, the table holds rows of shape {list(x_shape)}"
    outputs = network.output_shape[-1] if network.output_shape else 1
    if labels in (None, outputs):
        return None
    if labels == 1:
        loss = order["compile"]["loss"]
        if loss in functions or wants_class_numbers(loss):
            return None
        return (
            f"the network's last layer has {outputs} units, the dependent variable is one number a row;"
            " to make classes of it, give num_classes to training_preprocessor_dl"
        )
    return f"the network's last layer has {outputs} units, the dependent variable has {labels} classes"


def _sentence(error: Exception) -> str:
    """Return what an error says, without the stack and the operations that TensorFlow writes before and behind it."""
    lines = (line.strip() for line in str(error).splitlines())
    said = [line for line in lines if line and not line.startswith(_NOT_SAID)]
    return " ".join(said)[:500] if said else type(error).__name__


def _envelope(report: dict[str, Any], part: bytes) -> bytes:
    text = json.dumps(report).encode()
    return b"".join((_LENGTH.pack(len(text)), text, part))
