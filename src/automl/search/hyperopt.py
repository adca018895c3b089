"""Hyperopt: trials that are proposed while others train, from the losses known so far (Bergstra et al. 2013, TPE).

Every trial trains for the same number of iterations. The first ones are drawn at random; each later one is proposed by TPE.
What it is proposed from is part of the plan and not of the timing: trial j knows the losses of trials 1 to j - B, where B, the
window, is the number of partitions of the packed table. The B - 1 trials before it count as under way, with the worst loss of
all, whether they are or not: so TPE does not propose their neighbourhood again. Up to B trials train at the same time, and
none waits for a batch to be complete: as soon as trials 1 to j - B have reported, trial j starts.

With B = 2 and three random trials, where a number stands for the trials that are known:

    trial       1  2  3  4    5    6
    knows       -  -  -  1-2  1-3  1-4
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from automl.errors import UsageError, together
from automl.search.limits import MOST_CONFIGURATIONS, MOST_ITERATIONS
from automl.search.pairs import AUTOML_PARAMS, INTEGER
from automl.search.sampling import History, Proposals, Sampler, Tpe
from automl.search.scheduler import ListPlan, Plan, Scheduler, Step, Tally, Task
from automl.search.space import Configuration, Point, Space

ALGORITHMS = ("tpe", "rand")
MOST_STARTS = 10  # random trials before TPE begins

_RULES = {
    "num_configs": f"must be an integer from 1 to {MOST_CONFIGURATIONS}",
    "num_iterations": f"must be an integer from 1 to {MOST_ITERATIONS}",
    "algorithm": "must be 'tpe' or 'rand'",
}
KEYS = tuple(_RULES)
_MOST = {"num_configs": MOST_CONFIGURATIONS, "num_iterations": MOST_ITERATIONS}


# --- the parameters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HyperoptParams:
    """The parameters of Hyperopt, as on the page.

    Attributes:
        num_configs: trials.
        num_iterations: iterations of each.
        algorithm: tpe or rand.
    """

    num_configs: int = 20
    num_iterations: int = 5
    algorithm: str = "tpe"

    max_iterations_are = "the iterations of a trial"

    @property
    def max_iterations(self) -> int:
        """Iterations of the longest task."""
        return self.num_iterations

    def __str__(self) -> str:
        return f"num_configs={self.num_configs}, num_iterations={self.num_iterations}, algorithm={self.algorithm}"

    def plan(self, space: Space, seed: int, partitions: int) -> Plan:
        """Return the plan of a search in `space`."""
        if self.algorithm == "rand" or not space.axes:  # or there is nothing to choose
            drawn = enumerate(space.sample(self.num_configs, seed), 1)
            return RandomPlan(tuple(drawn), self.num_iterations, self.num_configs, space)
        return TpePlan(self.num_configs, self.num_iterations, partitions, space, seed)


def parse_params(given: Mapping[str, str]) -> HyperoptParams:
    """Read what `automl_params` gives Hyperopt: `num_configs=20, num_iterations=5, algorithm=tpe`, each key with that default.

    Raises:
        UsageError: a value out of range.
        AutomlError: several of these at once.
    """
    wrong = [key for key, value in given.items() if not _holds(key, value)]
    if wrong:
        raise together([UsageError(AUTOML_PARAMS, f'"{key}" {_RULES[key]}', given[key]) for key in wrong])
    values: dict[str, Any] = {key: _plain(value) if key == "algorithm" else int(value) for key, value in given.items()}
    return HyperoptParams(**values)


def _holds(key: str, value: str) -> bool:
    if key == "algorithm":
        return _plain(value) in ALGORITHMS
    return bool(INTEGER.fullmatch(value)) and 1 <= int(value) <= _MOST[key]


def _plain(value: str) -> str:
    return value.strip("'\"").lower()


# --- the plans ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomPlan(ListPlan):
    """Random search: nothing is learned on the way, so all trials are known from the beginning.

    Attributes:
        asked_for: how many trials there would be if the space holds as many configurations.
    """

    asked_for: int
    space: Space

    @property
    def planned_trials(self) -> int:
        return self.asked_for

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.space.probe_configurations()


@dataclass(frozen=True)
class TpePlan:
    """Trials that TPE proposes.

    Attributes:
        planned_trials: how many trials.
        max_iterations: iterations of each.
        window: how many trials train at the same time at most, once TPE proposes; see the module.
    """

    planned_trials: int
    max_iterations: int
    window: int
    space: Space
    seed: int

    @property
    def starts(self) -> int:
        """Trials drawn at random before TPE begins: a quarter of all, from 1 to 10. hyperopt itself would draw the first 20."""
        return min(MOST_STARTS, max(1, self.planned_trials // 4))

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.space.probe_configurations()

    def scheduler(self) -> Scheduler:
        return TpeScheduler(self, lambda: Tpe(self.space.axes))


# --- the scheduler ------------------------------------------------------------------------------------------------------


class TpeScheduler:
    """The scheduler of trials that a sampler proposes.

    Args:
        plan: what is planned.
        sampler: makes what proposes a trial from the losses of others; called when the search starts.
    """

    def __init__(self, plan: TpePlan, sampler: Callable[[], Sampler]) -> None:
        self._plan = plan
        self._proposals = Proposals(plan.space, plan.seed, sampler)
        self._count = plan.space.count(plan.planned_trials)
        self._starts = plan.space.sample_points(min(plan.starts, self._count), plan.seed)
        self._losses: dict[int, float] = {}
        self._known = 0  # trials 1 to this one have all reported
        self._tally = Tally(self._count, plan.max_iterations)

    @property
    def count(self) -> int:
        return self._count

    @property
    def iterations(self) -> int:
        return self._count * self._plan.max_iterations

    def start(self) -> Step:
        self._proposals.begin()
        return self._step()

    def report(self, trial: int, loss: float | None) -> Step:
        if not 1 <= trial <= len(self._proposals.tried) or trial in self._losses:
            raise ValueError(f"trial {trial} is not training")
        self._losses[trial] = loss if loss is not None and math.isfinite(loss) else math.inf
        while self._known + 1 in self._losses:
            self._known += 1
        return replace(self._step(), milestone=self._tally.add())

    def _step(self) -> Step:
        """Propose the trials whose turn it is."""
        trials = []
        while self._may_propose(len(self._proposals.tried) + 1):
            number = len(self._proposals.tried) + 1
            point = self._starts[number - 1] if number <= len(self._starts) else self._propose(number)
            if point is None:
                self._count = self._tally.count = number - 1
                break
            self._proposals.take(point)
            trials.append((number, point.configuration))
        return Step(tuple(trials), tuple(Task(number, self._plan.max_iterations) for number, _ in trials))

    def _propose(self, number: int) -> Point | None:
        return self._proposals.proposed(number, self._history(number))

    def _may_propose(self, number: int) -> bool:
        return number <= self._count and (number <= len(self._starts) or number - self._plan.window <= self._known)

    def _history(self, number: int) -> History:
        known = number - self._plan.window
        pairs = enumerate(self._proposals.tried.values(), 1)
        return [(coordinates, self._losses[each] if each <= known else math.inf) for each, coordinates in pairs]
