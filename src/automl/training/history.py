"""What is known of a run that was interrupted, as data: how far each trial's state is, and what was found up to there.

A run that is resumed begins anew and is told what it was told before: the search is deterministic, so it proposes the same
trials and tasks, and what their record knows need not be trained again. What a trial is anchored to is its checkpoint. Metrics
are written before checkpoints, so there may be some from beyond the anchor: they are stale, and will be found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from automl.cluster.hopper import Leg, Position
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError
from automl.search.space import Configuration

_NOWHERE = Position()
_HINT = "Start a new search; with the random_state of the run's record it gives the same result."


@dataclass(frozen=True)
class Interrupted:
    """A run that is to go on: what its record tells that the arguments of its call do not.

    Attributes:
        run_id: its number.
        started: when it began, as the summary tables write it.
        seed: from which all randomness derives.
        threads: of TensorFlow in each session; another number would give other bits.
        inputs: a digest of what it was trained on; None for whatever is there now.
    """

    run_id: int
    started: str
    seed: int
    threads: int
    inputs: str | None = None

    def require_same(self, inputs: str) -> None:
        """Raise unless the run would go on with what it was trained on."""
        if self.inputs not in (None, inputs):
            raise AutomlError(
                f"run {self.run_id} cannot be resumed: a packed table, an architecture or a custom function that it was trained"
                " with has been written anew since",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
                hint="If what they hold is the same, as after a restore from a dump, have it taken for the same: UPDATE"
                f" madlib.automl_runs SET inputs = NULL WHERE run_id = {self.run_id}",
            )


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics of a trial after an iteration.

    Attributes:
        iteration: on the search's own axis, from 1.
        elapsed: seconds since the search began to train.
        training, validation: (loss, metrics); None where there is no validation table.
    """

    iteration: int
    elapsed: float
    training: tuple[float, tuple[float, ...]]
    validation: tuple[float, tuple[float, ...]] | None

    @property
    def loss(self) -> float:
        """The loss that ranks: of the validation table where there is one."""
        return self.training[0] if self.validation is None else self.validation[0]


@dataclass(frozen=True)
class Known:
    """What is known of a trial up to its anchor.

    Attributes:
        configuration: what it trains.
        position: of its state.
        hops: that it has made.
        evaluations: in the order of their iterations.
        seconds: that sessions have spent on it.
        error: why it failed, if it did: it stays failed.
    """

    configuration: Configuration
    position: Position = _NOWHERE
    hops: int = 0
    evaluations: tuple[Evaluation, ...] = ()
    seconds: float = 0.0
    error: str | None = None

    @cached_property
    def losses(self) -> dict[int, float]:
        """The losses that rank, by iteration."""
        return {each.iteration: each.loss for each in self.evaluations}

    def require(self, leg: Leg) -> None:
        """Raise unless everything is there that a leg has found out up to the anchor.

        Raises:
            AutomlError: metrics are missing from before the anchor, which nothing can compute any more.
        """
        lost = sorted(each for each in leg.evaluated if each < self.position.iteration and each not in self.losses)
        if lost:
            raise AutomlError(
                f"the run cannot be resumed: its record lacks the metrics of mst_key {leg.trial} after iteration {lost[0]}",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
                hint=_HINT,
            )


@dataclass(frozen=True)
class Past:
    """What is known of a run; nothing of a new one.

    Attributes:
        trials: by mst_key.
        stale: (mst_key, iteration) of evaluations that lie beyond the anchor of their trial.
        elapsed: seconds that the run has trained.
    """

    trials: Mapping[int, Known] = field(default_factory=dict)
    stale: tuple[tuple[int, int], ...] = ()
    elapsed: float = 0.0

    def require_same(self, mst_key: int, proposed: Configuration) -> None:
        """Raise unless a trial that the search proposes is the one that the record has under its number, if it has one."""
        known = self.trials.get(mst_key)
        if known is None or known.configuration == proposed:
            return
        raise AutomlError(
            f"the run cannot be resumed: its mst_key {mst_key} is {_shown(known.configuration)},"
            f" and would be {_shown(proposed)} now",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="A table that the search reads has changed, or a library has another version. " + _HINT,
        )


def _shown(configuration: Configuration) -> str:
    return f"({configuration.model_id}, {configuration.compile_params}, {configuration.fit_params})"


Rows = Iterable[Mapping[str, Any]]


def remembered(partitions: int, trials: Rows, metrics: Rows, checkpoints: Rows) -> Past:
    """Return what rows of the record tell.

    Args:
        partitions: of the training table.
        trials, metrics, checkpoints: rows with columns of automl_trials, automl_metrics and automl_checkpoints.
    """
    anchors = {row["mst_key"]: row for row in checkpoints}
    evaluations: dict[int, list[Evaluation]] = {}
    for row in metrics:
        evaluations.setdefault(row["mst_key"], []).append(_evaluation(row))
    known = {row["mst_key"]: _known(row, anchors.get(row["mst_key"]), evaluations, partitions) for row in trials}
    kept = {(key, each.iteration) for key, trial in known.items() for each in trial.evaluations}
    found = [(key, each) for key, several in evaluations.items() for each in several]
    stale = tuple(sorted({(key, each.iteration) for key, each in found} - kept))
    return Past(known, stale, max((each.elapsed for _, each in found), default=0.0))


def _known(
    trial: Mapping[str, Any], anchor: Mapping[str, Any] | None, evaluations: Mapping[int, list[Evaluation]], partitions: int
) -> Known:
    hops = 0 if anchor is None else anchor["visits"]
    position = _NOWHERE if anchor is None else Position(anchor["iteration"], (hops - 1) % partitions + 1)
    complete = position.iteration if position.turn == partitions else position.iteration - 1
    found = sorted(evaluations.get(trial["mst_key"], ()), key=lambda each: each.iteration)
    return Known(
        Configuration(trial["model_id"], trial["compile_params"], trial["fit_params"]),
        position,
        hops,
        tuple(each for each in found if each.iteration <= complete),
        trial["seconds"],
        str(trial["error"]) if trial["status"] == "failed" else None,
    )


def _evaluation(row: Mapping[str, Any]) -> Evaluation:
    return Evaluation(row["iteration"], row["elapsed"], _scores(row, "training"), _scores(row, "validation"))  # type: ignore[arg-type]


def _scores(row: Mapping[str, Any], dataset: str) -> tuple[float, tuple[float, ...]] | None:
    loss, metrics = row[f"{dataset}_loss"], row[f"{dataset}_metrics"]
    return None if metrics is None else (float(loss), tuple(metrics))
