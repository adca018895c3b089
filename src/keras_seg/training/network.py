"""One architecture, built, and its weights as flat arrays: what training, evaluation and prediction compute with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seg.architectures.build import build_and_note, build_model, converted, input_shape, output_shape
from keras_seg.architectures.drawing import Draws
from keras_seg.architectures.endings import ends_in_sigmoid, last_activation
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import Part, load_weights, parts, require_weights
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.state import Place, Slice, State, Strided
from keras_seg.training.assignments import Assignments, Call, derived, deriving
from keras_seg.training.members import with_members

EVALUATION_BATCH = 512  # rows, the most that are evaluated or predicted at once;
_EVALUATION_VALUES = 2**20  # and fewer where a row has more values than this allows


class Network:
    """One architecture, built, with what its weights look like as flat arrays.

    Args:
        architecture: JSON, as any Keras wrote it.
        weights: that stand beside it, as `load_weights` takes them; None where there are none.

    Attributes:
        model: the Keras model, whose weights were let go.
        input_shape, output_shape: of one row.
        trainable, other: its variables, in Keras' order.
        sizes: how many numbers each of the trainable ones has.

    Raises:
        ArchitectureError: Keras cannot build it, it has nothing to train, or several inputs or outputs, or other weights.
    """

    def __init__(self, architecture: str, weights: Raw | None) -> None:
        self.architecture = architecture
        self.weights = weights
        self._draws: Draws | None = None
        if weights is None:
            self.model, self._draws = build_and_note(architecture, 0)
        else:  # which nothing is drawn beside
            self.model = build_model(architecture, 0)
        self.input_shape = input_shape(self.model)
        self.output_shape = output_shape(self.model)
        self.trainable = list(self.model.trainable_variables)
        self.other = list(self.model.non_trainable_variables)
        self.sizes = [int(np.prod(variable.shape)) for variable in self.trainable]
        self._deriving = deriving(self.model)
        self._with_members = with_members(self.model)
        self._converted = converted(architecture)
        self._slices: dict[bool, tuple[Place, ...]] = {}
        if not self.trainable:
            raise ArchitectureError("the network has no trainable weights")
        if weights is not None:
            require_weights(self.model, weights, self._converted)
        self.release()

    def release(self) -> None:
        """Drop the weights of the model: what is computed gets them from outside, and they would only take memory."""
        for variable in self.trainable:
            put(variable, tf.zeros(0, variable.dtype))

    @cached_property
    def activation(self) -> str:
        """The last activation, as `last_activation` tells it."""
        return last_activation(self.model)

    @cached_property
    def ends_in_sigmoid(self) -> bool:
        """Whether crossentropy of logits reads what is before its last operation, as `ends_in_sigmoid` tells it."""
        return ends_in_sigmoid(self.model)

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
        """Return the weights that a trial begins with.

        Args:
            seed: what weights are drawn from that nothing else gives.
            flat: whether the trainable weights are wanted as one vector.
            weights: to begin from; those of the architecture table if there are none, or drawn from `seed`.

        Returns:
            The trainable ones, and the others.

        Raises:
            ArchitectureError: the weights do not belong to the architecture.
        """
        given = self.weights if weights is None else weights
        trainable, other = self._begun(given, seed) if given is not None or self._draws is None else self._drawn(seed)
        return (_flat(trainable),) if flat else trainable, other

    def _drawn(self, seed: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        assert self._draws is not None
        return self._draws.values(self.trainable, seed), self._draws.values(self.other, seed)

    def _begun(self, given: Raw | None, seed: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        fresh = build_model(self.architecture, seed)
        if given is not None:
            load_weights(fresh, given, self._converted)
        trainable, other = fresh.trainable_variables, fresh.non_trainable_variables
        return tuple(v.numpy() for v in trainable), tuple(np.asarray(v.numpy()) for v in other)

    def slices(self, flat: bool) -> tuple[Place, ...]:
        """Return where the arrays of `get_weights()` lie in a state, in the layout of the Keras that wrote the architecture."""
        if flat not in self._slices:
            self._slices[flat] = self._find_slices(flat)
        return self._slices[flat]

    def _find_slices(self, flat: bool) -> tuple[Place, ...]:
        begins: dict[int, tuple[int, int]] = {}
        start = 0
        for index, (variable, size) in enumerate(zip(self.trainable, self.sizes, strict=True)):
            begins[id(variable)] = (0, start) if flat else (index, 0)
            start += size
        first = 1 if flat else len(self.trainable)
        begins.update({id(variable): (first + index, 0) for index, variable in enumerate(self.other)})
        return tuple(_place(part, *begins[id(part.variable)]) for part in parts(self.model, self._converted))

    def unflatten(self, vector: Any) -> list[Any]:
        """Return the tensors of the trainable variables that one flat vector (weights,) holds; part of a graph."""
        parts = tf.split(vector, self.sizes)
        return [tf.cast(tf.reshape(part, v.shape), v.dtype) for part, v in zip(parts, self.trainable, strict=True)]

    def call(
        self, trainable: Sequence[Any], other: Sequence[Any], x: Any, training: bool, assignments: Assignments | None = None
    ) -> tuple[Any, list[Any], Any]:
        """Compute the outputs of a batch; part of a graph.

        Args:
            trainable, other: tensors of the variables.
            x: features (rows, ...).
            training: whether layers such as Dropout do what they do in training.
            assignments: told of what layers assign to trainable variables; None where it is of no use.

        Returns:
            The outputs (rows, ...), the other variables after the call, and the sum of the losses that layers add.
        """
        return self._called(self.model, trainable, other, x, training, assignments)

    def call_members(
        self, trainable: Sequence[Any], other: Sequence[Any], x: Any, training: bool, assignments: Assignments | None = None
    ) -> tuple[tuple[Any, Any], list[Any], Any]:
        """Compute the outputs of a batch, and beside them what each member gives (rows, members, ...), or None.

        Args, Returns: as `call`.
        """
        if self._with_members is not None:
            return self._called(self._with_members, trainable, other, x, training, assignments)
        outputs, other_after, added = self.call(trainable, other, x, training, assignments)
        return (outputs, None), other_after, added

    def _called(
        self,
        model: Any,
        trainable: Sequence[Any],
        other: Sequence[Any],
        x: Any,
        training: bool,
        assignments: Assignments | None,
    ) -> tuple[Any, list[Any], Any]:
        mapping = zip((*self.trainable, *self.other), (*trainable, *other), strict=True)
        with Call(mapping, assignments) as scope, derived(self._deriving):
            outputs = model.call(x, training=training)
            added = self.model.losses
        other_after = [scope.get_current_value(variable) for variable in self.other]
        return outputs, other_after, tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in added]) if added else 0.0

    def frozen(self, state: State) -> tuple[Any, list[Any]]:
        """Return the weights of a state as the compiled functions take them: (flat vector, other variables)."""
        return tf.constant(_flat(state.trainable)), [tf.constant(array) for array in state.other]

    def given(self) -> tuple[Any, list[Any]]:
        """Return the weights that came with the architecture, as the compiled functions take them."""
        trainable, other = self.initial(0, True)
        return tf.constant(trainable[0]), [tf.constant(array) for array in other]

    def signature(self, labels: tuple[int, ...] | None = None) -> list[Any]:
        """Return the shapes of the rows of a buffer: x (rows, ...) and, with the shape of `labels`, y (rows, ...)."""
        shapes = [self.input_shape] if labels is None else [self.input_shape, labels]
        return [tf.TensorSpec((None, *shape), tf.float32) for shape in shapes]

    @property
    def frozen_signature(self) -> list[Any]:
        """Return the shapes of what `frozen` gives."""
        other = [tf.TensorSpec(variable.shape, variable.dtype) for variable in self.other]
        return [tf.TensorSpec((sum(self.sizes),), tf.float32), other]


def _place(part: Part, index: int, begin: int) -> Place:
    """Return where a part of a variable lies that begins at element `begin` of array `index`."""
    if part.in_a_row:
        return Slice(index, begin + part.start, begin + part.start + part.size)
    return Strided(index, begin + part.start, part.shape, part.strides)


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the numbers of all arrays as one vector of float32; one array that is such a vector is not copied."""
    parts = [np.asarray(array, np.float32).reshape(-1) for array in arrays]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def flattened(tensors: Sequence[Any]) -> Any:
    """Return the numbers of all tensors as one float32 vector: the reverse of `Network.unflatten`; part of a graph."""
    return tf.concat([tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors], 0)


def put(variable: keras.Variable, tensor: Any) -> None:
    """Give a variable another value, of another shape too. Not `assign`, which reads it once more for its return value."""
    tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=tensor)
