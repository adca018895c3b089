"""What the treatment of columns hangs on, asked of all of them by one statement that goes through the table once.

A row becomes three arrays: its numbers, hashes of its texts, and the texts. The training rows are put together as bytes,
numbers and hashes, of all of them or, where they are many, of some; and the texts are counted. What comes of it, numpy says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automl.columns.kinds import FLOATS, Kind, Reading, as_text, field_of, reading
from automl.columns.source import Role, Source, SourceColumn
from automl.columns.splitting import DRAW, FIRST, MOST_STRATA, SECOND, Cut, Part, Splitting, part_of
from automl.database.session import Database, Row
from automl.database.settings import settings

MOST_ROWS = 200_000  # that quantiles are taken of
MOST_VALUES = 16_000_000  # and so many numbers of these
MOST_CODES = 10_000  # of one column
MOST_CLASSES = 1_000  # that are told of
RARE = 1e-5  # the share of the rows below which a value is rare; as is one that occurs once
_AS_WRITTEN = {"extra_float_digits": "3", "DateStyle": "ISO", "IntervalStyle": "postgres", "bytea_output": "hex"}
_HEADER = 20  # bytes of an array as it is sent, before its elements

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number that is made of a column, over the training rows.

    Attributes:
        values: of a sample of the rows, in their order; NaN where there is none.
        missing: how many of all rows have none.
        low, high: of all rows; None where no row has one.
    """

    values: Floats
    missing: int
    low: float | None
    high: float | None

    @cached_property
    def known(self) -> Floats:
        """The values that there are."""
        return self.values[~np.isnan(self.values)]


@dataclass(frozen=True)
class Counted:
    """The texts of a column, over the training rows.

    Attributes:
        values: the most frequent ones that are not rare, the most frequent first, ties by value.
        frequent: how many are not rare.
        distinct: how many there are.
        known: rows that have one; of a set, values.
        length: characters of one in the mean.
    """

    values: tuple[str, ...] = ()
    frequent: int = 0
    distinct: int = 0
    known: int = 0
    length: float = 0.0


@dataclass(frozen=True)
class Statistics:
    """What was found.

    Attributes:
        rows: by part; those that have a target.
        cuts: where the rows of each class are cut.
        classes: how many rows of each part have each value of the target; none where these are many.
        distinct: how many values the target has.
        measures: by column and place among its measures.
        texts: by column.
        hashes: of the texts of a column in the sample, in its order; 0 for NULL.
    """

    rows: Mapping[str, int]
    cuts: tuple[Cut, ...]
    classes: Mapping[str, Mapping[str, int]]
    distinct: int
    measures: Mapping[str, tuple[Measured, ...]]
    texts: Mapping[str, Counted]
    hashes: Mapping[str, NDArray[np.int32]]

    @property
    def train(self) -> int:
        """How many rows are to train on."""
        return self.rows.get(Part.TRAIN, 0)


@dataclass(frozen=True)
class Inquiry:
    """What is asked about a table.

    Attributes:
        readings: of the target, the weight and the candidates, by name; a target of classes is read as no number.
    """

    source: Source
    splitting: Splitting
    readings: Mapping[str, Reading]

    @property
    def measured(self) -> list[tuple[str, int]]:
        """The measures in their order: column, and place among its measures."""
        return [(name, at) for name, each in self.readings.items() for at in range(len(each.measures))]

    @property
    def target_known(self) -> str:
        """The condition for a row that can be learned from."""
        return self.readings[self.source.target.name].known

    @property
    def counted(self) -> list[SourceColumn]:
        """The columns whose texts are counted."""
        return [each for each in self.source.candidates if each.kind is Kind.CATEGORY]

    @property
    def hashed(self) -> list[SourceColumn]:
        """The columns whose texts are compared with the target's."""
        return [self.source.target, *self.counted]

    @property
    def sets(self) -> list[SourceColumn]:
        """The columns of arrays of texts."""
        return [each for each in self.source.candidates if each.kind is Kind.SET]


def inquiry(source: Source, splitting: Splitting, zone: str) -> Inquiry:
    """Return what is to be asked about a table.

    Args:
        zone: in which moments are taken apart.
    """
    asked = (source.target, source.of_role(Role.WEIGHT), *source.candidates)
    readings = {each.name: _reading(each, zone) for each in asked if each is not None}
    return Inquiry(source, splitting, readings)


def gather(db: Database, asked: Inquiry) -> Statistics:
    """Ask the database."""
    with settings(db, {**_AS_WRITTEN, "jit": "off"}):
        rows = db.execute(statement(asked))
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row["what"], []).append(row)
    return _statistics(asked, by_kind)


def _reading(column: SourceColumn, zone: str) -> Reading:
    """Return how a column is read; of one that is no number, whether it is there is read."""
    x = field_of(column.name)
    if column.kind is Kind.SET:
        return Reading(f"{x} IS NOT NULL", (("there", "1::double precision"),))
    if column.role is Role.TARGET and column.kind is not Kind.NUMBER:
        return Reading(f"{x} IS NOT NULL", ())
    if column.kind is Kind.CATEGORY:
        return Reading(f"{x} IS NOT NULL", (("there", "1::double precision"),))
    return reading(column.name, column.kind, column.type, zone)


