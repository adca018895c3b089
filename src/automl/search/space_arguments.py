"""From the arguments of SQL to a search space: `model_id_list`, `compile_params_grid` and `fit_params_grid`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from automl.errors import NULL_VALUE_NOT_ALLOWED, AutomlError, UsageError, together
from automl.search.dimensions import SCALES, Choice, Dimension, Dimensions, Scale, Uniform
from automl.search.grids import Grid, lists_of, parse_dict
from automl.search.literals import is_integer, is_number
from automl.search.rules import (
    COMPILE_RULES,
    DEFAULT_OPTIMIZER,
    FIT_RULES,
    LEARNING_RATES,
    OPTIMIZER_ENTRIES,
    Rule,
    optimizer_rule,
)
from automl.search.space import COMPILE, FIT, OptimizerSpace, Space
from keras_seg.protocol.spelling import did_you_mean

MODELS = "model_id_list"
_FORM = "must be [low, high, scale] to be drawn from a distribution"
_INTEGERS = frozenset(
    ("batch_size", "epochs", "steps_per_epoch", "initial_epoch", "gradient_accumulation_steps", "ema_overwrite_frequency")
)
_METRICS = ("metrics", "weighted_metrics")
_NEVER_DISTRIBUTED = frozenset(
    (*_METRICS, "optimizer", "loss", "sample_weight_mode", "shuffle", "class_weight", "verbose", "callbacks")
)
_USUAL_OPTIMIZER_KEYS = frozenset((*LEARNING_RATES, "momentum", "nesterov", "decay", "rho", "beta_1", "beta_2", "epsilon"))


def parse_space(
    model_id_list: Sequence[int | None] | None, compile_params_grid: str | None, fit_params_grid: str | None
) -> Space:
    """Read the space from the arguments of `madlib_keras_automl`.

    Raises:
        UsageError: an argument is NULL or unreadable, a key unknown, a value or range against its rule.
        AutomlError: several of these; all that were found.
    """
    problems: list[AutomlError] = []
    ids = _attempt_ids(model_id_list, problems)
    optimizers, compile_params = _compile_dimensions(_dict(COMPILE, compile_params_grid, problems), problems)
    fit_params = _fit_dimensions(_dict(FIT, fit_params_grid, problems), problems)
    if problems:
        raise together(problems)
    return Space(ids, optimizers, compile_params, fit_params)


def model_ids(given: Sequence[int | None] | None) -> tuple[int, ...]:
    """Read `model_id_list`; return the ids in ascending order.

    Raises:
        UsageError: NULL, empty, with NULL in it, or an id twice.
    """
    rule = "must be a list of model ids"
    if given is None:
        raise UsageError(MODELS, rule, given, sqlstate=NULL_VALUE_NOT_ALLOWED)
    if not given:
        raise UsageError(MODELS, "must have at least one model id", list(given))
    if None in given:
        raise UsageError(MODELS, "must not hold NULL", list(given), sqlstate=NULL_VALUE_NOT_ALLOWED)
    if not all(is_integer(model_id, -(2**31)) for model_id in given):
        raise UsageError(MODELS, rule, list(given))
    ids = sorted(model_id for model_id in given if model_id is not None)
    repeated = sorted({model_id for model_id in ids if ids.count(model_id) > 1})
    if repeated:
        raise UsageError(MODELS, f"must have each model id once; repeated: {', '.join(map(str, repeated))}")
    return tuple(ids)


def _attempt_ids(given: Sequence[int | None] | None, problems: list[AutomlError]) -> tuple[int, ...]:
    try:
        return model_ids(given)
    except UsageError as problem:
        problems.append(problem)
        return ()


def _dict(argument: str, text: str | None, problems: list[AutomlError]) -> dict[object, object] | None:
    try:
        return parse_dict(argument, text)
    except UsageError as problem:
        problems.append(problem)
        return None


def _compile_dimensions(
    given: dict[object, object] | None, problems: list[AutomlError]
) -> tuple[tuple[OptimizerSpace, ...], Dimensions]:
    if given is None:
        return (), ()
    if "loss" not in given:
        problems.append(UsageError(COMPILE, '"loss" is required', hint="For example: 'loss': ['categorical_crossentropy']"))
    grid = lists_of(COMPILE, given, problems)
    optimizers = _optimizers(grid.pop(OPTIMIZER_ENTRIES, None), grid.pop("optimizer", None), problems)
    reader = _Reader(COMPILE, problems)
    known = ("optimizer", OPTIMIZER_ENTRIES, *(key for key in COMPILE_RULES if key != "optimizer"))
    keys = reader.known(grid, known)
    return optimizers, tuple((key, reader.dimension(key, grid[key], COMPILE_RULES[key])) for key in keys)


def _optimizers(
    entries: list[object] | None, names: list[object] | None, problems: list[AutomlError]
) -> tuple[OptimizerSpace, ...]:
    if entries is None:
        return (OptimizerSpace(_Reader(COMPILE, problems).names(names or [DEFAULT_OPTIMIZER])),)
    if names is not None:
        rule = f'"optimizer" must stand in the entries of "{OPTIMIZER_ENTRIES}", not beside them'
        problems.append(UsageError(COMPILE, rule, names))
    return tuple(_entry(number, entry, problems) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: object, problems: list[AutomlError]) -> OptimizerSpace:
    where = f'"{OPTIMIZER_ENTRIES}" entry {number}'
    if not isinstance(entry, dict) or not entry:
        problems.append(UsageError(COMPILE, f"{where} must be a dict with one key at least", entry))
        return OptimizerSpace(Choice((DEFAULT_OPTIMIZER,)))
    reader = _Reader(COMPILE, problems, where + ": ")
    params = lists_of(COMPILE, entry, problems, reader.where)
    names = params.pop("optimizer", [DEFAULT_OPTIMIZER])
    dimensions = tuple((key, reader.dimension(key, values, optimizer_rule(key))) for key, values in params.items())
    return OptimizerSpace(reader.names(names), dimensions)


def _fit_dimensions(given: dict[object, object] | None, problems: list[AutomlError]) -> Dimensions:
    if given is None:
        return ()
    before = len(problems)
    grid = lists_of(FIT, given, problems)
    reader = _Reader(FIT, problems)
    dimensions = tuple((key, reader.dimension(key, grid[key], FIT_RULES[key])) for key in reader.known(grid, FIT_RULES))
    if len(problems) == before:
        _refuse_late_start(dict(dimensions), problems)
    return dimensions


def _refuse_late_start(dimensions: dict[str, Dimension], problems: list[AutomlError]) -> None:
    start, epochs = dimensions.get("initial_epoch", Choice((0,))), dimensions.get("epochs", Choice((1,)))
    latest = start.high if isinstance(start, Uniform) else max(cast(tuple[int, ...], start.values))
    fewest = epochs.low if isinstance(epochs, Uniform) else min(cast(tuple[int, ...], epochs.values))
    if latest >= fewest:
        problems.append(UsageError(FIT, f'"initial_epoch" must be less than the smallest "epochs", {fewest}', latest))


@dataclass(frozen=True)
class _Reader:
    """Turns lists of values into dimensions and collects what is wrong with them.

    Args:
        argument: the SQL argument, for errors.
        problems: where they are collected.
        where: leads to the dict that is read.
    """

    argument: str
    problems: list[AutomlError]
    where: str = ""

    def known(self, grid: Grid, known: Iterable[str]) -> list[str]:
        """Return the keys of the grid that are known; the others become problems."""
        names = list(known)
        for key in grid:
            if key not in names:
                rule = f'"{key}" is not one of {", ".join(names)}{did_you_mean(key, names)}'
                self._wrong(rule, hint=_unknown_hint(key, names))
        return [key for key in grid if key in names]

    def names(self, values: list[object]) -> Choice:
        """Read the names of optimizers."""
        return self._choice("optimizer", values, COMPILE_RULES["optimizer"])

    def dimension(self, key: str, values: list[object], rule: Rule) -> Dimension:
        """Read a list of values, or `[low, high, scale]`."""
        if key not in _NEVER_DISTRIBUTED and _is_distribution(values):
            return self._uniform(key, values, rule)
        return self._choice(key, values, rule)

    def _choice(self, key: str, values: list[object], rule: Rule) -> Choice:
        if key in _METRICS:  # a list of lists may hold single metrics as well
            values = [[value] if isinstance(value, str) else value for value in values]
        for value in values:
            if key not in _NEVER_DISTRIBUTED and value in SCALES:
                self._wrong(f'"{key}" {_FORM}', values)
            elif not rule.holds(value):
                self.problems.append(rule.error(self.argument, key, value, self.where))
        return Choice(tuple({repr(value): value for value in values}.values()))  # repr: 1, 1.0 and True are three values

    def _uniform(self, key: str, values: list[object], rule: Rule) -> Dimension:
        fault = _form_fault(values) or _bound_fault(key, values, rule) or _range_fault(values)
        if fault is not None:
            self._wrong(f'"{key}" {fault[0]}', *fault[1:])
            return Choice(())
        low, high, scale = values
        return Uniform(cast(float, low), cast(float, high), cast(Scale, scale), key in _INTEGERS)

    def _wrong(self, rule: str, *value: object, hint: str | None = None) -> None:
        self.problems.append(UsageError(self.argument, self.where + rule, *value, hint=hint))


def _is_distribution(values: list[object]) -> bool:
    """Whether the last of several values is text and no other is: what MADlib takes for a distribution."""
    return len(values) > 1 and [index for index, value in enumerate(values) if isinstance(value, str)] == [len(values) - 1]


Fault = tuple[str] | tuple[str, object]  # the rule that is broken, and the value that breaks it unless the rule names it


def _form_fault(values: list[object]) -> Fault | None:
    if len(values) != 3:
        return _FORM, values
    if values[2] not in SCALES:
        return (f"must have one of the scales {', '.join(SCALES)}, not {values[2]!r}{did_you_mean(values[2], SCALES)}",)
    return None


def _bound_fault(key: str, values: list[object], rule: Rule) -> Fault | None:
    for bound in values[:2]:
        if key in _INTEGERS and not (isinstance(bound, int) and is_number(bound)):
            return "must have integers as bounds", bound
        if not is_number(bound):
            return "must have finite numbers as bounds", bound
        if not rule.holds(bound):
            return rule.text, bound
    return None


def _range_fault(values: list[object]) -> Fault | None:
    low, high = cast(list[float], values[:2])
    if low >= high:
        return "must have a lower bound below its upper bound", values
    if values[2] == "log" and low <= 0:
        return 'must have a lower bound above 0 on the scale "log"', values
    if values[2] == "log_near_one" and not 0 <= low < high < 1:
        return 'must have bounds from 0 to below 1 on the scale "log_near_one"', values
    return None


def _unknown_hint(key: str, known: list[str]) -> str | None:
    if key in _USUAL_OPTIMIZER_KEYS and OPTIMIZER_ENTRIES in known:
        return f"Parameters of an optimizer stand in \"{OPTIMIZER_ENTRIES}\": [{{'optimizer': ['SGD'], {key!r}: [...]}}]"
    return None
