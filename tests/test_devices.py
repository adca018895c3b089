"""GPUs without a GPU: which session gets which, from an inventory that is made up; and reading what the driver says."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from automl.hosts.assignment import Host, assign_gpus, default_sessions, hosts_without_gpu
from keras_seg.protocol.hosts import Gpu
from keras_seg.server import gpus, runtime
from keras_seg.server.gpus import DeviceProblem, described, listed, visible


def host(gpus: int, name: str = "one") -> Host:
    return Host(name, tuple(f"{name}-{number}" for number in range(gpus)))


def nothing() -> None:
    """No cancellation is pending."""


# --- who gets which -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "sessions", "expected"),
    [
        (1, 3, "000"),
        (2, 1, "0"),
        (2, 2, "01"),
        (2, 5, "01010"),
        (8, 3, "012"),
        (8, 8, "01234567"),
        (8, 10, "0123456701"),
        (2, 0, ""),
    ],
)
def test_the_sessions_of_a_host_take_its_gpus_in_turn(gpus: int, sessions: int, expected: str) -> None:
    assert assign_gpus([host(gpus)] * sessions) == tuple(f"one-{number}" for number in expected)


def test_hosts_with_different_numbers_of_gpus() -> None:
    one, two, four = host(1, "a"), host(2, "b"), host(4, "c")
    by_segment = [one, two, four, one, two, four, one, two, four]
    assert assign_gpus(by_segment) == ("a-0", "b-0", "c-0", "a-0", "b-1", "c-1", "a-0", "b-0", "c-2")


@pytest.mark.parametrize("gpus", [1, 2, 3, 8])
@pytest.mark.parametrize("sessions", [1, 2, 7, 64])
def test_no_gpu_has_two_sessions_more_than_another(gpus: int, sessions: int) -> None:
    shares = Counter(assign_gpus([host(gpus)] * sessions))
    counts = [shares[name] for name in host(gpus).gpus]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == sessions


def test_hosts_without_a_gpu_are_named_once() -> None:
    assert hosts_without_gpu([host(2, "a"), host(0, "b"), host(0, "c"), host(0, "b")]) == ("b", "c")
    assert hosts_without_gpu([host(1), host(8)]) == ()


@pytest.mark.parametrize(("gpus", "sessions", "expected"), [(1, 64, 1), (2, 64, 2), (8, 4, 4), (0, 4, 1)])
def test_one_session_a_gpu_unless_a_setting_says_otherwise(gpus: int, sessions: int, expected: int) -> None:
    assert default_sessions(host(gpus), sessions) == expected


# --- what the driver says -----------------------------------------------------------------------------------------------

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: Tesla P100-PCIE-16GB (UUID: GPU-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
"""
DIVIDED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)
  MIG 1g.5gb      Device  0: (UUID: MIG-bb)
  MIG 1g.5gb      Device  1: (UUID: MIG-cc)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-dd)
