"""What a session finds where it runs, told without importing TensorFlow."""

from __future__ import annotations

import os
import platform
import socket
from importlib import metadata
from pathlib import Path

from keras_seg.protocol.hosts import Inspection
from keras_seg.server import gpus, memory


def inspect(interrupt: gpus.Interrupt) -> Inspection:
    """Return what is found here."""
    return Inspection(
        host=socket.gethostname(),
        site=str(Path(__file__).parents[2]),
        processors=len(os.sched_getaffinity(0)),
        memory_mb=memory.free_memory() // 2**20,
        python=platform.python_version(),
        tensorflow=_version("tensorflow"),
        keras=_version("keras"),
        numpy=_version("numpy"),
        gpus=tuple(gpu.description for gpu in gpus.of_driver(interrupt)),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
