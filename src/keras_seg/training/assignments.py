"""What layers do with their variables in a call, as it is with TensorFlow's own: assigning, and deriving from them.

A call of Keras without side effects keeps what layers assign to variables that are not trained, such as the statistics of
BatchNormalization, and drops the rest: SpectralNormalization divides the kernel of another layer at each step of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class Assignments:
    """What is assigned to trainable variables in a call.

    A value that was assigned is a beginning of its own, as it is in TensorFlow: the gradient goes to the variable by what was
    read from it before and after, and not through the computation of what was assigned.

    Args:
        trainable: the variables.
        watch: of the tape that is to know the gradients.

    Attributes:
        values: tensors that were assigned, for each variable in the order of the assignments.
    """

    def __init__(self, trainable: Sequence[keras.Variable], watch: Callable[[Any], None]) -> None:
        self._places = {id(variable): place for place, variable in enumerate(trainable)}
        self._watch = watch
        self.values: list[list[Any]] = [[] for _ in trainable]

    def add(self, variable: keras.Variable, value: Any) -> Any:
        """Note an assignment; return the tensor that the variable holds from now on."""
        if id(variable) not in self._places:
            return value
        begun = tf.stop_gradient(value)
        self._watch(begun)
        self.values[self._places[id(variable)]].append(begun)
        return begun

    def __bool__(self) -> bool:
        return any(self.values)

    def current(self, trainable: Sequence[Any]) -> list[Any]:
        """Return what the variables hold after the call, where `trainable` is what they held before it."""
        return [values[-1] if values else before for values, before in zip(self.values, trainable, strict=True)]


class Call(keras.StatelessScope):  # type: ignore[misc]  # Keras has no types
    """A scope in which the variables of a network have values from outside.

    Args:
        mapping: (variable, tensor) for each variable.
        assignments: told of what is assigned to trainable variables; None where nobody asks.
    """

    def __init__(self, mapping: Iterable[tuple[keras.Variable, Any]], assignments: Assignments | None) -> None:
        super().__init__(state_mapping=list(mapping), collect_losses=True)
        self._assignments = assignments

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        """Take what is assigned to a variable for its value."""
        variable, value = update
        super().add_update((variable, value if self._assignments is None else self._assignments.add(variable, value)))


def deriving(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that compute something from weights once and keep it, such as Normalization."""
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if hasattr(layer, "finalize_state") and layer.weights]


@contextmanager
def derived(layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """While this lasts, layers keep what they derive from the weights of the call; it is part of its graph, and forgotten."""
    before = [dict(vars(layer)) for layer in layers]
    for layer in layers:
        layer.finalize_state()
    try:
        yield
    finally:
        for layer, attributes in zip(layers, before, strict=True):
            vars(layer).update(attributes)
