"""What the outputs of a model come out of: its last activation."""

from __future__ import annotations

from typing import Any

import keras

from keras_seg.protocol.outputs import PROBABILITIES

_NONE = "linear"
_SCALING = ("Normalization", "Rescaling")  # layers behind which a number from 0 to 1 is none any more
_BETWEEN = (keras.layers.Average, keras.layers.Maximum, keras.layers.Minimum, keras.layers.Multiply)


def last_activation(model: Any) -> str:
    """Return the name of the activation that the one output of a model comes out of, through layers that only shape or pool it.

    Returns:
        Its name in Keras; `linear` where a layer has none, or none is found.
    """
    return _behind(model.outputs[0])


def _behind(tensor: Any) -> str:
    layer, node, _ = tensor._keras_history
    found = _activation_of(layer)
    if found is not None:
        return found
    inputs = layer._inbound_nodes[node].input_tensors
    if len(inputs) == 1:
        return _behind(inputs[0])
    merged = {_behind(each) for each in inputs}
    return min(merged) if isinstance(layer, _BETWEEN) and merged <= PROBABILITIES else _NONE


def _activation_of(layer: Any) -> str | None:
    """Return the name of a layer's activation; None where the layer leaves numbers in the range in which they come."""
    if isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    if isinstance(layer, keras.Model):
        return last_activation(layer)
    kind = type(layer)
    if kind.__name__.endswith(_SCALING):
        return _NONE
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return str(getattr(activation, "__name__", type(activation).__name__))
    return kind.__name__.lower() if kind.__module__.startswith("keras.src.layers.activations") else None
