"""What is known of a run that was interrupted, as data: how far each trial's state is, and what was found up to there.

A run that is resumed begins again and is told what it was told before: the search is deterministic, so it proposes the same
trials and tasks, and what their record knows need not be trained again. What a trial is anchored to is its checkpoint. Metrics
are written before checkpoints, so there may be some from beyond the anchor: they will be found again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from automl.cluster.hopper import Leg, Position
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError
from automl.search.space import Configuration
from automl.training.curves import Evaluation
from automl.training.rows import Anchor, MetricRow, TrialRow, TrialStatus

_NOWHERE = Position()
_HINT = "Start a new search; with the random_state of the run's record it gives the same result."


@dataclass(frozen=True)
class InterruptedRun:
    """A run that is to go on.

    Attributes:
        run_id: its number.
        started: when it began, as the summary tables write it.
        inputs: a digest of what it was trained on; None for whatever is there now.
        time_from: seconds that it had trained when its time began to count; None where that begins now.
        decisions: that it has taken.
    """

    run_id: int
    started: str
    inputs: str | None = None
    time_from: float | None = 0.0
    decisions: int = 0

    def require_same(self, inputs: str) -> None:
        """Raise unless the run would go on with what it was trained on."""
        if self.inputs not in (None, inputs):
            raise AutomlError(
                f"run {self.run_id} cannot be resumed: what it was trained with has been written again since: a packed table,"
                " an architecture, a custom function, or weights to begin from",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
                hint="If what they hold is the same, as after a restore from a dump, have it taken for the same: UPDATE"
                f" madlib.automl_runs SET inputs = NULL WHERE run_id = {self.run_id}",
            )


@dataclass(frozen=True)
class KnownTrial:
    """What is known of a trial up to its anchor.

    Attributes:
        configuration: what it trains.
        position: of its state.
        visits: those that trained: how often its state has changed.
        evaluations: in the order of their iterations.
        seconds: that sessions have spent on it.
        error: why it failed, if it did: it stays failed.
    """

    configuration: Configuration
    position: Position = _NOWHERE
    visits: int = 0
    evaluations: tuple[Evaluation, ...] = ()
    seconds: float = 0.0
    error: str | None = None

    @property
    def first(self) -> float:
        """The first iteration that is known of; infinite where none is."""
        iterations = [self.position.iteration, *(each.iteration for each in self.evaluations)]
        return min((each for each in iterations if each), default=math.inf)

    @cached_property
    def evaluated(self) -> frozenset[int]:
        """The iterations that were evaluated."""
        return frozenset(each.iteration for each in self.evaluations)

    def require(self, leg: Leg) -> None:
        """Raise unless everything is there that a leg has found out up to the anchor.

        Raises:
            AutomlError: metrics are missing from before the anchor, which nothing can compute any more.
        """
        lost = sorted(each for each in leg.evaluated if each < self.position.iteration and each not in self.evaluated)
        if lost:
            raise AutomlError(
                f"the run cannot be resumed: its record lacks the metrics of mst_key {leg.trial} after iteration {lost[0]}",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
                hint=_HINT,
            )


@dataclass(frozen=True)
class History:
    """What is known of a run; nothing of a new one.

    Attributes:
        trials: by their numbers.
        elapsed: seconds that the run has trained.
    """

    trials: Mapping[int, KnownTrial] = field(default_factory=dict)
    elapsed: float = 0.0

    def require_same(self, trial: int, proposed: Configuration, offset: int = 0) -> None:
        """Raise unless a trial that the search proposes is the one that the record has under its number, if it has one.

        Args:
            offset: iterations on the axis of the search that lie before its first.
        """
        known = self.trials.get(trial)
        if known is not None and known.first <= offset:
            raise AutomlError(
                f"the run cannot be resumed: its mst_key {trial} began with iteration {known.first}, and would begin with"
                f" iteration {offset + 1} now",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
                hint="An earlier version gave other iterations to the configurations of a small search space. " + _HINT,
            )
        if known is None or known.configuration == proposed:
            return
        raise AutomlError(
            f"the run cannot be resumed: its mst_key {trial} is {_shown(known.configuration)},"
            f" and would be {_shown(proposed)} now",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="A table that the search reads has changed, or a library has another version. " + _HINT,
        )


def lost_state(trial: int) -> AutomlError:
    """The error that the record does not have a state that must be delivered."""
    return AutomlError(
        f"the run cannot be resumed: its record lacks the state of mst_key {trial} after its best iteration",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        hint=_HINT,
    )


def _shown(configuration: Configuration) -> str:
    return f"({configuration.model_id}, {configuration.compile_params}, {configuration.fit_params})"


def remembered(
    turns: Callable[[int], int], trials: Iterable[TrialRow], metrics: Iterable[MetricRow], anchors: Iterable[Anchor]
) -> History:
    """Return what rows of the record tell.

    Args:
        turns: gives on how many partitions a trial trains in an iteration.
        anchors: of the states that are there; the latest of a trial counts.
    """
    anchor_of = {anchor.mst_key: anchor for anchor in sorted(anchors, key=lambda anchor: anchor.visits)}
    evaluations: dict[int, list[Evaluation]] = {}
    for row in metrics:
        evaluations.setdefault(row.mst_key, []).append(row.evaluation)
    known = {
        trial.mst_key: _known(trial, anchor_of.get(trial.mst_key), evaluations.get(trial.mst_key, ()), turns(trial.mst_key))
        for trial in trials
    }
    return History(known, max((each.elapsed for several in evaluations.values() for each in several), default=0.0))


def _known(trial: TrialRow, anchor: Anchor | None, evaluations: Iterable[Evaluation], turns: int) -> KnownTrial:
    visits = 0 if anchor is None else anchor.visits
    position = _NOWHERE if anchor is None else Position(anchor.iteration, (visits - 1) % turns + 1)
    complete = position.iteration if position.turn == turns else position.iteration - 1
    return KnownTrial(
        Configuration(trial.model_id, trial.compile_params, trial.fit_params),
        position,
        visits,
        tuple(each for each in sorted(evaluations, key=lambda each: each.iteration) if each.iteration <= complete),
        trial.seconds,
        str(trial.error) if trial.status == TrialStatus.FAILED else None,
    )
