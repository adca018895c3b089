"""A cluster and a clock that exist only as numbers: hours of a search take milliseconds.

`Simulation` stands where the sessions of a run would: it asks the hopper for visits, lets them last what a cost function says,
and tells the hopper when they are over, in the order of a clock of its own. Sessions can die and trials can fail on the way.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from automl.cluster.hopper import Hopper, Layout, Leg, Visit
from automl.search.hyperband import Assignment, HyperbandParams, Ladder, Rung, allotted

Reaches = Sequence[frozenset[int] | None]
Cost = Callable[[Visit], float]


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
class Simulation:
    """Sessions that take the time that a function says.

    Args:
        layout: the partitions.
        reaches: of each session.
        cost: seconds of a visit.
        dies: numbers of the visits, counted from 0 in the order of their beginnings, whose session dies with them.
        fails: trials that raise at their first visit.
    """

    layout: Layout
    reaches: Reaches
    cost: Cost = lambda visit: float(len(visit.stops))
    dies: frozenset[int] = frozenset()
    fails: frozenset[int] = frozenset()
    now: float = 0.0
    past: list[Event] = field(default_factory=list)
    _begun: int = 0
    _ahead: list[tuple[float, int, int, Visit, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hopper = Hopper(self.layout, self.reaches)

    def run(self, legs: Iterable[Leg] = (), finished: Callable[[int, bool], Iterable[Leg]] = lambda trial, failed: ()) -> None:
        """Go on until nobody has a way before it.

        Args:
            legs: that trials set out on now.
            finished: is told (trial, whether it failed) at the end of a leg, and returns the legs that follow from that.
        """
        for leg in legs:
            self.hopper.add(leg)
        self._hand_out()
        while self._ahead:
            trial, how = self._happen()
            if how in ("finished", "failed"):
                for leg in finished(trial, how == "failed"):
                    self.hopper.add(leg)
            self._hand_out()
        assert not self.hopper.busy

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

    def _hand_out(self) -> None:
        working = {session for _, _, session, _, _ in self._ahead}
        for session in range(len(self.reaches)):
            visit = None if session in working else self.hopper.next_visit(session)
            if visit is not None:
                heapq.heappush(self._ahead, (self.now + self.cost(visit), self._begun, session, visit, self.now))
                self._begun += 1

    def _happen(self) -> tuple[int, str]:
        self.now, number, session, visit, begin = heapq.heappop(self._ahead)
        if number in self.dies:
            self.hopper.lost(session)
            how = "lost"
        elif visit.trial in self.fails:
            self.hopper.dropped(session)
            how = "failed"
        else:
            how = "finished" if self.hopper.arrived(session, self.now - begin) else "arrived"
        self.past.append(Event(session, visit, begin, self.now, how))
        return visit.trial, how


def random_cost(seed: int, spread: float = 10.0) -> Cost:
    """Seconds of a visit where a trial's stop takes 0.1 to 0.1 * `spread`, give or take a fifth; the same for each visit."""

    def cost(visit: Visit) -> float:
        of_trial = random.Random(f"{seed} {visit.trial}").uniform(0.1, 0.1 * spread)
        return len(visit.stops) * of_trial * random.Random(f"{seed} {visit}").uniform(0.8, 1.2)

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
        self._ladder = Ladder(self.params, allotted(self.params, trials))
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
