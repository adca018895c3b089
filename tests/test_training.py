"""Training, evaluation and prediction against Keras itself: the same batches in the same order give the same numbers."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from keras_seg import transition  # noqa: E402
from keras_seg.protocol import state as codec  # noqa: E402
from keras_seg.server.runtime import Runtime  # noqa: E402
from keras_seg.session.cache import MOST_PROGRAMS, Cache  # noqa: E402
from keras_seg.training import buffers, optimizers, trainer  # noqa: E402
from keras_seg.training.buffers import in_parts  # noqa: E402

ROWS, FEATURES, CLASSES = 53, 6, 3
PART = 400  # bytes of a buffer that a row of the statement brings
QUERIES = {"training": {"query": "training"}, "validation": {"query": "validation"}}


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

    class SPIError(Exception):
        pass

    def __init__(self, tables: dict[str, list[list[dict[str, Any]]]]) -> None:
        self._tables = tables
        self.looks = 0

    def execute(self, _: str) -> None:
        self.looks += 1

    def prepare(self, query: str, _: list[str]) -> str:
        return query

    def cursor(self, query: str, values: list[int]) -> Cursor:
        tables = {in_parts(name): partitions for name, partitions in self._tables.items()}
        return Cursor([part for row in tables[query][values[0]] for part in cut(row)])

    def error(self, message: str, **_: str) -> None:
        raise RuntimeError(message)


def rows(seed: int, count: int, shape: tuple[int, ...] = (FEATURES,)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, *shape)).astype(np.float32)
    return x, np.eye(CLASSES, dtype=np.int16)[random.integers(0, CLASSES, count)]


def buffer(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    return {"x": x.tobytes(), "x_shape": list(x.shape), "y": y.tobytes(), "y_shape": list(y.shape)}


def cut(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that the statement of `in_parts` gives for one of the packed table, with parts of another size."""
    sizes = {"x_bytes": len(row["x"]), "y_bytes": len(row["y"])}
    parts = range(0, max(*sizes.values(), 1), PART)
    return [{**row, **sizes, "x": row["x"][at : at + PART], "y": row["y"][at : at + PART]} for at in parts]


def dense(*hidden: keras.layers.Layer) -> str:
    return str(
        keras.Sequential([keras.Input((FEATURES,)), *hidden, keras.layers.Dense(CLASSES, activation="softmax")]).to_json()
    )


PLAIN = dense(keras.layers.Dense(8, activation="relu"))


class Trial:
    """One trial on a session of its own: the data, the orders, the state."""

    def __init__(self, architecture: str, tables: dict[str, list[list[dict[str, Any]]]], caching: bool = False) -> None:
        self.server = Server(tables)
        self.gd: dict[str, Any] = {transition.CACHE: Cache(runtime=Started(1))}
        self.state: bytes | None = None
        self.report: dict[str, Any] = {}
        setup = {"threads": 1, "datasets": QUERIES, "caching": caching}
        transition.open_session(self.server, self.gd, json.dumps(setup))
        transition.define(self.gd, "m", architecture, None)

    def visit(self, stops: list[dict[str, Any]], compiled: dict[str, Any], fit: dict[str, Any] | None = None) -> Trial:
        given = {"loss": "categorical_crossentropy", "metrics": ["accuracy"], "params": {}, **compiled}
        order = {"model": "m", "compile": given, "fit": {"batch_size": 8, "shuffle": False, **(fit or {})}, "seed": [7, 1]}
        answer = transition.visit(self.server, self.gd, json.dumps({**order, "labels": CLASSES, "stops": stops}), self.state)
        length = int.from_bytes(answer[:4], "little")
        self.report = json.loads(answer[4 : 4 + length])
        self.state = answer[4 + length :] or self.state
        return self

    @property
    def md5(self) -> str:
        return hashlib.md5(self.state or b"").hexdigest()


def train(partition: int = 0, iteration: int = 1) -> dict[str, int]:
    return {"train": partition, "iteration": iteration}


