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
    NUMBERS_METRICS,
    is_known,
    plain_name,
)
from keras_seg.protocol.objectives import Named, parsed

_LARGEST_ARGUMENT = 10_000  # as where TensorFlow computes
_OF_VECTORS = frozenset(("f1_score", "f_beta_score", "r2_score"))  # of rows of one dimension
_SCORES: Mapping[str, Callable[..., Metric]] = {
    "f1_score": lambda rows, average=None, threshold=None: FBeta(rows, average, 1.0, threshold),
    "f_beta_score": FBeta,
}
_SHARES = frozenset(("q",))  # arguments that must lie between 0 and 1
_ALSO_MEANS = {"log_cosh_error": "log_cosh"}  # metrics, by the names of losses


def loss_of(text: str, rows: Rows, network: Network) -> Mean:
    """Return the mean of a loss over rows.

    Args:
        text: its name, as it was written.
        rows: what stands in a row.

    Raises:
        NeedsTensorFlow: it is none of these, or does not fit.
    """
    given = _named("loss", text)
    if given.name.lower() in CROSSENTROPY:
        given = Named(f"{rows.kind}_crossentropy", given.arguments)
    name = plain_name("loss", given.name)
    if name not in LOSSES or (rows.units == 1 and name in CLASSES_LOSSES):
        raise NeedsTensorFlow(f'loss "{text}"')
    return _mean_of_loss(name, given, rows, network)


def metric_of(text: str, rows: Rows, network: Network) -> Metric:
    """Return a metric; arguments and errors as those of `loss_of`."""
    given = _named("metric", text)
    if given.name.lower() in ACCURACY:
        given = Named(f"{rows.kind}_accuracy", given.arguments)
    elif given.name.lower() in CROSSENTROPY:
        given = Named(f"{rows.kind}_crossentropy", given.arguments)
    name = plain_name("metric", given.name)
    made = {**COUNTED, **_SCORES}.get(name)
    counts_second = made is not None and rows.two_outputs
    if (rows.units == 1 and name in CLASSES_METRICS) or (rows.numbered and name not in NUMBERS_METRICS and not counts_second):
        raise NeedsTensorFlow(f'metric "{text}"')
    if name in _OF_VECTORS and len(rows.outputs) != 1:
        raise NeedsTensorFlow(f'metric "{text}" of rows of shape {list(rows.outputs)}')
    if made is not None:
        found: Metric = _bound(made, given)(rows)
        return found
    return _mean_of_metric(name, given, rows, network)


def _mean_of_metric(name: str, given: Named, rows: Rows, network: Network) -> Metric:
    if name == "r2_score":
        return _bound(lambda rows: R2(), given)(rows)  # type: ignore[no-any-return]
    if name == "root_mean_squared_error":
        return RootMean(_bound(LOSSES["mean_squared_error"], given))
    if name in MEANS:
        return Mean(_bound(MEANS[name], given))
    if name not in LOSSES and name not in _ALSO_MEANS:
        raise NeedsTensorFlow(f'metric "{given.name}"')
    return _mean_of_loss(_ALSO_MEANS.get(name, name), given, rows, network)


def _mean_of_loss(name: str, given: Named, rows: Rows, network: Network) -> Mean:
    if name in OF_LOGITS and not network.tells_logits:
        raise NeedsTensorFlow(f'"{given.name}" of a network that ends in {network.ending.activation}')
    reads_numbers = name in NUMBERS_METRICS
    if (rows.numbered and not reads_numbers) or (name in OF_MARGINS and not rows.packed.one_hot):
        raise NeedsTensorFlow(f'"{given.name}" of such labels')
    return Mean(_bound(LOSSES[name], given))


def _named(what: str, text: str) -> Named:
    given = parsed(text)
    if given is None or not is_known(what, given.name):
        raise NeedsTensorFlow(f'{what} "{text}"')
    return given


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
