"""What a run knows of its trials while they are under way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.cluster.hopper import Layout, evaluation_tour
from automl.search.scheduler import Task
from automl.training.curves import LearningCurve, OpenEvaluation, rank
from automl.training.results import Result
from automl.training.rows import Best, NewTrial, Progress, TrialStatus
from automl.training.trials import Trial
from keras_seg.protocol.orders import Stop


@dataclass
class TrialUnderWay:
    """A trial of a run.

    Attributes:
        trial: what it trains.
        begun: iterations on the axis of the search that lie before its first.
        task: the one that it has, or had last.
        curve: what is known of it so far.
        open: the evaluation that is under way.
        sums: what that has summed up to now.
    """

    trial: Trial
    begun: int
    task: Task
    curve: LearningCurve
    open: OpenEvaluation
    sums: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> NewTrial:
        """What the record has of it from its beginning."""
        configuration = self.trial.configuration
        return NewTrial(self.trial.number, configuration.model_id, configuration.compile_params, configuration.fit_params)

    def progress(self, status: TrialStatus) -> Progress:
        """Return what the record is to say of it now."""
        curve, best = self.curve, self.curve.best
        return Progress(
            mst_key=self.trial.number,
            status=status,
            place=self.task.place,
            iteration=curve.iteration,
            loss=curve.loss,
            seconds=curve.seconds,
            error=curve.error,
            objective=curve.value,
            best_iteration=None if best is None else best.iteration,
        )

    def stops_astray(self, layout: Layout) -> tuple[Stop, ...]:
        """Return what is left to do where its weights are no numbers any more: an evaluation, unless there has been one."""
        iteration = self.curve.iteration
        known = any(each.iteration == iteration for each in self.curve.evaluations)
        return () if known else tuple(evaluation_tour(layout, iteration))

    def kept(self, partitions: int) -> tuple[int, ...]:
        """Return after how many visits the states were that the tables get and are not the latest one.

        Args:
            partitions: of the training table.
        """
        best = self.curve.best
        return () if best is None else (min((best.iteration - self.begun) * partitions, self.curve.visits),)


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
        """The trial with the best score, if any is finite."""
        scores = ((each.curve.score, number) for number, each in self._trials.items())
        score, trial = min(scores, key=lambda each: rank(*each), default=(None, 0))
        if score is None or not math.isfinite(score):
            return Best()
        return Best(trial, self._trials[trial].curve.loss, self._trials[trial].curve.value)

    @property
    def visits(self) -> int:
        """How often they have trained on a partition, all together."""
        return sum(each.curve.visits for each in self)
