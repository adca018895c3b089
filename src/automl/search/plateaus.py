"""Keras' EarlyStopping and ReduceLROnPlateau: what they say of the values of a monitored loss or metric, one an evaluation.

Source: Keras 3, `callbacks/early_stopping.py` and `callbacks/reduce_lr_on_plateau.py`. What Keras does at the end of an epoch
is done here at each evaluation of a trial, whose number takes the place of the epoch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.search.directions import Direction


@dataclass(frozen=True)
class Outlook:
    """What EarlyStopping says.

    Attributes:
        stops: whether the trial ends here.
        best: the place of the evaluation whose weights it would restore; None where there is none yet.
    """

    stops: bool = False
    best: int | None = None


@dataclass(frozen=True)
class EarlyStopping:
    """Keras' callback; the names and defaults are Keras'."""

    monitor: str = "val_loss"
    min_delta: float = 0
    patience: int = 0
    mode: str = "auto"
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    def outlook(self, values: Sequence[float], direction: Direction) -> Outlook:
        """Return what it says after these evaluations."""
        best, place, wait, stops = None, None, 0, False
        for epoch, value in enumerate(values):
            if epoch < self.start_from_epoch:
                continue
            place = epoch if place is None else place
            wait += 1
            if _is_better(value, best, self.min_delta, direction):
                best, place = value, epoch
                if self.baseline is None or _is_better(value, self.baseline, self.min_delta, direction):
                    wait = 0
            elif wait >= self.patience and epoch > 0:
                stops = True
        return Outlook(stops, place)


@dataclass(frozen=True)
class ReduceLROnPlateau:
    """Keras' callback; the names and defaults are Keras'."""

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    mode: str = "auto"
    min_delta: float = 0.0001
    cooldown: int = 0
    min_lr: float = 0.0

    def cuts(self, values: Sequence[float], direction: Direction) -> int:
        """Return how often it has reduced the learning rate after these evaluations, where that was above the least."""
        best, wait, cooling, cuts = None, 0, 0, 0
        for value in values:
            if cooling:
                cooling, wait = cooling - 1, 0
            if _is_better(value, best, self.min_delta, direction):
                best, wait = value, 0
            elif not cooling:
                wait += 1
                if wait >= self.patience:
                    cuts, cooling, wait = cuts + 1, self.cooldown, 0
        return cuts


def _is_better(value: float, reference: float | None, least: float, direction: Direction) -> bool:
    """Whether a value is better than another one by more than `least`; the first is."""
    if reference is None:
        return True
    return value - abs(least) > reference if direction is Direction.MAX else value + abs(least) < reference
