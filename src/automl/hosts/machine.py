"""What the server's machine carries."""

from __future__ import annotations

import os
from dataclasses import dataclass

from keras_seg.protocol.limits import SESSION_BYTES
from keras_seg.server.memory import free_memory, whole_memory


@dataclass(frozen=True)
class Machine:
    """What the server's machine carries.

    Attributes:
        sessions: that can train at the same time: one a processor, as far as the memory that is free now reaches.
        memory: bytes that could be taken now without swapping.
        total_sessions: that can train at the same time for all callers together: as far as half of its memory reaches, and
            one a processor at least.
    """

    sessions: int
    memory: int
    total_sessions: int


def spare_memory() -> bool:
    """Whether a fourth of the memory is free: enough to let something stay there that nobody needs now."""
    return 4 * free_memory() >= whole_memory()


def this_machine() -> Machine:
    """Return what the machine of this backend carries now."""
    memory, processors = free_memory(), len(os.sched_getaffinity(0))
    most = max(processors, whole_memory() // 2 // SESSION_BYTES)
    return Machine(max(1, min(processors, memory // SESSION_BYTES)), memory, most)
