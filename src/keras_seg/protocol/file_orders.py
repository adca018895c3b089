"""Orders and reports of models as files: written for others to read, and read from what others wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from keras_seg.protocol.messages import Message
from keras_seg.protocol.orders import CompileOrder, Problem


class FileFormat(StrEnum):
    """What a trained model can be written as."""

    KERAS = "keras"  # what keras.models.load_model reads
    JSON = "json"  # the architecture alone, as keras.models.model_from_json reads it
    SAFETENSORS = "safetensors"  # the weights, with the architecture in the header
    ONNX = "onnx"  # a graph for other runtimes


@dataclass(frozen=True)
class ExportOrder(Message):
    """A trained model that is to be written as a file.

    Attributes:
        model: key of its architecture, which has its weights beside it.
        format: of the file.
        compile: what it was trained with, where that is Keras' own; None where it is not, and where the format has no place.
        notes: what is to stand in the metadata of the file.
    """

    model: str
    format: FileFormat
    compile: CompileOrder | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileReport(Message):
    """What became of a model that was to be written as a file, or to be read from one.

    Attributes:
        size: bytes of the file, or of the weights.
        architecture: that was read, JSON of Keras.
        problem: why there is nothing: in the network, or (`FILE`) in what the file can hold.
    """

    size: int = 0
    architecture: str | None = None
    problem: Problem | None = None
