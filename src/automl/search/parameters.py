"""Compile and fit parameters of one configuration: texts that are written here and read here.

compile_params  optimizer='Adam(lr=0.01)',loss='mse',metrics=['mae']
fit_params      batch_size=8,epochs=1
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from automl.errors import NULL_VALUE_NOT_ALLOWED, AutomlError, UsageError, together
from automl.search.callbacks import Board, Callbacks, callbacks_of
from automl.search.literals import UNPARSABLE, Call, call_of, expression, value_of
from automl.search.rules import (
    COMPILE_RULES,
    DEFAULT_OPTIMIZER,
    FIT_RULES,
    LEARNING_RATES,
    PAIRS,
    Rule,
    optimizer_rule,
    refuse_unknown,
)
from keras_seg.protocol.keras_names import without_module

Pairs = Iterable[tuple[str, object]]


@dataclass(frozen=True)
class CompileParams:
    """Compile parameters of one configuration; the names and defaults are those of `keras.Model.compile`.

    Attributes:
        optimizer: its name, as spelled by the user; the sessions look it up in Keras.
        optimizer_params: its parameters by name: numbers, booleans, None, text; a `Call` is a learning rate schedule.
        loss: name of a loss or of a custom function, or a class of Keras with arguments: `Huber(delta=2.0)`.
        metrics: likewise names of metrics.
        loss_weights: a number, or a list or dict of numbers.
        weighted_metrics: names of metrics.
        sample_weight_mode: 'temporal' or None.
    """

    optimizer: str
    optimizer_params: Mapping[str, Any]
    loss: str
    metrics: tuple[str, ...] = ()
    loss_weights: Any = None
    weighted_metrics: tuple[str, ...] = ()
    sample_weight_mode: str | None = None

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The metrics and the weighted ones: rows have no weights of their own here, so both are computed alike."""
        return tuple(dict.fromkeys((*self.metrics, *self.weighted_metrics)))


@dataclass(frozen=True)
class FitParams:
    """Fit parameters of one configuration; the names and defaults are those of `keras.Model.fit`.

    Attributes:
        class_weight: 'balanced', or by class or the number of one, as it was written.
        callbacks: as they were written; `called_back` is what they say.
    """

    batch_size: int = 32
    epochs: int = 1
    shuffle: bool = True
    class_weight: Mapping[Any, float] | str | None = None
    steps_per_epoch: int | None = None
    initial_epoch: int = 0
    verbose: int | str = "auto"
    callbacks: object = None

    @property
    def passes(self) -> int:
        """Passes over the data in one visit: the epochs from `initial_epoch` on."""
        return self.epochs - self.initial_epoch

    @cached_property
    def called_back(self) -> Callbacks:
        """The callbacks."""
        return callbacks_of(self.callbacks) or Callbacks()

    @property
    def board(self) -> Board | None:
        """The callback TensorBoard, if there is one."""
        return self.called_back.board


def parse_compile_params(text: str | None, argument: str = "compile_params") -> CompileParams:
    """Read compile parameters as `render_compile_params` and MADlib's users write them.

    Names may stand without quotes, and the optimizer with or without them and its parentheses.

    Raises:
        UsageError: unreadable, optimizer or loss missing, an unknown key or a value that breaks its rule.
        AutomlError: several of these at once.
    """
    given = _keywords(argument, text, COMPILE_RULES)
    missing = [UsageError(argument, f'"{key}" is required') for key in ("optimizer", "loss") if key not in given]
    optimizer = _optimizer(argument, given.pop("optimizer")) if "optimizer" in given else Call(DEFAULT_OPTIMIZER)
    given = {key: _spelled(value) for key, value in given.items()}
    _check(argument, given, COMPILE_RULES, missing)
    for key in ("metrics", "weighted_metrics"):
        given[key] = tuple(given.get(key) or ())
    return CompileParams(optimizer.name, dict(optimizer.keywords), **given)


