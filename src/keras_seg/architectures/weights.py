"""Weights as the Keras that wrote an architecture lays them out, and where they lie in the variables of the model.

`get_weights()` of Keras 3 gives the variables as they are, layer by layer. Others had other layouts: the gates of Keras 1's
recurrent layers and of those for cuDNN, kernels of Keras 1 with channels first, kernels for Theano; layers around layers gave
what is trained before the rest, and so did models that stand as layers before Keras became TensorFlow's. Weights stand beside
an architecture in the layout of the Keras that wrote it, on the way in and on the way out.

Sources: `build` of the layers of Keras 1.0.8, 1.1.2 and 1.2.2; `preprocess_weights_for_loading` of Keras 2.2.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_seg.architectures.conversion import Converted
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.protocol.parts import Raw

_FLIPPED = frozenset(("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTMCell"))  # those that Keras 2 flips, too
_CHANNELS_FIRST = frozenset(("Conv2D", "Conv3D", "ConvLSTMCell", "SeparableConv2D"))
_INPUT_FORGET_CELL_OUTPUT = (0, 2, 1, 3)  # where today's gates i, f, c, o stand in the order of Keras 1: i, c, f, o


@dataclass(frozen=True, eq=False)  # variables compare by their elements
class Part:
    """Elements of a variable that follow each other in the weights.

    Attributes:
        variable: of Keras.
        trained: whether training changes it.
        start: the first element.
        shape: of the array that they form.
        strides: how many elements of the variable lie between two neighbours along each axis; may be negative.
    """

    variable: Any
    trained: bool
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def whole(cls, variable: Any, trained: bool) -> Part:
        """Return all of a variable, in its own order."""
        shape = tuple(variable.shape)
        return cls(variable, trained, 0, shape, tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape))))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its variable, in its own order."""
        return self.in_a_row and self.start == 0 and self.shape == tuple(self.variable.shape)

    @property
    def in_a_row(self) -> bool:
        """Whether nothing lies between the elements."""
        return self.strides == tuple(math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))

    def columns(self, gate: int, gates: int) -> Part:
        """Return one of several blocks of columns."""
        width = self.shape[-1] // gates
        return replace(self, start=self.start + gate * width, shape=(*self.shape[:-1], width))

    def turned(self, *axes: int) -> Part:
        """Return the same with its axes in another order."""
        shape, strides = tuple(self.shape[axis] for axis in axes), tuple(self.strides[axis] for axis in axes)
        return replace(self, shape=shape, strides=strides)

    def flipped(self) -> Part:
        """Return the same with each axis before the last two the other way round."""
        count = len(self.shape) - 2
        last = sum((self.shape[axis] - 1) * self.strides[axis] for axis in range(count))
        return replace(self, start=self.start + last, strides=(*(-s for s in self.strides[:count]), *self.strides[count:]))

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return these elements of an array with the elements of the variable, as a view of it."""
        begun = array.reshape(-1)[self.start :]
        return np.lib.stride_tricks.as_strided(begun, self.shape, tuple(array.itemsize * step for step in self.strides))


def parts(model: Any, architecture: Converted) -> list[Part]:
    """Return where the weights that stand beside an architecture lie in the variables of its model, in their order."""
    return _Walk(architecture).parts(model, (), True, True)


def load_weights(model: Any, raw: Raw, architecture: Converted) -> None:
    """Set a model's weights from MADlib's layout: the arrays of `get_weights()`, flat, one after the other, as native float32.

    Raises:
        ArchitectureError: there are more or fewer numbers than the model has weights.
    """
    require_weights(model, raw, architecture)
    numbers = np.frombuffer(raw, np.float32)
    arrays: dict[int, np.ndarray] = {}
    at = 0
    for part in parts(model, architecture):
        given = numbers[at : at + part.size].reshape(part.shape)
        if part.is_whole:
            arrays[id(part.variable)] = given
        else:
            part.of(arrays.setdefault(id(part.variable), np.empty(tuple(part.variable.shape), np.float32)))[...] = given
        at += part.size
    model.set_weights([arrays[id(variable)] for variable in model.weights])


def require_weights(model: Any, raw: Raw, architecture: Converted) -> None:
    """Raise what `load_weights` would, and set nothing."""
    wanted = sum(math.prod(weight.shape) for weight in model.weights)
    if len(raw) == 4 * wanted:
        return
    raise ArchitectureError(
        f"the weights hold {len(raw) / 4:.10g} numbers of float32 ({len(raw)} bytes),"
        f" but the architecture has {wanted} weights ({4 * wanted} bytes){_why(architecture)}"
    )


def _why(architecture: Converted) -> str:
    if "cudnn" not in architecture.gates.values():
        return ""
    return "; those of a CuDNNLSTM have twice as many biases: load them into an LSTM in Keras 2, and take its weights"


class _Walk:
    """Goes through the layers of a model as the Keras that wrote it does, and takes each variable once."""

    def __init__(self, architecture: Converted) -> None:
        self._architecture = architecture
        self._seen: set[int] = set()

    def parts(self, layer: Any, path: tuple[str, ...], trained: bool, asked: bool) -> list[Part]:
        """Return the parts of a layer and of those within it.

        Args:
            path: of the layer; see `Converted.gates`.
            trained: whether the one that it stands in is.
            asked: whether the layer's own `get_weights()` gives them, as that of the whole model does, and not its `weights`.
        """
        is_model = hasattr(layer, "layers")
        trained = trained and (layer.trainable or is_model)
        own = [v for v in (*layer._trainable_variables, *layer._non_trainable_variables) if id(v) not in self._seen]
        self._seen.update(map(id, own))
        whole = [Part.whole(variable, trained and variable.trainable) for variable in own]
        found = list(_laid_out(layer, whole, self._architecture, path))
        asks = asked and self._architecture.source.generation == 1 and _kind(layer) == "Sequential"
        for inner in layer._layers:
            found += self.parts(inner, (*path, _step(layer, inner)), trained, asks)
        if self._trained_first(is_model, asked):
            found.sort(key=lambda part: not part.trained)
        return found

    def _trained_first(self, is_model: bool, asked: bool) -> bool:
        source = self._architecture.source
        return not asked and source.models_trained_first if is_model else source.generation < 3


def _laid_out(layer: Any, whole: Sequence[Part], architecture: Converted, path: tuple[str, ...]) -> Iterator[Part]:
    """Yield the own variables of a layer in the layout of the Keras that wrote it; a cell is what the layer around it kept."""
    kind, kept = _kind(layer), architecture.gates.get(path[:-1])
    if kept == "cudnn" and kind == "GRUCell" and len(whole) == 3:
        yield from _cudnn(*whole)
        return
    blocks = whole
    if kept == "apart" and kind in ("LSTMCell", "ConvLSTMCell"):
        blocks = [part.columns(gate, 4) for gate in _INPUT_FORGET_CELL_OUTPUT for part in whole]
    elif kept == "apart" and kind == "GRUCell":
        blocks = [part.columns(gate, 3) for gate in range(3) for part in whole]
    yield from (_turned(part, layer, architecture) for part in blocks)


def _kind(layer: Any) -> str:
    """Return the class of a layer of Keras, or that which one of `inference` stands for."""
    return str(getattr(layer, "kind", type(layer).__name__))


def _step(layer: Any, inner: Any) -> str:
    """Return what leads from a layer to one within it on a path: a name in a model, else the argument as far as it matters."""
    if hasattr(layer, "layers"):
        return str(inner.name)
    return "backward_layer" if inner is getattr(layer, "backward_layer", None) else "layer"


def _turned(part: Part, layer: Any, architecture: Converted) -> Part:
    """Return a kernel as Keras 1 wrote it with channels first, or as Theano has it, which turns kernels round."""
    kind, dimensions = _kind(layer), len(part.shape)
    if dimensions < 3:
        return part
    if architecture.source.backend == "theano" and kind in _FLIPPED:
        return part.flipped()
    first = kind in _CHANNELS_FIRST and layer.data_format == "channels_first"
    if architecture.source.generation == 1 and (first or (kind == "Conv1D" and architecture.source.version < (1, 1))):
        return part.turned(dimensions - 1, dimensions - 2, *range(dimensions - 2))
    return part


def _cudnn(kernel: Part, recurrent: Part, bias: Part) -> Iterator[Part]:
    """Yield the weights of a GRU as cuDNN has them: each gate's kernels the other way round."""
    rows, units = kernel.shape[0], recurrent.shape[0]
    for row in range(rows):
        for gate in range(3):
            yield from _runs(kernel, row * units, units, gate)
    yield replace(recurrent, shape=(units, 3, units), strides=(1, units, 3 * units))
    yield bias


def _runs(kernel: Part, begin: int, count: int, gate: int) -> Iterator[Part]:
    """Yield elements of a gate's kernel (rows, units) as they follow each other in Fortran's order, from element `begin`."""
    rows, columns = kernel.shape
    units = columns // 3
    at = begin
    while at < begin + count:
        column, row = divmod(at, rows)
        length = min(rows - row, begin + count - at)
        yield replace(kernel, start=row * columns + gate * units + column, shape=(length,), strides=(columns,))
        at += length
