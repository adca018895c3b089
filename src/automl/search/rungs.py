"""Rungs of asynchronous successive halving: sequences of trials, and who goes on from one to the next.

The trials of a rung stand in a sequence. When the next one of the sequence has its score it retires into the rung's pool, and
not before. At each eta-th of these retirements the best of the pool that has not been promoted goes up, to the end of the next
rung's sequence. So it does not matter in which order scores arrive.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from automl.search.ladder import rank


@dataclass(frozen=True)
class Entry:
    """A trial in a rung.

    Attributes:
        birth: the number of the new trial whose end has brought it there; its own in the lowest rung.
    """

    trial: int
    rung: int
    birth: int


@dataclass
class _Sequence:
    """A rung: the trials that have come to it in their order, and those of its pool."""

    entries: list[Entry] = field(default_factory=list)
    scores: dict[int, float | None] = field(default_factory=dict)  # by trial; also of those that have not retired yet
    retired: int = 0
    promoted: int = 0
    pool: list[tuple[tuple[int, float, int], int]] = field(default_factory=list)

    def retire(self) -> Entry | None:
        """Let the next trial of the sequence retire into the pool if its score is known."""
        if self.retired == len(self.entries) or self.entries[self.retired].trial not in self.scores:
            return None
        entry = self.entries[self.retired]
        score = self.scores[entry.trial]
        self.retired += 1
        if score is not None:
            heapq.heappush(self.pool, (rank(score, entry.trial), entry.trial))
        return entry

    def best(self) -> int | None:
        """Take the best trial out of the pool, to be promoted; None where there is none."""
        if not self.pool:
            return None
        self.promoted += 1
        return heapq.heappop(self.pool)[1]

    @property
    def over(self) -> bool:
        """Whether all that have come so far have retired."""
        return self.retired == len(self.entries)


class Rungs:
    """Decides who goes on. The order in which it is told of scores does not matter.

    Args:
        levels: how many rungs there are.
        eta: of eta trials in a rung, one goes on.
    """

    def __init__(self, levels: int, eta: int) -> None:
        self._rungs = [_Sequence() for _ in range(levels)]
        self._eta = eta
        self._last: int | None = None

    def enter(self, trial: int) -> Entry:
        """Let a new trial stand at the end of the lowest rung."""
        entry = Entry(trial, 0, trial)
        self._rungs[0].entries.append(entry)
        return entry

    def close(self) -> list[Entry]:
        """Say that no new trial will come, and return who goes on because of that."""
        self._last = len(self._rungs[0].entries)
        return self._leftovers()

    def report(self, trial: int, rung: int, score: float | None) -> list[Entry]:
        """Tell the score of a trial at the end of its rung, and return who goes on now.

        Args:
            score: the lower the better; None if it failed: such a one is never promoted.
        """
        self._rungs[rung].scores[trial] = score
        risen = []
        while (entry := self._rungs[rung].retire()) is not None:
            if self._rungs[rung].retired % self._eta == 0:
                risen += self._promote(rung, entry.birth)
        return [*risen, *self._leftovers()]

    def retired(self, rung: int) -> int:
        """Return how many trials have retired from a rung."""
        return self._rungs[rung].retired

    def promoted(self, rung: int) -> int:
        """Return how many trials a rung has sent up."""
        return self._rungs[rung].promoted

    def _promote(self, rung: int, birth: int) -> list[Entry]:
        if rung + 1 == len(self._rungs) or (best := self._rungs[rung].best()) is None:
            return []
        entry = Entry(best, rung + 1, birth)
        self._rungs[rung + 1].entries.append(entry)
        return [entry]

    def _leftovers(self) -> list[Entry]:
        """Let the best of a rung go on that is over and had fewer than eta trials: somebody is to reach the top."""
        if self._last is None:
            return []
        for number, rung in enumerate(self._rungs):
            if not rung.over:
                return []
            if not rung.promoted and (risen := self._promote(number, self._last)):
                return risen
        return []
