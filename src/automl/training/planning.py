"""automl_plan: what a search would run, and what it would take, before it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from automl.cluster import keeping
from automl.cluster.opening import fingerprints, open_cluster
from automl.cluster.resources import load_of
from automl.data.packed_queries import count_rows
from automl.database.session import CallerDatabase
from automl.database.settings import CHECKPOINT_BYTES, read_setting
from automl.hosts.machine import this_machine
from automl.training import estimates, recording, trials
from automl.training import request as requests
from automl.training.check import require_trainable
from automl.training.forecast import Cost, Forecast, Rehearsal
from automl.training.request import Arguments, Request, session_needs
from automl.training.timing import Measured, chosen, measured
from automl.training.trials import Trial

_MB = 2**20
_WRITING = 100 * _MB  # bytes a second, of weights into a table
_SAVED_UP = 1 / 20  # of the bytes of states that may be written in an hour
_AT_ONCE = 4 * _MB / 0.2  # bytes of states a second that a run writes at most
_STARTING = 0.2  # how far what comes before training may be off, in relation to itself


def automl_plan(db: CallerDatabase, *arguments: object) -> list[dict[str, Any]]:
    """Return the rows of what a search with these arguments would run: the start, its rungs, and all together."""
    given = Arguments(*arguments)  # type: ignore[arg-type]  # SQL has checked their types
    request, _ = requests.parse(db, given, this_machine())
    keeping.automl_release(db)  # the start is that of new sessions, and the search begins with such
    needs = session_needs(request)
    seen = fingerprints(db, needs)
    scheduler = db.away(request.plan.scheduler)
    first = db.away(scheduler.start)
    with open_cluster(db, needs, scheduler.count, "the plan", seen) as (cluster, _):
        require_trainable(
            cluster, request, first, None if request.hosts else load_of(db, len(cluster.reaches), request.resources)
        )
        start = db.elapsed
        rows = -(-count_rows(db, request.training) // request.training.partitions)
        found = measured(cluster, request, chosen(_some(request, first.trials)), rows)
        reaches = cluster.reaches
    keeping.automl_release(db)
    costs = Costs(found)
    least, middle, most = (
        db.away(Rehearsal(request, reaches, partial(costs.of, which=which), rows).forecast)
        for which in ("least", "cost", "most")
    )
    plan = _Plan(start, least, middle, most, costs, read_setting(db, CHECKPOINT_BYTES), len(reaches))
    call = estimates.digest_of(asdict(given), recording.digest(seen, request), len(reaches))
    estimates.keep(db, call, plan.seconds(middle), plan.written, plan.memory)
    return plan.rows


def _some(request: Request, drawn: Any) -> list[Trial]:
    """Return trials that a search begins with, or where none begin by themselves others that it may have."""
    probes = enumerate(request.plan.probe_configurations(), 1)
    return list(trials.make_trials(request, drawn or probes))


class Costs:
    """What each trial costs, of what was measured of some programs."""

    def __init__(self, found: Mapping[Any, Measured]) -> None:
        self._found = found

    @property
    def all(self) -> list[Measured]:
        """What was measured."""
        return list(self._found.values())

    def measured(self, trial: Trial) -> Measured:
        """Return what was measured of a trial's program, or of one that is like it."""
        alike = [each for program, each in self._found.items() if program[0] == trial.program[0]]
        return self._found.get(trial.program) or (alike or self.all)[0]

    def of(self, trial: Trial, which: str) -> Cost:
        """Return what a trial costs: in the middle, at least or at most."""
        found = self.measured(trial)
        if which == "cost":
            return found.cost
        factor = getattr(found, which)
        cost = found.cost
        return replace(cost, batch=factor * cost.batch, row=factor * cost.row, evaluation=factor * cost.evaluation)


@dataclass(frozen=True)
class _Plan:
    """What was found out, as rows.

    Attributes:
        start: seconds from the call until visits can be made.
        least, middle, most: what going through it has come to.
        hourly: bytes of states that may be written in an hour.
    """

    start: float
    least: Forecast
    middle: Forecast
    most: Forecast
    costs: Costs
    hourly: int
    sessions: int

    def seconds(self, forecast: Forecast, start: float = 1.0) -> float:
        """Return the seconds from call to result."""
        return start * self.start + forecast.seconds + self.weights / _WRITING

    @property
    def weights(self) -> int:
        """Bytes of the model table."""
        mean = sum(each.weights for each in self.costs.all) / len(self.costs.all)
        return round(self.middle.trials * mean)

    @property
    def written(self) -> int:
        """Bytes of the model table, and of states on the way."""
        state = sum(each.state for each in self.costs.all) / len(self.costs.all)
        seconds = self.middle.seconds
        allowed = self.hourly * (_SAVED_UP + seconds / 3600)
        return self.weights + round(min(state * self.middle.visits, allowed, _AT_ONCE * seconds))

    @property
    def memory(self) -> int:
        """MB of a session."""
        return max(each.memory for each in self.costs.all)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for what comes before training, for each part, and for all."""
        nothing = dict.fromkeys(("trials", "iterations", "visits", "seconds", "at_least", "at_most", "bytes", "memory_mb"))
        start = {**nothing, "part": "start", "seconds": self.start,
                 "at_least": (1 - _STARTING) * self.start, "at_most": (1 + _STARTING) * self.start}  # fmt: skip
        parts = [
            {
                **nothing,
                "part": ", ".join(f"{name}={value}" for name, value in place) or "training",
                "trials": round(part.trials),
                "iterations": part.iterations,
                "visits": round(part.visits),
                **{
                    name: forecast.parts[place].seconds / self.sessions if place in forecast.parts else None
                    for name, forecast in (("seconds", self.middle), ("at_least", self.least), ("at_most", self.most))
                },
            }
            for place, part in self.middle.parts.items()
        ]
        whole = {
            "part": "all",
            "trials": round(self.middle.trials),
            "iterations": round(sum(part.trials * part.iterations for part in self.middle.parts.values())),
            "visits": round(self.middle.visits),
            "seconds": self.seconds(self.middle),
            "at_least": self.seconds(self.least, 1 - _STARTING),
            "at_most": self.seconds(self.most, 1 + _STARTING),
            "bytes": self.written,
            "memory_mb": self.memory,
        }
        return [start, *parts, whole]
