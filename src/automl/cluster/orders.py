"""Work for a session, as data: what is to be done, and what the session is told before.

Nothing here is SQL: a work order names what is asked for, and each kind of cluster spells it in its own way (see `statements`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder
from keras_seg.protocol.orders import CheckOrder, SessionSetup, VisitOrder
from keras_seg.protocol.parts import Raw


@dataclass(frozen=True)
class Setup:
    """What the sessions of a run are told before their first order.

    Attributes:
        common: what all of them are told.
        gpus: the GPU of each session; none of them sees one where there are none.
        definitions: the architectures.
        fingerprints: statements whose results must be the same in a session as in the caller's own.
    """

    common: SessionSetup = field(default_factory=SessionSetup)
    gpus: tuple[str, ...] = ()
    definitions: tuple[Definition, ...] = ()
    fingerprints: tuple[str, ...] = ()

    def of_session(self, session: int) -> SessionSetup:
        """Return what the session of this number is told."""
        return replace(self.common, gpus=self.gpus[session : session + 1])


@dataclass(frozen=True)
class VisitWork:
    """Let a trial visit partitions. The answer is (VisitReport, state): the state is empty where it only evaluated.

    Attributes:
        state: of the trial, or weights, as the order says; None for a trial that begins.
    """

    order: VisitOrder
    state: Raw | None


@dataclass(frozen=True)
class CheckWork:
    """Build and compile networks, without training. The answer is a CheckReport."""

    order: CheckOrder


@dataclass(frozen=True)
class PredictionWork:
    """Predict rows. The answer is the outputs, an array (rows, ...) of float32.

    Attributes:
        key: of the network.
        rows: features as float32, row-major.
        count: how many rows they are.
    """

    key: str
    rows: bytes
    count: int


@dataclass(frozen=True)
class ExportWork:
    """Write a trained model as a file. The answer is (FileReport, file)."""

    order: ExportOrder


@dataclass(frozen=True)
class ImportWork:
    """Read a model from a .keras file. The answer is (FileReport, weights)."""

    file: Raw


Order = VisitWork | CheckWork | PredictionWork | ExportWork | ImportWork


@dataclass(frozen=True)
class Work:
    """One piece of work for a session.

    Attributes:
        task: what the caller knows it by; comes back with the outcome.
        order: what is to be done.
    """

    task: Any
    order: Order
