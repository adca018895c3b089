"""A network as an ONNX graph, by tf2onnx, which need not be installed."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
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

    _require_same(model)
    logging.getLogger(tf2onnx.__name__).setLevel(logging.CRITICAL)  # nobody reads what the server's processes print
    rows = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)
    call = tf.function(lambda x: {OUTPUT: model(x, training=False)}, autograph=False)
    try:
        made, _ = tf2onnx.convert.from_function(call, [rows], opset=_OPSET, custom_op_handlers=_MORE)
    except Exception as error:  # whatever it raises: it knows many kinds of networks, and not all
        raise FileProblem(f"cannot be written as onnx: {_culprit(model, str(error))}{message_of(error, lines=1)}") from None
    _require_known(model, made)
    _hold(made, call.get_concrete_function(rows))
    made.producer_name = "keras_automl"
    for key, value in notes.items():
        made.metadata_props.add(key=key, value=json.dumps(value))
    return bytes(made.SerializeToString())


def _require_same(model: Any) -> None:
    """Raise where ONNX has a function of the same name that computes something else."""
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "interpolation", None) == "bicubic":
            where = f'layer "{layer.name}" ({type(layer).__name__})'
            raise FileProblem(f"cannot be written as onnx: {where}: bicubic is another function there")


def _hold(made: Any, traced: Any) -> None:
    """Make constants of what the network holds that is no variable, such as given means: they came out as inputs."""
    from onnx import numpy_helper

    names = [tensor.name for tensor in traced.inputs][-len(traced.captured_inputs) :] if traced.captured_inputs else []
    held = dict(zip(names, traced.captured_inputs, strict=True))
    for entry in [each for each in made.graph.input if each.name in held]:
        made.graph.initializer.append(numpy_helper.from_array(held[entry.name].numpy(), entry.name))
        made.graph.input.remove(entry)


def _opposite(first: str, ones_first: bool) -> Any:
    """Return what writes an operation that tf2onnx does not know as the difference of another one and 1."""

    def write(ctx: Any, node: Any, *_: Any) -> None:
        one = ctx.make_const(f"{node.name}_one", np.array(1.0, np.float32)).output[0]
        inputs, outputs, shapes, types = list(node.input), list(node.output), node.output_shapes, node.output_dtypes
        ctx.remove_node(node.name)
        other = ctx.make_node(first, inputs).output[0]
        ctx.make_node("Sub", [one, other] if ones_first else [other, one], outputs=outputs, shapes=shapes, dtypes=types)

    return write


# By the name of the operation: GELU has the complementary error function, CELU has exp(x) - 1.
_MORE: dict[str, tuple[Any, list[Any]]] = {"Erfc": (_opposite("Erf", True), []), "Expm1": (_opposite("Exp", False), [])}


def _require_known(model: Any, made: Any) -> None:
    """Raise where the graph has an operation of TensorFlow, which stands there when nothing of ONNX is known for it."""
    import onnx

    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    for node in _nodes(made.graph):
        if node.op_type not in known:
            where = _culprit(model, f"{' '.join(node.output)} {node.name}")
            raise FileProblem(f"cannot be written as onnx: {where}ONNX has no {node.op_type}")


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph, and of those within it, which loops have."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _culprit(model: Any, text: str) -> str:
    """Name the layer that an operation belongs to: its name is the path there, of which each step may have got a number."""
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    for step in reversed(re.split(r"[/\s\[\]:,']+", text)):
        name = next((each for each in (step, re.sub(r"_\d+$", "", step)) if each in layers), None)
        if name is not None:
            return f'layer "{name}" ({type(layers[name]).__name__}): '
    return ""
