"""madlib.training_preprocessor_dl and madlib.validation_preprocessor_dl."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from automl.data.packed_queries import fingerprint
from automl.database.catalog import Relation
from automl.database.names import Name
from fix_db import CURRENT_SCHEMA, Session

SHAPE_OF_TWO = (
    'independent_varname: every value of column "x" must be an array of shape {2} without NULL, NaN or infinity, found '
)
TWO_PARTITIONS = "SET keras_automl.partitions = 2"


def pack(db: Session, source: str, output: str, *rest: object, y: str | None = "y", x: str | None = "x") -> None:
    slots = ", ".join(["%s"] * (4 + len(rest)))
    db.run(f"SELECT madlib.training_preprocessor_dl({slots})", source, output, y, x, *rest)


def validate(db: Session, source: str, output: str, training: str, *rest: object, y: str = "y", x: str = "x") -> None:
    slots = ", ".join(["%s"] * (5 + len(rest)))
    db.run(f"SELECT madlib.validation_preprocessor_dl({slots})", source, output, y, x, training, *rest)


def small(db: Session, rows: str, columns: str = "x real[], y text") -> None:
    """Make the table t of these rows."""
    db.run(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {rows}")


def features(db: Session, table: str, column: str = "x") -> np.ndarray:
    """All rows of a packed table, in the order of its buffers."""
    rows = db.fetch(f'SELECT "{column}", "{column}_shape" FROM {table} ORDER BY buffer_id')
    return np.concatenate([np.frombuffer(raw, np.float32).reshape(shape) for raw, shape in rows])


def labels(db: Session, table: str, column: str = "y", dtype: Any = np.int16) -> list[list[float]]:
    rows = db.fetch(f'SELECT "{column}", "{column}_shape" FROM {table} ORDER BY buffer_id')
    return [row for raw, shape in rows for row in np.frombuffer(raw, dtype).reshape(shape).tolist()]


def summary(db: Session, table: str) -> Any:
    (row,) = db.fetch(f"SELECT * FROM {table}_summary")
    return row


def tables(db: Session) -> list[str]:
    sql = f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA} AND relkind = 'r'"
    return sorted(name for (name,) in db.fetch(sql))


def error(db: Session, sql: str, *params: object) -> tuple[str, str]:
    """SQLSTATE and message, with the test's schema written as {schema}."""
    failure = db.error_of(sql, *params)
    schema = db.value("SELECT current_schema()")
    return failure.sqlstate, failure.message.replace(f"{schema}.", "{schema}.")


# --- what the page shows ------------------------------------------------------------------------------------------------


@pytest.fixture
def split_iris(iris: Session) -> Session:
    iris.run(f"SELECT setseed(0); {TWO_PARTITIONS}")
    iris.run("SELECT madlib.train_test_split('iris_data', 'iris', 0.8, NULL, NULL, NULL, NULL, TRUE)")
    iris.run("SELECT madlib.training_preprocessor_dl('iris_train', 'iris_train_packed', 'class_text', 'attributes')")
    return iris


CLASSES = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]


@pytest.mark.postgresql("there is a partition a segment")
def test_the_page(split_iris: Session) -> None:
    split_iris.run(
        "SELECT madlib.validation_preprocessor_dl("
        "'iris_test', 'iris_test_packed', 'class_text', 'attributes', 'iris_train_packed')"
    )
    for part, size in (("train", 60), ("test", 15)):
        assert summary(split_iris, f"iris_{part}_packed") == (
            f"iris_{part}",
            f"iris_{part}_packed",
            "class_text",
            "attributes",
            "character varying",
            CLASSES,
            CLASSES,
            size,
            1.0,
            3,
            "all_segments",
            "all_segments",
            2,
            "int16",
        )
        shapes = f"SELECT buffer_id, attributes_shape, class_text_shape FROM iris_{part}_packed ORDER BY 1"
        assert split_iris.fetch(shapes) == [(0, [size, 4], [size, 3]), (1, [size, 4], [size, 3])]


@pytest.mark.postgresql("the table has a column more")
def test_the_layout_of_the_table(split_iris: Session) -> None:
    sql = "SELECT attname, atttypid::regtype::text, attstorage FROM pg_attribute WHERE attrelid = 'iris_train_packed'::regclass"
    assert split_iris.fetch(sql + " AND attnum > 0 ORDER BY attnum") == [
        ("attributes", "bytea", "e"),
        ("class_text", "bytea", "e"),
        ("attributes_shape", "integer[]", "x"),
        ("class_text_shape", "integer[]", "x"),
        ("buffer_id", "integer", "p"),
    ]


