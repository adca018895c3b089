"""Losses and metrics as they are written: a name, or a class of Keras with arguments that are literals."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Named:
    """A loss or a metric as it was written: `AUC`, `Huber(delta=2.0)`.

    Attributes:
        name: of a function or a class.
        arguments: of the class, by name: literals.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def parsed(text: str) -> Named | None:
    """Read a name, or a class with arguments that are literals; None where the text is neither.

    >>> parsed("mse"), parsed("Huber(2.0)")
    (Named(name='mse', arguments=mappingproxy({})), None)
    >>> parsed("Huber(delta=2.0)")
    Named(name='Huber', arguments={'delta': 2.0})
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return Named(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            return Named(node.func.id, {str(each.arg): ast.literal_eval(each.value) for each in node.keywords if each.arg})
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        pass
    return None
