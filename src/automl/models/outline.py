"""What the JSON of an architecture says at a glance, without Keras: the shape of a row, and that of what is given for it.

Only what is plain is told, for errors that come before TensorFlow does; a session that builds the network knows the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]

# Layers that leave the shape as it is; those behind which a row is one list of numbers.
_SAME = frozenset(
    (
        "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU", "GaussianDropout",
        "GaussianNoise", "InputLayer", "LayerNormalization", "LeakyReLU", "Masking", "PReLU", "ReLU", "Softmax",
    )
)  # fmt: skip
_FLAT = frozenset(("Flatten", *(f"Global{kind}Pooling{d}D" for kind in ("Average", "Max") for d in (1, 2, 3))))


@dataclass(frozen=True)
class Outline:
    """What is plain about a network.

    Attributes:
        inputs, outputs: shape of a row, and of what comes of it; None where it takes Keras to know.
    """

    inputs: Shape | None = None
    outputs: Shape | None = None


def outline(architecture: str) -> Outline:
    """Return what the JSON of a Sequential model says; nothing of other models, and of what is no such JSON."""
    try:
        layers = _layers(json.loads(architecture))
        inputs = _input_of(layers[0]["config"])
        return Outline(inputs, None if inputs is None else _outputs(layers, inputs))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return Outline()


def _layers(model: Any) -> list[Any]:
    config = model["config"] if model["class_name"] == "Sequential" else []
    return list(config["layers"] if isinstance(config, dict) else config)


def _input_of(config: Any) -> Shape | None:
    given = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key)), None)
    shape = given[1:] if given else config.get("input_shape") or ()
    return tuple(shape) if shape and all(type(size) is int for size in shape) else None


def _outputs(layers: list[Any], inputs: Shape) -> Shape | None:
    """Follow the shape of a row through the layers."""
    shape: Shape | None = inputs
    for layer in layers:
        kind, config = layer["class_name"], layer["config"]
        if kind == "Dense":
            shape = None if shape is None else (*shape[:-1], int(config["units" if "units" in config else "output_dim"]))
        elif kind in _FLAT and not config.get("keepdims"):
            shape = (0,)  # of a size that matters to nobody
        elif kind not in _SAME:
            shape = None
    return None if shape is None or 0 in shape else shape
