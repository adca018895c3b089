"""How long compiled functions run between two looks for a cancellation."""

from __future__ import annotations

from collections.abc import Callable

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
