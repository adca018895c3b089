"""Architectures for tests, and what a model's variables are as bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "architectures"
SRC = Path(__file__).parent.parent / "src"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))


def text_of(name: str) -> str:
    """The architecture in a file of the folder."""
    return (FOLDER / f"{name}.json").read_text()


def fingerprint(model: Any) -> str:
    """All variables, those of the seed generators included."""
    return hashlib.md5(b"".join(np.asarray(variable).tobytes() for variable in model.variables)).hexdigest()


def sequential(*layers: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (4,), **top: Any) -> str:
    """An architecture as Keras 2.10 wrote it."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *shape], "dtype": "float32", "name": "input_1"}}
    nodes = [first, *({"class_name": class_name, "config": config} for class_name, config in layers)]
    config = {"name": "net", "layers": nodes}
    return json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.10.0", **top})


def dump_weights(model: Any) -> bytes:
    """A model's weights in the layout that `load_weights` reads."""
    return b"".join(np.ascontiguousarray(weight, np.float32).tobytes() for weight in model.get_weights())
