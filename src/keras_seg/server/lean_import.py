"""Importing TensorFlow without what nothing here uses, which is more than a third of it.

Nothing is taken away for good. TensorFlow's public names stand in some 600 modules that only hand on what others define, and
with them come its former Keras, feature columns and ways to fetch files. Each becomes a module that is executed when somebody
asks it for a name: who asks finds all that was ever there.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

# Keras looks for these, to take what is theirs and to be wrapped by them, and expects that they are missing.
_LEFT_OUT = ("pandas", "scipy", "sklearn")
_LATER = frozenset(("h5py", "requests"))
_PUBLIC_NAMES = "tensorflow._api.v2."
# There are packages of these names too; what is imported last has the name, and that must be the public module.
_AT_ONCE = tuple(_PUBLIC_NAMES + name for name in ("distribute", "lite"))


class _Later:
    """A finder of modules that are executed when they are first asked for a name."""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how a module is found, if it is one of these."""
        if name not in _LATER and (not name.startswith(_PUBLIC_NAMES) or name.startswith(_AT_ONCE)):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def uncollected() -> Iterator[None]:
    """While this lasts, the collector of garbage rests, and it does not look later at what was made: that stays for good."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()
            gc.enable()


@contextmanager
def lean_import() -> Iterator[None]:
    """While this lasts, an import of TensorFlow leaves out what is not needed."""
    left_out = [name for name in _LEFT_OUT if name not in sys.modules]
    for name in left_out:
        sys.modules[name] = None  # type: ignore[assignment]  # makes its import an ImportError
    sys.meta_path.insert(0, _Later)
    try:
        with uncollected():
            yield
    finally:
        sys.meta_path.remove(_Later)
        for name in left_out:
            del sys.modules[name]
