"""Decisions and what ends them: a search takes one after the other, until its plan or one of its budgets is at its end.

A decision is the end of a task that retires (`retirement`), or where each configuration is tried several times, of those of all
its tries, with the mean of their scores (`tries`). So a search that a budget has ended is the beginning of the one
that nothing ends. The clock is no part of the plan: it only says how many decisions are taken, and `decisions` with that
number takes the same ones again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from automl.search.retirement import Retired, Retirement
from automl.search.scheduler import Task, Turn
from automl.search.tries import Together


class Reason(StrEnum):
    """What has ended a search before its plan was at its end: a key of `automl_params`, or a function."""

    MAX_TIME = "max_time"
    MAX_TRIALS = "max_trials"
    TARGET = "target"
    PATIENCE = "patience"
    DECISIONS = "decisions"
    STOP = "automl_stop"


@dataclass(frozen=True)
class Limits:
    """Budgets that count decisions; None for none.

    Attributes:
        max_trials: trials that are tried, by their numbers: what retires before the next one does is decided too.
        target: a score that ends the search when a trial is as good.
        patience: trials in a row that retire without one of them becoming the best, once there is one.
        decisions: how many are taken.
    """

    max_trials: int | None = None
    target: float | None = None
    patience: int | None = None
    decisions: int | None = None


class Decisions:
    """The decisions of a search.

    Args:
        limits: what ends them.

    Attributes:
        taken: how many have been taken.
        ended_by: what has ended them; None while they go on.
    """

    def __init__(self, limits: Limits) -> None:
        self.taken = 0
        self.ended_by: Reason | None = None
        self._limits = limits
        self._retirement = Retirement()
        self._together = Together()
        self._best = math.inf
        self._without: set[int] = set()  # trials that have retired since one became the best

    def begin(self, tasks: Iterable[Task], horizon: Turn | None) -> list[Retired]:
        """Note tasks that begin, and return what is decided because the horizon has moved."""
        self._retirement.begin(_first(tasks))
        return list(self._decided(horizon))

    def end(self, task: Task, score: float | None, follow: Iterable[Task], horizon: Turn | None) -> list[Retired]:
        """Note the end of a task, and return what is decided because of it, in order.

        Args:
            score: of its trial, the lower the better; None if it failed.
            follow: the tasks that begin because of it.
            horizon: where the next trial stands that has not begun though nothing keeps it from it.
        """
        ended = self._together.end(task, score)
        if ended is not None:
            self._retirement.end(ended.task, ended.score, _first(follow))
        return list(self._decided(horizon))

    def stop(self, reason: Reason) -> None:
        """Take no more decisions."""
        self.ended_by = self.ended_by or reason

    def admits(self, trial: int) -> bool:
        """Return whether a trial may begin."""
        return self._limits.max_trials is None or trial <= self._limits.max_trials

    @property
    def complete(self) -> bool:
        """Whether all that has begun has been decided."""
        return self._retirement.next is None

    def _decided(self, horizon: Turn | None) -> Iterator[Retired]:
        while self.ended_by is None:
            following = self._retirement.next
            if following is not None and not self.admits(following.trial):
                self.stop(Reason.MAX_TRIALS)
            elif (retired := self._retirement.retire(horizon)) is None:
                return
            else:
                self._count(retired)
                yield retired

    def _count(self, retired: Retired) -> None:
        """Count a decision, and look whether it is the last."""
        self.taken += 1
        score = math.inf if retired.score is None or not math.isfinite(retired.score) else retired.score
        if score < self._best:
            self._best, self._without = score, set()
        elif self._best < math.inf:
            self._without.add(retired.task.trial)
        if self._limits.target is not None and score <= self._limits.target:
            self.stop(Reason.TARGET)
        if self._limits.patience is not None and len(self._without) >= self._limits.patience:
            self.stop(Reason.PATIENCE)
        if self.taken == self._limits.decisions:
            self.stop(Reason.DECISIONS)


def _first(tasks: Iterable[Task]) -> list[Task]:
    """Return of the tries of a configuration the task of the first, which stands for all of them."""
    return [task for task in tasks if not task.tries or task.trial == task.tries[0]]
