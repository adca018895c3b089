"""Names of losses and metrics -> what sums them up in numpy, with the meaning that they have where TensorFlow computes.

What is not here, or does not fit the rows, is for TensorFlow: it computes that, or says what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, signature
from typing import Any

from keras_seg.inference.compared import Rows
from keras_seg.inference.confusion import COUNTED
from keras_seg.inference.losses import LOSSES, OF_LOGITS, OF_MARGINS
from keras_seg.inference.metrics import MEANS, R2, FBeta, Mean, Metric, RootMean
from keras_seg.inference.network import Network
from keras_seg.inference.problems import NeedsTensorFlow
from keras_seg.protocol.keras_names import (
    ACCURACY,
    CLASSES_LOSSES,
    CLASSES_METRICS,
    CROSSENTROPY,
    FORMER,
    NUMBERS_LOSSES,
    NUMBERS_METRICS,
    names,
    plain_name,
)
from keras_seg.protocol.objectives import Named, parsed

_LARGEST_ARGUMENT = 10_000  # as where TensorFlow computes
_SHARES = frozenset(("q",))  # arguments that must lie between 0 and 1
# Metrics that are no means of values; of two outputs these mean the second class.
_OF_ONE_CLASS: Mapping[str, Callable[..., Metric]] = {
    **COUNTED,
    "f1_score": lambda rows, average=None, threshold=None: FBeta(rows, average, 1.0, threshold),
    "f_beta_score": FBeta,
}
_MADE: Mapping[str, Callable[..., Metric]] = {**_OF_ONE_CLASS, "r2_score": lambda rows: R2()}
_OF_VECTORS = frozenset(("f1_score", "f_beta_score", "r2_score"))  # of rows of one dimension
_ALSO_MEANS = {"log_cosh_error": "log_cosh"}  # metrics, by the names of losses


def loss_of(text: str, rows: Rows, network: Network) -> Mean:
    """Return the mean of a loss over rows.

    Args:
        text: its name, as it was written.
        rows: what stands in a row.

    Raises:
        NeedsTensorFlow: it is none of these, or does not fit.
    """
    given = _given("loss", text, rows)
    name = plain_name("loss", given.name)
    if name not in LOSSES or (rows.units == 1 and name in CLASSES_LOSSES):
        raise NeedsTensorFlow(f'loss "{text}"')
    return _mean_of_loss(name, given, rows, network)


def metric_of(text: str, rows: Rows, network: Network) -> Metric:
    """Return a metric; arguments and errors as those of `loss_of`."""
    given = _given("metric", text, rows)
    name = plain_name("metric", given.name)
    if not _fits(name, rows):
        raise NeedsTensorFlow(f'metric "{text}"')
    if name in _MADE:
        made: Metric = _bound(_MADE[name], given)(rows)
        return made
    if name == "root_mean_squared_error":
        return RootMean(_bound(LOSSES["mean_squared_error"], given))
    if name in MEANS:
        return Mean(_bound(MEANS[name], given))
    return _mean_of_loss(_ALSO_MEANS.get(name, name), given, rows, network)


def _given(what: str, text: str, rows: Rows) -> Named:
    """Return a loss or a metric as it was written; of an alias the one that fits the rows."""
    given = parsed(text)
    if given is not None and given.name.lower() in CROSSENTROPY:
        return Named(f"{rows.kind}_crossentropy", given.arguments)
    if given is not None and given.name.lower() in ACCURACY:
        return Named(f"{rows.kind}_accuracy", given.arguments)
    if given is None or FORMER.get(given.name, given.name) not in names(what):
        raise NeedsTensorFlow(f'{what} "{text}"')
    return given


def _fits(name: str, rows: Rows) -> bool:
    """Return whether a metric can be had of rows: of class numbers one that reads them, or the second of two classes."""
    if (rows.units == 1 and name in CLASSES_METRICS) or (name in _OF_VECTORS and len(rows.outputs) != 1):
        return False
    return not rows.numbered or name in NUMBERS_METRICS or (rows.two_outputs and name in _OF_ONE_CLASS)


def _mean_of_loss(name: str, given: Named, rows: Rows, network: Network) -> Mean:
    no_logits = name in OF_LOGITS and not network.tells_logits
    other_labels = (rows.numbered and name not in NUMBERS_LOSSES) or (name in OF_MARGINS and not rows.packed.one_hot)
    if name not in LOSSES or no_logits or other_labels:
        raise NeedsTensorFlow(f'"{given.name}" of such a network and such labels')
    return Mean(_bound(LOSSES[name], given))


def _bound(function: Callable[..., Any], given: Named) -> Callable[..., Any]:
    """Return a function with arguments as they were written.

    Its first parameter is not one of them; the others are those of Keras that are computed here.

    Raises:
        NeedsTensorFlow: there are others, or a value is none that Keras takes.
    """
    taken = dict(list(signature(function).parameters.items())[1:])
    written = {key: value for key, value in given.arguments.items() if key != "name"}
    if given.arguments and given.name.islower():  # a function of Keras, which takes none
        raise NeedsTensorFlow(f'"{given.name}" with arguments')
    for key, value in written.items():
        fits = key in taken and _is_like(value, taken[key].default)
        if not fits or (key in _SHARES and not 0 < value < 1):
            raise NeedsTensorFlow(f'"{given.name}" with {key} = {value!r}')
    if any(each.default is Parameter.empty and key not in written for key, each in taken.items()):
        raise NeedsTensorFlow(f'"{given.name}" without an argument')
    return partial(function, **written)


def _is_like(value: object, default: object) -> bool:
    """Return whether a value is of the kind of a default; whoever has none, or None, looks at it itself."""
    if default is None or default is Parameter.empty:
        return True
    if isinstance(default, float):
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    if type(default) is int:
        return type(value) is int and 1 <= value <= _LARGEST_ARGUMENT
    return type(value) is type(default)
