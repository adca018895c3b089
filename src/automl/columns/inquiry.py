"""What is asked about the columns of a table: one statement that goes through it once.

A row becomes three arrays: its numbers, hashes of its texts, and the texts. The training rows are put together as bytes,
numbers and hashes, of all of them or, where they are many, of some; and the texts are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl.columns.kinds import FLOATS, Kind, Reading, as_text, field_of, reading
from automl.columns.source import Role, Source, SourceColumn
from automl.columns.splitting import DRAW, FIRST, MOST_STRATA, SECOND, Part, Splitting, part_of

MOST_ROWS = 200_000  # that quantiles are taken of
MOST_VALUES = 16_000_000  # and so many numbers of these
MOST_CODES = 10_000  # of one column
MOST_CLASSES = 1_000  # that are told of
RARE = 1e-5  # the share of the rows below which a value is rare; as is one that occurs once


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
    def usable(self) -> str:
        """The condition for a row that counts: its target is known, and it has a weight where rows have one."""
        known, weight = self.readings[self.source.target.name].known, self.source.of_role(Role.WEIGHT)
        return known if weight is None else f"{known} AND coalesce({self.readings[weight.name].guarded(0)}, 0) <> 0"

    @property
    def weight_place(self) -> int | None:
        """The place of the weight among the measures, from 1; None where rows have none."""
        weight = self.source.of_role(Role.WEIGHT)
        return None if weight is None else 1 + self.measured.index((weight.name, 0))

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

    @property
    def most(self) -> int:
        """How many rows the sample may have."""
        return min(MOST_ROWS, MOST_VALUES // max(1, len(self.measured) + len(self.hashed)))


def inquiry(source: Source, splitting: Splitting, zone: str) -> Inquiry:
    """Return what is to be asked about a table.

    Args:
        zone: in which moments are taken apart.
    """
    asked = (source.target, source.of_role(Role.WEIGHT), source.of_role(Role.TIME), *source.candidates)
    readings = {each.name: _reading(each, zone) for each in asked if each is not None}
    return Inquiry(source, splitting, readings)


def _reading(column: SourceColumn, zone: str) -> Reading:
    """Return how a column is read; of one that is no number, whether it is there is read."""
    x = field_of(column.name)
    if column.role is Role.TARGET and column.kind is not Kind.NUMBER:
        return Reading(f"{x} IS NOT NULL", ())
    if column.role is Role.TIME or column.kind in (Kind.CATEGORY, Kind.SET):
        return Reading(f"{x} IS NOT NULL", (("there", "1::double precision"),))
    return reading(column.name, column.kind, column.type, zone)


# --- the statement ------------------------------------------------------------------------------------------------------


def rows_read(asked: Inquiry) -> str:
    """Return the query of what is made of each row, which reads the table."""
    target = asked.source.target
    fractions = target.kind is Kind.NUMBER and target.type.name in (*FLOATS, "numeric", "money")
    made = {
        "y": "''::text" if fractions else _text(target),
        "m": _numbers(asked),
        "k": _hashes(asked),
        "c": _texts(asked.counted),
        "z": _texts(asked.sets),
    }
    # Rows that do not count are there to be counted: nothing is made of them, which may be most of the table.
    read = {name: f"CASE WHEN {asked.usable} THEN {sql} END" for name, sql in made.items()}
    columns = ", ".join(f"{sql} AS {name}" for name, sql in read.items())
    return (
        f"SELECT {asked.splitting.reads}, ({asked.usable}) IS TRUE AS usable, {columns} FROM {asked.source.relation.sql} AS r"
    )


def statement(asked: Inquiry, source: str | None = None) -> str:
    """Return the statement.

    Args:
        source: the query of `rows_read`, or of where its rows are kept.
    """
    split = asked.splitting
    order = split.order or "NULL::text"
    return f"""WITH source AS (
    {source or rows_read(asked)}
), classes AS (
    SELECT y, count(*) AS n FROM source WHERE usable GROUP BY y
), cut AS (
    SELECT CASE WHEN (SELECT count(*) FROM classes) <= {MOST_STRATA} THEN g ELSE '' END AS g, count(*) AS n,
        percentile_disc({FIRST}) WITHIN GROUP (ORDER BY {order}) AS first,
        percentile_disc({SECOND}) WITHIN GROUP (ORDER BY {order}) AS second
    FROM source WHERE usable GROUP BY 1
), parted AS (
    SELECT h, y, m, k, c, z, {_part(split)} AS part FROM source
    JOIN cut ON cut.g = CASE WHEN (SELECT count(*) FROM classes) <= {MOST_STRATA} THEN source.g ELSE '' END WHERE usable
), size AS (
    SELECT count(*) AS n FROM parted WHERE part = '{Part.TRAIN}'
), counted AS (
    {_counted(asked)}
), frequent AS (
    SELECT counted.*, counted.n >= GREATEST(2, {RARE} * size.n) AS kept FROM counted, size
)
{" UNION ALL ".join(_answers(asked))}"""


def _counted(asked: Inquiry) -> str:
    """The query of the texts of training rows, and of the members of sets, with how often each is there."""
    rows = f"FROM parted WHERE part = '{Part.TRAIN}'"
    texts = f"SELECT generate_subscripts(c, 1) AS at, unnest(c) AS value {rows}"
    sets = f"SELECT generate_subscripts(z, 1) AS at, unnest(z) AS value {rows}"
    queries = {
        "text": texts if asked.counted else None,
        "set": f"SELECT at, unnest(value::text[]) AS value FROM ({sets}) AS sets" if asked.sets else None,
    }
    none = "SELECT 'none'::text AS what, 0 AS at, ''::text AS value, 0::bigint AS n WHERE false"
    return " UNION ALL ".join(
        [none, *(
            f"SELECT '{what}'::text, at, value, count(*) FROM ({query}) AS each WHERE value IS NOT NULL GROUP BY at, value"
            for what, query in queries.items() if query is not None
        )]
    )  # fmt: skip


def _numbers(asked: Inquiry) -> str:
    """The SQL of the numbers of a row; NaN for none, so that each takes the same bytes."""
    values = [f"coalesce({asked.readings[name].guarded(at)}, 'NaN')" for name, at in asked.measured]
    return f"ARRAY[{', '.join(values)}]::double precision[]"


def _hashes(asked: Inquiry) -> str:
    values = [f"coalesce(hashtext({as_text(each.name, each.type)}), 0)" for each in asked.hashed]
    return f"ARRAY[{', '.join(values)}]::integer[]"


def _texts(columns: Sequence[SourceColumn]) -> str:
    return f"ARRAY[{', '.join(map(_text, columns))}]::text[]"


def _text(column: SourceColumn) -> str:
    """The SQL of a text, or of a set as text: of one collation, because columns may have several, which do not go together."""
    value = as_text(column.name, column.type) if column.kind is not Kind.SET else f"{field_of(column.name)}::text[]::text"
    return f'{value} COLLATE "C"'


def _part(split: Splitting) -> str:
    """The SQL of a row's part, from its order and the cuts of its class."""
    return "source.named" if split.order is None else part_of(split.order, "cut.first", "cut.second")


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
    weight = "NULL" if asked.weight_place is None else f"ARRAY[min(m[{asked.weight_place}])]"
    sampled = f"size.n <= {asked.most} OR {DRAW} < {asked.most}::float8 / size.n"
    few = f"(SELECT count(*) FROM classes) <= {MOST_CLASSES}"
    ranked = 'row_number() OVER (PARTITION BY what, at ORDER BY n DESC, value COLLATE "C") AS place'
    return [
        _answer("cut", what="'cut'", value="g", n="n", first="first", second="second"),
        _answer("parted GROUP BY part", what="'part'", part="part", n="count(*)", low=weight),
        _answer("source WHERE NOT usable", what="'left out'", n="count(*)"),
        _answer("classes", what="'classes'", n="count(*)"),
        _answer(f"parted WHERE {few} GROUP BY y, part", what="'class'", value="y", part="part", n="count(*)"),
        _answer(
            training,
            what="'rows'",
            n="count(*)",
            numbers=_joined("m", number, sampled),
            hashes=_joined("k", len(asked.hashed), sampled),
        ),
        _answer(
            f"{training} AND size.n > {asked.most}",  # than are in the sample; else numpy says it
            what="'ranges'",
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


def _each(count: int, expression: str) -> str:
    return f"ARRAY[{', '.join(expression.format(at) for at in range(1, count + 1))}]"


def _joined(name: str, count: int, which: str) -> str:
    """The SQL of the arrays of some rows, one behind the other, as they are sent; nothing where they are empty."""
    return f"string_agg(CASE WHEN {which} THEN array_send({name}) END, ''::bytea)" if count else "NULL"
