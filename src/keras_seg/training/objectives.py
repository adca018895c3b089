"""Names of losses and metrics -> the objects of Keras that they stand for.

A row of labels is what a packed table holds: one-hot, soft, or a number. Losses and metrics that want the number of a class
(`sparse_*`) get the place of the largest value of such a row, so they fit every packed table that the others fit.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import keras

from keras_seg.protocol.keras_names import (
    ACCURACY,
    CLASSES_LOSSES,
    CLASSES_METRICS,
    CROSSENTROPY,
    FORMER,
    NUMBERS_LOSSES,
    NUMBERS_METRICS,
    SCORES,
    UTILITIES,
    is_known,
)
from keras_seg.protocol.objectives import Named, parsed
from keras_seg.protocol.spelling import did_you_mean
from keras_seg.server.failure import message_of
from keras_seg.training.class_numbers import ClassNumbers, ClassNumbersMetric
from keras_seg.training.custom_objectives import Custom, custom_loss, custom_metric
from keras_seg.training.positive_class import of_positive_class
from keras_seg.training.problems import CompileProblem
from keras_seg.training.row_shape import RowShape, tried

# What Keras has beside losses and metrics of rows, and why it is none here.
_NO_LOSSES = {
    "ctc": "compares sequences",
    "loss": "is the class of all losses",
    "lossfunctionwrapper": "is the class of losses that are functions",
}
_NO_METRICS = {
    "mean": "averages values, not predictions",
    "sum": "adds up values, not predictions",
    "metric": "is the class of all metrics",
    "meanmetricwrapper": "is the class of metrics that are functions",
}
_NONE: Mapping[str, Any] = MappingProxyType({})
# What Keras takes and is not for a trial to choose. The name is one for TensorBoard, and changes nothing else.
_NO_ARGUMENTS = ("self", "name", "dtype", "reduction", "fn")
_LARGEST_ARGUMENT = 10_000  # of whole numbers: thresholds and classes take memory


class FunctionLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss function of Keras (a value for each row) as a loss (their mean over the batch).

    Args:
        function: takes labels (rows, ...) and outputs (rows, ...).
    """

    def __init__(self, function: Any) -> None:
        super().__init__(name=function.__name__, reduction="sum_over_batch_size")
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return a value for each row, shape (rows,); Keras takes the mean."""
        return self._function(y_true, y_pred)


def wants_class_numbers(loss: str) -> bool:
    """Return whether a loss reads the number of a class, so that one value per row does for a network with many outputs.

    Raises:
        CompileProblem: the text is no name.
    """
    return named("loss", loss).name in NUMBERS_LOSSES | CROSSENTROPY


def make_loss(text: str, shape: RowShape, functions: Mapping[str, Any] = _NONE) -> keras.losses.Loss:
    """Return the loss of Keras with this name or alias, `mse` or `MeanSquaredError`, or `Huber(delta=2.0)`; or the custom one.

    Args:
        text: as it was written.
        shape: of the rows that it will be given.
        functions: custom functions by name.

    Raises:
        CompileProblem: there is none (names the closest), or it does not fit the rows.
    """
    if text in functions:
        return custom_loss(_custom("loss", text, functions), shape)
    given = named("loss", text)
    name = f"{_kind(shape)}_crossentropy" if given.name.lower() in CROSSENTROPY else given.name
    made = _made("loss", Named(name, given.arguments), _losses(), _NO_LOSSES, shape, functions)
    loss = made if isinstance(made, keras.losses.Loss) else FunctionLoss(made)
    if name in CLASSES_LOSSES:
        _require_classes("loss", name, "binary_crossentropy", shape)
    if name in NUMBERS_LOSSES:
        loss = ClassNumbers(loss)
    return tried("loss", text, loss, shape)


def make_metric(text: str, shape: RowShape, functions: Mapping[str, Any] = _NONE) -> keras.metrics.Metric:
    """Return the metric of Keras with this name or alias, or `AUC(num_thresholds=50)`, or the custom one.

    It has made its variables. `accuracy` is the one that fits the rows, as in Keras.

    Args:
        text: as it was written.
        shape: of the rows that it will be given.
        functions: custom functions by name.

    Raises:
        CompileProblem: there is none (names the closest), or it does not fit the rows.
    """
    if text in functions:
        metric = custom_metric(_custom("metric", text, functions), shape)
    else:
        metric = _metric_of_keras(text, shape, functions)
    metric = tried("metric", text, metric, shape)
    metric.reset_state()
    return metric


def in_keras(what: str, text: str, shape: RowShape) -> Any:
    """Return a loss or metric of Keras as `compile` takes it and Keras' own files hold it: a name, or an object of a class.

    Args:
        what: "loss" or "metric".
        text: as it was written.
        shape: of the rows.

    Raises:
        CompileProblem: Keras has none of this name, or it does not take the arguments.
    """
    given = named(what, text)
    name = FORMER.get(given.name, given.name)
    if name.lower() in ACCURACY | CROSSENTROPY:
        return name.lower()  # Keras takes the one that fits
    found = (_losses() if what == "loss" else _metrics()).get(name)
    if not isinstance(found, type):
        return name
    arguments = {**({"threshold": 0.5} if shape.units == 1 and name in SCORES else {}), **given.arguments}
    made = _object(what, Named(given.name, arguments), found, shape)
    # Some losses, such as Huber, forget their arguments when they are saved.
    made.get_config = lambda: {**type(made).get_config(made), **arguments}
    return made


def _metric_of_keras(text: str, shape: RowShape, functions: Mapping[str, Any]) -> keras.metrics.Metric:
    given = named("metric", text)
    name = _fitting(given.name, shape)
    if name in CLASSES_METRICS:
        _require_classes("metric", name, "BinaryIoU" if "IoU" in name else "accuracy", shape)
    usual = {"threshold": 0.5} if shape.one_for_two and name in SCORES else {}  # the larger of two outputs is above a half
    made = _made("metric", Named(name, {**usual, **given.arguments}), _metrics(), _NO_METRICS, shape, functions)
    metric = made if isinstance(made, keras.metrics.Metric) else keras.metrics.MeanMetricWrapper(made, name=given.name)
    if isinstance(made, keras.metrics.FBetaScore) and made.threshold is None:
        _require_outputs(name, shape)
    return ClassNumbersMetric(metric) if name in NUMBERS_METRICS else of_positive_class(metric, shape)


def _custom(what: str, name: str, functions: Mapping[str, Any]) -> Custom:
    if is_known(what, name):
        rule = f"is the name of a {what} of Keras and of a custom function; load the function under another name"
        raise CompileProblem(f'{what} "{name}" {rule}')
    return Custom(what, name, functions[name])


def names_of(metrics: Sequence[str]) -> list[str]:
    """Return what Keras calls metrics in the logs of `fit`: as their argument `name` says, functions by their names, classes in
    small letters, none twice.

    >>> names_of(["accuracy", "AUC", "AUC(num_thresholds=50)", "AUC(name='area')"])
    ['accuracy', 'auc', 'auc_1', 'area']
    """
    names: list[str] = []
    for text in metrics:
        given = named("metric", text)
        name, known = str(given.arguments.get("name") or given.name), _metrics().get(given.name)
        if isinstance(known, type) and name == given.name:
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", known.__name__).lower()
        taken = sum(each == name or re.fullmatch(rf"{re.escape(name)}_\d+", each) is not None for each in names)
        names.append(f"{name}_{taken}" if taken else name)
    return names


def named(what: str, text: str) -> Named:
    """Read a name, or a class with arguments that are literals.

    Raises:
        CompileProblem: the text is neither.
    """
    found = parsed(text)
    if found is None:
        raise CompileProblem(f'{what} "{text}" must be a name, or a class with arguments by name such as Huber(delta=2.0)')
    return found


def _made(
    what: str,
    given: Named,
    known: Mapping[str, Any],
    refused: Mapping[str, str],
    shape: RowShape,
    functions: Mapping[str, Any],
) -> Any:
    """Return the function of this name, or an object of the class of this name."""
    why = refused.get(given.name.lower().replace("_", ""))
    if why is not None:
        raise CompileProblem(f'{what} "{given.name}" {why}')
    found = known.get(FORMER.get(given.name, given.name))
    if given.name in functions:
        raise CompileProblem(f'{what} "{given.name}" is a custom function, which takes no arguments')
    if found is None:
        where = "neither one of Keras nor in the table of custom functions" if functions else "not one of Keras"
        raise CompileProblem(f'{what} "{given.name}" is {where}{did_you_mean(given.name, ["accuracy", *known, *functions])}')
    if not isinstance(found, type):
        if given.arguments:
            raise CompileProblem(f'{what} "{given.name}" takes no arguments; its class in Keras may')
        return found
    return _object(what, given, found, shape)


def _object(what: str, given: Named, found: type, shape: RowShape) -> Any:
    parameters = dict(inspect.signature(found.__init__).parameters)  # type: ignore[misc]
    kept = {key for key in _NO_ARGUMENTS if parameters.pop(key, None) is not None}
    written = {key: value for key, value in given.arguments.items() if key != "name"}
    for key, value in written.items():
        if key in kept:
            raise CompileProblem(f'{what} "{given.name}": "{key}" is not for a trial to choose, leave it out')
        if key not in parameters:
            raise CompileProblem(f'{what} "{given.name}" has no argument "{key}"{did_you_mean(key, list(parameters))}')
        if isinstance(value, int) and abs(value) > _LARGEST_ARGUMENT:
            raise CompileProblem(f'{what} "{given.name}": "{key}" must be at most {_LARGEST_ARGUMENT}, got {value}')
    arguments = {**_usual(parameters, shape), **written}
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD and key not in arguments:
            raise CompileProblem(f'{what} "{given.name}" needs "{key}": write {found.__name__}({key}=...)')
    try:
        return found(**arguments)
    except (TypeError, ValueError) as error:
        raise CompileProblem(f'{what} "{given.name}": {message_of(error, lines=1)}') from None


def _usual(parameters: Mapping[str, Any], shape: RowShape) -> dict[str, Any]:
    """Return the arguments that the shape of the rows decides: how many classes there are, and whether rows are numbers."""
    usual = {"num_classes": shape.classes, "sparse_y_true": shape.numbered, "sparse_y_pred": False}
    return {key: value for key, value in usual.items() if key in parameters}


def _require_classes(what: str, name: str, instead: str, shape: RowShape) -> None:
    """Raise for what looks for the largest of several outputs: of one it is always the same."""
    if shape.units == 1:
        rule = "wants a network with an output for each class, this one has a single output"
        raise CompileProblem(f'{what} "{name}" {rule}; for two classes "{instead}" does')


def _require_outputs(name: str, shape: RowShape) -> None:
    """Raise for a score without a threshold: it counts the largest of a row's outputs, of a single one each."""
    if shape.units == 1:
        rule = "without a threshold takes every row of a single output for positive"
        raise CompileProblem(f'metric "{name}" {rule}; give it one, as in "{name}(threshold=0.5)"')


def _fitting(name: str, shape: RowShape) -> str:
    """Return the metric that an alias means: with one output the binary one, else the categorical one, as in Keras."""
    if name.lower() in ACCURACY:
        return f"{_kind(shape)}_accuracy"
    return f"{_kind(shape)}_crossentropy" if name.lower() in CROSSENTROPY else name


def _kind(shape: RowShape) -> str:
    return "binary" if shape.units == 1 else "sparse_categorical" if shape.numbered else "categorical"


@cache
def _losses() -> Mapping[str, Any]:
    from keras.src.losses import ALL_OBJECTS_DICT

    return _all(ALL_OBJECTS_DICT, keras.losses)


@cache
def _metrics() -> Mapping[str, Any]:
    from keras.src.metrics import ALL_OBJECTS_DICT

    return _all(ALL_OBJECTS_DICT, keras.metrics)


def _all(aliases: Mapping[str, Any], module: Any) -> Mapping[str, Any]:
    public = {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("_")}
    return {name: value for name, value in {**aliases, **public}.items() if name not in UTILITIES}
