"""Names of losses and metrics -> the objects of Keras that they stand for.

A row of labels is what a packed table holds: one-hot, soft, or a number. Losses and metrics that want the number of a class
(`sparse_*`) get the place of the largest value of such a row, so they fit every packed table that the others fit.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from keras_seg.protocol.keras_names import ACCURACY, CROSSENTROPY, FORMER, UTILITIES, is_known
from keras_seg.protocol.spelling import did_you_mean
from keras_seg.training.optimizers import CompileProblem, first_line

_WANT_NUMBERS = frozenset(
    (
        "circle",
        "categorical_generalized_cross_entropy",
        "sparse_categorical_crossentropy",
        "CategoricalGeneralizedCrossEntropy",
        "Circle",
        "SparseCategoricalCrossentropy",
    )
)
_WANT_NUMBERS_METRICS = _WANT_NUMBERS | frozenset(
    (
        "sparse_categorical_accuracy",
        "sparse_top_k_categorical_accuracy",
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
    )
)
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
_NO_ARGUMENTS = ("self", "name", "dtype", "reduction", "fn")  # what is not for a trial to choose
_LARGEST_ARGUMENT = 10_000  # of whole numbers: thresholds and classes take memory


@dataclass(frozen=True)
class Named:
    """A loss or a metric as it was written: `AUC`, `Huber(delta=2.0)`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Shape:
    """What stands in a row: the values of the dependent variable, and those that the network gives.

    Attributes:
        labels: number of values of a packed row of labels.
        outputs: shape of what the network gives for a row.
    """

    labels: int
    outputs: tuple[int, ...]

    @property
    def units(self) -> int:
        """The size of the network's last dimension."""
        return self.outputs[-1] if self.outputs else 1

    @property
    def numbered(self) -> bool:
        """Whether a row of labels is one class number for a network with an output a class."""
        return self.labels == 1 and self.units > 1


class ClassNumbers(keras.losses.Loss):  # type: ignore[misc]
    """A loss that is given the number of each row's class."""

    def __init__(self, loss: keras.losses.Loss) -> None:
        super().__init__(name=loss.name, reduction=None)
        self._inner = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return self._inner(class_numbers(y_true), y_pred, sample_weight)


class ClassNumbersMetric(keras.metrics.Metric):  # type: ignore[misc]
    """A metric that is given the number of each row's class."""

    def __init__(self, metric: keras.metrics.Metric) -> None:
        super().__init__(name=metric.name)
        self._inner = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return self._inner.update_state(class_numbers(y_true), y_pred, sample_weight)

    def result(self) -> Any:
        return self._inner.result()

    def reset_state(self) -> None:
        self._inner.reset_state()


class FunctionLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss function of Keras (a value a row) as a loss (their mean over the batch)."""

    def __init__(self, function: Any) -> None:
        super().__init__(name=function.__name__, reduction="sum_over_batch_size")
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)


@dataclass(frozen=True)
class Custom:
    """A custom function as Keras takes one, checked whenever it is traced.

    Attributes:
        what: "loss" or "metric".
        name: in its table.
        function: takes labels (rows, labels) and outputs (rows, ...), gives one number, or one or more for each row.
    """

    what: str
    name: str
    function: Callable[[Any, Any], Any]

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        try:
            values = tf.convert_to_tensor(self.function(y_true, y_pred))
        except Exception as error:  # whatever it raises is the answer here
            raise self._problem(f"failed with {type(error).__name__}: {first_line(error)}") from None
        if not (values.dtype.is_floating or values.dtype.is_integer or values.dtype.is_bool):
            raise self._problem(f"must return numbers, and returned {values.dtype.name}")
        if values.shape.rank and not values.shape[:1].is_compatible_with(y_pred.shape[:1]):
            rows, shape = y_pred.shape[0], values.shape.as_list()
            raise self._problem(f"must return a number for each row, and returned shape {shape} for {rows} rows")
        return values

    def _problem(self, what: str) -> CompileProblem:
        return CompileProblem(f'{self.what} "{self.name}": the custom function {what}')


def class_numbers(y: Any) -> Any:
    """Return the number of each row's class, shape (rows,) int64: the one value of the row, or the place of its largest."""
    return tf.cast(tf.squeeze(y, -1), tf.int64) if y.shape[-1] == 1 else tf.argmax(y, axis=-1)


