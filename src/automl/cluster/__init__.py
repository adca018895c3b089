"""Where trials train: sessions that take an order and give an answer.

In reading order:

    base        what a run asks of a cluster; the statements that go to a session
    connection  connecting back to the server that called us
    sessions    one database connection a session, all of them at work at the same time
    caller      the caller's own session, where no connection back is possible
"""

from __future__ import annotations

import os


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))
