"""The state of a trial as bytes: what hops from partition to partition.

A state holds the weights, the variables of the optimizer (its step count among them) and the states of the random generators
(dropout) of one trial. As bytes it is

    magic (4)   b"KST1"
    length (4)  little endian: bytes of the header
    header      JSON: {"arrays": [[dtype, shape], ...], "trainable": n, "other": m, "weights": [[index, start, stop],
                ...]}
    arrays      their elements, little endian, C order, one array behind the other

The arrays stand in three groups: `trainable` of them (or one flat vector with all trainable weights), `other` of them (batch
statistics, generator states), the rest those of the optimizer. "weights" says where each array of `get_weights()` lies, in the
order of the Keras that wrote the architecture, so that weights can be cut out of a state without Keras; one whose elements do
not follow each other is [index, start, shape, strides]. Nothing in it is ever evaluated: a forged state can be wrong, but it
cannot run.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_seg.protocol.parts import Raw

MAGIC = b"KST1"
_FLOAT = 4  # bytes of a weight outside of a state
_MOST_DIMENSIONS = 32  # that every numpy has
_PREFIX = struct.Struct("<4sI")
_DTYPES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)


class StateError(ValueError):
    """The bytes are not a state, or not one of this model."""


@dataclass(frozen=True)
class Slice:
    """Where one array of `get_weights()` lies: elements `start` to `stop` of array `index` of the state."""

    index: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return these elements of array `index`, as a view of it."""
        return array.reshape(-1)[self.start : self.stop]

    def to_list(self) -> list[Any]:
        return [self.index, self.start, self.stop]

    def within(self, size: int) -> bool:
        """Whether an array of that many elements has these."""
        return self.start <= self.stop <= size


@dataclass(frozen=True)
class Strided:
    """Where one array of `get_weights()` lies whose elements do not follow each other: architectures of Keras 1.

    Attributes:
        index, start: of the array of the state, and of the first element in it.
        shape: of the array that they form.
        strides: elements of the state's array between two neighbours along each axis; may be negative.
    """

    index: int
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return these elements of array `index`, as a view of it."""
        begun = array.reshape(-1)[self.start :]
        strides = tuple(array.itemsize * stride for stride in self.strides)
        return np.lib.stride_tricks.as_strided(begun, self.shape, strides, writeable=False)

    def to_list(self) -> list[Any]:
        return [self.index, self.start, list(self.shape), list(self.strides)]

    def within(self, size: int) -> bool:
        """Whether an array of that many elements has these."""
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_DIMENSIONS or not 0 < self.size <= size:
            return False
        if any(
            abs(stride) > size for stride in self.strides
        ):  # along an axis of one element it leads nowhere, but must be a number
            return False
        ends = [(count - 1) * stride for count, stride in zip(self.shape, self.strides, strict=True)]
        return self.start + sum(min(end, 0) for end in ends) >= 0 and self.start + sum(max(end, 0) for end in ends) < size


Place = Slice | Strided


@dataclass(frozen=True, eq=False)  # arrays compare by their elements
class State:
    """The arrays of a trial, in the order of the module's description.

    Attributes:
        trainable: one flat float32 vector, or one array a trainable variable.
        other: batch statistics, generator states and what else a layer keeps.
        optimizer: the optimizer's variables, its step count (int64) first.
        weights: where the arrays of `get_weights()` lie in `trainable + other`.
    """

    trainable: tuple[np.ndarray, ...]
    other: tuple[np.ndarray, ...]
    optimizer: tuple[np.ndarray, ...]
    weights: tuple[Place, ...]

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.trainable + self.other + self.optimizer

    @property
    def is_number(self) -> bool:
        """Whether every trainable weight is a number: one that is none never becomes one again."""
        return not any(array.size and np.isnan(array.min()) for array in self.trainable)  # the least is NaN where one is


def encode(state: State) -> bytes:
    """Return the state as bytes; `decode` is the reverse, bit for bit."""
    return b"".join(encoded_parts(state))


def encoded_parts(state: State) -> list[bytes | memoryview]:
    """Return what `encode` joins, without a copy of the arrays: a state can be large, and it may go into larger bytes."""
    header = {
        "arrays": [[array.dtype.name, list(array.shape)] for array in state.arrays],
        "trainable": len(state.trainable),
        "other": len(state.other),
        "weights": [part.to_list() for part in state.weights],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return [_PREFIX.pack(MAGIC, len(text)), text, *(_raw(array) for array in state.arrays)]


def decode(raw: Raw) -> State:
    """Return the state that `raw` holds; its arrays are read-only views of `raw`, nothing is copied.

    Raises:
        StateError: the bytes are cut off, or were not written by `encode`.
    """
    header, at = _header(raw)
    try:
        shapes = [(_dtype(name), tuple(_whole(size) for size in shape)) for name, shape in header["arrays"]]
        places = tuple(_place(*part) for part in header["weights"])
        trainable, other = _whole(header["trainable"]), _whole(header["other"])
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"the header of the state is damaged: {error}") from None
    arrays = []
    for dtype, shape in shapes:
        count = math.prod(shape)
        if at + count * dtype.itemsize > len(raw):
            raise StateError(f"the state is cut off: {len(raw)} bytes came")
        arrays.append(_array(raw, dtype, count, at, shape))
        at += count * dtype.itemsize
    if at != len(raw):
        raise StateError(f"the state is {len(raw) - at} bytes longer than its header says")
    _require_places(arrays, trainable + other, places)
    return State(
        tuple(arrays[:trainable]),
        tuple(arrays[trainable : trainable + other]),
        tuple(arrays[trainable + other :]),
        places,
    )


def weights(raw: Raw) -> bytes:
    """Return the weights in MADlib's layout: float32, the arrays of `get_weights()` one behind the other, no header."""
    state = decode(raw)
    parts = (part.of(state.arrays[part.index]) for part in state.weights)
    return b"".join(_raw(np.ascontiguousarray(part, np.float32)) for part in parts)


