"""What a caller should know of a ranking that says little: losses of several functions, and losses that are no numbers."""

from __future__ import annotations

from collections.abc import Sequence

from automl.database.session import CallerDatabase
from automl.search.objective import LOSS, scales
from automl.training import results
from automl.training.request import Request
from automl.training.results import Result
from automl.training.trials import make_trials
from keras_seg.protocol.orders import Part

_MOST_NAMED = 5


def of_losses(request: Request) -> str | None:
    """Return what to say of trials that are ranked by losses of different functions, or by one with different factors."""
    probes = make_trials(request, enumerate(request.plan.probe_configurations(), 1))
    different = scales(each.compiled for each in probes)
    if request.objective.name != LOSS or len(different) < 2:
        return None
    named = ", ".join(different[:_MOST_NAMED]) + (", ..." if len(different) > _MOST_NAMED else "")
    return (
        f"{request.arguments[Part.COMPILE]}: trials are ranked by their losses, and these are on different scales: {named};"
        " the lowest number need not be the best model. Make one call for each of them, and compare the best ones by a metric"
    )


def of_results(found: Sequence[Result]) -> str | None:
    """Return what to say of a run none of whose trials has a finite loss, or value of the objective."""
    if results.best(found) is not None:
        return None
    what = "finite loss" if any(each.curve.course.measure.metric is None for each in found) else "value of the objective"
    which = f"the trial has no {what}" if len(found) == 1 else f"none of the {len(found)} trials has a {what}"
    if any(each.task.tries for each in found):
        which = f"there is no configuration of which all tries have a {what}"
    return (
        f"{which}, so no configuration is the best. Lower learning rates, a larger normalizing_const, or the optimizer's"
        " clipnorm may help"
    )


def warn(db: CallerDatabase, caveat: str | None) -> None:
    """Say it, if there is anything to say."""
    if caveat is not None:
        db.warning(caveat)
