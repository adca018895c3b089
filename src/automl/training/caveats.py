"""What a caller should know of a ranking that says little: losses of several functions, and losses that are no numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from automl.search.orders import compile_order
from automl.search.parameters import CompileParams
from automl.training import results
from automl.training.request import Request
from automl.training.results import Result
from automl.training.trials import make_trials
from keras_seg.protocol import keras_names
from keras_seg.protocol.orders import Part

_MOST_NAMED = 5


def of_losses(request: Request) -> str | None:
    """Return what to say of trials that are ranked by losses of different functions, or by one with different factors."""
    probes = make_trials(request, enumerate(request.plan.probe_configurations(), 1))
    measures = _measures(each.compiled for each in probes)
    if len(measures) < 2:
        return None
    named = ", ".join(list(measures.values())[:_MOST_NAMED]) + (", ..." if len(measures) > _MOST_NAMED else "")
    return (
        f"{request.arguments[Part.COMPILE]}: trials are ranked by their losses, and these are on different scales: {named};"
        " the lowest number need not be the best model. Make one call for each of them, and compare the best ones by a metric"
    )


def of_results(found: Sequence[Result]) -> str | None:
    """Return what to say of a run none of whose trials has a finite loss."""
    if results.best(found) is not None:
        return None
    which = "the trial has no finite loss" if len(found) == 1 else f"none of the {len(found)} trials has a finite loss"
    return (
        f"{which}, so no configuration is the best. Lower learning rates, a larger normalizing_const, or the optimizer's"
        " clipnorm may help"
    )


def _measures(compiled: Iterable[CompileParams]) -> dict[tuple[str, float], str]:
    """Return the losses that are different, each with its factor, as they are called."""
    found: dict[tuple[str, float], str] = {}
    for each in compiled:
        factor = compile_order(each).loss_weight
        shown = each.loss if factor == 1 else f"{factor:g} * {each.loss}"
        found.setdefault((keras_names.one_name("loss", each.loss), factor), shown)
    return found
