"""TensorFlow inside a database backend: importing it, its threads, its signals, its cancel key.

TensorFlow is imported in the background, so every thread that it starts blocks the backend's signals, as the one that imports
does. The import (some seconds) can be cancelled; it then goes on when the next call waits for it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_seg.protocol.hosts import Readiness
from keras_seg.server.background import Background
from keras_seg.server.gpus import program
from keras_seg.server.lean_import import lean_import

_INSTALL = "Run deploy/install of keras_automl on the host of the server, as root."
_INSTALL_CUDA = (
    "Install NVIDIA's libraries beside TensorFlow on this host, as root: {pip} install 'tensorflow[and-cuda]=={version}';"
    " madlib.gpu_configuration('t', 'tensorflow') lists what it can use."
)
_INSTALL_GPU = (
    "It is the one for processors alone. Run deploy/install --gpu of keras_automl on this host, as root, which takes"
    " the other one, and reconnect."
)


class RuntimeProblem(RuntimeError):
    """TensorFlow cannot be used here; the message says what is missing.

    Attributes:
        hint: how to mend it.
    """

    def __init__(self, message: str, hint: str = _INSTALL) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class Runtime:
    """The import of TensorFlow, under way or done.

    Attributes:
        threads: threads of each of TensorFlow's pools; part of what makes results the same bits.
        gpus: the GPUs that it sees, as CUDA_VISIBLE_DEVICES names them.
        seconds: how long the import took.
    """

    threads: int
    gpus: tuple[str, ...] = ()
    seconds: float = 0.0
    _under_way: Background[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Begin the import in the background."""
        self._under_way = self._under_way or Background(self._import, "import tensorflow")

    def wait(self, interrupt: Callable[[], None]) -> None:
        """Wait for the import, looking for a cancellation all the while.

        Raises:
            RuntimeProblem: it failed.
        """
        self.start()
        assert self._under_way is not None
        self._under_way.wait(interrupt)

    def readiness(self) -> Readiness:
        """Return what a run records about the place where it ran."""
        import keras
        import numpy
        import tensorflow

        return Readiness(
            python=sys.version.split()[0],
            tensorflow=tensorflow.__version__,
            keras=keras.__version__,
            numpy=numpy.__version__,
            threads=self.threads,
            gpus=self.gpus,
            pid=os.getpid(),
            import_seconds=round(self.seconds, 3),
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )

    def _import(self) -> None:
        begin = time.perf_counter()
        try:
            _import_tensorflow(self.threads, self.gpus)
        except RuntimeProblem:
            raise
        except BaseException as problem:
            raise RuntimeProblem(
                f"TensorFlow cannot be imported from {Path(__file__).parents[2]} by the server's Python"
                f" {sys.version.split()[0]}: {problem}"
            ) from problem
        self.seconds = time.perf_counter() - begin


def _import_tensorflow(threads: int, gpus: tuple[str, ...]) -> None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the order in which devices.py numbers them
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus) if gpus else "-1"
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("KERAS_HOME", "/nonexistent")  # ~/.keras/keras.json of the server's user must not change results
    with lean_import():
        with _own_symbols():
            import tensorflow as tf
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            raise RuntimeError("something else in this session uses it already, with other threads; reconnect") from None
        _take_gpus(tf, gpus)
        # Rewriting graphs costs each program 0.1 s when it is compiled and gains nothing measurable in training.
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        import keras

        keras.config.disable_traceback_filtering()
        tf.constant(1.0) + 1.0  # starts the thread pools, here where signals are blocked


def _take_gpus(tf: Any, gpus: tuple[str, ...]) -> None:
    """Have TensorFlow take a GPU's memory as it needs it, so that sessions can share one; raise where it sees none."""
    there = tf.config.list_physical_devices("GPU")
    if len(there) < len(gpus):
        raise RuntimeProblem(
            f"TensorFlow {tf.__version__} on {socket.gethostname()} cannot use the GPU {', '.join(gpus)} that the driver shows",
            _INSTALL_CUDA.format(pip=program("pip"), version=tf.__version__) if tf.test.is_built_with_cuda() else _INSTALL_GPU,
        )
    for gpu in there:
        tf.config.experimental.set_memory_growth(gpu, True)


@contextmanager
def _own_symbols() -> Iterator[None]:
    """While this lasts, libraries are loaded so that TensorFlow and PostgreSQL's JIT compiler can live in one process.

    Both hold an LLVM, of different versions. Each calls into the other one's and crashes, unless PostgreSQL's is there first
    and TensorFlow's libraries look for symbols among themselves before they look elsewhere.
    """
    compiler = _jit_compiler()
    if compiler is not None:
        with suppress(OSError):  # where it cannot be loaded, PostgreSQL does without it too
            ctypes.CDLL(str(compiler), os.RTLD_NOW | os.RTLD_GLOBAL)
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_DEEPBIND)
    try:
        yield
    finally:
        sys.setdlopenflags(flags)


def _jit_compiler() -> Path | None:
    """Return PostgreSQL's JIT compiler, which lies beside PL/Python; None in a process that is no backend or has none."""
    with open("/proc/self/maps") as lines:
        languages = {Path(line.split(maxsplit=5)[5].strip()) for line in lines if "/plpython3.so" in line}
    found = [language.with_name("llvmjit.so") for language in languages]
    return next((path for path in found if path.is_file()), None)
