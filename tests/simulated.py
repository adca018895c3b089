"""A cluster and a clock that exist only as numbers: hours of a search take milliseconds.

`SimulatedCluster` stands where the sessions of a call would: a visit lasts what a cost function says, and comes back in the
order of a clock of its own. Sessions can die on the way. `Simulation` lets trials make their legs on it, and some of them fail.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from automl.cluster.hopper import Hopper, Layout, Leg, Visit
from automl.cluster.interface import Outcome
from automl.cluster.orders import Order, VisitWork, Work
from automl.cluster.visits import Lost, Visits
from automl.errors import AutomlError
from automl.search.budgets import Decisions, Limits
from automl.search.hyperband import HyperbandParams
from automl.search.ladder import Assignment, Ladder, Rung, allotted
from automl.search.retirement import Retired
from automl.search.scheduler import OpenEnded, Scheduler, Step, Task, Turn
from automl.search.space import Configuration
from keras_seg.protocol.orders import CompileOrder, FitOrder, VisitOrder

Reaches = Sequence[frozenset[int] | None]
Cost = Callable[[Visit], float]
ORDER = VisitWork(VisitOrder("net", CompileOrder("Adam", {}, "mse"), FitOrder(), (1, 1), ()), None)  # of a simulated visit


@dataclass(frozen=True)
class Event:
    """One visit of the simulated past.

    Attributes:
        session: where it was made.
        visit: what was done.
        begin, end: in seconds of the clock.
        how: arrived, finished (its leg ended with it), lost (the session died) or failed (the trial did).
    """

    session: int
    visit: Visit
    begin: float
    end: float
    how: str


@dataclass
class SimulatedCluster:
    """Sessions that take the time that a function says, and answer with their order.

    Args:
        reaches: of each session.
        cost: seconds of a visit.
        dies: numbers of the visits, counted from 0 in the order of their beginnings, whose session dies with them.

    Attributes:
        now: what the clock shows.
        past: what has arrived or was lost, in its order.
    """

    reaches: Reaches
    cost: Cost
    dies: frozenset[int] = frozenset()
    now: float = 0.0
    past: list[Event] = field(default_factory=list)
    kind: str = "simulated"
    _begun: int = 0
    _ahead: list[tuple[float, int, int, float, Work]] = field(default_factory=list)

    @property
    def present(self) -> int:
        return len(self.reaches)

    def idle(self) -> list[int]:
        working = {session for _, _, session, _, _ in self._ahead}
        return [session for session in range(len(self.reaches)) if session not in working]

    def begin(self, session: int, work: Work) -> None:
        heapq.heappush(self._ahead, (self.now + self.cost(work.task), self._begun, session, self.now, work))
        self._begun += 1

    def wait(self) -> list[Outcome]:
        self.now, number, session, begin, work = heapq.heappop(self._ahead)
        died = number in self.dies
        self.past.append(Event(session, work.task, begin, self.now, "lost" if died else "arrived"))
        answer, lost = (None, "the session died") if died else (work.order, None)
        return [Outcome(session, work.task, answer, lost, self.now - begin)]

    def die(self, session: int) -> None:
        """Let a session die with what it is doing."""
        self.dies |= {number for _, number, working, _, _ in self._ahead if working == session}

    def versions(self) -> str:
        return "{}"

    def close(self, *, well: bool = False) -> None:
        self._ahead.clear()


@dataclass
class Simulation:
    """Trials that make their legs on a simulated cluster.

    Args:
        layout: the partitions.
        reaches, cost, dies: of the cluster.
        fails: trials that raise at their first visit.
    """

    layout: Layout
    reaches: Reaches
    cost: Cost = lambda visit: float(len(visit.stops))
    dies: frozenset[int] = frozenset()
    fails: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.cluster = SimulatedCluster(self.reaches, self.cost, self.dies)
        self.hopper = Hopper(self.layout, self.reaches)
        self._follow: Callable[[int, bool], Iterable[Leg]] = lambda trial, failed: ()

    def run(self, legs: Iterable[Leg] = (), finished: Callable[[int, bool], Iterable[Leg]] = lambda trial, failed: ()) -> None:
        """Go on until nobody has a way before it.

        Args:
            legs: that trials set out on now.
            finished: is told (trial, whether it failed) at the end of a leg, and returns the legs that follow from that.
        """
        self._follow = finished
        for leg in legs:
            self.hopper.add(leg)
        Visits(self.cluster, self.hopper, self).make()

    def order(self, visit: Visit) -> Order:
        return ORDER

    def take(self, visit: Visit, answer: Any, seconds: float) -> str | None:
        return "it raises" if visit.trial in self.fails else None

    def finished(self, trial: int) -> None:
        self._end(trial, "finished")

    def failed(self, trial: int, error: str) -> None:
        self._end(trial, "failed")

    def repeated(self, trial: int, why: str) -> None:
        pass

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        raise AutomlError(lost.why)

    def _end(self, trial: int, how: str) -> None:
        self.past[-1] = replace(self.past[-1], how=how)
        for leg in self._follow(trial, how == "failed"):
            self.hopper.add(leg)

    @property
    def now(self) -> float:
        """What the clock shows."""
        return self.cluster.now

    @property
    def past(self) -> list[Event]:
        """What happened, in its order."""
        return self.cluster.past

    def visits(self, trial: int) -> list[Visit]:
        """What was done for a trial, without what was lost, in its order."""
        return [event.visit for event in self.past if event.visit.trial == trial and event.how in ("arrived", "finished")]

    @property
    def total(self) -> float:
        """Seconds that all sessions worked, together."""
        return sum(event.end - event.begin for event in self.past)

    @property
    def longest(self) -> float:
        """Seconds of the trial that worked the longest: nothing can be over sooner."""
        chains: dict[int, float] = {}
        for event in self.past:
            chains[event.visit.trial] = chains.get(event.visit.trial, 0.0) + event.end - event.begin
        return max(chains.values())

    @property
    def utilisation(self) -> float:
        """The least time that is possible, as a share of the time that it took."""
        return max(self.total / len(self.reaches), self.longest) / self.now


def random_cost(seed: int, spread: float = 10.0) -> Cost:
    """Seconds of a visit where a trial's stop takes 0.1 to 0.1 * `spread`, give or take a fifth; the same for each visit."""

    def cost(visit: Visit) -> float:
        of_trial = random.Random(f"{seed} {visit.trial}").uniform(0.1, 0.1 * spread)
        return len(visit.stops) * of_trial * random.Random(f"{seed} {visit}").uniform(0.8, 1.2)

    return cost


