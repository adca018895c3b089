"""Which trial visits which partition next: model hopper parallelism without barriers (Nakandala et al. 2020, Cerebro).

The big picture. The rows lie in partitions and stay there; the trials hop. In one iteration a trial visits every partition
once, in an order of its own that is part of the plan: trial t begins at partition (t - 1) modulo P and goes round. Where
metrics are wanted it then makes a second tour that evaluates. (One that holds partitions out leaves them out of the first tour;
in the second they are its validation.) So a trial's work is a chain of stops, and a stop can run on any session that reaches
its partition:

    PostgreSQL   every session reaches every partition; a visit is one training stop, or as many as take a moment together, and
                 the evaluation tour, when that is next (one stop where fewer trials wait than there are sessions and stops
                 take long, so that all can end together)
    Greenplum    a session reaches the partition of its segment; a visit is one training stop, or what is evaluated there

Nothing waits for anything but its own chain: as soon as a session is idle it gets the trial whose way is still the longest
among those that rest and whose next stop it reaches, unless its method, or a budget, gives another one priority. Which session
that is, and when, changes no result, because the order of stops and every random draw belong to the trial. A session that has
compiled a trial's program already is preferred by what compiling costs.

This module decides and counts; it runs nothing, and it knows neither SQL nor Keras nor brackets.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from automl.cluster.paces import SHORT, Paces
from keras_seg.protocol.orders import TRAINING, VALIDATION, EvaluationStop, Stop, TrainingStop

COMPILE_SECONDS = 0.5  # what a session loses by taking up a program that it has not compiled
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Visit:
    """What a session does in one statement: the next stops of one trial."""

    trial: int
    stops: tuple[Stop, ...]

    @property
    def trains(self) -> bool:
        return isinstance(self.stops[0], TrainingStop)

    @property
    def training_stops(self) -> int:
        """How many of its stops train; they come first."""
        return sum(isinstance(stop, TrainingStop) for stop in self.stops)


@dataclass(frozen=True)
class Layout:
    """How many partitions each dataset has; a trial trains on "training" and evaluates all of them, in this order.

    A trial may hold some partitions out. Then both datasets are the same table, and what it holds out is validation's alone.
    """

    partitions: tuple[tuple[str, int], ...]

    @property
    def training(self) -> int:
        return dict(self.partitions)[TRAINING]

    def trained(self, held_out: frozenset[int]) -> tuple[int, ...]:
        """Return the partitions that a trial trains on that holds some out."""
        return tuple(partition for partition in range(self.training) if partition not in held_out)

    def turns(self, held_out: frozenset[int]) -> int:
        """Return how many these are: the training stops of an iteration."""
        return self.training - len(held_out)

    def evaluation(self, held_out: frozenset[int] = _NONE) -> Iterator[tuple[int, str, bool]]:
        """Yield the stops of an evaluation: partition, dataset, whether it is the dataset's last one. What can be evaluated at
        the same place comes together, and each dataset's partitions in their order, in which sums are added."""
        places = {name: _evaluated(name, count, held_out) for name, count in self.partitions}
        last = {name: max(found) for name, found in places.items()}
        for partition in range(max(last.values()) + 1):
            for name, found in places.items():
                if partition in found:
                    yield partition, name, partition == last[name]

    def evaluation_stops(self, held_out: frozenset[int] = _NONE) -> int:
        """Return how many stops an evaluation has."""
        return self.training if held_out else sum(count for _, count in self.partitions)


def _evaluated(dataset: str, count: int, held_out: frozenset[int]) -> Collection[int]:
    """Return which of the partitions of a dataset are evaluated."""
    if not held_out:
        return range(count)
    return held_out if dataset == VALIDATION else frozenset(range(count)) - held_out


@dataclass(frozen=True)
class Leg:
    """Iterations that a trial is to make before somebody decides about it again.

    Attributes:
        trial: its number, from 1.
        program: what a session must have compiled for it; equal for trials that share a program.
        first: the first iteration.
        iterations: how many.
        evaluated: the iterations after which metrics are computed.
        iterations_after: iterations that may follow this leg; a trial with a long way goes first.
        stops_done: stops that have been made already, before the run was interrupted.
        priority: the largest goes first, whatever its way; empty where that is left to the hopper.
        held_out: partitions that it does not train on, and whose rows are its validation.
    """

    trial: int
    program: Hashable
    first: int
    iterations: int
    evaluated: frozenset[int]
    iterations_after: int = 0
    stops_done: int = 0
    priority: tuple[int, ...] = ()
    held_out: frozenset[int] = _NONE

    @property
    def last(self) -> int:
        """The last iteration."""
        return self.first + self.iterations - 1

    def stops(self, layout: Layout) -> int:
        """Return how many stops it has, those done included."""
        evaluation = layout.evaluation_stops(self.held_out)
        return self.iterations * layout.turns(self.held_out) + len(self.evaluated) * evaluation


