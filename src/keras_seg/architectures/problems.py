"""What is wrong with an architecture, in words."""

from __future__ import annotations

from collections.abc import Iterable

from keras_seg.protocol import spelling


class ArchitectureError(ValueError):
    """An architecture or its weights cannot be used; the message says where, why and what to do."""


def closest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is closest to `name`, or nothing where none is close."""
    found = spelling.closest(name, known)
    return "" if found is None else f' (did you mean "{found}"?)'


def cut(value: object) -> str:
    """Return what an architecture holds as a message shows it: at most 60 characters of it."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
