"""What a session keeps from one statement to the next: one object in GD.

Compiled programs and data belong to the run that made them; `clear` drops them all and keeps only the import of TensorFlow,
which cannot be undone. The number of programs is bounded: the one used longest ago goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from keras_seg.protocol.orders import Definition, SessionSetup
from keras_seg.protocol.parts import Arriving
from keras_seg.protocol.variables import Variables
from keras_seg.server.runtime import Runtime
from keras_seg.session.row_batches import Gathering

Made = TypeVar("Made")
MOST_PROGRAMS = 32


class Recent(Generic[Made]):
    """A dict of at most `most` entries; making one more drops the one used longest ago."""

    def __init__(self, most: int = MOST_PROGRAMS) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, Made] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return the entry, made by `make` if it is not there."""
        if key not in self._entries:
            made = make()
            while len(self._entries) >= self._most:
                self._entries.popitem(last=False)
            self._entries[key] = made
        self._entries.move_to_end(key)
        return self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        self._entries.clear()


@dataclass
class Cache:
    """Everything that lives in GD on a session.

    Attributes:
        setup: what the run said when it opened the session; nothing where no run has.
        definitions: architectures by key.
        networks, trainers, evaluators, predictors: what was built and compiled.
        data: decoded partitions, where the run asked for caching: (dataset, partition) -> buffers.
        fed: packed partitions that statements brought to a session that cannot read tables: likewise -> buffer -> columns.
        functions: custom losses and metrics by name.
        arriving, leaving: the parts of a large state that have come, and those that are still to be taken.
        gathering: rows that a statement hands over one by one to be predicted.
    """

    runtime: Runtime | None = None
    setup: SessionSetup = field(default_factory=SessionSetup)
    definitions: dict[str, Definition] = field(default_factory=dict)
    networks: Recent[Any] = field(default_factory=Recent)
    trainers: Recent[Any] = field(default_factory=Recent)
    evaluators: Recent[Any] = field(default_factory=Recent)
    predictors: Recent[Any] = field(default_factory=Recent)
    data: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    fed: dict[tuple[str, int], dict[int, tuple[Any, ...]]] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)
    arriving: Arriving = field(default_factory=Arriving)
    leaving: Iterator[bytes] = field(default_factory=lambda: iter(()))
    gathering: Gathering | None = None

    @property
    def variables(self) -> Variables:
        """What a row consists of.

        Raises:
            ValueError: the setup does not say.
        """
        if self.setup.variables is None:
            raise ValueError("the session was not told what a row consists of")
        return self.setup.variables

    def clear(self) -> None:
        """Drop what a run left here."""
        self.setup = SessionSetup()
        self.definitions, self.functions = {}, {}
        self.data, self.fed = {}, {}
        self.arriving.begin()
        self.leaving = iter(())
        self.gathering = None
        for made in (self.networks, self.trainers, self.evaluators, self.predictors):
            made.clear()
