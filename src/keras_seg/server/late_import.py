"""Modules of ours that are imported when they are needed first: whoever asks for one row does not wait for what trains.

What a session has imported it keeps, and there it must not mix with what has been installed since: the parts of two packages
need not fit. So nothing more is imported once the package is another one.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

from keras_seg.server.lean_import import uncollected

_INSTALL = "Run deploy/install of keras_automl on the host of the server, as root."


class LateProblem(Exception):
    """A module of ours cannot be imported; the message says why.

    Attributes:
        hint: what to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def late(name: str) -> ModuleType:
    """Return a module of ours, imported now if nobody has needed it before.

    Raises:
        LateProblem: it cannot be.
    """
    known = sys.modules.get(name)
    if known is not None:
        return known
    if _state() != _LOADED:
        raise LateProblem("the Python package of keras_automl was installed again since this session loaded it", "Reconnect.")
    try:
        with uncollected():
            return import_module(name)
    except ImportError as error:
        raise LateProblem(f"the Python package {error.name} cannot be imported: {error}", _INSTALL) from None


def _state() -> tuple[int, int] | None:
    """Return what tells an installed package from another one: each is written anew; None while there is none."""
    try:
        found = os.stat(__file__)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


_LOADED = _state()
