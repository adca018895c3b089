"""Replaying a run that was interrupted: what of it need not be done again.

The scheduler begins again, and of each task that it gives the hopper gets what lies ahead of the trial's checkpoint. A task
that lies behind it has ended at once, with the loss that the record has. Of a new run everything lies ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from automl.cluster.hopper import Layout, Leg, stops_done
from automl.search.scheduler import Task
from automl.training.curves import Course, LearningCurve
from automl.training.history import History
from automl.training.trials import Trial


@dataclass(frozen=True)
class Ended:
    """How a task ended that the record knows the end of.

    Attributes:
        score: of the trial; None if it failed.
        error: why it failed, if it did.
    """

    score: float | None
    error: str | None = None


@dataclass(frozen=True)
class Replay:
    """What is known of the trials that a scheduler proposes once more.

    Args:
        layout: the partitions.
        history: of the run.
    """

    layout: Layout
    history: History

    def knows(self, trial: Trial) -> bool:
        """Return whether the record has a trial."""
        return trial.number in self.history.trials

    def curve(self, trial: Trial, task: Task, course: Course) -> LearningCurve:
        """Return what is known of a trial, up to its checkpoint.

        Args:
            task: the first one that it has.
            course: how it is judged.

        Raises:
            AutomlError: the record has another trial under its number, or one that began before.
        """
        self.history.require_same(trial.number, trial.configuration, task.offset)
        known = self.history.trials.get(trial.number)
        if known is None:
            return LearningCurve(course)
        return LearningCurve(course, list(known.evaluations), known.position.iteration, known.visits, known.seconds)

    def ahead(self, leg: Leg) -> Leg:
        """Return a leg without the stops that lie behind the trial's checkpoint.

        Raises:
            AutomlError: metrics are missing that nothing can compute any more.
        """
        known = self.history.trials.get(leg.trial)
        if known is None:
            return leg
        known.require(leg)
        return replace(leg, stops_done=stops_done(self.layout, leg, known.position, known.evaluated))

    def ended(self, leg: Leg, curve: LearningCurve) -> Ended | None:
        """Return how a leg, as `ahead` gives it, ended; None if it is to be made.

        Args:
            curve: of its trial. One that has come to its end early makes no further leg.
        """
        known, then = self.history.trials.get(leg.trial), curve.until(leg.last)
        if then.is_over or (known is not None and leg.stops_done == leg.stops(self.layout)):
            return Ended(then.score)
        if known is not None and known.error is not None:
            return Ended(None, known.error)
        return None
