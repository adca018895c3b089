"""What the outputs of a model come out of: its last activation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import keras

from keras_seg.protocol.outputs import PROBABILITIES

_NONE = "linear"
_LAYERS = "keras.src.layers."
# Behind these layers numbers from 0 to 1 are still that: they shape, pool, or do something in training only.
_KEEPING = tuple(_LAYERS + package for package in ("reshaping.", "pooling.", "regularization."))
_ALSO_KEEPING = (
    keras.layers.Identity,
    keras.layers.Masking,
    keras.layers.Concatenate,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
)
_SAME = (keras.layers.Identity, keras.layers.ActivityRegularization)  # these give the very tensor that they are given
_AROUND = (keras.layers.TimeDistributed, keras.layers.SpectralNormalization)  # of one layer, which gives their outputs
_BETWEEN = ("nearest", "bilinear", "area")  # interpolations that do not overshoot


def last_activation(model: Any) -> str:
    """Return the name of the activation that the one output of a model comes out of, through layers that only shape or pool it.

    Returns:
        Its name in Keras; `linear` where a layer has none, none is found, or there are several that differ.
    """
    found = _Search(model).activations()
    return min(found) if len(found) == 1 or (found and found <= PROBABILITIES) else _NONE


def ends_in_sigmoid(model: Any) -> bool:
    """Return whether the very last operation of a model is a sigmoid: then Keras' crossentropy finds the logits before it."""
    layer, node, _ = model.outputs[0]._keras_history
    while _is_model(layer) or isinstance(layer, _SAME):
        tensor = layer.outputs[0] if _is_model(layer) else layer._inbound_nodes[node].input_tensors[0]
        layer, node, _ = tensor._keras_history
    return not isinstance(layer, (*_AROUND, keras.layers.RNN)) and _activation_of(layer) == "sigmoid"


class _Search:
    """A walk from the output of a model to what it comes out of, each tensor once: models share layers and paths."""

    def __init__(self, model: Any) -> None:
        self._waiting = [model.outputs[0]]
        self._seen: set[int] = set()
        self._before: dict[int, list[Any]] = defaultdict(list)  # inputs of inner models: what these were called with

    def activations(self) -> set[str]:
        """Return the names of all activations that the output comes out of."""
        found = set()
        while self._waiting:
            tensor = self._waiting.pop()
            if id(tensor) in self._seen:
                continue
            self._seen.add(id(tensor))
            if (name := self._follow(tensor)) is not None:
                found.add(name)
        return found

    def _follow(self, tensor: Any) -> str | None:
        """Return the activation that a tensor comes out of; None where what is before it is looked at."""
        layer, node, _ = tensor._keras_history
        inputs, inner = layer._inbound_nodes[node].input_tensors, _inner(layer)
        if id(tensor) in self._before:
            self._waiting.extend(self._before[id(tensor)])
        elif _is_model(inner):
            self._enter(inner, inputs)
        elif inputs and _keeps(inner):
            self._waiting.extend(inputs)
        else:
            return _activation_of(inner)
        return None

    def _enter(self, model: Any, given: list[Any]) -> None:
        """Look at the outputs of an inner model, which may come from what it was called with."""
        self._waiting.append(model.outputs[0])
        for place, tensor in zip(model.inputs, given, strict=False):
            self._before[id(place)].append(tensor)
            if id(place) in self._seen:  # by an earlier call of the same model
                self._waiting.append(tensor)


def _inner(layer: Any) -> Any:
    while isinstance(layer, _AROUND):
        layer = layer.layer
    return layer


def _is_model(layer: Any) -> bool:
    return isinstance(layer, keras.Model) and bool(getattr(layer, "outputs", None))


def _keeps(layer: Any) -> bool:
    """Return whether a layer leaves numbers in the range in which they come."""
    listed = type(layer).__module__.startswith(_KEEPING) or isinstance(layer, _ALSO_KEEPING)
    return listed and getattr(layer, "interpolation", _BETWEEN[0]) in _BETWEEN


def _activation_of(layer: Any) -> str:
    """Return the name of a layer's activation; `linear` where it has none, or gates of another range stretch it."""
    kind = type(layer)
    gates = getattr(layer, "recurrent_activation", None)
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return _NONE if gates is not None and _name(gates) not in PROBABILITIES else _name(activation)
    return kind.__name__.lower() if kind.__module__.startswith(_LAYERS + "activations.") else _NONE


def _name(activation: Any) -> str:
    return str(getattr(activation, "__name__", type(activation).__name__))
