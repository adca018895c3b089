"""How long compiled functions run between two looks for a cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

_CHUNK_SECONDS = 0.2  # the longest time between two looks for a cancellation, when one batch does not take longer

Interrupt = Callable[[], None]  # looks for a cancellation, and raises if there is one


class Pace:
    """How many batches fit between two looks for a cancellation, learned from how long they took."""

    def __init__(self) -> None:
        self._batches_per_second: float | None = None
        self._traced = False

    @property
    def batches(self) -> int:
        """Batches to run until the next look, at least 1."""
        if self._batches_per_second is None:
            return 1
        return max(1, int(self._batches_per_second * _CHUNK_SECONDS))

    def took(self, batches: int, seconds: float) -> None:
        """Learn from a chunk; nothing from the first one, in which the function was compiled."""
        if self._traced:
            self._batches_per_second = batches / max(seconds, 1e-6)
        self._traced = True

    def parts(self, bounds: np.ndarray, interrupt: Interrupt) -> Iterator[np.ndarray]:
        """Yield bounds of batches (batches + 1,) in parts, each computed before the next is asked for; look after each."""
        start = 0
        while start < len(bounds) - 1:
            part = bounds[start : start + self.batches + 1]
            begin = time.perf_counter()
            yield part
            self.took(len(part) - 1, time.perf_counter() - begin)
            start += len(part) - 1
            interrupt()
