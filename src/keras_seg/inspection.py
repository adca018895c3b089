"""What a session finds where it runs, told without importing TensorFlow."""

from __future__ import annotations

import glob
import json
import os
import platform
import socket
from importlib import metadata
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "numpy")


def inspect() -> str:
    """Return JSON: host, Python, where the packages lie and their versions, processors, free memory in MB, devices."""
    return json.dumps(
        {
            "host": socket.gethostname(),
            "python": platform.python_version(),
            "site": str(Path(__file__).parent.parent),
            "processors": len(os.sched_getaffinity(0)),
            "memory_mb": _free_memory_mb(),
            "gpus": sorted(glob.glob("/dev/nvidia[0-9]*")),
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
