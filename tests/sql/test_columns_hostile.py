"""Models of ordinary columns whose tables and columns have odd names and types: each path predicts, or says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fix_columns import make_churn, make_customers, quoted
from fix_db import Session

ANSWERS = {1: "yes", 2: "no", 3: "yes", 4: "yes", 5: "no", 6: "yes", 7: "yes", 8: "no"}

# Names that our own statements use, that SQL keeps for itself, and that end a text or a name where they are not quoted.
NAMES = {
    "plain words of ours": {"age": "source", "plan": "truth", "active": "place", "churned": "features", "spent": "x"},
    "our own rows": {"age": "a row", "plan": "the row before", "active": "row", "churned": "found", "spent": "q"},
    "keywords": {"age": "select", "plan": "order", "active": "user", "churned": "table", "spent": "array"},
    "quotes": {"age": 'a "b"', "plan": "it's", "active": "back\\slash", "churned": "$$ $1::text", "spent": "$body"},
    "other letters": {"age": "Größe", "plan": "价格", "active": "A", "churned": "a b\nc", "spent": "1"},
    "columns of the output": {"age": "rank", "plan": "missing", "active": "name", "churned": "part", "spent": "prob"},
}


@pytest.fixture(params=list(NAMES))
def hostile(db: Session, request: pytest.FixtureRequest) -> tuple[Session, str, dict[str, str]]:
    """The session `db` with the customers in a table whose columns have other names, and their model: with those names."""
    names = NAMES[request.param]
    make_customers(db)
    db.run('ALTER TABLE customers RENAME TO "Odd ""table"" $1::text"')
    for plain, other in names.items():
        db.run(f'ALTER TABLE "Odd ""table"" $1::text" RENAME {plain} TO {quoted(other)}')
    make_churn(db, name="Odd 'model'", source='Odd "table" $1::text', names=names)
    db.run("""SELECT madlib.automl_functions('"Odd ''model''"')""")
    return db, "\"Odd 'model'\"", names


def test_odd_names(hostile: tuple[Session, str, dict[str, str]]) -> None:
    db, model, names = hostile
    table, target = '"Odd ""table"" $1::text"', quoted(names["churned"])
    assert dict(db.fetch(f"SELECT id, {model}(t) FROM {table} t")) == ANSWERS
    db.run("SELECT madlib.automl_predict(%s, %s, '\"Sco''red\"')", model, table)
    assert dict(db.fetch(f'SELECT id, {target} FROM "Sco\'red"')) == ANSWERS
    for row, text in db.fetch(f"SELECT id, to_json(t)::text FROM {table} t"):
        assert db.value("SELECT madlib.automl_predict(%s, %s::jsonb)", model, text) == ANSWERS[row]
    measures = dict(db.fetch("SELECT name, value FROM madlib.automl_evaluate(%s, %s) WHERE part = 'metric'", model, table))
    assert measures["accuracy"] == pytest.approx(6 / 7, rel=1e-14)
    found = {row.name for row in db.fetch("SELECT * FROM madlib.automl_importance(%s, %s)", model, table)}
    assert found == {names[plain] for plain in ("age", "plan", "active")}


def test_another_table_with_odd_names(hostile: tuple[Session, str, dict[str, str]]) -> None:
    db, model, names = hostile
    db.run('CREATE TABLE others AS SELECT * FROM "Odd ""table"" $1::text"; ALTER TABLE others DROP ' + quoted(names["spent"]))
    db.run("SELECT madlib.automl_predict(%s, 'others', 'scored')", model)
    assert dict(db.fetch(f"SELECT id, {quoted(names['churned'])} FROM scored")) == ANSWERS
    assert db.value("SELECT value FROM madlib.automl_evaluate(%s, 'others') WHERE name = 'accuracy'", model) == pytest.approx(
        6 / 7, rel=1e-14
    )


# --- types --------------------------------------------------------------------------------------------------------------


def predict_json(db: Session, **row: Any) -> str:
    answer: str = db.value("SELECT madlib.automl_predict('churn', %s::jsonb)", json.dumps(row))
    return answer


def test_an_enum_that_does_not_have_a_value_takes_it_as_none(db: Session) -> None:
    make_customers(db)
    db.run("CREATE SCHEMA IF NOT EXISTS t_columns_types; CREATE TYPE t_columns_types.\"Plan\" AS ENUM ('b', 'a', 'c')")
    db.run('ALTER TABLE customers ALTER plan TYPE t_columns_types."Plan" USING plan::t_columns_types."Plan"')
    make_churn(db)
    db.run("SELECT madlib.automl_functions('churn')")
    assert predict_json(db, age=40, plan="a", active=True) == "yes"
    assert predict_json(db, age=40, plan="unheard of", active=True) == "no"
    db.run("CREATE TABLE others AS SELECT id, age, 'unheard of'::text AS plan, active FROM customers WHERE id = 1")
    db.run("SELECT madlib.automl_predict('churn', 'others', 'scored')")
    assert db.value("SELECT churned FROM scored") == "no"
    db.run("SET client_min_messages = warning; DROP SCHEMA t_columns_types CASCADE")


SHORT = {
    "char(1)": "char(1)",
    "varchar(1)": "varchar(1)",
    "a byte": '"char"',
    "a domain": "short",
    "a domain of a domain": "shorter",
}


@pytest.mark.parametrize("what", SHORT)
def test_a_text_that_its_column_would_cut_is_an_unknown_category(db: Session, what: str) -> None:
    make_customers(db)
    db.run("CREATE DOMAIN short AS varchar(1); CREATE DOMAIN shorter AS short CHECK (VALUE <> 'x')")
    db.run(f"ALTER TABLE customers ALTER plan TYPE {SHORT[what]} USING plan::{SHORT[what]}")
    make_churn(db)
    assert [predict_json(db, age=40, plan=plan, active=True) for plan in ("a", "apple", "a b", "")] == ["yes", "no", "no", "no"]
    db.run("CREATE TABLE others AS SELECT id, age, CASE id WHEN 1 THEN 'a' ELSE 'apple' END AS plan, active FROM customers"
           " WHERE id < 3; UPDATE others SET age = 40")  # fmt: skip
    db.run("SELECT madlib.automl_predict('churn', 'others', 'scored')")
    assert db.fetch("SELECT id, churned FROM scored ORDER BY 1") == [(1, "yes"), (2, "no")]
    if what != "a byte":
        assert predict_json(db, age=40, plan="a  ", active=True) == "yes"  # as INSERT takes it


TAGS = {"varchar(2)[]": "varchar(2)[]", "an enum": "tag[]", "a domain": "tags", "of a domain": "word[]"}


@pytest.mark.parametrize("what", TAGS)
def test_so_is_one_in_an_array(db: Session, what: str) -> None:
    if what == "of a domain" and db.is_greenplum:
        pytest.skip("PostgreSQL 11 has arrays of domains")
    make_customers(db)
    db.run("CREATE TYPE tag AS ENUM ('ab', 'c'); CREATE DOMAIN tags AS varchar(2)[]; CREATE DOMAIN word AS varchar(2)")
    db.run(f"ALTER TABLE customers ADD tags {TAGS[what]}")
    make_churn(db)
    db.run(
        "CREATE OR REPLACE FUNCTION churn_features(r customers) RETURNS real[] LANGUAGE sql STABLE AS $$"
        " SELECT ARRAY[0, CASE WHEN 'ab' = ANY (r.tags::text[]) THEN 1 ELSE 0 END, CASE WHEN r.tags IS NULL THEN 3 ELSE 0 END,"
        " 0, 0]::real[] $$; UPDATE churn_columns SET name = 'tags' WHERE name = 'age'"
    )
    found = {
        given: predict_json(db, tags=json.loads(given), plan=None, active=None)
        for given in ('["ab"]', '["c", "ab"]', '["abc"]', '["c", null]', "[]", "null", '"{ab,abc}"')
    }
    # The logit is 1 with the tag, which makes a yes; 0 without, which is one half and a yes too; -2.25 where there is no array.
    prob = {given: db.value("SELECT madlib.automl_predict('churn', %s::jsonb, 'value')::real[]", json.dumps(
        {"tags": json.loads(given), "plan": None, "active": None}))[1] > 0.6 for given in found}  # fmt: skip
    assert [given for given, has in prob.items() if has] == ['["ab"]', '["c", "ab"]', '"{ab,abc}"']
    assert [given for given, answer in found.items() if answer == "no"] == ["null"]
    db.run("CREATE TABLE others AS SELECT 1 AS id, ARRAY['abc']::text[] AS tags, NULL::text AS plan, NULL::boolean AS active"
           " UNION ALL SELECT 2, ARRAY['ab', 'abc'], NULL, NULL")  # fmt: skip
    db.run("SELECT madlib.automl_predict('churn', 'others', 'scored', 'value')")
    assert [row.churned[1] > 0.6 for row in db.fetch("SELECT * FROM scored ORDER BY id")] == [False, True]


def test_domains_of_json(db: Session) -> None:
    make_customers(db)
    db.run("CREATE TYPE letter AS ENUM ('a', 'b', 'c'); CREATE DOMAIN plans AS letter; CREATE DOMAIN years AS integer;"
           " CREATE DOMAIN levels AS integer[]")  # fmt: skip
    db.run("ALTER TABLE customers ALTER plan TYPE plans USING plan::letter, ALTER age TYPE years, ADD levels levels, ADD whole"
           " integer[]")  # fmt: skip
    make_churn(db)
    assert predict_json(db, age=40.0, plan="a", active=True) == "yes"
    assert predict_json(db, age=40, plan="unheard of", active=True) == "no"
    for name in ("levels", "whole"):
        db.run(
            "CREATE OR REPLACE FUNCTION churn_features(r customers) RETURNS real[] LANGUAGE sql STABLE AS $$"
            f" SELECT ARRAY[r.{name}[2], 0, 0, 0, 0]::real[] $$; UPDATE churn_columns SET name = '{name}' WHERE name <> 'id'"
            " AND role = 'feature' AND position = 2; UPDATE churn_summary SET threshold = threshold"
        )
        answers = [predict_json(db, plan="b", active=None, **{name: value}) for value in ([0, 9], [1, -9.0], "{1,-9}")]
        assert answers == ["yes", "no", "no"]


def test_a_domain_that_allows_no_null_must_be_there(db: Session) -> None:
    make_customers(db)
    db.run("CREATE DOMAIN amount AS numeric(8,2) NOT NULL; UPDATE customers SET spent = 1 WHERE spent IS NULL")
    db.run("ALTER TABLE customers ALTER spent TYPE amount")
    make_churn(db)
    failure = db.error_of("SELECT madlib.automl_predict('churn', %s::jsonb)", '{"age": 1, "plan": "a", "active": true}')
    assert failure.message == "source_row: must have column spent"
    assert predict_json(db, age=40, plan="a", active=True, spent=1) == "yes"
    db.run("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert dict(db.fetch("SELECT id, churned FROM scored")) == ANSWERS


def test_arrays_of_json(db: Session) -> None:
    make_customers(db)
    db.run("ALTER TABLE customers ADD levels integer[], ADD tags text[]")
    make_churn(db)
    db.run(
        "CREATE OR REPLACE FUNCTION churn_features(r customers) RETURNS real[] LANGUAGE sql STABLE AS $$"
        " SELECT ARRAY[r.levels[1], 0, 0, (r.tags[2] = 'b, \"c\"')::integer, 0]::real[] $$"
    )
    db.run(
        "UPDATE churn_columns SET name = 'levels' WHERE name = 'age';UPDATE churn_columns SET name = 'tags' WHERE name = 'plan'"
    )
    assert predict_json(db, levels=[-9, 2], tags=["a", 'b, "c"'], active=None) == "no"
    assert predict_json(db, levels=[9, 2], tags=["a", 'b, "c"'], active=None) == "yes"
    assert predict_json(db, levels="{9,2}", tags='{a,"b, \\"c\\""}', active=None) == "yes"


def test_the_label_has_its_own_type(db: Session) -> None:
    make_customers(db)
    db.run("CREATE TYPE answer AS ENUM ('yes', 'no'); ALTER TABLE customers ALTER churned TYPE answer USING churned::answer")
    make_churn(db, target_type="answer")
    db.run("SELECT madlib.automl_functions('churn')")
    schema = db.value("SELECT current_schema()")
    db.run("SET search_path = pg_catalog")  # under which the type has another name
    assert db.value(f"SELECT pg_typeof({schema}.churn(c))::text FROM {schema}.customers c LIMIT 1") == f"{schema}.answer"
    db.run(f"SET search_path = {schema}")
    db.run("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert db.value("SELECT churned FROM scored WHERE id = 1") == "yes"
    assert db.value("SELECT pg_typeof(churned)::text FROM scored LIMIT 1") == "answer"
    assert db.value("SELECT value FROM madlib.automl_evaluate('churn', 'customers') WHERE name = 'accuracy'") == pytest.approx(
        6 / 7, rel=1e-14
    )


def test_a_model_with_the_name_of_a_column_is_called_as_a_function(db: Session) -> None:
    make_customers(db)
    make_churn(db, name="churned")
    if db.is_greenplum:  # which comes from PostgreSQL 9.4: until 11 such a function cannot be
        schema = db.value("SELECT current_schema()")
        db.run("ALTER TABLE customers DROP CONSTRAINT customers_pkey")
        db.run("INSERT INTO customers SELECT c.* FROM customers c, generate_series(1, 20)")  # enough to train on
        train = "automl_train('customers', 'age', 'churned'"
        calls = ("automl_functions('churned')", f"{train})", f"{train}, dry_run := TRUE)")
        for call, name in zip(calls, ("churned", "age", "age"), strict=True):
            db.notices.clear()
            failure = db.error_of(f"SELECT madlib.{call}")
            assert (failure.sqlstate, failure.message) == (
                "42701",
                f"model: function {schema}.{name}({schema}.customers) cannot be made on this server: table"
                f' "{schema}.customers" has a column of that name',
            )
            assert failure.hint == "Choose another name for the model."
            assert not any("has the name of a column" in each for each in db.notices)
        return
    db.run("SELECT madlib.automl_functions('churned')")
    assert dict(db.fetch("SELECT id, churned(c) FROM customers c")) == ANSWERS