def test_the_types_of_the_summary(split_iris: Session) -> None:
    sql = "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = 'iris_train_packed_summary'::regclass"
    assert [column for (column,) in split_iris.fetch(sql + " AND attnum > 0 ORDER BY attnum")] == [
        "source_table text",
        "output_table text",
        "dependent_varname text",
        "independent_varname text",
        "dependent_vartype text",
        "class_text_class_values character varying[]",
        "class_values character varying[]",
        "buffer_size integer",
        "normalizing_const real",
        "num_classes integer",
        "distribution_rules text",
        "__internal_gpu_config__ text",
        "partitions integer",
        "dependent_dtype text",
    ]


def test_every_row_is_packed_once_with_its_own_label(split_iris: Session) -> None:
    packed = zip(
        features(split_iris, "iris_train_packed", "attributes").tolist(),
        labels(split_iris, "iris_train_packed", "class_text"),
        strict=True,
    )
    source = split_iris.fetch("SELECT attributes::real[], class_text FROM iris_train")
    one_hot = dict(zip(CLASSES, ([1, 0, 0], [0, 1, 0], [0, 0, 1]), strict=True))
    expected = sorted((np.float32(row).tolist(), one_hot[name]) for row, name in source)
    assert sorted(packed) == expected


# --- bytes --------------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql("rows have no order")
def test_bytes_are_native_and_validation_keeps_the_order(db: Session) -> None:
    db.run("SET keras_automl.partitions = 1")
    small(db, "('{1,2}', 'a'), ('{3,4}', 'b'), ('{5,6}', 'a')")
    pack(db, "t", "p")
    validate(db, "t", "v", "p")
    x, y, *rest = db.fetch("SELECT x, y, x_shape, y_shape, buffer_id FROM v")[0]
    assert bytes(x) == struct.pack("=6f", 1, 2, 3, 4, 5, 6)
    assert bytes(y) == struct.pack("=6h", 1, 0, 0, 1, 1, 0)
    assert rest == [[3, 2], [3, 2], 0]