def evaluate(dataset: str, partitions: int) -> list[dict[str, Any]]:
    return [{"evaluate": dataset, "partition": at, "last": at == partitions - 1} for at in range(partitions)]


def weights_into(model: keras.Model, state: bytes) -> None:
    flat = np.frombuffer(codec.weights(state), np.float32)
    ends = np.cumsum([int(np.prod(weight.shape)) for weight in model.weights])
    model.set_weights([part.reshape(w.shape) for part, w in zip(np.split(flat, ends[:-1]), model.weights, strict=True)])


@pytest.fixture(scope="module")
def one_partition() -> dict[str, list[list[dict[str, Any]]]]:
    x, y = rows(1, ROWS)
    return {"training": [[buffer(x, y)]], "validation": [[buffer(x, y)]]}


def compared(trial: Trial, optimizer: Any, compiled: dict[str, Any], fit: dict[str, Any], epochs: int = 3) -> float:
    """Train by visits and by keras.fit from the same initial weights; return the largest difference of a weight."""
    x, y = rows(1, ROWS)
    begun = Trial(trial_architecture(trial), trial.server._tables)
    begun.visit([train()], compiled, {**fit, "steps_per_epoch": 0})  # no step: the initial weights
    model = keras.models.model_from_json(trial_architecture(trial))
    weights_into(model, begun.state or b"")
    for variable, array in zip(model.non_trainable_variables, codec.decode(begun.state or b"").other, strict=True):
        variable.assign(array)  # the states of random generators are no weights
    optimizer.build(model.trainable_variables)  # keras.fit would do so within its graph, where ScheduleFreeAdamW begins wrong
    model.compile(optimizer=optimizer, loss=compiled.get("loss", "categorical_crossentropy"))
    keywords = {key: value for key, value in fit.items() if key == "class_weight"}
    if keywords:
        keywords["class_weight"] = {int(key): value for key, value in keywords["class_weight"].items()}
    model.fit(x, y.astype(np.float32), batch_size=8, epochs=epochs, shuffle=False, verbose=0, **keywords)
    for iteration in range(1, epochs + 1):
        trial.visit([train(iteration=iteration)], compiled, fit)
    assert "error" not in trial.report, trial.report
    ours = np.frombuffer(codec.weights(trial.state or b""), np.float32)
    theirs = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    assert not np.array_equal(ours, np.frombuffer(codec.weights(begun.state or b""), np.float32))
    return float(np.abs(ours - theirs).max())


def trial_architecture(trial: Trial) -> str:
    return str(trial.gd[transition.CACHE].definitions["m"].architecture)


