"""What automl_doctor says of a place from what the place says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest

from automl.hosts.doctor import problems
from keras_seg.protocol.hosts import Inspection
from keras_seg.server import inspection

WELL = Inspection("h", "/s", 4, 2500, "3.11.2", "2.21", "3.15", "2.2")


@pytest.mark.parametrize(
    ("differs", "threads", "sharing", "expected"),
    [
        ({}, 1, 0, []),
        ({}, 4, 2, []),
        ({"memory_mb": None}, 1, 3, []),
        ({"memory_mb": 1000}, 1, 0, ["only 1000 MB of memory are free, a session takes 1024"]),
        ({}, 1, 3, ["only 2500 MB of memory are free, each of the 3 segments of this host takes 1024"]),
        ({}, 5, 1, ["keras_automl.threads is 5, and there are 4 processors: RESET keras_automl.threads"]),
        ({"keras": None}, 1, 1, ["keras is missing in /s: run deploy/install on this host, as root"]),
        ({"keras": "3.14"}, 1, 1, ["keras is 3.14 here and 3.15 on the server: run deploy/install on both"]),
    ],
)
def test_problems(differs: dict[str, Any], threads: int, sharing: int, expected: list[str]) -> None:
    assert list(problems(replace(WELL, **differs), WELL, threads, sharing)) == expected


def test_a_place_that_says_nothing_has_one_problem() -> None:
    assert list(problems("it is down", WELL, 9, 9)) == ["it is down"]


def test_a_server_that_says_nothing_is_not_compared_with() -> None:
    assert list(problems(WELL, "it is down", 1, 0)) == []


@pytest.mark.parametrize(
    ("installed", "expected"),
    [({"tensorflow": "2.21.0"}, "2.21.0"), ({"tensorflow-cpu": "2.20.0"}, "2.20.0"), ({}, None)],
)
def test_tensorflow_is_known_by_both_its_names(
    monkeypatch: pytest.MonkeyPatch, installed: Mapping[str, str], expected: str | None
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    assert inspection._version(*inspection.TENSORFLOW) == expected
