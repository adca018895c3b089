"""What becomes of columns, from numbers that are known: without a database."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from automl.columns.columns_table import value_sql
from automl.columns.features_sql import Vector
from automl.columns.inquiry import inquiry, statement
from automl.columns.kinds import Kind, Reading, kind_of, reading
from automl.columns.leaks import is_copy, suspects
from automl.columns.source import Role, Source, SourceColumn
from automl.columns.splitting import Cut, part_of, splitting
from automl.columns.statistics import Counted, Measured, Statistics
from automl.columns.treatments import Scale, Treated, treat
from automl.columns.vocabularies import code_sql, hashed_sql
from automl.database.catalog import ColumnType, Relation
from automl.database.names import Name, dollars

CATEGORIES = {"integer": "N", "double precision": "N", "numeric": "N", "text": "S", "boolean": "B", "date": "D", "uuid": "U"}


def a_type(name: str) -> ColumnType:
    """A type of PostgreSQL's own."""
    if name.endswith("[]"):
        return ColumnType(name, f"pg_catalog.{name}", "A", "pg_catalog", a_type(name[:-2]))
    return ColumnType(name, f"pg_catalog.{name}", CATEGORIES.get(name, "D"), "pg_catalog")


def a_column(name: str, kind: str = "double precision", role: Role = Role.FEATURE, **others: object) -> SourceColumn:
    of = a_type(kind)
    return SourceColumn(1, name, of, kind, kind_of(of), role, **others)  # type: ignore[arg-type]


def measured(*values: float | None) -> Measured:
    """What is known of a number, where all rows are in the sample."""
    return Measured.of(np.array([math.nan if value is None else value for value in values]))


def found(
    rows: int,
    measures: Mapping[str, tuple[Measured, ...]] | None = None,
    texts: Mapping[str, Counted] | None = None,
    hashes: Mapping[str, list[int]] | None = None,
) -> Statistics:
    arrays = {name: np.array(values, np.int32) for name, values in (hashes or {}).items()}
    return Statistics({"train": rows}, (), {}, 2, measures or {}, texts or {}, arrays)


def treated(column: SourceColumn, statistics: Statistics) -> Treated:
    read = reading(column.name, column.kind, column.type, "UTC")
    return treat(column, statistics, read)


def category(counted: Counted, rows: int, missing: int = 0, *, forced: bool = False) -> Treated:
    """What becomes of a text."""
    column = a_column("plan", "text", forced=forced)
    there = Measured(np.ones(0), missing, 1.0, 1.0)
    return treated(column, found(rows, {"plan": (there,)}, {"plan": counted}))


# --- kinds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("integer", Kind.NUMBER),
        ("numeric", Kind.NUMBER),
        ("boolean", Kind.BOOLEAN),
        ("text", Kind.CATEGORY),
        ("date", Kind.DATE),
        ("timestamp with time zone", Kind.TIMESTAMP),
        ("interval", Kind.INTERVAL),
        ("uuid", Kind.IDENTIFIER),
        ("double precision[]", Kind.ARRAY),
        ("text[]", Kind.SET),
        ("date[]", Kind.OTHER),
        ("jsonb", Kind.OTHER),
    ],
)
def test_kinds_of_columns(name: str, kind: Kind) -> None:
    assert kind_of(a_type(name)) is kind


def test_a_type_that_has_a_cast_to_arrays_of_reals_is_one() -> None:
    vector = ColumnType("vector", "public.vector", "U", "public")
    assert kind_of(vector, is_vector=True) is Kind.ARRAY
    assert kind_of(vector) is Kind.OTHER


# --- numbers ------------------------------------------------------------------------------------------------------------


def test_the_scale_is_from_quartile_to_quartile() -> None:
    assert Scale.of(np.array([1.0, 2.0, 3.0, 4.0, 100.0])) == Scale(3.0, 2.0)


def test_where_the_quartiles_are_the_same_it_is_half_the_range() -> None:
    assert Scale.of(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0])) == Scale(0.0, 2.5)


def test_where_all_are_the_same_there_is_none() -> None:
    assert Scale.of(np.array([7.0, 7.0])) is None
    assert Scale.of(np.zeros(0)) is None


def test_the_clip_is_smooth() -> None:
    scaled = Scale(10.0, 2.0).apply(np.array([10.0, 16.0, 1e300, -1e300]))
    assert np.allclose(scaled, [0.0, 3 / math.sqrt(2), 3.0, -3.0])


