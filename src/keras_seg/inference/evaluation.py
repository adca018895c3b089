"""Loss and metrics of a network in numpy, summed up over rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_seg.inference.compared import Batch, Rows
from keras_seg.inference.layer import WRITTEN, size_of
from keras_seg.inference.network import MOST_WORK, Network
from keras_seg.inference.objectives import loss_of, metric_of
from keras_seg.inference.problems import NeedsTensorFlow
from keras_seg.protocol.keras_names import CROSSENTROPY, NUMBERS_LOSSES, reads_logits
from keras_seg.protocol.objectives import parsed
from keras_seg.protocol.orders import CompileOrder, Scores
from keras_seg.protocol.outputs import no_probability, stands_for_two, unfit
from keras_seg.protocol.variables import Variable

_PASSES = 5  # over the outputs, in which a loss or a metric writes about as many numbers


class Evaluation:
    """Loss and metrics of a network while rows come.

    Args:
        network: what is evaluated.
        compiled: names loss and metrics.
        labels: of the packed rows.

    Raises:
        NeedsTensorFlow: something of that is not computed here, or does not fit, which TensorFlow's side says better.
    """

    def __init__(self, network: Network, compiled: CompileOrder, labels: Variable) -> None:
        self._network = network
        self._rows = rows = Rows(labels, network.output_shape)
        _require_fit(network, compiled.loss, rows)
        self._loss = loss_of(compiled.loss, rows, network)
        self._loss_weight = compiled.loss_weight or 1.0
        self._metrics = [metric_of(text, rows, network) for text in compiled.metrics]

    def is_worth(self, rows: int) -> bool:
        """Return whether so many rows are evaluated here, by the same rule as `Network.is_worth`."""
        compared = WRITTEN * _PASSES * (1 + len(self._metrics)) * size_of(self._network.output_shape)
        return rows * (self._network.work + compared) <= MOST_WORK

    def add(self, x: np.ndarray, y: np.ndarray, interrupt: Callable[[], None]) -> None:
        """Take rows.

        Args:
            x: features (rows, ...) float32.
            y: packed labels (rows, ...).
            interrupt: called after each batch.

        Raises:
            UnfitRow, ValueError: a row has numbers that the network, or the loss, does not take.
        """
        size = self._network.rows_at_once
        for begin in range(0, len(x), size):
            outputs, logits = self._network.judged(x[begin : begin + size])
            with np.errstate(all="ignore"):  # a loss may overflow, as in TensorFlow
                self._judge(Batch(self._rows, y[begin : begin + size], outputs, logits))
            interrupt()

    def _judge(self, batch: Batch) -> None:
        self._loss.add(batch)
        for metric in self._metrics:
            metric.add(batch)

    def scores(self) -> Scores:
        """Return loss and metrics of all rows; the loss is no number where there are none."""
        loss = self._loss_weight * self._loss.result() if self._loss.rows else math.nan
        return Scores(loss, tuple(metric.result() for metric in self._metrics))


def _require_fit(network: Network, loss: str, rows: Rows) -> None:
    """Raise unless labels, outputs and loss go together, as a check of the sessions has it."""
    labels, outputs = rows.packed, rows.outputs
    if network.adds_losses:
        raise NeedsTensorFlow("a regularizer")
    given = parsed(loss)
    reads_numbers = given is not None and given.name in NUMBERS_LOSSES | CROSSENTROPY
    if not (rows.alike or rows.numbered) or unfit(labels, outputs, reads_numbers) is not None:
        raise NeedsTensorFlow(f"outputs of shape {list(outputs)} for such labels")
    activation = network.ending.activation
    always_1 = math.prod(outputs) == 1 and labels.dtype == "int16" and activation == "softmax"
    if (stands_for_two(labels, outputs) or always_1) and no_probability(activation, reads_logits(loss)) is not None:
        raise NeedsTensorFlow(f"one output of {activation} for two classes")