def wants_class_numbers(loss: str) -> bool:
    """Whether a loss reads the number of a class, so that one value a row does for a network with many outputs."""
    return named("loss", loss).name in _WANT_NUMBERS | CROSSENTROPY


def make_loss(text: str, shape: Shape, functions: Mapping[str, Any] = _NONE) -> keras.losses.Loss:
    """Return the loss of Keras with this name or alias, `mse` or `MeanSquaredError`, or `Huber(delta=2.0)`; or the custom one.

    Args:
        functions: custom functions by name.

    Raises:
        CompileProblem: there is none (names the closest), or it does not fit the rows.
    """
    if text in functions:
        return _custom_loss(_custom("loss", text, functions), shape)
    given = named("loss", text)
    name = f"{_kind(shape)}_crossentropy" if given.name.lower() in CROSSENTROPY else given.name
    made = _made("loss", Named(name, given.arguments), _losses(), _NO_LOSSES, shape, functions)
    loss = made if isinstance(made, keras.losses.Loss) else FunctionLoss(made)
    if name in _WANT_NUMBERS:
        _require_classes("loss", name, shape)
        loss = ClassNumbers(loss)
    return _tried("loss", text, loss, shape)


def make_metric(text: str, shape: Shape, functions: Mapping[str, Any] = _NONE) -> keras.metrics.Metric:
    """Return the metric of Keras with this name or alias, or `AUC(num_thresholds=50)`, or the custom one; it has made its
    variables.

    `accuracy` is the one that fits the rows, as in Keras.

    Args:
        functions: custom functions by name.

    Raises:
        CompileProblem: there is none (names the closest), or it does not fit the rows.
    """
    if text in functions:
        metric = _custom_metric(_custom("metric", text, functions), shape)
    else:
        metric = _metric_of_keras(text, shape, functions)
    metric = _tried("metric", text, metric, shape)
    metric.reset_state()
    return metric


def _metric_of_keras(text: str, shape: Shape, functions: Mapping[str, Any]) -> keras.metrics.Metric:
    given = named("metric", text)
    name = _fitting(given.name, shape)
    made = _made("metric", Named(name, given.arguments), _metrics(), _NO_METRICS, shape, functions)
    metric = made if isinstance(made, keras.metrics.Metric) else keras.metrics.MeanMetricWrapper(made, name=given.name)
    if name in _WANT_NUMBERS_METRICS:
        _require_classes("metric", name, shape)
        return ClassNumbersMetric(metric)
    return metric


def _custom(what: str, name: str, functions: Mapping[str, Any]) -> Custom:
    if is_known(what, name):
        rule = f"is the name of a {what} of Keras and of a custom function; load the function under another name"
        raise CompileProblem(f'{what} "{name}" {rule}')
    return Custom(what, name, functions[name])


def _custom_loss(function: Custom, shape: Shape) -> keras.losses.Loss:
    from keras.src.losses.losses import LossFunctionWrapper

    loss = _tried("loss", function.name, LossFunctionWrapper(function, name=function.name), shape)
    labels, outputs = _rows(shape)

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        found = tape.gradient(value, outputs)
        if found is None:
            raise CompileProblem(f'loss "{function.name}": the custom function must depend on the outputs and have a gradient')
        return found

    tf.function(gradient, autograph=False)()  # as it will be trained
    return loss


def _custom_metric(function: Custom, shape: Shape) -> keras.metrics.Metric:
    tf.function(function, autograph=False)(*_rows(shape))  # as it will be computed
    return keras.metrics.MeanMetricWrapper(function, name=function.name)


