"""The states of trials that rest: in memory as far as it goes, the ones that have rested longest in the record.

A state leaves memory only when its writing has been committed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from automl.training.rows import Anchor, Checkpoint
from keras_seg.protocol.parts import Raw

_TOGETHER = 4 * 2**20  # bytes of states that are written together
_SAVED_UP = 1 / 20  # of what may be written in an hour


class Allowance:
    """Bytes that may be written: so many an hour; some minutes' worth can be saved up, and used up ahead.

    Args:
        hourly: bytes an hour.
        clock: tells the time in seconds.
    """

    def __init__(self, hourly: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._hourly = hourly
        self._clock = clock
        self._left = self._most
        self._counted = clock()

    @property
    def reaches(self) -> bool:
        """Whether anything may be written now."""
        now = self._clock()
        self._left = min(self._most, self._left + self._hourly * (now - self._counted) / 3600)
        self._counted = now
        return self._left > 0

    def spend(self, size: int) -> None:
        """Count bytes as written."""
        self._left -= size

    @property
    def _most(self) -> float:
        return self._hourly * _SAVED_UP


class RestingStates:
    """The latest state of each trial.

    Args:
        memory: bytes of states that may stay in memory.
        allowance: of bytes that are written though they could stay there.
        read: takes the state that an anchor tells of out of the record.
    """

    def __init__(self, memory: int, allowance: Allowance, read: Callable[[int, int], Raw]) -> None:
        self._memory = memory
        self._allowance = allowance
        self._read = read
        self._resting: OrderedDict[int, Checkpoint] = OrderedDict()
        self._unsaved: dict[int, None] = {}
        self._spilled: dict[int, int] = {}  # after how many visits
        self._urgent: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._in_writing: list[Checkpoint] = []

    @property
    def live(self) -> int:
        """Bytes of the latest states of all trials, wherever they are."""
        return sum(self._sizes.values())

    @property
    def excess(self) -> bool:
        """Whether there are more than may stay in memory."""
        return len(self._resting) > 1 and self._size > self._memory

    @property
    def _size(self) -> int:
        return sum(len(each.state) for each in self._resting.values())

    def recall(self, anchors: Iterable[Anchor]) -> None:
        """Note that the record has these states: they stay there until they are asked for."""
        self._spilled.update({anchor.mst_key: anchor.visits for anchor in anchors})

    def put(self, checkpoint: Checkpoint) -> None:
        """Let a trial's state rest here, in place of the one before."""
        trial = checkpoint.mst_key
        self._resting[trial] = checkpoint
        self._resting.move_to_end(trial)
        self._sizes[trial] = len(checkpoint.state)
        self._unsaved[trial] = None
        self._spilled.pop(trial, None)

    def get(self, trial: int) -> Raw | None:
        """Return a trial's state; None if it has not begun."""
        if trial in self._resting:
            return self._resting[trial].state
        return self._read(trial, self._spilled[trial]) if trial in self._spilled else None

    def fills_memory_twice(self, trial: int) -> bool:
        """Whether a trial's state is being written, and there is no room for the next one beside it."""
        resting = self._resting.get(trial)
        return any(each is resting for each in self._in_writing) and self._size + self._sizes[trial] > self._memory

    def urge(self, trial: int) -> None:
        """Have a trial's state written with what is written next."""
        self._urgent.add(trial)

    def to_write(self, *, all_of_them: bool = False) -> list[Checkpoint]:
        """Return states to be written next, which are some together, as far as that takes little memory.

        Args:
            all_of_them: whatever the allowance.
        """
        chosen = [trial for trial in self._unsaved if trial in self._urgent]
        size = sum(self._sizes[trial] for trial in chosen)
        if all_of_them or self._allowance.reaches:
            for trial in self._unsaved:
                if size > _TOGETHER:
                    break
                if trial not in self._urgent:
                    chosen.append(trial)
                    size += self._sizes[trial]
        self._urgent.clear()
        self._allowance.spend(size)
        return self._begun(chosen)

    def in_the_way(self) -> list[Checkpoint]:
        """Drop the states from memory that have rested longest and are saved; return one that must be written first."""
        while self.excess:
            trial = next(iter(self._resting))
            if trial in self._unsaved:
                self._allowance.spend(self._sizes[trial])
                return self._begun([trial])
            self._spilled[trial] = self._resting.pop(trial).visits
        return []

    def written(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Note that states have been written and committed; there may be later ones by now."""
        self._in_writing = []
        for checkpoint in checkpoints:
            if self._resting.get(checkpoint.mst_key) is checkpoint:
                self._unsaved.pop(checkpoint.mst_key, None)

    def _begun(self, trials: Sequence[int]) -> list[Checkpoint]:
        self._in_writing = [self._resting[trial] for trial in trials]
        return list(self._in_writing)
