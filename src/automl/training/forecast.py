"""What a search will come to, before it runs: its plan gone through on sessions that exist only as numbers.

The scheduler, the hopper, the decisions and the trials are those of a run; only what a visit takes is reckoned, from some that
were measured, and losses are made up. So rungs are as full as they will be, sessions wait where they will wait, compile what
they will compile, and budgets end it that count time, trials or decisions. What hangs on losses is not foreseen: a target, or
patience.
"""

from __future__ import annotations

import heapq
import math
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from automl.cluster.hopper import Hopper, Visit
from automl.search.budgets import Decisions, Reason
from automl.search.retirement import Retired
from automl.search.scheduler import OpenEnded, Place, Scheduler, Step, Task, Turn
from automl.search.steering import Keep
from automl.training import trials
from automl.training.decided import limits_of
from automl.training.request import Request
from automl.training.trials import Trial
from automl.training.writings import Writings
from keras_seg.protocol.orders import EvaluationStop, Stop, TrainingStop

MOST_VISITS = 20_000  # that are gone through; what is left is taken to be like them


@dataclass(frozen=True)
class Cost:
    """What a program takes.

    Attributes:
        compiling, tracing: seconds beside of a session's first visit, and of its first one that evaluates.
        visit, batch, row, evaluation: seconds of each visit, batch, row, and evaluation stop.
        beginning: seconds beside of a trial's first visit.
        state: bytes that a visit leaves.
        weights: bytes of them that are weights.
    """

    compiling: float
    tracing: float
    visit: float
    batch: float
    row: float
    evaluation: float
    beginning: float = 0.0
    state: int = 0
    weights: int = 0

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
        iterations: that the longest of them makes there.
        visits: that train.
        seconds: of all sessions together.
    """

    trials: float = 0
    iterations: int = 0
    visits: float = 0
    seconds: float = 0.0

    def times(self, factor: float, growth: float) -> Part:
        """Return so many times as much, by so many times as many trials."""
        return Part(growth * self.trials, self.iterations, factor * self.visits, factor * self.seconds)


@dataclass
class Forecast:
    """What going through a plan has come to.

    Attributes:
        parts: by where the method has put the trials.
        seconds: from the first visit to the last.
        trials: that take part.
        iterations: that are made, all together.
        weights: bytes of those that are delivered.
        states: bytes of those that visits leave.
        single: bytes of those that visits would leave if each made one stop, as it does where stops turn out to take long.
        written: bytes of those that the record writes.
        latest: bytes of the last state of each trial.
        resting: bytes of all states that count at the same time, at most: some trials have several.
        largest: bytes of the largest state.
        ended: whether a budget has ended it.
    """

    parts: dict[tuple[tuple[str, int], ...], Part] = field(default_factory=dict)
    seconds: float = 0.0
    trials: float = 0
    iterations: float = 0
    weights: float = 0.0
    states: float = 0.0
    single: float = 0.0
    written: float = 0.0
    latest: float = 0.0
    resting: float = 0.0
    largest: int = 0
    ended: bool = False

    @property
    def visits(self) -> float:
        """Those that train, all together."""
        return sum(part.visits for part in self.parts.values())

    def times(self, factor: float, growth: float) -> Forecast:
        """Return so many times as much, by so many times as many trials."""
        return replace(
            self,
            parts={place: part.times(factor, growth) for place, part in self.parts.items()},
            seconds=factor * self.seconds,
            trials=growth * self.trials,
            iterations=factor * self.iterations,
            weights=growth * self.weights,
            states=factor * self.states,
            single=factor * self.single,
            written=factor * self.written,
            latest=growth * self.latest,
            resting=growth * self.resting,
        )


class Rehearsal:
    """A search that is gone through.

    Args:
        reaches: of each session, as a cluster has them.
        cost_of: gives what a trial costs.
        rows: of a partition of the training table.
        writings: of the record.
        most: visits that are gone through; what is left is taken to be like them.
    """

    def __init__(
        self,
        request: Request,
        reaches: Sequence[frozenset[int] | None],
        cost_of: Callable[[Trial], Cost],
        rows: float,
        writings: Writings,
        most: int = MOST_VISITS,
    ) -> None:
        self._request = request
        self._cost_of = cost_of
        self._rows = rows
        self._writings = writings
        self._keeps_best = request.steering.keep is Keep.BEST
        self._most = most
        self._scheduler: Scheduler = request.plan.scheduler()
        self._open_ended = self._scheduler if isinstance(self._scheduler, OpenEnded) else None
        self._hopper = Hopper(trials.layout(request), reaches)
        # Losses are made up: what counts them ends nothing.
        self._limits = replace(limits_of(request), target=None, patience=None)
        self._decisions = Decisions(self._limits)
        self._trials: dict[int, Trial] = {}
        self._tasks: dict[int, Task] = {}
        self._under_way: set[tuple[int, int]] = set()  # tasks that have begun
        self._iterations: dict[tuple[Hashable, int], int] = {}  # of each trial in each part
        self._counted: set[int] = set()  # trials about which something was decided
        self._stops: Counter[int] = Counter()  # that each trial has trained
        self._ends: dict[int, list[int]] = {}  # after how many each has ended tasks, from the last on that was counted
        self._bests: dict[int, int] = {}  # after how many each was at its best
        self._compiled: set[tuple[int, Hashable, type[Stop]]] = set()
        self._idle = set(range(len(reaches)))
        self._ahead: list[tuple[float, int, int, Visit, float]] = []
        self._found = Forecast()
        self._begun = 0

    def forecast(self) -> Forecast:
        """Go through it, to its end or to that of its budget, and return what it has come to."""
        self._begin(self._scheduler.start())
        self._begin_others()
        while self._begun < self._most and not self._over:
            for session in sorted(self._idle):
                self._hand_out(session)
            if not self._ahead:
                break
            self._go_on()
        return self._summed()

    # --- going through it ---------------------------------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        return self._decisions.ended_by is not None

    @property
    def _max_time(self) -> float | None:
        """Seconds after which it ends: a search that is to take so many decisions takes as long as that takes."""
        steering = self._request.steering
        return steering.max_time if steering.decisions is None else None

    @property
    def _horizon(self) -> Turn | None:
        return self._open_ended.horizon if self._open_ended is not None else None

    def _begin(self, step: Step) -> None:
        """Do what a step says that nothing has led to."""
        self._count(self._decisions.begin(step.tasks, self._horizon))
        self._follow(step)

    def _begin_others(self) -> None:
        """Have as many trials at hand as sessions may want, if the method has any."""
        while self._open_ended is not None and self._hopper.wanted > 0:
            step = self._open_ended.more() if self._decisions.admits(len(self._trials)) and not self._over else Step()
            if not step.trials and not step.tasks:
                break
            self._begin(step)

    def _hand_out(self, session: int) -> None:
        visit = self._hopper.next_visit(session)
        if visit is None:
            return
        trial = self._trials[visit.trial]
        self._take_part(self._tasks[visit.trial])
        cost = self._cost_of(trial)
        seconds = cost.of(trial, visit, self._rows)
        for seconds_of_first, kind in ((cost.compiling, TrainingStop), (cost.tracing, EvaluationStop)):
            first = session, trial.program, kind
            if first not in self._compiled and any(isinstance(stop, kind) for stop in visit.stops):
                self._compiled.add(first)
                seconds += seconds_of_first
        if not self._stops[visit.trial]:
            seconds += cost.beginning
        self._begun += 1
        self._idle.remove(session)
        heapq.heappush(self._ahead, (self._found.seconds + seconds, self._begun, session, visit, seconds))

    def _go_on(self) -> None:
        """Let the next visit arrive, unless the time is over by then."""
        now, _, session, visit, seconds = heapq.heappop(self._ahead)
        self._writings.wait(now if self._max_time is None else min(now, self._max_time))
        if self._max_time is not None and now >= self._max_time:
            self._found.seconds = self._max_time
            self._decisions.stop(Reason.MAX_TIME)
            return
        self._found.seconds = now
        self._idle.add(session)
        self._arrive(session, visit, seconds)

    def _arrive(self, session: int, visit: Visit, seconds: float) -> None:
        part = self._part(self._tasks[visit.trial])
        part.visits += visit.training_stops
        part.seconds += seconds
        self._found.iterations += sum(isinstance(stop, TrainingStop) and stop.last for stop in visit.stops)
        if visit.trains:
            self._leave(visit)
        if self._keeps_best and isinstance(visit.stops[-1], EvaluationStop) and visit.stops[-1].last:
            self._bests[visit.trial] = self._stops[visit.trial]  # losses fall, as long as nothing else is known
            self._keep(visit.trial)
        if self._hopper.arrived(session, seconds):
            # A made-up loss that has nothing to do with the number, whose order may be that of the brackets.
            self._end(visit.trial, float(zlib.crc32(str(visit.trial).encode())))
        self._writings.flush(self._found.seconds)

    def _leave(self, visit: Visit) -> None:
        """Count the state that a visit has left."""
        size = self._cost_of(self._trials[visit.trial]).state
        self._found.states += size
        self._found.single += size * visit.training_stops
        self._stops[visit.trial] += visit.training_stops
        self._found.largest = max(self._found.largest, size)
        self._writings.put(visit.trial, self._stops[visit.trial], size)

    def _keep(self, trial: int) -> None:
        """Keep the states that the tables may get beside the latest one."""
        self._writings.keep(trial, {*self._ends.get(trial, ()), *([self._bests[trial]] if trial in self._bests else ())})

    def _end(self, trial: int, score: float) -> None:
        """Let a trial's task end, and follow what the scheduler says to that."""
        step = self._scheduler.report(trial, score)
        self._ends.setdefault(trial, []).append(self._stops[trial])
        self._keep(trial)
        if step.milestone is not None:
            self._writings.flush(self._found.seconds, at_once=True)
        self._count(self._decisions.end(self._tasks[trial], score, step.tasks, self._horizon))
        self._follow(step)
        self._begin_others()

    def _count(self, several: Iterable[Retired]) -> None:
        for trial in (trial for each in several for trial in each.task.tries or (each.task.trial,)):
            if trial in self._counted and len(self._ends.get(trial, ())) > 1:
                del self._ends[trial][0]
                self._keep(trial)
            self._counted.add(trial)

    def _follow(self, step: Step) -> None:
        for trial in trials.make_trials(self._request, step.trials):
            self._trials[trial.number] = trial
        for task in step.tasks:
            self._tasks[task.trial] = task
            if self._decisions.admits(task.trial):
                trial, frequency, bounded = self._trials[task.trial], self._request.frequency, self._request.steering.bounded
                self._hopper.add(trials.leg(trial, task, frequency, in_order=bounded))

    def _take_part(self, task: Task) -> None:
        """Count a trial that makes a visit of a task, which may be one of several in its part."""
        if (task.trial, task.offset) not in self._under_way:
            self._under_way.add((task.trial, task.offset))
            place = _place(task.place)
            part, before = self._part(task), self._iterations.get((place, task.trial), 0)
            made = self._iterations[place, task.trial] = before + task.iterations
            part.trials, part.iterations = part.trials + (before == 0), max(part.iterations, made)

    def _part(self, task: Task) -> Part:
        return self._found.parts.setdefault(_place(task.place), Part())

    # --- what it has come to ------------------------------------------------------------------------------------------------

    def _summed(self) -> Forecast:
        """Return what was found, and as much more as there would be of what was not gone through."""
        found, gone = self._found, {trial for trial, _ in self._under_way}
        cut = not self._over and self._hopper.busy
        ended_by, share = max(self._shares.items(), key=itemgetter(1)) if cut else (self._decisions.ended_by, 1.0)
        whole = not cut and self._decisions.complete and self._horizon is None
        found.ended = ended_by is not None and not whole
        found.trials = len(gone)
        if found.ended:
            self._writings.save()
        found.written, found.resting = self._writings.written, self._writings.most
        found.latest = sum(self._cost_of(self._trials[each]).state for each in gone)
        found.weights = sum(self._cost_of(self._trials[each]).weights for each in (self._counted if found.ended else gone))
        factor, most = 1 / min(1.0, share), min(self._scheduler.count, self._limits.max_trials or math.inf)
        return found.times(factor, min(factor, max(1.0, most / len(gone))))

    @property
    def _shares(self) -> dict[Reason | None, float]:
        """Which part of its way it has gone: of the plan, and to each budget that could end it before."""
        budgets = {
            Reason.MAX_TIME: (self._found.seconds, self._max_time),
            Reason.MAX_TRIALS: (len(self._counted), self._limits.max_trials),
            Reason.DECISIONS: (self._decisions.taken, self._limits.decisions),
        }
        found: dict[Reason | None, float] = {None: self._found.visits / max(1, self._scheduler.iterations * self._partitions)}
        return found | {reason: done / most for reason, (done, most) in budgets.items() if most is not None}

    @property
    def _partitions(self) -> float:
        """How many a trial trains on in an iteration, in the mean."""
        tries = self._request.tries  # each partition is held out by one fold
        return self._request.training.partitions * (1 - 1 / tries.folds if tries.folds else 1)


def _place(place: Place) -> tuple[tuple[str, int], ...]:
    return tuple(place.items())