def lognormal_cost(seed: int, sigma: float = 0.8) -> Cost:
    """Seconds of a visit where a trial's stop takes 1 in the median, spread lognormally over the trials."""

    def cost(visit: Visit) -> float:
        return len(visit.stops) * random.Random(f"{seed} {visit.trial}").lognormvariate(0, sigma)

    return cost


def restless_cost(seed: int) -> Cost:
    """Seconds that are different whenever they are asked for: a machine with other things to do."""
    drawn = random.Random(seed)
    return lambda visit: drawn.uniform(0.01, 1.0)


@dataclass
class Search:
    """A Hyperband search on a simulated cluster, whose losses a function of (trial, iteration) gives.

    Attributes:
        finished: the rungs, with their trials from best to worst, in the order in which they were complete.
    """

    params: HyperbandParams
    simulation: Simulation
    loss: Callable[[int, int], float]
    finished: list[tuple[Rung, tuple[int, ...]]] = field(default_factory=list)
    _training: dict[int, Rung] = field(default_factory=dict)

    def run(self) -> None:
        """Run it to its end."""
        trials = list(range(1, self.params.configurations + 1))
        planned = self.params.rungs
        self._ladder = Ladder(planned, allotted(planned, trials))
        self.simulation.run(map(self._leg, self._ladder.start()), self._report)
        assert not self._training

    def _report(self, trial: int, failed: bool) -> list[Leg]:
        rung = self._training.pop(trial)
        progress = self._ladder.report(trial, None if failed else self.loss(trial, rung.offset + rung.iterations))
        if progress.finished is not None:
            self.finished.append((progress.finished, progress.ranking))
        return [self._leg(assignment) for assignment in progress.assignments]

    def _leg(self, assignment: Assignment) -> Leg:
        rung = assignment.rung
        self._training[assignment.trial] = rung
        last = frozenset((rung.offset + rung.iterations,))
        return Leg(
            assignment.trial, "one", rung.offset + 1, rung.iterations, last, self._ladder.iterations_after(assignment.rung)
        )


@dataclass
class ScheduledSearch:
    """A search by any method on a simulated cluster; losses are those of a function of (trial, iteration), None for failed.

    As a run does, it begins more trials while sessions would be free otherwise.

    Args:
        scheduler: of the method.
        seconds: after which no new trial begins; for methods without an end.

    Attributes:
        ended: each task with its loss, in the order in which they have ended.
        retired: in the order in which they have retired.
        trials: what each of them tries.
    """

    scheduler: Scheduler
    simulation: Simulation
    loss: Callable[[int, int], float | None]
    seconds: float = math.inf
    ended: list[Retired] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)
    trials: dict[int, Configuration] = field(default_factory=dict)
    _training: dict[int, Task] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=lambda: Decisions(Limits()))

    def run(self) -> None:
        """Run it to its end."""
        first = self.scheduler.start()
        self.retired += self.decisions.begin(first.tasks, self._horizon)
        self.simulation.run([*self._legs(first), *self._others(0)], self._report)

    def _report(self, trial: int, failed: bool) -> list[Leg]:
        task = self._training.pop(trial)
        loss = None if failed else self.loss(trial, task.offset + task.iterations)
        step = self.scheduler.report(trial, loss)
        self.ended.append(Retired(task, loss))
        self.retired += self.decisions.end(task, loss, step.tasks, self._horizon)
        legs = self._legs(step)
        return legs + self._others(len(legs))

    def _others(self, resting: int) -> list[Leg]:
        legs: list[Leg] = []
        while isinstance(self.scheduler, OpenEnded) and self.simulation.now < self.seconds:
            if resting + len(legs) >= self.simulation.hopper.wanted:
                break
            step = self.scheduler.more()
            if not step.tasks:
                break
            self.retired += self.decisions.begin(step.tasks, self._horizon)
            legs += self._legs(step)
        return legs

    @property
    def _horizon(self) -> Turn | None:
        return self.scheduler.horizon if isinstance(self.scheduler, OpenEnded) else None

    def _legs(self, step: Step) -> list[Leg]:
        self.trials.update(step.trials)
        self._training.update({task.trial: task for task in step.tasks})
        return [self._leg(task) for task in step.tasks]

    def _leg(self, task: Task) -> Leg:
        first, last = task.offset + 1, task.offset + task.iterations
        after, priority = task.iterations_after, task.priority
        return Leg(task.trial, "one", first, task.iterations, frozenset((last,)), after, priority=priority)
