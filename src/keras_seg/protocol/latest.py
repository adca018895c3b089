"""What was used last, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")

MOST, MOST_BYTES = 8, 2**28


class Latest(Generic[Value]):
    """A dict of values with sizes; what was used longest ago goes where there are too many, or they are too large together.

    The one that came last stays, whatever its size. Those whose size counts for nothing have none.

    >>> kept = Latest[str](most_bytes=10)
    >>> [kept.put(word, word, len(word)) for word in ("one", "seven", "three")] and [kept.get("one"), kept.get("seven")]
    [None, 'seven']
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def __reduce__(self) -> tuple[type[Latest[Value]], tuple[int, int]]:
        """Who pickles a function of PL/Python, as custom functions are made, pickles GD with it: without what is kept."""
        return type(self), (self._most, self._most_bytes)

    def get(self, key: Hashable) -> Value | None:
        """Return a value; None if it is not there."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def put(self, key: Hashable, value: Value, size: int = 0) -> Value:
        """Keep a value of a size in bytes, and return it."""
        self.drop(key)
        self._entries[key] = value, size
        self._bytes += size
        while len(self._entries) > 1 and (len(self._entries) > self._most or self._bytes > self._most_bytes):
            self._bytes -= self._entries.popitem(last=False)[1][1]
        return value

    def made(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return a value, made by `make` if it is not there."""
        found = self.get(key)
        return self.put(key, make()) if found is None else found

    def drop(self, key: Hashable) -> None:
        """Forget a value, if it is there."""
        if key in self._entries:
            self._bytes -= self._entries.pop(key)[1]

    def drop_those(self, which: Callable[[Any, Value], bool]) -> None:
        """Forget the values, given with their keys, of which this is true."""
        for key in [key for key, (value, _) in self._entries.items() if which(key, value)]:
            self.drop(key)

    def keys(self) -> list[Any]:
        """Return the keys, that of what was used longest ago first."""
        return list(self._entries)

    def __iter__(self) -> Iterator[Value]:
        return (value for value, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