def test_training_is_shuffled_and_the_same_after_setseed(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT ARRAY[i]::real[] AS x, 'a'::text AS y FROM generate_series(1, 500) i")
    for name, seed in (("p", 0), ("q", 0), ("r", 0.5)):
        db.run("SELECT setseed(%s)", seed)
        pack(db, "t", name, 100)
    p, q, r = (features(db, name)[:, 0].tolist() for name in "pqr")
    assert p == q
    assert p != r
    assert p != sorted(p)
    assert sorted(p) == sorted(r) == [float(i) for i in range(1, 501)]


def test_rows_with_the_same_features_are_shuffled_as_others_are(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT ARRAY[i / 100]::int[] AS x, (i %% 2 = 0) AS y FROM generate_series(0, 299) i", ())
    packed = []
    for name in "pq":
        db.run("SELECT setseed(0.25)")
        pack(db, "t", name, 1000)
        packed.append((features(db, name)[:, 0].tolist(), db.fetch(f"SELECT md5(y) FROM {name} ORDER BY buffer_id")))
    assert packed[0] == packed[1]
    order = packed[0][0]
    assert sum(one != two for one, two in pairwise(order)) > 150


@pytest.mark.postgresql("there is a partition a segment")
def test_buffers_hold_the_rows_in_turn(db: Session) -> None:
    db.run("SET keras_automl.partitions = 2")
    db.run("CREATE TABLE t AS SELECT ARRAY[i]::int[] AS x, i %% 2 AS y FROM generate_series(1, 11) i", ())
    pack(db, "t", "p")
    validate(db, "t", "v", "p", 3)
    assert db.fetch("SELECT buffer_id, x_shape FROM v ORDER BY 1") == [(0, [3, 1]), (1, [3, 1]), (2, [3, 1]), (3, [2, 1])]
    assert features(db, "v")[:, 0].tolist() == [float(i) for i in range(1, 12)]
    assert (summary(db, "v").buffer_size, summary(db, "v").partitions) == (3, 2)


def test_more_partitions_than_rows(db: Session) -> None:
    db.run("SET keras_automl.partitions = 8")
    small(db, "('{1}', 'a'), ('{2}', 'b'), ('{3}', 'b')")
    pack(db, "t", "p")
    assert [row.buffer_id for row in db.fetch("SELECT buffer_id FROM p ORDER BY 1")] == [0, 1, 2]
    assert (summary(db, "p").partitions, summary(db, "p").buffer_size) == (3, 1)


def test_images_keep_their_shape(db: Session) -> None:
    small(db, "('{{{1,2}},{{3,4}},{{5,6}}}', 1), ('[0:2][0:0][5:6]={{{7,8}},{{9,10}},{{11,12}}}', 1)", "x int[], y int")
    pack(db, "t", "p", 10, 2)
    validate(db, "t", "v", "p", 10)
    assert db.value("SELECT x_shape FROM v WHERE buffer_id = 0")[1:] == [3, 1, 2]
    assert sorted(features(db, "v").reshape(-1).tolist()) == [i / 2 for i in range(1, 13)]  # in any order of the rows
    assert summary(db, "v").normalizing_const == 2.0


@pytest.mark.parametrize(
    "kind", ["smallint[]", "integer[]", "bigint[]", "real[]", "double precision[]", "numeric[]", "boolean[]"]
)
def test_types_of_features(db: Session, kind: str) -> None:
    db.run(f"CREATE DOMAIN inner_kind AS {kind}; CREATE TABLE t (x inner_kind, y text); INSERT INTO t VALUES ('{{1,0}}', 'a')")
    pack(db, "t", "p")
    assert features(db, "p").tolist() == [[1.0, 0.0]]


def test_normalizing_null_is_one(db: Session) -> None:
    small(db, "('{1,2}', 'a')")
    pack(db, "t", "p", None, None)
    assert features(db, "p").tolist() == [[1.0, 2.0]]
    assert summary(db, "p").normalizing_const == 1.0


def test_null_in_an_array_once_but_not_now(db: Session) -> None:
    small(db, "('{1,NULL}', 'a'), ('{3,4}', 'a')")
    db.run("UPDATE t SET x[2] = 2 WHERE x[1] = 1")
    pack(db, "t", "p")
    assert sorted(features(db, "p").tolist()) == [[1.0, 2.0], [3.0, 4.0]]


# --- classes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "classes", "array_type"),
    [
        ("text", "('b'), ('B'), ('a'), ('ä'), ('a b')", ["B", "a", "a b", "b", "ä"], "text[]"),
        ("text", r"('it''s'), ('{x,\"y}'), ('a\b'), ('')", ["", "a\\b", "it's", '{x,\\"y}'], "text[]"),
        ("varchar(3)", "('b'), ('a')", ["a", "b"], "character varying[]"),
        ("char(3)", "('bc'), ('a')", ["a", "bc"], "character[]"),
        ("integer", "(10), (9), (-1)", [-1, 9, 10], "integer[]"),
        ("double precision", "(1e300), (0.1), ('NaN')", [0.1, 1e300, "nan"], "double precision[]"),
        ("boolean", "(true), (false)", [False, True], "boolean[]"),
        ("text", "('b'), (NULL), ('a')", [None, "a", "b"], "text[]"),
        ("integer", "(NULL)", [None], "integer[]"),
        ("date", "('2024-10-01'), ('2024-09-30')", ["2024-09-30", "2024-10-01"], "date[]"),
    ],
)
def test_classes_and_their_order(db: Session, kind: str, values: str, classes: list[object], array_type: str) -> None:
    db.run(f"CREATE TABLE t AS SELECT ARRAY[row_number() OVER ()] AS x, y::{kind} FROM (VALUES {values}) AS v(y)")
    fractions = (None, None, len(classes)) if kind == "double precision" else ()  # which would be numbers to be predicted
    pack(db, "t", "p", *fractions)
    found = [value.strip() if isinstance(value, str) else value for value in summary(db, "p").class_values]
    assert [str(value).lower() if value != value else value for value in map(_plain, found)] == classes
    assert db.value("SELECT pg_typeof(class_values)::text FROM p_summary") == array_type
    validate(db, "t", "v", "p")
    assert np.sum(labels(db, "v"), axis=0).tolist() == [1] * len(classes)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


@pytest.mark.postgresql("rows have no order")
def test_every_class_gets_its_own_column(db: Session) -> None:
    small(db, "('{1}', 'b'), ('{2}', NULL), ('{3}', 'a')")
    pack(db, "t", "p", None, 1, 5)
    validate(db, "t", "v", "p")
    assert labels(db, "v") == [[0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    for name in "pv":
        assert (summary(db, name).class_values, summary(db, name).num_classes) == ([None, "a", "b", None, None], 5)


def test_enumerations_are_classes(db: Session) -> None:
    db.run("CREATE TYPE size AS ENUM ('small', 'large')")
    small(db, "('{1}', 'small'), ('{2}', 'large')", "x real[], y size")
    pack(db, "t", "p")
    assert db.value("SELECT class_values::text FROM p_summary") == "{large,small}"
    validate(db, "t", "v", "p")
    assert sorted(labels(db, "v")) == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    "given", ["4", "ARRAY[4]", "'4'", "'{4}'", "NULL", "ARRAY[NULL]::integer[]", "'{NULL}'", "NULL, 'all_segments'", "4, NULL"]
)
def test_num_classes_as_number_array_or_literal(db: Session, given: str) -> None:
    small(db, "('{1}', 'b'), ('{2}', 'a')")
    db.run(f"SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x', NULL, 255, {given})")
    assert summary(db, "p").num_classes == (4 if "4" in given else 2)


@pytest.mark.parametrize(
    "given", ["5", "5::smallint", "5::bigint", "'5'", "'5'::text", "'5'::varchar", "ARRAY[5]", "ARRAY[5]::bigint[]", "'{5}'"]
)
def test_num_classes_by_its_name(db: Session, given: str) -> None:
    small(db, "('{1}', 'b'), ('{2}', 'a')")
    db.run(f"SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x', num_classes := {given})")
    assert summary(db, "p").num_classes == 5
    db.run(f"SELECT madlib.training_preprocessor_dl('t', 'q', 'y', 'x', buffer_size := 1, num_classes := {given})")
    assert (summary(db, "q").num_classes, summary(db, "q").buffer_size) == (5, 1)


def said(db: Session, call: str) -> list[str]:
    """What a statement says on its way."""
    db.notices.clear()
    db.run(call)
    return [notice.strip() for notice in db.notices]


MANY = "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x'{})"
AS_NUMBER = (
    'NOTICE:  column "y" ({}) has {} distinct values in {} rows, and each becomes a class; to predict a number, pack a view'
    " with y::real AS y"
)


@pytest.mark.parametrize(
    ("kind", "classes", "rows", "told"),
    [
        ("integer", 50, 1000, True),
        ("integer", 49, 1000, False),
        ("integer", 10, 100, True),
        ("integer", 9, 100, False),
        ("text", 60, 1000, True),  # of digits
    ],
)
def test_numbers_that_become_many_classes(db: Session, kind: str, classes: int, rows: int, told: bool) -> None:
    db.run(f"CREATE TABLE t AS SELECT ARRAY[i] AS x, (i %% {classes})::{kind} AS y FROM generate_series(1, {rows}) i", ())
    assert said(db, MANY.format("")) == ([AS_NUMBER.format(kind, classes, rows)] if told else [])
    db.run("DROP TABLE p, p_summary")
    assert said(db, MANY.format(f", num_classes := {classes}")) == []


def test_words_are_classes_however_many(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT ARRAY[i] AS x, 'n' || i AS y FROM generate_series(1, 100) i")
    assert said(db, MANY.format("")) == []


def test_a_single_class_is_told(db: Session) -> None:
    small(db, "('{1}', 'only'), ('{2}', 'only')")
    assert said(db, MANY.format("")) == ["WARNING:  column \"y\" has only one class, 'only': a model can learn nothing of it"]


@pytest.mark.postgresql("rows have no order")
def test_integer_arrays_are_labels_already(db: Session) -> None:
    small(db, "('{1}', '{0,1,0}'), ('{2}', '{-3,300,2}')", "x real[], y numeric[]")
    pack(db, "t", "p")
    validate(db, "t", "v", "p")
    assert labels(db, "v") == [[0, 1, 0], [-3, 300, 2]]
    row = summary(db, "v")
    assert (row.class_values, row.y_class_values, row.num_classes, row.dependent_dtype) == (None, None, 3, "int16")
    assert row.dependent_vartype == "numeric[]"


@pytest.mark.postgresql("rows have no order")
def test_soft_labels_stay_soft(db: Session) -> None:
    small(db, "('{1}', '{0,1}'), ('{2}', '{0.25,0.75}')", "x real[], y double precision[]")
    pack(db, "t", "p", 1)
    validate(db, "t", "v", "p", 1)
    assert labels(db, "v", dtype=np.float32) == [[0.0, 1.0], [0.25, 0.75]]
    assert (summary(db, "p").dependent_dtype, summary(db, "v").dependent_dtype) == ("float32", "float32")


def test_validation_may_have_other_names_and_fewer_classes(db: Session) -> None:
    small(db, "('{1}', 'a'), ('{2}', 'b')")
    pack(db, "t", "p")
    db.run("CREATE TABLE u AS SELECT ARRAY[7] AS pixels, 'b'::varchar(5) AS kind")
    validate(db, "u", "v", "p", x="pixels", y="kind")
    assert labels(db, "v", "kind") == [[0, 1]]
    assert (summary(db, "v").dependent_varname, summary(db, "v").kind_class_values) == ("kind", ["a", "b"])


# --- names and surroundings ---------------------------------------------------------------------------------------------


def test_names_in_quotes_and_schemas(db: Session) -> None:
    db.run('CREATE SCHEMA "S"; CREATE TABLE "S"."T ""1""" AS SELECT ARRAY[1.5] AS "The X", \'k\'::text AS place')
    pack(db, '"S"."T ""1"""', '"S"."P %"', y="PLACE", x='"The X"')
    validate(db, '"S"."T ""1"""', '"S"."V"', '"S"."P %"', y="place", x='"The X"')
    row = db.fetch('SELECT * FROM "S"."P %%_summary"', ())[0]
    assert (row.dependent_varname, row.independent_varname, row.output_table) == ("place", "The X", '"S"."P %"')
    assert features(db, '"S"."V"', "The X").tolist() == [[1.5]]
    db.run('SET client_min_messages = warning; DROP SCHEMA "S" CASCADE')


def test_a_view_is_a_source(db: Session) -> None:
    db.run("CREATE TABLE t (a float, b int, c text); INSERT INTO t VALUES (1, 2, 'u'), (3, 4, 'v')")
    db.run("CREATE VIEW w AS SELECT ARRAY[a, b] AS x, c AS y FROM t")
    pack(db, "w", "p")
    assert sorted(features(db, "p").tolist()) == [[1.0, 2.0], [3.0, 4.0]]


def test_the_settings_of_the_session_stay(db: Session) -> None:
    small(db, "('{1}', 'a')")
    db.run("SET enable_hashagg = on; SET extra_float_digits = 0; SET synchronize_seqscans = on")
    pack(db, "t", "p")
    assert [db.value(f"SHOW {name}") for name in ("enable_hashagg", "extra_float_digits", "synchronize_seqscans")] == [
        "on",
        "0",
        "on",
    ]


def test_a_session_that_quotes_all_names(db: Session) -> None:
    small(db, "('{1,2}', 'a'), ('{3,4}', 'b')")
    db.run("SET quote_all_identifiers = on")
    pack(db, "t", "p")
    validate(db, "t", "v", "p")
    assert summary(db, "v").dependent_vartype == "text"
    assert db.value("SHOW quote_all_identifiers") == "on"


def test_vacuum_full_leaves_the_rows_that_a_run_has_been_trained_on(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT ARRAY[i]::real[] AS x, 'n' || i %% 3 AS y FROM generate_series(1, 500) i", ())
    pack(db, "t", "p", 20)
    query = fingerprint(SimpleNamespace(relation=Relation(0, Name("p"), "r")))  # type: ignore[arg-type]  # all that it looks at
    before = db.value(query)
    db.run("VACUUM FULL p")
    db.run("VACUUM FREEZE p")
    assert db.value(query) == before
    db.run("CREATE INDEX backwards ON p ((-buffer_id)); CLUSTER p USING backwards")
    assert db.value(query) != before


def test_packing_is_part_of_the_transaction(db: Session) -> None:
    small(db, "('{1}', 'a')")
    db.autocommit = False
    pack(db, "t", "p")
    db.rollback()
    assert tables(db) == ["t"]


@pytest.mark.postgresql("there the rules mean something; see test_greenplum")
def test_distribution_rules_are_checked_and_recorded(db: Session) -> None:
    small(db, "('{1}', 'a')")
    db.run("CREATE TABLE segments (dbid integer); CREATE TABLE other (id integer)")
    for given, recorded in (("GPU_segments", "gpu_segments"), ("Segments", "Segments"), (None, "all_segments")):
        pack(db, "t", "p", None, 1, None, given)
        assert summary(db, "p").distribution_rules == recorded
        db.run("DROP TABLE p, p_summary")
    call = "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x', distribution_rules := %s)"
    assert error(db, call, "other") == ("42703", 'distribution_rules: column "dbid" does not exist in table "{schema}.other"')
    assert error(db, call, "nothing") == ("42P01", 'distribution_rules: table "nothing" does not exist')


# --- bad input ----------------------------------------------------------------------------------------------------------

NO_NAME, ARRAY_OF = "must be the name of a table, got NULL", "must be an array of numbers, it is"
ERRORS = [
    ("NULL, 'p', 'y', 'x'", "22004", f"source_table: {NO_NAME}"),
    ("'', 'p', 'y', 'x'", "22004", "source_table: must be the name of a table, got ''"),
    ("'nothing', 'p', 'y', 'x'", "42P01", 'source_table: table "nothing" does not exist'),
    ("'empty', 'p', 'y', 'x'", "22023", 'source_table: table "{schema}.empty" is empty'),
    ("'t', NULL, 'y', 'x'", "22004", f"output_table: {NO_NAME}"),
    ("'t', 'taken', 'y', 'x'", "42P07", 'output_table: table "{schema}.taken" already exists'),
    ("'t', 'half', 'y', 'x'", "42P07", 'output_table: table "{schema}.half_summary" already exists'),
    ("'t', 'pg_temp.p', 'y', 'x'", "22023", "output_table: pg_temp is not allowed as the schema of an output table"),
    ("'t', 'p', NULL, 'x'", "22004", "dependent_varname: must name at least one column, got NULL"),
    ("'t', 'p', 'y', ''", "22004", "independent_varname: must name at least one column, got ''"),
    ("'t', 'p', 'Z', 'x'", "42703", 'dependent_varname: column "z" does not exist in table "{schema}.t"'),
    ("'t', 'p', 'y', 'x, x2'", "0A000", "independent_varname: must name one column, got 'x, x2'"),
    ("'t', 'p', 'x', 'x'", "22023", "independent_varname: must be another column than dependent_varname, got 'x'"),
    ("'t', 'p', 'y', 'scalar'", "42804", f'independent_varname: column "scalar" {ARRAY_OF} integer'),
    ("'t', 'p', 'y', 'words'", "42804", f'independent_varname: column "words" {ARRAY_OF} text[]'),
    ("'t', 'p', 'words', 'x'", "42804",
     'dependent_varname: column "words" must be an array of numbers if it is an array, it is text[]'),
    ("'t', 'p', 'j', 'x'", "42804",
     'dependent_varname: column "j" must have a type whose values are classes, or be an array of numbers; it is json'),
    ("'t', 'p', 'y', 'x', 0", "22023", "buffer_size: must be at least 1, got 0"),
    ("'t', 'p', 'y', 'x', -5", "22023", "buffer_size: must be at least 1, got -5"),
    ("'t', 'p', 'y', 'x', NULL, 0", "22023", "normalizing_const: must be greater than 0, got 0.0"),
    ("'t', 'p', 'y', 'x', NULL, -1", "22023", "normalizing_const: must be greater than 0, got -1.0"),
    ("'t', 'p', 'y', 'x', NULL, 'NaN'", "22023", "normalizing_const: must be greater than 0, got nan"),
    ("'t', 'p', 'y', 'x', NULL, 1, 1", "22023",
     'num_classes: must be at least 2, the number of distinct values in column "y", got 1'),
    ("'t', 'p', 'y', 'x', NULL, 1, ARRAY[2,2]", "22023",
     "num_classes: must be one number of classes from 1 to 65536, as in 10 or ARRAY[10], got '{2,2}'"),
    ("'t', 'p', 'y', 'x', NULL, 1, 'two'", "22023",
     "num_classes: must be one number of classes from 1 to 65536, as in 10 or ARRAY[10], got 'two'"),
    ("'t', 'p', 'y', 'x', NULL, 1, 0", "22023",
     "num_classes: must be one number of classes from 1 to 65536, as in 10 or ARRAY[10], got 0"),
    ("'t', 'p', 'x', 'x2', NULL, 1, 5", "22023", 'num_classes: must be the length of the arrays in column "x", 2, got 5'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expression"),
    [("a, b", "ARRAY[a, b]"), ("x, x2", "x || x2"), ("ARRAY[a, b]", "ARRAY[a, b]"), ("x[1:2]", "x[1:2]")],
)
def test_a_remedy_for_several_columns(db: Session, value: str, expression: str) -> None:
    small(db, "('{1}', '{2}', 3, 4, 'y')", "x real[], x2 real[], a real, b real, y text")
    failure = db.error_of("SELECT madlib.training_preprocessor_dl('t', 'p', 'y', %s)", value)
    schema = db.value("SELECT current_schema()")
    view = f"CREATE VIEW v AS SELECT *, {expression} AS independent FROM {schema}.t"
    assert failure.hint == f"Make one column of it in a view, and name that: {view}"
    if "[1:2]" not in value:
        db.run(view)
        pack(db, "v", "p", x="independent")


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), ERRORS)
def test_bad_input(db: Session, arguments: str, sqlstate: str, message: str) -> None:
    small(db, "('{1,2}', '{1,2}', 'a', 1, '{a}', '{}'), ('{3,4}', '{3,4}', 'b', 2, '{b}', '{}')",
          "x real[], x2 real[], y text, scalar int, words text[], j json")  # fmt: skip
    db.run("CREATE TABLE empty (LIKE t); CREATE TABLE taken (); CREATE TABLE half_summary ()")
    assert error(db, f"SELECT madlib.training_preprocessor_dl({arguments})") == (sqlstate, message)
    assert tables(db) == ["empty", "half_summary", "t", "taken"]


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("NULL", "NULL in 2 rows (first in row 3)"),
        ("'{}'", "an empty array in 2 rows (first in row 3)"),
        ("'{1}'", "shape {1} in 2 rows (first in row 3)"),
        ("'{1,2,3}'", "shape {3} in 2 rows (first in row 3)"),
        ("'{{1,2}}'", "shape {1,2} in 2 rows (first in row 3)"),
        ("'{1,NULL}'", "a NULL element in 2 rows (first in row 3)"),
        ("'{NaN,NULL}'", "a NULL element in 2 rows (first in row 3)"),
        ("'{1,NaN}'", "NaN in 2 rows (first in row 3)"),
        ("'{Infinity,1}'", "infinity in 2 rows (first in row 3)"),
        ("'{1,-Infinity}'", "infinity in 2 rows (first in row 3)"),
    ],
)
@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.postgresql("rows have no order")
def test_arrays_that_do_not_fit(db: Session, bad: str, found: str, partitions: int) -> None:
    db.run(f"SET keras_automl.partitions = {partitions}")
    small(db, f"('{{1,2}}', 'a'), ('{{3,4}}', 'b'), ({bad}, 'a'), ('{{5,6}}', 'b'), ({bad}, 'a')")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')") == (
        "22023",
        f"{SHAPE_OF_TWO}{found}",
    )
    assert tables(db) == ["t"]


