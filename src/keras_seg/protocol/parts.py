"""Large states on their way, in parts: what does not fit into one part comes and goes in several statements.

PostgreSQL holds the values of a statement several times over (the message, the datum, Python's copy of it; on the way back the
same once more), and none above 1 GB. Cut into parts, a state is in memory once, whatever its size, and no part is large enough
for its memory to be given back to the kernel and asked for again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

PART = 4 * 2**20  # bytes
_LENGTH = struct.Struct("<I")

Raw = bytes | bytearray | memoryview


class Arriving:
    """The parts of a state that have come so far."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def begin(self) -> None:
        """Forget what has come: a new state begins."""
        self._bytes = bytearray()

    def add(self, part: bytes) -> None:
        self._bytes += part

    def complete(self, last: bytes | None) -> Raw | None:
        """Return the state whose last part this is, and forget it.

        Without a last part there is none: what has come belongs to a statement that never came.
        """
        before, self._bytes = self._bytes, bytearray()
        if last is None or not before:
            return last
        before += last
        return before


def cut(pieces: Iterable[Raw], size: int = PART) -> Iterator[bytes]:
    """Yield the bytes of all pieces, one after the other, in parts of `size` bytes; the last one may be shorter.

    >>> list(cut([b"abc", b"defg"], 3))
    [b'abc', b'def', b'g']
    """
    gathered: list[memoryview] = []
    missing = size
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while len(view) >= missing:
            yield b"".join((*gathered, view[:missing]))
            view, gathered, missing = view[missing:], [], size
        if view:
            gathered.append(view)
            missing -= len(view)
    if gathered:
        yield b"".join(gathered)


def total(pieces: Sequence[Raw]) -> int:
    """Return how many bytes the pieces hold together."""
    return sum(memoryview(piece).nbytes for piece in pieces)


def envelope(report: str, part: bytes) -> bytes:
    """Return a report and a part of a state as one value: four bytes with the length of the report, the report, the part."""
    text = report.encode()
    return b"".join((_LENGTH.pack(len(text)), text, part))


def opened(envelope: bytes) -> tuple[str, bytes]:
    """Return the report and the part that an envelope holds."""
    (length,) = _LENGTH.unpack_from(envelope)
    end = _LENGTH.size + length
    return envelope[_LENGTH.size : end].decode(), envelope[end:]
