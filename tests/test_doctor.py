"""What automl_doctor says of a place from what the place says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from automl.hosts.doctor import _problems

WELL = {
    "host": "h",
    "site": "/s",
    "python": "3.11.2",
    "tensorflow": "2.21",
    "keras": "3.15",
    "numpy": "2.2",
    "processors": 4,
    "memory_mb": 2500,
}


@pytest.mark.parametrize(
    ("differs", "threads", "sharing", "problems"),
    [
        ({}, 1, 0, []),
        ({}, 4, 2, []),
        ({"memory_mb": None}, 1, 3, []),
        ({"memory_mb": 1000}, 1, 0, ["only 1000 MB of memory are free, a session takes 1024"]),
        ({}, 1, 3, ["only 2500 MB of memory are free, each of the 3 segments of this host takes 1024"]),
        ({}, 5, 1, ["keras_automl.threads is 5, and there are 4 processors: RESET keras_automl.threads"]),
        ({"keras": None}, 1, 1, ["keras is missing in /s: run deploy/install on this host, as root"]),
        ({"keras": "3.14"}, 1, 1, ["keras is 3.14 here and 3.15 on the server: run deploy/install on both"]),
        ({"problem": "it is down"}, 9, 9, ["it is down"]),
    ],
)
def test_problems(differs: dict[str, Any], threads: int, sharing: int, problems: list[str]) -> None:
    assert list(_problems({**WELL, **differs}, WELL, threads, sharing)) == problems
