"""The arrays of an HDF5 file as Keras writes it, read without HDF5's own library.

That is a library in C that trusts what it reads: a forged file would crash the server, or worse. Keras writes a small part of
the format, the same with every version of the library: groups that are B-trees, and arrays that lie in one piece. Only this is
read; links to elsewhere, filters, chunks and whatever else the format has are refused. Every place is checked to lie within the
file, and no place is visited twice, so a forged file ends as an error.

Source: HDF5 File Format Specification, version 3.0: III.A (B-trees, version 1), III.B to III.D, IV.A.1.a, IV.A.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NOWHERE = 2**64 - 1  # the address of what has none
_SUPERBLOCKS = {0: 64, 1: 68}  # by their version: where the address of the first group stands
_DEEPEST = 32  # groups in groups, and levels of a B-tree
_MOST_OBJECTS = 100_000
_LONGEST_NAME = 1024  # bytes
_SPACE, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUED, _GROUP = 0x01, 0x03, 0x07, 0x08, 0x0B, 0x10, 0x11
_NEWER_GROUP = (0x02, 0x06)
_SOFT_LINK = 2
_IEEE = {(2, 10): "<f2", (4, 23): "<f4", (8, 52): "<f8"}  # by bytes of a number, and of these the bits of the fraction


class FileProblem(ValueError):
    """A file that cannot be read; the message goes on from "the file"."""


def arrays(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a file by their paths, such as `layers/dense/vars/0`; they are views of the bytes.

    Raises:
        FileProblem: it is no such file, or holds what Keras does not write.
    """
    return dict(_Reader(data).arrays())


