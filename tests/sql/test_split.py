"""madlib.train_test_split."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fix_db import CURRENT_SCHEMA, Session

SPLIT = "SELECT madlib.train_test_split(%s, %s, %s, %s, %s, %s, %s, %s)"


def split(
    db: Session,
    source: str,
    output: str,
    train: float,
    test: float | None = None,
    *,
    groups: str | None = None,
    targets: str | None = None,
    replacement: bool | None = None,
    separate: bool | None = True,
) -> None:
    db.run(SPLIT, source, output, train, test, groups, targets, replacement, separate)


def counts(db: Session, *tables: str) -> list[int]:
    return [db.value(f"SELECT count(*) FROM {table}") for table in tables]


def columns(db: Session, table: str) -> list[str]:
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    return [name for (name,) in db.fetch(sql, table)]


def tables(db: Session) -> list[str]:
    sql = f"SELECT relname FROM pg_class WHERE relnamespace IN ({CURRENT_SCHEMA}, pg_my_temp_schema())"
    return sorted(name for (name,) in db.fetch(sql + " AND relkind = 'r'"))


def test_the_page(iris: Session) -> None:
    iris.run("SELECT setseed(0)")
    iris.run("SELECT madlib.train_test_split('iris_data', 'iris', 0.8, NULL, NULL, NULL, NULL, TRUE)")
    assert counts(iris, "iris_train", "iris_test") == [120, 30]
    assert columns(iris, "iris_train") == columns(iris, "iris_test") == ["id", "attributes", "class_text"]
    assert counts(iris, "(SELECT * FROM iris_train UNION SELECT * FROM iris_test) AS both_parts") == [150]
    assert tables(iris) == ["iris_data", "iris_test", "iris_train"]


def test_one_table_tells_the_parts_by_a_column(iris: Session) -> None:
    iris.run("SELECT madlib.train_test_split('iris_data', 'parts', 0.8)")
    assert columns(iris, "parts") == ["id", "attributes", "class_text", "split"]
    assert iris.fetch("SELECT split, count(*), count(DISTINCT id) FROM parts GROUP BY 1 ORDER BY 1") == [
        (0, 30, 30),
        (1, 120, 120),
    ]


@pytest.mark.postgresql("setseed() does not reach the segments")
def test_the_same_seed_gives_the_same_rows(iris: Session) -> None:
    for name in ("a", "b", "c"):
        iris.run("SELECT setseed(%s)", 0.25 if name == "c" else 0)
        split(iris, "iris_data", name, 0.8)
    chosen = [iris.value(f"SELECT array_agg(id ORDER BY id) FROM {name}_train") for name in ("a", "b", "c")]
    assert chosen[0] == chosen[1] != chosen[2]


def test_both_proportions_leave_the_rest_out(iris: Session) -> None:
    split(iris, "iris_data", "iris", 0.6, 0.2)
    assert counts(iris, "iris_train", "iris_test") == [90, 30]


def test_proportions_are_the_decimals_that_were_typed(db: Session) -> None:
    # In binary, 0.7 + 0.1 is less than 0.8.
    db.run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
    split(db, "t", "a", 0.7, 0.1)
    split(db, "t", "b", 0.7, 0.3)
    assert counts(db, "a_train", "a_test", "b_train", "b_test") == [700, 100, 700, 300]


def test_each_stratum_is_divided_exactly(iris: Session) -> None:
    split(iris, "iris_data", "iris", 0.8, groups="class_text")
    assert iris.fetch("SELECT count(*) FROM iris_train GROUP BY class_text") == [(40,), (40,), (40,)]
    assert iris.fetch("SELECT count(*) FROM iris_test GROUP BY class_text") == [(10,), (10,), (10,)]


def test_strata_of_different_sizes_and_null(db: Session) -> None:
    db.run(
        "CREATE TABLE t AS SELECT g, h, i FROM (VALUES ('a', 1, 10), ('a', 2, 7), (NULL, 1, 3)) AS v(g, h, n),"
        " generate_series(1, n) i"
    )
    split(db, "t", "p", 0.7, groups="g, h")
    parts = "SELECT g, h, count(*) FROM p_{} GROUP BY 1, 2 ORDER BY 1, 2"
    assert db.fetch(parts.format("train")) == [("a", 1, 7), ("a", 2, 5), (None, 1, 2)]
    assert db.fetch(parts.format("test")) == [("a", 1, 3), ("a", 2, 2), (None, 1, 1)]


@pytest.mark.parametrize("groups", [None, "class_text"])
def test_with_replacement_counts_are_exact_and_rows_repeat(iris: Session, groups: str | None) -> None:
    iris.run("SELECT setseed(0.5)")
    split(iris, "iris_data", "iris", 0.8, groups=groups, replacement=True)
    assert counts(iris, "iris_train", "iris_test") == [120, 30]
    assert iris.value("SELECT count(DISTINCT id) FROM iris_train") < 120
    assert counts(iris, "(SELECT id FROM iris_train EXCEPT SELECT id FROM iris_data) AS strange") == [0]
    if groups:
        assert iris.fetch("SELECT count(*) FROM iris_train GROUP BY class_text") == [(40,), (40,), (40,)]


@pytest.mark.postgresql("setseed() does not reach the segments")
def test_with_replacement_repeats_after_setseed(iris: Session) -> None:
    for name in ("a", "b"):
        iris.run("SELECT setseed(0)")
        split(iris, "iris_data", name, 0.8, replacement=True)
    assert iris.fetch("SELECT id FROM a_train ORDER BY 1") == iris.fetch("SELECT id FROM b_train ORDER BY 1")


@pytest.mark.parametrize(
    ("targets", "groups", "expected"),
    [
        (None, None, ["id", "attributes", "class_text"]),
        ("*", "class_text", ["id", "attributes", "class_text"]),
        ("attributes", None, ["attributes"]),
        ("attributes", "class_text", ["class_text", "attributes"]),  # the strata are always there
        ("class_text, id", "class_text", ["class_text", "id"]),
    ],
)
def test_target_columns(iris: Session, targets: str | None, groups: str | None, expected: list[str]) -> None:
    split(iris, "iris_data", "iris", 0.8, targets=targets, groups=groups)
    assert columns(iris, "iris_train") == columns(iris, "iris_test") == expected


@pytest.mark.parametrize("replacement", [False, True])
def test_columns_that_cannot_be_compared(db: Session, replacement: bool) -> None:
    db.run("CREATE TABLE t AS SELECT i, '{}'::json AS j, point(i, i) AS p, '<a/>'::xml AS x FROM generate_series(1, 10) i")
    split(db, "t", "p", 0.8, replacement=replacement)
    assert counts(db, "p_train", "p_test") == [8, 2]


@pytest.mark.parametrize("replacement", [False, True])
def test_names_in_quotes_schemas_and_the_words_used_inside(db: Session, replacement: bool) -> None:
    db.run('CREATE SCHEMA "My Data"; CREATE TABLE "My Data"."T 1" AS SELECT i AS "Id", i AS "A ""b""", i AS split, i AS rank,'
           ' i AS size, i AS "group", i AS n, i AS draw, i % 2 AS g FROM generate_series(1, 20) i')  # fmt: skip
    split(db, '"My Data"."T 1"', '"My Data"."Out"', 0.5, groups="G", replacement=replacement)
    assert counts(db, '"My Data"."Out_train"', '"My Data"."Out_test"') == [10, 10]
    assert columns(db, '"My Data"."Out_train"') == columns(db, '"My Data"."T 1"')
    db.run('SET client_min_messages = warning; DROP SCHEMA "My Data" CASCADE')