"""


def test_reading_the_list_of_the_driver() -> None:
    assert listed(TWO) == [
        Gpu("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", "GPU 0: NVIDIA H100 80GB HBM3"),
        Gpu("GPU-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "GPU 1: Tesla P100-PCIE-16GB"),
    ]
    assert listed("No devices were found\n") == []


def test_the_parts_of_a_divided_gpu_take_its_place() -> None:
    assert listed(DIVIDED) == [
        Gpu("MIG-bb", "GPU 0: NVIDIA A100-SXM4-40GB, MIG 1g.5gb Device 0"),
        Gpu("MIG-cc", "GPU 0: NVIDIA A100-SXM4-40GB, MIG 1g.5gb Device 1"),
        Gpu("GPU-dd", "GPU 1: NVIDIA A100-SXM4-40GB"),
    ]


def test_reading_the_files_of_the_driver() -> None:
    file = "Model: \t\t NVIDIA H100\nIRQ:   \t\t 18\nGPU UUID: \t {}\nDevice Minor: \t 0\n"
    unused = "GPU-????????-????-????-????-????????????"
    assert described([file.format("GPU-aa"), file.format("GPU-bb")]) == [
        Gpu("GPU-aa", "GPU 0: NVIDIA H100"),
        Gpu("GPU-bb", "GPU 1: NVIDIA H100"),
    ]
    # TensorFlow takes UUIDs or numbers, not both.
    assert [gpu.name for gpu in described([file.format("GPU-aa"), file.format(unused)])] == ["0", "1"]
    assert described([]) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ["GPU-aa1", "GPU-aa2", "GPU-bb"]),
        ("", []),
        ("-1", []),
        ("2,0", ["GPU-bb", "GPU-aa1"]),
        ("GPU-bb, GPU-aa2", ["GPU-bb", "GPU-aa2"]),
        ("GPU-b", ["GPU-bb"]),
        ("GPU-a", []),  # which of the two?
        ("0,7,1", ["GPU-aa1"]),  # as CUDA has it: nothing counts behind one that is unknown
        ("1,1", ["GPU-aa2"]),
    ],
)
def test_what_the_server_was_started_with(given: str | None, expected: list[str]) -> None:
    there = [Gpu(name, "") for name in ("GPU-aa1", "GPU-aa2", "GPU-bb")]
    assert [gpu.name for gpu in visible(there, given)] == expected


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_asking_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path, f'[ "$*" = -L ] && cat <<END\n{TWO}END')
    assert gpus.of_driver(nothing) == listed(TWO)


def test_a_driver_that_does_not_work_shows_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpus, "_PROC", tmp_path / "nowhere")
    put_on_path(monkeypatch, tmp_path, "echo 'NVIDIA-SMI has failed' >&2; exit 9")
    assert gpus.of_driver(nothing) == []
    (tmp_path / "nvidia-smi").write_text("not a program")
    assert gpus.of_driver(nothing) == []


def test_a_cancellation_ends_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path, "exec sleep 60")

    def cancelled() -> None:
        raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        gpus.of_driver(cancelled)
    assert time.monotonic() - begin < 10


def test_a_tensorflow_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named tensorflow' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(gpus, "program", lambda name: str(broken))
    with pytest.raises(DeviceProblem, match="TensorFlow cannot be asked: ModuleNotFoundError: No module named tensorflow"):
        gpus.of_tensorflow(nothing)
    broken.write_text("#!/bin/sh\necho 'device: 0, name: NVIDIA H100, compute capability: 9.0'\n")
    assert [gpu.description for gpu in gpus.of_tensorflow(nothing)] == ["device: 0, name: NVIDIA H100, compute capability: 9.0"]


# --- TensorFlow on them -------------------------------------------------------------------------------------------------


def pretended(gpus: list[str], grows: list[str], with_cuda: bool = True) -> Any:
    """What of TensorFlow knows devices, with these of them."""
    experimental = SimpleNamespace(set_memory_growth=lambda gpu, on: grows.append(gpu) if on else None)
    config = SimpleNamespace(list_physical_devices=lambda kind: gpus if kind == "GPU" else [], experimental=experimental)
    test = SimpleNamespace(is_built_with_cuda=lambda: with_cuda)
    return SimpleNamespace(config=config, test=test, __version__="2.21.0")


def test_tensorflow_takes_memory_as_it_needs_it() -> None:
    grows: list[str] = []
    runtime._take_gpus(pretended(["gpu"], grows), ("GPU-aa",))
    assert grows == ["gpu"]
    runtime._take_gpus(pretended([], grows), ())
    assert grows == ["gpu"]


def test_a_gpu_that_tensorflow_cannot_use() -> None:
    with pytest.raises(runtime.RuntimeProblem, match=r"TensorFlow 2\.21\.0 on .* cannot use the GPU GPU-aa") as caught:
        runtime._take_gpus(pretended([], []), ("GPU-aa",))
    assert "install 'tensorflow[and-cuda]==2.21.0'" in caught.value.hint


def test_a_tensorflow_that_can_use_no_gpu() -> None:
    with pytest.raises(runtime.RuntimeProblem, match=r"TensorFlow 2\.21\.0 on .* cannot use the GPU GPU-aa") as caught:
        runtime._take_gpus(pretended([], [], with_cuda=False), ("GPU-aa",))
    assert caught.value.hint.startswith("It is the one for processors alone. Run deploy/install --gpu of keras_automl")
