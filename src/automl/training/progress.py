"""What a run says while it goes, for whoever waits: a line when a part of it has come to its end, and one every ten seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from automl.search.scheduler import Milestone
from automl.training.rows import Best

EVERY = 10.0  # seconds


class Listener(Protocol):
    """Who waits: the session of the caller."""

    @property
    def elapsed(self) -> float:
        """Seconds since the call."""

    def info(self, message: str) -> None:
        """Say a line."""


class Progress:
    """Says how far a run is. Seconds are those since the call.

    Args:
        listener: who waits.
        value: what ranks the trials, as a sentence names it: "latest validation loss".
        best: returns the trial where it is the best.
        share: returns how far the run is, as a sentence says it: "45% of all iterations done".
        tries: of each configuration.
    """

    def __init__(
        self, listener: Listener, value: str, best: Callable[[], Best], share: Callable[[], str], tries: int = 1
    ) -> None:
        self._listener = listener
        self._value = value
        self._best = best
        self._share = share
        self._tries = tries
        self._said = 0.0

    def begins(self, trials: int | None) -> None:
        """Say that training begins; of so many trials, if that is known."""
        several = "configurations" if trials is None else self._configurations(trials)
        each = "" if self._tries == 1 else f", each {self._tries} times,"
        self._say(f"training of {several}{each} begins", "")

    def ends(self, budget: str, decisions: int, trials: int) -> None:
        """Say that a budget has ended the run, after so many decisions about so many trials."""
        told = f"{decisions} {'decision' if decisions == 1 else 'decisions'} about {self._configurations(trials)}"
        self._say(f"{budget} has ended the search", f": {told}, {self._share()}; {self._of_best}")

    def reached(self, milestone: Milestone) -> None:
        """Say that a part of the run has come to its end."""
        self._say(f"{milestone.name} done", f": {milestone.detail}; {self._of_best}")

    def goes_on(self) -> bool:
        """Say how far the run is if nothing has been said for a while; return whether that was so."""
        if self._listener.elapsed < self._said + EVERY:
            return False
        self._say(self._share(), f"; {self._of_best}")
        return True

    @property
    def _of_best(self) -> str:
        best = self._best()
        if best.best_objective is None:
            return "no trial has a finite loss yet"
        error = "" if best.best_standard_error is None else f" (standard error {best.best_standard_error:.2g})"
        return f"best so far: mst_key {best.best_mst_key}, {self._value} {best.best_objective:.6g}{error}"

    def _configurations(self, trials: int) -> str:
        count = trials // self._tries
        return f"{count} {'configuration' if count == 1 else 'configurations'}"

    def _say(self, what: str, more: str) -> None:
        self._said = self._listener.elapsed
        self._listener.info(f"{what} after {self._said:.1f} s{more}")