OUT_OF_RANGE = [
    ("double precision", "'{1e300,1}'", "a number beyond the range of real"),
    ("double precision", "'{1,-3.4028236e38}'", "a number beyond the range of real"),
    ("double precision", "'{1e-300,1}'", "a number too close to 0 for real"),
    ("numeric", "'{1,1e400}'", "a number beyond the range of real"),
    ("numeric", "'{1,-1e-60}'", "a number too close to 0 for real"),
]


@pytest.mark.parametrize(("kind", "bad", "found"), OUT_OF_RANGE)
def test_a_number_that_real_cannot_hold(db: Session, kind: str, bad: str, found: str) -> None:
    small(db, f"(1, '{{1,2}}', 'a'), (2, {bad}, 'b'), (3, '{{3,4}}', 'b')", f"id int, x {kind}[], y text")
    sqlstate, message = error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')")
    assert (sqlstate, message.partition(" (first")[0]) == ("22003", f"{SHAPE_OF_TWO}{found} in 1 rows")
    assert tables(db) == ["t"]


def test_the_largest_and_the_smallest_that_real_can_hold(db: Session) -> None:
    small(db, "('{3.4028235e38, 1e-45}', 'a'), ('{-3.4028235e38, 0}', 'b')", "x double precision[], y text")
    pack(db, "t", "p")
    assert sorted(features(db, "p").ravel().tolist()) == [
        -3.4028234663852886e38,
        0.0,
        1.401298464324817e-45,
        3.4028234663852886e38,
    ]