# --- the statement ------------------------------------------------------------------------------------------------------


def statement(asked: Inquiry) -> str:
    """Return the statement."""
    split, target = asked.splitting, asked.source.target
    fractions = target.type.name in (*FLOATS, "numeric", "money")
    return f"""WITH source AS (
    SELECT {split.order or "NULL::float8"} AS o, g, named, {DRAW} AS draw, y, m, k, c, z FROM (
        SELECT {split.reads}, {"''::text" if fractions else as_text(target.name, target.type)} AS y,
            {_numbers(asked)} AS m, {_hashes(asked)} AS k, {_texts(asked.counted)} AS c, {_texts(asked.sets)} AS z
        FROM {asked.source.relation.sql} AS r WHERE {asked.target_known}
    ) AS hashed
), classes AS (
    SELECT y, count(*) AS n FROM source GROUP BY y
), cut AS (
    SELECT CASE WHEN (SELECT count(*) FROM classes) <= {MOST_STRATA} THEN g ELSE '' END AS g, count(*) AS n,
        percentile_disc({FIRST}) WITHIN GROUP (ORDER BY o) AS first,
        percentile_disc({SECOND}) WITHIN GROUP (ORDER BY o) AS second
    FROM source GROUP BY 1
), parted AS (
    SELECT draw, y, m, k, c, z, {_part(split)} AS part FROM source
    JOIN cut ON cut.g = CASE WHEN (SELECT count(*) FROM classes) <= {MOST_STRATA} THEN source.g ELSE '' END
), size AS (
    SELECT count(*) AS n FROM parted WHERE part = '{Part.TRAIN}'
), counted AS (
    SELECT 'text'::text AS what, at, value, count(*) AS n FROM (
        SELECT generate_subscripts(c, 1) AS at, unnest(c) AS value FROM parted WHERE part = '{Part.TRAIN}'
    ) AS texts WHERE value IS NOT NULL GROUP BY at, value
    UNION ALL SELECT 'set', at, value, count(*) FROM (
        SELECT at, unnest(value::text[]) AS value FROM (
            SELECT generate_subscripts(z, 1) AS at, unnest(z) AS value FROM parted WHERE part = '{Part.TRAIN}'
        ) AS sets
    ) AS members WHERE value IS NOT NULL GROUP BY at, value
), frequent AS (
    SELECT counted.*, counted.n >= GREATEST(2, {RARE} * size.n) AS kept FROM counted, size
)
{" UNION ALL ".join(_answers(asked))}"""


def _numbers(asked: Inquiry) -> str:
    """The SQL of the numbers of a row; NaN for none, so that each takes the same bytes."""
    values = [f"coalesce({asked.readings[name].guarded(at)}, 'NaN')" for name, at in asked.measured]
    return f"ARRAY[{', '.join(values)}]::double precision[]"


def _hashes(asked: Inquiry) -> str:
    values = [f"coalesce(hashtext({as_text(each.name, each.type)}), 0)" for each in asked.hashed]
    return f"ARRAY[{', '.join(values)}]::integer[]"


def _texts(columns: Sequence[SourceColumn]) -> str:
    values = [as_text(each.name, each.type) if each.kind is not Kind.SET else _as_set(each) for each in columns]
    return f"ARRAY[{', '.join(values)}]::text[]"


def _as_set(column: SourceColumn) -> str:
    return f"{field_of(column.name)}::text[]::text"


def _part(split: Splitting) -> str:
    """The SQL of a row's part, from its order and the cuts of its class."""
    return "source.named" if split.order is None else part_of("source.o", "cut.first", "cut.second")


# The columns of the answer, whose rows say different things.
_ANSWER = {
    "what": "text",
    "at": "integer",
    "value": "text",
    "part": "text",
    "n": "bigint",
    "kept": "bigint",
    "various": "bigint",
    "length": "float8",
    "first": "text",
    "second": "text",
    "numbers": "bytea",
    "hashes": "bytea",
    "missing": "bigint[]",
    "low": "float8[]",
    "high": "float8[]",
}


