"""What a record writes of states, before there is one: its own rules for that, on a clock that exists only as a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from automl.training.rows import Checkpoint
from automl.training.states import Allowance, RestingStates, pause_after, pays_to_tidy
from keras_seg.protocol.parts import Raw

_POSTED = 80 * 2**20  # bytes of states a second that a run hands to the session that writes, about
_LOOK = 1.0  # seconds: as often does a run that waits for visits look at its record


class Writings:
    """The writings of a run's record, as far as they are of states.

    Args:
        memory: bytes of resting states that may stay in memory.
        hourly: bytes of states that may be written in an hour though they could stay there.

    Attributes:
        written: bytes so far.
        most: bytes of all states that counted at the same time, at most.
    """

    def __init__(self, memory: int, hourly: int) -> None:
        self._now = 0.0
        self._states = RestingStates(memory, Allowance(hourly, lambda: self._now), _read)
        self._next = 0.0
        self._spent = 0.0
        self._grown = 0
        self.written = 0
        self.most = 0

    def put(self, trial: int, visits: int, size: int) -> None:
        """Let a trial's state rest, of so many bytes."""
        state = cast(Raw, range(size))  # nothing but its length is asked for
        self._states.put(Checkpoint(trial, 0, visits, state))
        self.most = max(self.most, self._states.live)
        while first := self._states.in_the_way():
            self._write(first)

    def keep(self, trial: int, visits: Iterable[int]) -> None:
        """Keep the states that a trial had after so many visits, and no others beside the latest one."""
        self._states.keep(trial, visits)

    def wait(self, now: float) -> None:
        """Write what rests, turn by turn, while nothing comes until `now` seconds after the run has begun."""
        while self._states.unsaved and (turn := max(self._now + _LOOK, self._next)) < now:
            if not self._take_turn(turn):
                break

    def flush(self, now: float, *, at_once: bool = False) -> None:
        """Write what has come to rest, if it is time to."""
        if at_once:
            self._next = now
        if now >= self._next:
            self._take_turn(now)

    def save(self) -> None:
        """Write all that rests."""
        while states := self._states.to_write(all_of_them=True):
            self._write(states)

    def _take_turn(self, now: float) -> bool:
        """Write, or tidy; return whether there was anything to do."""
        self._now = now
        if pays_to_tidy(self._grown, self._states.live):
            self._grown = 0
            return True
        self._next = now + pause_after(self._spent)
        size = self._write(self._states.to_write())
        self._spent = size / _POSTED
        return size > 0

    def _write(self, states: Sequence[Checkpoint]) -> int:
        size = sum(len(each.state) for each in states)
        self._states.written(states)
        self._grown, self.written = self._grown + size, self.written + size
        return size


def _read(trial: int, visits: int) -> Raw:
    raise AssertionError(f"the state of trial {trial} after {visits} visits was asked for, where there is none")
