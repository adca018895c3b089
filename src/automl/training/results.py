"""What became of the trials of a run, and what the tables of a call are filled with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from automl.database.names import Name
from automl.database.session import CallerDatabase, Database
from automl.errors import AutomlError
from automl.search.scheduler import Task
from automl.search.tries import Mean
from automl.training.curves import LearningCurve, rank
from automl.training.rows import Best, End
from automl.training.trials import Trial
from keras_seg.protocol import state as codec
from keras_seg.protocol.parts import Raw


@dataclass(frozen=True)
class Result:
    """A trial at the end of the search.

    Attributes:
        task: the last one that it had.
        mean: what all tries of its configuration came to at the end of that; None where it is the only one, or others train.
    """

    trial: Trial
    task: Task
    curve: LearningCurve
    mean: Mean | None = None

    @property
    def value(self) -> float | None:
        """What its configuration is worth, as a value of the objective."""
        mean = Mean() if self.mean is None else self.mean
        return mean.value if self.task.tries else self.curve.value

    @property
    def standard_error(self) -> float | None:
        """The standard error of that, where it is a mean."""
        return None if self.mean is None else self.mean.standard_error

    @property
    def score(self) -> float | None:
        """What its configuration is worth, the lower the better; None where a try failed, or others train."""
        if not self.task.tries:
            return self.curve.score
        return None if self.value is None else self.curve.course.measure.score_of(self.value)

    @property
    def rank(self) -> tuple[float, ...]:
        """What trials are sorted by, best first: those of a configuration stand together, the best try first."""
        own = rank(self.curve.score, self.trial.number)
        return (*rank(self.score, self.task.tries[0]), *own) if self.task.tries else own


@dataclass(frozen=True)
class Made:
    """A run that has finished: its number, and what the record says of its end."""

    run: int
    end: End


StateOf = Callable[[int], Raw | None]


class Tables(Protocol):
    """The tables of one call."""

    def reserve(self, db: CallerDatabase) -> None:
        """Make them, empty."""

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        """Write what was found into them.

        Args:
            started: when training began, as `now` gives it.
            state_of: gives the state of a trial by its number, or None if it has none.
        """

    @property
    def names(self) -> tuple[Name, ...]:
        """What they are called, where a run that has made them may go on and make them again."""


def best(results: Iterable[Result]) -> Result | None:
    """Return the trial with the best score, ties by number; None if no trial has a finite one.

    Of several tries it is the one with the best score of its own, of the configuration with the best mean.
    """
    finite = (result for result in results if result.score is not None and math.isfinite(result.score))
    return min(finite, key=lambda result: result.rank, default=None)


def shown(result: Result | None) -> Best:
    """Return what the record shows of the best trial."""
    if result is None:
        return Best()
    return Best(result.trial.number, result.curve.loss, result.value, best_standard_error=result.standard_error)


def require_some(found: Sequence[Result]) -> None:
    """Raise if every trial has failed."""
    if all(each.curve.error for each in found):
        which = "the only trial failed with" if len(found) == 1 else f"all {len(found)} trials failed; the first with"
        raise AutomlError(f"{which}: {found[0].curve.error}")


class Weights:
    """The weights of a trial, made of its state only when a statement takes them: nobody holds them as bytes meanwhile.

    Args:
        state: of the trial.

    Attributes:
        size: their bytes.
    """

    def __init__(self, state: Raw) -> None:
        self._state = state
        self.size = codec.weights_size(state)

    def __bytes__(self) -> bytes:
        return codec.weights(self._state)


def weights_of(result: Result, state_of: StateOf) -> Weights | None:
    """Return the weights of a trial; None if it failed before it had any."""
    state = state_of(result.trial.number)
    return None if state is None else Weights(state)


def made(db: Database, names: Sequence[Name]) -> str:
    """Return which tables a call has made, as JSON: with their oids, since others may have these names later."""
    oid = "SELECT $1::text::pg_catalog.regclass::oid::bigint AS oid"
    return json.dumps([[name.schema, name.table, db.execute(oid, name.sql)[0]["oid"]] for name in names])


def now(db: Database) -> str:
    """Return the time in whole seconds, as the summary tables write it."""
    return str(db.execute("SELECT pg_catalog.date_trunc('second', pg_catalog.clock_timestamp())::timestamp::text AS t")[0]["t"])
