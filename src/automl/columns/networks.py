"""Networks for vectors of columns, as Keras' JSON: layers of Keras alone, one input, one output.

    numbers > RepeatVector > Normalization > ReLU(max_value=1) > EinsumDense     a vector for each number
    codes > Normalization > Embedding > Flatten                                   a vector for each code
    both and the flags > RepeatVector(members) > EinsumDense > Dense x blocks > EinsumDense > Softmax > GlobalAveragePooling1D

Each number becomes a piecewise-linear function of itself. Between two quantiles, the edges of a bin, (x - edge) / width goes
from 0 to 1, and each element of the number's vector is a sum of these with weights that are learned. The edges are arguments of
a Normalization, so they are part of the architecture, wherever that goes, and no weights.

The codes of all columns share one table: a Normalization adds to each the place where its own part of the table begins.

Members are networks that share all matrices but the first, which only scales, and the last: see `keras_seg.protocol.members`.
With one member it is a plain network.

Sources: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", 2022, section 3.2 (the
bins); Gorishniy, Kotelnikov, Babenko, "TabM", 2025 (TabM-mini).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from automl.columns.layout import Layout
from keras_seg.protocol.members import KIND, MEMBERS

CODE_WIDTH = 8  # numbers of the vector that a code becomes
MOST_INPUTS = 4096  # numbers that a member gets for a row, about
_NAME = "columns"  # of each network
_NARROWEST = 1e-6  # of a bin, where numbers are scaled to about 1
_BEYOND = 1000.0  # no scaled number is as large: the edge of bins that are not there


@dataclass(frozen=True)
class Form:
    """How large a network is.

    Attributes:
        members: how many networks in one; 1 for a plain one.
        blocks: hidden layers.
        width: units of each.
        dropout: behind each of them.
        bins: pieces that the range of a number is cut into, at most.
        embedding: numbers of the vector that a number becomes, at most.
    """

    members: int = 16
    blocks: int = 2
    width: int = 256
    dropout: float = 0.1
    bins: int = 48
    embedding: int = 16

    def __str__(self) -> str:
        """Return it in words, as they stand in a library of architectures.

        >>> str(Form()), str(Form(members=1, dropout=0.0))
        ('16 members, 2 x 256, dropout 0.1', '2 x 256')
        """
        members = f"{self.members} members, " if self.members > 1 else ""
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"{members}{self.blocks} x {self.width}{dropout}"

    def within_reason(self, layout: Layout) -> Form:
        """Return the form with less of each where a table has very many columns."""
        numbers, others = max(1, layout.numbers), layout.flags + CODE_WIDTH * len(layout.codes)
        embedding = max(1, min(self.embedding, MOST_INPUTS // numbers))
        bins = max(2, min(self.bins, 2 * MOST_INPUTS // numbers))
        inputs = layout.numbers * embedding + others
        members = max(1, min(self.members, 16 * MOST_INPUTS // max(1, inputs)))
        return replace(self, embedding=embedding, bins=bins, members=members)


def network(layout: Layout, form: Form) -> str:
    """Return a network for rows of a layout, as `model.to_json()` of Keras would write it.

    >>> network(Layout(((0.0, 1.0),), 0, (), 1, False), Form(members=1))[:47]
    '{"module": "keras.src.models.functional", "clas'
    """
    form = form.within_reason(layout)
    graph = _Graph(layout.width)
    inputs = _inputs(graph, layout, form)
    output = _members(graph, inputs, layout, form) if form.members > 1 else _plain(graph, inputs, layout, form)
    return json.dumps(graph.model(output))


def products(layout: Layout, form: Form) -> int:
    """Return how many products of two numbers a row takes to train on, about: forwards, and twice that backwards."""
    form = form.within_reason(layout)
    numbers = layout.numbers * form.embedding
    inputs = numbers + layout.flags + CODE_WIDTH * len(layout.codes)
    hidden = inputs * form.width + (form.blocks - 1) * form.width**2 + form.width * layout.outputs
    return 3 * (numbers * form.bins + form.members * hidden)


def mean_of(members: Mapping[str, str]) -> str:
    """Return a network that gives the mean of what others give.

    Args:
        members: architectures by name, which take the same rows. The weights of the whole are theirs, one after the other.
    """
    models = {name: json.loads(text) for name, text in members.items()}
    graph = _Graph(next(_width(model) for model in models.values()))
    given = [graph.enter(name, model) for name, model in models.items()]
    return json.dumps(graph.model(graph.add("Average", "mean", given, ())))


def is_of_columns(architecture: str) -> bool:
    """Return whether an architecture is one of ours: only of those is the mean made."""
    model = json.loads(architecture)
    return bool(model["class_name"] == "Functional" and model["config"].get("name") == _NAME)


def _width(model: Mapping[str, Any]) -> int:
    """Return how many numbers a row of a model has."""
    first = next(layer for layer in model["config"]["layers"] if layer["class_name"] == "InputLayer")
    return int(first["config"]["batch_shape"][-1])


def bins(edges: Sequence[float], most: int) -> list[tuple[float, float]]:
    """Return the lower edge and the width of each bin of a number, at most so many.

    Args:
        edges: ascending.

    >>> bins([0.0, 0.0, 1.0, 3.0, 3.0], 4)
    [(0.0, 1.0), (1.0, 2.0)]
    >>> bins([float(each) for each in range(101)], 2)
    [(0.0, 50.0), (50.0, 50.0)]
    """
    steps = min(most, len(edges) - 1)
    taken = [_rounded(edges[round(step * (len(edges) - 1) / steps)]) for step in range(steps + 1)]
    apart = taken[:1]
    for edge in taken[1:]:
        if edge - apart[-1] >= _NARROWEST:
            apart.append(edge)
    if len(apart) == 1:
        apart.append(apart[0] + 1.0)
    return [(low, _rounded(high - low)) for low, high in pairwise(apart)]


def _rounded(number: float) -> float:
    """Return a number with the digits that a float of four bytes has: an architecture is a text, and need not be longer."""
    return float(f"{number:.7g}")


@dataclass(frozen=True)
class _Tensor:
    """What a layer gives: its name, and the shape for a row."""

    layer: str
    shape: tuple[int, ...]


class _Graph:
    """The layers of a Functional model while they are added one by one.

    Args:
        width: of the vector that it takes.

    Attributes:
        row: the input.
    """

    def __init__(self, width: int) -> None:
        self.row = _Tensor("row", (width,))
        config = {"batch_shape": [None, width], "dtype": "float32", "sparse": False, "name": "row"}
        self._layers = [_layer("InputLayer", config, [])]

    def add(self, kind: str, name: str, given: _Tensor | Sequence[_Tensor], shape: Sequence[int], **arguments: Any) -> _Tensor:
        """Add a layer; return what it gives.

        Args:
            kind: its class in Keras.
            given: its input, or its inputs.
            shape: of what it gives for a row.
        """
        tensors = _reference(given) if isinstance(given, _Tensor) else [_reference(each) for each in given]
        config = {"name": name, "trainable": True, "dtype": "float32", **arguments}
        self._layers.append(_layer(kind, config, [{"args": [tensors], "kwargs": {}}]))
        return _Tensor(name, tuple(shape))

    def enter(self, name: str, model: Mapping[str, Any]) -> _Tensor:
        """Add a whole model as a layer."""
        config = {**model["config"], "name": name}
        calls = [{"args": [_reference(self.row)], "kwargs": {}}]
        self._layers.append({**model, "config": config, "name": name, "inbound_nodes": calls})
        return _Tensor(name, ())

    def model(self, output: _Tensor) -> dict[str, Any]:
        """Return the model with this output."""
        ends = {"input_layers": [self.row.layer, 0, 0], "output_layers": [output.layer, 0, 0]}
        config = {"name": _NAME, "trainable": True, "layers": self._layers, **ends}
        return _object("keras.src.models.functional", "Functional", config, "Functional")


def _object(module: str, kind: str, config: dict[str, Any], registered: str | None = None) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config, "registered_name": registered}


def _layer(kind: str, config: dict[str, Any], calls: list[Any]) -> dict[str, Any]:
    return {**_object("keras.layers", kind, config), "name": config["name"], "inbound_nodes": calls}


def _reference(tensor: _Tensor) -> dict[str, Any]:
    config = {"shape": [None, *tensor.shape], "dtype": "float32", "keras_history": [tensor.layer, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def _initializer(kind: str, **arguments: Any) -> dict[str, Any]:
    return _object("keras.initializers", kind, arguments)


def _inputs(graph: _Graph, layout: Layout, form: Form) -> _Tensor:
    """Add what makes one vector of a row, all columns embedded."""
    parts = []
    if layout.numbers:
        parts.append(_numbers(graph, layout, form))
    if layout.flags:
        parts.append(_slice(graph, "flags", layout.numbers, layout.flags))
    if layout.codes:
        parts.append(_codes(graph, layout))
    if len(parts) == 1:
        return parts[0]
    width = sum(part.shape[0] for part in parts)
    return graph.add("Concatenate", "columns_embedded", parts, (width,), axis=-1)


def _slice(graph: _Graph, name: str, begin: int, size: int) -> _Tensor:
    """Add what takes a part out of a row: Keras has no layer for that but one that crops a series."""
    width = graph.row.shape[0]
    if size == width:
        return graph.row
    series = graph.add("Reshape", f"{name}_series", graph.row, (width, 1), target_shape=[width, 1])
    cropping = [begin, width - begin - size]
    cropped = graph.add("Cropping1D", f"{name}_cropped", series, (size, 1), cropping=cropping)
    return graph.add("Reshape", name, cropped, (size,), target_shape=[size])


def _numbers(graph: _Graph, layout: Layout, form: Form) -> _Tensor:
    """Add what makes a vector of each number, piece by piece."""
    count, each = layout.numbers, [bins(edges, form.bins) for edges in layout.edges]
    pieces = max(map(len, each))
    filled = [found + [(_BEYOND, 1.0)] * (pieces - len(found)) for found in each]
    lows = [[found[piece][0] for found in filled] for piece in range(pieces)]
    squares = [[_rounded(found[piece][1] ** 2) for found in filled] for piece in range(pieces)]
    shape, size = (pieces, count), form.embedding
    numbers = _slice(graph, "numbers", 0, count)
    repeated = graph.add("RepeatVector", "numbers_repeated", numbers, shape, n=pieces)
    within = graph.add("Normalization", "bins", repeated, shape, axis=[1, 2], mean=lows, variance=squares, invert=False)
    clamped = graph.add("ReLU", "bins_clamped", within, shape, max_value=1.0, negative_slope=0.0, threshold=0.0)
    bound = 1 / math.sqrt(pieces)
    embedded = graph.add(
        *("EinsumDense", "numbers_embedded", clamped, (count, size)),
        equation="bif,fio->bfo",
        output_shape=[count, size],
        bias_axes="fo",
        activation="linear",
        kernel_initializer=_initializer("RandomUniform", minval=-bound, maxval=bound, seed=None),
        bias_initializer=_initializer("Zeros"),
    )
    return graph.add("Reshape", "numbers_flat", embedded, (count * size,), target_shape=[count * size])


def _codes(graph: _Graph, layout: Layout) -> _Tensor:
    """Add what makes a vector of each code, from one table for all columns."""
    count = len(layout.codes)
    begins = [sum(layout.codes[:place]) + place for place in range(count)]
    codes = _slice(graph, "codes", layout.width - count, count)
    before, ones = [-float(begin) for begin in begins], [1.0] * count
    placed = graph.add("Normalization", "codes_placed", codes, (count,), axis=[-1], mean=before, variance=ones, invert=False)
    embedded = graph.add(
        *("Embedding", "codes_embedded", placed, (count, CODE_WIDTH)),
        input_dim=sum(layout.codes) + count,
        output_dim=CODE_WIDTH,
        embeddings_initializer=_initializer("RandomNormal", mean=0.0, stddev=0.5, seed=None),
        mask_zero=False,
    )
    return graph.add("Reshape", "codes_flat", embedded, (count * CODE_WIDTH,), target_shape=[count * CODE_WIDTH])


def _members(graph: _Graph, x: _Tensor, layout: Layout, form: Form) -> _Tensor:
    """Add a network of members, and the mean of what they give."""
    members, (size,), outputs = form.members, x.shape, layout.outputs
    x = graph.add("RepeatVector", "members_begin", x, (members, size), n=members)
    x = graph.add(
        *("EinsumDense", "members_scale", x, (members, size)),
        equation="bkd,kd->bkd",
        output_shape=[members, size],
        bias_axes=None,
        activation="linear",
        kernel_initializer=_initializer("RandomNormal", mean=0.0, stddev=1.0, seed=None),
    )
    x = _blocks(graph, x, form)
    bound = 1 / math.sqrt(form.width)
    x = graph.add(
        *("EinsumDense", "members_output", x, (members, outputs)),
        equation="bkd,kdo->bko",
        output_shape=[members, outputs],
        bias_axes="ko",
        activation="linear",
        kernel_initializer=_initializer("RandomUniform", minval=-bound, maxval=bound, seed=None),
        bias_initializer=_initializer("Zeros"),
    )
    if layout.classes:
        x = graph.add("Softmax", "members_probable", x, x.shape, axis=-1)
    return graph.add(KIND, MEMBERS, x, (outputs,), data_format="channels_last", keepdims=False)


def _plain(graph: _Graph, x: _Tensor, layout: Layout, form: Form) -> _Tensor:
    """Add a network without members."""
    x = _blocks(graph, x, form)
    activation = "softmax" if layout.classes else "linear"
    return graph.add("Dense", "output", x, (layout.outputs,), units=layout.outputs, activation=activation)


def _blocks(graph: _Graph, x: _Tensor, form: Form) -> _Tensor:
    for number in range(1, form.blocks + 1):
        shape = (*x.shape[:-1], form.width)
        initial = _initializer("HeUniform", seed=None)
        x = graph.add("Dense", f"block_{number}", x, shape, units=form.width, activation="relu", kernel_initializer=initial)
        if form.dropout:
            x = graph.add("Dropout", f"dropout_{number}", x, shape, rate=form.dropout, seed=None)
    return x
