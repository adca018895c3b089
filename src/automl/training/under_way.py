"""What a run knows of its trials while they are under way."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from automl.cluster.hopper import Layout, evaluation_tour
from automl.search.scheduler import Task
from automl.search.tries import Mean, mean_of
from automl.training import results
from automl.training.curves import LearningCurve, OpenEvaluation
from automl.training.results import Result
from automl.training.rows import Best, NewTrial, Progress, TrialStatus
from automl.training.trials import Trial
from keras_seg.protocol.orders import Stop


@dataclass(frozen=True)
class TaskEnd:
    """What a trial was at the end of one of its tasks.

    Attributes:
        task: which one.
        curve: what was known of it.
        visits: after how many the state was that the tables would have got; None for the latest, of one that failed.
        mean: what all tries of its configuration came to; None where it is the only one, or others train.
    """

    task: Task
    curve: LearningCurve
    visits: int | None
    mean: Mean | None = None


class RankingPlace(NamedTuple):
    """What trials are sorted by, best first.

    Attributes:
        is_undecided: whether only decisions count, and there was none about it.
        has_no_value: whether it has come to nothing yet, or its configuration has not.
        rank: of its result.
    """

    is_undecided: bool
    has_no_value: bool
    rank: tuple[float, ...]
    trial: int


@dataclass
class TrialUnderWay:
    """A trial of a run.

    Attributes:
        trial: what it trains.
        partitions: that it trains on.
        begun: iterations on the axis of the search that lie before its first.
        task: the one that it has, or had last.
        curve: what is known of it so far.
        open: the evaluation that is under way.
        sums: what that has summed up to now.
        counted: what it was at the end of the last task that something was decided about; None where nothing was.
        ends: what it was at the ends of later ones.
        mean: what all tries of its configuration came to when they ended the same task last; None where it is the only one.
    """

    trial: Trial
    partitions: int
    begun: int
    task: Task
    curve: LearningCurve
    open: OpenEvaluation
    sums: Mapping[str, Any] = field(default_factory=dict)
    counted: TaskEnd | None = None
    ends: list[TaskEnd] = field(default_factory=list)
    mean: Mean | None = None

    @property
    def result(self) -> Result:
        """What has become of it."""
        return Result(self.trial, self.task, self.curve, self.mean)

    @property
    def result_as_counted(self) -> Result | None:
        """What had become of it at the last decision about it; None where there was none."""
        end = self.counted
        return None if end is None else Result(self.trial, end.task, end.curve, end.mean)

    @property
    def row(self) -> NewTrial:
        """What the record has of it from its beginning."""
        configuration = self.trial.configuration
        values = configuration.model_id, configuration.compile_params, configuration.fit_params
        return NewTrial(self.trial.number, *values, varied=self.trial.varied)

    def progress(self, status: TrialStatus) -> Progress:
        """Return what the record is to say of it now."""
        curve, best, found = self.curve, self.curve.best, self.result
        return Progress(
            mst_key=self.trial.number,
            status=status,
            place={**self.task.place, **self.trial.place},
            iteration=curve.iteration,
            loss=curve.loss,
            seconds=curve.seconds,
            error=curve.error,
            objective=found.value,
            best_iteration=None if best is None else best.iteration,
            try_objective=curve.value if self.task.tries else None,
            standard_error=found.standard_error,
        )

    @property
    def progress_of_task(self) -> Progress:
        """What the record is to say of it when its task is over."""
        return self.progress(TrialStatus.FINISHED if self.curve.error is None else TrialStatus.FAILED)

    def stops_astray(self, layout: Layout) -> tuple[Stop, ...]:
        """Return what is left to do where its weights are no numbers any more: an evaluation, unless there has been one."""
        iteration = self.curve.iteration
        known = any(each.iteration == iteration for each in self.curve.evaluations)
        return () if known else tuple(evaluation_tour(layout, iteration, self.trial.held_out))

    @property
    def progress_at_end(self) -> Progress | None:
        """What the record is to say of it where it counts as it was at the last decision; None for what it says."""
        if (self.curve if self.counted is None else self.counted.curve).error is not None:
            return None
        if self.counted is None:  # whatever it has come to
            return self.progress(TrialStatus.STOPPED)
        curve = replace(self.counted.curve, iteration=self.counted.curve.evaluations[-1].iteration)
        return replace(self, task=self.counted.task, curve=curve, mean=self.counted.mean).progress(TrialStatus.FINISHED)

    def place(self, *, decided: bool) -> RankingPlace:
        """Return what trials are sorted by, best first.

        Args:
            decided: whether it counts as it was at the last decision about it; behind all others where there was none.
        """
        found = self.result_as_counted if decided else self.result
        if found is None:
            return RankingPlace(True, True, (), self.trial.number)
        return RankingPlace(False, found.value is None, found.rank, self.trial.number)

    @property
    def delivered(self) -> int | None:
        """After how many visits the state was that the tables get; None for the latest one."""
        best = self.curve.best
        return None if best is None else self._visits(best.iteration)

    @property
    def delivered_as_counted(self) -> int | None:
        """The same where it counts as it was at the last decision about it."""
        visits = None if self.counted is None else self.counted.visits
        return None if visits is None or visits >= self.curve.visits else visits  # one that diverged has ended in an iteration

    @property
    def kept(self) -> frozenset[int]:
        """After how many visits the states were that must be there beside the latest one: what the tables may get."""
        before = [each for each in (self.counted, *self.ends) if each is not None and each.task != self.task]
        return frozenset(each for each in (self.delivered, *(end.visits for end in before)) if each is not None)

    def end(self) -> None:
        """Note what the trial is at the end of its task."""
        task, curve = self.task, self.curve
        then = replace(curve) if curve.error is not None else curve.until(task.offset + task.iterations)
        found = then.delivered
        failed = curve.error is not None or found is None
        self.ends.append(TaskEnd(task, then, None if failed or found is None else self._visits(found.iteration)))

    def has_ended(self, task: Task) -> bool:
        """Whether this task of its configuration is the last that it has ended."""
        return bool(self.ends) and self.ends[-1].task.offset == task.offset

    def meet(self, mean: Mean) -> None:
        """Note what all tries of its configuration have come to at the end of its task."""
        self.mean, self.ends[-1] = mean, replace(self.ends[-1], mean=mean)

    def count(self, task: Task) -> None:
        """Note that something was decided about its configuration at the end of a task."""
        while self.counted is None or self.counted.task.offset != task.offset:
            self.counted = self.ends.pop(0)

    def _visits(self, iteration: int) -> int:
        # One whose weights became no numbers in the middle of an iteration is evaluated there.
        return min((iteration - self.begun) * self.partitions, self.curve.visits)


class TrialsUnderWay:
    """The trials of a run by their numbers, and which of them is the best."""

    def __init__(self) -> None:
        self._trials: dict[int, TrialUnderWay] = {}
        self._done: set[int] = set()

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
        return [each.result for _, each in sorted(self._trials.items())]

    @property
    def best(self) -> Best:
        """The trial with the best score, if any is finite."""
        return results.shown(results.best(each.result for each in self))

    def ranking(self, most: int, *, decided: bool) -> list[int]:
        """Return the numbers of the best trials, the best first, as they are or as they were decided about.

        Of several tries of a configuration one stands for all: the best; where they have no mean, the one that has no value.
        """
        tries: dict[tuple[int, ...], list[RankingPlace]] = {}
        for each in self:
            tries.setdefault(each.task.tries or (each.trial.number,), []).append(each.place(decided=decided))
        shown = (max(places) if places[0].has_no_value else min(places) for places in tries.values())
        return [place.trial for place in heapq.nsmallest(most, shown)]

    def of(self, task: Task) -> list[TrialUnderWay]:
        """Return the tries of a configuration that has a task; the trial alone that is its only one."""
        return [self._trials[number] for number in task.tries or (task.trial,)]

    def ended(self, trial: int, stopped: Sequence[int] = ()) -> list[TrialUnderWay]:
        """Note that a trial has ended its task; return those of which there is something new to be said: it, or all tries of
        its configuration when the last of them has ended that task.

        Args:
            stopped: trials that go no further because of that.
        """
        under_way = self._trials[trial]
        under_way.end()
        self._done.update(stopped)
        if under_way.curve.error is not None or not under_way.task.is_part:
            self._done.add(trial)
        tries = self.of(under_way.task)
        if len(tries) == 1 or not all(each.has_ended(under_way.task) for each in tries):
            return [under_way]
        mean = mean_of([each.ends[-1].curve.value for each in tries])
        for each in tries:
            each.meet(mean)
        return tries

    @property
    def done(self) -> int:
        """How many have ended a task, whatever follows from that."""
        return len(self._done)

    @property
    def iterations(self) -> float:
        """How many they have made, all together, a part of one for each partition."""
        return sum(each.curve.visits / each.partitions for each in self)