OPTIMIZERS: dict[str, tuple[str, dict[str, Any], Callable[[], Any]]] = {
    "Adam": ("Adam", {"lr": 0.01}, lambda: keras.optimizers.Adam(0.01)),
    "Adam, other numbers": (
        "adam",
        {"learning_rate": 0.02, "beta_1": 0.8, "epsilon": 1e-4},
        lambda: keras.optimizers.Adam(0.02, beta_1=0.8, epsilon=1e-4),
    ),
    "SGD": ("SGD", {"lr": 0.1}, lambda: keras.optimizers.SGD(0.1)),
    "SGD, momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}, lambda: keras.optimizers.SGD(0.1, momentum=0.9)),
    "SGD, nesterov": (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "RMSprop": ("RMSprop", {"lr": 0.01, "rho": 0.8}, lambda: keras.optimizers.RMSprop(0.01, rho=0.8)),
    "AdamW": ("AdamW", {"lr": 0.01, "weight_decay": 0.05}, lambda: keras.optimizers.AdamW(0.01, weight_decay=0.05)),
    "Adagrad": ("Adagrad", {"lr": 0.05}, lambda: keras.optimizers.Adagrad(0.05)),
    "Adadelta": ("Adadelta", {"lr": 1.0}, lambda: keras.optimizers.Adadelta(1.0)),
    "Adamax": ("Adamax", {"lr": 0.01}, lambda: keras.optimizers.Adamax(0.01)),
    "Nadam": ("Nadam", {"lr": 0.01}, lambda: keras.optimizers.Nadam(0.01)),
    "Ftrl": ("Ftrl", {"lr": 0.05}, lambda: keras.optimizers.Ftrl(0.05)),
    "Lion": ("Lion", {"lr": 0.001}, lambda: keras.optimizers.Lion(0.001)),
    "Lamb, by variable": ("Lamb", {"lr": 0.01}, lambda: keras.optimizers.Lamb(0.01)),
    "Adafactor, by variable": ("Adafactor", {"lr": 0.01}, lambda: keras.optimizers.Adafactor(0.01)),
    "Muon, by variable": ("Muon", {"lr": 0.01}, lambda: keras.optimizers.Muon(0.01)),
    "ScheduleFreeAdamW, by variable": ("ScheduleFreeAdamW", {"lr": 0.01}, lambda: keras.optimizers.ScheduleFreeAdamW(0.01)),
    "clipnorm, by variable": ("SGD", {"lr": 0.1, "clipnorm": 0.1}, lambda: keras.optimizers.SGD(0.1, clipnorm=0.1)),
    "clipvalue": ("SGD", {"lr": 0.1, "clipvalue": 0.01}, lambda: keras.optimizers.SGD(0.1, clipvalue=0.01)),
    "global_clipnorm": (
        "SGD",
        {"lr": 0.1, "global_clipnorm": 0.1},
        lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1),
    ),
    "a schedule": (
        "SGD",
        {"learning_rate": {"schedule": "ExponentialDecay", "positional": [0.1, 5, 0.5], "keywords": {"staircase": True}}},
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5, staircase=True)),
    ),
    "decay": (
        "SGD",
        {"lr": 0.1, "decay": 0.05},
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.05)),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_visits_equal_a_keras_loop(one_partition: Any, name: str) -> None:
    optimizer, params, theirs = OPTIMIZERS[name]
    trial = Trial(PLAIN, one_partition)
    assert compared(trial, theirs(), {"optimizer": optimizer, "params": params}, {}) < 1e-5


def test_all_optimizers_of_keras_are_compared() -> None:
    compared_ones = {optimizer.lower() for optimizer, _, _ in OPTIMIZERS.values()}
    assert compared_ones == {known.__name__.lower() for known in optimizers._optimizers().values()}


