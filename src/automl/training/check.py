"""Whether what a search asks for can be built, compiled and held in memory: found out on a session before any training."""

from __future__ import annotations

from collections import Counter

from automl.cluster.interface import Cluster, ask
from automl.cluster.orders import CheckWork
from automl.errors import AutomlError, UsageError, together
from automl.search.scheduler import Step
from automl.training.memory import OutOfMemory
from automl.training.request import Request
from automl.training.trials import make_trials
from keras_seg.protocol.estimates import Load
from keras_seg.protocol.orders import CheckOrder, CheckReport, Part


def require_trainable(cluster: Cluster, request: Request, first: Step, load: Load | None) -> None:
    """Build and compile every distinct network once, and report all problems together.

    What could be drawn is checked too: a mistake in the grids is one whether chance brings it up or not.

    Args:
        first: the first step of the search.
        load: what is to train on a session's host at the same time; None where its memory is not what training takes.

    Raises:
        AutomlError: what cannot be built or compiled, or has no room in memory.
    """
    probes = make_trials(request, enumerate(request.plan.probe_configurations(), 1))
    different = {(trial.model, trial.configuration.compile_params, trial.fit.board): trial for trial in probes}
    begun = make_trials(request, first.trials)
    programs, trials = {trial.program: trial for trial in begun}, Counter(trial.size for trial in begun)
    checks = tuple(trial.check(trials[trial.size]) for trial in (*different.values(), *programs.values()))
    report: CheckReport = ask(cluster, CheckWork(CheckOrder(checks, load)))
    problems: list[AutomlError] = [UsageError(request.arguments[each.part], each.text) for each in report.problems]
    if load is not None and report.shortages:
        fixed = cluster.reaches[0] is not None
        problems.append(OutOfMemory(request.arguments[Part.ARCHITECTURE], report.shortages, load, fixed=fixed))
    if problems:
        raise together(list({problem.message: problem for problem in problems}.values()))
