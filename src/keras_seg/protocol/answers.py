"""A model that answers for one row, as one value: a digest of what follows, what its tables say, its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from keras_seg.protocol.messages import Message, MessageError
from keras_seg.protocol.parts import Raw, envelope, opened
from keras_seg.protocol.predictions import OneOutput

_DIGEST = 16  # bytes


@dataclass(frozen=True)
class Answering(Message):
    """What the tables of a model say.

    Attributes:
        architecture: of the network.
        normalizing_const: divisor of the features.
        has_classes: whether it predicts classes, and no number or array.
        class_values: of the classes, if they are named.
        one_output: what one output stands for where there are two classes.
    """

    architecture: str
    normalizing_const: float
    has_classes: bool
    class_values: tuple[str | None, ...] | None
    one_output: OneOutput


def packed_model(answering: Answering, weights: Raw) -> bytes:
    """Return a model as one value."""
    content = envelope(answering.to_json(), bytes(weights))
    return _digest(content) + content


def digest_of(model: bytes) -> bytes:
    """Return what tells a model from any other one."""
    return model[:_DIGEST]


def opened_model(model: bytes) -> tuple[Answering, bytes]:
    """Return what `packed_model` was given.

    Raises:
        MessageError: it was given nothing; what is kept under a digest is what the digest is of.
    """
    content = model[_DIGEST:]
    if len(content) < 4 or _digest(content) != digest_of(model):
        raise MessageError("a model must begin with its digest")
    text, weights = opened(content)
    return Answering.from_json(text), weights


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
