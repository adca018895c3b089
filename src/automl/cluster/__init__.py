"""Where trials train: sessions that take an order and give an answer.

In reading order:

    base        what a run asks of a cluster; the statements that go to a session
    connection  connecting back to the server that called us
    sessions    one database connection a session, all of them at work at the same time
    caller      the caller's own session, where no connection back is possible
"""

from __future__ import annotations

import os
from contextlib import suppress

_SESSION_MEMORY = 1024**3  # bytes; TensorFlow alone takes about 600 MB


def usual_sessions() -> int:
    """Return how many sessions this machine carries: one a processor, as far as the memory that is free now reaches."""
    page = os.sysconf("SC_PAGE_SIZE")
    free = page * os.sysconf("SC_AVPHYS_PAGES")
    with suppress(OSError), open("/proc/meminfo") as lines:
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    return max(1, min(len(os.sched_getaffinity(0)), free // _SESSION_MEMORY))
