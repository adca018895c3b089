"""automl_plan: what a search would run, and what it would take, before it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from automl.cluster import keeping
from automl.cluster.opening import fingerprints, open_cluster
from automl.cluster.resources import load_of
from automl.data.packed_queries import count_rows, decoded_bytes
from automl.database.session import CallerDatabase
from automl.database.settings import CHECKPOINT_BYTES, read_setting
from automl.hosts.machine import this_machine
from automl.search.space import Configuration
from automl.training import estimates, recording, trials
from automl.training import request as requests
from automl.training.check import require_trainable
from automl.training.decided import limits_of
from automl.training.forecast import Cost, Forecast, Rehearsal
from automl.training.plan_rows import Memory, PlanRows, Writing
from automl.training.request import Arguments, Request, session_needs
from automl.training.timing import ONCE, Measured, chosen, measured
from automl.training.trials import Trial
from automl.training.writings import Writings
from keras_seg.protocol.hosts import Readiness

_MB = 2**20


def automl_plan(db: CallerDatabase, *arguments: object) -> list[dict[str, Any]]:
    """Return the rows of what a search with these arguments would run: the start, its rungs, and all together."""
    given = Arguments(*arguments)  # type: ignore[arg-type]  # SQL has checked their types
    request, _ = requests.parse(db, given, this_machine())
    keeping.automl_release(db)  # the start is that of new sessions, and the search begins with such
    needs = session_needs(request)
    seen = fingerprints(db, needs)
    scheduler = db.away(request.plan.scheduler)
    first = db.away(scheduler.start)
    with open_cluster(db, needs, scheduler.count, "the plan", seen) as (cluster, journal):
        require_trainable(
            cluster, request, first, None if request.hosts else load_of(db, len(cluster.reaches), request.resources)
        )
        start, imported = db.elapsed, Readiness.from_json(cluster.versions()).memory_mb
        rows = -(-count_rows(db, request.training) // request.training.partitions)
        some = _some(request, first.trials)
        found = measured(cluster, request, chosen(some), rows, imported)
        reaches, durable = cluster.reaches, journal is not db
    keeping.automl_release(db)
    writing = Writing(read_setting(db, CHECKPOINT_BYTES) if durable else 0, request.resources.memory)
    fast, middle, slow = _forecasts(db, request, reaches, Costs(found), rows, writing)
    memory = Memory(imported, list(found.values()), len({each.program for each in some}), _cached(db, request))
    plan = PlanRows(start, fast, middle, slow, len(reaches), writing, memory)
    call = estimates.digest_of(asdict(given), recording.digest(seen, request), len(reaches))
    estimates.keep(db, call, plan.seconds, plan.bytes, plan.memory_mb)
    return plan.rows


def _some(request: Request, drawn: Iterable[tuple[int, Configuration]]) -> list[Trial]:
    """Return trials that a search begins with, or where none begin by themselves others that it may have."""
    most = limits_of(request).max_trials or math.inf
    begun = [(number, configuration) for number, configuration in drawn if number <= most]
    return list(trials.make_trials(request, begun or enumerate(request.plan.probe_configurations(), 1)))


def _forecasts(
    db: CallerDatabase,
    request: Request,
    reaches: Sequence[frozenset[int] | None],
    costs: Costs,
    rows: int,
    writing: Writing,
) -> tuple[Forecast, ...]:
    """Return what going through the plan comes to with the fastest visits that were measured, the middle and the slowest."""
    costs_of = (partial(costs.of, which=which) for which in ("least", "cost", "most"))
    rehearsals = [Rehearsal(request, reaches, cost_of, rows, Writings(writing.memory, writing.hourly)) for cost_of in costs_of]
    return tuple(db.away(each.forecast) for each in rehearsals)


def _cached(db: CallerDatabase, request: Request) -> int:
    """Return the MB of rows that each session may come to hold."""
    return -(-sum(decoded_bytes(db, table) for table in request.datasets.values()) // _MB) if request.caching else 0


class Costs:
    """What each trial costs, of what was measured of some programs."""

    def __init__(self, found: Mapping[Any, Measured]) -> None:
        self._found = found

    def measured(self, trial: Trial) -> Measured:
        """Return what was measured of a trial's program, or of one that is like it."""
        alike = [each for program, each in self._found.items() if program[0] == trial.program[0]]
        return self._found.get(trial.program) or (alike or list(self._found.values()))[0]

    def of(self, trial: Trial, which: str) -> Cost:
        """Return what a trial costs: in the middle, at least or at most."""
        found = self.measured(trial)
        if which == "cost":
            return found.cost
        often, once = (found.least, 1 - ONCE) if which == "least" else (found.most, 1 + ONCE)
        cost = found.cost
        return replace(
            cost,
            compiling=once * cost.compiling,
            tracing=once * cost.tracing,
            beginning=once * cost.beginning,
            batch=often * cost.batch,
            row=often * cost.row,
            evaluation=often * cost.evaluation,
        )
