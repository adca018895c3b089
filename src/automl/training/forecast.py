"""What a search will come to, before it runs: its plan gone through on sessions that exist only as numbers.

The scheduler, the hopper and the trials are those of a run; only what a visit takes is reckoned, from some that were measured,
and losses are made up. So rungs are as full as they will be, sessions wait where they will wait, and compile what they will
compile.
"""

from __future__ import annotations

import heapq
import zlib
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from automl.cluster.hopper import Hopper, Visit
from automl.search.scheduler import OpenEnded, Place, Scheduler, Step, Task
from automl.training import trials
from automl.training.request import Request
from automl.training.trials import Trial

MOST_VISITS = 20_000  # that are gone through; what is left is taken to be like them


@dataclass(frozen=True)
class Cost:
    """Seconds that a program takes: for the first visit of a session beside, for each visit, batch, row and evaluation stop."""

    compiling: float
    visit: float
    batch: float
    row: float
    evaluation: float

    def of(self, trial: Trial, visit: Visit, rows: float) -> float:
        """Return the seconds of a visit of a session that has compiled the program.

        Args:
            rows: of a partition.
        """
        fit = trial.fit
        batches = -(-rows // fit.batch_size)
        share = 1.0 if fit.steps_per_epoch is None else min(1.0, fit.steps_per_epoch / max(1.0, batches))
        training = fit.passes * share * (batches * self.batch + rows * self.row)
        stops = visit.training_stops
        return self.visit + stops * training + (len(visit.stops) - stops) * self.evaluation


@dataclass
class Part:
    """What belongs together in a plan: a rung, or all trials of a method without any.

    Attributes:
        trials: how many take part.
        iterations: of each of them.
        visits: that train.
        seconds: of all sessions together.
    """

    trials: float = 0
    iterations: int = 0
    visits: float = 0
    seconds: float = 0.0


@dataclass
class Forecast:
    """What going through a plan has come to.

    Attributes:
        parts: by where the method has put the trials.
        seconds: from the first visit to the last.
        trials: that there will be.
    """

    parts: dict[tuple[tuple[str, int], ...], Part] = field(default_factory=dict)
    seconds: float = 0.0
    trials: float = 0

    @property
    def visits(self) -> float:
        """Those that train, all together."""
        return sum(part.visits for part in self.parts.values())

    def times(self, factor: float) -> Forecast:
        """Return so many times as much."""
        parts = {
            place: Part(factor * part.trials, part.iterations, factor * part.visits, factor * part.seconds)
            for place, part in self.parts.items()
        }
        return Forecast(parts, factor * self.seconds, factor * self.trials)


class Rehearsal:
    """A search that is gone through.

    Args:
        reaches: of each session, as a cluster has them.
        cost_of: gives what a trial costs.
        rows: of a partition of the training table.
    """

    def __init__(
        self, request: Request, reaches: Sequence[frozenset[int] | None], cost_of: Callable[[Trial], Cost], rows: float
    ) -> None:
        self._request = request
        self._reaches = reaches
        self._cost_of = cost_of
        self._rows = rows
        self._scheduler: Scheduler = request.plan.scheduler()
        self._hopper = Hopper(trials.layout(request), reaches)
        self._trials: dict[int, Trial] = {}
        self._tasks: dict[int, Task] = {}
        self._compiled: set[tuple[int, Hashable]] = set()
        self._ahead: list[tuple[float, int, int, Visit, float]] = []
        self._forecast = Forecast()
        self._begun = 0

    def forecast(self) -> Forecast:
        """Go through it, to its end or to that of its budget, and return what it has come to."""
        steering, idle = self._request.steering, set(range(len(self._reaches)))
        self._follow(self._scheduler.start())
        while self._begun < MOST_VISITS:
            self._let_more_begin()
            for session in sorted(idle):
                if self._hand_out(session):
                    idle.remove(session)
            if not self._ahead:
                return self._forecast
            self._forecast.seconds, _, session, visit, seconds = heapq.heappop(self._ahead)
            idle.add(session)
            if steering.max_time is not None and self._forecast.seconds >= steering.max_time:
                self._forecast.seconds = steering.max_time
                return self._forecast
            self._arrive(session, visit, seconds)
        return self._forecast.times(max(1.0, self._scheduler.iterations * self._partitions / max(1.0, self._forecast.visits)))

    @property
    def _partitions(self) -> float:
        """How many a trial trains on in an iteration, in the mean."""
        tries = self._request.tries  # each partition is held out by one fold
        return self._request.training.partitions * (1 - 1 / tries.folds if tries.folds else 1)

    def _let_more_begin(self) -> None:
        while (
            isinstance(self._scheduler, OpenEnded)
            and self._hopper.wanted > 0
            and len(self._trials) < (self._request.steering.max_trials or MOST_VISITS)
        ):
            step = self._scheduler.more()
            if not step.tasks:
                return
            self._follow(step)

    def _hand_out(self, session: int) -> bool:
        visit = self._hopper.next_visit(session)
        if visit is None:
            return False
        trial = self._trials[visit.trial]
        cost = self._cost_of(trial)
        seconds = cost.of(trial, visit, self._rows)
        if (session, trial.program) not in self._compiled:
            self._compiled.add((session, trial.program))
            seconds += cost.compiling
        self._begun += 1
        heapq.heappush(self._ahead, (self._forecast.seconds + seconds, self._begun, session, visit, seconds))
        return True

    def _arrive(self, session: int, visit: Visit, seconds: float) -> None:
        part = self._part(self._tasks[visit.trial])
        part.visits += visit.training_stops
        part.seconds += seconds
        if self._hopper.arrived(session, seconds):
            # A made-up loss that has nothing to do with the number, whose order may be that of the brackets.
            self._follow(self._scheduler.report(visit.trial, float(zlib.crc32(str(visit.trial).encode()))))

    def _follow(self, step: Step) -> None:
        steps = deque((step,))
        while steps:
            step = steps.popleft()
            for trial in trials.make_trials(self._request, step.trials):
                self._trials[trial.number] = trial
                self._forecast.trials += 1
            for task in step.tasks:
                self._tasks[task.trial] = task
                part = self._part(task)
                part.trials, part.iterations = part.trials + 1, task.iterations
                self._hopper.add(trials.leg(self._trials[task.trial], task, self._request.frequency))

    def _part(self, task: Task) -> Part:
        return self._forecast.parts.setdefault(_place(task.place), Part())


def _place(place: Place) -> tuple[tuple[str, int], ...]:
    return tuple(place.items())