@dataclass(frozen=True)
class Position:
    """How far a trial has come: the training stop that its state comes from.

    Evaluating leaves the state as it is, and how many stops a visit makes is a matter of timing, so neither counts.

    Attributes:
        iteration: the iteration of that stop; 0 where none has been made.
        turn: which of the iteration's training stops it is, counted from 1.
    """

    iteration: int = 0
    turn: int = 0


def stops_done(layout: Layout, leg: Leg, position: Position, known: Collection[int]) -> int:
    """Return how many stops of a leg have been made by a trial that has come to a position.

    Args:
        known: iterations after which metrics are known. A tour of evaluation whose outcome is not lies ahead, all of it.
    """
    turns = layout.turns(leg.held_out)
    reached = (position.iteration - leg.first) * turns + position.turn
    trained = min(max(reached, 0), leg.iterations * turns)
    told = [each for each in leg.evaluated if each in known and (each - leg.first + 1) * turns <= trained]
    return trained + len(told) * layout.evaluation_stops(leg.held_out)


def tour(layout: Layout, leg: Leg) -> Iterator[Stop]:
    """Yield the stops of a leg, in their order."""
    partitions = layout.trained(leg.held_out)
    count = len(partitions)
    for iteration in range(leg.first, leg.first + leg.iterations):
        for turn in range(count):
            yield TrainingStop(iteration, partitions[(leg.trial - 1 + turn) % count], turn == count - 1)
        if iteration in leg.evaluated:
            yield from evaluation_tour(layout, iteration, leg.held_out)


def evaluation_tour(layout: Layout, iteration: int, held_out: frozenset[int] = _NONE) -> Iterator[EvaluationStop]:
    """Yield the stops of an evaluation, in their order."""
    for partition, dataset, last in layout.evaluation(held_out):
        yield EvaluationStop(iteration, partition, dataset, last)


@dataclass
class _Way:
    """A trial under way: the stops before it.

    Attributes:
        trial, program, iterations_after, priority: as those of a leg.
        stops: those behind the next one.
        left: how many there are, with the next one.
        next: None at its end.
        careful: whether a visit was lost: it goes on stop by stop, so that what has cost that is not made twice for nothing.
    """

    trial: int
    program: Hashable
    stops: Iterator[Stop]
    left: int
    iterations_after: int = 0
    priority: tuple[int, ...] = ()
    careful: bool = False
    next: Stop | None = field(init=False)

    def __post_init__(self) -> None:
        self.next = next(self.stops)

    def go(self, stops: Sequence[Stop]) -> None:
        """Make these stops in the place of those before it."""
        self.stops, self.left = iter(stops), len(stops)
        self.next = next(self.stops, None)

    def take(self, reach: frozenset[int] | None, single: bool, most: int) -> tuple[Stop, ...]:
        """Take the next stop, and unless it is to be a `single` one those behind it that the session reaches: training stops
        until there are so many, and the evaluation that comes then. Behind that it may be decided that the trial ends."""
        taken: list[Stop] = []
        while self.next is not None and _reaches(reach, self.next):
            if taken and (single or (isinstance(self.next, TrainingStop) and not _goes_on(taken, most))):
                break
            taken.append(self.next)
            self.next = next(self.stops, None)
            self.left -= 1
        return tuple(taken)


@dataclass(frozen=True)
class Outlook:
    """What lies before the trials of a hopper, reckoned from what was made.

    Attributes:
        seconds: of all their stops.
        longest: of those of one trial.
        per_stop: the mean.
    """

    seconds: float
    longest: float
    per_stop: float