def test_a_number_and_its_null() -> None:
    column = treated(a_column("age", "integer"), found(6, {"age": (measured(1, 2, 3, 4, 5, None),)}))
    assert (column.treatment, column.center, column.scale, column.null_share) == ("number", 3.0, 2.0, 1 / 6)
    (number,), (flag,) = column.numbers, column.flags
    assert number.sql == "CASE WHEN r.age IS NOT NULL THEN 3 * sin(atan((r.age::double precision - 3.0) / 6.0)) ELSE 0 END"
    assert flag.sql == "CASE WHEN r.age IS NOT NULL THEN 0 ELSE 1 END"
    assert np.allclose(number.edges[0], -1 / math.sqrt(1 + 1 / 9))
    assert list(number.edges) == sorted(set(number.edges))


def test_numbers_that_may_be_anything_are_kept_in_range() -> None:
    column = treated(a_column("x"), found(5, {"x": (measured(-2, -1, 0, 1, 2),)}))
    assert column.numbers[0].sql == (
        "CASE WHEN r.x > -1e300 AND r.x < 1e300 THEN"
        " 3 * sin(atan((LEAST(GREATEST(r.x::double precision, -2000000.0), 2000000.0) + 2.0 - 2.0) / 6.0)) ELSE 0 END"
    )


def test_columns_of_one_value_or_none_are_dropped() -> None:
    assert treated(a_column("x"), found(2, {"x": (measured(4, 4),)})).reason == "the same value in every row"
    assert treated(a_column("x"), found(2, {"x": (measured(None, None),)})).reason == "NULL in every row"


def test_of_one_value_and_null_the_flag_is_left() -> None:
    column = treated(a_column("x"), found(3, {"x": (measured(4, None, 4),)}))
    assert (len(column.numbers), len(column.flags), column.treatment) == (0, 1, "number")


def test_integers_that_number_the_rows_are_dropped_only_by_their_name_or_index() -> None:
    numbers = found(3, {"x": (measured(1, 2, 3),)})
    assert treated(a_column("x", "integer"), numbers).treatment == "number"
    assert treated(a_column("x", "integer", numbered=True), numbers).reason == "a number of its own for each row"
    assert treated(a_column("x", "integer", numbered=True, forced=True), numbers).treatment == "number"


# --- categories ---------------------------------------------------------------------------------------------------------


def test_up_to_eight_values_are_flags() -> None:
    column = category(Counted(("b", "a"), 2, 3, 9, 1.0), 10, 1)
    assert [flag.sql for flag in column.flags] == [
        "CASE WHEN r.plan COLLATE \"C\" = 'b' THEN 1 ELSE 0 END",
        "CASE WHEN r.plan COLLATE \"C\" = 'a' THEN 1 ELSE 0 END",
    ]
    assert (column.treatment, column.vocabulary, column.codes) == ("one_hot", ("b", "a"), ())


def test_more_values_are_codes() -> None:
    values = tuple("abcdefghi")
    column = category(Counted(values, 9, 9, 90, 1.0), 90)
    assert (column.treatment, column.codes[0].count, column.flags) == ("codes", 9, ())
    assert '"a": 1, "b": 2' in column.codes[0].sql


def test_more_than_ten_thousand_share_some() -> None:
    values = tuple(f"v{number:05}" for number in range(10_000))
    column = category(Counted(values, 10_001, 20_000, 50_000, 6.0), 50_000)
    assert (column.treatment, len(column.vocabulary or ()), column.codes[0].count) == ("hashed", 9_999, 9_999 + 256)


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        (Counted((), 0, 50, 50, 8.0), "a value of its own in each row"),
        (Counted((), 0, 50, 50, 80.0), "free text"),
        (Counted(("x",), 1, 30, 50, 80.0), "free text"),
        (Counted(("x",), 1, 1, 50, 1.0), "the same value in every row"),
        (Counted((), 0, 30, 50, 8.0), "no value occurs twice"),
    ],
)
def test_texts_that_tell_nothing(counted: Counted, reason: str) -> None:
    column = category(counted, 50)
    assert (column.treatment, column.reason) == (None, reason)
    assert (column.notice is not None) == (reason == "free text")


def test_what_the_caller_calls_a_category_is_one() -> None:
    assert category(Counted(("x", "y"), 2, 30, 50, 80.0), 50, forced=True).treatment == "one_hot"


