"""How well a trial does: its losses and metrics by iteration, what they are worth, and what is better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl.search.directions import Direction
from automl.search.monitors import monitored
from automl.search.objective import Objective
from automl.search.parameters import CompileParams, FitParams
from automl.search.plateaus import EarlyStopping, Outlook, ReduceLROnPlateau
from automl.search.steering import Keep, Steering
from keras_seg.protocol.orders import TRAINING, VALIDATION

Scores = tuple[float, tuple[float, ...]]  # loss and metrics of a dataset


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
    training: Scores
    validation: Scores | None

    def of(self, dataset: str) -> Scores:
        """Return what was found of a dataset."""
        scores = self.validation if dataset == VALIDATION else self.training
        assert scores is not None
        return scores


@dataclass(frozen=True)
class Measure:
    """What an evaluation of one trial is worth.

    Attributes:
        dataset: whose loss or metric it is.
        metric: which of the trial's metrics, from 0; None for the loss.
        direction: which values are better.
    """

    dataset: str = TRAINING
    metric: int | None = None
    direction: Direction = Direction.MIN

    @classmethod
    def of(cls, objective: Objective, compiled: CompileParams) -> Measure:
        """Return what an objective is for a trial with these compile parameters."""
        return cls(objective.dataset, objective.place(compiled), objective.direction)

    def loss(self, evaluation: Evaluation) -> float:
        """Return the loss of the same dataset."""
        return evaluation.of(self.dataset)[0]

    def value(self, evaluation: Evaluation) -> float:
        """Return the value; not a number where the loss is none, whatever a metric makes of such outputs."""
        loss, metrics = evaluation.of(self.dataset)
        value = loss if self.metric is None else metrics[self.metric]
        return value if self.metric is None or math.isfinite(loss) else math.nan

    def score(self, evaluation: Evaluation) -> float:
        """Return what schedulers are told: the lower the better."""
        return self.score_of(self.value(evaluation))

    def score_of(self, value: float) -> float:
        """Return the same of a value."""
        return value if self.direction is Direction.MIN else -value


@dataclass(frozen=True)
class Standing:
    """What is said of a trial after some evaluations.

    Attributes:
        delivered: the evaluation of the state that the tables get: the last one, or the best, the first of equals.
        is_over: whether it ends here though iterations are left: its loss is no number, or it has not become better.
    """

    delivered: Evaluation | None = None
    is_over: bool = False


@dataclass(frozen=True)
class Course:
    """How a trial is judged and steered, by its own evaluations alone.

    Attributes:
        measure: what an evaluation is worth.
        keep: which state is delivered.
        patience: evaluations in a row without a better value after which the trial ends; None for none.
        stopping, plateau: the callbacks EarlyStopping and ReduceLROnPlateau, each with what it monitors.
    """

    measure: Measure = field(default_factory=Measure)
    keep: Keep = Keep.LAST
    patience: int | None = None
    stopping: tuple[EarlyStopping, Measure] | None = None
    plateau: tuple[ReduceLROnPlateau, Measure] | None = None

    @classmethod
    def of(cls, objective: Objective, steering: Steering, compiled: CompileParams, fit: FitParams) -> Course:
        """Return the course of a trial with these parameters."""
        stopping, plateau = (
            None if each is None else (each, Measure.of(monitored(each, [compiled]), compiled))
            for each in (fit.called_back.stopping, fit.called_back.plateau)
        )
        return cls(Measure.of(objective, compiled), steering.keep, steering.trial_patience, stopping, plateau)  # type: ignore[arg-type]

    @property
    def keeps_best(self) -> bool:
        """Whether another state than the last one may be delivered."""
        return self.keep is Keep.BEST or (self.stopping is not None and self.stopping[0].restore_best_weights)

    def standing(self, evaluations: Sequence[Evaluation]) -> Standing:
        """Return what is to be said of a trial after these evaluations."""
        if not evaluations:
            return Standing()
        outlook, best = self._outlook(evaluations), None
        if self.keep is Keep.BEST or self.patience is not None:
            best = first_best(map(self.measure.score, evaluations))
        kept = best if self.keep is Keep.BEST else outlook.best if self.keeps_best else None
        waited = len(evaluations) - (0 if best is None else best + 1)
        over = outlook.stops or (self.patience is not None and waited >= self.patience)
        return Standing(evaluations[-1 if kept is None else kept], over or not math.isfinite(evaluations[-1].training[0]))

    def rate_cuts(self, evaluations: Sequence[Evaluation]) -> int:
        """Return how often the learning rate has been reduced."""
        if self.plateau is None:
            return 0
        rule, measure = self.plateau
        return rule.cuts([measure.value(each) for each in evaluations], measure.direction)

    def _outlook(self, evaluations: Sequence[Evaluation]) -> Outlook:
        if self.stopping is None:
            return Outlook()
        rule, measure = self.stopping
        return rule.outlook([measure.value(each) for each in evaluations], measure.direction)


@dataclass
class LearningCurve:
    """What is known of a trial so far.

    Attributes:
        course: how it is judged.
        evaluations: in the order of their iterations.
        iteration: the last one made.
        visits: those that trained: how often its state has changed.
        seconds: that sessions have spent on it.
        error: why it failed, if it did.
    """

    course: Course = field(default_factory=Course)
    evaluations: list[Evaluation] = field(default_factory=list)
    iteration: int = 0
    visits: int = 0
    seconds: float = 0.0
    error: str | None = None
    _said: tuple[int, Standing] = field(default=(0, Standing()), init=False, repr=False, compare=False)

    @property
    def delivered(self) -> Evaluation | None:
        """The evaluation of the state that the tables get; None for a trial that has not been evaluated."""
        return self._standing.delivered

    @property
    def best(self) -> Evaluation | None:
        """The best evaluation, if it is to be the one that is delivered and any is a number."""
        found = self.delivered
        best = self.course.keeps_best and found is not None and math.isfinite(self.course.measure.score(found))
        return found if best else None

    @property
    def score(self) -> float | None:
        """What the state that the tables get is worth, the lower the better; None for a trial that failed, or has none."""
        return None if (found := self._judged) is None else self.course.measure.score(found)

    @property
    def value(self) -> float | None:
        """The same as the value of the objective."""
        return None if (found := self._judged) is None else self.course.measure.value(found)

    @property
    def loss(self) -> float | None:
        """The loss of the same dataset."""
        return None if (found := self._judged) is None else self.course.measure.loss(found)

    @property
    def rate_cuts(self) -> int:
        """How often its learning rate has been reduced."""
        return self.course.rate_cuts(self.evaluations)

    @property
    def is_over(self) -> bool:
        """Whether the trial has come to its end though iterations are left."""
        return self._standing.is_over

    @property
    def _standing(self) -> Standing:
        """What is said of it, which is found out once after each evaluation."""
        if self._said[0] != len(self.evaluations):
            self._said = len(self.evaluations), self.course.standing(self.evaluations)
        return self._said[1]

    @property
    def _judged(self) -> Evaluation | None:
        return self.delivered if self.error is None else None

    def until(self, iteration: int) -> LearningCurve:
        """Return what was known after an iteration."""
        return replace(self, evaluations=[each for each in self.evaluations if each.iteration <= iteration])


class OpenEvaluation:
    """Gathers what visits find of each dataset, until an evaluation is complete; then the next one.

    Args:
        datasets: those that are evaluated.
    """

    def __init__(self, datasets: tuple[str, ...]) -> None:
        self._datasets = datasets
        self._found: dict[str, Scores] = {}

    def add(self, found: Mapping[str, Scores], iteration: int, elapsed: float) -> Evaluation | None:
        """Add what a visit found; return the evaluation if it is complete with that."""
        self._found.update(found)
        if len(self._found) < len(self._datasets):
            return None
        complete, self._found = self._found, {}
        return Evaluation(iteration, elapsed, complete[TRAINING], complete.get(VALIDATION))


def rank(score: float | None, trial: int) -> tuple[int, float, int]:
    """Return what trials are sorted by, best first: the lowest score, any that is not finite, none; ties by number."""
    if score is None or not math.isfinite(score):
        return (2 if score is None else 1), 0.0, trial
    return 0, score, trial


def first_best(scores: Iterable[float]) -> int | None:
    """Return where the lowest of the finite scores stands, the first of equals; None where none is finite."""
    found = [(score, place) for place, score in enumerate(scores) if math.isfinite(score)]
    return min(found)[1] if found else None
