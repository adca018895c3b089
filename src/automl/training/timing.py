"""What visits take, measured: a few visits of each distinct program, on the sessions that a search would train in.

Where a whole visit takes long, some batches stand for all, so that measuring takes seconds whatever the rows.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from automl.cluster.hopper import Visit
from automl.cluster.interface import Cluster, Outcome
from automl.cluster.orders import VisitWork, Work
from automl.errors import OperatorError
from automl.training import trials
from automl.training.forecast import Cost
from automl.training.request import Request
from automl.training.trials import Trial
from keras_seg.protocol import state as codec
from keras_seg.protocol.orders import EvaluationStop, StateForm, TrainingStop

MOST_PROGRAMS = 8  # that are measured: others are taken to be like those of the same architecture
_BATCHES = 8  # of a visit that stands for a longer one
_LONG = 1.0  # seconds: a visit that takes more is not made as a whole
_TIMES = 3  # that a visit is made, after the first ones, which compile
ONCE = 0.25  # how far what was measured once may be off, in relation to itself


@dataclass(frozen=True)
class Measured:
    """What a program takes.

    Attributes:
        cost: in the middle.
        least, most: of the visits that were made, in relation to that.
        memory: MB of the session afterwards, at its largest; it has other programs too.
        first: MB of it after the first visit.
        grown: MB that it has grown by in all of them.
    """

    cost: Cost
    least: float
    most: float
    memory: int
    first: int
    grown: int = 0


@dataclass
class _Times:
    """What visits of one batch size took: seconds of training, of evaluation stops, and beside both."""

    batches: int
    rows: int
    training: list[float] = field(default_factory=list)
    evaluation: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


Asking = Generator[VisitWork, Outcome, Measured]


def chosen(several: Iterable[Trial]) -> list[list[Trial]]:
    """Return trials that stand for all: of each program, the most frequent first, those of the smallest and largest batch."""
    by_program: dict[object, list[Trial]] = {}
    for trial in several:
        by_program.setdefault(trial.program, []).append(trial)
    frequent = Counter({program: len(found) for program, found in by_program.items()}).most_common(MOST_PROGRAMS)
    return [_extremes(by_program[program]) for program, _ in frequent]


def _extremes(found: Sequence[Trial]) -> list[Trial]:
    ordered = sorted(found, key=lambda trial: trial.fit.batch_size)
    ends = ordered[:1] + ordered[-1:]
    return ends[:1] if ends[0].fit.batch_size == ends[1].fit.batch_size else ends


class _Measuring:
    """A program that is being measured.

    Attributes:
        program: which one.
        found: what was measured, at the end of its visits.
    """

    def __init__(self, program: object, asking: Asking) -> None:
        self.program = program
        self._asking = asking
        self._work = next(asking)
        self._begun = 0.0
        self._grown = 0
        self.found: Measured | None = None

    def begin(self) -> VisitWork:
        """Return its next visit, which begins now."""
        self._begun = time.monotonic()
        return self._work

    def take(self, outcome: Outcome, memory: int) -> int:
        """Take what its visit has brought; return the MB of its session.

        Args:
            memory: MB that it had before.
        """
        try:
            # What our side takes counts: no session has anything to do meanwhile, in a search as here.
            self._work = self._asking.send(replace(outcome, seconds=time.monotonic() - self._begun))
        except StopIteration as done:
            self.found = done.value
        now = max(memory, int(outcome.answer[0].memory_mb))
        self._grown += now - memory
        if self.found is not None:
            self.found = replace(self.found, grown=self._grown)
        return now


def measured(
    cluster: Cluster, request: Request, programs: Sequence[Sequence[Trial]], rows: int, imported: int
) -> dict[object, Measured]:
    """Return what each program takes, where its session makes the visits of others in between, as it does in a search.

    Args:
        rows: of a partition of the training table.
        imported: MB of a session that has imported TensorFlow, and nothing more.
    """
    waiting, found = deque(programs), dict[object, Measured]()
    turns = [deque[_Measuring]() for _ in cluster.reaches]  # of each session's programs
    memory = [imported for _ in cluster.reaches]
    busy = set[int]()
    while waiting or any(turns):
        idle = cluster.idle()
        for session in idle:
            mine = turns[session]
            if waiting:
                variants = waiting.popleft()
                mine.appendleft(_Measuring(variants[0].program, _ask(request, variants, rows, _partition(cluster, session))))
            if mine:
                busy.add(session)
                cluster.begin(session, Work(None, mine[0].begin()))
        if idle and not busy:  # who had begun with these is gone
            left = [one for mine in turns for one in mine]
            turns = [deque(left if session == idle[0] else ()) for session in range(len(turns))]
            continue
        for outcome in cluster.wait():
            busy.discard(outcome.session)
            mine = turns[outcome.session]
            one = mine.popleft()
            memory[outcome.session] = one.take(outcome, memory[outcome.session])
            if one.found is None:
                mine.append(one)
            else:
                found[one.program] = one.found
    return found


def _partition(cluster: Cluster, session: int) -> int:
    reach = cluster.reaches[session]
    return 0 if reach is None else min(reach)


def _ask(request: Request, variants: Sequence[Trial], rows: int, partition: int) -> Asking:
    """Make the visits of a program, one after the other on one session, and return what they took."""
    stops = max(1, sum(partition < table.partitions for table in request.datasets.values()))  # of an evaluation here
    first = yield _work(request, variants[0], None, partition, _BATCHES, evaluates=False)
    state = _taken(first)[1]
    evaluated = yield _work(request, variants[0], state, partition, _BATCHES, evaluates=True)
    _taken(evaluated)
    new = yield _work(request, variants[0], None, partition, _BATCHES, evaluates=False)
    beginning = new.seconds - _taken(new)[0].training_seconds
    times = []
    for trial in variants:
        steps = trial.fit.steps_per_epoch
        batches = -(-rows // trial.fit.batch_size) if steps is None else min(steps, -(-rows // trial.fit.batch_size))
        short = yield _work(request, trial, state, partition, _BATCHES, evaluates=False)
        seconds = _taken(short)[0].training_seconds
        whole = seconds * max(1.0, batches / _BATCHES) < _LONG
        of_trial = _Times(batches if whole else min(_BATCHES, batches), 0)
        for _ in range(_TIMES):
            answer = yield _work(request, trial, state, partition, None if whole else _BATCHES, evaluates=whole)
            report = _taken(answer)[0]
            of_trial.rows = report.rows
            of_trial.training.append(report.training_seconds)
            of_trial.evaluation.append(report.evaluation_seconds / stops)
            of_trial.beside.append(answer.seconds - report.training_seconds - report.evaluation_seconds)
        times.append(of_trial)
    memory, at_first = report.memory_mb, _taken(first)[0].memory_mb
    return Measured(_summed(first, evaluated, stops, beginning, times, state), *_spread(times), memory, at_first)


def _taken(outcome: Outcome) -> tuple[Any, bytes]:
    if outcome.lost is not None:
        raise OperatorError(f"a session was lost while visits were measured: {outcome.lost}")
    report, state = outcome.answer
    if report.error is not None:
        raise OperatorError(f"a visit that was to be measured failed: {report.error}")
    return report, state


def _work(
    request: Request, trial: Trial, state: bytes | None, partition: int, batches: int | None, *, evaluates: bool
) -> VisitWork:
    """Return the order of a visit of one pass over a partition, or over some batches of it; evaluating it after that."""
    evaluation = [
        EvaluationStop(1, partition, name, last=False)
        for name, table in request.datasets.items()
        if partition < table.partitions
    ]
    visit = Visit(trial.number, (TrainingStop(1, partition, False), *(evaluation if evaluates else ())))
    order = trials.visit_order(trial, visit, request.seed, {}, StateForm.TRIAL)
    steps = (
        batches if trial.fit.steps_per_epoch is None else min(batches or trial.fit.steps_per_epoch, trial.fit.steps_per_epoch)
    )
    fit = replace(order.fit, epochs=1, steps_per_epoch=steps)
    return VisitWork(replace(order, fit=fit, tensorboard=None), state)


def _summed(first: Outcome, evaluated: Outcome, stops: int, beginning: float, times: Sequence[_Times], state: bytes) -> Cost:
    """Return what the visits of a program say of it: what a batch takes and what a row does, where there are two sizes.

    Args:
        first: visit, which compiles.
        evaluated: the first one with an evaluation, which compiles that.
        stops: of that.
        beginning: seconds beside training of one that began a trial.
    """
    small, large = times[0], times[-1]
    training, beside = median(small.training), median([each for one in times for each in one.beside])
    evaluation = median([each for one in times for each in one.evaluation])
    rows, batches = max(1, small.rows), max(1, small.batches)
    batch, row = training / batches, 0.0
    if large is not small and small.rows == large.rows and small.batches != large.batches:
        batch = min(batch, max(0.0, (training - median(large.training)) / (batches - large.batches)))
        row = (training - batches * batch) / rows
    if not any(each for one in times for each in one.evaluation):
        evaluation = (
            float(_taken(evaluated)[0].evaluation_seconds) / stops
        )  # with what is traced, which is little where a visit takes so long
    beginning = max(0.0, beginning - beside)
    visit = beside + min(_BATCHES, batches) * (training / batches)
    compiling = max(0.0, first.seconds - visit - beginning)
    tracing = max(0.0, evaluated.seconds - visit - stops * evaluation)
    return Cost(compiling, tracing, beside, batch, row, evaluation, beginning, len(state), codec.weights_size(state))


def _spread(times: Sequence[_Times]) -> tuple[float, float]:
    """Return the fastest and the slowest training of a program, in relation to those in the middle."""
    relative = [each / median(one.training) for one in times for each in one.training if median(one.training)] or [1.0]
    return min(relative), max(relative)
