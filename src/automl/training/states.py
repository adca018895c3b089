"""The states of trials that rest: in memory as far as it goes, the ones that have rested longest in the record."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from automl.training.rows import Checkpoint
from keras_seg.protocol.parts import Raw

_TOGETHER = 4 * 2**20  # bytes of states that are written together


class RestingStates:
    """The latest state of each trial.

    Args:
        memory: bytes of states that may stay in memory.
        write: puts checkpoints into the record, in place of those of the same trials.
        read: takes the state of a trial out of it.
    """

    def __init__(self, memory: int, write: Callable[[Sequence[Checkpoint]], None], read: Callable[[int], Raw]) -> None:
        self._memory = memory
        self._write = write
        self._read = read
        self._resting: OrderedDict[int, Checkpoint] = OrderedDict()
        self._unsaved: dict[int, None] = {}
        self._spilled: set[int] = set()

    def recall(self, trials: Iterable[int]) -> None:
        """Note that the record has states of these trials: they stay there until they are asked for."""
        self._spilled.update(trials)

    def put(self, checkpoint: Checkpoint) -> None:
        """Let a trial's state rest here, in place of the one before."""
        trial = checkpoint.mst_key
        self._resting[trial] = checkpoint
        self._resting.move_to_end(trial)
        self._unsaved[trial] = None
        if self._size() > self._memory:
            self._spill()

    def get(self, trial: int) -> Raw | None:
        """Return a trial's state; None if it has not begun."""
        if trial in self._resting:
            return self._resting[trial].state
        return self._read(trial) if trial in self._spilled else None

    def save(self) -> None:
        """Write the states that have not been written; some together, as far as that takes little memory."""
        together: list[Checkpoint] = []
        size = 0
        for trial in list(self._unsaved):
            together.append(self._saved(trial))
            size += len(together[-1].state)
            if size > _TOGETHER:
                self._write(together)
                together, size = [], 0
        if together:
            self._write(together)

    def save_one(self, trial: int) -> None:
        """Write the state of a trial, if it has not been written."""
        if trial in self._unsaved:
            self._write([self._saved(trial)])

    def forget_unsaved(self) -> None:
        """Let the states that have not been written never be."""
        self._unsaved.clear()

    def _size(self) -> int:
        return sum(len(checkpoint.state) for checkpoint in self._resting.values())

    def _spill(self) -> None:
        """Drop the states from memory that have rested longest, written out first."""
        while len(self._resting) > 1 and self._size() > self._memory:
            trial = next(iter(self._resting))
            self.save_one(trial)
            del self._resting[trial]
            self._spilled.add(trial)

    def _saved(self, trial: int) -> Checkpoint:
        """Return a trial's state, and count it as written."""
        del self._unsaved[trial]
        return self._resting[trial]
