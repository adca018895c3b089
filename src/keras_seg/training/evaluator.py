"""Compiled evaluation of one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seg.protocol.variables import Variable
from keras_seg.training.batches import batches
from keras_seg.training.buffers import Buffer
from keras_seg.training.compiled import CompiledFunction
from keras_seg.training.network import Network
from keras_seg.training.objectives import make_loss, make_metric
from keras_seg.training.pace import Interrupt, Pace
from keras_seg.training.parameters import Compile
from keras_seg.training.row_shape import RowShape
from keras_seg.training.sums import results, with_batch, zeros


class Evaluator:
    """The compiled evaluation of one network: its loss and metrics as sums that can be added over buffers and partitions.

    Args:
        network: what is evaluated; its weights come with each call.
        compiled: names the loss and the metrics.
        labels: of the packed rows.

    Raises:
        CompileProblem: a loss or a metric does not exist, or does not fit the rows.
    """

    def __init__(self, network: Network, compiled: Compile, labels: Variable) -> None:
        self.network = network
        self._shape = shape = RowShape(labels, network.output_shape)
        self._loss = make_loss(compiled.loss, shape, compiled.functions)
        self._loss_weight = compiled.loss_weight
        self._metrics = [make_metric(name, shape, compiled.functions) for name in compiled.metrics]
        self._pace = Pace()
        sums = [tf.TensorSpec(array.shape, tf.float64) for array in self.zeros()]
        signature = [*network.frozen_signature, *network.signature(labels.shape), tf.TensorSpec((None,), tf.int32), sums]
        self._sum = CompiledFunction(self._sums, signature)

    def zeros(self) -> list[np.ndarray]:
        """Return the sums before the first row: rows, loss times rows, and the variables of the metrics."""
        return zeros(self._metrics)

    def add(self, sums: Sequence[np.ndarray], frozen: Any, buffer: Buffer, interrupt: Interrupt) -> list[np.ndarray]:
        """Return the sums with the rows of a buffer added, batch by batch in double precision.

        Args:
            sums: as `zeros` gives them.
            frozen: the weights, as `Network.frozen` gives them.
            interrupt: called at least every 0.25 s, unless one batch takes longer.
        """
        return self.add_batches(sums, frozen, buffer, self.bounds(buffer.rows), interrupt)

    def bounds(self, rows: int) -> np.ndarray:
        """Return where the batches of a buffer of so many rows begin, and where the last one ends."""
        return batches([np.arange(rows)], self.network.evaluation_batch).bounds

    def add_batches(
        self, sums: Sequence[np.ndarray], frozen: Any, buffer: Buffer, bounds: np.ndarray, interrupt: Interrupt
    ) -> list[np.ndarray]:
        """Return the sums with batches of a buffer added, of which `bounds` says where they begin and where the last one ends;
        other arguments as those of `add`."""
        vector, other = frozen
        total: list[Any] = [tf.constant(array) for array in sums]
        for part in self._pace.parts(bounds, interrupt):
            total = self._sum(vector, other, buffer.x, buffer.y, tf.constant(part), total)
            total[0].numpy()  # wait for it
        return [tensor.numpy() for tensor in total]

    def results(self, sums: Sequence[np.ndarray]) -> tuple[float, list[float]]:
        """Return (loss, values of the metrics) of the rows summed; of a metric with several values their mean."""
        return results(self._metrics, sums)

    def _sums(self, vector: Any, other: Any, x: Any, y: Any, bounds: Any, sums: Any) -> list[Any]:
        """The compiled part: add batches to the sums, one after the other.

        Where a call begins and ends follows the clock, so the sums go in and come out: the order of additions does not.
        """
        weights, count = self.network.unflatten(vector), tf.size(bounds) - 1

        def step(at: Any, *carried: Any) -> tuple[Any, ...]:
            begin, end = bounds[at], bounds[at + 1]
            y_true = self._shape.given(y[begin:end])
            y_pred, _, added = self.network.call(weights, other, x[begin:end], False)
            loss = self._loss_weight * self._loss(y_true, y_pred) + added
            new = with_batch(self._metrics, carried, loss, y_true, y_pred)
            return (at + 1, *(tf.ensure_shape(after, before.shape) for after, before in zip(new, carried, strict=True)))

        last: list[Any] = tf.while_loop(lambda at, *_: at < count, step, [tf.constant(0), *sums], parallel_iterations=1)
        return last[1:]
