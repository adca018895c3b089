"""A trained model as a file in one of the formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_seg.files import keras_file, onnx_graph, safetensors
from keras_seg.files.trained import compile_as_keras, require_plain, trained_model
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder, FileFormat
from keras_seg.protocol.parts import Raw


def written(definition: Definition, order: ExportOrder) -> list[Raw]:
    """Return a trained model as the bytes of a file, in pieces.

    Raises:
        ArchitectureError: the model cannot be built, or the weights are not its own.
        FileProblem: the format has no form for it; names the layer.
    """
    if order.format is not FileFormat.ONNX:
        require_plain(definition.architecture, order.format)
    model = trained_model(definition)
    match order.format:
        case FileFormat.KERAS:
            if order.compile is not None:
                compile_as_keras(model, order.compile)
            return [keras_file.written(model, order.notes)]
        case FileFormat.JSON:
            return [json.dumps({**json.loads(model.to_json()), **order.notes}).encode()]
        case FileFormat.SAFETENSORS:
            return _tensors(model, order.notes)
        case FileFormat.ONNX:
            return [onnx_graph.written(model, order.notes)]


def _tensors(model: Any, notes: Mapping[str, Any]) -> list[Raw]:
    """Return the weights by their names; `order` in the header has these in the order of `get_weights()`."""
    arrays: dict[str, np.ndarray] = {}
    for variable in model.weights:
        path = variable.path.removeprefix(f"{model.name}/")
        name = path if path not in arrays else f"{path}_{len(arrays)}"
        arrays[name] = variable.numpy()
    texts = {key: json.dumps(value) for key, value in {**notes, "order": list(arrays)}.items()}
    return safetensors.written(arrays, {"format": "keras", "architecture": model.to_json(), **texts})