ERRORS = [
    ((None, "o", 0.8), "22004", "source_table: must be the name of a table, got NULL"),
    (("", "o", 0.8), "22004", "source_table: must be the name of a table, got ''"),
    (("t; DROP TABLE t", "o", 0.8), "22023",
     "source_table: must be the name of a table, perhaps with its schema, got 't; DROP TABLE t'"),
    (("nothing", "o", 0.8), "42P01", 'source_table: table "nothing" does not exist'),
    (("empty", "o", 0.8), "22023", 'source_table: table "{schema}.empty" is empty'),
    (("t", None, 0.8), "22004", "output_table: must be the name of a table, got NULL"),
    (("t", "t", 0.8), "42P07", 'output_table: table "{schema}.t" already exists'),
    (("t", "nowhere.o", 0.8), "3F000", 'output_table: schema "nowhere" does not exist'),
    (("t", "pg_temp.o", 0.8), "22023", "output_table: pg_temp is not allowed as the schema of an output table"),
    (("t", "o", None), "22004", "train_proportion: must be between 0 and 1, got NULL"),
    (("t", "o", 0), "22023", "train_proportion: must be greater than 0 and less than 1, got 0.0"),
    (("t", "o", 1), "22023", "train_proportion: must be greater than 0 and less than 1, got 1.0"),
    (("t", "o", float("nan")), "22023", "train_proportion: must be greater than 0 and less than 1, got nan"),
    (("t", "o", 0.8, -0.1), "22023", "test_proportion: must be greater than 0 and less than 1, got -0.1"),
    (("t", "o", 0.8, 0.3), "22023", "test_proportion: must not add up to more than 1 with train_proportion 0.8, got 0.3"),
    (("t", "o", 0.8, None, "k"), "42703", 'grouping_cols: column "k" does not exist in table "{schema}.t"'),
    (("t", "o", 0.8, None, None, "i, J"), "42703", 'target_cols: column "j" does not exist in table "{schema}.t"'),
    (("t", "o", 0.8, None, None, "i, i; --"), "22023",
     "target_cols: must be names of columns, separated by commas, got 'i, i; --'"),
    (("has_split", "o", 0.8), "22023",
     'target_cols: column "split" of the source has the name of the column that tells the parts apart'),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), ERRORS)
