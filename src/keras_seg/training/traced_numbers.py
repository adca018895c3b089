"""Numbers of an optimizer that look like floats while Keras traces, and are inputs of the graph that it traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class Number:
    """A number that Python sees as itself and TensorFlow as an input of the graph that is being traced.

    Keras asks of hyperparameters whether they are zero (plain Python, decided while tracing) and computes with them (in the
    graph). A `Number` answers the first from its value and takes part in the second as a tensor, so one trace serves every
    value of the same sign; `optimizers.structure_of` is what must agree.

    Args:
        inputs: the numbers that it is one of.
        index: its place among them.
        value: what Python sees.
    """

    def __init__(self, inputs: Numbers, index: int, value: float) -> None:
        self._inputs = inputs
        self._index = index
        self._value = value

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        tensor = self._inputs.current[self._index]
        return tensor if dtype is None or tensor.dtype == dtype else tf.cast(tensor, dtype)

    def _tensor(self) -> Any:
        return self._inputs.current[self._index]

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self._value == other

    def __ne__(self, other: object) -> bool:
        return self._value != other

    def __lt__(self, other: float) -> bool:
        return self._value < other

    def __le__(self, other: float) -> bool:
        return self._value <= other

    def __gt__(self, other: float) -> bool:
        return self._value > other

    def __ge__(self, other: float) -> bool:
        return self._value >= other

    __hash__ = None  # type: ignore[assignment]  # its value changes from call to call

    def __neg__(self) -> Any:
        return -self._tensor()

    def __add__(self, other: Any) -> Any:
        return self._tensor() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._tensor() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._tensor()

    def __mul__(self, other: Any) -> Any:
        return self._tensor() * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._tensor() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._tensor()

    def __pow__(self, other: Any) -> Any:
        return tf.pow(self._tensor(), other)

    def __rpow__(self, other: Any) -> Any:
        return tf.pow(tf.cast(other, tf.float32), self._tensor())


class Numbers:
    """The numbers of one optimizer.

    Attributes:
        names: what the optimizer calls them, in the order of the tensor.
        current: the tensors that stand for their values while `traced` lasts, float32 each; else empty.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.current: list[Any] = []

    def add(self, name: str, value: float) -> Number:
        """Return one more number, which stands behind the others in the tensor."""
        self.names.append(name)
        return Number(self, len(self.names) - 1, value)

    @contextmanager
    def traced(self, tensor: Any) -> Iterator[None]:
        """While this lasts, the numbers are the elements of `tensor`, a float32 vector. They are taken from it here, once."""
        self.current = tf.unstack(tensor, len(self.names)) if self.names else []
        try:
            yield
        finally:
            self.current = []
