"""The postmaster, whose end is that of all its backends.

A backend that waits for its client, or for a lock, hears of it from the server; one that trains hears nothing. It would go on
for minutes, and hold the memory that it shares with others, without which no server can be started again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

GOING_DOWN = "the server is going down because its postmaster has ended unexpectedly"
HINT = "When it has been started again, madlib.automl_resume goes on with the runs that were under way."


@cache
def _postmaster() -> int | None:
    """Return the process that has made this one, where that is a postmaster: the first line of its file names it."""
    # A backend's working directory is the data directory.
    with suppress(OSError, ValueError, IndexError):
        return int(Path("postmaster.pid").read_text().splitlines()[0])
    return None


def is_gone() -> bool:
    """Return whether this process is a backend whose postmaster has died."""
    postmaster = _postmaster()
    return postmaster is not None and os.getppid() != postmaster
