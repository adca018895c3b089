"""Compiled training, evaluation and prediction of one network.

`keras.fit` costs some 60 ms a call before the first row; a hop of a small network lasts a few. So one compiled function runs a
whole pass over a buffer, with the semantics of a Keras epoch: every row once, the last short batch included, shuffled when
`shuffle` says so. What varies between trials (batch size, learning rate, the optimizer's other numbers) goes in as a tensor,
so one trace serves them all.

All trainable weights form one flat vector. The optimizer sees that vector as its only variable: its update is then a handful of
operations instead of a handful for each layer, with the same numbers, because it treats every weight alike wherever it stands
(`compiling.ELEMENTWISE`). Optimizers that look at whole matrices or norms of one variable, and networks with weight
constraints, keep one variable a weight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seg.architectures.build import build_model, input_shape, load_weights, output_shape, require_weights
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.protocol.limits import MOST_CLASS
from keras_seg.protocol.orders import FitOrder
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.state import Slice, State
from keras_seg.training import objectives, optimizers
from keras_seg.training.buffers import Buffer

EVALUATION_BATCH = 512  # rows, the most that are evaluated or predicted at once;
_EVALUATION_VALUES = 2**20  # and fewer where a row has more values than this allows
_CHUNK_SECONDS = 0.2  # the longest time between two looks for a cancellation, when one batch does not take longer

Interrupt = Callable[[], None]


@dataclass(frozen=True)
class Compile:
    """Compile parameters as they come to a segment.

    Attributes:
        optimizer: its name in Keras, in any case.
        params: its parameters by name; `lr` and `decay` work.
        loss: name or alias of a loss.
        metrics: names or aliases of metrics.
        loss_weight: factor of the loss.
        functions: the custom functions that loss and metrics may name.
    """

    optimizer: str
    params: Mapping[str, Any]
    loss: str
    metrics: tuple[str, ...]
    loss_weight: float = 1.0
    functions: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def structure(self) -> str:
        """What two trials must share to be served by one compiled program."""
        return f"{optimizers.structure_of(self.optimizer, self.params)}|{self.loss}|{self.loss_weight}"


class Network:
    """One architecture, built, with what its weights look like as flat arrays."""

    def __init__(self, architecture: str, weights: Raw | None) -> None:
        self.architecture = architecture
        self.weights = weights
        self.model = build_model(architecture, 0)
        self.input_shape = input_shape(self.model)
        self.output_shape = output_shape(self.model)
        self.trainable = list(self.model.trainable_variables)
        self.other = list(self.model.non_trainable_variables)
        self.sizes = [int(np.prod(variable.shape)) for variable in self.trainable]
        self._slices: dict[bool, tuple[Slice, ...]] = {}
        if not self.trainable:
            raise ArchitectureError("the network has no trainable weights")
        if weights is not None:
            require_weights(self.model, weights)
        self.release()

    def release(self) -> None:
        """Drop the weights of the model: what is computed gets them from outside, and they would only take memory."""
        for variable in self.trainable:
            _put(variable, tf.zeros(0, variable.dtype))

    @property
    def uniform(self) -> bool:
        """Whether all trainable weights are float32 and free of constraints, so that they can form one vector."""
        return all(v.dtype == "float32" and v.constraint is None for v in self.trainable)

    @property
    def evaluation_batch(self) -> int:
        """Rows evaluated or predicted at once: a number of the network's own, because rounding depends on it."""
        return max(16, min(EVALUATION_BATCH, _EVALUATION_VALUES // max(1, math.prod(self.input_shape))))

    def initial(
        self, seed: int, flat: bool, weights: Raw | None = None
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Return the weights that a trial begins with (trainable, other).

        Args:
            weights: to begin from; those of the architecture table if there are none, or drawn from `seed`.
        """
        fresh = build_model(self.architecture, seed)
        given = self.weights if weights is None else weights
        if given is not None:
            load_weights(fresh, given)
        trainable = tuple(v.numpy() for v in fresh.trainable_variables)
        if flat:
            trainable = (np.concatenate([array.reshape(-1) for array in trainable]),)
        return trainable, tuple(np.asarray(v.numpy()) for v in fresh.non_trainable_variables)

    def slices(self, flat: bool) -> tuple[Slice, ...]:
        """Return where the arrays of `get_weights()` lie in a state of this network."""
        if flat not in self._slices:
            self._slices[flat] = self._find_slices(flat)
        return self._slices[flat]

    def _find_slices(self, flat: bool) -> tuple[Slice, ...]:
        places: dict[int, Slice] = {}
        start = 0
        for index, (variable, size) in enumerate(zip(self.trainable, self.sizes, strict=True)):
            places[id(variable)] = Slice(0, start, start + size) if flat else Slice(index, 0, size)
            start += size
        first = 1 if flat else len(self.trainable)
        for index, variable in enumerate(self.other):
            places[id(variable)] = Slice(first + index, 0, int(np.prod(variable.shape)))
        return tuple(places[id(variable)] for variable in self.model.weights)

    def unflatten(self, vector: Any) -> list[Any]:
        """Return the tensors of the trainable variables that one flat vector holds."""
        parts = tf.split(vector, self.sizes)
        return [tf.cast(tf.reshape(part, v.shape), v.dtype) for part, v in zip(parts, self.trainable, strict=True)]

    def call(self, trainable: Sequence[Any], other: Sequence[Any], x: Any, training: bool) -> tuple[Any, list[Any], Any]:
        """Return (outputs, other variables after the call, sum of the losses that layers add)."""
        outputs, other_after, added = self.model.stateless_call(
            list(trainable), list(other), x, training=training, return_losses=True
        )
        return outputs, other_after, tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in added]) if added else 0.0

    def frozen(self, state: State) -> tuple[Any, list[Any]]:
        """Return the weights of a state as the compiled functions take them: (flat vector, other variables)."""
        vector = state.trainable[0].reshape(-1)
        if len(state.trainable) > 1:
            vector = np.concatenate([array.reshape(-1) for array in state.trainable])
        return tf.constant(vector, tf.float32), [tf.constant(array) for array in state.other]

    def given(self) -> tuple[Any, list[Any]]:
        """Return the weights that came with the architecture, as the compiled functions take them."""
        trainable, other = self.initial(0, True)
        return tf.constant(trainable[0], tf.float32), [tf.constant(array) for array in other]

    def signature(self, labels: int | None = None) -> list[Any]:
        """Return the shapes of the rows of a buffer: x and, where `labels` says how wide they are, y."""
        specs = [tf.TensorSpec((None, *self.input_shape), tf.float32)]
        return specs if labels is None else [*specs, tf.TensorSpec((None, labels), tf.float32)]

    @property
    def frozen_signature(self) -> list[Any]:
        """Return the shapes of what `frozen` gives."""
        other = [tf.TensorSpec(variable.shape, variable.dtype) for variable in self.other]
        return [tf.TensorSpec((sum(self.sizes),), tf.float32), other]


class Pace:
    """How many batches fit between two looks for a cancellation, learned from how long they took."""

    def __init__(self) -> None:
        self._batches_per_second: float | None = None

    @property
    def batches(self) -> int:
        if self._batches_per_second is None:
            return 1
        return max(1, int(self._batches_per_second * _CHUNK_SECONDS))

    def took(self, batches: int, seconds: float, warm: bool) -> None:
        if warm:
            self._batches_per_second = batches / max(seconds, 1e-6)


class Trainer:
    """The compiled training step of one network with one kind of optimizer and one loss.

    Args:
        watched: whether it sums up loss and metrics while it trains, as Keras does for its callbacks. The weights are the same
            bits either way.
    """

    def __init__(self, network: Network, compiled: Compile, labels: int, weighted: bool, watched: bool = False) -> None:
        self.network = network
        self._weighted = weighted
        shape = objectives.Shape(labels, network.output_shape)
        self._loss = objectives.make_loss(compiled.loss, shape, compiled.functions)
        self._loss_weight = compiled.loss_weight
        names = compiled.metrics if watched else ()
        self._metrics = [objectives.make_metric(name, shape, compiled.functions) for name in names]
        self._sums = [tf.Variable(zeros) for zeros in _zeros(self._metrics)] if watched else []
        self._numbers_of_trial: dict[str, Any] = {}
        self._optimizer = optimizers.make_optimizer(compiled.optimizer, compiled.params)
        self.flat = (
            network.uniform and type(self._optimizer).__name__ in optimizers.ELEMENTWISE and self._optimizer.clipnorm is None
        )
        self._parameters = self._make_parameters()
        self._optimizer.build(self._parameters)
        self._fresh = tuple(_light(variable.numpy()) for variable in self._optimizer.variables)
        self._numbers, self._defaults = optimizers.free_numbers(self._optimizer)
        self._pace = Pace()
        self._traced = False
        scalars = [tf.TensorSpec((None,), tf.float32), tf.TensorSpec((), tf.int32), tf.TensorSpec((None,), tf.float32)]
        signature = [tf.TensorSpec((None,), tf.int32), *network.signature(labels), *scalars]
        self._function = tf.function(self._pass, input_signature=signature, autograph=False)
        self._variables = [*self._parameters, *network.other, *self._optimizer.variables]

    @cached_property
    def _advance(self) -> Any:
        # The traced function itself: the one that chooses among traces costs a millisecond a call.
        return self._function.get_concrete_function()

    def _make_parameters(self) -> list[Any]:
        if not self.flat:
            for variable in self.network.trainable:
                _put(variable, tf.zeros(variable.shape, variable.dtype))
            return list(self.network.trainable)
        return [keras.Variable(np.zeros(sum(self.network.sizes), np.float32), name="weights")]

    def initial(self, compiled: Compile, seed: int, weights: Raw | None = None) -> State:
        """Return the state of a trial before its first step; `weights` as in `Network.initial`."""
        trainable, other = self.network.initial(seed, self.flat, weights)
        slots = self._begun(compiled) or self._begun_anew(compiled, trainable)
        return State(trainable, other, slots, self.network.slices(self.flat))

    def _begun(self, compiled: Compile) -> tuple[np.ndarray, ...] | None:
        """Return the optimizer's variables at the start if they are zeros and a learning rate, without making them again."""
        name = type(self._optimizer).__name__
        if name not in optimizers.ELEMENTWISE - optimizers.STARTING_VALUES:
            return None
        rate = optimizers.number_of(name, compiled.params, "learning_rate") if self._rate is not None else None
        start = optimizers.default_rate(name) if rate is None else rate
        return tuple(np.array(start, np.float32) if at == self._rate else array for at, array in enumerate(self._fresh))

    def _begun_anew(self, compiled: Compile, trainable: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        for variable, array in zip(self._parameters, trainable, strict=True):
            variable.assign(array)
        optimizer = optimizers.make_optimizer(compiled.optimizer, compiled.params)
        optimizer.build(self._parameters)  # after the weights: some optimizers begin with a copy of them
        return tuple(np.asarray(variable.numpy()) for variable in optimizer.variables)

    @cached_property
    def _rate(self) -> int | None:
        """Where the learning rate stands among the optimizer's variables; None where it follows a schedule."""
        names = [variable.name for variable in self._optimizer.variables]
        return names.index("learning_rate") if "learning_rate" in names else None

    def load(self, state: State) -> None:
        """Take over a trial's state.

        Raises:
            ArchitectureError: it is not one of this network and optimizer.
        """
        if [(a.shape, a.dtype.name) for a in state.arrays] != [(tuple(v.shape), v.dtype) for v in self._variables]:
            raise ArchitectureError("the state does not belong to this architecture and optimizer")
        for variable, array in zip(self._variables, state.arrays, strict=True):
            _put(variable, tf.constant(array))

    def dump(self) -> State:
        """Return the trial's state."""
        arrays = tuple(
            # A view of the variable's memory; a step that follows would write to other memory.
            np.asarray(tf.raw_ops.ReadVariableOp(resource=v.value.handle, dtype=v.dtype))
            for v in self._variables
        )
        trainable, other = len(self._parameters), len(self.network.other)
        return State(
            arrays[:trainable],
            arrays[trainable : trainable + other],
            arrays[trainable + other :],
            self.network.slices(self.flat),
        )

    def begin_sums(self, sums: Sequence[np.ndarray] | None) -> None:
        """Go on with the sums that came with a trial, or begin with zeros; see `Evaluator.zeros` for what they are."""
        for variable, array in zip(self._sums, _zeros(self._metrics) if sums is None else sums, strict=True):
            variable.assign(array)

    def sums(self) -> list[np.ndarray]:
        """Return the sums over the rows trained on since `begin_sums`."""
        return [variable.numpy() for variable in self._sums]

    def learning_rate(self, compiled: Compile) -> float:
        """Return the learning rate of the step that comes next."""
        with self._numbers.traced(self._given(compiled)):
            return float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))

    @contextmanager
    def shown(self, state: State) -> Iterator[keras.Model]:
        """The network's model; while this lasts, its layers have the weights of a state."""
        weights = self.network.unflatten(tf.constant(state.trainable[0])) if self.flat else state.trainable
        for variable, tensor in zip(self.network.trainable, weights, strict=True):
            _put(variable, tensor)
        try:
            yield self.network.model
        finally:
            if self.flat:
                self.network.release()

    def train(
        self, compiled: Compile, fit: FitOrder, buffers: Iterable[Buffer], random: np.random.Generator, interrupt: Interrupt
    ) -> int:
        """Pass once over the buffers, in their order, rows shuffled within each.

        Args:
            compiled: numbers of this trial; its structure is the one that this trainer was made for.
            random: draws the order of the rows.
            interrupt: called at least every 0.25 s, unless one batch takes longer.

        Returns:
            The number of rows trained on.
        """
        numbers = self._given(compiled)
        steps_left = fit.steps_per_epoch
        rows = 0
        for buffer in buffers:
            order = random.permutation(buffer.rows).astype(np.int32) if fit.shuffle else np.arange(buffer.rows, dtype=np.int32)
            if steps_left is not None:
                order = order[: steps_left * fit.batch_size]
                steps_left -= -(-len(order) // fit.batch_size)
            self._in_chunks(order, buffer, fit.batch_size, numbers, _by_class(fit.class_weight, buffer.y), interrupt)
            rows += len(order)
            del buffer  # before the next one is read
        return rows

    def _given(self, compiled: Compile) -> Any:
        """Return the numbers of a trial's optimizer, shape (numbers,)."""
        key = repr(sorted(compiled.params.items()))
        if key not in self._numbers_of_trial:
            given = [optimizers.number_of(compiled.optimizer, compiled.params, name) for name in self._numbers.names]
            values = [default if value is None else value for value, default in zip(given, self._defaults, strict=True)]
            self._numbers_of_trial[key] = tf.constant(values, tf.float32)
        return self._numbers_of_trial[key]

    def _in_chunks(
        self, order: np.ndarray, buffer: Buffer, size: int, numbers: Any, class_weights: Any, interrupt: Interrupt
    ) -> None:
        batch_size = tf.constant(size)
        start = 0
        while start < len(order):
            batches = self._pace.batches
            chunk = order[start : start + batches * size]
            begin = time.perf_counter()
            self._advance(tf.constant(chunk), buffer.x, buffer.y, class_weights, batch_size, numbers).numpy()
            self._pace.took(-(-len(chunk) // size), time.perf_counter() - begin, self._traced)
            self._traced = True
            start += len(chunk)
            interrupt()

    def _pass(self, order: Any, x: Any, y: Any, class_weights: Any, batch_size: Any, numbers: Any) -> Any:
        """The compiled part: one step for each batch of `order`, the rows to train on."""
        count = tf.shape(order)[0]

        def step(at: Any, *other: Any) -> tuple[Any, ...]:
            rows = order[at : at + batch_size]
            return (at + batch_size, *self._step(other, tf.gather(x, rows), tf.gather(y, rows), class_weights))

        with self._numbers.traced(numbers):
            carried = [*(variable.value for variable in self.network.other), *self._sums]
            last = tf.while_loop(lambda at, *_: at < count, step, [tf.constant(0), *carried], parallel_iterations=1)
        for variable, tensor in zip(carried, last[1:], strict=True):
            variable.assign(tensor)
        return last[0]

    def _step(self, carried: Sequence[Any], x: Any, y: Any, class_weights: Any) -> list[Any]:
        parameters = [tf.identity(variable.value) for variable in self._parameters]
        other, sums = carried[: len(self.network.other)], carried[len(self.network.other) :]
        sample_weight = _sample_weight(y, class_weights) if self._weighted else None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            trainable = self.network.unflatten(parameters[0]) if self.flat else parameters
            outputs, other_after, added = self.network.call(trainable, other, x, True)
            loss = self._loss_weight * self._loss(y, outputs, sample_weight) + added
            scaled = self._optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, parameters)
        self._optimizer.apply_gradients(zip(gradients, self._parameters, strict=True))
        counted = _counted(self._metrics, sums, loss, y, outputs) if sums else []
        return [tf.ensure_shape(new, old.shape) for new, old in zip((*other_after, *counted), carried, strict=True)]


class Evaluator:
    """The compiled evaluation of one network: its loss and metrics as sums that can be added over buffers and partitions."""

    def __init__(self, network: Network, compiled: Compile, labels: int) -> None:
        self.network = network
        shape = objectives.Shape(labels, network.output_shape)
        self._loss = objectives.make_loss(compiled.loss, shape, compiled.functions)
        self._loss_weight = compiled.loss_weight
        self._metrics = [objectives.make_metric(name, shape, compiled.functions) for name in compiled.metrics]
        self._pace = Pace()
        self._traced = False
        scalar = tf.TensorSpec((), tf.int32)
        sums = [tf.TensorSpec(array.shape, tf.float64) for array in self.zeros()]
        signature = [*network.frozen_signature, *network.signature(labels), scalar, scalar, sums]
        self._function = tf.function(self._sums, input_signature=signature, autograph=False)

    @cached_property
    def _sum(self) -> Any:
        return self._function.get_concrete_function()

    def zeros(self) -> list[np.ndarray]:
        """Return the sums before the first row: rows, loss times rows, and the variables of the metrics."""
        return _zeros(self._metrics)

    def add(self, sums: Sequence[np.ndarray], frozen: Any, buffer: Buffer, interrupt: Interrupt) -> list[np.ndarray]:
        """Return the sums with the rows of a buffer added, batch by batch in double precision.

        Args:
            frozen: the weights, as `Network.frozen` gives them.
        """
        vector, other = frozen
        total: list[Any] = [tf.constant(array) for array in sums]
        start, size = 0, self.network.evaluation_batch
        while start < buffer.rows:
            stop = min(buffer.rows, start + self._pace.batches * size)
            begin = time.perf_counter()
            total = self._sum(vector, other, buffer.x, buffer.y, tf.constant(start), tf.constant(stop), total)
            total[0].numpy()  # wait for it
            self._pace.took(-(-(stop - start) // size), time.perf_counter() - begin, self._traced)
            self._traced = True
            start = stop
            interrupt()
        return [tensor.numpy() for tensor in total]

    def results(self, sums: Sequence[np.ndarray]) -> tuple[float, list[float]]:
        """Return (loss, values of the metrics) of the rows summed."""
        rows, loss, *states = sums
        values, at = [], 0
        for metric in self._metrics:
            own = states[at : at + len(metric.variables)]
            at += len(own)
            tensors = [tf.cast(array, variable.dtype) for array, variable in zip(own, metric.variables, strict=True)]
            values.append(float(np.mean(metric.stateless_result(tensors))))
        return float(loss / rows), values

    def _sums(self, vector: Any, other: Any, x: Any, y: Any, start: Any, stop: Any, sums: Any) -> list[Any]:
        """The compiled part: add the batches from row `start` to before row `stop` to the sums, one after the other.

        Where a call begins and ends follows the clock, so the sums go in and come out: the order of additions does not.
        """
        weights = self.network.unflatten(vector)
        size = self.network.evaluation_batch

        def step(at: Any, rows: Any, loss: Any, *states: Any) -> tuple[Any, ...]:
            end = tf.minimum(at + size, stop)
            y_true = y[at:end]
            y_pred, _, added = self.network.call(weights, other, x[at:end], False)
            batch = self._loss_weight * self._loss(y_true, y_pred) + added
            counted = _counted(self._metrics, (rows, loss, *states), batch, y_true, y_pred)
            return (end, *(tf.ensure_shape(new, old.shape) for new, old in zip(counted, (rows, loss, *states), strict=True)))

        last: list[Any] = tf.while_loop(lambda at, *_: at < stop, step, [start, *sums], parallel_iterations=1)
        return last[1:]


class Predictor:
    """The compiled forward pass of one network with the weights that came with it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        signature = [*network.frozen_signature, *network.signature()]
        self._forward = tf.function(self._outputs, input_signature=signature, autograph=False)

    @cached_property
    def _weights(self) -> tuple[Any, list[Any]]:
        return self.network.given()

    def predict(self, x: np.ndarray, interrupt: Interrupt) -> np.ndarray:
        """Return the outputs (rows, ...) float32 of the rows of `x`, a batch at a time."""
        vector, other = self._weights
        parts = []
        size = self.network.evaluation_batch
        for start in range(0, len(x), size):
            parts.append(self._forward(vector, other, x[start : start + size]).numpy())
            interrupt()
        return np.concatenate(parts) if parts else np.zeros((0, *self.network.output_shape), np.float32)

    def _outputs(self, vector: Any, other: Any, x: Any) -> Any:
        return tf.cast(self.network.call(self.network.unflatten(vector), other, x, False)[0], tf.float32)


def _put(variable: keras.Variable, tensor: Any) -> None:
    """Give a variable another value, of another shape too. Not `assign`, which reads it once more for its return value."""
    tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=tensor)


def _zeros(metrics: Sequence[keras.metrics.Metric]) -> list[np.ndarray]:
    """Return the sums before the first row: rows, loss times rows, and the variables of the metrics."""
    sums = [np.zeros((), np.float64), np.zeros((), np.float64)]
    return sums + [np.zeros(tuple(v.shape), np.float64) for metric in metrics for v in metric.variables]


def _counted(metrics: Sequence[keras.metrics.Metric], sums: Sequence[Any], loss: Any, y_true: Any, y_pred: Any) -> list[Any]:
    """Return the sums with a batch added, in double precision; `loss` is its mean over the rows."""
    count = tf.cast(tf.shape(y_true)[0], tf.float64)
    added = [count, count * tf.cast(loss, tf.float64)]
    for metric in metrics:
        zeros = [tf.zeros(variable.shape, variable.dtype) for variable in metric.variables]
        added += [tf.cast(state, tf.float64) for state in metric.stateless_update_state(zeros, y_true, y_pred)]
    return [old + new for old, new in zip(sums, added, strict=True)]


def _light(array: np.ndarray) -> np.ndarray:
    """Return the array; zeros as memory that the kernel need not give out, not even for reading them."""
    return np.asarray(array) if np.any(array) else np.zeros(array.shape, array.dtype)


def _by_class(class_weight: Mapping[str, float] | None, y: Any) -> Any:
    """Return the weight of each class, and behind them that of all others, shape (classes + 1,)."""
    given = {int(key): float(value) for key, value in (class_weight or {}).items()}
    if not all(0 <= key <= MOST_CLASS for key in given):
        raise ValueError(f"class_weight: class numbers must be from 0 to {MOST_CLASS}, got {sorted(given)}")
    weights = np.ones(max(int(y.shape[-1]), 1 + max(given, default=0)) + 1, np.float32)
    for key, value in given.items():
        weights[key] = value
    return tf.constant(weights)


def _sample_weight(y: Any, class_weights: Any) -> Any:
    one_column = y.shape[-1] == 1
    classes = tf.cast(tf.squeeze(y, -1), tf.int64) if one_column else tf.argmax(y, axis=-1)
    others = tf.size(class_weights, tf.int64) - 1
    return tf.gather(class_weights, tf.where((classes >= 0) & (classes < others), classes, others))
