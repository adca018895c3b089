"""What a session keeps from one statement to the next: one object in GD.

Data belong to the run that brought them, programs to the session: `clear` drops both and keeps only the import of TensorFlow,
which cannot be undone; `rest` gets a session ready to wait for another run, which finds its programs, but no rows, no weights
and no custom function. The number of programs is bounded: the one used longest ago goes first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.latest import Latest
from keras_seg.protocol.orders import SessionSetup
from keras_seg.protocol.parts import Arriving
from keras_seg.protocol.variables import Variables
from keras_seg.server.runtime import Runtime
from keras_seg.session.row_batches import Gathering
from keras_seg.training.buffers import Joined

MOST_PROGRAMS = 32
_LITTLE = 2**24  # bytes of rows, which are no burden for a session
_LARGE = 2**20  # weights of a network whose programs are not worth their memory while nobody trains


def _programs() -> Latest[Any]:
    return Latest(MOST_PROGRAMS)


@dataclass
class Cache:
    """Everything that lives in GD on a session.

    Attributes:
        setup: what the run said when it opened the session; nothing where no run has.
        definitions: architectures by key.
        networks, trainers, evaluators, predictors: what was built and compiled.
        data: decoded partitions, where the run asked for caching or they are little: (dataset, partition) -> buffers.
        joined: partitions of a dataset that are so little that a visit takes them as one: dataset -> rows.
        room: bytes that such little ones may still take together.
        fed: packed partitions that statements brought to a session that cannot read tables: likewise -> buffer -> columns.
        functions: custom losses and metrics by name.
        arriving, leaving: the parts of a large state that have come, and those that are still to be taken.
        gathering: rows that a statement hands over one by one to be predicted.
    """

    runtime: Runtime | None = None
    setup: SessionSetup = field(default_factory=SessionSetup)
    definitions: dict[str, Definition] = field(default_factory=dict)
    networks: Latest[Any] = field(default_factory=_programs)
    trainers: Latest[Any] = field(default_factory=_programs)
    evaluators: Latest[Any] = field(default_factory=_programs)
    predictors: Latest[Any] = field(default_factory=_programs)
    data: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    joined: dict[str, Joined] = field(default_factory=dict)
    room: int = field(default_factory=lambda: _LITTLE)
    fed: dict[tuple[str, int], dict[int, tuple[Any, ...]]] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)
    arriving: Arriving = field(default_factory=Arriving)
    leaving: Iterator[bytes] = field(default_factory=lambda: iter(()))
    gathering: Gathering | None = None
    _origins: dict[str, str] = field(default_factory=dict)

    def define(self, definition: Definition) -> None:
        """Take an architecture; programs of another one that had its key are dropped."""
        key, whence = definition.key, _origin(definition)
        if not whence or self._origins.get(key, whence) != whence:
            self._drop_programs(lambda model, _: model == key)
        self._origins[key] = whence
        self.definitions[key] = definition

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
        """Drop what a run left here, and the programs."""
        self.begin()
        self._drop_programs(lambda *_: True)

    def rest(self) -> None:
        """Drop all but the programs that another run of the same role may use, and the weights in these."""
        self.begin()
        self._drop_programs(lambda _, network: network.weights is not None or sum(network.sizes) > _LARGE)
        for trainer in self.trainers:
            trainer.forget()

    def begin(self) -> None:
        """Drop what a run left here, but for the programs; those too if they may name custom functions: these are read anew."""
        if self.functions:
            self._drop_programs(lambda *_: True)
        self.setup = SessionSetup()
        self.definitions, self.functions = {}, {}
        self.data, self.joined, self.fed, self.room = {}, {}, {}, _LITTLE
        self.arriving.begin()
        self.leaving = iter(())
        self.gathering = None

    def _drop_programs(self, which: Callable[[str, Any], bool]) -> None:
        """Drop what was built and compiled of networks, given with their keys, of which this is true."""
        self.networks.drop_those(which)
        self.predictors.drop_those(lambda key, made: which(key, made.network))
        for programs in (self.trainers, self.evaluators):
            programs.drop_those(lambda key, made: which(key[0], made.network))
        known = {*self.networks.keys(), *(key[0] for key in (*self.trainers.keys(), *self.evaluators.keys()))}
        self._origins = {key: whence for key, whence in self._origins.items() if key in known}


def _origin(definition: Definition) -> str:
    """Return what tells two architectures apart; nothing for one with weights, whose programs serve no other run."""
    return "" if definition.weights is not None else hashlib.sha256(definition.architecture.encode()).hexdigest()
