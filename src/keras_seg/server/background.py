"""Work that a thread of its own does, while the backend looks for a cancellation.

A backend is stopped by signals whose handlers expect the one thread that PostgreSQL knows. So the thread blocks all of them,
and whatever it starts inherits that. It must not touch the server: it imports, or computes.

Whoever is cancelled while it waits leaves the thread alone, for an import that is stopped in the middle cannot be begun again.
It goes on whenever Python runs in this backend, and who needs the same import waits for it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

_POLL = 0.05  # seconds between two looks for a cancellation


class Background(Generic[Answer]):
    """A piece of work that begins at once.

    Args:
        work: what is done.
        name: of the thread.
    """

    def __init__(self, work: Callable[[], Answer], name: str) -> None:
        self._work = work
        self._answers: list[Answer] = []
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._do, daemon=True, name=name)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def wait(self, interrupt: Callable[[], None]) -> Answer:
        """Wait for the end and return what the work has come to, or raise what it has raised.

        Args:
            interrupt: raises a cancellation that is pending; called all the while, and once at least.
        """
        alive = True
        while alive:
            self._thread.join(_POLL)
            alive = self._thread.is_alive()
            interrupt()
        if self._problem is not None:
            raise self._problem
        return self._answers[0]

    def _do(self) -> None:
        try:
            self._answers.append(self._work())
        except BaseException as problem:
            self._problem = problem


def away(work: Callable[[], Answer], name: str, interrupt: Callable[[], None]) -> Answer:
    """Have work done by a thread of its own and return what it has come to; arguments as those of Background."""
    return Background(work, name).wait(interrupt)
