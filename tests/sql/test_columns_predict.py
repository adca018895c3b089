"""What a model of ordinary columns predicts: by the functions of its own, of a table, of a row of JSON."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from fix_columns import LOGIT_OF, json_row, make_churn, make_customers, make_spent
from fix_db import Session, connect_to, scratch_database

YES = {row: 1 / (1 + math.exp(-logit)) for row, logit in LOGIT_OF.items()}
ANSWERS = {1: "yes", 2: "no", 3: "yes", 4: "yes", 5: "no", 6: "yes", 7: "yes", 8: "no"}  # from 0.4 on
SPENT = {1: 105, 2: 60, 3: 120, 4: 135, 5: 85, 6: 140, 7: 95, 8: 90}


@pytest.fixture
def churn(db: Session) -> Session:
    """The session `db` with eight customers, and the model `churn` with its functions."""
    make_customers(db)
    make_churn(db)
    db.run("SELECT madlib.automl_functions('churn')")
    return db


@pytest.fixture
def spent(db: Session) -> Session:
    """The session `db` with eight customers, and the model `spent_model` of a number, with its function."""
    make_customers(db)
    make_spent(db)
    db.run("SELECT madlib.automl_functions('spent_model')")
    return db


def predicted(db: Session, *arguments: object, model: str = "churn", table: str = "customers") -> list[Any]:
    """The rows of a table as automl_predict predicts them."""
    db.run("DROP TABLE IF EXISTS scored")
    marks = "".join(", %s" for _ in arguments)
    db.run(f"SELECT madlib.automl_predict(%s, %s, 'scored'{marks})", model, table, *arguments)
    return db.fetch("SELECT * FROM scored ORDER BY 1")


def of_json(db: Session, model: str = "churn", pred_type: str = "response") -> dict[int, Any]:
    """What is predicted for each customer as a row of JSON, one call each: on Greenplum none runs where the rows are."""
    rows = db.fetch("SELECT id, to_json(c)::text FROM customers c")
    return {row: db.value("SELECT madlib.automl_predict(%s, %s::jsonb, %s)", model, text, pred_type) for row, text in rows}


def current_schema(db: Session) -> str:
    name: str = db.value("SELECT current_schema()")
    return name


def types_of(db: Session, table: str) -> list[str]:
    sql = "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
    return [column for (column,) in db.fetch(f"{sql} AND attnum > 0 ORDER BY attnum", table)]


# --- the functions ------------------------------------------------------------------------------------------------------


def test_the_function_gives_the_class_by_the_threshold(churn: Session) -> None:
    assert dict(churn.fetch("SELECT id, churn(c) FROM customers c")) == ANSWERS
    assert dict(churn.fetch("SELECT c.id, c.churn FROM customers c")) == ANSWERS
    assert churn.value("SELECT pg_typeof(churn(c))::text FROM customers c LIMIT 1") == "text"


def test_the_function_of_probabilities_names_the_classes(churn: Session) -> None:
    found = dict(churn.fetch("SELECT id, churn_prob(c) FROM customers c"))
    assert {row: each["yes"] for row, each in found.items()} == pytest.approx(YES, abs=1e-6)
    assert all(each["yes"] + each["no"] == pytest.approx(1, abs=1e-6) for each in found.values())


def test_without_a_threshold_it_is_the_most_probable_class(db: Session) -> None:
    make_customers(db)
    make_churn(db, threshold=None)
    db.run("SELECT madlib.automl_functions('churn')")
    expected = {row: "yes" if each > 0.5 else "no" for row, each in YES.items()}
    assert expected[7] == "no"
    assert dict(db.fetch("SELECT id, churn(c) FROM customers c")) == expected
    assert {row.id: row.churned for row in predicted(db)} == expected
    assert of_json(db) == expected


def test_a_number_is_put_back_into_its_range_and_type(spent: Session) -> None:
    assert dict(spent.fetch("SELECT id, spent_model(c)::float8 FROM customers c")) == pytest.approx(SPENT)
    assert spent.value("SELECT spent_model(c)::text FROM customers c WHERE id = 6") == "140.00"
    assert spent.value("SELECT count(*) FROM pg_proc WHERE proname = 'spent_model_prob'") == 0


NAN = "UPDATE {} SET model_weights = decode(repeat('0000c07f', octet_length(model_weights) / 4), 'hex')"


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_outputs_that_are_nan_tell_no_class(db: Session, threshold: float | None) -> None:
    make_customers(db)
    make_churn(db, threshold=threshold)
    db.run("SELECT madlib.automl_functions('churn');" + NAN.format("churn"))
    for call in ("churn(c)", "churn_prob(c)"):
        assert "the network gives NaN for this row" in db.error_of(f"SELECT {call} FROM customers c").message
    assert "the network gives NaN at id = " in db.error_of("SELECT madlib.automl_predict('churn', 'customers', 'p')").message
    assert "the network gives NaN at " in db.error_of("SELECT * FROM madlib.automl_evaluate('churn', 'customers')").message


def test_a_number_that_is_nan_is_not_the_largest_of_its_range(spent: Session) -> None:
    spent.run(NAN.format("spent_model"))
    assert {value for (value,) in spent.fetch("SELECT spent_model(c)::text FROM customers c")} == {"NaN"}
    assert {str(row[1]) for row in predicted(spent, "value", model="spent_model")} == {"nan"}


LANGUAGES = (
    "SELECT proname, lanname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
    " WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND proname ~ '^churn' ORDER BY 1"
)


def test_the_functions_are_planned_once_a_session_or_stand_in_the_place_of_the_call(churn: Session) -> None:
    written = "sql" if churn.is_greenplum else "plpgsql"
    assert churn.fetch(LANGUAGES) == [("churn", written), ("churn_features", "sql"), ("churn_prob", written)]
    for name in ("churn", "churn_prob"):
        body = churn.value("SELECT prosrc FROM pg_proc WHERE oid = (%s || '(customers)')::regprocedure", name)
        assert body.count("madlib.automl_prob(") == 1


@pytest.mark.postgresql("a cluster has plans of its own")
def test_in_a_parallel_plan_where_that_allows_subtransactions(churn: Session) -> None:
    churn.run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
    churn.run("SET parallel_leader_participation = off; SET max_parallel_workers_per_gather = 2; ANALYZE customers")
    churn.run("ALTER TABLE customers SET (parallel_workers = 2)")  # with one, as for so few rows, nothing is gained
    for call, expected in (
        ("churn(c)", ANSWERS),
        ("churn_prob(c) ->> 'yes' > '0.4'", {row: each == "yes" for row, each in ANSWERS.items()}),
    ):
        ask = f"SELECT id, {call} FROM customers c"
        plan = "".join(line for (line,) in churn.fetch(f"EXPLAIN (COSTS OFF) {ask}"))
        assert ("Parallel Seq Scan" in plan) == (churn.info.server_version >= 170000)
        assert dict(churn.fetch(ask)) == expected


@pytest.mark.postgresql("EXPLAIN shows the plan of a cluster otherwise")
def test_who_may_not_write_plpgsql_gets_functions_that_the_planner_sees_through(
    db: Session, connect: Callable[..., Session], role: str
) -> None:
    plain = connect(user=role)
    make_customers(plain)
    make_churn(plain)
    db.run("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    try:
        plain.run("SELECT madlib.automl_functions('churn')")
    finally:
        db.run("GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC")
    assert dict(plain.fetch("SELECT id, churn(c) FROM customers c")) == ANSWERS
    for call in ("churn(c)", "churn_prob(c)"):
        plan = "".join(line for (line,) in plain.fetch(f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {call} FROM customers c"))
        assert plan.count("automl_answer(") == 1
        assert "churn(" not in plan and "churn_features" not in plan and "automl_prob(" not in plan


def test_the_functions_read_the_model_with_the_rights_of_who_calls(
    churn: Session, connect: Callable[..., Session], role: str
) -> None:
    churn.run(f"GRANT SELECT ON customers TO {role}")
    plain = connect(user=role)
    assert plain.error_of("SELECT churn(c) FROM customers c").sqlstate == "42501"
    assert plain.error_of("SELECT madlib.automl_predict('churn', '{}'::jsonb)").sqlstate == "42501"
    churn.run(f"GRANT SELECT ON churn, churn_summary, churn_info, churn_columns TO {role}")
    assert dict(plain.fetch("SELECT id, churn(c) FROM customers c")) == ANSWERS
    assert of_json(plain) == ANSWERS


def test_a_row_is_predicted_under_any_search_path(churn: Session) -> None:
    schema = churn.value("SELECT current_schema()")
    churn.run("SET search_path = pg_catalog")
    assert churn.value(f"SELECT {schema}.churn(c) FROM {schema}.customers c WHERE id = 1") == "yes"
    assert churn.value(f"SELECT ({schema}.churn_prob(c) ->> 'yes') IS NULL FROM {schema}.customers c WHERE id = 1") is False


def test_the_functions_are_made_again_with_another_threshold(churn: Session) -> None:
    churn.run("UPDATE churn_summary SET threshold = 0.6; SELECT madlib.automl_functions('churn')")
    expected = {row: "yes" if each >= 0.6 else "no" for row, each in YES.items()}
    assert dict(churn.fetch("SELECT id, churn(c) FROM customers c")) == expected
    assert {row.id: row.churned for row in predicted(churn)} == expected


def test_each_function_has_a_comment(churn: Session) -> None:
    comments = churn.fetch(
        "SELECT obj_description(oid, 'pg_proc') FROM pg_proc WHERE proname IN ('churn', 'churn_prob')"
        " AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY proname"
    )
    by = ", by a model of madlib.automl_train"
    assert comments == [(f"Predicts churned{by}",), (f"The probability of each class of churned{by}",)]


def test_a_function_of_somebody_elses_is_not_replaced(churn: Session) -> None:
    churn.run("DROP FUNCTION churn_prob(customers)")
    churn.run("CREATE FUNCTION churn_prob(customers) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    failure = churn.error_of("SELECT madlib.automl_functions('churn')")
    assert failure.sqlstate == "42723"
    assert failure.message.startswith("model: function ") and failure.message.endswith("customers) exists already")
    assert churn.value("SELECT churn_prob(c) FROM customers c LIMIT 1") == 1


def test_dropping_the_table_asks_for_cascade_and_then_the_model_says_what_it_lacks(churn: Session) -> None:
    failure = churn.error_of("DROP TABLE customers")
    assert failure.sqlstate == "2BP01"
    assert failure.hint == "Use DROP ... CASCADE to drop the dependent objects too."
    schema = churn.value("SELECT current_schema()")
    churn.run("CREATE TABLE others AS SELECT * FROM customers; SET client_min_messages = warning")
    churn.run("DROP TABLE customers CASCADE; RESET client_min_messages")
    for call in ("'churn', 'others', 'scored'", "'churn', '{}'::jsonb"):
        failure = churn.error_of(f"SELECT madlib.automl_predict({call})")
        assert failure.sqlstate == "42P01"
        assert failure.message.startswith('model: the table that "churn" was trained on, ')
        assert failure.message.endswith("customers, does not exist any more")
        assert failure.hint is not None and failure.hint.endswith("train again.")
    churn.run("ALTER TABLE others RENAME TO customers")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert failure.sqlstate == "42704"
    assert failure.message == (
        f'model: "churn" has no function {schema}.churn_features({schema}.customers), which makes numbers of a row'
    )


def test_a_table_or_a_column_that_has_another_name_is_named(churn: Session) -> None:
    calls = ("'churn', 'customers', 'scored'", "'churn', '{}'::jsonb")
    churn.run('ALTER TABLE customers RENAME age TO years; ALTER TABLE customers RENAME plan TO "Plan"')
    for call in calls:
        failure = churn.error_of(f"SELECT madlib.automl_predict({call})")
        assert failure.sqlstate == "42703"
        assert failure.message.endswith('customers" has no columns age, plan any more, which "churn" was trained on')
    churn.run('ALTER TABLE customers RENAME years TO age; ALTER TABLE customers RENAME "Plan" TO plan')
    churn.run("ALTER TABLE customers RENAME TO clients")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'clients', 'scored')")
    assert failure.sqlstate == "42P01"
    assert failure.hint is not None and failure.hint.startswith("If it has another name now: UPDATE ")
    churn.run(f"UPDATE churn_summary SET source_table = '{current_schema(churn)}.clients'")  # as the hint says
    churn.run("SELECT madlib.automl_predict('churn', 'clients', 'scored')")
    assert dict(churn.fetch("SELECT id, churned FROM scored")) == ANSWERS
    assert dict(churn.fetch("SELECT id, churn(c) FROM clients c")) == ANSWERS


def test_a_features_function_that_is_gone_is_named_by_whatever_needs_it(churn: Session) -> None:
    row = json_row(age=70, plan="b", active=True)
    of_row, of_json_row = (
        "SELECT churn(c) FROM customers c WHERE id = 7",
        f"SELECT madlib.automl_predict('churn', '{row}'::jsonb)",
    )
    assert churn.value(of_row) == churn.value(of_json_row) == "yes"
    made, schema = churn.value("SELECT pg_get_functiondef('churn_features(customers)'::regprocedure)"), current_schema(churn)
    churn.run("DROP FUNCTION churn_features(customers)")
    calls = ["SELECT madlib.automl_predict('churn', 'customers', 'scored')", "SELECT madlib.automl_functions('churn')",
             "SELECT madlib.automl_evaluate('churn', 'customers')", "SELECT madlib.automl_importance('churn', 'customers')",
             of_json_row]  # fmt: skip
    for call in calls if churn.is_greenplum else [*calls, of_row, "SELECT churn_prob(c) FROM customers c"]:
        failure = churn.error_of(call)
        gone = f'"churn" has no function {schema}.churn_features({schema}.customers), which makes numbers of a row'
        assert (failure.sqlstate, failure.message.removeprefix("model: ")) == ("42704", gone), call
        assert failure.hint is not None and failure.hint.endswith("Train again.")
    churn.run(made)
    assert churn.value(of_row) == churn.value(of_json_row) == "yes"


@pytest.mark.postgresql("pg_dump is that of PostgreSQL")
def test_dump_and_restore_keep_it_all(churn: Session, server: str) -> None:
    schema = churn.value("SELECT current_schema()")
    dump = ["pg_dump", "--dbname", churn.dsn, "--schema", schema]
    script = subprocess.run(dump, check=True, capture_output=True, text=True, env=os.environ).stdout
    with scratch_database(server, "automl_restored") as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", dsn],
            input=script,
            check=True,
            text=True,
            capture_output=True,
        )
        assert dict(session.fetch(f"SELECT id, {schema}.churn(c) FROM {schema}.customers c")) == ANSWERS
        session.run(f"SET search_path = {schema}")
        assert {row.id: row.churned for row in predicted(session)} == ANSWERS
        assert of_json(session) == ANSWERS
        session.close()


# --- a table ------------------------------------------------------------------------------------------------------------


def test_a_table_is_written_as_madlib_keras_predict_writes_it(churn: Session) -> None:
    rows = predicted(churn)
    assert {row.id: row.churned for row in rows} == ANSWERS
    assert {row.id: row.prob for row in rows} == pytest.approx(
        {row: max(p, 1 - p) if row != 7 else p for row, p in YES.items()}, abs=1e-6
    )
    assert types_of(churn, "scored") == ["id integer", "churned text", "prob real"]


@pytest.mark.postgresql("Greenplum 6 compiles nothing")
@pytest.mark.parametrize(
    "call",
    ["automl_predict('churn', 'seen', 'scored')", "automl_evaluate('churn', 'seen')", "automl_importance('churn', 'seen')"],
)
def test_the_features_of_a_table_are_not_compiled(churn: Session, call: str) -> None:
    """To compile those of 1,600 columns takes minutes, which nobody can cancel."""
    looked = "CASE WHEN current_setting('jit') = 'off' THEN active ELSE (1 / (id - id))::boolean END AS active"
    churn.run(f"SET jit = on; CREATE VIEW seen AS SELECT id, age, plan, {looked}, churned FROM customers")
    assert churn.error_of("SELECT * FROM seen").message == "division by zero"
    churn.run(f"SELECT * FROM madlib.{call}")
    assert churn.value("SHOW jit") == "on"


def test_all_classes_with_their_ranks(churn: Session) -> None:
    rows = predicted(churn, "prob")
    assert len(rows) == 16
    assert types_of(churn, "scored") == ["id integer", "churned text", "prob real", "rank integer"]
    assert {row.id: row.prob for row in rows if row.churned == "yes"} == pytest.approx(YES, abs=1e-6)
    assert {row.churned for row in rows if row.rank == 1 and row.id in (1, 3, 4, 6)} == {"yes"}


def test_numbers_ask_for_so_many_classes_or_for_those_above_a_threshold(churn: Session) -> None:
    assert len(predicted(churn, 1)) == 8
    churn.run("DROP TABLE scored; SELECT madlib.automl_predict('churn', 'customers', 'scored', 0.9::float8)")
    assert churn.fetch("SELECT id, churned FROM scored ORDER BY id") == [(2, "no"), (6, "yes")]


def test_the_outputs_as_they_are(churn: Session) -> None:
    assert {row.id: row.churned[1] for row in predicted(churn, "value")} == pytest.approx(YES, abs=1e-6)


def test_numbers_of_a_table(spent: Session) -> None:
    assert {row.id: float(row.spent) for row in predicted(spent, model="spent_model")} == pytest.approx(SPENT)
    assert types_of(spent, "scored") == ["id integer", "spent numeric(8,2)"]
    assert {row.id: row.spent for row in predicted(spent, "value", model="spent_model")} == pytest.approx(SPENT)
    assert types_of(spent, "scored") == ["id integer", "spent double precision"]
    failure = spent.error_of("SELECT madlib.automl_predict('spent_model', 'customers', 'other', 2)")
    assert failure.message == (
        "pred_type: must be 'response' or 'value', or be left out: this model predicts a number, which has no classes, got 2"
    )


def test_another_table_needs_the_columns_that_the_model_takes_and_nothing_else(churn: Session) -> None:
    churn.run(
        "CREATE TABLE others AS SELECT 7 AS more, active, plan::varchar(3), age::text, id AS number FROM customers;"
        "ALTER TABLE others ADD odd tsvector"
    )
    rows = predicted(churn, "response", "number", table="others")
    assert {row.number: row.churned for row in rows} == ANSWERS


def test_a_view_and_an_heir_of_the_table(churn: Session) -> None:
    churn.run("CREATE VIEW old AS SELECT * FROM customers WHERE age > 45; CREATE TABLE heirs () INHERITS (customers)")
    churn.run("INSERT INTO heirs SELECT * FROM customers WHERE id = 1; UPDATE heirs SET id = 9")
    assert [(row.id, row.churned) for row in predicted(churn, table="old")] == [(4, "yes"), (6, "yes"), (7, "yes")]
    assert [(row.id, row.churned) for row in predicted(churn, table="heirs")] == [(9, "yes")]
    assert churn.fetch("SELECT id, churn(h) FROM heirs h") == [(9, "yes")]


def test_missing_columns_are_named_together(churn: Session) -> None:
    churn.run("CREATE TABLE others (id integer, \"Plan\" text, agee integer); INSERT INTO others VALUES (1, 'a', 40)")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'others', 'scored')")
    assert failure.sqlstate == "42703"
    schema = churn.value("SELECT current_schema()")
    assert failure.message == f'source_table: table "{schema}.others" has no columns age, plan, active, which the model takes'
    assert failure.hint == 'Did you mean agee for age, "Plan" for plan? A view can give columns other names.'


def test_the_column_that_tells_rows_apart_must_be_there_or_be_named(churn: Session) -> None:
    churn.run("CREATE TABLE others AS SELECT age, plan, active, id AS number FROM customers")
    schema = churn.value("SELECT current_schema()")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'others', 'scored')")
    assert failure.message == (
        f'id_col: must name a column of table "{schema}.others" that tells its rows apart: it has no column id, which did so in'
        " training"
    )
    assert failure.hint == "It has columns age, plan, active, number."
    churn.run("UPDATE churn_summary SET id_col = NULL")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert failure.sqlstate == "22004"
    assert failure.message.endswith("that tells its rows apart: the training had none")
    assert failure.hint is not None and failure.hint.startswith("Without one: SELECT t.*, ")


def test_several_problems_are_told_together_and_nothing_is_made(churn: Session) -> None:
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'nowhere', 'customers', 'best')")
    assert failure.message.startswith("3 problems were found:")
    assert all(each in failure.message for each in ("source_table: ", "output_table: ", "pred_type: "))
    assert churn.value("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'v'") == 0


def test_what_is_no_model_of_columns(churn: Session) -> None:
    churn.run("DROP TABLE churn_columns")
    failure = churn.error_of("SELECT madlib.automl_predict('churn', 'customers', 'scored')")
    assert failure.sqlstate == "55000"
    assert "is no model of columns" in failure.message
    assert churn.error_of("SELECT madlib.automl_predict('nothing', 'customers', 'scored')").sqlstate == "42P01"
    assert churn.error_of("SELECT madlib.automl_predict(NULL, 'customers', 'scored')").sqlstate == "22004"


def test_a_row_of_json_without_its_type_is_taken_for_a_table(churn: Session) -> None:
    failure = churn.error_of("""SELECT madlib.automl_predict('churn', '{"age": 1}', 'prob')""")
    assert failure.hint == "A row of JSON needs its type: madlib.automl_predict('model', '{...}'::jsonb)."


# --- a row of JSON ------------------------------------------------------------------------------------------------------


def test_a_row_of_json_is_predicted_as_the_row_itself(churn: Session) -> None:
    assert of_json(churn) == ANSWERS


def test_a_number_of_a_row_of_json(spent: Session) -> None:
    found = of_json(spent, "spent_model")
    assert {row: float(each) for row, each in found.items()} == pytest.approx(SPENT)
    assert found[6] == "140.00"
    assert of_json(spent, "spent_model", "value")[6] == "140"
    failure = spent.error_of("SELECT madlib.automl_predict('spent_model', '{}'::jsonb, 'prob')")
    assert failure.message == "pred_type: must be 'response' or 'value' for a row, got 'prob'"


def test_probabilities_and_outputs_of_a_row(churn: Session) -> None:
    ask = "SELECT madlib.automl_predict('churn', %s::jsonb, %s)"
    row = json_row(age=40, plan="a", active=True)
    assert json.loads(churn.value(ask, row, "prob"))["yes"] == pytest.approx(YES[1], abs=1e-6)
    assert churn.value(f"SELECT ({ask})::real[]", row, "value")[1] == pytest.approx(YES[1])
    failure = churn.error_of(ask, row, "best")
    assert failure.message == "pred_type: must be 'response', 'prob' or 'value' for a row, got 'best'"


def test_more_keys_are_ignored_and_unknown_categories_are_none(churn: Session) -> None:
    ask = "SELECT madlib.automl_predict('churn', %s::jsonb, 'prob')::jsonb ->> 'yes'"
    for plan in ("never seen", None):
        found = churn.value(ask, json_row(age=60, plan=plan, active=False, id="x", more=[1, 2]))
        assert float(found) == pytest.approx(YES[4], abs=1e-6)


@pytest.mark.parametrize("age", ["40", "40.0", "4e1", '"40"'])
def test_numbers_as_json_writes_them(churn: Session, age: str) -> None:
    row = f'{{"age": {age}, "plan": "a", "active": true}}'
    assert churn.value("SELECT madlib.automl_predict('churn', %s::jsonb)", row) == "yes"


def test_missing_keys_are_named(churn: Session) -> None:
    failure = churn.error_of("SELECT madlib.automl_predict('churn', %s::jsonb)", json_row(plan="a"))
    assert (failure.sqlstate, failure.message) == ("42703", "source_row: must have columns age, active")
    assert failure.hint == "What is not known can be null."


@pytest.mark.parametrize("row", ["[]", "3", '"age"', "null", '[{"age": 1}]', '["age", "plan", "active"]'])
def test_what_is_no_object_is_no_row(churn: Session, row: str) -> None:
    failure = churn.error_of("SELECT madlib.automl_predict('churn', %s::jsonb)", row)
    assert (failure.sqlstate, failure.message) == (
        "22023",
        "source_row: must be an object of JSON, with the columns of a row by their names",
    )


def test_a_value_of_another_type_is_an_error_of_its_type(churn: Session) -> None:
    failure = churn.error_of("SELECT madlib.automl_predict('churn', %s::jsonb)", json_row(age="old", plan="a", active=True))
    assert (failure.sqlstate, failure.message) == ("22P02", 'invalid input syntax for type numeric: "old"')


def test_no_row_has_no_prediction(churn: Session) -> None:
    assert churn.value("SELECT madlib.automl_predict('churn', NULL::jsonb)") is None


def test_a_row_is_predicted_by_the_model_as_it_is_now(churn: Session) -> None:
    row = json_row(age=70, plan="b", active=True)
    ask = "SELECT madlib.automl_predict('churn', %s::jsonb)"
    assert churn.value(ask, row) == "yes"
    churn.run("UPDATE churn_summary SET threshold = 0.6")
    assert churn.value(ask, row) == "no"
    churn.run("ALTER TABLE customers ADD more integer; UPDATE churn_summary SET threshold = 0.4")
    assert churn.value(ask, row) == "yes"
    assert {each.id: each.churned for each in predicted(churn)} == ANSWERS
    churn.run("ALTER TABLE customers DROP spent")
    assert churn.value(ask, row) == "yes"
    churn.run("DROP TABLE churn_summary")
    assert churn.error_of(ask, row).sqlstate == "55000"


def test_in_a_transaction_that_only_reads(churn: Session) -> None:
    churn.run("BEGIN TRANSACTION READ ONLY")
    assert of_json(churn) == ANSWERS
    assert churn.value("SELECT churn(c) FROM customers c WHERE id = 2") == "no"
    churn.run("ROLLBACK")


def test_the_paths_agree(churn: Session) -> None:
    of_table = {row.id: row.prob for row in predicted(churn, "prob") if row.churned == "yes"}
    typed = {row: each["yes"] for row, each in churn.fetch("SELECT id, churn_prob(c) FROM customers c")}
    json_rows = {row: json.loads(each)["yes"] for row, each in of_json(churn, pred_type="prob").items()}
    assert of_table.keys() == typed.keys() == json_rows.keys() == YES.keys()
    assert of_table == pytest.approx(typed, abs=1e-6)
    assert json_rows == pytest.approx(typed, abs=1e-6)