def test_codes_in_sql_hold_any_text() -> None:
    assert code_sql("r.t", ['it\'s "x"\\']) == r"""coalesce((E'{"it''s \\"x\\"\\\\": 1}'::jsonb ->> r.t)::integer, 0)"""
    assert hashed_sql("r.t", ["a"]) == (
        """coalesce(('{"a": 1}'::jsonb ->> r.t)::integer, 2 + ('x' || substr(md5(r.t), 1, 2))::bit(8)::integer, 0)""",
        257,
    )


# --- others -------------------------------------------------------------------------------------------------------------


def test_arrays_of_one_length_are_taken_as_they_are() -> None:
    column = treated(a_column("v", "real[]"), found(2, {"v": (measured(3, 3),)}))
    (flag,) = column.flags
    assert flag.sql.startswith("CASE WHEN (CASE WHEN array_ndims(r.v) = 1 AND ")
    assert flag.sql.endswith(" = 3 THEN r.v::real[] ELSE array_fill(0::real, ARRAY[3]) END")
    assert flag.width == 3
    other = treated(a_column("v", "double precision[]"), found(2, {"v": (measured(3, 4),)}))
    assert other.reason == "arrays of different lengths, from 3 to 4"
    holes = treated(a_column("v", "double precision[]"), found(2, {"v": (measured(3, -1),)}))
    assert holes.reason == "arrays that are empty, of several dimensions, or hold NULL, NaN or numbers too large for real"


def test_a_date_is_days_year_month_and_weekday_as_far_as_they_differ() -> None:
    parts = (measured(0, 1, 2), measured(2000, 2000, 2000), measured(1, 1, 1), measured(6, 7, 1))
    column = treated(a_column("d", "date"), found(3, {"d": parts}))
    assert (len(column.numbers), column.flags, column.becomes) == (2, (), "days, weekday")
    assert (column.center, column.scale) == (1.0, 1.0)


def test_the_hour_is_taken_where_one_is_not_midnight() -> None:
    days = (measured(0, 1), measured(2000, 2000), measured(1, 1), measured(6, 7))
    midnight = treated(a_column("t", "timestamp without time zone"), found(2, {"t": (*days, measured(0, 0))}))
    noon = treated(a_column("t", "timestamp without time zone"), found(2, {"t": (*days, measured(0, 43_200))}))
    assert (len(midnight.flags), len(noon.flags)) == (0, 2)


# --- the vector ---------------------------------------------------------------------------------------------------------


def test_the_order_of_the_vector() -> None:
    age = treated(a_column("age", "integer"), found(6, {"age": (measured(1, 2, 3, 4, 5, None),)}))
    codes = category(Counted(tuple("abcdefghi"), 9, 9, 90, 1.0), 90)
    array = treated(a_column("v", "double precision[]"), found(2, {"v": (measured(3, 3),)}))
    vector = Vector((codes, array, age))
    assert vector.places() == {"age": (1, 2), "v": (3, 4, 5), "plan": (6,)}
    assert vector.width == 6
    layout = vector.layout(2, classes=True)
    assert (layout.numbers, layout.flags, layout.codes, layout.width) == (1, 4, (9,), 6)
    assert [part.split()[0] for part in vector.sql.split(" || ")] == ["ARRAY[", "CASE", "ARRAY["]


def test_dollars_that_a_text_does_not_hold() -> None:
    assert dollars("a $sql$ b") == "$sql_$a $sql$ b$sql_$"


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        (1e-05, "1e-05"),
        ("a\\'", "E'a\\\\'''"),
        (("x", "y"), "ARRAY['x', 'y']::text[]"),
        ((), "ARRAY[]::text[]"),
    ],
)
def test_values_as_sql_has_them(value: object, sql: str) -> None:
    assert value_sql(value) == sql


# --- parts --------------------------------------------------------------------------------------------------------------


def a_source(*columns: SourceColumn, key: tuple[str, ...] = ("id",)) -> Source:
    target = a_column("y", "text", Role.TARGET)
    return Source(Relation(1, Name("t", "s"), "r"), (target, *columns), key)


def test_a_row_that_stands_nowhere_trains() -> None:
    assert part_of("o", "1", "2") == "CASE WHEN o > 2 THEN 'test' WHEN o > 1 THEN 'validation' ELSE 'train' END"


