"""What a run asks of a search method: which trials there are, what each of them trains next, and what has come to its end.

A run knows no method by name. It starts a scheduler, trains what the steps say, and reports every loss; the scheduler answers
with the next step. Whatever the order in which losses arrive, the trials and their tasks are the same: that is what makes a
search repeat itself bit for bit on any number of sessions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from automl.search.space import Configuration

Place = Mapping[str, int]  # where a method has put a trial: a value for each column that the method has for itself
Turn = tuple[int, ...]  # where a task stands in the order of the plan: the smallest is decided about first


@dataclass(frozen=True)
class MethodColumn:
    """A column that the info table has for one method.

    Attributes:
        name: what it is called in the table, and in the place of a task.
        kind: its type in SQL.
    """

    name: str
    kind: str


@dataclass(frozen=True)
class Task:
    """Iterations that a trial is to train before its loss is reported.

    Attributes:
        trial: its number.
        iterations: how many.
        offset: iterations on the axis of the search (`metrics_iters`) that lie before them.
        iterations_after: iterations that may follow; a trial with a long way goes first.
        place: where the method has put the trial, for its columns in tables; nobody else looks into it.
        turn: where it stands in the order of the plan, whoever is faster: behind each task whose end may lead to it. Where each
            trial has one task, their numbers do.
        priority: which tasks sessions take up first, the largest; empty where that is left to who trains.
        tries: the trials that try the same configuration, this one among them: what they come to is decided about together.
            Empty where each configuration is tried once.
        is_part: whether more of the same is to follow, of which the trial is not done before the last.
    """

    trial: int
    iterations: int
    offset: int = 0
    iterations_after: int = 0
    place: Place = field(default_factory=dict)
    turn: Turn = ()
    priority: tuple[int, ...] = ()
    tries: tuple[int, ...] = ()
    is_part: bool = False

    @property
    def order(self) -> Turn:
        """Where it stands in the order of the plan, no two tasks at the same place."""
        return *self.turn, self.trial, self.offset


@dataclass(frozen=True)
class Milestone:
    """A part of the search that has come to its end, for a line of progress: `<name> done after 1.2 s: <detail>; ...`."""

    name: str
    detail: str


@dataclass(frozen=True)
class Step:
    """What a run is to do now.

    Attributes:
        trials: new trials; each has a task in the same step.
        tasks: what is to be trained.
        milestone: what has come to its end, if anything has.
        stopped: trials that go no further though they have made a part of their task only.
    """

    trials: tuple[tuple[int, Configuration], ...] = ()
    tasks: tuple[Task, ...] = ()
    milestone: Milestone | None = None
    stopped: tuple[int, ...] = ()


class Scheduler(Protocol):
    """Decides what is trained next.

    Attributes:
        count: how many trials there will be.
        iterations: that they make, all together, if none of them fails.
    """

    @property
    def count(self) -> int: ...

    @property
    def iterations(self) -> int: ...

    def start(self) -> Step:
        """Return the first step."""

    def report(self, trial: int, loss: float | None) -> Step:
        """Tell the loss with which a trial has ended its task, None if it failed, and return what follows from it."""


@runtime_checkable
class OpenEnded(Protocol):
    """A scheduler that has more trials than it lets begin by itself: they do as sessions become free for them.

    Attributes:
        horizon: the turn of the next one; what stands before it in the order of the plan has begun, or follows from what has.
            None where there are no more.
        endless: whether there are always more, so that nobody knows how many there will be.
    """

    @property
    def endless(self) -> bool: ...

    @property
    def horizon(self) -> Turn | None: ...

    def more(self) -> Step:
        """Return the next one, and what follows if it is the last; an empty step where there are no more."""


class Around:
    """The scheduler of a method with something done to each of its steps; what it does not say itself, the method says.

    Args:
        method: the scheduler of the method.
    """

    def __init__(self, method: Scheduler) -> None:
        self._method = method

    @property
    def count(self) -> int:
        return self._method.count

    @property
    def iterations(self) -> int:
        return self._method.iterations

    @property
    def endless(self) -> bool:
        return isinstance(self._method, OpenEnded) and self._method.endless

    @property
    def horizon(self) -> Turn | None:
        return self._method.horizon if isinstance(self._method, OpenEnded) else None

    def start(self) -> Step:
        return self._begun(self._method.start())

    def more(self) -> Step:
        return self._begun(self._method.more()) if isinstance(self._method, OpenEnded) else Step()

    def _begun(self, step: Step) -> Step:
        """Return what a step of the method is to the run."""
        raise NotImplementedError


class Plan(Protocol):
    """A search as data, before anything is trained.

    Attributes:
        planned_trials: trials that would be made if the search space holds as many configurations.
        max_iterations: iterations of the longest task.
    """

    @property
    def planned_trials(self) -> int: ...

    @property
    def max_iterations(self) -> int: ...

    def probe_configurations(self) -> tuple[Configuration, ...]:
        """Return configurations that show every mistake in what may be tried."""

    def scheduler(self) -> Scheduler:
        """Return a scheduler at its beginning."""


@dataclass(frozen=True)
class PlanAround:
    """The plan of a method with something done to each step of its scheduler; what it does not say itself, the method says.

    Attributes:
        plan: of the method.
    """

    plan: Plan

    @property
    def planned_trials(self) -> int:
        return self.plan.planned_trials

    @property
    def max_iterations(self) -> int:
        return self.plan.max_iterations

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.plan.probe_configurations()


@dataclass
class Tally:
    """Counts trials that have come to their end, and says so about ten times in a search."""

    count: int
    iterations: int
    ended: int = field(default=0, init=False)

    def add(self) -> Milestone | None:
        """Count one more."""
        self.ended += 1
        every = math.ceil(self.count / 10)
        if self.ended % every and self.ended < self.count:
            return None
        return Milestone(f"{self.ended} of {self.count} trials", f"{self.iterations} iterations each")


@dataclass(frozen=True)
class ListPlan:
    """The plan that trains given configurations, all of them for the same number of iterations."""

    trials: tuple[tuple[int, Configuration], ...]
    iterations: int

    @property
    def planned_trials(self) -> int:
        return len(self.trials)

    @property
    def max_iterations(self) -> int:
        return self.iterations

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return tuple(dict.fromkeys(configuration for _, configuration in self.trials))

    def scheduler(self) -> Scheduler:
        return ListScheduler(self.trials, self.iterations)


class ListScheduler:
    """The scheduler of a fixed list of trials: all of them start at once."""

    def __init__(self, trials: Sequence[tuple[int, Configuration]], iterations: int) -> None:
        self._trials = tuple(trials)
        self._iterations = iterations
        self._tally = Tally(len(trials), iterations)

    @property
    def count(self) -> int:
        return len(self._trials)

    @property
    def iterations(self) -> int:
        return self.count * self._iterations

    def start(self) -> Step:
        return Step(self._trials, tuple(Task(trial, self._iterations) for trial, _ in self._trials))

    def report(self, trial: int, loss: float | None) -> Step:
        return Step(milestone=self._tally.add())
