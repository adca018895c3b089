"""Waiting without being deaf.

What takes long is a generator of what it waits for. Whoever has it done decides what happens meanwhile: it is gone on with from
time to time, or done to its end with a look for a cancellation ten times a second.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

Answer = TypeVar("Answer")

LOOK = 0.1  # seconds between two looks for a cancellation
READ, WRITE = select.POLLIN, select.POLLOUT


@dataclass(frozen=True)
class Wait:
    """What something waits for: a socket, or a moment, whichever comes first.

    Attributes:
        descriptor: of the socket; None for the moment alone.
        events: `READ`, `WRITE` or both.
        until: the moment, as `time.monotonic` tells it.
    """

    descriptor: int | None = None
    events: int = 0
    until: float = math.inf


Waiting = Generator[Wait, None, Answer]


def ready(wait: Wait, seconds: float) -> bool:
    """Wait for something, no longer than so many seconds; return whether it has come."""
    left = max(0.0, min(seconds, wait.until - time.monotonic()))
    if wait.descriptor is None:
        time.sleep(left)
        return time.monotonic() >= wait.until
    poll = select.poll()
    poll.register(wait.descriptor, wait.events)
    return bool(poll.poll(math.ceil(1000 * left))) or time.monotonic() >= wait.until


def run_through(work: Waiting[Answer], interrupt: Callable[[], None], until: float = math.inf) -> Answer:
    """Do a piece of work to its end.

    Args:
        interrupt: raises a cancellation that is pending.
        until: the moment when it must have come to its end.

    Raises:
        TimeoutError: it has not.
    """
    wait, looked = Wait(until=0.0), time.monotonic()
    while True:
        come = ready(wait, min(LOOK, max(0.0, until - time.monotonic())))
        if time.monotonic() - looked >= LOOK:
            interrupt()
            looked = time.monotonic()
        if time.monotonic() >= until:
            work.close()
            raise TimeoutError
        if come:
            try:
                wait = next(work)
            except StopIteration as end:
                answer: Answer = end.value
                return answer


def pause(seconds: float) -> Waiting[None]:
    """Wait for nothing but the time."""
    yield Wait(until=time.monotonic() + seconds)