@dataclass
class _Reader:
    """Reads one file.

    Attributes:
        data: all of it.
        seen: places that were visited.
    """

    data: bytes
    seen: set[int] = field(default_factory=set)

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield paths and arrays."""
        if self.data[:8] != SIGNATURE:
            raise FileProblem("has weights that are no HDF5")
        version, offsets, lengths = self._numbers("<B4xBB", 8)
        if version not in _SUPERBLOCKS or (offsets, lengths) != (8, 8):
            raise FileProblem("has weights in a form of HDF5 that Keras does not write")
        (root,) = self._numbers("<Q", _SUPERBLOCKS[version])
        yield from self._object("", root, 0)

    def _object(self, path: str, address: int, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield what an object is, or what is in it if it is a group."""
        if depth > _DEEPEST:
            raise FileProblem(f"has weights in more than {_DEEPEST} groups in each other")
        messages = self._messages(address)
        if _GROUP in messages:
            tree, heap = self._numbers("<QQ", *messages[_GROUP])
            for name, child in self._entries(tree, self._heap(heap), 0):
                yield from self._object(f"{path}/{name}" if path else name, child, depth + 1)
        elif _LAYOUT in messages:
            yield path, self._array(path, messages)
        elif any(kind in messages for kind in _NEWER_GROUP):
            raise FileProblem(f'has "{path}" in a form of HDF5 that Keras does not write')

    def _messages(self, address: int) -> dict[int, tuple[int, int]]:
        """Return where the messages of an object header lie: by their kind, (place, size)."""
        self._visit(address)
        version, count, size = self._numbers("<BxH4xI", address)
        if version != 1:
            raise FileProblem("has an object in a form of HDF5 that Keras does not write")
        found: dict[int, tuple[int, int]] = {}
        blocks = [(address + 16, size)]
        while blocks:
            at, left = blocks.pop()
            while left >= 8 and count:
                kind, size, flags = self._numbers("<HHB", at)
                if kind == _CONTINUED:
                    begin, length = self._numbers("<QQ", at + 8, size)
                    self._visit(begin)
                    blocks.append((begin, length))
                elif flags & 2 and kind in (_SPACE, _TYPE, _LAYOUT):
                    raise FileProblem("has arrays of a type that is kept elsewhere")
                found[kind] = (at + 8, size)
                at, left, count = at + 8 + size, left - 8 - size, count - 1
        return found

    def _heap(self, address: int) -> tuple[int, int]:
        """Return where the names of a group lie, and their size."""
        self._require(b"HEAP", address)
        size, begin = self._numbers("<Q8xQ", address + 8)
        self._slice(begin, size)
        return begin, size

    def _entries(self, address: int, names: tuple[int, int], depth: int) -> Iterator[tuple[str, int]]:
        """Yield the names in a group, and where their objects are."""
        self._visit(address)
        if depth > _DEEPEST:
            raise FileProblem("has groups that are too large")
        if bytes(self._slice(address, 4)) == b"SNOD":
            (count,) = self._numbers("<H", address + 6)
            for number in range(count):
                name, child, kind = self._numbers("<QQI", address + 8 + 40 * number)
                if kind == _SOFT_LINK:
                    raise FileProblem("has links, which are not followed")
                yield self._name(name, names), child
            return
        self._require(b"TREE", address)
        kind, _, count = self._numbers("<BBH", address + 4)
        if kind:
            raise FileProblem("has a group that is none")
        for number in range(count):
            (child,) = self._numbers("<Q", address + 32 + 16 * number)
            yield from self._entries(child, names, depth + 1)

    def _name(self, offset: int, names: tuple[int, int]) -> str:
        begin, size = names
        end = self.data.find(b"\0", begin + offset, begin + min(size, offset + _LONGEST_NAME))
        if offset >= size or end < 0:
            raise FileProblem("has a group with a name that does not end")
        return self.data[begin + offset : end].decode(errors="replace")

    def _array(self, path: str, messages: dict[int, tuple[int, int]]) -> np.ndarray:
        """Return an array that lies in one piece."""
        if _EXTERNAL in messages:
            raise FileProblem(f'has "{path}" in another file')
        if _FILTERS in messages:
            raise FileProblem(f'has "{path}" compressed')
        if _SPACE not in messages or _TYPE not in messages:
            raise FileProblem(f'has "{path}" without a shape or a type')
        shape, dtype = self._shape(path, *messages[_SPACE]), self._dtype(path, *messages[_TYPE])
        size = dtype.itemsize
        for length in shape:
            size *= length
        begin = self._place(path, *messages[_LAYOUT], size) if size else 0
        try:
            return np.frombuffer(self._slice(begin, size), dtype).reshape(shape)
        except (ValueError, OverflowError):  # dimensions beyond all bounds beside one of 0
            raise FileProblem(f'has "{path}" of no shape') from None

    def _shape(self, path: str, at: int, size: int) -> tuple[int, ...]:
        version, rank, _, kind = self._numbers("<BBBB", at, size)
        if version not in (1, 2) or (version == 2 and kind == 2) or rank > _DEEPEST:
            raise FileProblem(f'has "{path}" of no shape')
        first = 8 if version == 1 else 4
        return self._numbers(f"<{rank}Q", at + first, size - first)

    def _dtype(self, path: str, at: int, size: int) -> np.dtype:
        """Return the type of the numbers, as numpy calls it: fractions as IEEE has them, or integers; the low bytes first."""
        kind, bits, length = self._numbers("<BB2xI", at, size)
        found = None
        if kind & 15 == 0 and not bits & 1 and length in (1, 2, 4, 8):
            found = f"<{'i' if bits & 8 else 'u'}{length}"
        elif kind & 15 == 1 and not bits & 1:
            found = _IEEE.get((length, self._numbers("<B", at + 15, size - 15)[0]))
        if found is None:
            raise FileProblem(f'has "{path}" of a type that is no plain number; save the model with weights of float32')
        return np.dtype(found)

    def _place(self, path: str, at: int, size: int, wanted: int) -> int:
        """Return where the numbers lie."""
        version, kind = self._numbers("<BB", at, size)
        if version not in (3, 4) or kind not in (0, 1):
            raise FileProblem(f'has "{path}" in chunks, or in a form of HDF5 that Keras does not write')
        begin, there = (at + 4, self._numbers("<H", at + 2, size)[0]) if kind == 0 else self._numbers("<QQ", at + 2, size)
        if begin == _NOWHERE or there != wanted:
            raise FileProblem(f'has "{path}" with other bytes than its shape says')
        return int(begin)

    def _visit(self, address: int) -> None:
        if address in self.seen or len(self.seen) > _MOST_OBJECTS:
            raise FileProblem("has weights in groups that never end")
        self.seen.add(address)

    def _require(self, signature: bytes, address: int) -> None:
        if bytes(self._slice(address, len(signature))) != signature:
            raise FileProblem("is damaged")

    def _numbers(self, form: str, at: int, within: int | None = None) -> tuple[int, ...]:
        """Return the numbers at a place.

        Args:
            within: so many bytes belong to what they are part of.
        """
        size = struct.calcsize(form)
        if within is not None and size > within:
            raise FileProblem("is damaged")
        return struct.unpack(form, self._slice(at, size))

    def _slice(self, begin: int, size: int) -> memoryview:
        if begin < 0 or size < 0 or begin + size > len(self.data):
            raise FileProblem("is damaged, or has been cut off")
        return memoryview(self.data)[begin : begin + size]
