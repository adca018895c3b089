"""One row through a network outside of any database: by TensorFlow, or by onnxruntime.

    python -m peers.one_row tensorflow ARCHITECTURE.json WEIGHTS.npy ROW.npy TIMES
    python -m peers.one_row onnxruntime MODEL.onnx ROW.npy TIMES

Prints JSON: the seconds from the import of the library to the first answer, the memory of the process after it, and p50 and p99
of the milliseconds of each further answer; of TensorFlow as Keras calls the model, and compiled.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

from peers.networks import loaded

EAGER = 1000  # calls, each of which takes milliseconds
Forward = Callable[[], object]
Ways = dict[str, tuple[Forward, int | None]]  # with the most calls that are timed


def tensorflow(architecture: str, weights: str, row: str) -> Ways:
    import tensorflow as tf

    model = loaded(architecture, weights)
    x = np.load(row)
    compiled = tf.function(lambda each: model(each, training=False))
    return {
        "called": (lambda: model(x, training=False).numpy(), EAGER),
        "compiled": (lambda: compiled(tf.constant(x)).numpy(), None),
    }


def onnxruntime(model: str, row: str) -> Ways:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: np.load(row)}
    return {"run": (lambda: session.run(None, given), None)}


KINDS: dict[str, Callable[..., Ways]] = {"tensorflow": tensorflow, "onnxruntime": onnxruntime}


def main(kind: str, *arguments: str) -> None:
    *files, times = arguments
    begun = time.perf_counter()
    ways = KINDS[kind](*files)
    told: dict[str, object] = {}
    for name, (forward, most) in ways.items():
        forward()
        told.setdefault("first", time.perf_counter() - begun)
        told.setdefault("memory_mb", memory_mb())
        told[name] = shares(forward, min(int(times), most or int(times)))
    print(json.dumps(told))


def memory_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def shares(forward: Forward, times: int) -> list[float]:
    """Return p50 and p99 of the milliseconds of calls."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        forward()
        found.append(1000 * (time.perf_counter() - begun))
    return [float(each) for each in np.percentile(found, (50, 99))]


if __name__ == "__main__":
    main(*sys.argv[1:])