NETWORKS = {
    # No bias before it: its gradient would be zero but for rounding, and Adam makes steps of full length of that.
    "batch normalisation": dense(keras.layers.Dense(8, use_bias=False), keras.layers.BatchNormalization(), keras.layers.ReLU()),
    "dropout": dense(keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.4)),
    "a regularizer": dense(keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.05))),
    "a constraint": dense(keras.layers.Dense(8, activation="relu", kernel_constraint=keras.constraints.MaxNorm(0.4))),
    "a convolution": dense(
        keras.layers.Reshape((FEATURES, 1)), keras.layers.Conv1D(4, 3, activation="relu"), keras.layers.Flatten()
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_that_keep_or_add_something_equal_keras_too(one_partition: Any, name: str) -> None:
    trial = Trial(NETWORKS[name], one_partition)
    assert compared(trial, keras.optimizers.Adam(0.01), {"optimizer": "Adam", "params": {"lr": 0.01}}, {}) < 1e-5


def test_class_weights_equal_keras(one_partition: Any) -> None:
    trial, weights = Trial(PLAIN, one_partition), {"0": 3.0, "2": 0.5}
    difference = compared(
        trial, keras.optimizers.SGD(0.1), {"optimizer": "SGD", "params": {"lr": 0.1}}, {"class_weight": weights}
    )
    assert difference < 1e-5


def test_classes_without_a_weight_weigh_one(one_partition: Any) -> None:
    # A single column holds class numbers, which may lie beyond those that have a weight.
    y = tf.constant([[0.0], [1.0], [5.0], [-1.0]])
    assert trainer._sample_weight(y, trainer._by_class({"1": 2.0}, y)).numpy().tolist() == [1, 2, 1, 1]
    for number in ("-1", "2000000000"):
        trial = Trial(PLAIN, one_partition).visit([train()], {"optimizer": "SGD"}, {"class_weight": {number: 2.0}})
        assert "class numbers must be from 0 to 1000000" in trial.report["error"]


def test_epochs_are_passes_over_the_partition(one_partition: Any) -> None:
    compiled = {"optimizer": "Adam", "params": {"lr": 0.01}}
    twice = Trial(PLAIN, one_partition).visit([train()], compiled, {"epochs": 2})
    assert twice.report["rows"] == 2 * ROWS
    again = Trial(PLAIN, one_partition).visit([train()], compiled).visit([train(iteration=2)], compiled)
    assert codec.weights(twice.state or b"") == codec.weights(again.state or b"")


def test_rows_are_shuffled_when_shuffle_says_so(one_partition: Any) -> None:
    compiled = {"optimizer": "SGD", "params": {"lr": 0.1}}
    orders = [
        Trial(PLAIN, one_partition).visit([train()], compiled, {"shuffle": shuffle}).md5 for shuffle in (True, True, False)
    ]
    assert orders[0] == orders[1] != orders[2]


METRICS = ["accuracy", "AUC", "Precision", "TopKCategoricalAccuracy", "categorical_crossentropy", "mse", "F1Score"]


@pytest.fixture(scope="module")
def uneven() -> Iterator[tuple[dict[str, list[list[dict[str, Any]]]], np.ndarray, np.ndarray]]:
    x, y = rows(3, 1301)
    cuts = [(0, 700), (700, 703), (703, 1300), (1300, 1301)]
    buffers = [buffer(x[start:stop], y[start:stop]) for start, stop in cuts]
    yield {"training": [buffers[:3], buffers[3:]], "validation": [buffers[:1], buffers[1:]]}, x, y


def test_metrics_over_uneven_partitions_equal_keras(uneven: Any) -> None:
    tables, x, y = uneven
    network = dense(keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L1(0.01)), keras.layers.BatchNormalization())
    compiled = {"optimizer": "Adam", "metrics": METRICS}
    trial = Trial(network, tables).visit([train(0), train(1)], compiled)
    trial.visit([*evaluate("training", 2), *evaluate("validation", 2)], compiled)
    model = keras.models.model_from_json(network)
    weights_into(model, trial.state or b"")
    metrics = [
        "accuracy",
        "AUC",
        "Precision",
        "TopKCategoricalAccuracy",
        "categorical_crossentropy",
        "mse",
        keras.metrics.F1Score(),
    ]
    model.compile(loss="categorical_crossentropy", metrics=metrics)
    loss, *values = model.evaluate(x, y.astype(np.float32), verbose=0)
    expected = [loss, *(float(np.mean(value)) for value in values)]
    for dataset in ("training", "validation"):
        found = trial.report[dataset]
        assert [found["loss"], *found["metrics"]] == pytest.approx(expected, abs=1e-5)


DROPOUT = dense(keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.4), keras.layers.BatchNormalization())


