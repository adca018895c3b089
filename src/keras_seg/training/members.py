"""Networks of members, each trained on a loss of its own: see `keras_seg.protocol.members`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_seg.protocol.members import KIND, MEMBERS


def with_members(model: Any) -> Any:
    """Return a model that gives the output of a network of members, and what each member gives; None for any other network.

    It has the layers of the model, and no weights of its own.
    """
    layer, node, _ = model.outputs[0]._keras_history
    if layer.name != MEMBERS or not isinstance(layer, getattr(keras.layers, KIND)) or layer.data_format != "channels_last":
        return None
    return keras.Model(model.inputs, [model.outputs[0], layer._inbound_nodes[node].input_tensors[0]])


def as_rows(members: Any) -> Any:
    """Return what members give (rows, members, ...) as rows of their own (rows * members, ...), those of a row together.

    Keras' crossentropy computes with the logits that it finds at a softmax: they come along.
    """
    rows = _as_rows(members)
    if hasattr(members, "_keras_logits"):
        rows._keras_logits = _as_rows(members._keras_logits)
    return rows


def _as_rows(members: Any) -> Any:
    return tf.reshape(members, (-1, *members.shape[2:]))


def for_each(values: Any, members: Any) -> Any:
    """Return what stands for a row (rows, ...), once for each of its members, in the order of `as_rows`."""
    return tf.repeat(values, members.shape[1], axis=0)
