"""Which Keras wrote an architecture: what its functions compute and how it lays out weights follow from that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_VERSION = re.compile(r"(\d+)\.(\d+)", re.ASCII)


@dataclass(frozen=True)
class Written:
    """Where an architecture comes from, as far as its JSON tells.

    Attributes:
        version: of Keras, major and minor; that of Keras 2 without its minor version where nothing is noted.
        of_tensorflow: whether it is the Keras within TensorFlow.
        backend: what Keras computed with.
        gates: by the names of recurrent layers, how they keep their gates, where that is not as Keras 2 and 3 do: "apart" or
            "cudnn".
    """

    version: tuple[int, int]
    of_tensorflow: bool = True
    backend: str = "tensorflow"
    gates: Mapping[str, str] = field(default_factory=dict)

    @property
    def generation(self) -> int:
        """The major version: 1, 2 or 3."""
        return self.version[0]

    @property
    def models_trained_first(self) -> bool:
        """Whether a model that stands as a layer gives the weights of all its layers that are trained before the others."""
        return not self.of_tensorflow and self.version < (2, 4)

    @property
    def gates_were_hard(self) -> bool:
        """Whether the gates of LSTM and GRU were hard_sigmoid where an architecture does not say what they are."""
        return not self.of_tensorflow and self.version < (2, 3)

    def gates_of(self, name: str) -> str | None:
        """Return how a recurrent layer kept its gates; within Bidirectional it has got a prefix."""
        plain = name.removeprefix("forward_").removeprefix("backward_")
        return self.gates.get(name) or self.gates.get(plain)


def written(tree: Mapping[str, Any]) -> Written:
    """Return where an architecture comes from.

    Keras 1 and 2 note their version, Keras 3 need not. What notes none is taken for the last Keras 2.
    """
    noted = tree.get("keras_version")
    match = _VERSION.match(noted) if isinstance(noted, str) else None
    if match is None or int(match.group(1)) not in (1, 2, 3):
        return Written((3, 0) if "module" in tree else (2, 99), gates=_gates(tree, 2))
    version = int(match.group(1)), int(match.group(2))
    of_tensorflow = "-tf" in str(noted) or version >= (2, 4)
    backend = tree.get("backend")
    return Written(version, of_tensorflow, backend if isinstance(backend, str) else "tensorflow", _gates(tree, version[0]))


def _gates(tree: object, generation: int) -> dict[str, str]:
    """Return the recurrent layers, at any depth, that keep their gates otherwise."""
    found: dict[str, str] = {}
    open_ends = [tree]
    while open_ends:
        node = open_ends.pop()
        if isinstance(node, dict):
            kept, config = _kept(node, generation), node.get("config")
            if kept is not None and isinstance(config, dict) and isinstance(config.get("name"), str):
                found[config["name"].replace("/", "_")] = kept
        open_ends += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return found


def _kept(node: Mapping[str, Any], generation: int) -> str | None:
    kind, config = node.get("class_name"), node.get("config")
    if kind in ("CuDNNGRU", "CuDNNLSTM"):
        return "cudnn"
    if generation == 1 and kind in ("LSTM", "GRU", "ConvLSTM2D") and isinstance(config, dict):
        return None if config.get("consume_less") == "gpu" and kind != "ConvLSTM2D" else "apart"
    return None
