"""What a run knows of its trials while they are under way."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.search.scheduler import Task
from automl.training.curves import LearningCurve, OpenEvaluation, rank
from automl.training.results import Result
from automl.training.rows import Best, NewTrial, Progress, TrialStatus
from automl.training.trials import Trial


@dataclass
class TrialUnderWay:
    """A trial of a run.

    Attributes:
        trial: what it trains.
        task: the one that it has, or had last.
        curve: what is known of it so far.
        open: the evaluation that is under way.
        sums: what that has summed up to now.
    """

    trial: Trial
    task: Task
    curve: LearningCurve
    open: OpenEvaluation
    sums: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> NewTrial:
        """What the record has of it from its beginning."""
        configuration = self.trial.configuration
        values = configuration.model_id, configuration.compile_params, configuration.fit_params
        return NewTrial(self.trial.number, *values, varied=self.trial.varied)

    def progress(self, status: TrialStatus) -> Progress:
        """Return what the record is to say of it now."""
        curve = self.curve
        return Progress(self.trial.number, status, self.task.place, curve.iteration, curve.loss, curve.seconds, curve.error)


class TrialsUnderWay:
    """The trials of a run by their numbers, and which of them is the best."""

    def __init__(self) -> None:
        self._trials: dict[int, TrialUnderWay] = {}

    def __getitem__(self, trial: int) -> TrialUnderWay:
        return self._trials[trial]

    def __iter__(self) -> Iterator[TrialUnderWay]:
        return iter(self._trials.values())

    def __len__(self) -> int:
        return len(self._trials)

    def add(self, under_way: TrialUnderWay) -> None:
        """Take in a new trial."""
        self._trials[under_way.trial.number] = under_way

    def results(self) -> list[Result]:
        """Return what became of them."""
        return [Result(each.trial, each.task, each.curve) for _, each in sorted(self._trials.items())]

    @property
    def best(self) -> Best:
        """The trial whose latest loss is the lowest, if any is finite."""
        losses = ((each.curve.loss, number) for number, each in self._trials.items())
        loss, trial = min(losses, key=lambda each: rank(*each), default=(None, 0))
        return Best(None, None) if loss is None or not math.isfinite(loss) else Best(trial, loss)

    def ranking(self, most: int) -> list[int]:
        """Return the numbers of the best trials, the best first."""
        losses = ((each.curve.loss, number) for number, each in self._trials.items())
        return [number for _, number in heapq.nsmallest(most, losses, key=lambda each: rank(*each))]

    @property
    def visits(self) -> int:
        """How often they have trained on a partition, all together."""
        return sum(each.curve.visits for each in self)
