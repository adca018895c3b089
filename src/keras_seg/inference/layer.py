"""A layer as numpy computes it: its arguments, its weights, and what a call of it makes of shapes.

A layer has the attributes by which `architectures.weights` finds its way through the layers of Keras, so that weights are read
here in every layout in which they are read there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_seg.inference.problems import NeedsTensorFlow

WRITTEN = 20  # products that cost as much as to write a number
Shape = tuple[int, ...]  # of one row
Array = Any  # numpy's float32 arrays: of what its operators give mypy knows nothing
Forward = Callable[..., Any]  # arrays (rows, ...) to an array, or to a tuple of arrays


@dataclass(eq=False)
class Variable:
    """Weights of a layer; their array comes when all layers have told their shapes."""

    shape: Shape
    trainable: bool
    array: Array = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True)
class Last:
    """A sigmoid or softmax that is the very last that is done to an output: Keras' crossentropy computes with what it is given.

    Attributes:
        activation: its name.
        before: makes the function that computes what it is given.
    """

    activation: str
    before: Callable[[], Forward]


@dataclass(frozen=True)
class Called:
    """What a call of a layer gives.

    Attributes:
        shapes: of its outputs.
        make: makes the function that computes them, once the weights are there.
        values: numbers that it has in memory for each row beside its inputs and outputs.
        products: of two numbers each, that it adds up for a row.
        last: what is done last to its one output; None where that is something else, or is not told.
    """

    shapes: tuple[Shape, ...]
    make: Callable[[], Forward]
    values: int = 0
    products: int = 0
    last: Last | None = None

    @property
    def work(self) -> int:
        """What a row costs, in products."""
        return self.products + WRITTEN * sum(map(size_of, self.shapes))

    @property
    def shape(self) -> Shape:
        """Of its one output."""
        return self.shapes[0]


Rule = Callable[["Layer", Sequence[Shape]], Called]


class Layer:
    """A layer, which may be called several times.

    Args:
        kind: its class in Keras.
        name: of the layer.
        arguments: all that its class takes, defaults included.
        rule: what a call of it makes of shapes.
        inner: layers that it has within it, in Keras' order.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        arguments: Mapping[str, Any],
        rule: Rule,
        inner: Sequence[Layer] = (),
        trainable: bool = True,
    ) -> None:
        self.kind = kind
        self.name = name
        self.arguments = arguments
        self.trainable = trainable
        self._rule = rule
        self._layers = list(inner)
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []
        self._declared: list[Variable] = []
        self._next = 0

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    @property
    def inner(self) -> Sequence[Layer]:
        return self._layers

    @property
    def data_format(self) -> str:
        """Which axis has the channels."""
        return self.arguments.get("data_format") or "channels_last"

    @property
    def backward_layer(self) -> Layer | None:
        """The second layer of a Bidirectional."""
        return self._layers[1] if self.kind == "Bidirectional" else None

    def call(self, shapes: Sequence[Shape]) -> Called:
        """Tell what comes of inputs of these shapes, and which weights that takes.

        Raises:
            NeedsTensorFlow: numpy does not compute that here.
        """
        self._next = 0
        return self._rule(self, shapes)

    def weight(self, *shape: int, trained: bool = True) -> Variable:
        """Return the next of its weights; a second call of the layer gets those of the first."""
        self._next += 1
        if self._next <= len(self._declared):
            return self._declared[self._next - 1]
        variable = Variable(tuple(shape), trained)
        self._declared.append(variable)
        (self._trainable_variables if trained else self._non_trainable_variables).append(variable)
        return variable

    @property
    def weights(self) -> list[Variable]:
        """All weights, each once, in Keras' order."""
        return list({id(variable): variable for variable in self._all_weights()}.values())

    def _all_weights(self) -> Iterator[Variable]:
        yield from self._trainable_variables
        yield from self._non_trainable_variables
        for layer in self._layers:
            yield from layer._all_weights()

    def set_weights(self, arrays: Sequence[Array]) -> None:
        """Give the weights their arrays, in order."""
        for variable, array in zip(self.weights, arrays, strict=True):
            variable.array = array

    def refuse(self, what: str) -> NeedsTensorFlow:
        """Return the error for something that is not computed here."""
        return NeedsTensorFlow(f'layer "{self.name}" ({self.kind}): {what}')

    def allow(self, argument: str, *values: object) -> None:
        """Raise unless an argument has one of the values."""
        if self.arguments.get(argument) not in values:
            raise self.refuse(f'"{argument}" = {self.arguments[argument]!r}')


def size_of(shape: Shape) -> int:
    """Return how many numbers a row of a shape has."""
    return math.prod(shape)


def one(function: Callable[[Layer, Shape], Called]) -> Rule:
    """Make the rule of a layer that takes one input."""

    def rule(layer: Layer, shapes: Sequence[Shape]) -> Called:
        if len(shapes) != 1:
            raise layer.refuse(f"{len(shapes)} inputs")
        return function(layer, shapes[0])

    return rule


def same(forward: Callable[[], Forward], shape: Shape, copies: int = 1) -> Called:
    """Return the call of a layer that changes numbers and no shape."""
    return Called((shape,), forward, copies * size_of(shape))


def axis_of(axis: int, shape: Shape) -> int:
    """Return the axis of a batch (rows, ...) from its front."""
    return axis % (len(shape) + 1)


def beside(axis: int, shape: Shape) -> tuple[int, ...]:
    """Return the shape in which numbers of one axis go with a batch (rows, ...)."""
    return tuple(size if place == axis else 1 for place, size in enumerate((1, *shape)))


def unchanged(x: Any) -> Any:
    """Return what comes in."""
    return x
