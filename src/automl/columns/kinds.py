"""What kinds of columns there are, and the numbers that SQL makes of the values of each.

The expressions read the row as `r`, in the statement that gathers statistics as in the function that makes vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from automl.database.catalog import ColumnType
from automl.database.names import as_typed, literal

ROW = "r"  # what a row is called, in a query and as the argument of a function
INTEGERS = ("smallint", "integer", "bigint")
FLOATS = ("real", "double precision")
NUMBERS = (*INTEGERS, *FLOATS, "numeric", "money")
ELEMENTS = (*INTEGERS, *FLOATS, "numeric", "boolean")  # of arrays that are taken as they are
LARGEST = "1e300"  # a number beyond it counts as infinite: differences and quotients of others stay in range
SMALLEST = "1e-300"  # a numeric below it is 0
LARGEST_REAL = "3.4e38"  # an element of an array beyond it cannot be taken
_NUMERAL = r"^\s*[+-]?([0-9]{1,200}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$"
_DAY = 86_400
_FIRST, _LAST = "4712-01-01 BC", "294276-01-01"  # moments beyond them cannot be taken apart in each zone, and count as infinite
_ZEROS = 44 * "0"  # behind the point of a number that is too close to 0 for a real
_WITH_SMALL = {"double precision": "e-", "numeric": f".{_ZEROS}"}  # what the text of an array has in it where there is one


class Kind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    INTERVAL = "interval"
    ARRAY = "array"
    SET = "set"
    IDENTIFIER = "identifier"
    OTHER = "other"


@dataclass(frozen=True)
class Reading:
    """How the values of a column are read as numbers.

    Attributes:
        known: the condition for a value that there is a number for; not true for NULL.
        measures: SQL of double precision by what it tells; of use where `known` is true.
        bounded: whether differences of its numbers, and their quotients by a scale, are always in range.
        stable: whether it may mean something else in another session, such as the labels of an enum.
    """

    known: str
    measures: tuple[tuple[str, str], ...]
    bounded: bool = True
    stable: bool = False

    def guarded(self, at: int) -> str:
        """Return the SQL of a measure, NULL where there is none."""
        return f"CASE WHEN {self.known} THEN {self.measures[at][1]} END"


_KINDS = {
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMP,
    "time without time zone": Kind.TIME,
    "time with time zone": Kind.TIME,
    "interval": Kind.INTERVAL,
    "uuid": Kind.IDENTIFIER,
    '"char"': Kind.CATEGORY,
}


def kind_of(kind: ColumnType, *, is_vector: bool = False) -> Kind:
    """Return what the values of a type are.

    Args:
        is_vector: whether there is a cast to arrays of reals, as for pgvector's types.
    """
    if kind.name in NUMBERS:
        return Kind.NUMBER
    if kind.name in _KINDS:
        return _KINDS[kind.name]
    if kind.element is not None:
        if kind.element.name in ELEMENTS:
            return Kind.ARRAY
        return Kind.SET if kind.element.category in "SE" else Kind.OTHER
    if kind.category in "SE":
        return Kind.CATEGORY
    return Kind.ARRAY if is_vector else Kind.OTHER


def field_of(column: str) -> str:
    """Return the SQL of a column of the row."""
    return f"{ROW}.{as_typed(column)}"


def as_text(column: str, kind: ColumnType) -> str:
    """Return the SQL of a value as text, which no setting of a session changes for numbers."""
    x = field_of(column)
    if kind.name in FLOATS:  # numeric takes six digits of them, or fifteen, and no infinity
        return f"CASE WHEN {x} IN ('Infinity', '-Infinity') THEN {x}::text ELSE {x}::numeric::text END"
    return x if kind.name == "text" else f"{x}::text"


def as_reals(column: str, kind: ColumnType) -> str:
    """Return the SQL of an array, or of what has a cast to one, as an array of reals; what is too close to 0 is 0."""
    x = field_of(column)
    element = None if kind.element is None else kind.element.name
    if element not in _WITH_SMALL:
        return f"{x}{'::integer[]' if element == 'boolean' else ''}::real[]"
    # Of numerics the text is the same in each session, and a cast of what is left of it fails no more.
    without = f"regexp_replace({x}::numeric[]::text, '[.]{_ZEROS}[0-9]+', '.0', 'g')::real[]"
    return f"CASE WHEN {x}::text LIKE '%{_WITH_SMALL[element]}%' THEN {without} ELSE {x}::real[] END"


def reading(column: str, kind: Kind, of: ColumnType, zone: str) -> Reading:
    """Return how a column is read as numbers; of a boolean 0 or 1, of an array its length, or -1 for one that cannot be taken.

    Args:
        kind: what its values are taken as.
        of: its type.
        zone: in which moments are taken apart.
    """
    x = field_of(column)
    if kind is Kind.NUMBER:
        return _number(x, of)
    if kind is Kind.BOOLEAN:
        return Reading(f"{x} IS NOT NULL", (("value", f"{x}::integer::double precision"),))
    if kind is Kind.INTERVAL:
        return Reading(f"isfinite({x})", (("seconds", f"date_part('epoch', {x})"),))
    if kind is Kind.TIME:
        return _time(x, of)
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        return _moment(x, of, zone)
    if kind is Kind.ARRAY:
        return _array(x, as_reals(column, of), of)
    return Reading(f"{x} IS NOT NULL", ())


def _number(x: str, of: ColumnType) -> Reading:
    wide = f"{x}::double precision"
    within = f"{x} > -{LARGEST} AND {x} < {LARGEST}"
    if of.name in INTEGERS:
        return Reading(f"{x} IS NOT NULL", (("value", wide),))
    if of.name in FLOATS:
        return Reading(within, (("value", wide),), bounded=False)
    if of.name == "numeric":
        return Reading(within, (("value", f"CASE WHEN abs({x}) < {SMALLEST} THEN 0 ELSE {wide} END"),), bounded=False)
    if of.name == "money":
        return Reading(f"{x} IS NOT NULL", (("value", f"{x}::numeric::double precision"),), stable=True)
    text = x if of.name == "text" else f"{x}::text"
    return Reading(f"{text} ~ {literal(_NUMERAL)}", (("value", f"{text}::double precision"),), bounded=False, stable=True)


def _time(x: str, of: ColumnType) -> Reading:
    plain = of.name == "time without time zone"
    value = x if plain else f"({x} AT TIME ZONE 'UTC')::time"
    return Reading(f"{x} IS NOT NULL", (("seconds", f"date_part('epoch', {value})"),), stable=not plain)


def _moment(x: str, of: ColumnType, zone: str) -> Reading:
    value = f"({x} AT TIME ZONE {literal(zone)})" if of.name == "timestamp with time zone" else x
    days = f"({x} - date '2000-01-01')::double precision"
    if of.name != "date":
        days = f"date_part('epoch', {value} - timestamp '2000-01-01') / {_DAY}"
    parts = (
        ("days", days),
        ("year", f"date_part('year', {value})"),
        ("month", f"date_part('month', {value})"),
        ("weekday", f"date_part('isodow', {value})"),
    )
    hours = () if of.name == "date" else (("seconds", f"date_part('epoch', {value}::time)"),)
    first, last = (f"'{each}{' UTC' if of.name == 'timestamp with time zone' else ''}'::{of.name}" for each in (_FIRST, _LAST))
    return Reading(f"{x} > {first} AND {x} < {last}", parts + hours)


def _array(x: str, reals: str, of: ColumnType) -> Reading:
    if of.element is None:
        return Reading(f"{x} IS NOT NULL", (("length", f"array_length({reals}, 1)::double precision"),), stable=True)
    length = f"CASE WHEN array_ndims({x}) = 1 AND {_whole(x, of.element.name)} THEN array_length({x}, 1) ELSE -1 END"
    return Reading(f"{x} IS NOT NULL", (("length", f"({length})::double precision"),))


def _whole(x: str, element: str) -> str:
    """Return the condition for an array whose elements are all there, and numbers that a real takes; not true for others."""
    if element not in (*FLOATS, "numeric"):
        return f"cardinality(array_remove({x}, NULL)) = cardinality({x})"
    largest = f"'{LARGEST_REAL}'::{element}"
    return f"{largest} >= ALL ({x}) AND - {largest} <= ALL ({x})"  # NaN is greater than any number
