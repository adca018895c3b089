"""Work in a thread that no signal reaches, and the postmaster that a backend loses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_seg.server.background import Background, away


class Cancelled(Exception):
    """What a test's cancellation raises."""


def never() -> None:
    """No cancellation is pending."""


def at_once() -> None:
    raise Cancelled


def test_it_comes_to_what_the_work_comes_to() -> None:
    assert away(lambda: 6 * 7, "work", never) == 42


def test_it_raises_what_the_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        away(lambda: 1 / 0, "work", never)


def test_no_signal_reaches_the_thread_and_the_mask_is_as_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    blocked = away(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), "work", never)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT} <= blocked
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_cancellation_does_not_wait_for_the_work() -> None:
    over = threading.Event()
    work: Background[bool] = Background(lambda: over.wait(30), "work")
    begin = time.monotonic()
    with pytest.raises(Cancelled):
        work.wait(at_once)
    assert time.monotonic() - begin < 1
    over.set()
    assert work.wait(never) is True  # it went on, and whoever waits next has its answer


CHILD = """
import sys, time
from keras_seg.server.postmaster import is_gone
print(is_gone(), flush=True)
while not is_gone():
    time.sleep(0.01)
print("gone", flush=True)
"""


@pytest.fixture
def backend(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """A function that makes a process, and one of that in a directory of data whose file has these words for the first."""

    def make(words: str) -> subprocess.Popen[str]:
        source = Path(__file__).parent.parent / "src"
        postmaster = (
            "import os, subprocess, sys, time\n"
            f"open('postmaster.pid', 'w').write({words})\n"
            "subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
            "time.sleep(60)\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(source)}
        command = [sys.executable, "-c", postmaster, CHILD]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    return make


def test_a_backend_hears_that_its_postmaster_was_killed(backend: Callable[[str], subprocess.Popen[str]]) -> None:
    with backend("f'{os.getpid()}\\n/data\\n'") as postmaster:
        assert postmaster.stdout is not None
        assert postmaster.stdout.readline() == "False\n"
        postmaster.kill()
        assert postmaster.stdout.readline() == "gone\n"


def test_a_process_that_no_postmaster_has_made_never_loses_one() -> None:
    program = "from keras_seg.server.postmaster import is_gone; print(is_gone())"
    source = Path(__file__).parent.parent / "src"
    said = subprocess.run(
        [sys.executable, "-c", program], cwd="/", env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, text=True
    )
    assert said.stdout == "False\n"
