"""Which Keras wrote an architecture: what its functions compute and how it lays out weights follow from that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?!\d)", re.ASCII)


@dataclass(frozen=True)
class Written:
    """Where an architecture comes from, as far as its JSON tells.

    Attributes:
        version: of Keras, major and minor; that of Keras 2 without its minor version where nothing is noted.
        of_tensorflow: whether it is the Keras within TensorFlow.
        backend: what Keras computed with.
    """

    version: tuple[int, int]
    of_tensorflow: bool = True
    backend: str = "tensorflow"

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

    def gates_of(self, class_name: str, config: Mapping[str, Any]) -> str | None:
        """Return how a recurrent layer kept the weights of its gates: "apart" or "cudnn"; None where as today.

        Args:
            class_name, config: of the layer as it came.
        """
        if class_name in ("CuDNNGRU", "CuDNNLSTM"):
            return "cudnn"
        if self.generation > 1 or class_name not in ("LSTM", "GRU", "ConvLSTM2D"):
            return None
        return None if config.get("consume_less") == "gpu" and class_name != "ConvLSTM2D" else "apart"


def written(tree: Mapping[str, Any]) -> Written:
    """Return where an architecture comes from.

    Keras 1 and 2 note their version, Keras 3 need not. What notes none is taken for the last Keras 2.
    """
    noted = tree.get("keras_version")
    match = _VERSION.match(noted) if isinstance(noted, str) else None
    if match is None or int(match.group(1)) not in (1, 2, 3):
        return Written((3, 0) if "module" in tree else (2, 99))
    version = int(match.group(1)), int(match.group(2))
    backend = tree.get("backend")
    of_tensorflow = "-tf" in str(noted) or version >= (2, 4)
    return Written(version, of_tensorflow, backend if isinstance(backend, str) else "tensorflow")
