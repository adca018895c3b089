"""A search from its request to its tables: the plan, the sessions, the hopper and the store brought together.

Everything here happens in one thread. It gives every idle session a visit, waits for whatever comes first, notes it, and asks
the scheduler what follows when a trial has ended its task. Which method that is, a run does not know.

A run that was interrupted is replayed: the scheduler begins anew, and of each task that it gives, the hopper gets what lies
ahead of the trial's checkpoint. A task that lies behind it is reported at once, with the loss that the record has.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automl.cluster.hopper import Hopper, Leg, Visit, stops_done
from automl.cluster.interface import Cluster, Outcome, ask
from automl.cluster.opening import SessionNeeds, fingerprints, open_cluster
from automl.cluster.orders import CheckWork, VisitWork, Work
from automl.database import locks
from automl.database.session import CallerDatabase
from automl.errors import AutomlError, UsageError, together
from automl.search.scheduler import Milestone, Place, Scheduler, Step, Task
from automl.training import search_tables, trials
from automl.training.history import Evaluation, Interrupted, Known, Past
from automl.training.record import Store
from automl.training.request import Request
from automl.training.search_tables import Curve, Result, Tables
from automl.training.trials import Trial
from keras_seg.protocol.orders import TRAINING, VALIDATION, CheckOrder, CheckReport, StateForm, Stop, VisitReport
from keras_seg.server.interrupts import is_cancellation

_TRIES = 3  # of one visit, when its session dies


def execute(
    db: CallerDatabase,
    request: Request,
    tables: Tables,
    arguments: Mapping[str, Any],
    interrupted: Interrupted | None = None,
) -> None:
    """Train what a request asks for and make its tables.

    Args:
        arguments: those of the call, for the record.
        interrupted: the run that is to go on, if this is not a new one; the caller keeps it (`locks.claim_run`).

    Raises:
        AutomlError: a model cannot be built or compiled, or no trial came to an end; nothing has been made.
    """
    scheduler = request.plan.scheduler()
    planned, count = request.plan.planned_trials, scheduler.count
    if count < planned:
        db.notice(f"the search space holds {count} different configurations where {planned} would be tried: all are tried")
    tables.reserve(db)
    needs = _needs(request)
    rows = fingerprints(db, needs)
    inputs = _digest(rows, request)
    if interrupted:
        interrupted.require_same(inputs)
    with open_cluster(db, needs, count, "the search", rows) as (cluster, journal):
        store = Store(journal, request.resources.memory, durable=journal is not db)
        record = _record(arguments, inputs, request, cluster)
        past = store.recall(interrupted.run_id, request.training.partitions) if interrupted else Past()
        run = Run(db, request, scheduler, cluster, store, past)
        try:
            if interrupted:
                run.set_out()
                store.resume(record, past)  # what is wrong with a replay has come to light, and nothing has been written
                db.info(f"run {store.run} goes on after {past.elapsed:.1f} s of training; trials known: {len(past.trials)}")
            else:
                locks.claim_run(db, store.begin(record))
                run.set_out()
            results = run.train()
            tables.fill(db, results, interrupted.started if interrupted else run.started, store.get)
        except BaseException as error:
            _close_quietly(store, _status(error), run.best, error, cluster)
            raise
        store.end("finished", run.best, None, cluster.versions())


class Run:
    """A search under way.

    Args:
        past: what is known of it from before it was interrupted.

    Attributes:
        started: when it began to train.
    """

    def __init__(
        self, db: CallerDatabase, request: Request, scheduler: Scheduler, cluster: Cluster, store: Store, past: Past
    ) -> None:
        self._db = db
        self._request = request
        self._scheduler = scheduler
        self._cluster = cluster
        self._store = store
        self._past = past
        self._layout = trials.layout(request)
        self._hopper = Hopper(self._layout, cluster.reaches)
        self._trials: dict[int, Trial] = {}
        self._tasks: dict[int, Task] = {}
        self._curves: dict[int, Curve] = {}
        self._sums: dict[int, Mapping[str, Any]] = {}
        self._partial: dict[int, dict[str, Any]] = {}
        self._tries: dict[tuple[int, Stop], int] = {}
        self._warned: set[str] = set()
        self._begun = 0.0
        self._lowest: tuple[float, int] | None = None
        self.started = ""

    @property
    def best(self) -> tuple[int, float] | None:
        """(mst_key, loss) of the trial with the lowest latest loss; None if no trial has one."""
        losses = [(curve.loss, key) for key, curve in self._curves.items() if curve.loss is not None]
        ranked = sorted((loss, key) for loss, key in losses if not math.isnan(loss))
        return (ranked[0][1], ranked[0][0]) if ranked else None

    def set_out(self) -> None:
        """Get ready to train: check what is to be trained, and replay what is known. Nothing is written yet."""
        first = self._scheduler.start()  # while the sessions import TensorFlow
        self._check(first)
        self._follow(first)

    def train(self) -> list[Result]:
        """Train what the scheduler says and return what became of the trials."""
        self.started = search_tables.now(self._db)
        self._begun = time.monotonic() - self._past.elapsed
        while self._hopper.busy:
            self._hand_out()
            for outcome in self._cluster.wait():
                self._take(outcome)
            self._store.flush()
        if all(curve.error for curve in self._curves.values()):
            error = next(iter(self._curves.values())).error
            if len(self._trials) == 1:
                raise AutomlError(f"the only trial failed with: {error}")
            raise AutomlError(f"all {len(self._trials)} trials failed; the first with: {error}")
        return [Result(trial, self._tasks[key], self._curves[key]) for key, trial in sorted(self._trials.items())]

    def _check(self, first: Step) -> None:
        """Build and compile every distinct network once, on a session, and report all problems together.

        What could be drawn is checked too: a mistake in the grids is one whether chance brings it up or not.
        """
        probes = trials.make_trials(self._request, enumerate(self._request.plan.probe_configurations(), 1))
        different = {(trial.model, trial.configuration.compile_params, trial.fit.board): trial for trial in probes}
        programs = {trial.program: trial for trial in trials.make_trials(self._request, first.trials)}
        order = CheckOrder(tuple(trial.check() for trial in (*different.values(), *programs.values())))
        report: CheckReport = ask(self._cluster, CheckWork(order))
        problems = [UsageError(self._request.arguments[each.part], each.text) for each in report.problems]
        if problems:
            raise together(list({problem.message: problem for problem in problems}.values()))

    def _hand_out(self) -> None:
        for session in self._cluster.idle():
            visit = self._hopper.next_visit(session)
            if visit is not None:
                self._cluster.begin(session, Work(visit, self._work(visit)))

    def _work(self, visit: Visit) -> VisitWork:
        """Return the order of a visit, with the state that goes with it."""
        trial, state, form = self._trials[visit.trial], self._store.get(visit.trial), StateForm.TRIAL
        if state is None and self._begins_warm(trial):
            state, form = self._beginning(trial), StateForm.WEIGHTS
        sums = self._sums.get(visit.trial, {})
        return VisitWork(trials.visit_order(trial, visit, self._request.seed, sums, form, self._store.run), state)

    def _begins_warm(self, trial: Trial) -> bool:
        beginning = self._request.beginning
        return beginning is not None and trial.mst_key in beginning.keys

    def _beginning(self, trial: Trial) -> bytes:
        assert self._request.beginning is not None
        return bytes(self._db.execute(self._request.beginning.query, trial.mst_key)[0]["model_weights"])

    def _take(self, outcome: Outcome) -> None:
        visit: Visit = outcome.task
        if outcome.lost is not None:
            self._lost(outcome, visit)
            return
        report: VisitReport
        report, state = outcome.answer
        if report.error is not None:
            self._hopper.dropped(outcome.session)
            self._failed(visit.trial, report.error)
            return
        curve = self._curves[visit.trial]
        curve.seconds += outcome.seconds
        curve.iteration = visit.stops[-1].iteration
        if state:  # which one training stop has changed, the first of the visit
            curve.hops += 1
            self._store.put(visit.trial, state, visit.stops[0].iteration, curve.hops)
        self._sums[visit.trial] = report.sums  # a visit that is lost is repeated with those that went in
        if report.warning is not None and report.warning not in self._warned:
            self._warned.add(report.warning)
            self._db.warning(report.warning)
        self._note(visit.trial, report)
        if self._hopper.arrived(outcome.session, outcome.seconds):
            self._report(visit.trial, curve.loss)
        else:
            self._progress(visit.trial, "running")

    def _note(self, key: int, report: VisitReport) -> None:
        """Gather what an evaluation found; it is complete when every dataset has been evaluated."""
        datasets = [name for name, _ in self._layout.partitions]
        partial = self._partial.setdefault(key, {})
        partial.update({name: (scores.loss, scores.metrics) for name, scores in report.scores.items()})
        if len(partial) < len(datasets):
            return
        del self._partial[key]
        curve = self._curves[key]
        elapsed = time.monotonic() - self._begun
        evaluation = Evaluation(curve.iteration, elapsed, partial[TRAINING], partial.get(VALIDATION))
        curve.evaluations.append(evaluation)
        self._store.evaluated(key, evaluation)

    def _report(self, key: int, loss: float | None) -> None:
        """Tell the scheduler how a trial's task ended, and follow what it says."""
        self._follow(self._told(key, loss))

    def _told(self, key: int, loss: float | None) -> Step:
        """Tell the scheduler how a trial's task ended, and return what it says."""
        if loss is not None and not math.isnan(loss):
            self._lowest = min(self._lowest or (loss, key), (loss, key))
        step = self._scheduler.report(key, loss)
        self._progress(key, "finished" if loss is not None else "failed")
        if step.milestone is not None and self.started:  # what is replayed was said before
            self._say(step.milestone)
        return step

    def _follow(self, step: Step) -> None:
        """Do what a step says, and what follows from tasks whose ends are known."""
        steps = deque((step,))
        while steps:
            step = steps.popleft()
            self._enter(step)
            for task in step.tasks:
                steps.extend(self._replayed(self._leg(task)))

    def _enter(self, step: Step) -> None:
        """Take in the trials and tasks of a step; trials that are in the record must be the same."""
        new = trials.make_trials(self._request, step.trials)
        known = self._past.trials
        for trial in new:
            self._past.require_same(trial.mst_key, trial.configuration)
            self._trials[trial.mst_key] = trial
            self._curves[trial.mst_key] = _curve(known[trial.mst_key]) if trial.mst_key in known else Curve()
        self._tasks.update({task.trial: task for task in step.tasks})
        self._store.trials([_row(trial, self._tasks[trial.mst_key]) for trial in new if trial.mst_key not in known])

    def _leg(self, task: Task) -> Leg:
        leg = trials.leg(self._trials[task.trial], task, self._request.frequency)
        known = self._past.trials.get(task.trial)
        if known is None:
            return leg
        known.require(leg)
        return replace(leg, stops_done=stops_done(self._layout, leg, known.position, known.losses))

    def _replayed(self, leg: Leg) -> list[Step]:
        """Let a trial set out on a leg; where the record knows how the leg ended, return what the scheduler says to that."""
        known = self._past.trials.get(leg.trial)
        if known is not None and leg.stops_done == leg.stops(self._layout):
            return [self._told(leg.trial, known.losses[leg.last])]
        if known is not None and known.error is not None:
            self._curves[leg.trial].error = known.error
            return [self._told(leg.trial, None)]
        self._hopper.add(leg)
        return []

    def _say(self, milestone: Milestone) -> None:
        which = TRAINING if self._request.validation is None else VALIDATION
        text = "no trial has a loss yet"
        if self._lowest is not None:
            loss, key = self._lowest
            self._store.best(key, loss)
            text = f"best {which} loss so far {loss:.6g} (mst_key {key})"
        self._store.flush(now=True)
        seconds = time.monotonic() - self._begun
        self._db.info(f"{milestone.name} done after {seconds:.1f} s: {milestone.detail}; {text}")

    def _lost(self, outcome: Outcome, visit: Visit) -> None:
        """Let a visit be repeated whose session died, from the state that went in; but not forever."""
        which = visit.trial, visit.stops[0]
        self._tries[which] = self._tries.get(which, 1) + 1
        if self._tries[which] <= _TRIES:
            self._db.warning(f"the visit of mst_key {visit.trial} is repeated: {outcome.lost}")
            self._hopper.lost(outcome.session)
            return
        self._hopper.dropped(outcome.session)
        self._failed(visit.trial, str(outcome.lost))

    def _failed(self, key: int, error: str) -> None:
        self._store.settle(key)
        self._curves[key].error = error
        self._db.warning(f"mst_key {key} failed and is out of the search: {error}")
        self._report(key, None)

    def _progress(self, key: int, status: str) -> None:
        curve = self._curves[key]
        self._store.progress(key, status, self._tasks[key].place, curve.iteration, curve.loss, curve.seconds, curve.error)