def names_of(metrics: Sequence[str]) -> list[str]:
    """Return what Keras calls metrics in the logs of `fit`: functions by their names, classes in small letters, none twice.

    >>> names_of(["accuracy", "AUC", "AUC(num_thresholds=50)"])
    ['accuracy', 'auc', 'auc_1']
    """
    names: list[str] = []
    for text in metrics:
        name = named("metric", text).name
        known = _metrics().get(name)
        if isinstance(known, type):
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", known.__name__).lower()
        taken = sum(each == name or re.fullmatch(rf"{re.escape(name)}_\d+", each) is not None for each in names)
        names.append(f"{name}_{taken}" if taken else name)
    return names


def named(what: str, text: str) -> Named:
    """Read a name, or a class with arguments that are literals.

    Raises:
        CompileProblem: the text is neither.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return Named(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            return Named(node.func.id, {str(each.arg): ast.literal_eval(each.value) for each in node.keywords if each.arg})
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        pass
    raise CompileProblem(f'{what} "{text}" must be a name, or a class with arguments by name such as Huber(delta=2.0)')


def _made(
    what: str,
    given: Named,
    known: Mapping[str, Any],
    refused: Mapping[str, str],
    shape: Shape,
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


def _object(what: str, given: Named, found: type, shape: Shape) -> Any:
    parameters = dict(inspect.signature(found.__init__).parameters)  # type: ignore[misc]
    for key in _NO_ARGUMENTS:
        parameters.pop(key, None)
    for key, value in given.arguments.items():
        if key not in parameters:
            raise CompileProblem(f'{what} "{given.name}" has no argument "{key}"{did_you_mean(key, list(parameters))}')
        if isinstance(value, int) and abs(value) > _LARGEST_ARGUMENT:
            raise CompileProblem(f'{what} "{given.name}": "{key}" must be at most {_LARGEST_ARGUMENT}, got {value}')
    arguments = {**_usual(parameters, shape), **given.arguments}
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD and key not in arguments:
            raise CompileProblem(f'{what} "{given.name}" needs "{key}": write {found.__name__}({key}=...)')
    try:
        return found(**arguments)
    except (TypeError, ValueError) as error:
        raise CompileProblem(f'{what} "{given.name}": {first_line(error)}') from None


def _usual(parameters: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the arguments that the shape of the rows decides: how many classes there are, and whether rows are numbers."""
    usual = {"num_classes": max(shape.units, shape.labels), "sparse_y_true": shape.numbered, "sparse_y_pred": False}
    return {key: value for key, value in usual.items() if key in parameters}


def _tried(what: str, text: str, made: Any, shape: Shape) -> Any:
    """Return a loss or metric that has seen rows: one that does not fit the rows says so now, not in the middle."""
    try:
        made(*_rows(shape))
    except CompileProblem:
        raise
    except Exception as error:  # whatever Keras raises is the answer here
        fit = f"labels of length {shape.labels} and outputs of shape {list(shape.outputs)}"
        raise CompileProblem(f'{what} "{text}" does not fit {fit}: {first_line(error)}') from None
    return made


def _rows(shape: Shape) -> tuple[Any, Any]:
    """Return labels and outputs of two rows, for one would be stretched to any shape."""
    return tf.zeros((2, shape.labels)), tf.zeros((2, *shape.outputs))


def _require_classes(what: str, name: str, shape: Shape) -> None:
    if shape.units == 1:
        raise CompileProblem(f'{what} "{name}" wants a network with an output for each class, this one has a single output')


def _fitting(name: str, shape: Shape) -> str:
    """Return the metric that an alias means: with one output the binary one, else the categorical one, as in Keras."""
    if name.lower() in ACCURACY:
        return f"{_kind(shape)}_accuracy"
    return f"{_kind(shape)}_crossentropy" if name.lower() in CROSSENTROPY else name


def _kind(shape: Shape) -> str:
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
