"""Compiled prediction with one network."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seg.training.compiled import CompiledFunction
from keras_seg.training.network import Network
from keras_seg.training.pace import Interrupt


class Predictor:
    """The compiled forward pass of one network with the weights that came with it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        signature = [*network.frozen_signature, *network.signature()]
        self._forward = CompiledFunction(self._outputs, signature)

    @cached_property
    def _weights(self) -> tuple[Any, list[Any]]:
        return self.network.given()

    def predict(self, x: np.ndarray, interrupt: Interrupt) -> np.ndarray:
        """Return the outputs (rows, ...) float32 of the rows of `x`, a batch at a time.

        Args:
            x: features (rows, ...) float32.
            interrupt: called after each batch.
        """
        vector, other = self._weights
        parts = []
        size = self.network.evaluation_batch
        for start in range(0, len(x), size):
            parts.append(self._forward(vector, other, tf.constant(x[start : start + size])).numpy())
            interrupt()
        return np.concatenate(parts) if parts else np.zeros((0, *self.network.output_shape), np.float32)

    def _outputs(self, vector: Any, other: Any, x: Any) -> Any:
        return tf.cast(self.network.call(self.network.unflatten(vector), other, x, False)[0], tf.float32)