def _needs(request: Request) -> SessionNeeds:
    definitions = {definition.key: definition for definition in request.architectures.values()}
    return SessionNeeds(
        request.datasets,
        tuple(definitions.values()),
        request.resources,
        caching=request.caching,
        hosts=request.hosts,
        functions=request.functions,
    )


def _digest(rows: Sequence[str], request: Request) -> str:
    """Return a digest of what is trained on: another one says that it may have changed.

    Args:
        rows: what the packed tables hold, told by who wrote it where: that is read in no time.
    """
    keys = sorted((number, definition.key) for number, definition in request.architectures.items())
    return hashlib.sha256(json.dumps([list(rows), keys]).encode()).hexdigest()[:32]


def _record(arguments: Mapping[str, Any], inputs: str, request: Request, cluster: Cluster) -> dict[str, Any]:
    return {
        "method": request.method,
        "params": request.params,
        "source_table": str(request.training.relation.name),
        "model_output_table": str(request.model),
        "arguments": json.dumps(dict(arguments)),
        "inputs": inputs,
        "random_state": request.seed,
        "executor": cluster.kind,
        "sessions": len(cluster.reaches),
        "threads": request.resources.threads,
        "partitions": request.training.partitions,
        "backend": os.getpid(),
    }


def _curve(known: Known) -> Curve:
    return Curve(list(known.evaluations), known.position.iteration, known.hops, known.seconds)


def _row(trial: Trial, task: Task) -> tuple[int, int, str, str, Place]:
    configuration = trial.configuration
    return trial.mst_key, configuration.model_id, configuration.compile_params, configuration.fit_params, task.place


def _status(error: BaseException) -> str:
    return "cancelled" if is_cancellation(error) else "failed"


def _close_quietly(store: Store, status: str, best: tuple[int, float] | None, error: BaseException, cluster: Cluster) -> None:
    """Close the record of a run that failed; that this fails too must not hide why."""
    try:
        store.end(status, best, str(error).splitlines()[0] if str(error) else type(error).__name__, cluster.versions())
    except Exception:
        return
