"""What importing TensorFlow is made of, as `python -X importtime` tells it: as anybody imports it, and as a session does.

`python bench/importing.py 1` takes it once, and no medians of three.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from common import table

ROUNDS = 3
PLAIN = "import tensorflow, keras"
LEAN = "from keras_seg.server.runtime import Runtime; Runtime(1).wait(lambda: None)"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
# Parts by how their modules are called; the first that fits has a module.
PARTS: Mapping[str, str] = {
    "keras_automl": r"(automl|keras_seg)\b",
    "TensorFlow's libraries of C++": r"tensorflow\.python\.(\w+\.)*_?pywrap_",
    "its public names, which only hand on what others define": r"tensorflow\._api\.",
    "the Keras that TensorFlow carries, feature columns": r"tensorflow\.python\.(keras|feature_column)\b",
    "the rest of TensorFlow": r"tensorflow\b",
    "Keras 3": r"keras\b",
    "numpy, ml_dtypes": r"(numpy|ml_dtypes)\b",
    "scipy, sklearn and pandas, which wrappers of Keras' ask for": r"(scipy|sklearn|pandas)\b",
    "h5py": r"h5py\b",
    "requests and what it needs": r"(requests|urllib3|charset_normalizer|idna|certifi)\b",
    "protobuf, absl, optree and their kind": r"(google|absl|gast|namex|opt_einsum|optree|rich|termcolor|wrapt)\b",
}
_REST = "Python's own"


@dataclass(frozen=True)
class Import:
    """An import in a new process.

    Attributes:
        seconds: from the start of the process to its end, without being told of.
        parts: the seconds of each part.
        modules: how many each has.
    """

    seconds: float
    parts: Mapping[str, float]
    modules: Mapping[str, int]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    plain, lean = (importing(program, rounds) for program in (PLAIN, LEAN))
    whole = sum(plain.parts.values())
    rows = [(part, told(plain, lean, part, whole)) for part in (*PARTS, _REST)]
    title = f"What importing TensorFlow is made of, medians of {rounds}: as anybody does it; as a session does it"
    table(title, [*rows, ("a process that imports it and ends", f"{plain.seconds:.2f} s; {lean.seconds:.2f} s")])


def told(plain: Import, lean: Import, part: str, whole: float) -> str:
    """Return seconds, modules and share of a part; the share is of all that anybody imports."""
    each = [
        f"{1000 * made.parts[part]:.0f} ms, {made.modules[part]} modules, {made.parts[part] / whole:.0%}"
        for made in (plain, lean)
    ]
    return "; ".join(each)


def importing(program: str, rounds: int) -> Import:
    """Return the median of imports."""
    found = [parts_of(program) for _ in range(rounds)]
    seconds = [ended(program) for _ in range(rounds)]
    parts = {part: statistics.median(each[0][part] for each in found) for part in (*PARTS, _REST)}
    return Import(statistics.median(seconds), parts, found[0][1])


def ended(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return time.perf_counter() - begun


def parts_of(program: str) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Return the seconds of each part of an import, and how many modules it has."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", program], check=True, capture_output=True, text=True)
    seconds = dict.fromkeys((*PARTS, _REST), 0.0)
    modules = dict.fromkeys((*PARTS, _REST), 0)
    for own, module in _LINE.findall(done.stderr):
        seconds[part_of(module)] += int(own) / 1e6
        modules[part_of(module)] += 1
    return seconds, modules


def part_of(module: str) -> str:
    return next((part for part, called in PARTS.items() if re.match(called, module)), _REST)


if __name__ == "__main__":
    main()
