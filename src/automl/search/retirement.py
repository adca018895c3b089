"""The order in which a search decides: tasks end in any order, and retire in that of the plan.

As a processor executes instructions out of order and retires them in order, sessions train whatever can be trained, and what
comes of it counts when all that stands before it in the plan has come to its end. So what has retired is the same after as many
decisions whatever the number of sessions and their speed, and a search that is ended after so many is a prefix of the one that
is not. Everything that looks at several trials looks at what has retired.

For each task the plan has a turn (`scheduler.Task`), and a task stands behind those whose ends may lead to it. So when the one
with the smallest turn has ended, nothing can come any more that would have to retire before it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from automl.search.scheduler import Task, Turn


@dataclass(frozen=True)
class Retired:
    """A decision: a task whose end counts now.

    Attributes:
        task: which one.
        score: of its trial at its end, the lower the better; None if it failed.
    """

    task: Task
    score: float | None


@dataclass
class Retirement:
    """Tasks that have begun and have not retired yet."""

    _begun: list[tuple[Turn, Task]] = field(default_factory=list)
    _ended: dict[Turn, float | None] = field(default_factory=dict)

    def begin(self, tasks: Iterable[Task]) -> None:
        """Note tasks that sessions may train from now on."""
        for task in tasks:
            heapq.heappush(self._begun, (task.order, task))

    def end(self, task: Task, score: float | None, follow: Iterable[Task] = ()) -> None:
        """Note the end of a task.

        Args:
            score: of its trial; None if it failed.
            follow: the tasks that begin because of it.
        """
        self.begin(follow)
        self._ended[task.order] = score

    def retire(self, horizon: Turn | None = None) -> Retired | None:
        """Let the next task retire and return it; None if it has not ended.

        Args:
            horizon: where the next trial stands that has not begun though nothing keeps it from it.
        """
        if not self._begun or self._begun[0][0] not in self._ended or (horizon is not None and self._begun[0][0] >= horizon):
            return None
        order, task = heapq.heappop(self._begun)
        return Retired(task, self._ended.pop(order))

    @property
    def next(self) -> Task | None:
        """The task that is to retire next; None where all have that have begun."""
        return self._begun[0][1] if self._begun else None
