"""What ranks models: the loss, a metric of Keras, or a measure as automl_evaluate calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from automl.errors import UsageError
from automl.search.directions import direction_of, range_of
from automl.search.literals import call_of
from automl.search.objective import LOSS
from keras_seg.protocol import keras_names
from keras_seg.protocol.keras_names import CLASSES_METRICS

_ERROR = "mean_absolute_error"
# The names of measures, and what they are called where networks are trained. Of two classes, metrics that are of one class are
# of the second.
_OF_CLASSES: Mapping[str, str] = {
    "log_loss": LOSS,
    "accuracy": "accuracy",
    "brier": "mean_squared_error",  # but for a factor
    "roc_auc": "AUC",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1Score",
    "macro_f1": "F1Score(average='macro')",
}
_OF_NUMBERS: Mapping[str, str] = {"rmse": LOSS, "mae": _ERROR, "r2": "R2Score"}
_MEASURES = {True: _OF_CLASSES, False: _OF_NUMBERS}
_OTHER_NAMES: Mapping[bool, Mapping[str, str]] = {
    True: {"logloss": LOSS, "categorical_crossentropy": LOSS},
    False: {"mse": LOSS, "mean_squared_error": LOSS, "root_mean_squared_error": LOSS},
}
# The loss, and a metric beside it.
OF_CLASSES = "categorical_crossentropy"
_USUAL = {True: (OF_CLASSES, "accuracy"), False: ("mean_squared_error", _ERROR)}
# Which values are better, and of which rows: max:validation_...
_PREFIX = re.compile(r"((?:(?:min|max)\s*:\s*)?(?:(?:training|train|validation|val)_)?)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Ranking:
    """What ranks models.

    Attributes:
        loss: that they are trained by.
        metric: that is computed beside it.
        objective: what ranks, as `automl_params` has it.
    """

    loss: str
    metric: str
    objective: str


def ranking(objective: str | None, *, classes: bool) -> Ranking:
    """Return what ranks models.

    Args:
        objective: as the caller has it; None for the loss.
        classes: whether classes are predicted.

    Raises:
        UsageError: there is no such measure or metric, or it is none of what is predicted.
    """
    loss, usual = _USUAL[classes]
    before, name = _parted((objective or LOSS).strip())
    known = {LOSS: LOSS, **_MEASURES[classes], **_OTHER_NAMES[classes]}
    meant = known.get(name.lower(), name)
    if meant == LOSS:
        return Ranking(loss, usual, before + LOSS)
    if not classes and meant == _ERROR:
        return Ranking(_ERROR, loss, before + LOSS)
    _require_metric(str(objective), meant, classes=classes, directed=":" in before)
    return Ranking(loss, meant, before + meant)


def _parted(text: str) -> tuple[str, str]:
    """Return what stands before a name, and the name."""
    found = _PREFIX.fullmatch(text)
    assert found is not None  # it matches any text
    return found[1], found[2]


def _require_metric(objective: str, name: str, *, classes: bool, directed: bool) -> None:
    """Raise unless a name is that of a metric which fits what is predicted."""
    call = call_of(name)
    known = call is not None and keras_names.is_known("metric", call.name)
    of_classes = call is not None and (call.name in CLASSES_METRICS or range_of(call.name).is_share)
    if known and (classes or not of_classes) and (directed or direction_of(name) is not None):
        return
    what = "classes" if classes else "a number"
    rule = f"must be {LOSS}, {', '.join(_MEASURES[classes])}, or another metric of Keras for {what}"
    raise UsageError("objective", rule, objective)