def test_bad_input(db: Session, arguments: tuple[object, ...], sqlstate: str, message: str) -> None:
    db.run("CREATE TABLE t AS SELECT i, i % 2 AS g FROM generate_series(1, 10) i; CREATE TABLE empty (LIKE t)")
    db.run("CREATE TABLE has_split AS SELECT 1 AS split")
    slots = ", ".join(["%s"] * len(arguments))
    failure = db.error_of(f"SELECT madlib.train_test_split({slots})", *arguments)
    schema = db.value("SELECT current_schema()")
    assert (failure.sqlstate, failure.message) == (sqlstate, message.format(schema=schema))
    assert tables(db) == ["empty", "has_split", "t"]


@pytest.mark.parametrize("part", ["o_train", "o_test"])
def test_both_names_are_looked_at_before_anything_is_made(iris: Session, part: str) -> None:
    iris.run(f"CREATE TABLE {part} ()")
    failure = iris.error_of("SELECT madlib.train_test_split('iris_data', 'o', 0.8, separate_output_tables := TRUE)")
    schema = iris.value("SELECT current_schema()")
    assert failure.sqlstate == "42P07"
    assert failure.message.endswith(f'output_table: table "{schema}.{part}" already exists')
    assert failure.hint == f'Drop it first (DROP TABLE "{schema}"."{part}") or choose another name.'
    assert tables(iris) == ["iris_data", part]


def test_a_temporary_table_of_the_caller_is_left_alone(iris: Session) -> None:
    iris.run("CREATE TEMPORARY TABLE keras_automl_split (mine text)")
    failure = iris.error_of("SELECT madlib.train_test_split('iris_data', 'o', 0.8, separate_output_tables := TRUE)")
    message = 'separate_output_tables: this needs the name of the temporary table "keras_automl_split" for itself'
    assert failure == ("42P07", message, "DROP TABLE pg_temp.keras_automl_split")
    assert iris.fetch("SELECT * FROM pg_temp.keras_automl_split") == []
    assert tables(iris) == ["iris_data", "keras_automl_split"]


def test_a_close_column_is_named(iris: Session) -> None:
    failure = iris.error_of("SELECT madlib.train_test_split('iris_data', 'o', 0.8, NULL, 'class_txt')")
    assert failure.hint == "Did you mean class_text?"


def test_a_role_without_rights_is_told(iris: Session, connect: Callable[..., Session], role: str) -> None:
    schema = iris.value("SELECT current_schema()")
    failure = connect(user=role).error_of("SELECT madlib.train_test_split('iris_data', 'o', 0.8)")
    assert failure.sqlstate == "42501"
    assert failure.message.endswith(f'source_table: role "{role}" has no SELECT privilege on table "{schema}.iris_data"')
    assert failure.hint == f'Its owner can give it: GRANT SELECT ON "{schema}"."iris_data" TO "{role}"'


@pytest.mark.postgresql("it has no such settings")
def test_the_settings_of_the_session_stay(iris: Session) -> None:
    iris.run("SET jit = on; SET synchronize_seqscans = on; SET max_parallel_workers_per_gather = 3")
    split(iris, "iris_data", "iris", 0.8)
    shown = [iris.value(f"SHOW {name}") for name in ("jit", "synchronize_seqscans", "max_parallel_workers_per_gather")]
    assert shown == ["on", "on", "3"]
