"""What automl_plan tells, of what going through a plan has come to: the rows, and for each figure its range.

A figure of all has a range where what bounds it is known: seconds by the fastest and the slowest visits that were measured;
bytes by the weights, which are there in any case, and all states that may be written beside them; the memory of a session by
one program alone and by all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automl.training.forecast import Forecast, Part
from automl.training.states import SAVED_UP, TOGETHER
from automl.training.timing import ONCE, Measured

_WRITING = 100 * 2**20  # bytes a second, of weights into a table
_COLUMNS = (
    *("trials", "iterations", "visits", "seconds", "at_least", "at_most"),
    *("bytes", "bytes_at_least", "bytes_at_most", "memory_mb", "memory_mb_at_least", "memory_mb_at_most"),
)


@dataclass(frozen=True)
class Writing:
    """What a record writes of states.

    Attributes:
        hourly: bytes that may be written in an hour though they could stay in memory; 0 where no other session sees them.
        memory: bytes of states that can.
    """

    hourly: int
    memory: int

    def likely(self, found: Forecast) -> float:
        """Return the bytes that a search writes of its states."""
        return max(self.at_least(found), min(found.written, self.at_most(found)))

    def at_least(self, found: Forecast) -> float:
        """Return what it writes in any case: one that a budget ends can go on with all its trials."""
        return found.latest if found.ended else 0.0

    def at_most(self, found: Forecast) -> float:
        """Return what it writes at most: each state once, after each stop; one more than it may when it begins to."""
        if found.resting > self.memory:
            return found.single
        more = max(2 * TOGETHER, TOGETHER + found.largest)
        return min(found.single, self._allowed(found) + more + self.at_least(found))

    def _allowed(self, found: Forecast) -> float:
        return self.hourly * (SAVED_UP + found.seconds / 3600)


@dataclass(frozen=True)
class Memory:
    """What sessions take.

    Attributes:
        imported: MB of one that has imported TensorFlow.
        found: what was measured of programs.
        programs: how many there are.
        cached: MB of rows that each session may come to hold.
    """

    imported: int
    found: Sequence[Measured]
    programs: int
    cached: int

    @property
    def likely(self) -> int:
        """MB of the largest session."""
        return max(each.memory for each in self.found)

    @property
    def at_least(self) -> int:
        """MB of one that has trained one program."""
        return min(each.first for each in self.found)

    @property
    def at_most(self) -> int:
        """MB of one that has trained all of them."""
        grown = [each.grown for each in self.found]
        others = max(0, self.programs - len(grown)) * max(grown)
        return max(self.likely, self.imported + sum(grown) + others) + self.cached


@dataclass(frozen=True)
class PlanRows:
    """What was found out, as rows.

    Attributes:
        start: seconds from the call until visits can be made.
        fast, middle, slow: what going through it has come to.
        sessions: that train.
        writing: of states.
        memory: of sessions.
    """

    start: float
    fast: Forecast
    middle: Forecast
    slow: Forecast
    sessions: int
    writing: Writing
    memory: Memory

    @property
    def seconds(self) -> float:
        """Seconds from call to result."""
        return self._seconds(self.middle, 1.0)

    @property
    def bytes(self) -> int:
        """Bytes of the model table, and of states on the way."""
        return round(self.middle.weights + self.writing.likely(self.middle))

    @property
    def memory_mb(self) -> int:
        """MB of the largest session."""
        return self.memory.likely

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for what comes before training, for each part, and for all."""
        before = self._row("start", seconds=self.start, at_least=(1 - ONCE) * self.start,
                           at_most=(1 + ONCE) * self.start)  # fmt: skip
        return [before, *(self._row_of(place, part) for place, part in self.middle.parts.items()), self._whole]

    def _row(self, part: str, **values: object) -> dict[str, Any]:
        return {"part": part, **dict.fromkeys(_COLUMNS), **values}

    def _row_of(self, place: tuple[tuple[str, int], ...], part: Part) -> dict[str, Any]:
        """Return the row of a part. What sessions do at the same time counts once."""
        each = [found.parts.get(place, Part()).seconds / self.sessions for found in self._all]
        return self._row(
            ", ".join(f"{name}={value}" for name, value in place) or "training",
            trials=round(part.trials),
            iterations=part.iterations,
            visits=round(part.visits),
            seconds=part.seconds / self.sessions,
            at_least=min(each),
            at_most=max(each),
        )

    @property
    def _whole(self) -> dict[str, Any]:
        least, most = self._bytes_range
        return self._row(
            "all",
            trials=round(self.middle.trials),
            iterations=round(self.middle.iterations),
            visits=round(self.middle.visits),
            seconds=self.seconds,
            at_least=self._seconds(self.fast, 1 - ONCE),
            at_most=self._seconds(self.slow, 1 + ONCE),
            bytes=self.bytes,
            bytes_at_least=min(least, self.bytes),
            bytes_at_most=max(most, self.bytes),
            memory_mb=self.memory_mb,
            memory_mb_at_least=self.memory.at_least,
            memory_mb_at_most=self.memory.at_most,
        )

    @property
    def _all(self) -> tuple[Forecast, Forecast, Forecast]:
        return self.fast, self.middle, self.slow

    @property
    def _bytes_range(self) -> tuple[int, int]:
        """Return the bytes that are written at least and at most; within a time fast sessions write more than slow ones."""
        each = [
            (found.weights + self.writing.at_least(found), found.weights + self.writing.at_most(found)) for found in self._all
        ]
        return round(min(least for least, _ in each)), round(max(most for _, most in each))

    def _seconds(self, found: Forecast, start: float) -> float:
        return start * self.start + found.seconds + found.weights / _WRITING
