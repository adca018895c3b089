"""The dimensions of a search space: a choice among values, or a number between two bounds on a scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

Scale = Literal["linear", "log", "log_near_one"]
Values = tuple[tuple[str, object], ...]

SCALES: tuple[str, ...] = get_args(Scale)


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
        if self.integer:  # each of them has the share of the scale from itself to the next, the last one too
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
    """Return the number at a quantile between two bounds.

    linear        low + quantile * (high - low), written so that both bounds come out exactly
    log           the same on logarithms: low * (high / low) ** quantile
    log_near_one  1 - x, where x is log between the bounds' distances from 1: momentum 0.9 and 0.99 are as far apart as 0.99
                  and 0.999
    """
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


def size_of(dimensions: Iterable[Dimension]) -> int | None:
    """Return how many combinations of values there are; None if one of the dimensions is a continuum."""
    sizes = [dimension.size for dimension in dimensions]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def drawn(dimensions: Dimensions, random: np.random.Generator) -> Values:
    """Draw a value for each dimension, in their order."""
    return tuple((key, dimension.at(random.random())) for key, dimension in dimensions)


def combinations(dimensions: Dimensions) -> Iterator[Values]:
    """Yield all combinations of values; the last dimension varies fastest."""
    keys = [key for key, _ in dimensions]
    return (tuple(zip(keys, values, strict=True)) for values in product(*(dimension.all() for _, dimension in dimensions)))


def extreme_at(dimension: Dimension, turn: int) -> object:
    """Return one of the extremes of a dimension; as many turns as it has go through all of them."""
    return dimension.extremes[turn % len(dimension.extremes)]


def extremes_at(dimensions: Dimensions, turn: int) -> Values:
    """Return an extreme of each dimension."""
    return tuple((key, extreme_at(dimension, turn)) for key, dimension in dimensions)
