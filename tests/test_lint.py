"""What `make lint` and the hooks of pre-commit run finds nothing to mend."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ["ruff check .", "ruff format --check .", "mypy"]


@pytest.mark.parametrize("command", COMMANDS)
def test_there_is_nothing_to_mend(command: str) -> None:
    words = command.split()
    if importlib.util.find_spec(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed; deploy/install --with-tests does that")
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_the_same_before_a_commit(command: str) -> None:
    assert f"entry: {command}\n" in (ROOT / ".pre-commit-config.yaml").read_text()
    assert command in (ROOT / "Makefile").read_text()
