"""madlib.automl_train up to the rows that are packed: what becomes of columns, and which rows are for what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fix_columns_script import columns, error, numbered, prepared, script
from fix_db import CURRENT_SCHEMA, Session
from fix_search import lent

# 600 customers: numbers with NULL, NaN and infinity, a boolean, categories, a date, moments, and what tells nothing.
CUSTOMERS = """
CREATE TABLE customers AS SELECT i AS id,
    (i * 37) % 61 AS age,
    CASE WHEN i % 7 = 0 THEN NULL WHEN i % 97 = 0 THEN 'NaN'::float8 WHEN i % 89 = 0 THEN 'Infinity'::float8
        ELSE ((i * 7919) % 1009) / 10.0 END AS income,
    CASE i % 5 WHEN 0 THEN NULL ELSE i % 5 < 3 END AS active,
    (ARRAY['basic', 'plus', 'pro'])[1 + (i * 31) % 3] AS plan,
    'town ' || (i * i) % 23 AS town,
    date '2020-02-28' + (i * 13) % 700 AS joined,
    timestamptz '2021-01-01 00:00+00' + (i * 17) % 900 * interval '7 hours' AS seen,
    (i * 101) % 17 / 4.0::real AS score,
    'note number ' || i || ' of a customer' AS note,
    1 AS constant,
    NULL::integer AS nothing,
    '{}'::json AS document,
    CASE WHEN ((i * 37) % 61) + (i * 31) % 3 * 20 > 50 THEN 'yes' ELSE 'no' END AS churned
FROM generate_series(1, 600) i;
ALTER TABLE customers ADD PRIMARY KEY (id);
"""


@pytest.fixture(scope="module")
def customers(quick: Session) -> Iterator[Session]:
    """A session with the customers, and the script for them executed up to the table of rows."""
    with lent(quick, "t_automl_train") as session:
        session.run("SET TimeZone = 'Europe/Berlin'; SET keras_automl.sessions = 0")
        session.run(CUSTOMERS)
        session.steps = prepared(session, "customers", "churn", "churned")  # type: ignore[attr-defined]
        session.about = columns(session, session.steps, "churn")  # type: ignore[attr-defined]
        yield session


# --- features -----------------------------------------------------------------------------------------------------------


def test_roles_and_treatments(customers: Session) -> None:
    found = {name: (row.role, row.treatment) for name, row in customers.about.items()}  # type: ignore[attr-defined]
    assert found == {
        "id": ("id", None),
        "age": ("feature", "number"),
        "income": ("feature", "number"),
        "active": ("feature", "boolean"),
        "plan": ("feature", "one_hot"),
        "town": ("feature", "codes"),
        "joined": ("feature", "date"),
        "seen": ("feature", "timestamp"),
        "score": ("feature", "number"),
        "note": ("dropped", None),
        "constant": ("dropped", None),
        "nothing": ("dropped", None),
        "document": ("dropped", None),
        "churned": ("target", None),
    }
    reasons = {name: row.reason for name, row in customers.about.items() if row.reason}  # type: ignore[attr-defined]
    assert reasons == {
        "note": "free text",
        "constant": "the same value in every row",
        "nothing": "NULL in every row",
        "document": "nothing is made of type json; a view can make columns of it",
    }


TRAINING = "customers c JOIN churn_rows w ON w.features = churn_features(c) WHERE w.part = 'train'"


def test_statistics_are_those_of_the_training_rows(customers: Session) -> None:
    sql = (
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age),"
        " percentile_cont(0.75) WITHIN GROUP (ORDER BY age) - percentile_cont(0.25) WITHIN GROUP (ORDER BY age),"
        " avg((income IS NULL OR income IN ('NaN', 'Infinity'))::integer)::float8, count(DISTINCT age)"
        f" FROM {TRAINING}"
    )
    center, scale, nulls, distinct = customers.fetch(sql)[0]
    age, income = (customers.about[name] for name in ("age", "income"))  # type: ignore[attr-defined]
    assert (age.center, age.scale, age.distinct_values, age.null_share) == (center, scale, distinct, 0)
    assert math.isclose(income.null_share, nulls)
    assert 0 < nulls < 1


def test_numbers_in_the_vector(customers: Session) -> None:
    age = customers.about["age"]  # type: ignore[attr-defined]
    rows = customers.fetch(f"SELECT age::float8, (churn_features(c))[{age.first}] FROM customers c")
    z = (np.array([row[0] for row in rows]) - age.center) / age.scale
    assert np.allclose(z / np.sqrt(1 + (z / 3) ** 2), [row[1] for row in rows], atol=1e-6)


def flags(db: Session, column: str, value: str) -> set[tuple[Any, ...]]:
    """The places of a column's flags, for the rows that have a value."""
    about = db.about[column]  # type: ignore[attr-defined]
    places = ", ".join(f"(churn_features(c))[{about.first + at}]" for at in range(about.width))
    return set(db.fetch(f"SELECT {places} FROM customers c WHERE {column} {value}"))


