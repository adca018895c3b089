"""Memory: how much is free, how much training takes at least, and what is said where it does not reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from automl.training.memory import OutOfMemory
from fix_search import sequential
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.estimates import Footprint, Load, Shortage
from keras_seg.protocol.orders import CompileOrder, NetworkCheck
from keras_seg.server.memory import free_memory, free_with_swap, whole_memory
from keras_seg.session import shortage as under_test
from keras_seg.session.cache import Cache
from keras_seg.training.optimizers import slots

MB = 2**20

# --- what is free -------------------------------------------------------------------------------------------------------

HOST = "MemTotal: 8192 kB\nMemAvailable: 4096 kB\nSwapFree: 1024 kB\nHugePages_Total: 0\n"
OLD, NEW = "9:cpu,memory:/docker/a\n0::/\n", "0::/pod/a\n"
LEFT = "cache 7\ninactive_file 1\ntotal_inactive_file 300\ntotal_active_file 40\n"


def files(root: Path, texts: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def old_group(path: str, limit: int, taken: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/memory/{path}"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{taken}\n",
        f"{folder}/memory.stat": LEFT,
    }


def new_group(path: str, limit: str, taken: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/{path}"
    stat = "anon 9\ninactive_file 20\nactive_file 3\n"
    return {f"{folder}/memory.max": limit, f"{folder}/memory.current": f"{taken}\n", f"{folder}/memory.stat": stat}


@pytest.mark.parametrize(
    ("groups", "limits", "free"),
    [
        ("", {}, 4096 * 1024),
        (OLD, {}, 4096 * 1024),
        (OLD, old_group("docker/a", 2**63 - 4096, 500), 4096 * 1024),
        (OLD, old_group("docker/a", 1000, 500), 840),  # what the pages of files take is given back
        (OLD, {**old_group("docker/a", 1000, 500), **old_group("docker", 600, 550)}, 390),  # its parent has less
        (OLD, old_group("", 700, 500), 540),  # in a container, which sees its own group where the host has the root
        (OLD, old_group("docker/a", 1000, 1400), 0),
        (NEW, new_group("pod/a", "max\n", 500), 4096 * 1024),
        (NEW, new_group("pod/a", "1000\n", 500), 523),
        (NEW, {**new_group("pod/a", "max\n", 500), **new_group("pod", "800\n", 500)}, 323),
        ("nonsense\n", old_group("", 700, 500), 4096 * 1024),
    ],
)
def test_free_is_what_host_and_control_groups_leave(tmp_path: Path, groups: str, limits: dict[str, str], free: int) -> None:
    root = files(tmp_path, {"proc/meminfo": HOST, "proc/self/cgroup": groups, **limits})
    assert free_memory(root) == free


def old_swap(path: str, limit: int, taken: int) -> dict[str, str]:
    """A limit of memory and swap together."""
    folder = f"sys/fs/cgroup/memory/{path}"
    return {f"{folder}/memory.memsw.limit_in_bytes": f"{limit}\n", f"{folder}/memory.memsw.usage_in_bytes": f"{taken}\n"}


def new_swap(path: str, limit: str, taken: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/{path}"
    return {f"{folder}/memory.swap.max": limit, f"{folder}/memory.swap.current": f"{taken}\n"}


OLD_GROUP, NEW_GROUP = old_group("docker/a", 1000, 500), new_group("pod/a", "1000\n", 500)  # leave 840 and 523


@pytest.mark.parametrize(
    ("groups", "limits", "free"),
    [
        ("", {}, 5120 * 1024),
        (OLD, OLD_GROUP, 840 + 1024 * 1024),  # a kernel that does not count swap
        (OLD, {**OLD_GROUP, **old_swap("docker/a", 2**63 - 4096, 600)}, 840 + 1024 * 1024),
        (OLD, {**OLD_GROUP, **old_swap("docker/a", 1000, 500)}, 840),
        (OLD, {**OLD_GROUP, **old_swap("docker/a", 1500, 600)}, 1240),
        (NEW, NEW_GROUP, 523 + 1024 * 1024),  # a kernel that does not count swap
        (NEW, {**NEW_GROUP, **new_swap("pod/a", "max\n", 10)}, 523 + 1024 * 1024),
        (NEW, {**NEW_GROUP, **new_swap("pod/a", "0\n", 0)}, 523),
        (NEW, {**NEW_GROUP, **new_swap("pod/a", "100\n", 30)}, 593),
        (NEW, {**NEW_GROUP, **new_swap("pod/a", "100\n", 300)}, 523),  # the limit was lowered
        (NEW, {**NEW_GROUP, **new_swap("pod/a", "max\n", 0), **new_swap("pod", "50\n", 10)}, 563),  # its parent has less
        (NEW, new_swap("pod/a", "0\n", 0), 4096 * 1024),
    ],
)
def test_swap_is_free_as_far_as_control_groups_leave_it(tmp_path: Path, groups: str, limits: dict[str, str], free: int) -> None:
    assert free_with_swap(files(tmp_path, {"proc/meminfo": HOST, "proc/self/cgroup": groups, **limits})) == free


@pytest.mark.parametrize(
    ("groups", "limits", "whole"),
    [
        ("", {}, 8192 * 1024),
        (OLD, {**old_group("docker/a", 2**63 - 4096, 500), **old_group("docker", 6000, 550)}, 6000),
        (NEW, {**new_group("pod/a", "1000\n", 900), **new_group("pod", "max\n", 900)}, 1000),
    ],
)
def test_what_is_taken_counts_as_memory(tmp_path: Path, groups: str, limits: dict[str, str], whole: int) -> None:
    assert whole_memory(files(tmp_path, {"proc/meminfo": HOST, "proc/self/cgroup": groups, **limits})) == whole


def test_a_kernel_that_tells_nothing_has_free_pages(tmp_path: Path) -> None:
    assert free_memory(tmp_path) > 0
    assert free_memory() > 0


# --- what training takes ------------------------------------------------------------------------------------------------

ADAM, SGD = Footprint(100, 300), Footprint(100, 100)


@pytest.mark.parametrize(
    ("footprint", "trials", "load", "needed"),
    [
        (ADAM, 1, Load(1, 1000), 900),  # a session takes 600, one state rests
        (ADAM, 1, Load(4, 1000), 900),  # one trial keeps one session busy
        (ADAM, 20, Load(4, 1000), 3400),  # four sessions, and as many states as may rest
        (ADAM, 2, Load(4, 1000), 1800),
        (ADAM, 20, Load(4, 0), 2700),  # the latest state always rests
        (SGD, 20, Load(2, 10), 900),
        (SGD, 0, Load(2, 10), 500),  # what only might be drawn counts as one
        (Footprint(4, 12), 1, Load(1, 2**27), 36),
    ],
)
def test_what_training_takes_at_least(footprint: Footprint, trials: int, load: Load, needed: int) -> None:
    assert footprint.needed(trials, load) == needed


@pytest.mark.parametrize(
    ("optimizer", "params", "count"),
    [
        ("sgd", {}, 0), ("SGD", {"momentum": 0.9}, 1), ("Adam", {"lr": 0.1, "decay": 0.1}, 2), ("Adam", {"amsgrad": True}, 3),
        ("RMSprop", {}, 1), ("Adagrad", {}, 1), ("Adadelta", {}, 2), ("Ftrl", {}, 2), ("Lion", {}, 1), ("Lamb", {}, 2),
    ],
)  # fmt: skip
def test_how_many_numbers_an_optimizer_keeps_for_a_weight(optimizer: str, params: dict[str, Any], count: int) -> None:
    assert slots(optimizer, params) == count


# --- what a session says ------------------------------------------------------------------------------------------------

NETWORK = sequential(("Dense", {"units": 1023, "batch_input_shape": [None, 1024]}))  # 4 MB: 1024 * 1023 + 1023 weights
CHECK = NetworkCheck("model_id 3", "m", CompileOrder("Adam", {}, "mse"), trials=100)
FOOTPRINT = Footprint(4_194_300, 3 * 4_194_300)


@pytest.mark.parametrize(("load", "free", "is_missing"), [
    (None, 0, False),
    (Load(1, 0), 0, False),  # 36 MB: nobody is refused for so little
    (Load(20, 0), 2**28, True),  # 20 * 24 MB + 12 MB
    (Load(20, 0), 492 * MB, False),
    (Load(20, 2**29), 492 * MB, True),
])  # fmt: skip
def test_a_session_tells_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, load: Load | None, free: int, is_missing: bool
) -> None:
    cache = Cache(definitions={"m": Definition("m", NETWORK)})
    monkeypatch.setattr(under_test, "free_with_swap", lambda: free)
    found = under_test.shortage(cache, CHECK, load)
    assert found == (Shortage("model_id 3", FOOTPRINT, 100, free) if is_missing else None)


# --- what the caller reads ----------------------------------------------------------------------------------------------

BIG = Footprint(500 * MB, 1500 * MB)


@pytest.mark.parametrize(
    ("trials", "free", "load", "fixed", "said", "hint"),
    [
        (20, 7000, Load(4, 128 * MB), False, "13500 MB of memory in 4 sessions, and 7000", "SET keras_automl.sessions = 1"),
        (20, 8000, Load(4, 128 * MB), False, "13500 MB of memory in 4 sessions, and 8000", "SET keras_automl.sessions = 2"),
        (
            20, 5000, Load(2, 9000 * MB), False, "15000 MB of memory in 2 sessions, and 5000",
            "SET keras_automl.sessions = 1; SET keras_automl.state_memory_mb = 2000",
        ),
        (
            20, 5000, Load(1, 9000 * MB), False, "12000 MB of memory in 1 session, and 5000",
            "SET keras_automl.state_memory_mb = 2000",
        ),
        (
            1, 4000, Load(1, 128 * MB), False, "4500 MB of memory in 1 session, and 4000",
            "Free memory of the server: a session that trains takes 3000 MB, and a trial that rests 1500 MB.",
        ),
        (
            20, 7000, Load(4, 0), True, "13500 MB of memory in 4 sessions, and 7000",
            "Free memory of the server: a session that trains takes 3000 MB, and a trial that rests 1500 MB.",
        ),
    ],
)  # fmt: skip
def test_the_error_names_the_setting_that_helps(trials: int, free: int, load: Load, fixed: bool, said: str, hint: str) -> None:
    small = Shortage("model_id 1", SGD, trials, free * MB)
    error = OutOfMemory("model_arch_table", [small, Shortage("model_id 2", BIG, trials, free * MB)], load, fixed=fixed)
    assert error.message == f"model_arch_table: training model_id 2 takes at least {said} MB are free"
    assert (error.hint, error.sqlstate) == (hint, "53000")
