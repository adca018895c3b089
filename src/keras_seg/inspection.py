"""What a session finds where it runs, told without importing TensorFlow."""

from __future__ import annotations

import json
import os
import platform
import socket
from importlib import metadata
from pathlib import Path

from keras_seg import devices

PACKAGES = ("tensorflow", "keras", "numpy")


def inspect(interrupt: devices.Interrupt) -> str:
    """Return JSON: host, Python, where the packages lie and their versions, processors, free memory in MB, devices."""
    return json.dumps(
        {
            "host": socket.gethostname(),
            "python": platform.python_version(),
            "site": str(Path(__file__).parent.parent),
            "processors": len(os.sched_getaffinity(0)),
            "memory_mb": _free_memory_mb(),
            "gpus": [gpu.description for gpu in devices.of_driver(interrupt)],
            **{package: _version(package) for package in PACKAGES},
        }
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _free_memory_mb() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), None)