def test_booleans_and_categories_in_the_vector(customers: Session) -> None:
    assert [flags(customers, "active", value) for value in ("= FALSE", "IS NULL", "= TRUE")] == [{(-1,)}, {(0,)}, {(1,)}]
    vocabulary = customers.about["plan"].vocabulary  # type: ignore[attr-defined]
    hot = {value: flags(customers, "plan", f"= '{value}'") for value in vocabulary}
    assert hot == {value: {tuple(float(other == value) for other in vocabulary)} for value in vocabulary}


def test_codes_go_by_frequency_and_then_by_value(customers: Session) -> None:
    sql = f'SELECT town FROM {TRAINING} GROUP BY town ORDER BY count(*) DESC, town COLLATE "C"'
    towns = [town for (town,) in customers.fetch(sql)]
    about = customers.about["town"]  # type: ignore[attr-defined]
    assert (list(about.vocabulary), about.width) == (towns, 1)
    sql = f"SELECT DISTINCT town, (churn_features(c))[{about.first}] FROM customers c"
    assert dict(customers.fetch(sql)) == {town: code for code, town in enumerate(towns, 1)}


def test_what_training_has_not_seen_is_0(customers: Session) -> None:
    row = "ROW(0, 40, NULL, NULL, 'platinum', 'elsewhere', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL)::customers"
    vector = customers.value(f"SELECT churn_features({row})")
    town, plan, income = (customers.about[name] for name in ("town", "plan", "income"))  # type: ignore[attr-defined]
    assert vector[town.first - 1] == 0
    assert vector[plan.first - 1 : plan.first - 1 + plan.width] == [0, 0, 0]
    assert vector[income.first - 1] == 0
    assert all(map(math.isfinite, vector))


def test_numbers_as_large_as_can_be_are_clipped(customers: Session) -> None:
    about = customers.about["income"]  # type: ignore[attr-defined]
    row = "ROW(0, 40, {}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::customers"
    values = [
        customers.value(f"SELECT (churn_features({row.format(x)}))[{about.first}]") for x in ("1e299", "-1e299", "1e-300")
    ]
    assert np.allclose(values[:2], [3, -3])
    assert abs(values[2]) < 3


def test_moments_are_taken_apart_in_the_zone_of_the_caller(customers: Session) -> None:
    about = customers.about["seen"]  # type: ignore[attr-defined]
    assert about.becomes == "days, month, weekday, sine and cosine of the time of day"
    before = customers.fetch("SELECT id, churn_features(c) FROM customers c ORDER BY id")
    customers.run("SET TimeZone = 'Asia/Tokyo'")
    after = customers.fetch("SELECT id, churn_features(c) FROM customers c ORDER BY id")
    customers.run("SET TimeZone = 'Europe/Berlin'")
    assert before == after
    hour = customers.value("SELECT date_part('hour', seen AT TIME ZONE 'Europe/Berlin') FROM customers WHERE id = 1")
    assert hour == 0  # 119 hours later than 1 o'clock


# --- parts --------------------------------------------------------------------------------------------------------------


def test_each_class_has_its_share_of_each_part(customers: Session) -> None:
    rows = customers.fetch("SELECT churned, part, count(*) FROM churn_rows GROUP BY 1, 2")
    by_class: dict[str, dict[str, int]] = {}
    for value, part, count in rows:
        by_class.setdefault(value, {})[part] = count
    for counts in by_class.values():
        total = sum(counts.values())
        assert counts["train"] == math.ceil(0.8 * total)
        assert counts["train"] + counts["validation"] == math.ceil(0.9 * total)


