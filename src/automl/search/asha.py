"""Asynchronous successive halving: trials that do well go on, and none of them waits for a round to be complete.

Source: Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System for Massively Parallel Hyperparameter Tuning",
MLSys 2020, section 3.2, Algorithm 2 (ASHA). Its rungs are those of Hyperband's largest bracket. A session that is free takes
up a trial in the highest rung where one is ready, or begins a new one, so that sessions are busy whatever trials cost.

There it hangs on who arrives first which trials go on. Here a search is *executed out of order and decided in order*, so that
it is the same whatever the number of sessions and their speed: the trials of a rung stand in a sequence. When the next one of
the sequence has its score it retires into the rung's pool, and not before. At each eta-th of these retirements the best of the
pool that has not been promoted goes up, to the end of the next rung's sequence. With eta=3, rungs of 1, 3 and 9 iterations:

    rung 0   1  2  3      4  5  6      7  8  9          new trials
    rung 1            2             6            4 ...  the best of those that retired before and were not promoted
    rung 2                                     2        ditto, of 2, 6 and 4
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.errors import UsageError, together
from automl.search.hyperband import HyperbandParams, largest_bracket, schedule
from automl.search.ladder import Rung
from automl.search.limits import MOST_CONFIGURATIONS, MOST_ITERATIONS
from automl.search.pairs import AUTOML_PARAMS, INTEGER
from automl.search.rungs import Entry, Rungs
from automl.search.sampling import PROPOSED, RANDOM, SAMPLERS
from automl.search.scheduler import MethodColumn, Milestone, Plan, Scheduler, Step, Task, Turn
from automl.search.sources import DrawnTrials, ProposedTrials, Source
from automl.search.space import Configuration, Space

COLUMNS = (MethodColumn("i", "integer"),)


# --- the parameters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AshaParams:
    """The parameters of ASHA.

    Attributes:
        R: iterations that a configuration trains in the highest rung.
        eta: of eta configurations in a rung, one goes on.
        num_configs: how many configurations; None for as many as Hyperband's brackets begin with.
        sampler: where they come from: random or tpe.
        endless: whether new configurations follow until somebody ends the search; `num_configs` is None then.
    """

    R: int = 6
    eta: int = 3
    num_configs: int | None = None
    sampler: str = RANDOM
    endless: bool = False

    max_iterations_are = "the iterations of the highest rung"

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs: those of Hyperband's largest bracket, without a number of configurations that would be theirs."""
        largest = largest_bracket(self.R, self.eta)
        return tuple(rung for rung in schedule(self.R, self.eta, 0) if rung.bracket == largest)

    @property
    def configurations(self) -> int:
        """How many configurations are tried at most."""
        if self.num_configs is not None:
            return self.num_configs
        return MOST_CONFIGURATIONS if self.endless else self.usual

    @property
    def usual(self) -> int:
        """As many as Hyperband's brackets begin with."""
        return HyperbandParams(self.R, self.eta).configurations

    @property
    def max_iterations(self) -> int:
        """Iterations of the longest task."""
        return max(rung.iterations for rung in self.rungs)

    def without_end(self) -> AshaParams:
        """Return the parameters of a search that somebody will end."""
        return replace(self, endless=self.num_configs is None)

    def plan(self, space: Space, seed: int, partitions: int) -> Plan:
        """Return the plan of a search in `space`."""
        sampler = self.sampler if space.axes else RANDOM  # where there is nothing to choose
        return AshaPlan(replace(self, sampler=sampler), partitions, space, seed)

    def __str__(self) -> str:
        count = "" if self.endless else f", num_configs={self.configurations}"
        return f"R={self.R}, eta={self.eta}{count}, sampler={self.sampler}"


_RULES = {
    "R": f"must be an integer from eta to {MOST_ITERATIONS}",
    "eta": "must be an integer of at least 2",
    "num_configs": f"must be an integer from 1 to {MOST_CONFIGURATIONS}",
    "sampler": f"must be {' or '.join(map(repr, SAMPLERS))}",
}
KEYS = tuple(_RULES)


def parse_params(given: Mapping[str, str]) -> AshaParams:
    """Read what `automl_params` gives ASHA: `R=6, eta=3, num_configs=5, sampler=random`.

    Raises:
        UsageError: a value out of range.
        AutomlError: several of these at once.
    """
    values: dict[str, Any] = {key: _value(key, text) for key, text in given.items()}
    wrong = [key for key, value in values.items() if value is None]
    if wrong:
        raise together([UsageError(AUTOML_PARAMS, f'"{key}" {_RULES[key]}', given[key]) for key in wrong])
    params = AshaParams(**values)
    if params.eta > params.R:
        raise UsageError(AUTOML_PARAMS, f'"R" must be an integer of at least eta ({params.eta})', params.R)
    if params.configurations > MOST_CONFIGURATIONS:
        raise UsageError(AUTOML_PARAMS, f'"num_configs" {_RULES["num_configs"]}', params.configurations)
    return params


def _value(key: str, text: str) -> int | str | None:
    """Return a value; None where it breaks its rule."""
    if key == "sampler":
        return name if (name := text.strip("'\"").lower()) in SAMPLERS else None
    least, most = {"R": (2, MOST_ITERATIONS), "eta": (2, MOST_ITERATIONS), "num_configs": (1, MOST_CONFIGURATIONS)}[key]
    return int(text) if INTEGER.fullmatch(text) and least <= int(text) <= most else None


