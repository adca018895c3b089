"""The rows that a visit is made on: read, and kept in memory where they are little, or the run asked for that."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from keras_seg.server.interrupts import look
from keras_seg.session.cache import Cache
from keras_seg.training import buffers

if TYPE_CHECKING:
    from keras_seg.training.buffers import Buffer, Joined

_LITTLE = 2**20  # bytes of the rows of a dataset that are joined: with more, computing takes longer than calling


class Data:
    """The rows of a session's datasets."""

    def __init__(self, plpy: Any, cache: Cache) -> None:
        self._plpy = plpy
        self._cache = cache

    def joined(self, dataset: str, partitions: Collection[int | None]) -> Joined | None:
        """Return the rows of partitions of a dataset as one, where they are little and in memory."""
        made = self._cache.joined
        if dataset not in made or not made[dataset].places.keys() >= set(partitions):
            known = {at: those for (name, at), those in sorted(self._cache.data.items()) if name == dataset and those}
            size = sum(each.size for those in known.values() for each in those)
            if not known.keys() >= set(partitions) or size > _LITTLE:
                return None
            made[dataset] = buffers.joined(known)
        return made[dataset]

    def buffers(self, dataset: str, partition: int) -> Iterator[Buffer]:
        """Yield the buffers of a partition."""
        data = self._cache.data
        if self._cache.setup.caching and (dataset, partition) not in data:
            data[dataset, partition] = list(self._read(dataset, partition, last=True))
        if (dataset, partition) in data:
            yield from data[dataset, partition]
        else:
            yield from self._read_once(dataset, partition)

    def _read_once(self, dataset: str, partition: int) -> Iterator[Buffer]:
        """Yield the buffers of a partition, which stays in memory if it is little: to read it again would take longer."""
        kept: list[Buffer] = []
        room = self._cache.room
        for buffer in self._read(dataset, partition):
            room -= buffer.size
            if room >= 0:
                kept.append(buffer)
            else:
                kept.clear()
            yield buffer
            del buffer  # before the next one is read
        if room >= 0:
            self._cache.data[dataset, partition], self._cache.room = kept, room

    def _read(self, dataset: str, partition: int, last: bool = False) -> Iterator[Buffer]:
        """Yield the buffers of a partition; what was fed is let go buffer by buffer if this is the `last` time."""
        fed, variables = self._cache.fed.get((dataset, partition)), self._cache.variables
        if last:
            self._cache.fed.pop((dataset, partition), None)
        if fed is not None:
            return (buffers.decode(variables, fed.pop(number) if last else fed[number]) for number in sorted(fed))
        query = buffers.in_parts(self._cache.setup.datasets[dataset], variables)
        cursor = self._plpy.cursor(self._plpy.prepare(query, ["integer"]), [partition])
        return buffers.buffers(variables, lambda: self._fetch(cursor))

    def _fetch(self, cursor: Any) -> Any:
        rows = cursor.fetch(1)
        look(self._plpy)  # PL/Python frees its own copy of the row at the next statement
        return rows[0] if rows else None
