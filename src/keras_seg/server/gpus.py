"""The GPUs of this host, found without importing TensorFlow into this process.

The driver says what there is: `nvidia-smi -L`, or its files below /proc where that program is missing. What TensorFlow can
use of it is asked of a Python of its own, which ends afterwards: importing TensorFlow here would decide for the whole life of
the session which devices it sees.

If the server was started with CUDA_VISIBLE_DEVICES, the GPUs that it names are all there are.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from keras_seg.protocol.hosts import Gpu, GpuReport

Interrupt = Callable[[], None]

_POLL = 0.1  # seconds between two looks for a cancellation
_PROC = Path("/proc/driver/nvidia/gpus")
_LINE = re.compile(r"\s*(GPU|MIG)\s+(.+?):\s*(?:(.+?)\s*)?\(UUID: ([^)\s]+)\)")
_FACT = re.compile(r"^(Model|GPU UUID):\s*(.+?)\s*$", re.M)
# As the server was started: TensorFlow's import in this process replaces it.
_GIVEN = os.environ.get("CUDA_VISIBLE_DEVICES")
_ASK_TENSORFLOW = """
from keras_seg.server.lean_import import lean_import
with lean_import():
    import tensorflow as tf
for number, device in enumerate(tf.config.list_physical_devices("GPU")):
    details = tf.config.experimental.get_device_details(device)
    capability = ".".join(map(str, details.get("compute_capability", ())))
    print(f"device: {number}, name: {details.get('device_name', 'unknown')}, compute capability: {capability or 'unknown'}")
"""


class DeviceProblem(RuntimeError):
    """The GPUs of this host cannot be told; the message says why."""


def gpus(source: str, interrupt: Interrupt) -> GpuReport:
    """Return the GPUs of this host.

    Args:
        source: 'nvidia' for those that the driver knows, 'tensorflow' for those that TensorFlow can use; the latter have no
            names.
    """
    host = socket.gethostname()
    try:
        return GpuReport(host, tuple(of_tensorflow(interrupt) if source == "tensorflow" else of_driver(interrupt)))
    except DeviceProblem as problem:
        return GpuReport(host, problem=str(problem))


def of_driver(interrupt: Interrupt) -> list[Gpu]:
    """Return the GPUs that the driver knows and that the server may use, in the order of their places on the bus."""
    program = shutil.which("nvidia-smi")
    said = None if program is None else _said([program, "-L"], interrupt)
    there = listed(said[0]) if said else []
    return visible(there or described(_information()), _GIVEN)


def of_tensorflow(interrupt: Interrupt) -> list[Gpu]:
    """Return the GPUs that TensorFlow can use.

    Raises:
        DeviceProblem: TensorFlow cannot be imported.
    """
    lines, problem = _said([program("python3"), "-I", "-c", _ASK_TENSORFLOW], interrupt) or ("", "Python cannot be started")
    if problem:
        raise DeviceProblem(f"TensorFlow cannot be asked: {problem}")
    return [Gpu("", line) for line in lines.splitlines()]


def listed(text: str) -> list[Gpu]:
    """Read what `nvidia-smi -L` prints; the parts of a GPU that is divided (MIG) take its place.

    >>> listed("GPU 0: NVIDIA H100 (UUID: GPU-5d5b)")
    [Gpu(name='GPU-5d5b', description='GPU 0: NVIDIA H100')]
    """
    found: list[Gpu] = []
    whole: Gpu | None = None
    for kind, number, model, uuid in _LINE.findall(text):
        title = f"{kind} {' '.join(number.split())}"
        if kind == "GPU":
            whole = Gpu(uuid, f"{title}: {model}")
            found.append(whole)
            continue
        if whole in found:
            found.remove(whole)
        found.append(Gpu(uuid, f"{whole.description}, {title}" if whole else title))
    return found


def described(files: Sequence[str]) -> list[Gpu]:
    """Read the driver's files, one a GPU, in the order of their places on the bus.

    One that has not been used since the machine started has no UUID yet: then all are named by their numbers.
    """
    facts = [dict(_FACT.findall(text)) for text in files]
    uuids = [each.get("GPU UUID", "?") for each in facts]
    names = [str(number) for number in range(len(facts))] if any("?" in uuid for uuid in uuids) else uuids
    return [
        Gpu(name, f"GPU {number}: {each.get('Model', 'unknown')}")
        for number, (name, each) in enumerate(zip(names, facts, strict=True))
    ]


def visible(there: Sequence[Gpu], given: str | None) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves: by number or by the beginning of their UUID, up to the first unknown.

    >>> [gpu.name for gpu in visible([Gpu("GPU-aa", ""), Gpu("GPU-bb", "")], "1")]
    ['GPU-bb']
    """
    if given is None:
        return list(there)
    left: list[Gpu] = []
    for token in (part.strip() for part in given.split(",")):
        named = [gpu for at, gpu in enumerate(there) if token == str(at) or (token and gpu.name.startswith(token))]
        if len(named) != 1 or named[0] in left:
            break
        left += named
    return left


def _information() -> list[str]:
    texts = []
    with suppress(OSError):
        for place in sorted(_PROC.iterdir()):
            texts.append((place / "information").read_text())
    return texts


def program(name: str) -> str:
    """Return the path of a program of the environment that this package lies in; its name where it lies in none."""
    path = Path(__file__).parent.joinpath(*5 * ("..",)).resolve() / "bin" / name
    return str(path) if path.is_file() else name


def _said(command: Sequence[str], interrupt: Interrupt) -> tuple[str, str] | None:
    """Return what a program prints, and the last line of its complaint if it fails; None if it cannot be started.

    A cancellation ends the program.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    if _GIVEN is not None:
        environment["CUDA_VISIBLE_DEVICES"] = _GIVEN
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=nothing, stdout=pipe, stderr=pipe, text=True, env=environment)
    except OSError:
        return None
    with process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    out, complaint = process.communicate(timeout=_POLL)
                    break
                interrupt()
        except BaseException:
            process.kill()
            raise
    return out, (complaint.strip().splitlines() or ["unknown"])[-1] if process.returncode else ""
