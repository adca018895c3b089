"""The Keras model of an architecture with its weights, and what it is compiled with: as Keras has them, nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from keras_seg.architectures import former
from keras_seg.architectures.build import converted, unseeded_model
from keras_seg.architectures.weights import load_weights
from keras_seg.files.hdf5 import FileProblem
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import CompileOrder
from keras_seg.protocol.variables import Variable
from keras_seg.training.assignments import deriving
from keras_seg.training.objectives import in_keras
from keras_seg.training.optimizers import default_rate, make_optimizer
from keras_seg.training.row_shape import RowShape


def trained_model(definition: Definition) -> Any:
    """Return the model of an architecture with the weights beside it.

    Raises:
        ArchitectureError: it cannot be built, or the weights are not its own.
    """
    model = unseeded_model(definition.architecture)
    if definition.weights is not None:
        load_weights(model, definition.weights, converted(definition.architecture))
    for layer in deriving(model):
        layer.finalize_state()
    return model


def require_plain(architecture: str, form: str) -> None:
    """Raise where an architecture has what today's Keras has not, and a file of this form could not say.

    Raises:
        FileProblem: names the layer.
    """
    for layer, function in _former(converted(architecture).config):
        raise FileProblem(
            f'cannot be written as {form}: layer "{layer}" has the function {function} of Keras 1 and 2, which Keras 3 has not'
        )


def compile_as_keras(model: Any, order: CompileOrder) -> None:
    """Compile a model with objects of Keras alone, as its own files hold them.

    Args:
        order: without custom functions.
    """
    outputs = tuple(model.output_shape[1:])
    shape = RowShape(Variable("", outputs, "float32"), outputs)
    model.compile(
        optimizer=_optimizer(order),
        loss=in_keras("loss", order.loss, shape),
        metrics=[in_keras("metric", metric, shape) for metric in order.metrics],
        loss_weights=None if order.loss_weight == 1.0 else order.loss_weight,
    )


def _optimizer(order: CompileOrder) -> Any:
    """Return the optimizer; `decay`, which Keras 3 knows no more, as the schedule that is the same."""
    params = {key: value for key, value in order.params.items() if key != "decay"}
    decay, given = order.params.get("decay"), params.pop("lr", params.get("learning_rate"))
    if given is not None:
        params["learning_rate"] = given
    if decay:
        rate = default_rate(order.optimizer) if given is None else float(given)
        params["learning_rate"] = {"schedule": "InverseTimeDecay", "positional": (rate, 1, float(decay))}
    return make_optimizer(order.optimizer, params)


def _former(node: Any, layer: str = "model") -> Iterator[tuple[str, str]]:
    """Yield the functions of former Keras in a converted architecture, and the layer of each."""
    if isinstance(node, list):
        for each in node:
            yield from _former(each, layer)
    elif isinstance(node, Mapping):
        if node.get("class_name") == "function" and node.get("config") in former.functions():
            yield layer, former.name_of(node["config"])
        config = node.get("config")
        inner = config.get("name") if isinstance(config, Mapping) else None
        for value in node.values():
            yield from _former(value, inner or layer)
