"""Compiled training of one network.

`keras.fit` costs some 60 ms per call before the first row; a hop of a small network lasts a few. So one compiled function runs
a whole pass over a buffer, with the semantics of a Keras epoch: every row once, the last short batch included, shuffled when
`shuffle` says so. What varies between trials (batch size, learning rate, the optimizer's other numbers) goes in as a tensor,
so one trace serves them all.

All trainable weights form one flat vector. The optimizer sees that vector as its only variable: its update is then a handful of
operations instead of a handful for each layer, with the same numbers, because it treats every weight alike wherever it stands
(`optimizers.ELEMENTWISE`). Optimizers that look at whole matrices or norms of one variable, and networks with weight
constraints, keep one variable per weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seg.architectures.problems import ArchitectureError
from keras_seg.protocol.limits import MOST_CLASS
from keras_seg.protocol.orders import FitOrder, RateCuts
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.state import State
from keras_seg.protocol.variables import Variable
from keras_seg.training import optimizers
from keras_seg.training.assignments import Assignments
from keras_seg.training.batches import Batches, Orders, batches
from keras_seg.training.buffers import Buffer
from keras_seg.training.class_numbers import class_numbers
from keras_seg.training.compiled import CompiledFunction
from keras_seg.training.members import as_rows, for_each
from keras_seg.training.network import Network, flattened, put
from keras_seg.training.objectives import make_loss, make_metric
from keras_seg.training.pace import Interrupt, Pace
from keras_seg.training.parameters import Compile
from keras_seg.training.row_shape import RowShape
from keras_seg.training.sums import with_batch, zeros

_LARGE = 2**18  # numbers of a variable that is not kept from one trial to the next: smaller ones are not worth the time


class Trainer:
    """The compiled training step of one network with one kind of optimizer and one loss.

    Args:
        network: what is trained; its weights come with each trial.
        compiled: of the first trial; the others that are trained with it have the same `structure`.
        labels: of the packed rows.
        weighted: whether classes have weights.
        watched: whether it sums up loss and metrics while it trains, as Keras does for its callbacks. The weights are the same
            bits either way.

    Attributes:
        flat: whether all trainable weights form one vector.

    Raises:
        CompileProblem: the optimizer, the loss or a metric does not exist, or does not fit.
    """

    def __init__(self, network: Network, compiled: Compile, labels: Variable, weighted: bool, watched: bool = False) -> None:
        self.network = network
        self._weighted = weighted
        self._shape = shape = RowShape(labels, network.output_shape)
        self._loss = make_loss(compiled.loss, shape, compiled.functions)
        self._loss_weight = compiled.loss_weight
        names = compiled.metrics if watched else ()
        self._metrics = [make_metric(name, shape, compiled.functions) for name in names]
        self._sums = [tf.Variable(array) for array in zeros(self._metrics)] if watched else []
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
        floats = [tf.TensorSpec((None,), tf.float32)] * 2
        signature = [*[tf.TensorSpec((None,), tf.int32)] * 2, *network.signature(labels.shape), *floats]
        self._advance = CompiledFunction(self._pass, signature)
        self._variables = [*self._parameters, *network.other, *self._optimizer.variables]
        self.release()

    def _make_parameters(self) -> list[Any]:
        if not self.flat:
            for variable in self.network.trainable:
                put(variable, tf.zeros(variable.shape, variable.dtype))
            return list(self.network.trainable)
        return [keras.Variable(np.zeros(sum(self.network.sizes), np.float32), name="weights")]

    def initial(self, compiled: Compile, seed: int, weights: Raw | None = None) -> State:
        """Return the state of a trial before its first step.

        Args:
            compiled: of the trial.
            seed, weights: as in `Network.initial`.

        Raises:
            ArchitectureError: the weights do not belong to the architecture.
        """
        trainable, other = self.network.initial(seed, self.flat, weights)
        slots = self._begun(compiled) or self._made_again(compiled, trainable)
        return State(trainable, other, slots, self.network.slices(self.flat))

    def with_rate(self, state: State, compiled: Compile, cuts: RateCuts | None) -> State:
        """Return the state of a trial with its learning rate as often reduced as is said, as Keras' ReduceLROnPlateau does it.

        Args:
            compiled: of the trial, which says what learning rate it began with.
        """
        if cuts is None or self._rate is None:
            return state
        rate = self._starting_rate(compiled)
        for _ in range(cuts.count):
            if rate > np.float32(cuts.least):
                rate = float(np.float32(max(rate * cuts.factor, cuts.least)))
        slots = [np.array(rate, array.dtype) if at == self._rate else array for at, array in enumerate(state.optimizer)]
        return State(state.trainable, state.other, tuple(slots), state.weights)

    def _starting_rate(self, compiled: Compile) -> float:
        """Return the learning rate that a trial begins with, as a variable of float32 holds it."""
        name = type(self._optimizer).__name__
        rate = optimizers.number_of(name, compiled.params, "learning_rate")
        return float(np.float32(optimizers.default_rate(name) if rate is None else rate))

    def _begun(self, compiled: Compile) -> tuple[np.ndarray, ...] | None:
        """Return the optimizer's variables at the start if they are zeros and a learning rate, without making them again."""
        name = type(self._optimizer).__name__
        if name not in optimizers.ELEMENTWISE - optimizers.STARTING_VALUES:
            return None
        start = 0.0 if self._rate is None else self._starting_rate(compiled)
        return tuple(np.array(start, np.float32) if at == self._rate else array for at, array in enumerate(self._fresh))

    def _made_again(self, compiled: Compile, trainable: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        for variable, array in zip(self._parameters, trainable, strict=True):
            put(variable, tf.constant(array))  # not `assign`, which refuses the shape after that of a dropped one
        optimizer = optimizers.make_optimizer(compiled.optimizer, compiled.params)
        optimizer.build(self._parameters)  # after the weights: some optimizers begin with a copy of them
        made = tuple(np.asarray(variable.numpy()) for variable in optimizer.variables)
        self.release()
        return made

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
            put(variable, tf.constant(array))

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

    def release(self) -> None:
        """Drop the large ones of the variables: each trial brings its own, and they would take memory until then."""
        for variable in [*self._parameters, *self._optimizer.variables]:
            if math.prod(variable.shape) >= _LARGE:
                put(variable, tf.zeros(0, variable.dtype))

    def forget(self) -> None:
        """Drop all of the variables, small ones as well, and the numbers of trials: nobody trains for a while."""
        self._numbers_of_trial.clear()
        for variable in self._variables:
            put(variable, tf.zeros(0, variable.dtype))

    def begin_sums(self, sums: Sequence[np.ndarray] | None) -> None:
        """Go on with the sums that came with a trial, or begin with zeros; see the module `sums` for what they are."""
        for variable, array in zip(self._sums, zeros(self._metrics) if sums is None else sums, strict=True):
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
            put(variable, tensor)
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
            fit: of this trial.
            buffers: x and y (rows, ...) each.
            random: draws the order of the rows.
            interrupt: called at least every 0.25 s, unless one batch takes longer.

        Returns:
            The number of rows trained on.

        Raises:
            ValueError: a class number of `class_weight` is negative or too large.
        """
        orders = Orders(fit, random)
        rows = 0
        for buffer in buffers:
            made = batches([orders.next(buffer.rows)], fit.batch_size)
            self.train_batches(compiled, fit, buffer, made, interrupt)
            rows += len(made.rows)
            del buffer  # before the next one is read
        return rows

    def train_batches(self, compiled: Compile, fit: FitOrder, buffer: Buffer, made: Batches, interrupt: Interrupt) -> None:
        """Train on batches of a buffer, one after the other; arguments and errors as those of `train`."""
        rows, numbers, class_weights = tf.constant(made.rows), self._given(compiled), _by_class(fit.class_weight, buffer.y)
        for bounds in self._pace.parts(made.bounds, interrupt):
            self._advance(rows, tf.constant(bounds), buffer.x, buffer.y, class_weights, numbers).numpy()

    def _given(self, compiled: Compile) -> Any:
        """Return the numbers of a trial's optimizer, shape (numbers,)."""
        key = repr(sorted(compiled.params.items()))
        if key not in self._numbers_of_trial:
            given = [optimizers.number_of(compiled.optimizer, compiled.params, name) for name in self._numbers.names]
            values = [default if value is None else value for value, default in zip(given, self._defaults, strict=True)]
            self._numbers_of_trial[key] = tf.constant(values, tf.float32)
        return self._numbers_of_trial[key]

    def _pass(self, order: Any, bounds: Any, x: Any, y: Any, class_weights: Any, numbers: Any) -> Any:
        """The compiled part: one step for each batch of `order`, the rows to train on; `bounds` as those of `Batches`."""
        count = tf.size(bounds) - 1
        begins, ends = bounds[:-1, None], bounds[1:, None]

        def step(at: Any, *other: Any) -> tuple[Any, ...]:
            # Eight operations less than order[bounds[at] : bounds[at + 1]]
            rows = tf.strided_slice(order, tf.gather(begins, at), tf.gather(ends, at), [1])
            return (at + 1, *self._step(other, tf.gather(x, rows), tf.gather(y, rows), class_weights))

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
        y = self._shape.given(y)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            trainable = self.network.unflatten(parameters[0]) if self.flat else parameters
            assignments = Assignments(self.network.trainable, tape.watch)
            (outputs, members), other_after, added = self.network.call_members(trainable, other, x, True, assignments)
            loss = self._loss_weight * self._loss_of(y, outputs, members, sample_weight) + added
            scaled = self._optimizer.scale_loss(loss)
        gradients, of_assigned = tape.gradient(scaled, (parameters, assignments.values))
        if assignments:
            self._assign(assignments.current(trainable))
            gradients = self._with_assigned(gradients, of_assigned)
        self._optimizer.apply_gradients(zip(gradients, self._parameters, strict=True))
        counted = with_batch(self._metrics, sums, loss, y, outputs) if sums else []
        return [tf.ensure_shape(new, old.shape) for new, old in zip((*other_after, *counted), carried, strict=True)]

    def _loss_of(self, y: Any, outputs: Any, members: Any, sample_weight: Any) -> Any:
        """Return the loss of a batch; of a network of members the mean of their losses."""
        if members is None:
            return self._loss(y, outputs, sample_weight)
        weights = None if sample_weight is None else for_each(sample_weight, members)
        return self._loss(for_each(y, members), as_rows(members), weights)

    def _assign(self, current: Sequence[Any]) -> None:
        """Give the parameters what layers have made of them in the call, before the optimizer goes on from there."""
        for parameter, tensor in zip(self._parameters, [flattened(current)] if self.flat else current, strict=True):
            put(parameter, tensor)

    def _with_assigned(self, gradients: Sequence[Any], of_assigned: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the gradients of the parameters with those of what was assigned to each trainable variable."""
        sums = [_total(each) for each in of_assigned]
        if not self.flat:
            return [_total((one, other)) for one, other in zip(gradients, sums, strict=True)]
        shapes = [variable.shape for variable in self.network.trainable]
        whole = [tf.zeros(shape) if each is None else each for each, shape in zip(sums, shapes, strict=True)]
        return [_total((*gradients, flattened(whole)))]


def _total(gradients: Iterable[Any]) -> Any:
    """Return the sum of gradients; None where nothing depends on the variable."""
    given = [tf.convert_to_tensor(each) for each in gradients if each is not None]
    return tf.add_n(given) if given else None


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
    """Return the weight of each row's class, shape (rows,); `class_weights` as `_by_class` gives them."""
    classes = class_numbers(y)
    others = tf.size(class_weights, tf.int64) - 1
    return tf.gather(class_weights, tf.where((classes >= 0) & (classes < others), classes, others))
