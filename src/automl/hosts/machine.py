"""What the server's machine carries."""

from __future__ import annotations

import os
from dataclasses import dataclass

from keras_seg.protocol.limits import SESSION_BYTES
from keras_seg.server.memory import free_memory


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
    return Machine(max(1, min(len(os.sched_getaffinity(0)), memory // SESSION_BYTES)), memory)
