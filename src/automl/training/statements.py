"""The statements of the record, made of the fields of its rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from itertools import chain, count
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from automl.database.session import Statement
from automl.training.rows import Row

_MOST_ROWS = 100  # of one statement
Kind = TypeVar("Kind", bound=Row)


@dataclass(frozen=True)
class Table:
    """A table of the record.

    Many rows are written by few statements: on Greenplum each of them is a message to all segments.

    Attributes:
        name: of the view that shows and takes the rows of the current role.
        key: its columns that tell the rows of a run apart.
    """

    name: str
    key: tuple[str, ...] = ()

    def select(self, kind: type[Row]) -> str:
        """Return the statement that reads the rows of a kind that the run $1 has."""
        return f"SELECT {', '.join(each.shown for each in _columns(kind))} FROM {self.name} WHERE run_id = $1::bigint"

    def insert(self, run: int, rows: Sequence[Row]) -> list[Statement]:
        """Return the statements that write new rows; one whose key is there already is left as it is."""
        return [self._insert(rows[at : at + _MOST_ROWS], run) for at in range(0, len(rows), _MOST_ROWS)]

    def _insert(self, rows: Sequence[Row], run: int) -> Statement:
        columns, numbers = (_RUN, *_columns(type(rows[0]))), count(1)
        numbered = ", ".join(f"({_numbered(columns, numbers)})" for _ in rows)
        named = ", ".join(each.name for each in columns)
        same = " AND ".join(f"t.{name} = v.{name}" for name in ("run_id", *self.key))
        text = (
            f"INSERT INTO {self.name} ({named}) SELECT * FROM (VALUES {numbered}) v ({named})"
            f" WHERE NOT EXISTS (SELECT 1 FROM {self.name} t WHERE {same})"
        )
        return text, tuple(chain(*((run, *values(row)) for row in rows)))


RUNS = Table("madlib.automl_runs")  # they show what the next two have
CALLS = Table("madlib.automl_calls")
STATES = Table("madlib.automl_states", ("n",))
TRIALS = Table("madlib.automl_trials", ("mst_key",))  # the same; nobody writes there
CONFIGURATIONS = Table("madlib.automl_configurations", ("mst_key",))
PROGRESS = Table("madlib.automl_trial_states", ("mst_key", "n"))
METRICS = Table("madlib.automl_metrics", ("mst_key", "iteration"))
VERSIONS = Table("madlib.automl_checkpoint_versions", ("mst_key", "visits", "part"))


def values(*rows: Row) -> tuple[object, ...]:
    """Return the values of rows, one row's after the other's, as a statement takes them."""
    return tuple(_plain(getattr(row, each.name)) for row in rows for each in _columns(type(row)))


def read(kind: type[Kind], found: Iterable[Mapping[str, Any]]) -> list[Kind]:
    """Return what a statement of `Table.select` has found."""
    return [kind(**row) for row in found]


@dataclass(frozen=True)
class _Column:
    """A column: its name, its type, and what is read for it."""

    name: str
    kind: str
    shown: str


_RUN = _Column("run_id", "bigint", "run_id")


def _columns_of(kind: Any) -> tuple[_Column, ...]:
    """Return the columns of a kind of rows, from what its fields are annotated with."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_column(each.name, hints[each.name]) for each in fields(kind))


_columns: Callable[[Any], tuple[_Column, ...]] = cache(_columns_of)


def _column(name: str, hint: Any) -> _Column:
    annotated = next(each for each in (hint, *get_args(hint)) if get_origin(each) is Annotated)
    kind, *shown = annotated.__metadata__
    return _Column(name, kind, *(shown or [name]))


def _plain(value: object) -> object:
    """Return a value as drivers take it."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, StrEnum) else value


def _numbered(columns: Sequence[_Column], numbers: Iterator[int]) -> str:
    return ", ".join(f"${next(numbers)}::{each.kind}" for each in columns)