@pytest.mark.parametrize(("kind", "value"), [("real", "1e9"), ("bigint", "1000000000"), ("numeric", "1e9")])
def test_a_number_that_is_too_large_once_divided(db: Session, kind: str, value: str) -> None:
    small(db, f"('{{1,2}}', 'a'), ('{{1,{value}}}', 'b')".replace("1e9}", "1000000000}"), f"x {kind}[], y text")
    sqlstate, message = error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x', NULL, 1e-30)")
    assert sqlstate == "22003"
    assert message.startswith(
        f"{SHAPE_OF_TWO}a number that normalizing_const takes beyond the range of real in 1 rows (first in"
    )
    pack(db, "t", "p", None, 1e-29)


def test_validation_refuses_what_training_refuses(db: Session) -> None:
    small(db, "('{1,2}', 'a'), ('{3,4}', 'b')", "x double precision[], y text")
    pack(db, "t", "p", None, 1e-5)
    db.run("CREATE TABLE u AS SELECT * FROM t")
    for bad, sqlstate, found in (
        ("{1,NaN}", "22023", "NaN"),
        ("{1e300,1}", "22003", "a number beyond the range of real"),
        ("{1e35,1}", "22003", "a number that normalizing_const takes beyond the range of real"),
    ):
        db.run("UPDATE u SET x = %s WHERE y = 'b'", bad)
        failure = error(db, "SELECT madlib.validation_preprocessor_dl('u', 'v', 'y', 'x', 'p')")
        assert (failure[0], failure[1].partition(" (first")[0]) == (sqlstate, f"{SHAPE_OF_TWO}{found} in 1 rows")


