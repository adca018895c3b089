"""How much memory can be taken here: what the host has free, and what the control groups of the process (containers) leave."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_ROOT = Path("/")


class _Limit(NamedTuple):
    """The files of a limit of a group.

    Attributes:
        limit, taken: what the group may take, and takes.
        given_back: counters of `memory.stat` that the kernel gives back as soon as somebody wants memory: pages of files.
    """

    limit: str
    taken: str
    given_back: tuple[str, ...] = ()


class _Version(NamedTuple):
    """Where the groups of a version of Linux' control groups stand, and their limits: of memory, swap, and both together."""

    mount: str
    limits: Mapping[str, _Limit]


_FILES, _ALL_FILES = ("inactive_file", "active_file"), ("total_inactive_file", "total_active_file")
_VERSIONS = {  # by what stands before a group's path in /proc/self/cgroup
    "": _Version(
        "sys/fs/cgroup",
        {
            "memory": _Limit("memory.max", "memory.current", _FILES),
            "swap": _Limit("memory.swap.max", "memory.swap.current"),
        },
    ),
    "memory": _Version(
        "sys/fs/cgroup/memory",
        {
            "memory": _Limit("memory.limit_in_bytes", "memory.usage_in_bytes", _ALL_FILES),
            "both": _Limit("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", _ALL_FILES),
        },
    ),
}


def free_memory(root: Path = _ROOT) -> int:
    """Return the bytes that could be taken now without swapping.

    Args:
        root: below which the files of the kernel stand.
    """
    return max(0, min((_of_host(root), *_of_groups(root, "memory", _room))))


def whole_memory(root: Path = _ROOT) -> int:
    """Return the bytes that there are, whoever has taken them."""
    return min((_meminfo(root).get("MemTotal", 0), *_of_groups(root, "memory", _allowed)))


def free_with_swap(root: Path = _ROOT) -> int:
    """Return the bytes that could be taken now before the kernel ends a process."""
    swap = max(0, min((_meminfo(root).get("SwapFree", 0), *_of_groups(root, "swap", _room))))
    return max(0, min((free_memory(root) + swap, *_of_groups(root, "both", _room))))


def _of_host(root: Path) -> int:
    available = _meminfo(root).get("MemAvailable")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") if available is None else available


def _meminfo(root: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        lines = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
        return {line[0].rstrip(":"): 1024 * int(line[1]) for line in lines}
    return {}


def _of_groups(root: Path, what: str, look: Callable[[Path, _Limit], Iterator[int]]) -> Iterator[int]:
    """Yield what is looked for in each control group that this process is in; those without such a limit are left out.

    Args:
        look: yields it, of a group and its limit.
    """
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            version = _VERSIONS.get("memory" if "memory" in controllers.split(",") else controllers)
            if version is not None and what in version.limits:
                for group in _with_parents(path):
                    yield from look(root / version.mount / group, version.limits[what])


def _with_parents(path: str) -> tuple[Path, ...]:
    """Return a group and those above it; in a container its path may be that of the host, and only the last one be there."""
    group = Path(path.lstrip("/"))
    return (group, *group.parents)


def _room(group: Path, limit: _Limit) -> Iterator[int]:
    with suppress(OSError, ValueError):  # a group that is not there, or a limit that says "max"
        allowed, taken = (int((group / name).read_text()) for name in (limit.limit, limit.taken))
        yield allowed - taken + sum(_counters(group).get(name, 0) for name in limit.given_back)


def _allowed(group: Path, limit: _Limit) -> Iterator[int]:
    with suppress(OSError, ValueError):
        yield int((group / limit.limit).read_text())


def _counters(group: Path) -> dict[str, int]:
    lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    return {name: int(count) for name, count in lines}