def test_a_row_stays_in_its_part_when_others_are_added(db: Session) -> None:
    db.run("CREATE TABLE t (id integer PRIMARY KEY, x integer, y integer)")
    part = []
    for rows in ((1, 1000), (1001, 1200)):
        db.run("INSERT INTO t SELECT i, (i * 7) %% 31, i %% 2 FROM generate_series(%s, %s) i", *rows)
        sql = next(sql for name, sql in prepared(db, "t", "m", "y") if name == "rows")
        inner = sql[sql.index("SELECT *,") : sql.index(") AS divided")].replace("r.y AS y", "r.y AS y, r.id AS id")
        part.append(dict(db.fetch(f"SELECT id, part FROM ({inner.replace('features, y, w', 'features, y, w, id')}) q")))
        db.run("DROP TABLE m_rows CASCADE")
    moved = [number for number, name in part[0].items() if part[1][number] != name]
    assert len(part[1]) == 1200
    assert len(moved) < 30  # at the edges, which 200 rows more have moved a little


def test_rows_that_are_the_same_are_divided_too(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT i % 3 AS x, i % 2 AS y FROM generate_series(1, 600) i")
    prepared(db, "t", "m", "y")
    assert db.fetch("SELECT y, part, count(*) FROM m_rows GROUP BY 1, 2 ORDER BY 1, 2") == [
        (y, part, count) for y in (0, 1) for part, count in (("test", 30), ("train", 240), ("validation", 30))
    ]


def test_time_tells_the_parts(db: Session) -> None:
    db.run(
        "CREATE TABLE t AS SELECT i AS id, date '2020-01-01' + i AS day, i % 7 AS x, i % 2 AS y FROM generate_series(1, 100) i"
    )
    steps = prepared(db, "t", "m", "y", time_col="day", id_col="id")
    assert columns(db, steps, "m")["day"].role == "time"
    sql = "SELECT part, count(*) FROM m_rows GROUP BY 1 ORDER BY 1"
    assert db.fetch(sql) == [("test", 10), ("train", 80), ("validation", 10)]
    rows = next(sql for name, sql in steps if name == "rows")
    assert rows.count("'2020-03-21'::pg_catalog.date") == rows.count("'2020-03-31'::pg_catalog.date") == 1


def test_columns_tell_the_parts(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT i AS x, (i * 7) % 11 AS z, i % 2 AS y, CASE WHEN i <= 60 THEN 'Train' WHEN i <= 80"
           " THEN 'VALIDATION' ELSE 'test' END AS part FROM generate_series(1, 100) i")  # fmt: skip
    prepared(db, "t", "m", "y", split_col="part")
    assert db.fetch("SELECT part, count(*) FROM m_rows GROUP BY 1 ORDER BY 1") == [
        ("test", 20),
        ("train", 60),
        ("validation", 20),
    ]
    db.run("UPDATE t SET part = 'holdout' WHERE x = 1; UPDATE t SET part = NULL WHERE x = 2")
    assert error(db, "t", "y", split_col="part") == (
        "22023",
        "split_col: must have the values train, validation and test in every row, found NULL, 'holdout'",
    )


def test_weights_are_how_often_a_row_stands_there_beside_others_of_its_part(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT i AS id, (i * 7) % 11 AS z, i % 2 AS y, CASE WHEN i % 10 > 0 THEN i % 4 END / 2.0 AS w"
           " FROM generate_series(1, 400) i")  # fmt: skip
    steps = prepared(db, "t", "m", "y", weight_col="w", id_col="id")
    usable = db.value("SELECT count(*) FROM t WHERE w > 0")
    assert db.value("SELECT count(*) FROM m_rows") == usable
    assert sum(row.n for row in db.fetch("SELECT weight, count(*) AS n FROM m_rows GROUP BY 1 HAVING weight > 0")) == usable
    for part, view in (("train", "m_rows_train"), ("validation", "m_rows_val"), ("test", None)):
        rows = db.fetch("SELECT weight, copies FROM m_rows WHERE part = %s", part)
        mean = sum(row.weight for row in rows) / len(rows)
        assert all(math.floor(row.weight / mean) <= row.copies <= math.ceil(row.weight / mean) for row in rows)
        if view is not None:
            assert db.value(f"SELECT count(*) FROM {view}") == sum(row.copies for row in rows) > 0
    assert columns(db, steps, "m")["w"].role == "weight"


# --- what is odd about a table ------------------------------------------------------------------------------------------


ODD = {
    "an enum": ("((ARRAY['a', 'b', 'c'])[1 + i % 3])::mood", "one_hot"),
    "a domain": ("((i * 3) % 10)::small", "number"),
    "a numeric of huge scale": ("CASE i WHEN 1 THEN 1e400 WHEN 2 THEN -1e400 WHEN 3 THEN 1e-400 ELSE i * 1e20 END", "number"),
    "an interval": ("i * interval '1 hour'", "interval"),
    "a time": ("time '00:00' + i * interval '17 min'", "time"),
    "a time with a zone": ("('10:00'::time + i * interval '17 min')::time with time zone", "time"),
    "money": ("(i % 13)::text::money", "number"),
    "a date of no time": ("CASE i % 9 WHEN 0 THEN 'infinity'::date ELSE date '2020-01-01' + i END", "date"),
    "a moment of no time": ("CASE i % 9 WHEN 0 THEN '-infinity'::timestamptz ELSE timestamptz '2020-01-01' + i * '1 h'::interval END", "timestamp"),  # noqa: E501
    "dates beyond moments": ("CASE i % 9 WHEN 0 THEN '5874897-12-31'::date WHEN 1 THEN '4714-12-31 BC' ELSE date '2020-01-01' + i END", "date"),  # noqa: E501
    "the last moments there are": ("CASE i % 9 WHEN 0 THEN '294276-12-31 23:59:59+00'::timestamptz WHEN 1 THEN '4714-11-24 00:00:00+00 BC' ELSE timestamptz '2020-01-01' + i * '1 h'::interval END", "timestamp"),  # noqa: E501
    "years before Christ": ("date '0044-03-15 BC' + i", "date"),
    "an array": ("ARRAY[i, i / 2.0, 1]::float8[]", "array"),
    "an array of booleans": ("ARRAY[i % 3 = 0, i % 5 = 0]", "array"),
    "a set": ("CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN ARRAY['a', 'b'] ELSE ARRAY['b', '{\"'] END", "set"),
    "texts of any character": ("(ARRAY['it''s', '\\', '\"', '{}', 'ä\n\t€', ' '])[1 + i % 6]", "one_hot"),
    "many texts of any character": ("chr(33 + i % 15) || '''\\\"' || chr(300 + i % 15)", "codes"),
    "a char": ("(CASE i % 2 WHEN 0 THEN 'a' ELSE 'bb' END)::char(5)", "one_hot"),
    "a byte": ("(CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END)::\"char\"", "one_hot"),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_odd_types(db: Session, what: str) -> None:
    expression, treatment = ODD[what]
    db.run("CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE DOMAIN small AS integer CHECK (VALUE < 20)")
    numbered(db, f"{expression} AS odd")
    steps = prepared(db, "t", "m", "y")
    about = columns(db, steps, "m")["odd"]
    assert about.treatment == treatment
    rows = db.fetch("SELECT m_features(t) FROM t")
    assert len({len(vector) for (vector,) in rows}) == 1
    assert all(value is not None and math.isfinite(value) for (vector,) in rows for value in vector)
    assert len({tuple(vector[about.first - 1 :]) for (vector,) in rows}) > 1


DROPPED = {
    "a key": ("left(md5(i::text), 12)", "a value of its own in each row"),
    "a uuid": ("md5(i::text)::uuid", "an identifier"),
    "bytes": ("decode(md5(i::text), 'hex')", "nothing is made of type bytea; a view can make columns of it"),
    "a range": ("int4range(i, i + 1)", "nothing is made of type int4range; a view can make columns of it"),
    "arrays of two lengths": (
        "CASE i % 2 WHEN 0 THEN ARRAY[1] ELSE ARRAY[1, 2] END",
        "arrays of different lengths, from 1 to 2",
    ),
    "arrays with holes": (
        "ARRAY[1, nullif(i, 3)]",
        "arrays that are empty, of several dimensions, or hold NULL, NaN or numbers too large for real",
    ),
    "arrays of several dimensions": (
        "ARRAY[[1, i], [2, i]]",
        "arrays that are empty, of several dimensions, or hold NULL, NaN or numbers too large for real",
    ),
    "the target": ("i % 2", "a copy of the target"),
}


@pytest.mark.parametrize("what", DROPPED)
def test_columns_that_are_dropped(db: Session, what: str) -> None:
    expression, reason = DROPPED[what]
    numbered(db, f"{expression} AS odd")
    about = columns(db, script(db, "t", "m", "y"), "m")["odd"]
    assert (about.role, about.treatment, about.reason, about.first) == ("dropped", None, reason, None)


def test_names_that_need_quotes_and_names_of_our_own(db: Session) -> None:
    db.run(
        'CREATE TABLE "My Table" ("We ""ird" integer, r text, features integer, part integer, id integer, place integer,'
        ' "order" integer, "$sql$" integer, "Ta rget" text);'
        " INSERT INTO \"My Table\" SELECT i % 7, 'r' || i % 3, i % 5, i % 6, i % 8, i % 9, i % 10, i % 4, i % 2"
        " FROM generate_series(1, 80) i"
    )
    steps = prepared(db, '"My Table"', '"My Model"', '"Ta rget"')
    about = columns(db, steps, "My Model")
    assert {name: row.treatment for name, row in about.items() if row.treatment} == {
        'We "ird': "number",
        "r": "one_hot",
        **dict.fromkeys(("features", "part", "id", "place", "order", "$sql$"), "number"),
    }
    assert db.value('SELECT count(*) FROM "My Model_rows"') == 80


@pytest.mark.parametrize("target", ["features", "part", "id", "place"])
def test_a_target_that_is_called_as_a_column_of_ours(db: Session, target: str) -> None:
    numbered(db, f"i % 2 AS {target}")
    prepared(db, "t", "m", target, exclude="y")
    assert db.value(f"SELECT count(DISTINCT {target}) FROM m_rows") == 2


@pytest.mark.parametrize("target", ["prob", "rank", "buffer_id", "__dist_key__"])
def test_a_target_that_cannot_be_called_so(db: Session, target: str) -> None:
    numbered(db, f"i % 2 AS {target}")
    assert error(db, "t", target)[0] == "0A000"


TARGETS = {
    "an enum": ("((ARRAY['c', 'a'])[1 + i % 2])::mood", ["a", "c"]),
    "a boolean": ("i % 2 = 0", ["false", "true"]),
    "a domain": ("(CASE i % 2 WHEN 0 THEN 'x' ELSE 'y' END)::word", ["x", "y"]),
    "a char": ("(CASE i % 2 WHEN 0 THEN 'it''s' ELSE 'b' END)::char(8)", ["b", "it's"]),
    "a date": ("date '2020-01-01' + i % 2", ["2020-01-01", "2020-01-02"]),
    "some integers": ("10 - i % 2 * 8", ["2", "10"]),
    "many integers": ("(i * 7) % 41", None),
    "a numeric with what is no number": ("CASE i % 9 WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 1e400 ELSE i END", None),
    "a real with infinity": ("CASE i % 9 WHEN 0 THEN 'Infinity'::real ELSE i END", None),
}


@pytest.mark.parametrize("what", TARGETS)
def test_targets_of_any_type_are_packed(db: Session, what: str) -> None:
    expression, classes = TARGETS[what]
    db.run("CREATE TYPE mood AS ENUM ('c', 'b', 'a'); CREATE DOMAIN word AS text")
    numbered(db, f"{expression} AS odd", 180)
    for name, sql in prepared(db, "t", "m", "odd", exclude="y"):
        if name in ("order", "pack"):
            db.run(sql)
    if classes is None:
        assert db.value("SELECT class_values IS NULL AND num_classes IS NULL FROM m_packed_summary")
    else:
        assert db.value("SELECT class_values::text[] FROM m_packed_summary") == classes


def test_numbers_that_are_called_classes_are_classes(db: Session) -> None:
    numbered(db, "i % 3 / 2.0 AS odd", 180)
    for name, sql in prepared(db, "t", "m", "odd", exclude="y", column_types={"odd": "category"}):
        if name in ("order", "pack"):
            db.run(sql)
    assert db.value("SELECT class_values::float8[] FROM m_packed_summary") == [0, 0.5, 1]


@pytest.mark.postgresql("Greenplum says otherwise how a table is partitioned")
def test_a_partitioned_table(db: Session) -> None:
    db.run(
        "CREATE TABLE t (i integer, x text, y integer) PARTITION BY RANGE (i); CREATE TABLE t1 PARTITION OF t"
        " FOR VALUES FROM (0) TO (50); CREATE TABLE t2 PARTITION OF t DEFAULT;"
        " INSERT INTO t SELECT i, 'x' || i % 5, i % 2 FROM generate_series(1, 100) i"
    )
    prepared(db, "t", "m", "y")
    assert db.value("SELECT count(*) FROM m_rows") == 100


def test_a_number_of_an_identity_tells_nothing(db: Session) -> None:
    if db.is_greenplum:
        pytest.skip("PostgreSQL 10 has them")
    numbered(db, "i % 5 AS z")
    db.run("ALTER TABLE t ADD number integer GENERATED ALWAYS AS IDENTITY, ADD counted serial")
    about = columns(db, script(db, "t", "m", "y"), "m")
    assert [about[name].reason for name in ("number", "counted")] == ["a number of its own for each row"] * 2


def test_generated_columns(db: Session) -> None:
    if db.is_greenplum:
        pytest.skip("PostgreSQL 12 has them")
    db.run(
        "CREATE TABLE t (i integer PRIMARY KEY, y integer, double integer GENERATED ALWAYS AS (i % 5 * 2) STORED);"
        " INSERT INTO t SELECT i, i % 2 FROM generate_series(1, 60) i"
    )
    steps = prepared(db, "t", "m", "y")
    assert columns(db, steps, "m")["double"].treatment == "number"


@pytest.mark.parametrize("width", [400, pytest.param(1_600, marks=pytest.mark.soak)])
def test_a_table_of_very_many_columns(db: Session, width: int) -> None:
    names = ", ".join(f"(i * {number}) % 97 AS c{number}" for number in range(1, width))
    db.run(f"CREATE VIEW wide AS SELECT i % 2 AS y, {names} FROM generate_series(1, 100) i")
    steps = prepared(db, "wide", "m", "y")
    assert db.value("SELECT count(*) FROM m_rows WHERE array_length(features, 1) >= %s", width - 20) == 100
    assert len(columns(db, steps, "m")) == width


UNLIKE = ("{1,2}", "{1,2,3,4}", "{1,NULL,3}", "{1,NaN,3}", "{1,-1e39,3}", "{1,Infinity,3}", "{{1,2,3}}", "{}", None)


@pytest.mark.parametrize("type_name", ["float8[]", "real[]", "numeric[]"])
def test_an_array_unlike_those_of_training_counts_as_null(db: Session, type_name: str) -> None:
    numbered(db, f"CASE WHEN i % 10 > 0 THEN ARRAY[i, i / 2.0, 1]::{type_name} END AS odd")
    about = columns(db, prepared(db, "t", "m", "y"), "m")["odd"]
    assert (about.treatment, about.width) == ("array", 4)
    places = f"[{about.first}:{about.first + 3}]"
    vector = f"SELECT (m_features(ROW(0, 1, %s)::t)){places}"
    assert db.value(vector, "{7,-3.5,3.3e38}") == pytest.approx([0, 7, -3.5, 3.3e38])
    if type_name != "real[]":  # which takes no such numbers either
        assert db.value(vector, "{7,1e-50,-3e-300}") == [0, 7, 0, 0]
        assert db.value(vector, "{1e-44,3e-5,12.5}") == pytest.approx([0, 9.8e-45, 3e-5, 12.5], rel=1e-6)
    for odd in UNLIKE:
        if (type_name, odd) not in (("real[]", "{1,-1e39,3}"), ("numeric[]", "{1,Infinity,3}")):  # which are no such values
            assert db.value(vector, odd) == [1, 0, 0, 0], odd


def test_fractions_that_are_categories_are_the_same_whatever_digits_a_session_shows(db: Session) -> None:
    numbered(db, "CASE i % 4 WHEN 3 THEN 'Infinity' ELSE (i % 4) / 3.0::float8 END AS share, ((i % 3) / 3.0)::real AS small")
    types = {"share": "category", "small": "category"}
    about = columns(db, prepared(db, "t", "m", "y", column_types=types), "m")
    assert sorted(about["share"].vocabulary) == ["0", "0.333333333333333", "0.666666666666667", "Infinity"]
    assert sorted(about["small"].vocabulary) == ["0", "0.333333", "0.666667"]
    found = []
    for digits in (-10, 0, 3):
        db.run(f"SET extra_float_digits = {digits}")
        found.append(db.fetch("SELECT md5(array_send(m_features(t))) FROM t ORDER BY share, small, x, y"))
    assert found[0] == found[1] == found[2]


def test_all_rows_are_looked_at_twice(db: Session) -> None:
    numbered(db, "i, CASE WHEN i % 6 > 0 THEN i % 3 END AS z", 120)
    counting = "BEGIN IF i = 1 THEN RAISE INFO 'a look'; END IF; RETURN true; END"  # each row is on a segment of its own
    db.run(f"CREATE FUNCTION counted(i integer) RETURNS boolean LANGUAGE plpgsql AS $${counting}$$")
    db.run("CREATE VIEW v AS SELECT * FROM t WHERE counted(i)")

    def looks() -> int:
        return sum("a look" in notice for notice in db.notices)

    db.notices.clear()
    steps = script(db, "v", "m", "z")
    # One row, to see whether there is any, and all. On segments the one may be another.
    assert looks() in (range(1, 3) if db.is_greenplum else [2])
    db.notices.clear()
    for name, sql in steps:
        if name in ("settings", "features", "rows"):
            db.run(sql)
    assert looks() == 1
    assert db.value("SELECT count(*) FROM m_rows") == 100


@pytest.mark.postgresql("a cluster has plans of its own")
def test_the_features_can_be_made_in_a_parallel_plan(db: Session) -> None:
    numbered(db, "i % 5 AS z", 1000)
    prepared(db, "t", "m", "y")
    db.run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; ANALYZE t")
    plan = [line for (line,) in db.fetch("EXPLAIN (COSTS OFF) SELECT count(*) FROM t WHERE (m_features(t))[1] > 0")]
    assert any("Parallel Seq Scan" in line for line in plan)
    assert db.value("SELECT proparallel FROM pg_proc WHERE proname = 'm_features'") == "s"


def test_views_partitions_and_schemas(db: Session) -> None:
    numbered(db, "i AS id")
    db.run("CREATE VIEW v AS SELECT * FROM t")
    schema = db.value("SELECT current_schema()")
    prepared(db, f"{schema}.v", f"{schema}.m", "y", id_col="id")
    assert db.value("SELECT count(*) FROM m_rows") == 60


def test_pgvector(db: Session) -> None:
    if not db.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("pgvector is not installed (postgresql-15-pgvector)")
    db.run("CREATE SCHEMA IF NOT EXISTS vectors; CREATE EXTENSION IF NOT EXISTS vector SCHEMA vectors")
    numbered(db, "ARRAY[i, 2 * i, 3]::real[]::vectors.vector AS embedding")
    steps = prepared(db, "t", "m", "y")
    about = columns(db, steps, "m")["embedding"]
    assert (about.treatment, about.width) == ("array", 3)
    places = f"{about.first}:{about.first + 2}"
    assert db.value(f"SELECT (m_features(t))[{places}] FROM t WHERE embedding::real[] = '{{7,14,3}}'") == [
        7, 14, 3,
    ]  # fmt: skip
    db.run("DROP EXTENSION vector CASCADE; DROP SCHEMA vectors CASCADE")


REFUSED = {
    "no rows": ("SELECT 1 AS y, 2 AS x WHERE FALSE", {}, 'source_table: table "t" is empty'),
    "one row": (
        "SELECT 1 AS y, 2 AS x",
        {},
        'source_table: table "t" must have at least 10 rows with a value of "y", it has 1',
    ),
    "one class": (
        "SELECT 'a'::text AS y, i AS x FROM generate_series(1, 20) i",
        {},
        'dependent_varname: column "y" has one value in all rows to train on: there is nothing to learn',
    ),
    "one number": (
        "SELECT 0.5::real AS y, i AS x FROM generate_series(1, 20) i",
        {},
        'dependent_varname: column "y" has one value in all rows to train on: there is nothing to learn',
    ),
    "a target that is NULL": (
        "SELECT NULL::integer AS y, i AS x FROM generate_series(1, 20) i",
        {},
        'source_table: table "t" must have at least 10 rows with a value of "y", it has 0',
    ),
    "a class for each row": (
        "SELECT 'a' || i AS y, i % 3 AS x FROM generate_series(1, 20) i",
        {},
        'dependent_varname: each row has a value of its own of column "y": these are no classes',
    ),
    "features that tell nothing": (
        "SELECT i % 2 AS y, 5 AS x, NULL::text AS z FROM generate_series(1, 20) i",
        {},
        "independent_varname: no column tells anything: x: the same value in every row; z: NULL in every row",
    ),
    "an unknown kind": (
        "SELECT i % 2 AS y, i AS x FROM generate_series(1, 20) i",
        {"column_types": {"x": "colour"}},
        "column_types: \"x\": must be one of number, category, exclude for a column of type integer, got 'colour'",
    ),
    "an unknown column": (
        "SELECT i % 2 AS y, i AS x FROM generate_series(1, 20) i",
        {"exclude": "z"},
        'exclude: column "z" does not exist in table "t"',
    ),
    "an unknown key": (
        "SELECT i % 2 AS y, i AS x FROM generate_series(1, 20) i",
        {"params": {"speed": 1}},
        "params: must have keys among",
    ),
    "no time at all": (
        "SELECT i % 2 AS y, i AS x FROM generate_series(1, 20) i",
        {"budget": "1 s"},
        "budget: must be from 5 seconds to",
    ),
    "a weight below 0": (
        "SELECT i % 2 AS y, i AS x, i - 2 AS w FROM generate_series(1, 20) i",
        {"weight_col": "w"},
        'weight_col: column "w" must hold numbers of at least 0, got -1.0',
    ),
    "no weights but 0": (
        "SELECT i % 2 AS y, i AS x, 0.0 AS w FROM generate_series(1, 20) i",
        {"weight_col": "w"},
        'source_table: table "t" must have at least 10 rows with a value of "y" and a weight above 0 in "w", it has 0',
    ),
    "weights that are texts": (
        "SELECT i % 2 AS y, i AS x, 'a'::text AS w FROM generate_series(1, 20) i",
        {"weight_col": "w"},
        'weight_col: column "w" must hold numbers, it is text',
    ),
    "a column for two things": (
        "SELECT i % 2 AS y, i AS x FROM generate_series(1, 20) i",
        {"id_col": "x", "time_col": "x"},
        "id_col: must be another column than those that other arguments name, got 'x'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(db: Session, what: str) -> None:
    rows, given, message = REFUSED[what]
    db.run(f"CREATE TABLE t AS {rows}")
    found = error(db, "t", "y", **given)[1]  # type: ignore[arg-type]
    schema = db.value("SELECT current_schema()")
    assert found.replace(f"{schema}.", "").startswith(message)


def test_columns_are_taken_as_the_caller_says(db: Session) -> None:
    numbered(db, "i % 4 AS zip, (i % 9)::text AS numeral, i AS skipped")
    types = {"zip": "category", "numeral": "number", "skipped": "exclude"}
    about = columns(db, prepared(db, "t", "m", "y", column_types=types), "m")
    assert [about[name].treatment for name in types] == ["one_hot", "number", None]
    assert about["skipped"].role == "excluded"


def test_a_column_that_gives_the_target_is_warned_of(db: Session) -> None:
    numbered(db, "CASE i % 2 WHEN 0 THEN 'left' ELSE 'right' END AS side", 200)
    about = columns(db, script(db, "t", "m", "y"), "m")
    assert about["side"].treatment == "one_hot"
    assert [notice for notice in db.notices if "by itself" in notice] == [
        'WARNING:  column "side" gives "y" by itself: if it is known only after that, leave it out (exclude := \'side\')\n'
    ]


def test_how_to_leave_it_out_can_be_typed_as_it_is_said(db: Session) -> None:
    numbered(db, "CASE i % 2 WHEN 0 THEN 'left' ELSE 'right' END AS \"it's\"", 200)
    script(db, "t", "m", "y")
    assert any(notice.endswith("(exclude := '\"it''s\"')\n") for notice in db.notices)
    assert columns(db, script(db, "t", "m", "y", exclude='"it\'s"'), "m")["it's"].role == "excluded"


def test_free_text_is_left_out_with_a_notice(customers: Session) -> None:
    customers.notices.clear()
    script(customers, "customers", "other", "churned")
    assert any('column "note" is left out' in notice and "embeddings" in notice for notice in customers.notices)


def test_a_dry_run_makes_nothing(db: Session) -> None:
    numbered(db, "i AS id")
    before = db.fetch(f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA}")
    steps = script(db, "t", "m", "y")
    assert db.fetch(f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA}") == before
    names = list(dict.fromkeys(name for name, _ in steps))
    assert names[:7] == ["settings", "features", "rows", "order", "pack", "network", "search"]
    assert names[-5:] == ["summary", "columns", "threshold", "functions", "tidy"]


def test_a_look_at_a_table_warns_of_nothing(db: Session) -> None:
    """Greenplum had warned of each setting that it says is deprecated."""
    numbered(db, "i AS id")
    db.notices.clear()
    script(db, "t", "m", "y")
    assert db.notices == []


OPTIONAL = ("independent_varname", "exclude", "id_col", "objective", "preset", "time_col", "split_col", "weight_col")
NULLABLE = (*OPTIONAL, "budget", "column_types", "params", "functions")


@pytest.mark.parametrize("value", [" ", None])
def test_an_empty_text_was_not_given_nor_was_null(customers: Session, value: str | None) -> None:
    usual = script(customers, "customers", "m", "churned")
    for argument in OPTIONAL if value else NULLABLE:
        assert script(customers, "customers", "m", "churned", **{argument: value}) == usual, argument


@pytest.mark.parametrize("argument", ["source_table", "model", "dependent_varname"])
def test_what_must_be_given_is_asked_for(customers: Session, argument: str) -> None:
    given = {"source_table": "'customers'", "model": "'m'", "dependent_varname": "'churned'", argument: "NULL"}
    failure = customers.error_of(f"SELECT * FROM madlib.automl_train({', '.join(given.values())})")
    assert failure.sqlstate == "22004"
    assert failure.message.startswith(f"{argument}: must ") and failure.message.endswith(", got NULL")