@pytest.mark.parametrize(
    ("kind", "bad", "sqlstate", "found"),
    [
        ("real", "'{1,NaN}'", "22023", "NaN"),
        ("double precision", "'{0.5,Infinity}'", "22023", "infinity"),
        ("double precision", "'{0.5,1e300}'", "22003", "a number beyond the range of real"),
        ("numeric", "'{0.5,1e400}'", "22003", "a number beyond the range of real"),
    ],
)
def test_arrays_of_labels_must_be_finite(db: Session, kind: str, bad: str, sqlstate: str, found: str) -> None:
    small(db, f"('{{1}}', '{{0,1}}'), ('{{2}}', {bad})", f"x real[], y {kind}[]")
    failure = error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')")
    rule = 'dependent_varname: every value of column "y" must be an array of shape {2} without NULL, NaN or infinity'
    assert (failure[0], failure[1].partition(" (first")[0]) == (sqlstate, f"{rule}, found {found} in 1 rows")


@pytest.mark.postgresql("rows have no order")
def test_ragged_arrays_that_add_up(db: Session) -> None:
    small(db, "('{1,2}', 'a'), ('{3}', 'b'), ('{5,6,7}', 'a')")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')")[1].endswith(
        "without NULL, NaN or infinity, found shape {1} in 1 rows (first in row 2), shape {3} in 1 rows (first in row 3)"
    )


