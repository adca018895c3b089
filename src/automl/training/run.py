"""A search from its request to its tables: the plan, the sessions, the hopper and the record brought together.

Everything here happens in one thread. Idle sessions get visits, whatever comes first is noted, and the scheduler is asked what
follows when a trial has ended its task. Which method that is, a run does not know. One that was interrupted is replayed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from automl.cluster.hopper import Hopper, Visit
from automl.cluster.interface import Cluster
from automl.cluster.opening import fingerprints, open_cluster
from automl.cluster.orders import VisitWork
from automl.cluster.resources import load_of
from automl.cluster.same_rows import same_rows
from automl.cluster.visits import TRIES, Lost, Visits, fault_of
from automl.database import locks
from automl.database.session import CallerDatabase
from automl.database.settings import CHECKPOINT_BYTES, OF_LARGE_VALUES, read_setting, settings
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, OperatorError
from automl.search.budgets import Reason
from automl.search.scheduler import Milestone, OpenEnded, Scheduler, Step, Task
from automl.search.steering import Keep
from automl.training import caveats, estimates, recording, results, trials
from automl.training.bits import Bits
from automl.training.check import require_trainable
from automl.training.curves import Course, OpenEvaluation
from automl.training.decided import Decided, Outside, budget_of, limits_of
from automl.training.history import History, InterruptedRun, lost_state
from automl.training.progress import Progress
from automl.training.record import RunRecord
from automl.training.replay import Replay
from automl.training.request import Request, session_needs
from automl.training.results import Made, Result, Tables
from automl.training.rows import Best, Checkpoint, End, RunStatus, TrialStatus
from automl.training.standing import Watch
from automl.training.under_way import TrialsUnderWay, TrialUnderWay
from keras_seg.protocol.orders import StateForm, VisitReport
from keras_seg.protocol.parts import Raw

_MEMORY_HINT = (
    "The server's log may say more; memory is the usual reason: lower keras_automl.sessions, or leave out what is too large."
)


def execute(
    db: CallerDatabase,
    request: Request,
    tables: Tables,
    arguments: Mapping[str, Any],
    interrupted: InterruptedRun | None = None,
) -> Made:
    """Train what a request asks for and make its tables.

    Args:
        arguments: those of the call, for the record.
        interrupted: the run that is to go on, if this is not a new one; the caller keeps it (`locks.claim_run`).

    Raises:
        AutomlError: a model cannot be built or compiled, no trial came to an end, or what is trained on was written meanwhile;
            nothing has been made.
    """
    scheduler = db.away(request.plan.scheduler)
    planned, count = request.plan.planned_trials, scheduler.count
    if count < planned:
        held, wanted = count // request.tries.count, planned // request.tries.count
        db.notice(f"the search space holds {held} different configurations where {wanted} would be tried: all are tried")
    caveats.warn(db, caveats.of_losses(request))
    tables.reserve(db)
    needs = session_needs(request)
    rows = fingerprints(db, needs)
    inputs = recording.digest(rows, request)
    if interrupted:
        interrupted.require_same(inputs)
    with open_cluster(db, needs, count, "the search", rows) as (cluster, journal):
        hourly = read_setting(db, CHECKPOINT_BYTES)
        record = RunRecord(journal, request.resources.memory, hourly, durable=journal is not db)
        history = record.recall(interrupted.run_id, request.turns) if interrupted else History()
        time_from = history.elapsed if interrupted is None or interrupted.time_from is None else interrupted.time_from
        run = Run(db, request, scheduler, cluster, record, history, time_from)
        where = recording.where(cluster, arguments, time_from)
        try:
            if interrupted:
                run.set_out(interrupted.decisions)
                record.resume(where)  # a replay that goes wrong has done so by now: nothing is written yet
                known = len(history.trials)
                db.info(f"run {record.run} goes on after {history.elapsed:.1f} s of training; trials known: {known}")
            else:
                estimate = estimates.estimate_of(db, estimates.digest_of(arguments, inputs, len(cluster.reaches)))
                record.begin(recording.call(request, arguments, inputs, estimate), where, partial(locks.claim_run, db))
                run.set_out()
            with same_rows(db, journal, needs, rows, "the search"):
                found = run.train()
            bits = Bits(run.delivered)
            with settings(db, OF_LARGE_VALUES):
                tables.fill(db, found, interrupted.started if interrupted else run.started, bits.state_of)
            end = replace(run.end(tables), bits=bits.of(found), bytes=record.written + bits.weights)
            record.finish(db, end)
            return Made(record.run, end)
        except BaseException as error:
            recording.close_quietly(record, run.best, error, cluster)
            raise


class Run:
    """A search under way; what visits are made for (`VisitHandler`).

    Args:
        history: what is known of it from before it was interrupted.
        time_from: seconds that it had trained when its time began to count.

    Attributes:
        started: when it began to train.
    """

    def __init__(
        self,
        db: CallerDatabase,
        request: Request,
        scheduler: Scheduler,
        cluster: Cluster,
        record: RunRecord,
        history: History,
        time_from: float,
    ) -> None:
        self._db = db
        self._request = request
        self._scheduler = scheduler
        self._cluster = cluster
        self._record = record
        self._layout = trials.layout(request)
        self._hopper = Hopper(self._layout, cluster.reaches)
        self._replay = Replay(self._layout, history)
        self._trials = TrialsUnderWay()
        self._watch = Watch(self._trials, self._hopper, scheduler, self._layout, request.steering, lambda: self._decided.taken)
        self._decided = Decided(scheduler, self._trials, limits_of(request))
        self._warned: set[str] = set()
        self._elapsed_before = history.elapsed
        self._time_from = time_from
        value = f"{'best' if request.steering.keep is Keep.BEST else 'latest'} {request.objective.shown}"
        value, tries = f"mean {value}" if request.tries.several else value, request.tries.count
        self._progress = Progress(db, value, lambda: self.best, lambda: self._watch.told, tries)
        self._begun = 0.0
        self.started = ""

    @property
    def best(self) -> Best:
        """The trial with the best value of the objective; of a run that a budget has ended, as far as it counts."""
        return self._trials.best if self._decided.ended_by is None else results.shown(results.best(self._decided.results))

    def set_out(self, taken: int = 0) -> None:
        """Get ready to train: check what is to be trained, and replay what is known, so many decisions. Nothing is written."""
        first = self._db.away(self._scheduler.start)  # hyperopt is imported, while the sessions import TensorFlow
        request = self._request
        load = None if request.hosts else load_of(self._db, len(self._cluster.reaches), request.resources)
        require_trainable(self._cluster, self._request, first, load)
        self._begin(first)
        self._begin_others()
        self._decided.require_as_far(taken, request.steering)

    def train(self) -> list[Result]:
        """Train what the scheduler says and return what became of the trials."""
        self.started = results.now(self._db)
        self._begun = time.monotonic() - self._elapsed_before
        self._watch.begins(self._begun, self._time_from)
        self._progress.begins(self._watch.count)
        self._stand()
        outside = Outside(self._db, self._record.run, self._watch.until)
        Visits(self._cluster, self._hopper, self).make(lambda: self._look_up(outside), lambda: self._decided.over)
        self._stand()
        found = self._trials.results() if self._decided.ended_by is None else self._stopped(self._decided.ended_by)
        results.require_some(found)
        caveats.warn(self._db, caveats.of_results(found))
        return found

    def end(self, tables: Tables) -> End:
        """Return what the record is to say of the end of the run."""
        reason = self._decided.ended_by
        status = RunStatus.FINISHED if reason is None else RunStatus.STOPPED
        made = None if reason is None else results.made(self._db, tables.names)
        versions, taken = self._cluster.versions(), self._decided.taken
        end = End(**vars(self.best), status=status, versions=versions, decisions=taken, ended_by=reason, tables=made)
        return replace(end, seconds=self._db.elapsed, memory_mb=self._watch.memory or None)

    def _stopped(self, reason: Reason) -> list[Result]:
        """Return what became of the trials that something was decided about, where the run has ended before its plan."""
        run, budget, found = self._record.run, budget_of(reason, self._request.steering), self._decided.results
        if not found:
            why = f"{budget} has ended the search before its first trial was as far as to be compared with others"
            again = f"SELECT madlib.automl_resume({run}, 'max_time=10 min') goes on where it was."
            hint = again if self._can_go_on else "Give it more time."
            raise AutomlError(why, sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE, hint=hint)
        for each in self._trials:
            if (progress := each.progress_at_end) is not None:
                self._record.progress(progress)
        self._progress.ends(budget, self._decided.taken, len(found))
        if self._request.goes_on:
            self._db.info(f"SELECT madlib.automl_resume({run}, 'max_time=10 min') goes on")
        return found

    @property
    def _can_go_on(self) -> bool:
        return self._record.durable and self._request.goes_on

    # --- visits ---------------------------------------------------------------------------------------------------------

    def order(self, visit: Visit) -> VisitWork:
        """Return the order of a visit, with the state that goes with it."""
        under_way, state, form = self._trials[visit.trial], self._record.state_of(visit.trial), StateForm.TRIAL
        warm = self._request.warm_start
        if state is None and warm is not None and visit.trial in warm.trials:
            state, form = warm.weights(self._db, visit.trial), StateForm.WEIGHTS
        seed, run = self._request.seed, self._record.run
        cuts = under_way.curve.rate_cuts
        return VisitWork(trials.visit_order(under_way.trial, visit, seed, under_way.sums, form, run, cuts), state)

    def take(self, visit: Visit, answer: tuple[VisitReport, bytes], seconds: float) -> str | None:
        """Take the report of a visit, and the state that came out."""
        report, state = answer
        error, under_way = fault_of(report), self._trials[visit.trial]
        curve = under_way.curve
        if report.trained:
            curve.visits, curve.iteration = curve.visits + report.trained, visit.stops[report.trained - 1].iteration
            self._record.put(Checkpoint(visit.trial, curve.iteration, curve.visits, state))
        if error is not None:
            return error
        curve.seconds += seconds
        self._watch.trained(report)
        under_way.sums = report.sums  # a visit that is lost is repeated with those that went in
        self._warn_once(report.warning)
        if report.astray:
            self._hopper.reroute(visit.trial, under_way.stops_astray(self._layout))
        else:
            curve.iteration = visit.stops[-1].iteration
            self._evaluate(under_way, report)
        self._record.progress(under_way.progress(TrialStatus.RUNNING))
        return None

    def finished(self, trial: int) -> None:
        """Follow what the scheduler says to the end of a trial's task."""
        self._follow(self._told(trial, self._trials[trial].curve.score))
        self._begin_others()

    def failed(self, trial: int, error: str) -> None:
        """Let a trial be out of the search."""
        self._record.settle(trial)
        self._trials[trial].curve.error = error
        self._db.warning(f"mst_key {trial} failed and is out of the search: {error}")
        self._follow(self._told(trial, None))
        self._begin_others()

    def repeated(self, trial: int, why: str) -> None:
        """Say that a visit was lost."""
        self._db.warning(f"the visit of mst_key {trial} is repeated: {why}")

    def given_up(self, trial: int, lost: Lost) -> NoReturn:
        """End the run at once: what others are to do hangs on this trial, and it can go on where it was."""
        again = f"SELECT madlib.automl_resume({self._record.run}) goes on where it was and tries the trial again. "
        raise OperatorError(
            f"a visit of mst_key {trial} was lost {TRIES} times, the last with: {lost.why}",
            hint=f"{again if self._can_go_on else ''}{_MEMORY_HINT}",
            sqlstate=lost.sqlstate,
        )

    @property
    def _datasets(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._layout.partitions)

    def delivered(self, trial: int) -> Raw | None:
        """Return the state of a trial that the tables get; None if it has not begun."""
        under_way = self._trials[trial]
        visits = under_way.delivered if self._decided.ended_by is None else under_way.delivered_as_counted
        state = self._record.state_of(trial, visits)
        if state is None and visits is not None:
            raise lost_state(trial)
        return state

    def _warn_once(self, warning: str | None) -> None:
        if warning is not None and warning not in self._warned:
            self._warned.add(warning)
            self._db.warning(warning)

    def _evaluate(self, under_way: TrialUnderWay, report: VisitReport) -> None:
        """Note what an evaluation found, when every dataset has been evaluated."""
        found = {name: (scores.loss, scores.metrics) for name, scores in report.scores.items()}
        evaluation = under_way.open.add(found, under_way.curve.iteration, time.monotonic() - self._begun)
        if evaluation is not None:
            under_way.curve.evaluations.append(evaluation)
            self._keep(under_way)
            value = under_way.curve.course.measure.value(evaluation)
            self._record.evaluated(under_way.trial.number, evaluation, value)
            if under_way.curve.is_over:
                self._hopper.reroute(under_way.trial.number)

    def _keep(self, under_way: TrialUnderWay) -> None:
        """Keep the states that the tables may get beside the latest one."""
        missing = self._record.keep(under_way.trial.number, under_way.kept)
        if under_way.delivered in missing:
            raise lost_state(under_way.trial.number)

    # --- the scheduler --------------------------------------------------------------------------------------------------

    def _told(self, trial: int, score: float | None) -> Step:
        """Tell the scheduler how a trial's task ended, and return what it says."""
        step = self._scheduler.report(trial, score)
        ended = self._trials.ended(trial, step.stopped)
        for each in self._decided.end(trial, score, step):
            self._keep(each)
        for each in ended:
            self._record.progress(each.progress_of_task)
        if step.milestone is not None and self.started:  # what is replayed was said before
            self._say(step.milestone)
        return step

    def _begin(self, step: Step) -> None:
        """Do what a step says that nothing has led to."""
        for each in self._decided.begin(step):
            self._keep(each)
        self._follow(step)

    def _follow(self, step: Step) -> None:
        """Do what a step says, and what follows from tasks whose ends are known."""
        steps = deque((step,))
        while steps:
            step = steps.popleft()
            self._enter(step)
            for task in step.tasks:
                steps.extend(self._set_out(task))

    def _begin_others(self) -> None:
        """Have as many trials at hand as sessions may want, if the method has any."""
        while isinstance(self._scheduler, OpenEnded) and self._hopper.wanted > 0:
            step = self._scheduler.more() if self._decided.admits(len(self._trials)) and not self._decided.over else Step()
            if not step.trials and not step.tasks:
                break
            self._begin(step)

    def _enter(self, step: Step) -> None:
        """Take in the trials and tasks of a step; trials that are in the record must be the same."""
        tasks = {task.trial: task for task in step.tasks}
        new = self._db.away(lambda: trials.make_trials(self._request, step.trials)) if step.trials else []
        for trial in new:
            task = tasks[trial.number]
            course = Course.of(self._request.objective, self._request.steering, trial.compiled, trial.fit)
            curve = self._replay.curve(trial, task, course)
            opened = OpenEvaluation(self._datasets)
            self._trials.add(TrialUnderWay(trial, self._layout.turns(trial.held_out), task.offset, task, curve, opened))
        for number, task in tasks.items():
            self._trials[number].task = task
            self._keep(self._trials[number])
        unknown = [self._trials[trial.number] for trial in new if not self._replay.knows(trial)]
        self._record.trials([each.row for each in unknown])
        for each in unknown:
            self._record.progress(each.progress(TrialStatus.WAITING))

    def _set_out(self, task: Task) -> list[Step]:
        """Let a trial set out on a task; where the record knows how that ended, return what the scheduler says to it."""
        under_way = self._trials[task.trial]
        bounded = self._request.steering.bounded
        leg = self._replay.ahead(trials.leg(under_way.trial, task, self._request.frequency, in_order=bounded))
        end = self._replay.ended(leg, under_way.curve)
        if self._decided.admits(task.trial):
            self._watch.set_out(leg)
            if end is None:
                self._hopper.add(leg)
        if end is None:
            return []
        under_way.curve.error = end.error
        return [self._told(leg.trial, end.score)]

    # --- what is said ---------------------------------------------------------------------------------------------------

    def _say(self, milestone: Milestone) -> None:
        self._stand()
        self._record.announce()
        self._record.flush(now=True)
        self._progress.reached(milestone)

    def _look_up(self, outside: Outside) -> None:
        """Write down what has come, look for what ends the run, and say how far it is if it is time to."""
        reason = outside.look()
        too_early = reason is Reason.MAX_TIME and self._request.at_least_one and self._decided.taken == 0
        if reason is not None and not too_early:
            self._decided.stop(reason)
        if self._watch.is_due:
            self._stand()
        self._progress.goes_on()
        self._record.flush()

    def _stand(self) -> None:
        """Have it written how far the run is."""
        self._record.best(self.best)
        decided = self._decided.ended_by is not None
        self._record.stands(self._watch.standing(self._cluster.present, decided=decided), self._decided.taken)
