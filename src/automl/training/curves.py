"""How well a trial does: its losses and metrics by iteration, and what is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from keras_seg.protocol.orders import TRAINING, VALIDATION

Scores = tuple[float, tuple[float, ...]]  # loss and metrics of a dataset


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics of a trial after an iteration.

    Attributes:
        iteration: on the search's own axis, from 1.
        elapsed: seconds since the search began to train.
        training, validation: (loss, metrics); None where there is no validation table.
    """

    iteration: int
    elapsed: float
    training: Scores
    validation: Scores | None

    @property
    def loss(self) -> float:
        """The loss that ranks: of the validation table where there is one."""
        return self.training[0] if self.validation is None else self.validation[0]


@dataclass
class LearningCurve:
    """What is known of a trial so far.

    Attributes:
        evaluations: in the order of their iterations.
        iteration: the last one made.
        visits: those that trained: how often its state has changed.
        seconds: that sessions have spent on it.
        error: why it failed, if it did.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    iteration: int = 0
    visits: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def loss(self) -> float | None:
        """The latest loss that ranks; None for a trial that failed or has not been evaluated."""
        return self.evaluations[-1].loss if self.evaluations and self.error is None else None


class OpenEvaluation:
    """Gathers what visits find of each dataset, until an evaluation is complete; then the next one.

    Args:
        datasets: those that are evaluated.
    """

    def __init__(self, datasets: tuple[str, ...]) -> None:
        self._datasets = datasets
        self._found: dict[str, Scores] = {}

    def add(self, found: Mapping[str, Scores], iteration: int, elapsed: float) -> Evaluation | None:
        """Add what a visit found; return the evaluation if it is complete with that."""
        self._found.update(found)
        if len(self._found) < len(self._datasets):
            return None
        complete, self._found = self._found, {}
        return Evaluation(iteration, elapsed, complete[TRAINING], complete.get(VALIDATION))


def rank(loss: float | None, trial: int) -> tuple[int, float, int]:
    """Return what trials are sorted by, best first: the lowest loss, then any that is not finite, then none; ties by number."""
    if loss is None or not math.isfinite(loss):
        return (2 if loss is None else 1), 0.0, trial
    return 0, loss, trial