def test_classes_are_cut_each_on_its_own() -> None:
    split = splitting(a_source(), 7, strata=True)
    part = split.part([Cut("a", "b5", "cc"), Cut("b", "d1", "e6")])
    first = "CASE g WHEN 'a' THEN 'b5'::text WHEN 'b' THEN 'd1'::text ELSE 'ccccccccccccd' END"
    assert f"> {first} THEN 'validation'" in part
    assert (split.hash, split.group) == ("md5('7 ' || r.id::text)", 'r.y COLLATE "C"')


def test_time_cuts_at_a_moment() -> None:
    split = splitting(a_source(a_column("d", "date", Role.TIME)), 7, strata=True)
    assert split.part([Cut("", "2020-01-01", "2021-01-01")]) == (
        "CASE WHEN t > '2021-01-01'::pg_catalog.date THEN 'test'"
        " WHEN t > '2020-01-01'::pg_catalog.date THEN 'validation' ELSE 'train' END"
    )


def test_rows_without_a_key_go_by_all_of_them() -> None:
    assert splitting(a_source(key=()), 7, strata=False).hash.startswith("md5('7 ' || (r.*)::text || ' ' || row_number() OVER (")
    assert splitting(a_source(key=("a", "b")), 7, strata=False).hash == "md5('7 ' || ROW(r.a, r.b)::text)"


def test_one_statement_reads_the_table_once() -> None:
    source = a_source(*(a_column(f"c{number}") for number in range(1_600)))
    text = statement(inquiry(source, splitting(source, 1, strata=True), "UTC"))
    assert text.count('"s"."t"') == 1


def test_rows_without_weight_do_not_count() -> None:
    source = a_source(a_column("w", "integer", Role.WEIGHT))
    about = inquiry(source, splitting(source, 1, strata=True), "UTC")
    known = "CASE WHEN r.w IS NOT NULL THEN r.w::double precision END"
    assert about.usable == f"r.y IS NOT NULL AND coalesce({known}, 0) <> 0"
    assert f"({about.usable}) IS TRUE AS usable" in statement(about)


# --- leaks --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labels() -> list[int]:
    return [int(each) for each in np.random.default_rng(0).integers(0, 3, 400)]


def told(labels: list[int], column: SourceColumn, statistics: Statistics) -> list[str]:
    read = Reading("true", (("value", "x"),))
    one = Treated(column, treatment="number", stable=read.stable)
    return suspects(a_source(column), statistics, [one], classes=True)


def test_a_column_that_gives_the_class_is_suspected(labels: list[int]) -> None:
    column = a_column("x")
    gives = found(400, {"x": (measured(*(10.0 * each for each in labels)),)}, hashes={"y": labels})
    noise = np.random.default_rng(1).normal(size=400)
    tells = found(
        400, {"x": (measured(*(each + other for each, other in zip(labels, noise, strict=True))),)}, hashes={"y": labels}
    )
    assert (told(labels, column, gives), told(labels, column, tells)) == (["x"], [])


@pytest.mark.parametrize("order", ["sorted", "in turn"])
def test_the_order_of_the_rows_hides_no_column_that_gives_the_class(order: str) -> None:
    labels = [place // 25_000 if order == "sorted" else place % 2 for place in range(50_000)]
    statistics = found(50_000, {"x": (measured(*map(float, labels)),)}, hashes={"y": labels})
    assert told(labels, a_column("x"), statistics) == ["x"]


def test_so_is_one_that_is_null_for_one_class(labels: list[int]) -> None:
    two = [int(each > 0) for each in labels]
    statistics = found(400, {"x": (measured(*(None if each else 1.0 for each in two)),)}, hashes={"y": two})
    assert told(two, a_column("x"), statistics) == ["x"]


def test_values_that_occur_once_give_nothing(labels: list[int]) -> None:
    statistics = found(400, texts={"x": Counted()}, hashes={"y": labels, "x": list(range(400))})
    assert told(labels, a_column("x", "text"), statistics) == []


def test_a_copy_of_the_target() -> None:
    column = a_column("x", "text")
    same = found(3, hashes={"y": [1, 2, 1], "x": [1, 2, 1]})
    renamed = found(3, hashes={"y": [1, 2, 1], "x": [5, 6, 5]})
    assert (is_copy(a_source(column), same, column), is_copy(a_source(column), renamed, column)) == (True, False)
