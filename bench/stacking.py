"""Many small trials in one batched step: what it would gain, where it would not, and what becomes of a trial's bits.

The product trains each trial alone. Here several trials of one network and optimizer make their steps together: their weights
are the rows of one matrix, which the optimizer sees as its only variable, and `tf.vectorized_map` turns the gradient of one
trial into that of all. docs/stacking.md draws the conclusions.

All figures are processor time: a busy machine changes them less than it changes the time on the clock.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from common import Connection, page_tables, run, schema, table
from digits import digits_tables

from keras_seg.protocol.orders import FitOrder
from keras_seg.protocol.variables import Variable
from keras_seg.training.buffers import Buffer
from keras_seg.training.evaluator import Evaluator
from keras_seg.training.network import Network
from keras_seg.training.objectives import make_loss
from keras_seg.training.parameters import Compile
from keras_seg.training.row_shape import RowShape
from keras_seg.training.trainer import Trainer

SIZES = (4, 16, 64)
STACK = 16  # trials in a stack, where one size is looked at
PARTITIONS = 2  # of the packed tables
ROUNDS = 2
THREE, TEN = (Variable("y", (classes,), "int16", one_hot=True) for classes in (3, 10))
_COMPILE = (
    "{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.0001, 0.01, 'log']}]}"
)


@dataclass(frozen=True)
class Case:
    """A network and the rows it trains on.

    Attributes:
        searches: (trials, iterations) of the searches that are timed.
    """

    name: str
    architecture: str
    rows: int
    labels: Variable
    batch: int
    searches: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time a trial: an epoch alone and in stacks of each size, and what is there once."""

    alone: float
    stacked: dict[int, float]
    begin: float
    evaluation: float