@dataclass
class Hopper:
    """Gives every idle session a trial; see the module for the rules.

    Args:
        layout: the partitions.
        reaches: for each session the partitions it reaches, None for all.
    """

    layout: Layout
    reaches: Sequence[frozenset[int] | None]
    _resting: dict[int, _Way] = field(default_factory=dict)
    _running: dict[int, tuple[Visit, _Way]] = field(default_factory=dict)
    _compiled: list[set[Hashable]] = field(default_factory=list)
    _cold: dict[int, bool] = field(default_factory=dict)
    _paces: Paces = field(default_factory=Paces)
    _seen: set[Hashable] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._compiled = [set() for _ in self.reaches]

    def add(self, leg: Leg) -> None:
        """Let a trial set out on a leg, whose stops must not all have been made. It must not be under way."""
        stops = islice(tour(self.layout, leg), leg.stops_done, None)
        left = leg.stops(self.layout) - leg.stops_done
        self._resting[leg.trial] = _Way(leg.trial, leg.program, stops, left, leg.iterations_after, leg.priority)

    def add_stops(self, trial: int, program: Hashable, stops: Sequence[Stop]) -> None:
        """Let a trial make stops that are given, at least one: a partition that is evaluated by itself, say."""
        self._resting[trial] = _Way(trial, program, iter(stops), len(stops))

    def next_visit(self, session: int) -> Visit | None:
        """Return what the idle session is to do now, or None if nothing that it reaches is resting."""
        within_reach = [way for way in self._resting.values() if way.next and _reaches(self.reaches[session], way.next)]
        candidates, foreign = list[_Way](), list[_Way]()
        for way in within_reach:
            (candidates if way.program in self._compiled[session] else foreign).append(way)
        seconds = sum(way.left * self._paces.expected(way.trial) for way in foreign)
        candidates += [way for way in foreign if self._worth_compiling(way, session, seconds)]
        if not candidates:
            return None
        way = max(candidates, key=lambda way: self._urgency(way, session))
        del self._resting[way.trial]
        most = 1 if way.careful or self.reaches[session] is not None else self._paces.together(way.trial)
        visit = Visit(way.trial, way.take(self.reaches[session], self._cuts(way), most))
        self._running[session] = visit, way
        self._cold[session] = way.program not in self._compiled[session]
        self._compiled[session].add(way.program)
        return visit

    def arrived(self, session: int, seconds: float) -> bool:
        """Note that the session's visit is over. Return whether the trial has finished its leg."""
        visit, way = self._running.pop(session)
        compiled = self._cold[session]
        self._paces.arrived(visit.trial, seconds, len(visit.stops), compiled)
        if not compiled:
            self._seen.add(way.program)
        if way.next is None:
            return True
        self._resting[way.trial] = way
        return False

    def lost(self, session: int) -> None:
        """Note that the session died: its visit will be made again, by whichever session is idle, from the state it had."""
        self._compiled[session].clear()
        if session in self._running:
            visit, way = self._running.pop(session)
            rest = way.stops if way.next is None else chain((way.next,), way.stops)
            left = way.left + len(visit.stops)
            self._resting[way.trial] = replace(way, stops=chain(visit.stops, rest), left=left, careful=True)

    def reroute(self, trial: int, stops: Sequence[Stop] = ()) -> None:
        """Let a trial that is under way make these stops behind its visit, and none of those that its leg has there."""
        for visit, way in self._running.values():
            if visit.trial == trial:
                way.go(stops)

    def dropped(self, session: int) -> None:
        """Note that the session's trial failed: it goes no further."""
        self._running.pop(session)

    @property
    def busy(self) -> bool:
        """Whether a trial is resting or under way."""
        return bool(self._resting or self._running)

    @property
    def wanted(self) -> int:
        """How many trials more to have at hand, so that no session is idle: on segments not each of them will do."""
        return 2 * len(self.reaches) - len(self._resting)

    @property
    def trials(self) -> int:
        """How many trials have stops before them."""
        return len(self._resting) + len(self._running)

    @property
    def running(self) -> tuple[int, ...]:
        """The trials that are on a visit, by their numbers."""
        return tuple(sorted(visit.trial for visit, _ in self._running.values()))

    @property
    def outlook(self) -> Outlook | None:
        """What lies before the trials; None before a visit has shown how long a stop takes, without compiling."""
        mean = self._paces.mean
        if mean is None:
            return None
        under_way = [(way.trial, way.left + len(visit.stops)) for visit, way in self._running.values()]
        left = [*under_way, *((way.trial, way.left) for way in self._resting.values())]
        seconds = [stops * self._paces.likely(trial, mean) for trial, stops in left]
        return Outlook(sum(seconds), max(seconds, default=0.0), mean)

    def _cuts(self, way: _Way) -> bool:
        """Whether a visit is to be one stop: trials wait, but so few that sessions would soon be idle beside long visits."""
        return 0 < len(self._resting) < len(self.reaches) and self._paces.expected(way.trial) > SHORT

    def _worth_compiling(self, way: _Way, session: int, foreign: float) -> bool:
        """Whether a session should take up a trial though it has to compile its program for it.

        It should unless another session that reaches the trial has the program, and would be done with all that rests of such
        programs before this one had compiled and taken half of it over.

        Args:
            foreign: seconds of all that rests within reach of programs that the session has not compiled.
        """
        others = [
            compiled
            for other, compiled in enumerate(self._compiled)
            if other != session and way.next and _reaches(self.reaches[other], way.next)
        ]
        if way.program not in self._seen or not any(way.program in compiled for compiled in others):
            return True
        return foreign > 2 * COMPILE_SECONDS

    def _urgency(self, way: _Way, session: int) -> tuple[tuple[int, ...], float, int]:
        """How soon the session should take up a trial: the seconds of its way, and what compiling elsewhere would cost."""
        stops = way.left + way.iterations_after * self.layout.training
        return way.priority, stops * self._paces.expected(way.trial) + self._saved(way.program, session), -way.trial

    def _saved(self, program: Hashable, session: int) -> float:
        """Seconds of compiling that are saved if the session takes up a program, rather than another session."""
        if program in self._compiled[session]:
            return COMPILE_SECONDS
        # Somebody must compile a program that nobody has; one that another session has can be left to it.
        return 0.0 if any(program in compiled for compiled in self._compiled) else COMPILE_SECONDS / 2


def _goes_on(taken: Sequence[Stop], most: int) -> bool:
    """Whether a visit with these stops may have one more that trains."""
    return len(taken) < most and isinstance(taken[-1], TrainingStop)


def _reaches(reach: frozenset[int] | None, stop: Stop) -> bool:
    return reach is None or stop.partition is None or stop.partition in reach
