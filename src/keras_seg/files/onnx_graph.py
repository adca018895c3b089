"""A network as an ONNX graph, by tf2onnx, which need not be installed."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_seg.files.hdf5 import FileProblem
from keras_seg.server.failure import message_of

INPUT, OUTPUT = "input", "output"
_OPSET = 17


def written(model: Any, notes: Mapping[str, Any]) -> bytes:
    """Return a model as the bytes of an ONNX file; the number of rows is open.

    Args:
        notes: what stands in its metadata, as JSON.

    Raises:
        FileProblem: ONNX, or what makes it, has nothing for a layer; names the layer.
    """
    import tensorflow as tf
    import tf2onnx
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    patch_tf2onnx()
    logging.getLogger(tf2onnx.__name__).setLevel(logging.CRITICAL)  # nobody reads what the server's processes print
    rows = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)
    call = tf.function(lambda x: {OUTPUT: model(x, training=False)}, autograph=False)
    try:
        made, _ = tf2onnx.convert.from_function(call, [rows], opset=_OPSET, custom_op_handlers={"Erfc": (_erfc, [])})
    except Exception as error:  # whatever it raises: it knows many kinds of networks, and not all
        raise FileProblem(f"cannot be written as onnx: {_culprit(model, str(error))}{message_of(error, lines=1)}") from None
    _require_known(model, made)
    made.producer_name = "keras_automl"
    for key, value in notes.items():
        made.metadata_props.add(key=key, value=json.dumps(value))
    return bytes(made.SerializeToString())


def _erfc(ctx: Any, node: Any, *_: Any) -> None:
    """Write the complementary error function, which GELU is made of, as 1 - erf(x): tf2onnx knows the other one only."""
    one = ctx.make_const(f"{node.name}_one", np.array(1.0, np.float32)).output[0]
    inputs, outputs, shapes, types = list(node.input), list(node.output), node.output_shapes, node.output_dtypes
    ctx.remove_node(node.name)
    erf = ctx.make_node("Erf", inputs).output[0]
    ctx.make_node("Sub", [one, erf], outputs=outputs, shapes=shapes, dtypes=types)


def _require_known(model: Any, made: Any) -> None:
    """Raise where the graph has an operation of TensorFlow, which stands there when nothing of ONNX is known for it."""
    import onnx

    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    for node in made.graph.node:
        if node.op_type not in known:
            raise FileProblem(f"cannot be written as onnx: {_culprit(model, node.name)}ONNX has no {node.op_type}")


def _culprit(model: Any, text: str) -> str:
    """Name the layer that an operation belongs to: its name is the path there, of which each step may have got a number."""
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    for step in reversed(re.split(r"[/\s\[\]:,']+", text)):
        name = next((each for each in (step, re.sub(r"_\d+$", "", step)) if each in layers), None)
        if name is not None:
            return f'layer "{name}" ({type(layers[name]).__name__}): '
    return ""
