"""madlib.automl_train: what callers say beside each other, what they are told before anything is made, and odd sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automl.columns.functions import BY
from fix_columns_script import columns, error, lines, numbered, prepared, script
from fix_db import CURRENT_SCHEMA, Session


def search_of(db: Session, **given: object) -> str:
    """The statement of the script that searches."""
    return next(sql for name, sql in script(db, "t", "m", "y", **given) if name == "search")


def notices(db: Session) -> list[str]:
    return [notice.partition(":")[2].strip() for notice in db.notices if notice.startswith("NOTICE")]


# --- one argument beside another ----------------------------------------------------------------------------------------


def test_decisions_count_beside_parameters_of_the_caller(db: Session) -> None:
    numbered(db, "i AS id")
    params = {"automl_method": "hyperopt", "automl_params": "num_configs=3, num_iterations=2, max_time = 5 s", "decisions": 4}
    assert "automl_params := 'num_configs=3, num_iterations=2, decisions=4'" in search_of(db, params=params)


def test_so_does_an_objective(db: Session) -> None:
    numbered(db, "i AS id")
    params: dict[str, Any] = {"automl_params": "R=3, eta=3"}
    assert "automl_params := 'R=3, eta=3, objective=AUC'" in search_of(db, params=params, objective="roc_auc")
    params["automl_params"] += ", objective=max:AUC"
    assert "automl_params := 'R=3, eta=3, objective=max:AUC'" in search_of(db, params=params, objective="roc_auc")


def test_what_cannot_be_read_is_said_before_anything_is_made(db: Session) -> None:
    numbered(db, "i AS id")
    schema = f"SELECT count(*) FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA}"
    before = db.value(schema)
    metrics = "{'loss': ['mse'], 'metrics': ['accuracy'], 'optimizer_params_list': [{'optimizer': ['adam']}]}"
    wrong: list[tuple[dict[str, object], str]] = [
        ({"objective": "auk"}, "objective: must be loss, log_loss, accuracy, brier, roc_auc, precision, recall, f1, macro_f1,"),
        ({"params": {"automl_params": "R=three"}}, 'automl_params: "R" must be '),
        ({"params": {"automl_method": "guess"}}, "automl_method: must be "),
        ({"params": {"compile_params_grid": "{'loss': ['unknown']}"}}, "compile_params_grid: "),
        (
            {"objective": "auc", "params": {"compile_params_grid": metrics}},
            'automl_params: "objective" must be one of loss, acc',
        ),
    ]
    for given, message in wrong:
        for dry_run in (True, False):
            with pytest.raises(Exception) as caught:
                lines(db, "t", "m", "y", dry_run=dry_run, **given)
            failure = db.failure(caught.value)  # type: ignore[arg-type]
            assert (failure.sqlstate, message in failure.message) == ("22023", True), failure
    assert db.value(schema) == before


# --- functions of an earlier model --------------------------------------------------------------------------------------


def a_function(db: Session, name: str, result: str) -> None:
    """Make a function as an earlier model has left it."""
    db.run(f"CREATE FUNCTION {name}(t) RETURNS {result} LANGUAGE sql AS 'SELECT NULL::{result}'")
    db.run(f"COMMENT ON FUNCTION {name}(t) IS 'Something, {BY}'")


def refusal(db: Session, target: str) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:
        lines(db, "t", "m", target)
    sqlstate, message, hint = db.failure(caught.value)  # type: ignore[arg-type]
    schema = db.value("SELECT current_schema()")
    assert hint == f"Choose another name for the model, or DROP FUNCTION {message.split()[2]}."
    return sqlstate, message.replace(f"{schema}.", "")


def test_a_function_that_returns_something_else_is_found_before_the_search(db: Session) -> None:
    numbered(db, "i * 0.5 AS number")
    a_function(db, "m", "text")
    assert refusal(db, "y") == (
        "42P13",
        "model: function m(t) of an earlier model returns text, and this one would return integer",
    )
    db.run("DROP FUNCTION m(t)")
    a_function(db, "m", "numeric")
    a_function(db, "m_prob", "jsonb")
    assert refusal(db, "number") == (
        "42P13",
        "model: function m_prob(t) of an earlier model returns jsonb, and this one has none such",
    )
    assert db.value("SELECT count(*) FROM pg_class WHERE relname = 'm_rows'") == 0


# --- what is told -------------------------------------------------------------------------------------------------------


def test_a_few_whole_numbers_of_a_fractional_type_may_be_classes(db: Session) -> None:
    numbered(db, "(i % 2)::float8 AS good, (i % 3 / 2.0) AS half, i % 4 AS part")
    db.notices.clear()
    script(db, "t", "m", "good")
    assert notices(db) == [
        'column "good" is predicted as a number, as one of type double precision is, though it has 2 different values, all of'
        ' them whole: if these are classes, say column_types := \'{"good": "category"}\''
    ]
    db.notices.clear()
    for target, types in (("half", None), ("part", None), ("good", {"good": "category"}), ("good", {"good": "number"})):
        script(db, "t", "m", target, **({"column_types": types} if types else {}))
    assert notices(db) == []


@pytest.mark.postgresql("a function of rows with the name of a column of theirs cannot be")
def test_a_model_with_the_name_of_a_column_is_told_how_it_is_called(db: Session) -> None:
    numbered(db, "i AS id")
    db.notices.clear()
    script(db, "t", "x", "y")
    schema = db.value("SELECT current_schema()")
    assert notices(db) == [
        f'the model has the name of a column of "{schema}.t": r.x is the column, and {schema}.x(r) the prediction'
    ]
    db.notices.clear()
    script(db, "t", "x", "y", functions=False)
    assert notices(db) == []


def test_rows_without_a_time_are_told_of(db: Session) -> None:
    numbered(db, "nullif(i, 7) AS at, i AS id", 100)
    db.notices.clear()
    script(db, "t", "m", "y", time_col="at", id_col="id")
    assert notices(db) == ['1 rows have no "at": they are to train on, as if they came before all others']


def test_moments_that_are_the_same_leave_nothing_to_validate_or_to_test(db: Session) -> None:
    numbered(db, "2000 + i / 50 AS year, 2000 + (i - 1) / 20 AS decade, i AS id", 100)
    assert error(db, "t", "y", time_col="year", id_col="id") == (
        "22023",
        'time_col: column "year" tells too few moments apart: no row is left to validate on, the tenth before the last one',
    )
    db.notices.clear()
    script(db, "t", "m", "y", time_col="decade", id_col="id")
    assert notices(db) == [
        'no row is left to test on: none has a "decade" behind that of the rows to validate on. A column that tells more'
        " moments apart leaves a tenth"
    ]


# --- odd tables ---------------------------------------------------------------------------------------------------------


def test_columns_of_several_collations(db: Session) -> None:
    db.run(
        'CREATE TABLE t (y text COLLATE "POSIX", a text COLLATE "C", b varchar(9) COLLATE "POSIX", n name, d text,'
        ' s text[] COLLATE "C", z text[] COLLATE "POSIX")'
    )
    db.run(
        "INSERT INTO t SELECT 'y' || i % 2, 'a' || i % 3, 'b' || i % 12, 'n' || i % 4, 'd' || i % 5, ARRAY['s' || i % 3],"
        " ARRAY['z' || i % 2] FROM generate_series(1, 90) i"
    )
    about = columns(db, prepared(db, "t", "m", "y"), "m")
    found = {name: (row.treatment, len(row.vocabulary or ())) for name, row in about.items() if row.role == "feature"}
    assert found == {
        "a": ("one_hot", 3), "b": ("codes", 12), "n": ("one_hot", 4), "d": ("one_hot", 5), "s": ("set", 3), "z": ("set", 2),
    }  # fmt: skip


@pytest.mark.postgresql("Greenplum 6 has no collations of ICU")
def test_texts_that_a_collation_takes_for_the_same_are_told_apart(db: Session) -> None:
    if not db.value("SELECT count(*) FROM pg_collation WHERE collprovider = 'i'"):
        pytest.skip("the server was built without ICU")
    db.run("CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    db.run("CREATE TABLE t (y integer, w text COLLATE alike, s text[] COLLATE alike)")
    db.run("INSERT INTO t SELECT i % 2, (ARRAY['a', 'A'])[1 + i % 2], ARRAY[(ARRAY['b', 'B'])[1 + i % 2]]"
           " FROM generate_series(1, 60) i")  # fmt: skip
    about = columns(db, prepared(db, "t", "m", "y"), "m")
    assert (sorted(about["w"].vocabulary), sorted(about["s"].vocabulary)) == (["A", "a"], ["B", "b"])
    assert all(sum(vector) == 2 for (vector,) in db.fetch("SELECT m_features(t) FROM t"))


def test_rows_of_the_same_id_are_in_the_same_order_wherever_they_lie(db: Session) -> None:
    numbered(db, "i % 20 AS id, i % 7 AS z", 120)
    found = []
    for model, order in (("m1", "z, x"), ("m2", "x DESC, z DESC")):
        db.run(f"CREATE TABLE sorted AS SELECT * FROM t ORDER BY {order}; DROP TABLE t; ALTER TABLE sorted RENAME TO t")
        prepared(db, "t", model, "y", id_col="id")
        found.append(db.fetch(f"SELECT * FROM {model}_rows ORDER BY id"))
        db.run(f"DROP FUNCTION {model}_features(t)")
    assert found[0] == found[1]


@pytest.mark.postgresql("files lie on each segment")
def test_a_foreign_table_and_a_materialized_view(db: Session) -> None:
    if not db.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'"):
        pytest.skip("file_fdw is not installed (postgresql-contrib)")
    numbered(db, "'town ' || i % 12 AS town, date '2020-01-01' + i AS day, nullif(i, 5) AS gap")
    db.run("CREATE MATERIALIZED VIEW kept AS SELECT * FROM t; CREATE EXTENSION file_fdw; CREATE SERVER files"
           " FOREIGN DATA WRAPPER file_fdw")  # fmt: skip
    path = Path(db.value("SELECT current_setting('data_directory')")) / f"{db.value('SELECT current_schema()')}.csv"
    db.run("COPY t TO %s (FORMAT csv)", str(path))
    db.run("CREATE FOREIGN TABLE away (y integer, x integer, town text, day date, gap integer) SERVER files"
           " OPTIONS (filename %s, format 'csv')", str(path))  # fmt: skip
    for source in ("kept", "away"):
        steps = prepared(db, source, f"of_{source}", "y")
        about = columns(db, steps, f"of_{source}")
        assert {name: row.treatment for name, row in about.items() if row.treatment} == {
            "x": "number", "town": "codes", "day": "date", "gap": "number",
        }  # fmt: skip
        rows = db.fetch(f"SELECT of_{source}_features(r)::text FROM {source} r")
        assert sorted(rows) == sorted(db.fetch(f"SELECT features::text FROM of_{source}_rows"))
    same = "SELECT count(*) FROM kept k JOIN away a USING (day) WHERE of_kept_features(k)::text = of_away_features(a)::text"
    assert db.value(same) == 60
    path.unlink(missing_ok=True)


def test_every_place_of_the_vector_is_of_one_column(db: Session) -> None:
    numbered(db, "nullif(i % 13, 5) AS gap, timestamp '2020-01-01' + i * interval '7 hours' AS at, i % 3 || 'p' AS plan,"
                 " 'town ' || i % 12 AS town, ARRAY[i, 2]::real[] AS pair")  # fmt: skip
    about = columns(db, prepared(db, "t", "m", "y"), "m")
    of_features = [row for row in about.values() if row.role == "feature"]
    assert all((row.places[0], len(row.places)) == (row.first, row.width) for row in of_features)
    width = db.value("SELECT array_length(m_features(t), 1) FROM t LIMIT 1")
    assert sorted(place for row in of_features for place in row.places) == list(range(1, width + 1))
    flag = about["gap"].places[1]
    assert db.fetch(f"SELECT DISTINCT gap IS NULL, (m_features(t))[{flag}] FROM t ORDER BY 1") == [(False, 0), (True, 1)]
    assert about["y"].places is None
    assert json.loads(db.value("SELECT to_json(places)::text FROM m_columns WHERE name = 'pair'")) == list(about["pair"].places)