# --- the plan and the scheduler -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AshaPlan:
    """ASHA in a search space.

    Attributes:
        window: how many trials of each rung count as under way where something is decided from all of them; also how many new
            ones train at the same time at most where they are proposed from the scores of others.
    """

    params: AshaParams
    window: int
    space: Space
    seed: int

    @property
    def planned_trials(self) -> int:
        return self.space.count(MOST_CONFIGURATIONS) if self.params.endless else self.params.configurations

    @property
    def max_iterations(self) -> int:
        return self.params.max_iterations

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.space.probe_configurations()

    def scheduler(self) -> Scheduler:
        return AshaScheduler(self)


class AshaScheduler:
    """The scheduler of ASHA.

    Where a task stands in the order of the plan: the new trial j at j + B, one that the end of trial j has brought to rung k at
    j + B * eta^k, where B is the window. That is when it would come to its end if B trials of each rung trained at the same
    time. What trial j is proposed from are the scores of the tasks that stand at j or before.
    """

    def __init__(self, plan: AshaPlan) -> None:
        self._plan = plan
        self._count = plan.space.count(plan.params.configurations)
        self._ladder = plan.params.rungs
        self._rungs = Rungs(len(self._ladder), plan.params.eta)
        self._source = _source(plan)
        self._under_way: dict[int, Task] = {}
        self._begun = 0

    @property
    def count(self) -> int:
        return self._count

    @property
    def iterations(self) -> int:
        eta, rungs = self._plan.params.eta, self._ladder
        return sum(max(1, self._count // eta**rung.round) * rung.iterations for rung in rungs)

    def start(self) -> Step:
        self._source.prepare()
        return self._new(())

    def report(self, trial: int, loss: float | None) -> Step:
        if trial not in self._under_way:
            raise ValueError(f"trial {trial} is not training")
        task, before = self._under_way.pop(trial), self._rungs.retired(0)
        risen = self._entered(self._rungs.report(trial, task.place["i"], loss))
        self._source.end(task, loss, risen)
        return replace(self._new(risen), milestone=self._milestone(before))

    @property
    def endless(self) -> bool:
        """Whether there are always new trials: a small space comes to its end."""
        return self._plan.params.endless and self._count == self._plan.params.configurations

    @property
    def horizon(self) -> Turn | None:
        """The turn of the next new trial, where nothing keeps it from beginning."""
        return self._turn(Entry(0, 0, self._begun + 1)) if self._more_to_come and self._source.free else None

    def more(self) -> Step:
        return self._begin() if self._more_to_come and self._source.free else Step()

    @property
    def _more_to_come(self) -> bool:
        return self._begun < self._count

    def _new(self, tasks: tuple[Task, ...]) -> Step:
        """Let new trials begin that may by themselves, beside other tasks."""
        step = Step((), tasks)
        while self._more_to_come and self._source.ready(self._begun + 1):
            new = self._begin()
            step = Step((*step.trials, *new.trials), (*step.tasks, *new.tasks))
        return step

    def _begin(self) -> Step:
        """Let a new trial begin; where it turns out that there is none, it was the last one that began before."""
        point = self._source.point(self._begun + 1)
        if point is None:
            self._count = self._begun
            tasks = self._entered(self._rungs.close())
            self._source.begin(tasks)
            return Step((), tasks)
        self._begun += 1
        entries = [self._rungs.enter(self._begun)]
        if not self._more_to_come:
            entries += self._rungs.close()
        tasks = self._entered(entries)
        self._source.begin(tasks)
        return Step(((self._begun, point.configuration),), tasks)

    def _entered(self, entries: Sequence[Entry]) -> tuple[Task, ...]:
        """Note who has come to a rung, and return what they are to train."""
        tasks = tuple(self._task(entry) for entry in entries)
        self._under_way.update({task.trial: task for task in tasks})
        return tasks

    def _task(self, entry: Entry) -> Task:
        rung = self._ladder[entry.rung]
        after = sum(later.iterations for later in self._ladder[entry.rung + 1 :])
        place, priority = {"i": entry.rung}, (entry.rung, -entry.birth)
        return Task(entry.trial, rung.iterations, rung.offset, after, place, self._turn(entry), priority)

    def _turn(self, entry: Entry) -> Turn:
        return entry.birth + self._plan.window * self._plan.params.eta**entry.rung, entry.rung

    def _milestone(self, before: int) -> Milestone | None:
        """Say so when a tenth of the new trials that are planned has come to its end, or as many where there is no end."""
        retired, params = self._rungs.retired(0), self._plan.params
        every = math.ceil((params.usual if params.endless else self._count) / 10)
        if retired // every == before // every and (retired == before or retired < self._count):
            return None
        so_many = f"{retired} configuration{'' if retired == 1 else 's'}"
        name = so_many if params.endless else f"{retired} of {self._count} configurations"
        went = [f"{self._rungs.promoted(rung)} to i={rung + 1}" for rung in range(len(self._ladder) - 1)]
        return Milestone(name, f"gone on: {', '.join(went) or 'none'}")


def _source(plan: AshaPlan) -> Source:
    if plan.params.sampler == PROPOSED:
        return ProposedTrials(plan.space, plan.seed)
    return DrawnTrials(plan.space, plan.seed, plan.params.endless)
