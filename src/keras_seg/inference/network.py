"""An architecture and its weights as a forward pass in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_seg.architectures import allowed
from keras_seg.architectures.build import LARGEST_MODEL, read
from keras_seg.architectures.conversion import Converted, converted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.signatures import arguments_of
from keras_seg.architectures.weights import load_weights
from keras_seg.architectures.written import written
from keras_seg.inference.activations import NAMED, Activation
from keras_seg.inference.endings import Ending, ending_of, hides_no_logits
from keras_seg.inference.layer import Called, Forward, Layer, Shape, size_of, unchanged
from keras_seg.inference.models import Model, functional, sequential
from keras_seg.inference.problems import NeedsTensorFlow
from keras_seg.inference.recurrent import CELLS, cell_rule
from keras_seg.inference.rules import RULES
from keras_seg.protocol.parts import Raw

_AT_ONCE = 2**22  # numbers in memory: 16 MB
_MOST_VALUES = 2**28  # numbers in memory for one row
MOST_WORK = 2 * 10**10  # products: about two seconds of a processor
_SMALLEST = np.finfo(np.float32).tiny  # of those with all digits
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8")


@dataclass(frozen=True)
class Network:
    """A network that is ready for rows.

    Attributes:
        input_shape, output_shape: of one row.
        ending: what its outputs come out of.
        rows_at_once: how many go through it together: a number of the network's own.
        work: what a row costs, in products of two numbers.
        tells_logits: whether `judged` gives what Keras' crossentropy computes with.
        adds_losses: whether layers add losses of their own to that of the outputs: regularizers.
    """

    input_shape: Shape
    output_shape: Shape
    ending: Ending
    rows_at_once: int
    work: int
    tells_logits: bool
    adds_losses: bool
    _forward: Forward
    _last: tuple[Forward, Activation] | None

    def is_worth(self, rows: int) -> bool:
        """Return whether so many rows are computed here rather than with TensorFlow, whose import alone takes longer.

        It hangs on nothing else, so that the same call gives the same numbers, whatever else the machine does.
        """
        return rows * self.work <= MOST_WORK

    def outputs(self, x: np.ndarray, interrupt: Callable[[], None] = lambda: None) -> np.ndarray:
        """Return the outputs (rows, ...) float32 of rows (rows, ...) float32.

        Args:
            interrupt: called after each batch.

        Raises:
            UnfitRow: a layer takes other numbers.
        """
        with np.errstate(all="ignore"):  # a network may overflow, as in TensorFlow
            if len(x) <= self.rows_at_once:
                return np.ascontiguousarray(self._forward(x))
            outputs = np.empty((len(x), *self.output_shape), np.float32)
            for begin in range(0, len(x), self.rows_at_once):
                outputs[begin : begin + self.rows_at_once] = self._forward(x[begin : begin + self.rows_at_once])
                interrupt()
            return outputs

    def judged(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the outputs (rows, ...) of a batch, and what they come out of where a sigmoid or softmax is the very last.

        Args:
            x: at most `rows_at_once` rows.
        """
        with np.errstate(all="ignore"):
            if self._last is None:
                return _normal(self._forward(x)), None
            before, activation = self._last
            logits = before(x)
            return _normal(activation(logits)), logits


def _normal(x: np.ndarray) -> np.ndarray:
    """Return numbers with 0 for those that TensorFlow takes for 0: they have fewer digits, and a rank of their own."""
    return np.where(np.abs(x) < _SMALLEST, np.float32(0), x)


def network(architecture: str, weights: Raw) -> Network:
    """Get a network ready.

    Args:
        architecture: what `model.to_json()` of Keras 1, 2 or 3 gave.
        weights: that stand beside it, as `load_weights` takes them.

    Raises:
        NeedsTensorFlow: it has something that numpy does not compute here.
        ArchitectureError: it cannot be used.
    """
    rewritten = _converted(architecture)
    try:
        model = _model(rewritten.config["class_name"], rewritten.config["config"], True)
        shape = _row(rewritten.config)
        called = model.call((shape,))
    except (NeedsTensorFlow, ArchitectureError):
        raise
    except Exception as problem:  # Keras, which is asked then, says it better
        raise NeedsTensorFlow(f"the architecture: {type(problem).__name__}: {problem}") from problem
    if len(called.shapes) != 1:
        raise NeedsTensorFlow(f"the model has {len(called.shapes)} outputs")
    return _ready(model, called, shape, weights, rewritten)


