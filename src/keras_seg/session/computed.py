"""A network that is computed without TensorFlow, with outputs in the shapes in which predictions take them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_seg.inference.network import Network
from keras_seg.protocol.predictions import OneOutput, meaning_of_one, shape_taken, taken


@dataclass(frozen=True)
class Computed:
    """A network, and what its one output tells of two classes; None where it has several, or tells nothing of them."""

    network: Network
    one_output: OneOutput | None

    @classmethod
    def of(cls, network: Network, asked: OneOutput | None) -> Computed:
        """Return it for what one output stands for by the loss; None where outputs are wanted as they are."""
        if asked is None or math.prod(network.output_shape) != 1:
            return cls(network, None)
        return cls(network, meaning_of_one(asked, network.ending.activation, network.ending.in_sigmoid))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the outputs of a row: of two classes where one output stands for them."""
        return shape_taken(self.network.output_shape, self.one_output)

    def outputs(self, x: np.ndarray, interrupt: Callable[[], None] = lambda: None) -> np.ndarray:
        """Return the outputs (rows, ...) float32 of rows (rows, ...) float32.

        Args:
            interrupt: called after each batch.
        """
        return taken(self.network.outputs(x, interrupt), self.network.output_shape, self.one_output)