def _answers(asked: Inquiry) -> list[str]:
    """The queries of the answer."""
    number, training = len(asked.measured), f"parted, size WHERE part = '{Part.TRAIN}'"
    sampled = f"draw < {_sample(asked)}::float8 / GREATEST(size.n, 1)"
    few = f"(SELECT count(*) FROM classes) <= {MOST_CLASSES}"
    ranked = 'row_number() OVER (PARTITION BY what, at ORDER BY n DESC, value COLLATE "C") AS place'
    return [
        _answer("cut", what="'cut'", value="g", n="n", first="first", second="second"),
        _answer("parted GROUP BY part", what="'part'", part="part", n="count(*)"),
        _answer("classes", what="'classes'", n="count(*)"),
        _answer(f"parted WHERE {few} GROUP BY y, part", what="'class'", value="y", part="part", n="count(*)"),
        _answer(
            training,
            what="'rows'",
            numbers=_joined("m", number, sampled),
            hashes=_joined("k", len(asked.hashed), sampled),
            missing=_each(number, "sum((m[{}] = 'NaN')::integer)"),
            low=_each(number, "min(nullif(m[{}], 'NaN'))"),
            high=_each(number, "max(nullif(m[{}], 'NaN'))"),
        ),
        _answer(
            "frequent GROUP BY what, at",
            what="what || 's'",
            at="at",
            n="sum(n)",
            kept="sum(kept::integer)",
            various="count(*)",
            length="sum(n * length(value)) / sum(n)",
        ),
        _answer(
            f"(SELECT *, {ranked} FROM frequent WHERE kept) AS ranked WHERE place <= {MOST_CODES}",
            what="what",
            at="at",
            value="value",
            n="n",
        ),
    ]


def _answer(rows: str, **columns: str) -> str:
    """One of these queries; the columns that it does not name are NULL."""
    values = (f"({columns.get(name, 'NULL')})::{kind} AS {name}" for name, kind in _ANSWER.items())
    return f"SELECT {', '.join(values)} FROM {rows}"


def _sample(asked: Inquiry) -> int:
    """Return how many rows the sample may have."""
    return min(MOST_ROWS, MOST_VALUES // max(1, len(asked.measured) + len(asked.hashed)))


def _each(count: int, expression: str) -> str:
    return f"ARRAY[{', '.join(expression.format(at) for at in range(1, count + 1))}]"


def _joined(name: str, count: int, which: str) -> str:
    """The SQL of the arrays of some rows, one behind the other, as they are sent; nothing where they are empty."""
    return f"string_agg(CASE WHEN {which} THEN array_send({name}) END, ''::bytea)" if count else "NULL"


# --- what it says -------------------------------------------------------------------------------------------------------


def _statistics(asked: Inquiry, found: Mapping[str, Sequence[Row]]) -> Statistics:
    (rows,) = found["rows"]
    numbers = _matrix(rows["numbers"], len(asked.measured), ">f8")
    hashes = _matrix(rows["hashes"], len(asked.hashed), ">i4").astype(np.int32)
    classes: dict[str, dict[str, int]] = {}
    for row in found.get("class", ()):
        classes.setdefault(row["value"], {})[row["part"]] = row["n"]
    return Statistics(
        rows={row["part"]: row["n"] for row in found.get("part", ())},
        cuts=_cuts(found.get("cut", ())),
        classes=classes,
        distinct=found["classes"][0]["n"],
        measures=_measures(asked, rows, numbers),
        texts={
            **_counts(asked.counted, "text", found),
            **_counts(asked.sets, "set", found),
        },
        hashes={column.name: hashes[:, at] for at, column in enumerate(asked.hashed)},
    )


def _cuts(rows: Sequence[Row]) -> tuple[Cut, ...]:
    """Return the cuts that there are, in the order of the classes: none where a column says the part."""
    found = (Cut(row["value"], row["first"], row["second"]) for row in rows if row["first"] is not None)
    return tuple(sorted(found, key=lambda cut: cut.group))


def _matrix(sent: bytes | None, columns: int, kind: str) -> NDArray[np.generic]:
    """Return arrays as a matrix that were sent one behind the other: of each a header, and the size before each element."""
    if columns == 0 or not sent:
        return np.zeros((0, columns), kind)
    element = np.dtype([("size", ">i4"), ("value", kind)])
    row = np.dtype([("header", "V", _HEADER), ("elements", element, (columns,))])
    return np.frombuffer(sent, row)["elements"]["value"]


def _measures(asked: Inquiry, rows: Row, numbers: NDArray[np.generic]) -> dict[str, tuple[Measured, ...]]:
    found: dict[str, tuple[Measured, ...]] = {name: () for name in asked.readings}
    for place, (name, _) in enumerate(asked.measured):
        values = numbers[:, place].astype(np.float64)
        one = Measured(values, rows["missing"][place] or 0, rows["low"][place], rows["high"][place])
        found[name] = (*found[name], one)
    return found


def _counts(columns: Sequence[SourceColumn], what: str, found: Mapping[str, Sequence[Row]]) -> dict[str, Counted]:
    values: dict[int, list[Row]] = {}
    for row in found.get(what, ()):
        values.setdefault(row["at"], []).append(row)
    about = {row["at"]: row for row in found.get(f"{what}s", ())}
    return {
        column.name: _counted(about[at], values.get(at, [])) if at in about else Counted()
        for at, column in enumerate(columns, 1)
    }


def _counted(about: Row, values: Sequence[Row]) -> Counted:
    ordered = sorted(values, key=lambda row: (-row["n"], row["value"]))
    return Counted(
        tuple(row["value"] for row in ordered),
        about["kept"],
        about["various"],
        about["n"],
        float(about["length"]),
    )
