"""What becomes of each column: numbers, flags and codes of a row's vector, or nothing, and why.

Holzmueller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data" (RealMLP),
2024, section 3: the scale by quartiles and the smooth clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from automl.columns.inquiry import MOST_CODES
from automl.columns.kinds import Kind, Reading, as_reals, as_text, field_of
from automl.columns.source import SourceColumn
from automl.columns.statistics import Counted, Floats, Measured, Statistics
from automl.columns.vocabularies import code_sql, hashed_sql
from automl.database.names import literal

EDGES = 65  # quantiles of a number that its bins are made of
ONE_HOT = 8  # codes up to which each is a flag of its own
MOST_MEMBERS = 256  # values of sets that are flags
LONG = 20  # characters in the mean, above which a text of which over half differ is a free one
_CLIP = 3.0
_FARTHEST = 1e6  # scales from the center, beyond which the clip makes no difference
_DAY = 86_400


@dataclass(frozen=True)
class Number:
    """A float that is embedded piece by piece: its SQL, and quantiles of it over the training rows."""

    sql: str
    edges: tuple[float, ...]


@dataclass(frozen=True)
class Flag:
    """Floats that are taken as they are: the SQL of a number, or of an array of so many reals."""

    sql: str
    width: int | None = None


@dataclass(frozen=True)
class Code:
    """An integer that is embedded: its SQL, and how many there are beside 0."""

    sql: str
    count: int


@dataclass(frozen=True)
class Treated:
    """What becomes of a column.

    Attributes:
        treatment: None where it is dropped, and `reason` says why.
        becomes: the same for people.
        notice: what the caller is told.
        stable: whether the function that has it may mean something else in another session.
    """

    column: SourceColumn
    treatment: str | None = None
    reason: str | None = None
    numbers: tuple[Number, ...] = ()
    flags: tuple[Flag, ...] = ()
    codes: tuple[Code, ...] = ()
    null_share: float | None = None
    distinct: int | None = None
    becomes: str | None = None
    center: float | None = None
    scale: float | None = None
    vocabulary: tuple[str, ...] | None = None
    notice: str | None = None
    stable: bool = False


@dataclass(frozen=True)
class Scale:
    """What makes numbers of about the same size of those of a column.

    Attributes:
        center: the median.
        size: from the first quartile to the third; where they are the same, half the range.
    """

    center: float
    size: float

    @classmethod
    def of(cls, values: Floats) -> Scale | None:
        """Return the scale of numbers in ascending order; None where all are the same."""
        if not len(values):
            return None
        low, first, center, third, high = quantiles(values, np.array((0, 0.25, 0.5, 0.75, 1)))
        size = float(third - first) or float(high - low) / 2
        return cls(float(center), size) if size > 0 else None

    def sql(self, read: Reading, at: int) -> str:
        """Return the SQL of a number, scaled and clipped; 0 where there is none.

        z / sqrt(1 + (z / 3)^2), which is 3 sin(atan(z / 3)): so z stands there once.
        """
        x = read.measures[at][1]
        if not read.bounded:
            low, high = (self.center + sign * _FARTHEST * self.size for sign in (-1, 1))
            x = f"LEAST(GREATEST({x}, {low!r}), {high!r})"
            if self.center == 0:  # what is too close to 0 for a real becomes 0
                x = f"({x} + {self.size!r} - {self.size!r})"
        difference = f"({x} - {_signed(self.center)})" if self.center else x
        return f"CASE WHEN {read.known} THEN {_CLIP:g} * sin(atan({difference} / {_CLIP * self.size!r})) ELSE 0 END"

    def apply(self, values: Floats) -> Floats:
        """Return numbers, scaled and clipped."""
        z = np.clip((values - self.center) / self.size, -_FARTHEST, _FARTHEST)
        scaled: Floats = z / np.sqrt(1 + (z / _CLIP) ** 2)
        return scaled


def quantiles(values: Floats, shares: Floats, of: Callable[[Floats], Floats] = lambda values: values) -> Floats:
    """Return quantiles of numbers in ascending order, between two of them as `percentile_cont` has it.

    Args:
        of: what is made of each number before; ascending, too.

    >>> quantiles(np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 3.0, 8.0]
    """
    places = shares * (len(values) - 1)
    below, above = of(values[np.floor(places).astype(int)]), of(values[np.ceil(places).astype(int)])
    found: Floats = below + (above - below) * (places - np.floor(places))
    return found


def treat(column: SourceColumn, found: Statistics, read: Reading) -> Treated:
    """Return what becomes of a column.

    Args:
        read: how its numbers are read.
    """
    begun = Treated(column, stable=read.stable)
    if column.kind is Kind.IDENTIFIER:
        return replace(begun, reason="an identifier")
    if column.kind is Kind.OTHER:
        return replace(begun, reason=f"nothing is made of type {column.type.name}; a view can make columns of it")
    missing = found.measures[column.name][0].missing
    begun = replace(begun, null_share=missing / found.train)
    if missing == found.train:
        return replace(begun, distinct=0, reason="NULL in every row")
    return _TREATMENTS[column.kind](begun, found, read)


def _signed(number: float) -> str:
    return repr(number) if number >= 0 else f"({number!r})"


def _null_flag(read: Reading, begun: Treated) -> tuple[Flag, ...]:
    """The flag of a value that is missing, if some were."""
    return (Flag(f"CASE WHEN {read.known} THEN 0 ELSE 1 END"),) if begun.null_share else ()


def _with_null(becomes: str, begun: Treated) -> str:
    return f"{becomes}; 0 or 1 for NULL" if begun.null_share else becomes


def _scaled(measured: Measured, read: Reading, at: int) -> tuple[Scale, Number] | None:
    """Return a number with its scale; None where all values are the same."""
    scale = Scale.of(measured.known)
    if scale is None:
        return None
    edges = np.unique(quantiles(measured.known, np.linspace(0, 1, EDGES), scale.apply).astype(np.float32))
    return scale, Number(scale.sql(read, at), tuple(map(float, edges)))


def _number(begun: Treated, found: Statistics, read: Reading) -> Treated:
    column, (measured,) = begun.column, found.measures[begun.column.name]
    distinct = measured.distinct
    begun = replace(begun, distinct=distinct)
    if column.numbered and not column.forced and distinct == len(measured.values) > 1 and _is_whole(measured.known):
        return replace(begun, reason="a number of its own for each row")
    scaled = _scaled(measured, read, 0)
    return _of_scaled(begun, read, scaled, "the number")


def _of_scaled(begun: Treated, read: Reading, scaled: tuple[Scale, Number] | None, what: str) -> Treated:
    """Return what becomes of a column of which one number is made."""
    flags = _null_flag(read, begun)
    if scaled is None:
        if not flags:
            return replace(begun, reason="the same value in every row")
        return replace(begun, treatment=str(begun.column.kind), flags=flags, becomes="0 or 1 for NULL: all others are the same")
    scale, number = scaled
    becomes = _with_null(f"({what} - {scale.center:.6g}) / {scale.size:.6g}, clipped smoothly at 3", begun)
    return replace(
        begun,
        treatment=str(begun.column.kind),
        numbers=(number,),
        flags=flags,
        becomes=becomes,
        center=scale.center,
        scale=scale.size,
    )


def _is_whole(values: Floats) -> bool:
    return bool((values == np.floor(values)).all())


def _boolean(begun: Treated, found: Statistics, read: Reading) -> Treated:
    (measured,) = found.measures[begun.column.name]
    begun = replace(begun, distinct=measured.distinct)
    if measured.low == measured.high and not measured.missing:
        return replace(begun, reason="the same value in every row")
    x = field_of(begun.column.name)
    flag = Flag(f"CASE WHEN {x} THEN 1 WHEN NOT {x} THEN -1 ELSE 0 END")
    return replace(begun, treatment="boolean", flags=(flag,), becomes="-1 for false, 0 for NULL, 1 for true")


def _interval(begun: Treated, found: Statistics, read: Reading) -> Treated:
    (measured,) = found.measures[begun.column.name]
    begun = replace(begun, distinct=measured.distinct)
    return _of_scaled(begun, read, _scaled(measured, read, 0), "seconds")


def _time(begun: Treated, found: Statistics, read: Reading) -> Treated:
    (measured,) = found.measures[begun.column.name]
    begun = replace(begun, distinct=measured.distinct)
    if measured.low == measured.high and not measured.missing:
        return replace(begun, reason="the same value in every row")
    flags = _round_the_clock(read, 0) if measured.low != measured.high else ()
    becomes = _with_null("sine and cosine of the time of day", begun)
    return replace(begun, treatment="time", flags=flags + _null_flag(read, begun), becomes=becomes)


def _round_the_clock(read: Reading, at: int) -> tuple[Flag, ...]:
    """The place of a time of day on a circle."""
    angle = f"{read.measures[at][1]} * {2 * math.pi / _DAY!r}"
    return tuple(Flag(f"CASE WHEN {read.known} THEN {name}({angle}) ELSE 0 END") for name in ("sin", "cos"))


def _moment(begun: Treated, found: Statistics, read: Reading) -> Treated:
    parts = found.measures[begun.column.name]
    names = [name for name, _ in read.measures]
    begun = replace(begun, distinct=parts[0].distinct)
    scaled = {
        name: each for at, name in enumerate(names) if name != "seconds" and (each := _scaled(parts[at], read, at)) is not None
    }
    clock = "seconds" in names and bool(parts[-1].high)
    hours = _round_the_clock(read, len(names) - 1) if clock else ()
    flags = hours + _null_flag(read, begun)
    if not scaled and not flags:
        return replace(begun, reason="the same value in every row")
    told = [*scaled, *(("sine and cosine of the time of day",) if clock else ())]
    days = scaled["days"][0] if "days" in scaled else None
    return replace(
        begun,
        treatment=str(begun.column.kind),
        numbers=tuple(number for _, number in scaled.values()),
        flags=flags,
        becomes=_with_null(", ".join(told), begun),
        center=days.center if days else None,  # days since 2000-01-01
        scale=days.size if days else None,
    )


def _array(begun: Treated, found: Statistics, read: Reading) -> Treated:
    (measured,) = found.measures[begun.column.name]
    low, high = int(measured.low or 0), int(measured.high or 0)
    if low < 1:
        what = "are empty, of several dimensions, or hold NULL, NaN or numbers too large for real"
        return replace(begun, reason=f"arrays that {what}")
    if low != high:
        return replace(begun, reason=f"arrays of different lengths, from {low} to {high}")
    reals = as_reals(begun.column.name, begun.column.type)
    fits = f"{read.measures[0][1]} = {low}"  # another array counts as NULL
    numbers = Flag(f"CASE WHEN {fits} THEN {reals} ELSE array_fill(0::real, ARRAY[{low}]) END", low)
    flags = (Flag(f"CASE WHEN {fits} THEN 0 ELSE 1 END"),) if begun.null_share else ()
    becomes = _with_null(f"its {low} numbers, as they are", begun)
    return replace(begun, treatment="array", flags=(numbers, *flags), becomes=becomes)


def _set(begun: Treated, found: Statistics, read: Reading) -> Treated:
    counted = found.texts[begun.column.name]
    values = counted.values[:MOST_MEMBERS]
    begun = replace(begun, distinct=counted.distinct)
    flags = _null_flag(read, begun)
    if not values and not flags:
        return replace(begun, reason="no value occurs twice")
    x = f"{field_of(begun.column.name)}::text[]"
    members = tuple(Flag(f'CASE WHEN {literal(value)} COLLATE "C" = ANY ({x}) THEN 1 ELSE 0 END') for value in values)
    becomes = _with_null(f"0 or 1 for each of {len(values)} values", begun)
    stable = begun.column.type.element is not None and begun.column.type.element.category == "E"
    return replace(
        begun, treatment="set", flags=(*members, *flags), becomes=becomes, vocabulary=values, stable=stable or begun.stable
    )


def _category(begun: Treated, found: Statistics, read: Reading) -> Treated:
    column, counted = begun.column, found.texts[begun.column.name]
    begun = replace(begun, distinct=counted.distinct)
    reason = None if column.forced else _useless(counted)
    if reason is not None:
        notice = _free_text(column) if counted.length > LONG else None
        return replace(begun, reason=reason, notice=notice)
    if counted.distinct == 1 and not begun.null_share:
        return replace(begun, reason="the same value in every row")
    if not counted.frequent:
        return replace(begun, reason="no value occurs twice")
    text = as_text(column.name, column.type)
    stable = begun.stable or column.type.category not in "S"
    if counted.frequent > MOST_CODES:
        return _hashed(replace(begun, stable=stable), counted, text)
    values = counted.values
    others = f"; {counted.distinct - len(values)} rare ones and NULL are 0" if counted.distinct > len(values) else ""
    if len(values) <= ONE_HOT:
        collated = f'{text} COLLATE "C"' if column.type.category == "S" else text
        flags = tuple(Flag(f"CASE WHEN {collated} = {literal(value)} THEN 1 ELSE 0 END") for value in values)
        becomes = f"0 or 1 for each of {len(values)} values{others}"
        return replace(begun, treatment="one_hot", flags=flags, becomes=becomes, vocabulary=values, stable=stable)
    code = Code(code_sql(text, values), len(values))
    becomes = f"one of {len(values)} codes{others}"
    return replace(begun, treatment="codes", codes=(code,), becomes=becomes, vocabulary=values, stable=stable)


def _hashed(begun: Treated, counted: Counted, text: str) -> Treated:
    """Return what becomes of a column of very many values."""
    values = counted.values[: MOST_CODES - 1]
    sql, count = hashed_sql(text, values)
    becomes = f"one of {len(values)} codes, the other values one of {count - len(values)}"
    return replace(begun, treatment="hashed", codes=(Code(sql, count),), becomes=becomes, vocabulary=values)


def _useless(counted: Counted) -> str | None:
    """Return why texts tell nothing, if so."""
    if counted.distinct == counted.known > 1:
        return "free text" if counted.length > LONG else "a value of its own in each row"
    if counted.length > LONG and counted.distinct > counted.known / 2:
        return "free text"
    return None


def _free_text(column: SourceColumn) -> str:
    return (
        f'column "{column.name}" is left out: over half of its texts differ. To use them, add a column of their embeddings: an'
        " array of numbers of one length, or a vector of pgvector"
    )


_TREATMENTS: Mapping[Kind, Callable[[Treated, Statistics, Reading], Treated]] = {
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.CATEGORY: _category,
    Kind.DATE: _moment,
    Kind.TIMESTAMP: _moment,
    Kind.TIME: _time,
    Kind.INTERVAL: _interval,
    Kind.ARRAY: _array,
    Kind.SET: _set,
}
