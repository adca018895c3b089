"""What a session finds where it runs, told without importing TensorFlow."""

from __future__ import annotations

import os
import platform
import socket
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from keras_seg.protocol.hosts import Inspection
from keras_seg.server import gpus, memory

TENSORFLOW = ("tensorflow-cpu", "tensorflow")  # without what GPUs need, which is what deploy/install takes, and with it


def inspect(interrupt: gpus.Interrupt) -> Inspection:
    """Return what is found here."""
    return Inspection(
        host=socket.gethostname(),
        site=str(Path(__file__).parents[2]),
        processors=len(os.sched_getaffinity(0)),
        memory_mb=memory.free_memory() // 2**20,
        python=platform.python_version(),
        tensorflow=_version(*TENSORFLOW),
        keras=_version("keras"),
        numpy=_version("numpy"),
        gpus=tuple(gpu.description for gpu in gpus.of_driver(interrupt)),
    )


def _version(*names: str) -> str | None:
    """Return the version of a package, which may be installed under any of these names."""
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return None
