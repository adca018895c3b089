"""What a session finds where it runs, told without importing TensorFlow."""

from __future__ import annotations

import json
import os
import platform
import socket
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from keras_seg.server import gpus

PACKAGES = ("tensorflow", "keras", "numpy")


def inspect(interrupt: gpus.Interrupt) -> str:
    """Return JSON: host, Python, where the packages lie and their versions, processors, free memory in MB, devices."""
    return json.dumps(
        {
            "host": socket.gethostname(),
            "python": platform.python_version(),
            "site": str(Path(__file__).parents[2]),
            "processors": len(os.sched_getaffinity(0)),
            "memory_mb": free_memory() // 2**20,
            "gpus": [gpu.description for gpu in gpus.of_driver(interrupt)],
            **{package: _version(package) for package in PACKAGES},
        }
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def free_memory() -> int:
    """Return the bytes that could be taken now without swapping."""
    with suppress(OSError), open("/proc/meminfo") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
