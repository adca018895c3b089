"""Custom functions as losses and metrics of Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from keras_seg.server.failure import message_of
from keras_seg.training.compiled import CompiledFunction
from keras_seg.training.problems import CompileProblem
from keras_seg.training.row_shape import RowShape, tried


@dataclass(frozen=True)
class Custom:
    """A custom function as Keras takes one, checked whenever it is traced.

    Attributes:
        what: "loss" or "metric".
        name: in its table.
        function: takes labels (rows, ...) and outputs (rows, ...), gives one number, or one or more for each row.

    Raises:
        CompileProblem: when it is called: the function raises, or gives anything else.
    """

    what: str
    name: str
    function: Callable[[Any, Any], Any]

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        try:
            values = tf.convert_to_tensor(self.function(y_true, y_pred))
        except Exception as error:  # whatever it raises is the answer here
            raise self._problem(f"failed with {type(error).__name__}: {message_of(error, lines=1)}") from None
        if not (values.dtype.is_floating or values.dtype.is_integer or values.dtype.is_bool):
            raise self._problem(f"must return numbers, and returned {values.dtype.name}")
        if values.shape.rank and not values.shape[:1].is_compatible_with(y_pred.shape[:1]):
            rows, shape = y_pred.shape[0], values.shape.as_list()
            raise self._problem(f"must return a number for each row, and returned shape {shape} for {rows} rows")
        return values

    def _problem(self, what: str) -> CompileProblem:
        return CompileProblem(f'{self.what} "{self.name}": the custom function {what}')


def custom_loss(function: Custom, shape: RowShape) -> keras.losses.Loss:
    """Return a custom function as a loss: the mean of what it gives.

    Raises:
        CompileProblem: it does not fit the rows, or has no gradient.
    """
    from keras.src.losses.losses import LossFunctionWrapper

    loss = tried("loss", function.name, LossFunctionWrapper(function, name=function.name), shape)
    labels, outputs = shape.two_rows()

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        found = tape.gradient(value, outputs)
        if found is None:
            raise CompileProblem(f'loss "{function.name}": the custom function must depend on the outputs and have a gradient')
        return found

    CompiledFunction(gradient, ())()  # as it will be trained
    return loss


def custom_metric(function: Custom, shape: RowShape) -> keras.metrics.Metric:
    """Return a custom function as a metric: the mean of what it gives.

    Raises:
        CompileProblem: it does not fit the rows.
    """
    rows = shape.two_rows()
    signature = [tf.TensorSpec.from_tensor(each) for each in rows]
    CompiledFunction(lambda labels, outputs: function(labels, outputs), signature)(*rows)  # as it will be computed
    return keras.metrics.MeanMetricWrapper(function, name=function.name)
