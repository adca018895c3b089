"""Architectures by the key by which orders name them."""

from __future__ import annotations

from dataclasses import dataclass

from keras_seg.protocol.parts import Raw


@dataclass(frozen=True)
class Definition:
    """An architecture that orders name by its key.

    Attributes:
        key: what orders call it.
        architecture: JSON of Keras.
        weights: its initial weights, float32, if it has some.
    """

    key: str
    architecture: str
    weights: Raw | None = None
