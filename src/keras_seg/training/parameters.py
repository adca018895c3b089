"""Compile parameters, with the functions that they may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from keras_seg.training import optimizers


@dataclass(frozen=True)
class Compile:
    """Compile parameters as they come to a segment.

    Attributes:
        optimizer: its name in Keras, in any case.
        params: its parameters by name; `lr` and `decay` work.
        loss: name or alias of a loss.
        metrics: names or aliases of metrics.
        loss_weight: factor of the loss.
        functions: the custom functions that loss and metrics may name.
    """

    optimizer: str
    params: Mapping[str, Any]
    loss: str
    metrics: tuple[str, ...]
    loss_weight: float = 1.0
    functions: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def structure(self) -> str:
        """What two trials must share to be served by one compiled program."""
        return f"{optimizers.structure_of(self.optimizer, self.params)}|{self.loss}|{self.loss_weight}"
