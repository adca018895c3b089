"""Rows that are refused: what is wrong with them, how many there are, and which comes first.

This is asked when a call has failed over such a row, not before: SQL looks at a number many times
as long as packing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.data.packed_table import braces
from automl.data.shapes import shape_sql
from automl.database.catalog import ColumnType, Relation
from automl.database.names import quoted
from automl.database.session import Database
from automl.errors import INVALID_PARAMETER_VALUE, NUMERIC_VALUE_OUT_OF_RANGE, UsageError

_MOST_KINDS = 5  # of what is wrong, in one message
# A number becomes a real by rounding: at this, halfway from the largest real to what would be the next, it becomes infinite,
_BEYOND = 2.0**128 - 2.0**103
_NOTHING = 2.0**-150  # and up to this, half of the smallest one, it becomes 0. PostgreSQL refuses both.
_MISSING, _NAN, _INFINITE, _LARGE, _DIVIDED, _SMALL = range(1, 7)
_OUT_OF_RANGE = {
    _LARGE: "a number beyond the range of real",
    _DIVIDED: "a number that normalizing_const takes beyond the range of real",
    _SMALL: "a number too close to 0 for real",
}
_NOT_FINITE = {_NAN: "NaN", _INFINITE: "infinity"}


@dataclass(frozen=True)
class Wanted:
    """A column whose values must be numbers that a network can take: finite as float32, alone or in arrays of one shape.

    Attributes:
        argument: the SQL argument that names the column.
        source: the table.
        column: its name.
        type: its type.
        shape: that every array must have; None for plain numbers.
        divisor: of the numbers.
        identity: column that tells the rows apart; None where they are counted.
    """

    argument: str
    source: Relation
    column: str
    type: ColumnType
    shape: Sequence[int] | None = None
    divisor: float = 1.0
    identity: str | None = None

    def problem(self, db: Database) -> UsageError | None:
        """Return the error that tells the rows that are otherwise; None if there are none."""
        rows = self._found(db)
        if not rows:
            return None
        found = ", ".join(f"{row['problem']} in {row['rows']} rows ({self._place(row)})" for row in rows)
        out_of_range = rows[0]["problem"] in _OUT_OF_RANGE.values()
        return UsageError(
            self.argument,
            f"{self._rule}, found {found}",
            hint=self._remedy,
            sqlstate=NUMERIC_VALUE_OUT_OF_RANGE if out_of_range else INVALID_PARAMETER_VALUE,
        )

    @property
    def unfit(self) -> str:
        """The condition for a row that is otherwise."""
        return f"{self._problem} IS NOT NULL"

    @property
    def _rule(self) -> str:
        if self.shape is None:
            return f'column "{self.column}" is a number to be predicted ({self.type.name}) and must be finite in every row'
        array = f"an array of shape {braces(self.shape)} without NULL, NaN or infinity"
        return f'every value of column "{self.column}" must be {array}'

    @property
    def _remedy(self) -> str:
        if self.shape is None:
            return "Leave these rows out in a view; or give num_classes to make classes of its distinct values."
        return "Correct these rows, or leave them out in a view."

    def _place(self, row: dict[str, object]) -> str:
        return f"first in row {row['place']}" if self.identity is None else f"first where {self.identity} = {row['id']}"

    def _found(self, db: Database) -> list[dict[str, object]]:
        """Return a row for each kind of problem, in their order: problem, rows, and id and place of the first."""
        identity = "NULL" if self.identity is None else quoted(self.identity)
        looked_at = (
            f"SELECT {self._problem} AS problem, {identity}::text AS id, pg_catalog.row_number() OVER () AS place"
            f" FROM {self.source.sql}"
        )
        return db.execute(
            "SELECT * FROM (SELECT DISTINCT ON (problem) problem, pg_catalog.count(*) OVER (PARTITION BY problem) AS rows,"
            f" id, place FROM ({looked_at}) AS looked_at WHERE problem IS NOT NULL ORDER BY problem, place) AS each"
            f" ORDER BY place LIMIT {_MOST_KINDS}"
        )

    @property
    def _problem(self) -> str:
        """The SQL of what is wrong with a row, NULL if nothing is."""
        name = quoted(self.column)
        if self.shape is None:
            return _told("NULL", _fault(name, self.type, 1.0))
        assert self.type.element is not None
        numbers = f"pg_catalog.unnest({name}{through_integer(self.type.element)}) AS value"
        worst = f"(SELECT pg_catalog.min({_fault('value', self.type.element, self.divisor)}) FROM {numbers})"
        return (
            f"CASE WHEN {name} IS NULL THEN 'NULL' WHEN pg_catalog.array_ndims({name}) IS NULL THEN 'an empty array'"
            f" WHEN {shape_sql(name)} <> '{braces(self.shape)}' THEN 'shape ' || {shape_sql(name)}"
            f" ELSE {_told('a NULL element', worst)} END"
        )


def through_integer(element: ColumnType) -> str:
    """Return the cast that arrays of this type need before one to another number: booleans only become integers."""
    return "::integer[]" if element.name == "boolean" else ""


def as_wide(value: str, element: ColumnType) -> tuple[str, str]:
    """Return the SQL of a number in a type that holds whatever its own does, and the name of that type."""
    kind = "numeric" if element.name == "numeric" else "double precision"
    return f"{value}::{kind}", kind


def _fault(value: str, element: ColumnType, divisor: float) -> str:
    """The SQL of what is wrong with a number: one of the six above, NULL if nothing is."""
    number, kind = as_wide(value, element)
    size = f"pg_catalog.abs({number})"
    return (
        # Most are well, so that comes first. NaN is above all numbers.
        f"CASE WHEN {value} IS NULL THEN {_MISSING} WHEN {size} < {_BEYOND * min(1.0, divisor)!r}::{kind} THEN"
        f" CASE WHEN {size} <= {_NOTHING!r}::{kind} AND {number} <> 0::{kind} THEN {_SMALL} END"
        f" WHEN {value}::text = 'NaN' THEN {_NAN} WHEN {value}::text LIKE '%Infinity' THEN {_INFINITE}"
        f" WHEN {size} < {_BEYOND!r}::{kind} THEN {_DIVIDED} ELSE {_LARGE} END"
    )


def _told(missing: str, fault: str) -> str:
    """The SQL of the words for a fault."""
    words = {_MISSING: missing, **_NOT_FINITE, **_OUT_OF_RANGE}
    return f"(ARRAY[{', '.join(repr(words[number]) for number in sorted(words))}])[{fault}]"
