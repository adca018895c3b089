"""Networks and files for tests of models as files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_seg.files import outgoing
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder, FileFormat
from keras_seg.protocol.orders import CompileOrder

NOTES = {"keras_automl": {"class_values": ["no", None, 'a "b"'], "normalizing_const": 255.0}}
ADAM = CompileOrder("adam", {"lr": 0.01}, "mse", ("mae",))


def network(shape: tuple[int, ...], *stack: Any) -> Any:
    """A Sequential model."""
    return keras.Sequential([keras.Input(shape), *stack])


def attending() -> Any:
    """A Functional model with a nested one and layers that take several inputs."""
    inputs = keras.Input((5, 8))
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    inner = network((5, 8), layers.Dense(8, "relu"), layers.LayerNormalization())
    joined = layers.Concatenate()([layers.Add()([attended, inputs]), inner(inputs)])
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(joined)))


def networks() -> Mapping[str, Any]:
    """Networks of many kinds of layers, by what they are called."""
    mean = {"mean": [1.0, 2.0], "variance": [4.0, 9.0]}
    return {
        "dense": network(
            (4,), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.1), layers.Dense(3, "softmax")
        ),
        "images": network(
            (8, 8, 1), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
            layers.SeparableConv2D(3, 2, padding="same"), layers.DepthwiseConv2D(2), layers.GlobalAveragePooling2D(),
            layers.Dense(2, "gelu"),
        ),
        "sequences": network(
            (6, 3), layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(1)
        ),
        "text": network((6,), layers.Embedding(20, 5, mask_zero=True), layers.SimpleRNN(4), layers.Dense(2, "celu")),
        "sizes": network(
            (4, 4, 4), layers.GroupNormalization(2), layers.Conv2DTranspose(3, 2), layers.UpSampling2D(2), layers.Cropping2D(1),
            layers.ZeroPadding2D(2), layers.Rescaling(0.5), layers.Flatten(), layers.PReLU(), layers.Dense(2, "hard_sigmoid"),
        ),
        "wrapped": network(
            (5, 4), layers.TimeDistributed(layers.Dense(3, "selu")), layers.Permute((2, 1)), layers.Reshape((15,)),
            layers.RepeatVector(2), layers.Conv1D(2, 2, padding="causal"), layers.Flatten(),
            layers.SpectralNormalization(layers.Dense(2)),
        ),
        "normalized": network((2,), layers.Normalization(**mean), layers.Dense(2), layers.Normalization()),
        "attending": attending(),
    }  # fmt: skip


def definition(model: Any) -> Definition:
    """A model as it stands in a library."""
    weights = b"".join(np.asarray(array, np.float32).tobytes() for array in model.get_weights())
    return Definition("k", model.to_json(), weights)


def file_of(given: Definition, form: FileFormat, compiled: CompileOrder | None = None) -> bytes:
    """A model as a file."""
    return b"".join(outgoing.written(given, ExportOrder("k", form, compiled, NOTES)))


def rows_of(model: Any) -> np.ndarray:
    """Some rows for a model: numbers from 0 to 4, whole ones, which do for vocabularies as well."""
    return np.random.default_rng(0).integers(0, 5, (7, *model.input_shape[1:])).astype(np.float32)


def archive(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive with these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return file.getvalue()


def parts_of(file: bytes) -> dict[str, bytes]:
    """The parts of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
