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
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from automl.errors import UsageError, together
from automl.search.grammar import parse_pairs
from automl.search.hyperband import AUTOML_PARAMS, INTEGER, MOST_CONFIGURATIONS, MOST_ITERATIONS
from automl.search.scheduler import Listed, Plan, Scheduler, Step, Tally, Task
from automl.search.space import Configuration, Coordinates, Point, Space

ALGORITHMS = ("tpe", "rand")
MOST_STARTS = 10  # random trials before TPE begins
ATTEMPTS = 20  # proposals of a configuration that was tried before, after which one is drawn at random
_STREAM = 2  # the proposals' own stream of the seed
History = list[tuple[Coordinates, float]]

_RULES = {
    "num_configs": f"must be an integer from 1 to {MOST_CONFIGURATIONS}",
    "num_iterations": f"must be an integer from 1 to {MOST_ITERATIONS}",
    "algorithm": "must be 'tpe' or 'rand'",
}
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

    columns = ()  # that the info table has for this method alone
    longest_of = "the iterations of a trial"

    @property
    def longest(self) -> int:
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


def parse_params(text: str | None) -> HyperoptParams:
    """Read `automl_params` for Hyperopt: `num_configs=20, num_iterations=5, algorithm=tpe`, each key with that default.

    Raises:
        UsageError: unreadable, an unknown or repeated key, a value out of range.
        AutomlError: several of these at once.
    """
    given = parse_pairs(AUTOML_PARAMS, text, _RULES)
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


class Sampler(Protocol):
    """Proposes where in the space to try next."""

    def propose(self, seed: int, history: History) -> Coordinates:
        """Return the coordinates of a point, from those of earlier trials and their losses: infinite for the worst."""


@dataclass(frozen=True)
class RandomPlan(Listed):
    """Random search: nothing is learned on the way, so all trials are known from the beginning.

    Attributes:
        wanted_trials: how many there would be if the space holds as many configurations.
    """

    wanted_trials: int
    space: Space

    @property
    def wanted(self) -> int:
        return self.wanted_trials

    def corners(self) -> tuple[Configuration, ...]:
        return self.space.corners()


@dataclass(frozen=True)
class TpePlan:
    """Trials that TPE proposes.

    Attributes:
        wanted: how many trials.
        longest: iterations of each.
        window: how many trials train at the same time at most, once TPE proposes; see the module.
    """

    wanted: int
    longest: int
    window: int
    space: Space
    seed: int

    @property
    def starts(self) -> int:
        """Trials drawn at random before TPE begins. It begins within the first 20, where hyperopt itself would only draw."""
        return min(MOST_STARTS, max(1, self.wanted // 4))

    def corners(self) -> tuple[Configuration, ...]:
        return self.space.corners()

    def scheduler(self) -> Scheduler:
        return Proposals(self, self._sampler)

    def _sampler(self) -> Sampler:
        from automl.search.hyperopt_adapter import Tpe  # here, because importing hyperopt takes a second

        return Tpe(self.space.axes)


# --- the scheduler ------------------------------------------------------------------------------------------------------


class Proposals:
    """The scheduler of trials that a sampler proposes.

    Args:
        plan: what is planned.
        sampler: makes what proposes a trial from the losses of others; called when the search starts.
    """

    def __init__(self, plan: TpePlan, sampler: Callable[[], Sampler]) -> None:
        self._plan = plan
        self._make_sampler = sampler
        self._count = plan.space.count(plan.wanted)
        self._starts = plan.space.sample_points(min(plan.starts, self._count), plan.seed)
        self._tried: dict[Configuration, Coordinates] = {}
        self._losses: dict[int, float] = {}
        self._known = 0  # trials 1 to this one have all reported
        self._tally = Tally(self._count, plan.longest)

    @property
    def count(self) -> int:
        return self._count

    def start(self) -> Step:
        self._sampler = self._make_sampler()
        return self._step()

    def report(self, mst_key: int, loss: float | None) -> Step:
        if not 1 <= mst_key <= len(self._tried) or mst_key in self._losses:
            raise ValueError(f"trial {mst_key} is not training")
        self._losses[mst_key] = math.inf if loss is None or math.isnan(loss) else loss
        while self._known + 1 in self._losses:
            self._known += 1
        return replace(self._step(), milestone=self._tally.add())

    def _step(self) -> Step:
        """Propose the trials whose turn it is."""
        trials = []
        while self._may_propose(len(self._tried) + 1):
            number = len(self._tried) + 1
            point = self._starts[number - 1] if number <= len(self._starts) else self._proposed(number)
            if point is None:
                self._count = self._tally.count = number - 1
                break
            self._tried[point.configuration] = self._plan.space.coordinates(point)
            trials.append((number, point.configuration))
        return Step(tuple(trials), tuple(Task(number, self._plan.longest) for number, _ in trials))

    def _may_propose(self, number: int) -> bool:
        return number <= self._count and (number <= len(self._starts) or number - self._plan.window <= self._known)

    def _proposed(self, number: int) -> Point | None:
        """Return a new point: the sampler's, or one drawn at random where it keeps to what was tried before.

        None where there is no other, which is known beforehand unless a range holds a handful of numbers only.
        """
        history = self._history(number)
        for attempt in range(ATTEMPTS):
            point = self._plan.space.at(self._sampler.propose(self._seed(number, attempt), history))
            if point.configuration not in self._tried:
                return point
        return next(iter(self._plan.space.sample_points(1, self._seed(number, ATTEMPTS), self._tried)), None)

    def _history(self, number: int) -> History:
        known = number - self._plan.window
        pairs = enumerate(self._tried.values(), 1)
        return [(coordinates, self._losses[each] if each <= known else math.inf) for each, coordinates in pairs]

    def _seed(self, number: int, attempt: int) -> int:
        sequence = np.random.SeedSequence(self._plan.seed % 2**64, spawn_key=(_STREAM, number, attempt))
        return int(sequence.generate_state(1)[0])