def test_only_null_arrays(db: Session) -> None:
    small(db, "(NULL, 'a'), ('{}', 'b')")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')") == (
        "22023",
        'independent_varname: column "x" must not hold only NULL or empty arrays',
    )


@pytest.mark.postgresql("rows have no order")
def test_ragged_labels(db: Session) -> None:
    small(db, "('{1}', '{1,0}'), ('{2}', '{1}'), ('{3}', NULL)", "x real[], y int[]")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')") == (
        "22023",
        'dependent_varname: every value of column "y" must be an array of shape {2} without NULL, NaN or infinity,'
        " found shape {1} in 1 rows (first in row 2), NULL in 1 rows (first in row 3)",
    )


@pytest.mark.postgresql("there is a partition a segment")
@pytest.mark.soak
def test_a_buffer_beyond_a_gigabyte(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT array_fill(0::real, ARRAY[1000, 1000]) AS x, 'a'::text AS y FROM generate_series(1, 300)")
    db.run("SET keras_automl.partitions = 1")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x', 1000)") == (
        "22023",
        "buffer_size: must be at most 249 for features of shape {1000,1000}, so that a buffer stays below 1 GB, got 300",
    )


def test_too_many_classes(db: Session) -> None:
    db.run("CREATE TABLE t AS SELECT ARRAY[1] AS x, i AS y FROM generate_series(1, 65537) i")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')") == (
        "22023",
        'dependent_varname: column "y" must not have more than 65536 distinct values',
    )