def _ready(model: Model, called: Called, shape: Shape, weights: Raw, architecture: Converted) -> Network:
    size = sum(size_of(weight.shape) for weight in model.weights)
    if size > LARGEST_MODEL:
        raise NeedsTensorFlow(f"the model, with {size} weights,")
    if called.values > _MOST_VALUES or called.work > MOST_WORK:  # nothing could cancel that
        raise NeedsTensorFlow(f"the model, with {called.values} numbers in memory and {called.work} products for a row,")
    load_weights(model, weights, architecture)
    rows = max(1, _AT_ONCE // max(1, called.values, size_of(shape), size_of(called.shape)))
    last = called.last
    return Network(
        shape,
        called.shape,
        ending_of(model),
        rows,
        called.work,
        last is not None or hides_no_logits(model),
        _adds_losses(architecture.config),
        called.make(),
        None if last is None else (last.before(), NAMED[last.activation]),
    )


def _adds_losses(config: object) -> bool:
    return any(
        node.get("class_name") == "ActivityRegularization"
        or any(key.endswith("regularizer") and value is not None for key, value in node.items())
        for node in _objects(config)
    )


def _converted(architecture: str) -> Converted:
    """Rewrite an architecture, if all its layers are computed here: the classes of others are not known without Keras."""
    tree = read(architecture)
    for kind, name in _kinds(tree):
        if kind in allowed.LAYERS and kind not in RULES and kind not in CELLS and kind != "InputLayer":
            raise NeedsTensorFlow(f'layer "{name}" ({kind})')
    return converted(tree, written(tree))


def _kinds(tree: object) -> Iterator[tuple[str, str]]:
    """Yield class and name of everything in an architecture that says its class."""
    for node in _objects(tree):
        if isinstance(kind := node.get("class_name"), str):
            config = node.get("config")
            named = config.get("name") if isinstance(config, dict) else None
            yield allowed.LAYER_ALIASES.get(kind, kind), str(named or kind)


def _objects(tree: object) -> Iterator[dict[str, Any]]:
    """Yield everything in JSON that has keys."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _row(config: Mapping[str, Any]) -> Shape:
    """Return the shape of a row that a model takes."""
    inputs = [each for each in config["config"]["layers"] if each["class_name"] == "InputLayer"]
    if config["class_name"] == "Functional":
        ends = config["config"]["input_layers"]
        ends = next(iter(ends.values())) if isinstance(ends, dict) and len(ends) == 1 else ends
        if isinstance(ends, list) and len(ends) == 1:
            (ends,) = ends
        inputs = [each for each in inputs if isinstance(ends, list) and each["name"] == ends[0]]
    if len(inputs) != 1 or None in inputs[0]["config"]["batch_shape"][1:]:
        raise NeedsTensorFlow("the model does not take one input of one shape")
    return tuple(inputs[0]["config"]["batch_shape"][1:])


def layer_of(node: Mapping[str, Any], trainable: bool = True) -> Layer:
    """Return a layer as `conversion` writes it, with those within it.

    Args:
        trainable: whether the model around it is.
    """
    kind, config = node["class_name"], node["config"]
    if kind in ("Sequential", "Functional"):
        return _model(kind, config, trainable)
    if kind == "InputLayer":
        return Layer(kind, config["name"], config, _input_rule)
    given = {**arguments_of("layers", kind), **config}
    trainable = trainable and given.get("trainable") is not False
    inner = tuple(_inner(kind, given, trainable))
    given = {key: _activation_layer(key, value) for key, value in given.items()}
    layer = Layer(kind, config["name"], given, cell_rule if kind in CELLS else RULES[kind], inner, trainable)
    layer.allow("dtype", None, "float32")
    return layer


def _model(kind: str, config: Mapping[str, Any], trainable: bool) -> Model:
    trainable = trainable and config.get("trainable") is not False
    layers = {each["config"]["name"]: layer_of(each, trainable) for each in config["layers"]}
    if kind == "Sequential":
        return sequential(config["name"], list(layers.values()), trainable)
    return functional(config["name"], config, layers, trainable)


def _input_rule(layer: Layer, shapes: Any) -> Called:
    (shape,) = shapes
    wanted = layer["batch_shape"][1:]
    if len(wanted) != len(shape) or any(size not in (None, given) for size, given in zip(wanted, shape, strict=True)):
        raise layer.refuse(f"rows of shape {list(shape)}")
    if layer["dtype"] == "float32":
        return Called((shape,), lambda: unchanged)
    if layer["dtype"] not in _INTEGERS:
        raise layer.refuse(f'"dtype" = {layer["dtype"]!r}')
    return Called((shape,), lambda: unchanged)  # an Embedding alone reads it, and makes the same integers of it


def _inner(kind: str, given: Mapping[str, Any], trainable: bool) -> Iterator[Layer]:
    """Yield the layers within a layer, in Keras' order."""
    if kind in ("GRU", "LSTM", "SimpleRNN"):
        yield Layer(f"{kind}Cell", given["name"], given, cell_rule, (), trainable)
    elif kind == "RNN":
        if not isinstance(given["cell"], dict) or given["cell"]["class_name"] not in CELLS:
            raise NeedsTensorFlow(f'layer "{given["name"]}" ({kind}): its cell')
        yield layer_of(given["cell"], trainable)
    elif kind == "TimeDistributed":
        yield layer_of(given["layer"], trainable)
    elif kind == "Bidirectional":
        yield from _directions(given, trainable)


def _directions(given: Mapping[str, Any], trainable: bool) -> Iterator[Layer]:
    """Yield the two layers of a Bidirectional: where there is one, the second is the same backwards."""
    forth = given["layer"]
    back = given["backward_layer"] or {**forth, "config": {**forth["config"], "go_backwards": True}}
    for each in (forth, back):
        if each["class_name"] not in ("GRU", "LSTM", "RNN", "SimpleRNN"):
            raise NeedsTensorFlow(f'layer "{given["name"]}" (Bidirectional): around a {each["class_name"]}')
        yield layer_of(each, trainable)


def _activation_layer(argument: str, value: object) -> object:
    """Return an argument, with a layer for one that stands where an activation is asked for."""
    if argument.endswith("activation") and isinstance(value, dict) and value.get("class_name") in allowed.ACTIVATION_LAYERS:
        return layer_of(value)
    return value
