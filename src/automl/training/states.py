"""The states of trials that rest: in memory as far as it goes, the ones that have rested longest in the record.

A state leaves memory only when its writing has been committed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from automl.training.rows import Anchor, Checkpoint
from keras_seg.protocol.parts import Raw

TOGETHER = 4 * 2**20  # bytes of states that are written together
SAVED_UP = 1 / 20  # of what may be written in an hour
INTERVAL = 0.2  # seconds between two writings
_SHARE = 20  # and at least this many times as long as the last one took us, so that it stays below 5 % of the time
_TIDY_LEAST = 16 * 2**20  # bytes; madlib.automl_tidy has the same


def pause_after(spent: float) -> float:
    """Return the seconds from a writing to the next.

    Args:
        spent: seconds that the one before took us.
    """
    return max(INTERVAL, _SHARE * spent)


def pays_to_tidy(grown: int, live: int) -> bool:
    """Return whether what does not count any more is much.

    Args:
        grown: bytes that have been written since that was deleted.
        live: bytes of states that count.
    """
    return grown > (live + _TIDY_LEAST) / 8


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
        return self._hourly * SAVED_UP


class RestingStates:
    """The latest state of each trial, and beside it those that are kept: of the best iteration, say.

    A state is told by its trial and after how many visits it was.

    Args:
        memory: bytes of states that may stay in memory.
        allowance: of bytes that are written though they could stay there.
        read: takes the state of a trial after so many visits out of the record.
    """

    def __init__(self, memory: int, allowance: Allowance, read: Callable[[int, int], Raw]) -> None:
        self._memory = memory
        self._allowance = allowance
        self._read = read
        self._latest: dict[int, int] = {}
        self._kept: dict[int, frozenset[int]] = {}
        self._marks: dict[int, frozenset[int]] = {}
        self._resting: OrderedDict[tuple[int, int], Checkpoint] = OrderedDict()
        self._unsaved: dict[int, set[int]] = {}
        self._spilled: dict[int, set[int]] = {}
        self._urgent: set[int] = set()
        self._sizes: dict[int, dict[int, int]] = {}
        self._live = 0
        self._in_memory = 0
        self._in_writing: list[Checkpoint] = []

    @property
    def live(self) -> int:
        """Bytes of all these states, wherever they are."""
        return self._live

    @property
    def excess(self) -> bool:
        """Whether there are more than may stay in memory."""
        return len(self._resting) > 1 and self._in_memory > self._memory

    @property
    def unsaved(self) -> bool:
        """Whether there are states that the record does not have."""
        return bool(self._unsaved)

    def recall(self, anchors: Iterable[Anchor]) -> None:
        """Note that the record has these states: they stay there until they are asked for."""
        for anchor in anchors:
            self._spilled.setdefault(anchor.mst_key, set()).add(anchor.visits)
            self._latest[anchor.mst_key] = max(anchor.visits, self._latest.get(anchor.mst_key, 0))

    def put(self, checkpoint: Checkpoint) -> None:
        """Let a trial's state rest here, in place of the one before unless that is kept."""
        trial, visits = checkpoint.mst_key, checkpoint.visits
        size, sizes = len(checkpoint.state), self._sizes.setdefault(trial, {})
        self._release(trial, visits)
        self._resting[trial, visits] = checkpoint
        self._in_memory += size
        self._live += size - sizes.get(visits, 0)
        self._latest[trial], sizes[visits] = visits, size
        self._unsaved.setdefault(trial, set()).add(visits)
        self._drop_others(trial)

    def keep(self, trial: int, visits: Iterable[int]) -> frozenset[int]:
        """Keep these of a trial's states beside the latest one, and no others; return those that are not there."""
        self._kept[trial] = frozenset(visits)
        self._drop_others(trial)
        there = self._spilled.get(trial, set())
        return frozenset(each for each in self._kept[trial] if (trial, each) not in self._resting and each not in there)

    def get(self, trial: int, visits: int | None = None) -> Raw | None:
        """Return a trial's latest state, None if it has not begun; or the one that it had after so many visits."""
        which = self._latest.get(trial) if visits is None else visits
        if which is None:
            return None
        return self._resting[trial, which].state if (trial, which) in self._resting else self._read(trial, which)

    def marks(self, trial: int, writing: Iterable[Checkpoint] = ()) -> list[int]:
        """Return which of a trial's states the record is to say that it keeps: those kept now, once it has all of them.

        Args:
            writing: what is written together with this word.
        """
        kept = self._kept.get(trial, frozenset())
        missing = self._unsaved.get(trial, set()) - {each.visits for each in writing if each.mst_key == trial}
        if not kept & missing:
            self._marks[trial] = kept
        return sorted(self._marks.get(trial, ()))

    def fills_memory_twice(self, trial: int) -> bool:
        """Whether a trial's state is being written, and there is no room for the next one beside it."""
        resting = self._resting.get((trial, self._latest.get(trial, 0)))
        writing = resting is not None and any(each is resting for each in self._in_writing)
        return resting is not None and writing and self._in_memory + len(resting.state) > self._memory

    def urge(self, trial: int) -> None:
        """Have a trial's state written with what is written next."""
        self._urgent.add(trial)

    def to_write(self, *, all_of_them: bool = False) -> list[Checkpoint]:
        """Return states to be written next, which are some together, as far as that takes little memory.

        Args:
            all_of_them: whatever the allowance.
        """
        chosen = [trial for trial in self._unsaved if trial in self._urgent]
        size = sum(map(self._unsaved_size, chosen))
        if all_of_them or self._allowance.reaches:
            for trial in self._unsaved:
                if size > TOGETHER:
                    break
                if trial not in self._urgent:
                    chosen.append(trial)
                    size += self._unsaved_size(trial)
        self._urgent.clear()
        self._allowance.spend(size)
        # Those that are kept with the latest one: a run that is resumed goes on from that, and needs them.
        return self._begun([(trial, visits) for trial in chosen for visits in sorted(self._unsaved[trial])])

    def in_the_way(self) -> list[Checkpoint]:
        """Drop the states from memory that have rested longest and are saved; return one that must be written first."""
        while self.excess:
            trial, visits = next(iter(self._resting))  # one that is kept has rested longer than what came after it
            if visits in self._unsaved.get(trial, ()):
                self._allowance.spend(self._sizes[trial][visits])
                return self._begun([(trial, visits)])
            self._release(trial, visits)
            self._spilled.setdefault(trial, set()).add(visits)
        return []

    def written(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Note that states have been written and committed; there may be later ones by now."""
        self._in_writing = []
        for checkpoint in checkpoints:
            if self._resting.get((checkpoint.mst_key, checkpoint.visits)) is checkpoint:
                self._saved(checkpoint.mst_key, checkpoint.visits)

    def _begun(self, states: Sequence[tuple[int, int]]) -> list[Checkpoint]:
        self._in_writing = [self._resting[state] for state in states]
        return list(self._in_writing)

    def _release(self, trial: int, visits: int) -> None:
        """Let go of a state that may rest in memory."""
        released = self._resting.pop((trial, visits), None)
        if released is not None:
            self._in_memory -= len(released.state)

    def _unsaved_size(self, trial: int) -> int:
        return sum(self._sizes[trial][visits] for visits in self._unsaved[trial])

    def _saved(self, trial: int, visits: int) -> None:
        unsaved = self._unsaved.get(trial, set())
        unsaved.discard(visits)
        if not unsaved:
            self._unsaved.pop(trial, None)

    def _drop_others(self, trial: int) -> None:
        """Drop a trial's states that are neither the latest nor kept."""
        needed = {self._latest.get(trial), *self._kept.get(trial, ())}
        for visits in [each for each in self._sizes.get(trial, ()) if each not in needed]:
            self._release(trial, visits)
            self._live -= self._sizes[trial].pop(visits)
            self._saved(trial, visits)
        self._spilled[trial] = self._spilled.get(trial, set()) & needed
