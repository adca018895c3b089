"""How long the stops of trials take, as far as that is known: what a hopper decides by. No result hangs on it."""

from __future__ import annotations

from dataclasses import dataclass, field

_FIRST_GUESS = 0.01  # seconds a stop, before one has been seen
SHORT = 0.02  # seconds: what takes less is not worth a visit of its own
_MOST_TRAINED = 64  # training stops of a visit


@dataclass
class Pace:
    """Seconds a stop, as a mean that forgets.

    A first visit compiles, so what it took is only a guess until a second one has been seen.
    """

    seconds: float = _FIRST_GUESS
    seen: bool = False

    def guess(self, seconds: float) -> None:
        if not self.seen:
            self.seconds = seconds

    def add(self, seconds: float) -> None:
        self.seconds = 0.7 * self.seconds + 0.3 * seconds if self.seen else seconds
        self.seen = True


@dataclass
class Paces:
    """How long the stops of each trial take, and what to expect of a trial that has made none."""

    of_trial: dict[int, Pace] = field(default_factory=dict)
    seconds: float = 0.0
    stops: int = 0

    def arrived(self, trial: int, seconds: float, stops: int, compiled: bool) -> None:
        """Note a visit; `compiled` if it was the first of its program on its session."""
        pace = self.of_trial.setdefault(trial, Pace())
        if compiled:
            pace.guess(seconds / stops)
            return
        pace.add(seconds / stops)
        self.seconds, self.stops = self.seconds + seconds, self.stops + stops

    def expected(self, trial: int) -> float:
        """Return the seconds a stop of a trial. One that is not known is taken for a slow one: it is found out early if so."""
        if trial in self.of_trial:
            return self.of_trial[trial].seconds
        return 2 * self.seconds / self.stops if self.stops else _FIRST_GUESS

    def together(self, trial: int) -> int:
        """Return how many stops of a trial take a moment, as far as that is known."""
        return int(min(_MOST_TRAINED, max(1.0, SHORT / max(self.expected(trial), 1e-9)))) if self.stops else 1

    @property
    def mean(self) -> float | None:
        """The seconds a stop, of all trials; None before any is known."""
        return self.seconds / self.stops if self.stops else None

    def likely(self, trial: int, mean: float) -> float:
        """Return the seconds a stop of a trial; one that is not known is taken for a usual one."""
        pace = self.of_trial.get(trial)
        return pace.seconds if pace is not None and pace.seen else mean