def parse_fit_params(text: str | None, argument: str = "fit_params") -> FitParams:
    """Read fit parameters; what is not given has Keras' default.

    Raises:
        UsageError: unreadable, an unknown key or a value that breaks its rule.
        AutomlError: several of these at once.
    """
    given = _keywords(argument, text, FIT_RULES)
    _check(argument, given, FIT_RULES, [])
    params = FitParams(**given)
    if params.passes < 1:
        raise UsageError(argument, f'"initial_epoch" must be less than "epochs", {params.epochs}', params.initial_epoch)
    return params


def _keywords(argument: str, text: str | None, known: Iterable[str]) -> dict[str, Any]:
    if text is None or not text.strip():
        raise UsageError(argument, PAIRS, text, sqlstate=NULL_VALUE_NOT_ALLOWED)
    # The newline keeps the parenthesis out of a comment at the end of the text.
    node = expression(f"parameters({text}\n)")
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        raise UsageError(argument, PAIRS, text)
    pairs = [(each.arg, each.value) for each in node.keywords if each.arg is not None]
    if len(pairs) < len(node.keywords):  # a mapping that is spread out: **{...}
        raise UsageError(argument, PAIRS, text)
    refuse_unknown(argument, [key for key, _ in pairs], known)
    return {key: _keyword_value(argument, key, value) for key, value in pairs}


def _keyword_value(argument: str, key: str, node: ast.expr) -> object:
    if key == "callbacks" and not isinstance(node, ast.Constant):
        return ast.unparse(node)  # as text, like that of a grid
    try:
        return value_of(node)
    except UNPARSABLE:
        raise UsageError(argument, f'"{key}" must be a literal or a name', ast.unparse(node)) from None


def _check(argument: str, given: Mapping[str, object], rules: Mapping[str, Rule], problems: Sequence[AutomlError]) -> None:
    broken = [rules[key].error(argument, key, value) for key, value in given.items() if not rules[key].holds(value)]
    if problems or broken:
        raise together([*problems, *broken])


def _spelled(value: object) -> object:
    """Return losses and metrics as sessions read them: as text, without the modules of Keras before them."""
    if isinstance(value, list):
        return [_spelled(each) for each in value]
    if isinstance(value, str):
        return without_module(value)
    return render_call(value.name, value.keywords) if isinstance(value, Call) and not value.positional else value


def _optimizer(argument: str, given: object) -> Call:
    call = given if isinstance(given, Call) else call_of(given) if isinstance(given, str) else None
    if call is None:
        rule = "must be an optimizer with its parameters, such as 'SGD(lr=0.01)'"
        raise UsageError(argument, f'"optimizer" {rule}', given)
    if call.positional:
        raise UsageError(argument, f'"optimizer" must have its parameters by name: {call.name}(lr=0.01)', given)
    return Call(call.name, (), tuple((key, _optimizer_value(argument, key, value)) for key, value in call.keywords))


def _optimizer_value(argument: str, key: str, value: object) -> object:
    rule = optimizer_rule(key)
    if not rule.holds(value):
        raise rule.error(argument, key, value)
    return call_of(value) if key in LEARNING_RATES and isinstance(value, str) else value


def render_call(name: str, keywords: Pairs) -> str:
    """Write an optimizer with its parameters: `Adam(lr=0.01,beta_1=0.9)`, `Adam()`."""
    return f"{name}({','.join(f'{key}={value!r}' for key, value in keywords)})"


def render_compile_params(optimizer: str, optimizer_params: Pairs, others: Pairs) -> str:
    """Write compile parameters, the optimizer first.

    >>> render_compile_params("Adam", [("lr", 0.01)], [("loss", "mse"), ("metrics", ["mae"])])
    "optimizer='Adam(lr=0.01)',loss='mse',metrics=['mae']"
    """
    return render_fit_params([("optimizer", render_call(optimizer, optimizer_params)), *others])


def render_fit_params(params: Pairs) -> str:
    """Write fit parameters: `batch_size=8,epochs=1`."""
    return ",".join(f"{key}={value!r}" for key, value in params)
