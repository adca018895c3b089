"""Where trials train: sessions that take an order and give an answer.

In reading order:

    base        what a run asks of a cluster; the statements that go to a session
    conversation  what is said on a session to have one piece of work done
    driver      psycopg, for use inside a server
    connection  connecting back to the server that called us
    sessions    one database connection a session, all of them at work at the same time
    execution   statements in the form that runs on one segment of Greenplum
    greenplum   a session for each partition, at work on its segment; the same from the caller's own session
    caller      the caller's own session, where no connection back is possible
    opening     opening these for a call
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from keras_seg.inspection import free_memory

_SESSION_MEMORY = 1024**3  # bytes; TensorFlow alone takes about 600 MB


@dataclass(frozen=True)
class Machine:
    """What the server's machine carries.

    Attributes:
        sessions: that can train at the same time: one a processor, as far as the memory that is free now reaches.
        memory: bytes that could be taken now without swapping.
    """

    sessions: int
    memory: int


def this_machine() -> Machine:
    """Return what the machine of this backend carries now."""
    memory = free_memory()
    return Machine(max(1, min(len(os.sched_getaffinity(0)), memory // _SESSION_MEMORY)), memory)
