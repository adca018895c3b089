"""The search methods: a file each, and a line each in `METHODS`.

A method's file has the parameters that `automl_params` gives it, which lead to its plan, whose scheduler decides (`scheduler`).
What only one method knows of a trial are its columns: each of its tasks says their values as its `place`, and they are
recorded and written to the info table without anybody else knowing what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from automl.errors import Problems, UsageError
from automl.search import asha, hyperband, hyperopt, steering
from automl.search.pairs import AUTOML_PARAMS, parse_pairs
from automl.search.scheduler import MethodColumn, Plan
from automl.search.space import Space
from automl.search.steering import Steering, parse_steering

_ARGUMENT = "automl_method"
_DEFAULT = "hyperband"


class Params(Protocol):
    """The parameters of a method, read from `automl_params`. As text they are complete, with their defaults.

    Attributes:
        max_iterations: iterations of the longest task.
        max_iterations_are: what these are, for errors: "the iterations of a trial".
    """

    @property
    def max_iterations(self) -> int: ...

    @property
    def max_iterations_are(self) -> str: ...

    def plan(self, space: Space, seed: int, partitions: int) -> Plan:
        """Return the plan of a search.

        Args:
            space: what may be tried.
            seed: of all that is random; plans of one seed are the same.
            partitions: of the packed table: as many trials can train at the same time.
        """


@runtime_checkable
class EndlessParams(Protocol):
    """The parameters of a method that can go on with new trials until somebody ends it."""

    def without_end(self) -> Params:
        """Return the parameters of a search that goes on, unless these say how many trials there are."""


@dataclass(frozen=True)
class Method:
    """A search method.

    Attributes:
        name: as `automl_method` gives it.
        keys: of `automl_params` that it has for itself.
        parse: reads the values of these keys that are given; raises a UsageError, or an AutomlError that holds several.
        columns: what it knows of a trial that no other method does.
    """

    name: str
    keys: tuple[str, ...]
    parse: Callable[[Mapping[str, str]], Params]
    columns: tuple[MethodColumn, ...] = ()

    def read(self, text: str | None) -> tuple[Params, Steering]:
        """Read `automl_params`: the method's own parameters, and what every method has.

        Raises:
            UsageError: unreadable, an unknown or repeated key, a value out of range.
            AutomlError: several of these at once.
        """
        given = parse_pairs(AUTOML_PARAMS, text, (*self.keys, *steering.KEYS))
        own = {key: value for key, value in given.items() if key in self.keys}
        problems = Problems()
        params = problems.attempt(lambda: self.parse(own))
        others = problems.attempt(lambda: parse_steering({key: given[key] for key in given if key not in own}))
        problems.stop()
        return params.value, others.value


METHODS: Mapping[str, Method] = {
    each.name: each
    for each in (
        Method("hyperband", hyperband.KEYS, hyperband.parse_params, hyperband.COLUMNS),
        Method("hyperopt", hyperopt.KEYS, hyperopt.parse_params),
        Method("asha", asha.KEYS, asha.parse_params, asha.COLUMNS),
    )
}


def find_method(value: str | None) -> Method:
    """Return the method that `automl_method` names, in any case; NULL is Hyperband.

    Raises:
        UsageError: there is no such method.
    """
    name = _DEFAULT if value is None else value.strip().lower()
    if name not in METHODS:
        raise UsageError(_ARGUMENT, f"must be {_listed([repr(each) for each in METHODS])}", value)
    return METHODS[name]


def _listed(names: list[str]) -> str:
    """Write names as a sentence has them: `a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