@pytest.mark.postgresql("there is a partition a segment")
def test_partitions_out_of_range(db: Session) -> None:
    small(db, "('{1}', 'a')")
    db.run("SET keras_automl.partitions = 0")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'x')") == (
        "22023",
        "setting keras_automl.partitions must be a whole number from 1 to 1024, is '0'",
    )


def test_columns_that_would_clash_in_the_output(db: Session) -> None:
    small(db, "('{1}', 'a')", "buffer_id real[], y text")
    assert error(db, "SELECT madlib.training_preprocessor_dl('t', 'p', 'y', 'buffer_id')") == (
        "22023",
        'independent_varname: columns "buffer_id" and "y" would make two columns "buffer_id" in the packed table',
    )


VALIDATION_ERRORS = [
    ("'u', 'v', 'y', 'x', NULL", "22004", f"training_preprocessor_table: {NO_NAME}"),
    ("'u', 'v', 'y', 'x', 'nothing'", "42P01", 'training_preprocessor_table: table "nothing" does not exist'),
    ("'u', 'v', 'y', 'x', 'u'", "55000",
     'training_preprocessor_table: table "{schema}.u" has no summary table "{schema}.u_summary" beside it'),
    ("'u', 'v', 'y', 'x', 'fake'", "55000",
     'training_preprocessor_table: table "{schema}.fake" has a summary table without the column "source_table"'),
    ("'u', 'v', 'y', 'x', 'p'", "22023",
     "dependent_varname: classes of column \"y\" must be a subset of those of p ('a', 'b'), found NULL, 'c'"),
    ("'u', 'v', 'number', 'x', 'p'", "42804",
     'dependent_varname: column "number" must have the type that p was packed with, text; it is integer'),
    ("'u', 'v', 'x', 'x3', 'p'", "42804",
     'dependent_varname: column "x" must have the type that p was packed with, text; it is real[]'),
    ("'u', 'v', 'ok', 'x3', 'p'", "22023",
     'independent_varname: every value of column "x3" must be an array of shape {2} without NULL, NaN or infinity,'
     " found shape {3} in 3 rows (first in row 1)"),
    ("'u', 'p', 'ok', 'x', 'p'", "42P07", 'output_table: table "{schema}.p" already exists'),
    ("'u', 'v', 'ok', 'x', 'p', 0", "22023", "buffer_size: must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), VALIDATION_ERRORS)
def test_bad_input_of_validation(db: Session, arguments: str, sqlstate: str, message: str) -> None:
    small(db, "('{1,2}', 'a'), ('{3,4}', 'b')")
    pack(db, "t", "p")
    db.run(
        "CREATE TABLE u (x real[], x3 real[], y text, ok text, number int); CREATE TABLE fake (); CREATE TABLE fake_summary ()"
    )
    db.run(
        "INSERT INTO u VALUES ('{1,2}', '{1,2,3}', 'c', 'a', 1), ('{1,2}', '{1,2,3}', NULL, 'b', 2),"
        " ('{1,2}', '{1,2,3}', 'a', 'a', 3)"
    )
    before = tables(db)
    assert error(db, f"SELECT madlib.validation_preprocessor_dl({arguments})") == (sqlstate, message)
    assert tables(db) == before


def test_a_role_without_rights_is_told(db: Session, connect: Callable[..., Session], role: str) -> None:
    small(db, "('{1,2}', 'a'), ('{3,4}', 'b')")
    pack(db, "t", "p")
    plain = connect(user=role)
    call = "SELECT madlib.training_preprocessor_dl('t', 'mine', 'y', 'x')"
    assert error(plain, call) == ("42501", f'source_table: role "{role}" has no SELECT privilege on table "{{schema}}.t"')
    db.run(f"GRANT SELECT ON t TO {role}")
    plain.run(call)
    other = "SELECT madlib.validation_preprocessor_dl('t', 'v', 'y', 'x', 'p')"
    assert error(plain, other)[1].startswith(f'training_preprocessor_table: role "{role}" has no SELECT privilege')
    db.run(f"GRANT SELECT ON p TO {role}")
    assert error(plain, other)[1].endswith('on table "{schema}.p_summary"')
    validate(plain, "t", "v", "mine")
