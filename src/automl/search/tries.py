"""More than one try of each configuration, for every method: from other first weights, or on other rows (folds).

Each try is a trial with a number, first weights and an order of rows of its own. A method knows configurations only: a task of
one is made by all its tries, and when they have ended it the method is told the mean of their scores, as if that were the score
of one trial. So rounds, rungs and proposals are those of the means, and nothing hangs on which try was faster.

With three tries of a configuration, and folds=3 over seven partitions:

    configuration      1        2        3
    trials             1 2 3    4 5 6    7 8 9
    partitions that each of them leaves out, and is scored on:  0 3 6 | 1 4 | 2 5
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from automl.search.retirement import Retired
from automl.search.scheduler import Around, Place, PlanAround, Scheduler, Step, Task


@dataclass(frozen=True)
class Tries:
    """How often each configuration is tried.

    Attributes:
        each: how often on the same rows.
        folds: in how many parts the rows are divided, each of which some tries leave out; None where all train on all rows.
    """

    each: int = 1
    folds: int | None = None

    @property
    def count(self) -> int:
        """How many tries a configuration has."""
        return self.each * (self.folds or 1)

    @property
    def several(self) -> bool:
        """Whether it has more than one."""
        return self.count > 1

    def numbers(self, configuration: int) -> tuple[int, ...]:
        """Return the numbers of the trials that try a configuration."""
        return tuple(range((configuration - 1) * self.count + 1, configuration * self.count + 1))

    def place(self, trial: int) -> Place:
        """Return which configuration a trial tries, and which of its tries it is; nothing where each is tried once."""
        configuration, before = divmod(trial - 1, self.count)
        return {"configuration": configuration + 1, "try": before + 1} if self.several else {}

    def held_out(self, trial: int, partitions: int) -> frozenset[int]:
        """Return the partitions that a trial does not train on, because it is scored on them; of so many."""
        if self.folds is None:
            return frozenset()
        return frozenset(range((trial - 1) % self.count % self.folds, partitions, self.folds))


@dataclass(frozen=True)
class Mean:
    """What several tries have come to.

    Attributes:
        value: the mean; None where a try failed, not a number where one has none.
        standard_error: of the mean: the standard deviation of the tries (of n - 1), divided by the square root of their number.
    """

    value: float | None = None
    standard_error: float | None = None


def mean_of(values: Sequence[float | None]) -> Mean:
    """Return the mean of at least two values; None is that of a try that failed."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Mean()
    if not all(map(math.isfinite, known)):
        return Mean(math.nan)
    return Mean(statistics.mean(known), statistics.stdev(known) / math.sqrt(len(known)))


class Together:
    """Gathers the ends of tasks until all tries of a configuration have ended theirs."""

    def __init__(self) -> None:
        self._ended: dict[tuple[int, ...], dict[int, Retired]] = {}

    def end(self, task: Task, score: float | None) -> Retired | None:
        """Note the end of a task, and return that of its configuration, told by its first try; None while others train."""
        if not task.tries:
            return Retired(task, score)
        ended = self._ended.setdefault(task.tries, {})
        ended[task.trial] = Retired(task, score)
        if len(ended) < len(task.tries):
            return None
        del self._ended[task.tries]
        return Retired(ended[task.tries[0]].task, mean_of([ended[trial].score for trial in task.tries]).value)


@dataclass(frozen=True)
class TriesPlan(PlanAround):
    """A plan whose configurations are tried several times.

    Attributes:
        tries: how often each of them.
    """

    tries: Tries

    @property
    def planned_trials(self) -> int:
        return super().planned_trials * self.tries.count

    def scheduler(self) -> Scheduler:
        return TriesScheduler(self.plan.scheduler(), self.tries)


class TriesScheduler(Around):
    """The scheduler of a method, with several trials for each configuration.

    Args:
        method: the scheduler of the method, whose trials are configurations here.
    """

    def __init__(self, method: Scheduler, tries: Tries) -> None:
        super().__init__(method)
        self._tries = tries
        self._together = Together()
        self._training: dict[int, Task] = {}

    @property
    def count(self) -> int:
        return super().count * self._tries.count

    @property
    def iterations(self) -> int:
        return super().iterations * self._tries.count

    def report(self, trial: int, loss: float | None) -> Step:
        ended = self._together.end(self._training.pop(trial), loss)
        if ended is None:
            return Step()
        return self._begun(self._method.report(self._tries.place(trial)["configuration"], ended.score))

    def _begun(self, step: Step) -> Step:
        """Take in configurations and their tasks, and give the trials that try them."""
        trials = tuple((trial, each) for number, each in step.trials for trial in self._tries.numbers(number))
        tasks = tuple(task for each in step.tasks for task in self._of_each(each))
        self._training.update({task.trial: task for task in tasks})
        stopped = tuple(trial for number in step.stopped for trial in self._tries.numbers(number))
        return replace(step, trials=trials, tasks=tasks, stopped=stopped)

    def _of_each(self, task: Task) -> list[Task]:
        """Return a task of a configuration as that of each of its tries, which stand side by side in the order of the plan."""
        numbers = self._tries.numbers(task.trial)
        return [replace(task, trial=number, turn=task.order, tries=numbers) for number in numbers]
