"""Where the configurations of new trials come from: drawn at random, or proposed from the scores of others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from automl.search.retirement import Retired, Retirement
from automl.search.sampling import Proposals, Standings, Tpe
from automl.search.scheduler import Task
from automl.search.space import Configuration, Point, Space


class Source(Protocol):
    """Configurations of new trials.

    Attributes:
        free: whether the next one can begin whenever a session is free, and not before.
    """

    @property
    def free(self) -> bool: ...

    def prepare(self) -> None:
        """Hear that the search begins."""

    def ready(self, trial: int) -> bool:
        """Return whether a trial may begin by itself."""

    def point(self, trial: int) -> Point | None:
        """Return what a trial is to try; None where there is nothing left."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """Hear of tasks that begin."""

    def end(self, task: Task, score: float | None, follow: Sequence[Task]) -> None:
        """Hear of the end of a task, and of those that begin because of it."""


class DrawnTrials:
    """Configurations that are drawn at random: all of them at once, or as sessions become free where they have no end."""

    def __init__(self, space: Space, seed: int, free: bool) -> None:
        self._points = space.sequence(seed)
        self.free = free

    def prepare(self) -> None:
        """Nothing is to be done."""

    def ready(self, trial: int) -> bool:
        return not self.free

    def point(self, trial: int) -> Point | None:
        return next(self._points, None)

    def begin(self, tasks: Sequence[Task]) -> None:
        """It does not matter."""

    def end(self, task: Task, score: float | None, follow: Sequence[Task]) -> None:
        """It does not matter."""


class ProposedTrials:
    """Configurations that TPE proposes, each from what stands before it in the order of the plan.

    Trial j is proposed from the scores of the tasks whose turn is j or less, and may begin as soon as these have ended.
    """

    free = False

    def __init__(self, space: Space, seed: int) -> None:
        self._proposals = Proposals(space, seed, lambda: Tpe(space.axes))
        self._standings = Standings(space, self._proposals)
        self._retirement = Retirement()
        self._retired: deque[Retired] = deque()
        self._tried: dict[int, Configuration] = {}
        self._pending: dict[int, Configuration] = {}

    def prepare(self) -> None:
        self._proposals.begin()

    def ready(self, trial: int) -> bool:
        return self._retirement.next is None or self._retirement.next.turn[0] > trial

    def point(self, trial: int) -> Point | None:
        while self._retired and self._retired[0].task.turn[0] <= trial:
            self._learn(self._retired.popleft())
        point = self._standings.point(trial, tuple(self._pending.values()))
        if point is not None:
            self._proposals.take(point)
            self._tried[trial] = self._pending[trial] = point.configuration
        return point

    def begin(self, tasks: Sequence[Task]) -> None:
        self._retirement.begin(tasks)

    def end(self, task: Task, score: float | None, follow: Sequence[Task]) -> None:
        self._retirement.end(task, score, follow)
        while (retired := self._retirement.retire()) is not None:
            self._retired.append(retired)

    def _learn(self, known: Retired) -> None:
        self._pending.pop(known.task.trial, None)
        self._standings.learn(self._tried[known.task.trial], known.task.iterations, known.score)
