"""What a run has come to, bit for bit, as one text: two runs that have the same have done the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from automl.training.curves import Evaluation
from automl.training.results import Result, StateOf
from keras_seg.protocol import state as codec
from keras_seg.protocol.parts import Raw

_DIGITS = 32


class Bits:
    """A digest of configurations, losses, metrics and states, which hold the weights; times are none of it.

    The states of trials are digested as they pass, on their way into the tables: they may be too large to be read twice.

    Args:
        state_of: gives the state of a trial that is delivered.

    Attributes:
        weights: bytes of those that have passed.
    """

    def __init__(self, state_of: StateOf) -> None:
        self._state_of = state_of
        self._states: dict[int, str] = {}
        self.weights = 0

    def state_of(self, trial: int) -> Raw | None:
        """Return the state of a trial, which is digested."""
        state = self._state_of(trial)
        if state is not None:
            self._states[trial] = hashlib.sha256(state).hexdigest()
            with suppress(codec.StateError):
                self.weights += codec.weights_size(state)
        return state

    def of(self, results: Sequence[Result]) -> str:
        """Return the digest of all, whose states have passed."""
        digest = hashlib.sha256()
        for result in results:
            trial, curve = result.trial, result.curve
            evaluations = [_numbers(each) for each in curve.evaluations]
            state = self._states.get(trial.number)
            digest.update(repr((trial.number, trial.configuration, evaluations, curve.error is None, state)).encode())
        return digest.hexdigest()[:_DIGITS]


def same(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations found the same, bit for bit; what is not a number is the same as what is none either."""
    return _numbers(one) == _numbers(other)


def _numbers(evaluation: Evaluation) -> str:
    """Return an evaluation as text, which tells all floats apart."""
    found = [
        None if scores is None else (float(scores[0]), *map(float, scores[1]))
        for scores in (evaluation.training, evaluation.validation)
    ]
    return repr((evaluation.iteration, found))