def test_caching_streaming_and_hops_between_sessions_give_the_same_bits(uneven: Any) -> None:
    tables, _, _ = uneven
    compiled, fit = {"optimizer": "Adam", "params": {"lr": 0.01}}, {"shuffle": True}
    stops = [train(at % 2, 1 + at // 2) for at in range(6)]
    streamed = Trial(DROPOUT, tables).visit(stops, compiled, fit).md5
    cached = Trial(DROPOUT, tables, caching=True).visit(stops, compiled, fit).md5
    state = None
    for stop in stops:
        hop = Trial(DROPOUT, tables)
        hop.state = state
        state = hop.visit([stop], compiled, fit).state
    assert streamed == cached == hashlib.md5(state or b"").hexdigest()


def test_trials_with_other_numbers_share_a_program_and_keep_their_own(one_partition: Any) -> None:
    params = [{"lr": 0.1, "momentum": 0.5}, {"lr": 0.01, "momentum": 0.9}]
    alone = [Trial(PLAIN, one_partition).visit([train()], {"optimizer": "SGD", "params": each}).md5 for each in params]
    shared = Trial(PLAIN, one_partition)
    together = []
    for each in params:
        shared.state = None
        together.append(shared.visit([train()], {"optimizer": "SGD", "params": each}).md5)
    assert alone == together
    assert len(shared.gd[transition.CACHE].trainers) == 1


def test_a_trial_that_raises_is_reported(one_partition: Any) -> None:
    trial = Trial(dense(keras.layers.Dense(2), keras.layers.Reshape((2, 1)), keras.layers.Flatten()), one_partition)
    trial.visit([train()], {"optimizer": "SGD", "loss": "no_such_loss"})
    assert trial.report == {"error": 'CompileProblem: loss "no_such_loss" is not one of Keras'}
    assert trial.state is None


def test_a_loss_that_is_not_a_number_is_no_error(one_partition: Any) -> None:
    trial = Trial(PLAIN, one_partition)
    trial.visit([train(), *evaluate("training", 1)], {"optimizer": "SGD", "params": {"lr": 1e38}, "loss": "mse"})
    assert "error" not in trial.report
    assert np.isnan(trial.report["training"]["loss"])


def test_closing_drops_what_the_run_left(one_partition: Any) -> None:
    trial = Trial(PLAIN, one_partition, caching=True).visit([train(), *evaluate("training", 1)], {"optimizer": "SGD"})
    cache = trial.gd[transition.CACHE]
    assert cache.data and len(cache.trainers) == len(cache.evaluators) == len(cache.networks) == 1
    transition.close_session(trial.gd)
    assert not cache.data and not cache.definitions
    assert len(cache.trainers) == len(cache.evaluators) == len(cache.networks) == 0


def test_the_number_of_programs_is_bounded() -> None:
    from keras_seg.session.cache import Recent

    recent: Recent[int] = Recent()
    for number in range(MOST_PROGRAMS + 5):
        recent.get(number, lambda number=number: number)  # type: ignore[misc]
    assert len(recent) == MOST_PROGRAMS
    assert recent.get(0, lambda: -1) == -1  # the one used longest ago was dropped


def test_long_passes_look_for_a_cancellation(one_partition: Any) -> None:
    trial = Trial(PLAIN, one_partition)
    before = trial.server.looks
    trial.visit([train()], {"optimizer": "SGD"}, {"epochs": 5})
    assert trial.server.looks >= before + 5


@pytest.mark.parametrize(("caching", "most"), [(False, 1), (True, 4)])
def test_without_caching_one_buffer_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch, caching: bool, most: int) -> None:
    trial = Trial(PLAIN, {"training": [[buffer(*rows(seed, ROWS)) for seed in range(4)]]}, caching)
    aligned = buffers._aligned
    memory: list[weakref.ref[Any]] = []  # of the features of each buffer that was read
    held = []

    def watched(size: int) -> np.ndarray:
        array = aligned(size)
        if size == ROWS * FEATURES * 4:
            memory.append(weakref.ref(array.base))
            held.append(sum(each() is not None for each in memory))
        return array

    monkeypatch.setattr(buffers, "_aligned", watched)
    stops = [{"train": 0, "iteration": 1}, *evaluate("training", 1)]
    trial.visit(stops, {"optimizer": "SGD"}, {"epochs": 2})
    assert "error" not in trial.report, trial.report
    assert (len(held), max(held)) == (4 if caching else 12, most)
