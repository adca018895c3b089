"""What of a run counts: what its trials were when it took its last decision, and what has ended it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from automl.database import locks
from automl.database.session import CallerDatabase
from automl.errors import UsageError
from automl.search.budgets import Decisions, Limits, Reason
from automl.search.pairs import AUTOML_PARAMS
from automl.search.retirement import Retired
from automl.search.scheduler import OpenEnded, Scheduler, Step
from automl.search.steering import Steering
from automl.training.request import Request
from automl.training.results import Result
from automl.training.under_way import TrialsUnderWay, TrialUnderWay

_LOOK = 0.25  # seconds between two looks for somebody who wants the search to end


class Decided:
    """The decisions of a run, and what its trials were at each of them.

    Args:
        scheduler: of the search.
        trials: what the run knows of its trials.
        limits: what ends the decisions.
    """

    def __init__(self, scheduler: Scheduler, trials: TrialsUnderWay, limits: Limits) -> None:
        self._scheduler = scheduler
        self._trials = trials
        self._decisions = Decisions(limits)

    @property
    def taken(self) -> int:
        """How many decisions were taken."""
        return self._decisions.taken

    @property
    def ended_by(self) -> Reason | None:
        """What has ended the run before its plan was at its end; None where nothing has."""
        whole = self._decisions.complete and self._horizon is None
        return None if whole else self._decisions.ended_by

    @property
    def over(self) -> bool:
        """Whether no more decisions are taken."""
        return self._decisions.ended_by is not None

    def admits(self, trial: int) -> bool:
        """Return whether a trial may train."""
        return self._decisions.admits(trial)

    def stop(self, reason: Reason) -> None:
        """Take no more decisions."""
        self._decisions.stop(reason)

    def require_as_far(self, taken: int, steering: Steering) -> None:
        """Raise where a budget ends the run before it has taken as many decisions as it had: none is taken back."""
        reason = self._decisions.ended_by
        if reason is not None and self.taken < taken:
            came = f"which is {taken} decisions: it would end after {self.taken} of them"
            rule = f'"{reason}" must lie beyond what the run has come to, {came}'
            raise UsageError(
                AUTOML_PARAMS, rule, getattr(steering, reason), hint="Leave it out, or give one that goes farther."
            )

    def begin(self, step: Step) -> list[TrialUnderWay]:
        """Note tasks that begin by themselves; return the trials about which something was decided because of that."""
        return self._counted(self._decisions.begin(step.tasks, self._horizon))

    def end(self, trial: int, score: float | None, step: Step) -> list[TrialUnderWay]:
        """Hear that a trial has ended its task, and return the trials about which something was decided because of that.

        Args:
            score: of the trial; None if it failed.
            step: what follows.
        """
        return self._counted(self._decisions.end(self._trials[trial].task, score, step.tasks, self._horizon))

    @property
    def results(self) -> list[Result]:
        """What became of the trials about which something was decided."""
        found = [result for each in self._trials if (result := each.result_as_counted) is not None]
        return sorted(found, key=lambda result: result.trial.number)

    @property
    def _horizon(self) -> tuple[int, ...] | None:
        return self._scheduler.horizon if isinstance(self._scheduler, OpenEnded) else None

    def _counted(self, several: Iterable[Retired]) -> list[TrialUnderWay]:
        trials = []
        for retired in several:
            for each in self._trials.of(retired.task):
                each.count(retired.task)
                trials.append(each)
        return trials


def limits_of(request: Request) -> Limits:
    """Return the budgets of a request that count decisions."""
    steering = request.steering
    target = None if steering.target is None else request.objective.score(steering.target)
    trials = None if steering.max_trials is None else steering.max_trials * request.tries.count
    return Limits(trials, target, steering.patience, steering.decisions)


def budget_of(reason: Reason, steering: Steering) -> str:
    """Return a budget as one writes it: `max_time=600 s`."""
    value = getattr(steering, reason, None)
    return str(reason) if value is None else f"{reason}={value:g}{' s' if reason is Reason.MAX_TIME else ''}"


@dataclass
class Outside:
    """Looks for what ends a run and is no part of its plan: its time, and somebody who calls `automl_stop`.

    Attributes:
        run: its number.
        until: when its time is over, as `time.monotonic` tells it; None for never.
    """

    db: CallerDatabase
    run: int
    until: float | None = None
    _next: float = 0.0

    def look(self) -> Reason | None:
        """Return what ends the run now."""
        now = time.monotonic()
        if self.until is not None and now >= self.until:
            return Reason.MAX_TIME
        if now < self._next:
            return None
        self._next = now + _LOOK
        return Reason.STOP if locks.told_to_stop(self.db, self.run) else None
