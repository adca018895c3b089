"""A search from its request to its tables: the plan, the sessions, the hopper and the store brought together.

Everything here happens in one thread. It gives every idle session a visit, waits for whatever comes first, notes it, and asks
the scheduler what follows when a trial has ended its task. Which method that is, a run does not know.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any

from automl import outputs, plan
from automl.cluster.base import CHECK, VISIT, Cluster, Outcome, Work, ask
from automl.cluster.opening import Needs, opened
from automl.database import CallerDatabase
from automl.errors import AutomlError, UsageError, together
from automl.hopper import Hopper, Stop, Visit
from automl.outputs import Curve, Result, Tables
from automl.plan import Trial
from automl.request import Request
from automl.search.scheduler import Milestone, Scheduler, Step, Task
from automl.store import Evaluation, Store

_TRIES = 3  # of one visit, when its session dies


def execute(db: CallerDatabase, request: Request, tables: Tables, arguments: Mapping[str, Any]) -> None:
    """Train what a request asks for and make its tables.

    Args:
        arguments: those of the call, for the record.

    Raises:
        AutomlError: a model cannot be built or compiled, or no trial came to an end; nothing has been made.
    """
    scheduler = request.plan.scheduler()
    wanted, count = request.plan.wanted, scheduler.count
    if count < wanted:
        db.notice(f"the search space holds {count} different configurations where {wanted} would be tried: all are tried")
    tables.reserve(db)
    definitions = {definition.key: definition for definition in request.architectures.values()}
    needs = Needs(
        request.datasets,
        tuple(definitions.values()),
        request.resources,
        caching=request.caching,
        hosts=request.hosts,
        functions=request.functions,
    )
    with opened(db, needs, count, "the search") as (cluster, journal):
        store = Store(journal, request.resources.memory, durable=journal is not db)
        store.begin(_record(arguments, request, cluster))
        run = Run(db, request, scheduler, cluster, store)
        try:
            results = run.train()
            tables.fill(db, results, run.started, store.get)
        except BaseException as error:
            _close_quietly(store, _status(error), run.best, error, cluster)
            raise
        store.end("finished", run.best, None, json.dumps(cluster.versions()))


class Run:
    """A search under way.

    Attributes:
        started: when it began to train.
    """

    def __init__(self, db: CallerDatabase, request: Request, scheduler: Scheduler, cluster: Cluster, store: Store) -> None:
        self._db = db
        self._request = request
        self._scheduler = scheduler
        self._cluster = cluster
        self._store = store
        self._hopper = Hopper(plan.layout(request), cluster.reaches)
        self._trials: dict[int, Trial] = {}
        self._tasks: dict[int, Task] = {}
        self._curves: dict[int, Curve] = {}
        self._sums: dict[int, dict[str, Any]] = {}
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

    def train(self) -> list[Result]:
        """Train what the scheduler says and return what became of the trials."""
        first = self._scheduler.start()  # while the sessions import TensorFlow
        self._check(first)
        self.started = outputs.now(self._db)
        self._begun = time.monotonic()
        self._follow(first)
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
        corners = plan.make_trials(self._request, enumerate(self._request.plan.corners(), 1))
        different = {(trial.model, trial.configuration.compile_params, trial.fit.board): trial for trial in corners}
        programs = {trial.program: trial for trial in plan.make_trials(self._request, first.trials)}
        orders = [
            {**trial.order(), "x_shape": self._request.training.x_shape, "labels": self._request.training.labels,
             "name": f"model_id {trial.configuration.model_id}"}
            for trial in (*different.values(), *programs.values())
        ]  # fmt: skip
        answer = ask(self._cluster, Work("check", CHECK, (json.dumps(orders),)))
        names = self._request.arguments
        problems = [UsageError(names.get(each["argument"], each["argument"]), each["problem"]) for each in json.loads(answer)]
        if problems:
            raise together(list({problem.message: problem for problem in problems}.values()))

    def _hand_out(self) -> None:
        for session in self._cluster.idle():
            visit = self._hopper.next_visit(session)
            if visit is not None:
                trial, state = self._trials[visit.trial], self._store.get(visit.trial)
                sums, labels = self._sums.get(visit.trial, {}), self._request.training.labels
                order = plan.visit_order(trial, visit, self._request.seed, labels, sums, self._store.run)
                if state is None and self._begins_warm(trial):
                    state, order["state"] = self._beginning(trial), "weights"
                self._cluster.begin(session, Work(visit, VISIT, (json.dumps(order), state)))

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
        report, state = outcome.answer
        if "error" in report:
            self._hopper.dropped(outcome.session)
            self._failed(visit.trial, report["error"])
            return
        curve = self._curves[visit.trial]
        curve.seconds += outcome.seconds
        curve.iteration, curve.visits = visit.stops[-1].iteration, curve.visits + 1
        if state:
            self._store.put(visit.trial, state, curve.iteration, curve.visits)
        self._sums[visit.trial] = report.get("sums", {})  # a visit that is lost is repeated with those that went in
        if "warning" in report and report["warning"] not in self._warned:
            self._warned.add(report["warning"])
            self._db.warning(report["warning"])
        self._note(visit.trial, report)
        if self._hopper.arrived(outcome.session, outcome.seconds):
            self._report(visit.trial, curve.loss)
        else:
            self._progress(visit.trial, "running")

    def _note(self, key: int, report: dict[str, Any]) -> None:
        """Gather what an evaluation found; it is complete when every dataset has been evaluated."""
        datasets = [name for name, _ in plan.layout(self._request).partitions]
        partial = self._partial.setdefault(key, {})
        partial.update({name: (report[name]["loss"], tuple(report[name]["metrics"])) for name in datasets if name in report})
        if len(partial) < len(datasets):
            return
        del self._partial[key]
        curve = self._curves[key]
        elapsed = time.monotonic() - self._begun
        evaluation = Evaluation(curve.iteration, elapsed, partial["training"], partial.get("validation"))
        curve.evaluations.append(evaluation)
        self._store.evaluated(key, evaluation)

    def _report(self, key: int, loss: float | None) -> None:
        """Tell the scheduler how a trial's task ended, and follow what it says."""
        if loss is not None and not math.isnan(loss):
            self._lowest = min(self._lowest or (loss, key), (loss, key))
        step = self._scheduler.report(key, loss)
        self._progress(key, "finished" if loss is not None else "failed")
        if step.milestone is not None:
            self._say(step.milestone)
        self._follow(step)

    def _follow(self, step: Step) -> None:
        trials = plan.make_trials(self._request, step.trials)
        self._trials.update({trial.mst_key: trial for trial in trials})
        self._curves.update({trial.mst_key: Curve() for trial in trials})
        self._tasks.update({task.mst_key: task for task in step.tasks})
        self._store.trials([_row(trial, self._tasks[trial.mst_key]) for trial in trials])
        for task in step.tasks:
            self._hopper.add(plan.leg(self._trials[task.mst_key], task, self._request.frequency))

    def _say(self, milestone: Milestone) -> None:
        which = "training" if self._request.validation is None else "validation"
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
        self._curves[key].error = error
        self._db.warning(f"mst_key {key} failed and is out of the search: {error}")
        self._report(key, None)

    def _progress(self, key: int, status: str) -> None:
        curve = self._curves[key]
        self._store.progress(key, status, self._tasks[key].round, curve.iteration, curve.loss, curve.seconds, curve.error)


def _record(arguments: Mapping[str, Any], request: Request, cluster: Cluster) -> dict[str, Any]:
    return {
        "method": request.method,
        "params": request.params,
        "source_table": str(request.training.relation.name),
        "model_output_table": str(request.model),
        "arguments": json.dumps(dict(arguments)),
        "random_state": request.seed,
        "executor": cluster.kind,
        "sessions": len(cluster.reaches),
        "threads": request.resources.threads,
        "partitions": request.training.partitions,
        "backend": os.getpid(),
    }


def _row(trial: Trial, task: Task) -> tuple[object, ...]:
    configuration = trial.configuration
    return trial.mst_key, configuration.model_id, configuration.compile_params, configuration.fit_params, task.bracket, None


def _status(error: BaseException) -> str:
    return "cancelled" if type(error).__name__ in ("QueryCanceled", "KeyboardInterrupt") else "failed"


def _close_quietly(store: Store, status: str, best: tuple[int, float] | None, error: BaseException, cluster: Cluster) -> None:
    """Close the record of a run that failed; that this fails too must not hide why."""
    try:
        store.end(
            status, best, str(error).splitlines()[0] if str(error) else type(error).__name__, json.dumps(cluster.versions())
        )
    except Exception:
        return
