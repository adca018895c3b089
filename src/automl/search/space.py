"""The search space that two grids and a list of models span, and drawing configurations from it.

A list of values is a choice among them; `[low, high, scale]` is a distribution. Optimizers have parameters of their own, so the
space branches over the entries of `optimizer_params_list`; everything else is crossed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar, cast, get_args

import numpy as np

from automl.errors import NULL_VALUE_NOT_ALLOWED, AutomlError, UsageError, together
from automl.search.grammar import (
    COMPILE_RULES,
    DEFAULT_OPTIMIZER,
    FIT_RULES,
    LEARNING_RATES,
    OPTIMIZER_ENTRIES,
    Grid,
    Rule,
    did_you_mean,
    is_integer,
    is_number,
    lists_of,
    optimizer_rule,
    parse_dict,
    render_compile_params,
    render_fit_params,
)

Scale = Literal["linear", "log", "log_near_one"]
Values = tuple[tuple[str, object], ...]
Coordinates = Mapping[str, float]  # by the label of the axis: the number of a choice, the quantile of a range

MODELS, COMPILE, FIT = "model_id_list", "compile_params_grid", "fit_params_grid"
SCALES: tuple[str, ...] = get_args(Scale)
REDRAWS = 1000  # duplicates in a row after which drawing gives up
ENUMERABLE = 200_000  # configurations of a discrete space that may be listed to find those which drawing missed
_STREAM = 1  # the configurations' own stream of the seed: other draws of a run take other numbers
_FORM = "must be [low, high, scale] to be drawn from a distribution"
_INTEGERS = frozenset(
    ("batch_size", "epochs", "steps_per_epoch", "initial_epoch", "gradient_accumulation_steps", "ema_overwrite_frequency")
)
_METRICS = ("metrics", "weighted_metrics")
BRANCH, _MODEL = "branch", "model"  # labels of axes
_NEVER_DISTRIBUTED = frozenset(
    (*_METRICS, "optimizer", "loss", "sample_weight_mode", "shuffle", "class_weight", "verbose", "callbacks")
)
_USUAL_OPTIMIZER_KEYS = frozenset((*LEARNING_RATES, "momentum", "nesterov", "decay", "rho", "beta_1", "beta_2", "epsilon"))


# --- dimensions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """One of several values, each as likely as the other. They keep their types: nothing is coerced."""

    values: tuple[object, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def at(self, quantile: float) -> object:
        """Return the value at a quantile in [0, 1)."""
        return self.values[min(int(quantile * self.size), self.size - 1)]

    def all(self) -> Iterable[object]:
        """Return every value."""
        return self.values

    def value(self, coordinate: float) -> object:
        """Return the value with this number."""
        return self.values[int(coordinate)]

    def coordinate(self, value: object) -> float:
        """Return the number of a value."""
        return [repr(each) for each in self.values].index(repr(value))  # repr: 1, 1.0 and True are three values

    @property
    def extremes(self) -> tuple[object, ...]:
        """The values that must all be right for the dimension to be."""
        return self.values


@dataclass(frozen=True)
class Uniform:
    """A number between two bounds, uniform on a scale.

    Attributes:
        low: lower bound.
        high: upper bound, above the lower one.
        scale: "linear"; "log", uniform in the logarithm; "log_near_one", uniform in the logarithm of the distance from 1.
        integer: whether it is one of the integers from `low` to `high`, both included.
    """

    low: float
    high: float
    scale: Scale = "linear"
    integer: bool = False

    @property
    def size(self) -> int | None:
        """How many values it has; None for a continuum."""
        return int(self.high) - int(self.low) + 1 if self.integer else None

    def at(self, quantile: float) -> float:
        """Return the value at a quantile in [0, 1).

        >>> round(Uniform(0.001, 0.1, "log").at(0.5), 12)
        0.01
        """
        if self.integer:
            return min(int(_between(self.low, self.high + 1, quantile, self.scale)), int(self.high))
        return min(max(_between(self.low, self.high, quantile, self.scale), self.low), self.high)

    def value(self, coordinate: float) -> float:
        """Return the value at a quantile."""
        return self.at(coordinate)

    def coordinate(self, value: float) -> float:
        """Return the quantile of a value; of an integer the middle of its share.

        >>> round(Uniform(0.001, 0.1, "log").coordinate(0.01), 12)
        0.5
        """
        low, high, middle = (self.low, self.high + 1, value + 0.5) if self.integer else (self.low, self.high, value)
        return min(max(_quantile(low, high, middle, self.scale), 0.0), 1.0)

    def all(self) -> Iterable[int]:
        """Return every value of an integer dimension."""
        if not self.integer:
            raise ValueError(f"{self} is a continuum")
        return range(int(self.low), int(self.high) + 1)

    @property
    def extremes(self) -> tuple[object, ...]:
        """The values that must both be right for the dimension to be: its bounds."""
        return self.low, self.high


Dimension = Choice | Uniform
Dimensions = tuple[tuple[str, Dimension], ...]


def _between(low: float, high: float, quantile: float, scale: Scale) -> float:
    if scale == "log_near_one":
        return 1 - _between(1 - low, 1 - high, quantile, "log")
    if scale == "log":
        return math.exp(_between(math.log(low), math.log(high), quantile, "linear"))
    return low * (1 - quantile) + high * quantile


def _quantile(low: float, high: float, value: float, scale: Scale) -> float:
    """Return where a value lies between two bounds; the reverse of `_between`."""
    if scale == "log_near_one":
        return _quantile(1 - low, 1 - high, 1 - value, "log")
    if scale == "log":
        return _quantile(math.log(low), math.log(high), math.log(value), "linear")
    return (value - low) / (high - low)


def _size(dimensions: Iterable[Dimension]) -> int | None:
    sizes = [dimension.size for dimension in dimensions]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def _draw(dimensions: Dimensions, random: np.random.Generator) -> Values:
    return tuple((key, dimension.at(random.random())) for key, dimension in dimensions)


def _all(dimensions: Dimensions) -> Iterator[Values]:
    keys = [key for key, _ in dimensions]
    return (tuple(zip(keys, values, strict=True)) for values in product(*(dimension.all() for _, dimension in dimensions)))


def _extreme(dimension: Dimension, turn: int) -> object:
    return dimension.extremes[turn % len(dimension.extremes)]


def _extremes(dimensions: Dimensions, turn: int) -> Values:
    return tuple((key, _extreme(dimension, turn)) for key, dimension in dimensions)


# --- points and configurations ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Configuration:
    """What one trial trains: a model and its parameters as text, as the output tables show them."""

    model_id: int
    compile_params: str
    fit_params: str


@dataclass(frozen=True)
class Axis:
    """One dimension of the space as a method sees it that reasons about where good points lie.

    Attributes:
        label: its name, unique in the space.
        size: how many values it has, where they have no order; None for a range, whose coordinate is a quantile.
        branch: the branch that it belongs to; None if all points have it.
    """

    label: str
    size: int | None
    branch: int | None = None


@dataclass(frozen=True)
class Point:
    """One point of the space: a value for every dimension.

    Attributes:
        branch: which entry of `optimizer_params_list` it comes from, from 0.
    """

    model_id: int
    branch: int
    optimizer: str
    optimizer_params: Values
    compile_params: Values
    fit_params: Values

    @property
    def configuration(self) -> Configuration:
        """The point as the texts of a configuration."""
        compile_params = render_compile_params(self.optimizer, self.optimizer_params, self.compile_params)
        return Configuration(self.model_id, compile_params, render_fit_params(self.fit_params))


@dataclass(frozen=True)
class OptimizerSpace:
    """One entry of `optimizer_params_list`: optimizers that share ranges of their parameters."""

    names: Choice
    params: Dimensions = ()

    @property
    def size(self) -> int | None:
        return _size([self.names, *(dimension for _, dimension in self.params)])


@dataclass(frozen=True)
class Space:
    """All configurations that a search may try.

    Attributes:
        model_ids: the models, ascending.
        optimizers: the branches; one of them is drawn, then the values of its own dimensions.
        compile_params: the compile parameters but the optimizer, in the grid's order.
        fit_params: the fit parameters, in the grid's order.
    """

    model_ids: tuple[int, ...]
    optimizers: tuple[OptimizerSpace, ...]
    compile_params: Dimensions
    fit_params: Dimensions

    @classmethod
    def parse(
        cls, model_id_list: Sequence[int | None] | None, compile_params_grid: str | None, fit_params_grid: str | None
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
        return cls(ids, optimizers, compile_params, fit_params)

    @property
    def size(self) -> int | None:
        """How many points there are, None for a continuum. Points that read the same (entries that overlap) count each."""
        crossed = _size(dimension for _, dimension in (*self.compile_params, *self.fit_params))
        branches = [branch.size for branch in self.optimizers]
        if crossed is None or None in branches:
            return None
        return len(self.model_ids) * sum(size for size in branches if size is not None) * crossed

    def draw(self, random: np.random.Generator) -> Point:
        """Draw one point."""
        model_id = self.model_ids[int(random.integers(len(self.model_ids)))]
        number = int(random.integers(len(self.optimizers)))
        branch = self.optimizers[number]
        name = cast(str, branch.names.at(random.random()))
        params = _draw(branch.params, random)
        return Point(model_id, number, name, params, _draw(self.compile_params, random), _draw(self.fit_params, random))

    def points(self) -> Iterator[Point]:
        """Yield every point of a discrete space; the model varies fastest."""
        for number, branch in enumerate(self.optimizers):
            own = product(branch.names.all(), _all(branch.params))
            for (name, params), others, fit in product(own, _all(self.compile_params), _all(self.fit_params)):
                yield from (Point(model_id, number, cast(str, name), params, others, fit) for model_id in self.model_ids)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The dimensions that leave a choice, as coordinates name them."""
        only = len(self.optimizers) == 1
        axes = [
            Axis(label, dimension.size if isinstance(dimension, Choice) else None, None if only else branch)
            for branch in (None, *range(len(self.optimizers)))
            for label, dimension in self._dimensions(branch).items()
        ]
        return tuple(axis for axis in axes if axis.size != 1)

    def coordinates(self, point: Point) -> Coordinates:
        """Return where a point lies on each of its axes."""
        params = ("optimizer", point.optimizer), *point.optimizer_params
        values: dict[str, object] = {_MODEL: point.model_id, BRANCH: point.branch}
        values.update(_labelled(str(point.branch), params))
        values.update({**_labelled(COMPILE, point.compile_params), **_labelled(FIT, point.fit_params)})
        dimensions = {**self._dimensions(None), **self._dimensions(point.branch)}
        own = [axis.label for axis in self.axes if axis.branch in (None, point.branch)]
        return {label: dimensions[label].coordinate(values[label]) for label in own}  # type: ignore[arg-type]

    def at(self, coordinates: Coordinates) -> Point:
        """Return the point at these coordinates; the reverse of `coordinates`."""
        branch = int(coordinates.get(BRANCH, 0))

        def values(owner: int | None, prefix: str, keys: Iterable[str]) -> Values:
            dimensions, labels = self._dimensions(owner), [(key, f"{prefix}.{key}") for key in keys]
            return tuple((key, dimensions[label].value(coordinates.get(label, 0))) for key, label in labels)

        ((_, name),) = values(branch, str(branch), ("optimizer",))
        return Point(
            self.model_ids[int(coordinates.get(_MODEL, 0))],
            branch,
            cast(str, name),
            values(branch, str(branch), (key for key, _ in self.optimizers[branch].params)),
            values(None, COMPILE, (key for key, _ in self.compile_params)),
            values(None, FIT, (key for key, _ in self.fit_params)),
        )

    def _dimensions(self, branch: int | None) -> dict[str, Dimension]:
        """Return the dimensions of a branch by label, or those that all points share."""
        if branch is not None:
            entry = self.optimizers[branch]
            return _labelled(str(branch), (("optimizer", entry.names), *entry.params))
        models, branches = Choice(self.model_ids), Choice(tuple(range(len(self.optimizers))))
        return {
            _MODEL: models,
            BRANCH: branches,
            **_labelled(COMPILE, self.compile_params),
            **_labelled(FIT, self.fit_params),
        }

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The keys that are drawn from a range, each with the argument that it stands in."""
        entries = [(COMPILE, each) for branch in self.optimizers for each in branch.params]
        others = [
            (argument, each) for argument, keys in ((COMPILE, self.compile_params), (FIT, self.fit_params)) for each in keys
        ]
        found = [(argument, key) for argument, (key, dimension) in (*entries, *others) if isinstance(dimension, Uniform)]
        return tuple(dict.fromkeys(found))

    def everything(self) -> tuple[Configuration, ...]:
        """Return all configurations of a discrete space, in the order of its points."""
        return tuple(dict.fromkeys(point.configuration for point in self.points()))

    def corners(self) -> tuple[Configuration, ...]:
        """Return configurations that together hold every model, every listed value and both bounds of every range.

        What is wrong with a value shows in one of them, whether it will be drawn or not.
        """
        found: dict[Configuration, None] = {}
        for number, branch in enumerate(self.optimizers):
            dimensions = [branch.names, *(each for _, each in (*branch.params, *self.compile_params, *self.fit_params))]
            for turn in range(max(len(self.model_ids), *(len(dimension.extremes) for dimension in dimensions))):
                name = cast(str, _extreme(branch.names, turn))
                values = [_extremes(each, turn) for each in (branch.params, self.compile_params, self.fit_params)]
                found[Point(self.model_ids[turn % len(self.model_ids)], number, name, *values).configuration] = None
        return tuple(found)

    def count(self, wanted: int) -> int:
        """Return how many configurations `sample` finds if it is to draw `wanted`: fewer where a discrete space has fewer."""
        crossed = _size(dimension for _, dimension in (*self.compile_params, *self.fit_params))
        branches = [branch.size for branch in self.optimizers]
        if crossed is None or None in branches:
            return wanted
        # Within a branch no two points read the same, so the largest one alone may have enough.
        if max(size for size in branches if size is not None) * crossed * len(self.model_ids) >= wanted:
            return wanted
        return min(wanted, len({point.configuration for point in self.points()}))

    def sample(self, count: int, seed: int) -> tuple[Configuration, ...]:
        """Draw configurations at random (Li et al. 2018, Algorithm 1, `get_hyperparameter_configuration`), no two alike.

        Args:
            count: how many.
            seed: any integer; the same one gives the same configurations, and 0 is a seed.

        Returns:
            `count` of them, or all there are, in random order, where a discrete space has fewer.
        """
        return tuple(point.configuration for point in self.sample_points(count, seed))

    def sample_points(self, count: int, seed: int, tried: Collection[Configuration] = ()) -> tuple[Point, ...]:
        """Draw points as `sample` draws configurations, none of which is in `tried`."""
        random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed % 2**64, spawn_key=(_STREAM,))))
        if self.size is not None and self.size <= count:
            return self._rest(random, tried)
        found: dict[Configuration, Point] = {}
        misses = 0
        while len(found) < count and misses < REDRAWS:
            point = self.draw(random)
            new = point.configuration not in found and point.configuration not in tried
            misses = 0 if new else misses + 1
            if new:
                found[point.configuration] = point
        if len(found) < count and self.size is not None and self.size <= ENUMERABLE:
            return (*found.values(), *self._rest(random, {*found, *tried})[: count - len(found)])
        return tuple(found.values())

    def _rest(self, random: np.random.Generator, tried: Collection[Configuration]) -> tuple[Point, ...]:
        """Return the points whose configurations are not in `tried`, in random order."""
        rest = list({point.configuration: point for point in self.points() if point.configuration not in tried}.values())
        return tuple(rest[int(index)] for index in random.permutation(len(rest)))


Part = TypeVar("Part")


def _labelled(prefix: str, pairs: Iterable[tuple[str, Part]]) -> dict[str, Part]:
    return {f"{prefix}.{key}": each for key, each in pairs}


# --- reading the arguments ----------------------------------------------------------------------------------------------


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