class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rates of the trials of a stack, a column: each row of weights gets its own."""

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        self._rates = tf.constant([[rate] for rate in rates], tf.float32)

    def __call__(self, _: Any) -> Any:
        return self._rates


class Stack:
    """A pass over a buffer that makes the steps of several trials together, each with its own rate and order of rows."""

    def __init__(self, network: Network, rates: Sequence[float], labels: Variable) -> None:
        self._network = network
        self._loss = make_loss("categorical_crossentropy", RowShape(labels, network.output_shape))
        self.weights = keras.Variable(np.zeros((len(rates), sum(network.sizes)), np.float32))
        self._optimizer = keras.optimizers.Adam(learning_rate=Rates(rates))
        self._optimizer.build([self.weights])
        order = tf.TensorSpec((len(rates), None), tf.int32)
        signature = [order, *network.signature(labels.shape), tf.TensorSpec((), tf.int32)]
        begin = time.process_time()
        self._advance = tf.function(self._pass, input_signature=signature, autograph=False).get_concrete_function()
        self.traced = time.process_time() - begin

    def begin(self, weights: np.ndarray) -> None:
        """Let all trials begin again."""
        self.weights.assign(weights)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))

    def train(self, orders: Sequence[np.ndarray], buffer: Buffer, batch: int) -> None:
        """Pass once over a buffer; `orders` has the order of the rows of each trial."""
        self._advance(tf.constant(np.stack(orders)), buffer.x, buffer.y, tf.constant(batch)).numpy()

    def _pass(self, orders: Any, x: Any, y: Any, batch: Any) -> Any:
        count = tf.shape(orders)[1]

        def step(at: Any) -> Any:
            rows = orders[:, at : at + batch]
            weights = tf.identity(self.weights.value)
            gradients = tf.vectorized_map(self._gradient, (weights, tf.gather(x, rows), tf.gather(y, rows)))
            self._optimizer.apply_gradients([(gradients, self.weights)])
            return at + batch

        return tf.while_loop(lambda at: at < count, step, [tf.constant(0)], parallel_iterations=1)[0]

    def _gradient(self, trial: tuple[Any, Any, Any]) -> Any:
        weights, x, y = trial
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            outputs, _, _ = self._network.call(self._network.unflatten(weights), [], x, True)
            loss = self._loss(y, outputs)
        return tape.gradient(loss, weights)


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel(logging.CRITICAL)  # what it refuses is in the table
    cases = (
        Case("MLP 4-10-10-3 on iris", mlp(4, 10, 10, 3), 60, THREE, 8, ((64, 10), (256, 10))),
        Case("MLP 64-32-10 on digits", mlp(64, 32, 10), 900, TEN, 32),
        Case("MLP 64-128-10 on digits", mlp(64, 128, 10), 900, TEN, 32, ((64, 10),)),
        Case("MLP 64-512-512-10 on rows like them", mlp(64, 512, 512, 10), 320, TEN, 32),
    )
    costs = {case.name: in_process(case) for case in cases}
    table("Layers whose steps tf.vectorized_map makes together", layers_tried())
    with schema("bench_stacking") as connection, tempfile.TemporaryDirectory() as folder:
        run(connection, f"SET keras_automl.partitions = {PARTITIONS}; SET keras_automl.sessions = 1")
        page_tables(connection)
        digits_tables(connection, {case.name: case.architecture for case in cases}, Path(folder) / "digits.npz")
        run(
            connection, "ALTER TABLE packed RENAME TO digits_packed; ALTER TABLE packed_summary RENAME TO digits_packed_summary"
        )
        for number, case in enumerate(cases, 1):
            for trials, iterations in case.searches:
                searched(connection, case, number, costs[case.name], trials, iterations)


def mlp(*units: int) -> str:
    """Dense layers, with softmax behind the last one."""
    hidden = [keras.layers.Dense(each, activation="relu") for each in units[1:-1]]
    return network_of(units[0], *hidden, keras.layers.Dense(units[-1], activation="softmax"))


def network_of(features: int, *layers: keras.layers.Layer) -> str:
    return str(keras.Sequential([keras.Input((features,)), *layers]).to_json())


def layers_tried() -> list[tuple[str, str]]:
    """Return what becomes of layers when the forward pass of one trial is turned into that of several."""
    kinds = keras.layers
    tried = {
        "Dense": [kinds.Dense(3)],
        "BatchNormalization": [kinds.BatchNormalization()],
        "LayerNormalization": [kinds.LayerNormalization()],
        "Dropout": [kinds.Dropout(0.5), kinds.Dense(3)],
        "Conv2D": [kinds.Reshape((2, 2, 1)), kinds.Conv2D(3, 2)],
        "LSTM": [kinds.Reshape((2, 2)), kinds.LSTM(3)],
        "Embedding": [kinds.Embedding(5, 3)],
    }
    return [(name, stackable(Network(network_of(4, *each), None))) for name, each in tried.items()]


def stackable(network: Network) -> str:
    """Return "yes", or why the forward pass of a network cannot be turned into that of several trials."""

    def outputs(trial: tuple[Any, ...]) -> Any:
        x, weights, *other = trial
        return network.call(network.unflatten(weights), other, x, True)[0]

    weights, other = network.frozen_signature
    several = [tf.TensorSpec((2, *each.shape), each.dtype) for each in (*network.signature(), weights, *other)]
    forward = tf.function(lambda *trials: tf.vectorized_map(outputs, trials, fallback_to_while_loop=False), autograph=False)
    try:
        forward.get_concrete_function(*several)
    except Exception as error:  # whatever TensorFlow raises is the answer here
        return f"no: {str(error).splitlines()[0]}"
    return "yes"


def in_process(case: Case) -> Cost:
    """Print what a trial costs alone and in stacks, on rows in memory."""
    network, buffer = Network(case.architecture, None), made_up(case)
    epochs = max(2, 2000 // case.rows)
    trainer = Trainer(network, _compiled(1), case.labels, False)
    alone, finals = trained_alone(trainer, case, buffer, epochs)
    stacked, lines = {}, []
    for size in SIZES:
        stack, milliseconds, weights = trained_together(trainer, case, buffer, epochs, range(1, size + 1))
        stacked[size] = milliseconds
        gap = max(float(np.abs(weights[key - 1] - final).max()) for key, final in finals.items())
        lines.append(
            (f"an epoch of a trial in a stack of {size}", f"{milliseconds:.3g} ms: {alone / milliseconds:.2g} times as fast")
        )
        lines.append(
            (f"tracing a stack of {size}", f"{stack.traced:.2f} s; weights differ from those alone by up to {gap:.0e}")
        )
    cost = Cost(alone, stacked, begin_of(trainer), evaluation_of(network, case, buffer))
    table(
        f"{case.name}: {case.rows} rows, batch {case.batch}, processor time of one thread, best of {ROUNDS}",
        [
            ("an epoch of a trial alone", f"{alone:.3g} ms"),
            *lines,
            ("drawing a trial's initial weights", f"{cost.begin:.2g} ms"),
            ("evaluating a trial on the same rows", f"{cost.evaluation:.2g} ms"),
            (f"the same bits as in a stack of {STACK}", moved(trainer, case, buffer)),
        ],
    )
    return cost


def made_up(case: Case) -> Buffer:
    random = np.random.default_rng(1)
    width = json.loads(case.architecture)["config"]["layers"][0]["config"]["batch_shape"][1]
    x = random.normal(size=(case.rows, width)).astype(np.float32)
    return Buffer(tf.constant(x), tf.one_hot(random.integers(0, case.labels.size, case.rows), case.labels.size))


def trained_alone(trainer: Trainer, case: Case, buffer: Buffer, epochs: int) -> tuple[float, dict[int, np.ndarray]]:
    """Train the first trials one after the other; return milliseconds a trial and epoch, and their weights."""
    finals: dict[int, np.ndarray] = {}

    def train(key: int) -> None:
        trainer.load(trainer.initial(_compiled(key), key))
        for epoch in range(epochs):
            trainer.train(_compiled(key), FitOrder(case.batch), [buffer], _random(key, epoch), lambda: None)
        finals[key] = trainer.dump().trainable[0].copy()

    train(1)  # compiles
    begins = begin_of(trainer)
    return (min(timed(partial(train, key)) for key in range(1, 1 + ROUNDS)) - begins) / epochs, finals


def trained_together(
    trainer: Trainer, case: Case, buffer: Buffer, epochs: int, keys: Sequence[int]
) -> tuple[Stack, float, np.ndarray]:
    """Train trials in one stack; return it, milliseconds a trial and epoch, and their weights."""
    stack = Stack(trainer.network, [_rate(key) for key in keys], case.labels)
    initial = np.stack([trainer.initial(_compiled(key), key).trainable[0] for key in keys])

    def train() -> None:
        stack.begin(initial)
        for epoch in range(epochs):
            orders = [_random(key, epoch).permutation(case.rows).astype(np.int32) for key in keys]
            stack.train(orders, buffer, case.batch)

    train()
    milliseconds = min(timed(train) for _ in range(ROUNDS)) / epochs / len(keys)
    return stack, milliseconds, stack.weights.numpy()


def moved(trainer: Trainer, case: Case, buffer: Buffer) -> str:
    """Say how many trials of a stack keep their bits when it is stacked the other way round, or is part of a larger one."""
    keys = range(1, STACK + 1)
    of = [trained_together(trainer, case, buffer, 2, each)[2] for each in (keys, keys[::-1], range(1, 2 * STACK + 2))]
    turned = sum(np.array_equal(a, b) for a, b in zip(of[0], of[1][::-1], strict=True))
    larger = sum(np.array_equal(a, b) for a, b in zip(of[0], of[2], strict=False))
    return f"{turned} of {STACK} trials when it is turned round, {larger} when more trials follow"


def begin_of(trainer: Trainer) -> float:
    """Return milliseconds of drawing the initial weights of a trial."""
    return min(timed(partial(trainer.initial, _compiled(1), seed)) for seed in range(10))


def evaluation_of(network: Network, case: Case, buffer: Buffer) -> float:
    """Return milliseconds of evaluating a trial once."""
    evaluator, weights = Evaluator(network, _compiled(1), case.labels), network.given()
    return min(timed(lambda: evaluator.add(evaluator.zeros(), weights, buffer, lambda: None)) for _ in range(10))


def timed(function: Callable[[], object]) -> float:
    """Return milliseconds of processor time."""
    begin = time.process_time()
    function()
    return 1000 * (time.process_time() - begin)


def searched(connection: Connection, case: Case, number: int, cost: Cost, trials: int, iterations: int) -> None:
    """Print how much processor time a random search takes, how much of it is training, and what stacks could save of it."""
    fixed = spent(connection, case, number, 1, 1)
    whole = spent(connection, case, number, trials, iterations)
    training = trials * iterations * PARTITIONS * cost.alone / 1000
    saved = training * (1 - cost.stacked[STACK] / cost.alone)
    once = trials * (cost.begin + PARTITIONS * cost.evaluation) / 1000
    table(
        f"{case.name}: random search of {trials} trials, {iterations} iterations, processor time",
        [
            ("the session and the caller's", f"{whole:.1f} s"),
            ("of it spent by a search of one trial too: imports, tables", f"{fixed:.1f} s"),
            ("of it training, from the figures above", f"{training:.1f} s"),
            ("of it initial weights and evaluation, once a trial", f"{once:.1f} s"),
            ("of it hops: statements, states, rows, reports, record", f"{whole - fixed - training - once:.1f} s"),
            (f"with steps in stacks of {STACK}", gain(whole, saved)),
            ("and if hops cost nothing", gain(whole, whole - fixed - once - (training - saved))),
        ],
    )


def spent(connection: Connection, case: Case, number: int, trials: int, iterations: int) -> float:
    """Search, and return the seconds of processor time of all processes of the server that took part."""
    data, library = ("iris_train_packed", "model_arch_library") if "iris" in case.name else ("digits_packed", "nets")
    run(connection, "DROP TABLE IF EXISTS found, found_info, found_summary, best, best_summary")
    with Watch(connection.info.backend_pid) as watch:
        run(
            connection,
            "SELECT madlib.madlib_keras_automl(%s, 'found', %s, 'best', %s, %s, %s, 'hyperopt', %s, 1)",
            data,
            library,
            [1 if "iris" in case.name else number],
            _COMPILE,
            f"{{'batch_size': [{case.batch}], 'epochs': [1]}}",
            f"num_configs={trials}, num_iterations={iterations}, algorithm=rand",
        )
    return watch.seconds


class Watch:
    """Adds up the processor time of the server's processes from now on: of a caller, and of all that begin while it looks.

    Args:
        caller: the process of the session that searches.
    """

    def __init__(self, caller: int) -> None:
        self._before = _processor_seconds(caller)
        self._server = _parent(caller)
        self._others = set(self._children()) - {caller}
        self._latest: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    @property
    def seconds(self) -> float:
        return sum(self._latest.values()) - self._before

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for pid in set(self._children()) - self._others:
                with suppress(FileNotFoundError, ProcessLookupError):
                    self._latest[pid] = _processor_seconds(pid)

    def _children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self._server}/task/{self._server}/children").read_text().split()]


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gain(whole: float, saved: float) -> str:
    return f"{whole - saved:.1f} s: {whole / (whole - saved):.2f} times less"


def _compiled(key: int) -> Compile:
    return Compile("Adam", {"lr": _rate(key)}, "categorical_crossentropy", ())


def _rate(key: int) -> float:
    return float(1e-4 * 100 ** ((key % 64) / 64))


def _random(key: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([1, key, epoch])))


if __name__ == "__main__":
    main()
