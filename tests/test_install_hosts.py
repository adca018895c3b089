"""The list of hosts that deploy/install-hosts reads, with a program in the place of ssh that notes whom it was to reach."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "deploy" / "install-hosts"
SSH = """#!/bin/sh
cat >/dev/null
echo "$1" >>"$NOTES"
[ "$1" != root@broken ]
"""

Run = Callable[[str], tuple[int, str, list[str]]]


@pytest.fixture
def install(tmp_path: Path) -> Run:
    """Give a call that installs on the hosts of a text: the exit status, what was said, and whom ssh was to reach."""
    ssh, hosts, notes = tmp_path / "ssh", tmp_path / "hosts", tmp_path / "notes"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    notes.touch()

    def run(text: str) -> tuple[int, str, list[str]]:
        hosts.write_bytes(text.encode())
        environment = {**os.environ, "AUTOML_SSH": str(ssh), "NOTES": str(notes)}
        done = subprocess.run(
            [SCRIPT, "--hosts", hosts], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr, notes.read_text().split()

    return run


def test_blank_lines_comments_carriage_returns_and_a_host_twice(install: Run) -> None:
    status, _, reached = install("# all\r\n\r\n  one # first\r\ntwo\r\none\r\n10.0.0.3")
    assert (status, reached) == (0, ["root@one", "root@two", "root@10.0.0.3"])


@pytest.mark.parametrize("line", ["two three", "-oProxyCommand=x", "$(id)", "root@two"])
def test_a_wrong_line_is_told_before_any_host_is_touched(install: Run, line: str) -> None:
    status, said, reached = install(f"one\n{line}\n")
    assert (status, reached) == (1, [])
    assert f"must have the name or address of one host a line, got '{line}'" in said


def test_a_file_without_a_host(install: Run) -> None:
    status, said, reached = install("# none yet\n")
    assert (status, reached) == (1, [])
    assert "has no host: write one a line" in said


def test_a_host_that_fails_keeps_none_from_it(install: Run) -> None:
    status, said, reached = install("one\nbroken\nthree\n")
    assert (status, reached) == (1, ["root@one", "root@broken", "root@three"])
    assert "installed on 2 of 3 hosts, not on: broken; mend what each says above, then run this again" in said
