"""What a record writes of states, before there is one: its own rules for that, on a clock that exists only as a number."""

from __future__ import annotations

from functools import lru_cache

from automl.training.record import INTERVAL, SHARE, TIDY_LEAST
from automl.training.rows import Checkpoint
from automl.training.states import Allowance, RestingStates
from keras_seg.protocol.parts import Raw

_POSTED = 80 * 2**20  # bytes of states a second that a run hands to the session that writes, about


class Writings:
    """The writings of a run's record, as far as they are of states.

    Args:
        memory: bytes of resting states that may stay in memory.
        hourly: bytes of states that may be written in an hour though they could stay there.
    """

    def __init__(self, memory: int, hourly: int) -> None:
        self._now = 0.0
        self._states = RestingStates(memory, Allowance(hourly, lambda: self._now), _read)
        self._next = 0.0
        self._grown = 0
        self.written = 0

    def put(self, trial: int, visits: int, size: int) -> None:
        """Let a trial's state rest, of so many bytes."""
        self._states.put(Checkpoint(trial, 0, visits, _blank(size)))
        while first := self._states.in_the_way():
            self._write(first)

    def keep(self, trial: int, visits: int) -> None:
        """Keep the state that a trial had after so many visits, and no other beside the latest one."""
        self._states.keep(trial, (visits,))

    def flush(self, now: float, *, at_once: bool = False) -> None:
        """Write what has come to rest, if it is time to, `now` seconds after the run has begun."""
        self._now = now
        if now < self._next and not at_once:
            return
        if self._grown > (self._states.live + TIDY_LEAST) / 8:
            self._grown = 0  # this turn is for tidying
            return
        size = self._write(self._states.to_write())
        self._next = now + max(INTERVAL, SHARE * size / _POSTED)

    def save(self) -> None:
        """Write all that rests."""
        while states := self._states.to_write(all_of_them=True):
            self._write(states)

    def _write(self, states: list[Checkpoint]) -> int:
        size = sum(len(each.state) for each in states)
        self._states.written(states)
        self._grown, self.written = self._grown + size, self.written + size
        return size


@lru_cache
def _blank(size: int) -> bytes:
    """Return a state without anything in it: the kernel gives it no memory until somebody looks."""
    return bytes(size)


def _read(trial: int, visits: int) -> Raw:
    raise AssertionError(f"the state of trial {trial} after {visits} visits was asked for, where there is none")
