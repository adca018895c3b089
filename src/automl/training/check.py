"""Whether what a search asks for can be built and compiled, found out on a session before anything is trained."""

from __future__ import annotations

from automl.cluster.interface import Cluster, ask
from automl.cluster.orders import CheckWork
from automl.errors import UsageError, together
from automl.search.scheduler import Step
from automl.training.request import Request
from automl.training.trials import make_trials
from keras_seg.protocol.orders import CheckOrder, CheckReport


def require_trainable(cluster: Cluster, request: Request, first: Step) -> None:
    """Build and compile every distinct network once, and report all problems together.

    What could be drawn is checked too: a mistake in the grids is one whether chance brings it up or not.

    Args:
        first: the first step of the search.

    Raises:
        AutomlError: what cannot be built or compiled.
    """
    probes = make_trials(request, enumerate(request.plan.probe_configurations(), 1))
    different = {(trial.model, trial.configuration.compile_params, trial.fit.board): trial for trial in probes}
    programs = {trial.program: trial for trial in make_trials(request, first.trials)}
    order = CheckOrder(tuple(trial.check() for trial in (*different.values(), *programs.values())))
    report: CheckReport = ask(cluster, CheckWork(order))
    problems = [UsageError(request.arguments[each.part], each.text) for each in report.problems]
    if problems:
        raise together(list({problem.message: problem for problem in problems}.values()))