def weights_size(raw: Raw) -> int:
    """Return how many bytes `weights` gives."""
    state = decode(raw)
    return _FLOAT * sum(part.size for part in state.weights)


def _header(raw: Raw) -> tuple[dict[str, Any], int]:
    if len(raw) < _PREFIX.size:
        raise StateError(f"{len(raw)} bytes are too few for a state")
    magic, length = _PREFIX.unpack_from(raw)
    if magic != MAGIC or len(raw) < _PREFIX.size + length:
        raise StateError("the bytes are not a state")
    try:
        header = json.loads(bytes(raw[_PREFIX.size : _PREFIX.size + length]))
    except (ValueError, RecursionError):
        raise StateError("the header of the state is damaged") from None
    if not isinstance(header, dict):
        raise StateError("the header of the state is damaged")
    return header, _PREFIX.size + length


def _place(index: object, start: object, *rest: Any) -> Place:
    """Return a slice of (start, stop), or what has shape and strides."""
    if len(rest) == 1:
        return Slice(_whole(index), _whole(start), _whole(rest[0]))
    shape, strides = rest
    steps = tuple(_whole(step) if step >= 0 else -_whole(-step) for step in strides)
    return Strided(_whole(index), _whole(start), tuple(_whole(count) for count in shape), steps)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _array(raw: Raw, dtype: np.dtype, count: int, at: int, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.frombuffer(raw, dtype, count, at).reshape(shape)
    except ValueError as error:  # more dimensions than numpy has, or larger ones
        raise StateError(f"the header of the state is damaged: {error}") from None


def _require_places(arrays: list[np.ndarray], grouped: int, places: tuple[Place, ...]) -> None:
    """Raise unless the groups and the weights lie within the arrays."""
    if grouped > len(arrays):
        raise StateError(f"the header of the state is damaged: its groups have more than its {len(arrays)} arrays")
    for part in places:
        if part.index >= grouped or not part.within(arrays[part.index].size):
            raise StateError(f"the header of the state is damaged: there are no weights at {part}")
    if sum(part.size for part in places) > sum(array.size for array in arrays[:grouped]):
        raise StateError("the header of the state is damaged: it has more weights than elements")


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":  # not one of numpy's own
        import ml_dtypes

        found: np.dtype = np.dtype(ml_dtypes.bfloat16)
        return found
    if name not in _DTYPES:
        raise ValueError(f"type {name!r}")
    return np.dtype(name)


def _raw(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
