"""Rows that come to a network one by one, each by a call of its own, as in a process on a segment of Greenplum.

Such a process cannot read tables: the statement hands it the rows. They wait here until a batch is full. What cannot be
predicted comes back as a block with a problem and no error: an error on one segment stops the others in the middle of what
they do, and the caller's session with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_seg.protocol import array_bytes
from keras_seg.protocol.orders import GatheringProblem
from keras_seg.protocol.predictions import Block, NoClass, OutputSelection, batch_rows, blocks


@dataclass
class Gathering:
    """Rows on their way through a network.

    Attributes:
        forward: features (rows, ...) to outputs (rows, ...).
        shape: of the features of a row.
        columns: outputs of a row.
        normalizing_const: divisor of the features.
        stopped: whether a problem was told; the rows that still come do not matter.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    shape: Sequence[int]
    columns: int
    normalizing_const: float
    selection: OutputSelection
    stopped: bool = False
    _ids: list[str | None] = field(default_factory=list)
    _rows: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        inputs = int(np.prod(self.shape))
        self._size = batch_rows(inputs, self.columns, self.selection.of_each_row(self.columns))

    def stop(self, problem: GatheringProblem) -> Block:
        """Return a block that tells a problem, and take no more rows."""
        self.stopped = True
        self._ids, self._rows = [], []
        return Block(problem=problem.to_json())

    def add(self, identity: str | None, features: bytes | None) -> Block | None:
        """Take a row; return a batch's rows for the table when it is full.

        Args:
            features: `automl_native` of the row's array.
        """
        if self.stopped:
            return None
        if features is None:
            return self.stop(GatheringProblem(row=identity))
        self._ids.append(identity)
        self._rows.append(features)
        return self.rest() if len(self._ids) >= self._size else None

    def rest(self) -> Block | None:
        """Return what has come since the last full batch."""
        ids, rows = self._ids, self._rows
        self._ids, self._rows = [], []
        if not ids:
            return None
        shape = (len(ids), *self.shape)
        packed = array_bytes.features(b"".join(rows), shape, self.normalizing_const)
        if packed is None:
            return self.stop(GatheringProblem(row=ids[0]))
        outputs = self.forward(np.frombuffer(packed, np.float32).reshape(shape))
        try:
            (block,) = blocks(ids, outputs, self.selection)
        except NoClass as problem:
            return self.stop(GatheringProblem(row=problem.row, no_class=True))
        return block
