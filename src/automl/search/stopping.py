"""Ending tasks of trials that do worse than earlier ones did at the same iteration: the median rule, for every method.

Source: Golovin, Solnik, Moitra, Kochanski, Karro, Sculley, "Google Vizier: A Service for Black-Box Optimization", KDD 2017,
section 3.2.1; with the best value so far, and percentiles, as Optuna has it.

A task is made in parts, from evaluation to evaluation. At the end of each but the last the trial must be among so many percent
of the earlier tasks of its kind (of the same round, or all where there are none), or it ends there and never goes on. Earlier
ones are those that stand before it in the order of the plan, but for the last few, as many as can train at the same time:
nobody waits for a neighbour. Where one of them has not come as far, the trial rests until it has. So which trials are ended is
part of the plan and does not hang on who was faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from automl.search.scheduler import Around, PlanAround, Scheduler, Step, Task

LEAST = 5  # earlier tasks that came as far: with fewer nobody is ended


@dataclass(frozen=True)
class StoppingPlan(PlanAround):
    """A plan whose tasks may end early.

    Attributes:
        kept: percent of the earlier tasks that a trial must be among.
        every: iterations from one evaluation to the next.
        window: how many trials can train at the same time.
    """

    kept: float
    every: int
    window: int

    def scheduler(self) -> Scheduler:
        return StoppingScheduler(self.plan.scheduler(), self.kept, self.every, self.window)


@dataclass
class _Kind:
    """Tasks that are compared with each other, in the order of the plan.

    Attributes:
        scores: of each of them those at the ends of its parts; None for the end of one that failed.
        over: whether each has come to its end.
    """

    scores: list[list[float | None]] = field(default_factory=list)
    over: list[bool] = field(default_factory=list)

    def enter(self) -> int:
        """Take in another task and return its number."""
        self.scores.append([])
        self.over.append(False)
        return len(self.over) - 1

    def known(self, first: int, part: int) -> list[float] | None:
        """Return the scores of the first so many tasks at the end of a part, in any order; None where one is missing yet."""
        earlier = zip(self.scores[:first], self.over[:first], strict=True)
        if any(len(scores) <= part and not over for scores, over in earlier):
            return None
        found = [scores[part] for scores in self.scores[:first] if len(scores) > part]
        return [_number(score) for score in found if score is not None]


@dataclass
class _Going:
    """A task under way.

    Attributes:
        task: as the method has given it.
        kind: what it is compared with.
        number: its own there.
        part: which of its parts is made, or was made last.
        rests: whether that has ended, and nothing is decided about the next one.
    """

    task: Task
    kind: _Kind
    number: int
    part: int = 0
    rests: bool = False


class StoppingScheduler(Around):
    """The scheduler of a method, with tasks in parts.

    Args:
        method: the scheduler of the method.
        kept, every, window: as those of the plan.
    """

    def __init__(self, method: Scheduler, kept: float, every: int, window: int) -> None:
        super().__init__(method)
        self._kept = kept
        self._every = every
        self._window = window
        self._kinds: dict[tuple[tuple[str, int], ...], _Kind] = {}
        self._going: dict[int, _Going] = {}
        self._best: dict[int, float] = {}

    def report(self, trial: int, loss: float | None) -> Step:
        going = self._going[trial]
        going.kind.scores[going.number].append(loss)
        self._best[trial] = min(_number(loss), self._best.get(trial, math.inf))
        if loss is None or self._done(going) == going.task.iterations:
            return self._and_others(self._ended(trial, loss), going.kind)
        going.rests = True
        return self._and_others(Step(), going.kind)

    def _and_others(self, step: Step, kind: _Kind) -> Step:
        """Decide about the tasks of a kind that rest, as far as is known by now what they are compared with."""
        for trial, going in tuple(self._going.items()):
            if going.kind is kind and going.rests and (earlier := self._earlier(going)) is not None:
                step = _joined(step, self._go_on(trial, going) if self._may(trial, earlier) else self._ended(trial, None))
        return step

    def _earlier(self, going: _Going) -> list[float] | None:
        return going.kind.known(max(0, going.number + 1 - self._window), going.part)

    def _may(self, trial: int, earlier: Sequence[float]) -> bool:
        """Return whether a trial goes on: its best value is as good as the worst of the so many percent."""
        place = math.ceil(len(earlier) * self._kept / 100)
        return len(earlier) < LEAST or self._best[trial] <= sorted(earlier)[place - 1]

    def _go_on(self, trial: int, going: _Going) -> Step:
        going.part, going.rests = going.part + 1, False
        return Step((), (self._part(going),))

    def _ended(self, trial: int, loss: float | None) -> Step:
        """Let a task be over, and do what follows; without a loss it has ended early, and the method lets its trial go no
        further."""
        going = self._going.pop(trial)
        going.kind.over[going.number] = True
        step = self._begun(self._method.report(trial, loss))
        return step if loss is not None else replace(step, stopped=(*step.stopped, trial))

    def _begun(self, step: Step) -> Step:
        """Take in tasks of the method, and give their first parts."""
        for task in sorted(step.tasks, key=lambda task: task.order):
            kind = self._kinds.setdefault(tuple(sorted(task.place.items())), _Kind())
            self._going[task.trial] = _Going(task, kind, kind.enter())
        return replace(step, tasks=tuple(self._part(self._going[task.trial]) for task in step.tasks))

    def _part(self, going: _Going) -> Task:
        task, done = going.task, going.part * self._every
        now = min(self._every, task.iterations - done)
        after = task.iterations - done - now + task.iterations_after
        turn = *(task.turn or (task.trial,)), going.part
        more = done + now < task.iterations
        return replace(task, iterations=now, offset=task.offset + done, iterations_after=after, turn=turn, is_part=more)

    def _done(self, going: _Going) -> int:
        """Return how many iterations of its task are made with the end of this part."""
        return min(going.task.iterations, (going.part + 1) * self._every)


def _number(score: float | None) -> float:
    return math.inf if score is None or math.isnan(score) or score == -math.inf else score


def _joined(first: Step, second: Step) -> Step:
    trials, tasks = (*first.trials, *second.trials), (*first.tasks, *second.tasks)
    return Step(trials, tasks, second.milestone or first.milestone, (*first.stopped, *second.stopped))
