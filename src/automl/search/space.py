"""The search space that two grids and a list of models span, and drawing configurations from it.

A list of values is a choice among them; `[low, high, scale]` is a distribution. Optimizers have parameters of their own, so the
space branches over the entries of `optimizer_params_list`; everything else is crossed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeVar, cast

import numpy as np

from automl.search import seeds
from automl.search.dimensions import (
    Choice,
    Dimension,
    Dimensions,
    Uniform,
    Values,
    combinations,
    drawn,
    extreme_at,
    extremes_at,
    size_of,
)
from automl.search.limits import ENUMERABLE, REDRAWS
from automl.search.parameters import render_compile_params, render_fit_params

Coordinates = Mapping[str, float]  # by the label of the axis: the number of a choice, the quantile of a range

COMPILE, FIT = "compile_params_grid", "fit_params_grid"
BRANCH, _MODEL = "branch", "model"  # labels of axes


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
        return size_of([self.names, *(dimension for _, dimension in self.params)])


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

    @property
    def size(self) -> int | None:
        """How many points there are, None for a continuum. Points that read the same (entries that overlap) count each."""
        crossed = size_of(dimension for _, dimension in (*self.compile_params, *self.fit_params))
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
        params = drawn(branch.params, random)
        return Point(model_id, number, name, params, drawn(self.compile_params, random), drawn(self.fit_params, random))

    def points(self) -> Iterator[Point]:
        """Yield every point of a discrete space; the model varies fastest."""
        for number, branch in enumerate(self.optimizers):
            own = product(branch.names.all(), combinations(branch.params))
            for (name, params), others, fit in product(own, combinations(self.compile_params), combinations(self.fit_params)):
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

    def probe_configurations(self) -> tuple[Configuration, ...]:
        """Return configurations that together hold every model, every listed value and both bounds of every range.

        What is wrong with a value shows in one of them, whether it will be drawn or not.
        """
        found: dict[Configuration, None] = {}
        for number, branch in enumerate(self.optimizers):
            dimensions = [branch.names, *(each for _, each in (*branch.params, *self.compile_params, *self.fit_params))]
            for turn in range(max(len(self.model_ids), *(len(dimension.extremes) for dimension in dimensions))):
                name = cast(str, extreme_at(branch.names, turn))
                values = [extremes_at(each, turn) for each in (branch.params, self.compile_params, self.fit_params)]
                found[Point(self.model_ids[turn % len(self.model_ids)], number, name, *values).configuration] = None
        return tuple(found)

    def count(self, wanted: int) -> int:
        """Return how many configurations `sample` finds if it is to draw `wanted`: fewer where a discrete space has fewer."""
        crossed = size_of(dimension for _, dimension in (*self.compile_params, *self.fit_params))
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
        random = seeds.generator(seed, seeds.CONFIGURATIONS)
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

    def sequence(self, seed: int) -> Iterator[Point]:
        """Yield points at random, no two alike, until there are no others: of one seed always the same ones, however many.

        Args:
            seed: any integer.
        """
        random = seeds.generator(seed, seeds.CONFIGURATIONS)
        found: set[Configuration] = set()
        misses = 0
        while misses < REDRAWS:
            point = self.draw(random)
            misses = misses + 1 if point.configuration in found else 0
            if not misses:
                found.add(point.configuration)
                yield point
        if self.size is not None and self.size <= ENUMERABLE:
            yield from self._rest(random, found)

    def _rest(self, random: np.random.Generator, tried: Collection[Configuration]) -> tuple[Point, ...]:
        """Return the points whose configurations are not in `tried`, in random order."""
        rest = list({point.configuration: point for point in self.points() if point.configuration not in tried}.values())
        return tuple(rest[int(index)] for index in random.permutation(len(rest)))


Part = TypeVar("Part")


def _labelled(prefix: str, pairs: Iterable[tuple[str, Part]]) -> dict[str, Part]:
    return {f"{prefix}.{key}": each for key, each in pairs}
