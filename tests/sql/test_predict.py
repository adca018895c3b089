"""madlib.madlib_keras_predict."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg2
import pytest

from fix_db import Failure, Session, connect_to
from fix_search import Searched, dense

# One layer of four inputs and three units: the logit of class k is feature k; the fourth counts for nothing.
WEIGHTS = struct.pack("<15f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
PREDICT = "SELECT madlib.madlib_keras_predict('model', 'rows', 'id', 'x', 'p', {})"


@pytest.fixture
def hand(quick: Session) -> Iterator[Session]:
    """The session `quick` in a new schema, with a table `model` of known weights and three `rows`."""
    quick.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_predict CASCADE; CREATE SCHEMA t_predict")
    quick.run("RESET client_min_messages; SET search_path = t_predict")
    quick.run("CREATE TABLE model AS SELECT 5 AS mst_key, %s AS model_weights, %s::json AS model_arch", WEIGHTS, dense(3))
    summary = "'kind'::text AS dependent_varname, '{ant,bee,cat}'::varchar[] AS class_values, 1.0::real AS normalizing_const"
    quick.run(f"CREATE TABLE model_summary AS SELECT {summary}")
    quick.run("CREATE TABLE rows (id integer, x real[])")
    quick.run("INSERT INTO rows VALUES (1, '{0, 2, 1, 9}'), (2, '{3, 0, 0, 9}'), (3, '{0, 0, 0, 9}')")
    yield quick
    quick.run("ROLLBACK; SET search_path = t_quick; SET client_min_messages = warning; DROP SCHEMA t_predict CASCADE")
    quick.run("RESET client_min_messages")


def predicted(db: Session, pred_type: str) -> list[Any]:
    db.run(PREDICT.format(pred_type))
    return db.fetch("SELECT * FROM p ORDER BY id, prob DESC, kind")


def columns(db: Session, table: str) -> list[str]:
    sql = "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    return [column for (column,) in db.fetch(sql + " ORDER BY attnum", table)]


def rounded(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(round(value, 4) if isinstance(value, float) else value for value in row) for row in rows]


def error(db: Session, sql: str, *params: object) -> tuple[str, str]:
    """SQLSTATE and message; nothing may have been made."""
    failure: Failure = db.error_of(sql, *params)
    if db.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE:
        assert db.value("SELECT count(*) FROM pg_class WHERE relname = 'p'") == 0
    return failure.sqlstate, failure.message.replace("t_predict.", "")


# softmax of (0, 2, 1), (3, 0, 0) and (0, 0, 0)
PROBABILITIES = [
    (1, "bee", 0.6652, 1),
    (1, "cat", 0.2447, 2),
    (1, "ant", 0.09, 3),
    (2, "ant", 0.9094, 1),
    (2, "bee", 0.0453, 2),
    (2, "cat", 0.0453, 3),
    (3, "ant", 0.3333, 1),
    (3, "bee", 0.3333, 2),
    (3, "cat", 0.3333, 3),
]


def test_response_is_the_most_probable_class(hand: Session) -> None:
    assert rounded(predicted(hand, "'response'")) == [(1, "bee", 0.6652), (2, "ant", 0.9094), (3, "ant", 0.3333)]
    assert columns(hand, "p") == ["id integer", "kind character varying", "prob real"]


@pytest.mark.parametrize("pred_type", ["'prob'", "'PROB '", "NULL::varchar", "3", "99"])
def test_prob_is_all_classes_with_their_ranks(hand: Session, pred_type: str) -> None:
    assert rounded(predicted(hand, pred_type)) == PROBABILITIES
    assert columns(hand, "p") == ["id integer", "kind character varying", "prob real", "rank integer"]


def test_prob_is_the_default(hand: Session) -> None:
    hand.run("SELECT madlib.madlib_keras_predict('model', 'rows', 'id', 'x', 'p')")
    assert rounded(hand.fetch("SELECT * FROM p ORDER BY id, rank")) == PROBABILITIES


def test_a_whole_number_is_that_many_classes(hand: Session) -> None:
    assert rounded(predicted(hand, "2")) == [row for row in PROBABILITIES if row[3] <= 2]


def test_a_fraction_is_a_threshold(hand: Session) -> None:
    assert rounded(predicted(hand, "0.2::double precision")) == [row for row in PROBABILITIES if row[2] > 0.2]


def test_a_fraction_as_it_is_typed_is_a_threshold(hand: Session) -> None:
    assert rounded(predicted(hand, "0.5")) == [(1, "bee", 0.6652, 1), (2, "ant", 0.9094, 1)]


@pytest.mark.parametrize("pred_type", ["'best'", "0", "-1", "1.0::float8", "-0.1::float8", "'NaN'::float8"])
def test_another_pred_type_is_refused(hand: Session, pred_type: str) -> None:
    sqlstate, message = error(hand, PREDICT.format(pred_type))
    assert sqlstate == "22023"
    rule = "must be 'prob', 'response', 'value', a whole number of at least 1, or a threshold from 0 to below 1, got "
    assert message.startswith(f"pred_type: {rule}")


# --- which model --------------------------------------------------------------------------------------------------------


def test_one_of_several_models_must_be_named(hand: Session) -> None:
    hand.run("INSERT INTO model SELECT 7, %s, model_arch FROM model", struct.pack("<15f", *[0.0] * 15))
    sql = "SELECT madlib.madlib_keras_predict('model', 'rows', 'id', 'x', 'p', 'response', FALSE, {})"
    assert error(hand, sql.format("NULL")) == (
        "22023",
        'mst_key: must say which of the 2 models of "model" to use, got NULL',
    )
    assert error(hand, sql.format("6")) == ("22023", 'mst_key: must be one of table "model", which has [5, 7], got 6')
    hand.run(sql.format("7"))
    assert {round(value, 4) for (value,) in hand.fetch("SELECT prob FROM p")} == {0.3333}


def test_a_model_that_failed_cannot_predict(hand: Session) -> None:
    hand.run("UPDATE model SET model_weights = NULL")
    sqlstate, message = error(hand, PREDICT.format("'prob'"))
    assert (sqlstate, message.partition(",")[0]) == ("22023", "mst_key: must be a model that has been trained; this one failed")


def test_the_trained_winner_as_keras_predicts(searched: Searched, quick: Session) -> None:
    """Keras' own predict, from the weights as they stand in the table."""
    import keras

    key, weights, model_id = searched.db.fetch(
        "SELECT mst_key, model_weights, model_id FROM automl_output JOIN automl_output_info USING (mst_key) ORDER BY 1 LIMIT 1"
    )[0]
    quick.run("DROP TABLE IF EXISTS t_quick.p_keras")
    sql = """SELECT madlib.madlib_keras_predict('t_searched.automl_output', 't_searched.iris_test', 'id', 'attributes',
        't_quick.p_keras', 'prob', FALSE, %s)"""
    quick.run(sql, key)
    rows = searched.db.fetch("SELECT id, attributes::real[] FROM iris_test ORDER BY id")
    layers = [keras.layers.Dense(10, activation="relu") for _ in range(model_id + 1)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, activation="softmax")])
    flat = np.frombuffer(weights, "<f4")
    cuts = np.cumsum([array.size for array in model.get_weights()])[:-1]
    model.set_weights(
        [part.reshape(array.shape) for part, array in zip(np.split(flat, cuts), model.get_weights(), strict=True)]
    )
    expected = np.asarray(model(np.array([values for _, values in rows], np.float32)))
    found = quick.fetch("SELECT id, array_agg(prob ORDER BY class_text) FROM t_quick.p_keras GROUP BY 1 ORDER BY 1")
    assert [number for number, _ in found] == [number for number, _ in rows]
    assert np.abs(np.array([values for _, values in found]) - expected).max() < 1e-6
    assert quick.value("SELECT max(abs(total - 1)) FROM (SELECT sum(prob) AS total FROM t_quick.p_keras GROUP BY id) q") < 1e-5
    assert quick.value("SELECT count(*) FROM t_quick.p_keras") == 90


def test_it_runs_on_a_session_of_its_own(hand: Session) -> None:
    hand.run("SET keras_automl.sessions = 2")
    try:
        assert rounded(predicted(hand, "'prob'")) == PROBABILITIES
    finally:
        hand.run("SET keras_automl.sessions = 0")
    ours = "application_name LIKE 'keras_automl predict%' AND datname = current_database()"
    assert hand.value(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}") == 0


# --- the rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "bigint", "uuid", "numeric(9,2)", "date", "character varying(40)"])
def test_ids_of_any_type(hand: Session, kind: str) -> None:
    ids = {"uuid": "md5(id::text)::uuid", "date": "date '2024-01-01' + id"}.get(kind, f"id::{kind}")
    if hand.is_greenplum:  # the column that rows lie by cannot change
        hand.run("ALTER TABLE rows SET DISTRIBUTED RANDOMLY")
    hand.run(f"ALTER TABLE rows ALTER id TYPE {kind} USING {ids}")
    hand.run(PREDICT.format("'response'"))
    right = "SELECT count(*) FROM rows JOIN p USING (id) WHERE kind = CASE x[2] WHEN 2 THEN 'bee' ELSE 'ant' END"
    assert hand.value(right) == 3
    assert columns(hand, "p")[0] == f"id {kind.partition('(')[0]}"


@pytest.mark.parametrize("kind", ["numeric[]", "integer[]", "smallint[]", "double precision[]"])
def test_features_of_any_numbers(hand: Session, kind: str) -> None:
    hand.run(f"ALTER TABLE rows ALTER x TYPE {kind} USING x::{kind}")
    assert rounded(predicted(hand, "'prob'")) == PROBABILITIES


def test_more_rows_than_a_batch(hand: Session) -> None:
    hand.run(
        """INSERT INTO rows SELECT n, ARRAY[CASE n % 3 WHEN 0 THEN 9 ELSE 0 END, CASE n % 3 WHEN 1 THEN 9 ELSE 0 END,
        CASE n % 3 WHEN 2 THEN 9 ELSE 0 END, 0] FROM generate_series(4, 20000) n""".replace("%%", "%")
    )
    hand.run(PREDICT.format("'response'"))
    assert hand.value("SELECT count(DISTINCT id) FROM p") == 20000
    right = "SELECT count(*) FROM p WHERE id > 3 AND kind = ('{ant,bee,cat}'::text[])[id % 3 + 1]"
    assert hand.value(right) == 19997


def test_repeated_ids_are_predicted_each(hand: Session) -> None:
    hand.run("UPDATE rows SET id = 1")
    hand.run(PREDICT.format("'response'"))
    assert hand.fetch("SELECT id, kind, count(*) FROM p GROUP BY 1, 2 ORDER BY 2") == [(1, "ant", 2), (1, "bee", 1)]


def test_features_are_divided_by_the_constant_of_the_training(hand: Session) -> None:
    hand.run("UPDATE model_summary SET normalizing_const = 2; UPDATE rows SET x = '{0, 4, 2, 9}'")
    assert rounded(predicted(hand, "'prob'")[:3]) == PROBABILITIES[:3]


def test_classes_keep_their_type(hand: Session) -> None:
    hand.run("ALTER TABLE model_summary ALTER class_values TYPE integer[] USING '{10,20,30}'::integer[]")
    assert [row.kind for row in predicted(hand, "'response'")] == [20, 10, 10]
    assert columns(hand, "p")[1] == "kind integer"


def test_encoded_labels_are_class_numbers(hand: Session) -> None:
    hand.run(
        "UPDATE model_summary SET class_values = NULL; ALTER TABLE model_summary ALTER class_values TYPE integer[] USING NULL"
    )
    assert [row.kind for row in predicted(hand, "'response'")] == [1, 0, 0]


def test_a_view_serves_as_rows(hand: Session) -> None:
    hand.run("ALTER TABLE rows RENAME TO base; CREATE VIEW rows AS SELECT * FROM base WHERE id < 3")
    assert [row.id for row in predicted(hand, "'response'")] == [1, 2]


SHAPE = 'independent_varname: every value of column "x" must be an array of shape {4} without NULL, NaN or infinity, found '


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("NULL", "NULL"),
        ("'{1,2,3}'", "shape {3}"),
        ("'{1,NULL,3,4}'", "a NULL element"),
        ("'{{1,2,3,4}}'", "shape {1,4}"),
        ("'{}'", "an empty array"),
        ("'{1,2,NaN,4}'", "NaN"),
        ("'{1,2,Infinity,4}'", "infinity"),
    ],
)
def test_rows_that_cannot_be_predicted_are_refused(hand: Session, bad: str, found: str) -> None:
    hand.run(f"INSERT INTO rows VALUES (25, {bad})")
    assert error(hand, PREDICT.format("'prob'")) == ("22023", f"{SHAPE}{found} in 1 rows (first where id = 25)")


@pytest.mark.postgresql("rows have no order")
def test_the_first_row_is_not_the_measure_of_the_others(hand: Session) -> None:
    hand.run("CREATE TEMPORARY TABLE good AS SELECT * FROM rows; TRUNCATE rows")
    hand.run("INSERT INTO rows VALUES (25, '{{1,2,3,4}}'); INSERT INTO rows SELECT * FROM good; DROP TABLE good")
    assert error(hand, PREDICT.format("'prob'")) == ("22023", f"{SHAPE}shape {{1,4}} in 1 rows (first where id = 25)")


@pytest.mark.parametrize("sessions", [0, 1])
@pytest.mark.parametrize(("kind", "bad"), [("double precision[]", "{1e300,2,3,4}"), ("numeric[]", "{1,2,3,1e50}")])
def test_a_number_that_real_cannot_hold(hand: Session, sessions: int, kind: str, bad: str) -> None:
    hand.run(f"ALTER TABLE rows ALTER x TYPE {kind} USING x::{kind}; SET keras_automl.sessions = {sessions}")
    hand.run(
        "INSERT INTO rows SELECT 100 + n, '{1,2,3,4}' FROM generate_series(1, 10000) n;"
        f" INSERT INTO rows VALUES (25, '{bad}')"
    )
    told = f"{SHAPE}a number beyond the range of real in 1 rows (first where id = 25)"
    try:
        assert error(hand, PREDICT.format("'prob'")) == ("22003", told)
    finally:
        hand.run("SET keras_automl.sessions = 0")


def test_a_number_that_is_too_large_once_divided(hand: Session) -> None:
    hand.run("UPDATE model_summary SET normalizing_const = 1e-30; INSERT INTO rows VALUES (25, '{1e9,2,3,4}')")
    told = f"{SHAPE}a number that normalizing_const takes beyond the range of real in 1 rows (first where id = 25)"
    assert error(hand, PREDICT.format("'prob'")) == ("22003", told)


def test_features_that_were_packed_can_be_predicted(hand: Session) -> None:
    hand.run("CREATE TABLE truths AS SELECT 1 AS id, ARRAY[true, false, false, false] AS x")
    hand.run("SELECT madlib.madlib_keras_predict('model', 'truths', 'id', 'x', 'p', 'response')")
    assert rounded(hand.fetch("SELECT * FROM p")) == [(1, "ant", 0.5761)]  # softmax of (1, 0, 0)


@pytest.mark.parametrize("shape", ["'{1,2,3}'", "'{1,2,3,4,5}'", "'{}'"])
def test_rows_that_do_not_fit_the_network_are_refused(hand: Session, shape: str) -> None:
    hand.run(f"UPDATE rows SET x = {shape}")
    sqlstate, message = error(hand, PREDICT.format("'prob'"))
    assert sqlstate == "22023"
    assert message.startswith("independent_varname: ")
    assert "[4]" in message


def test_rows_of_another_shape_with_as_many_values_are_refused(hand: Session) -> None:
    hand.run("UPDATE rows SET x = '{{1,2},{3,4}}'")
    assert error(hand, PREDICT.format("'prob'"))[0] == "22023"


# --- what is refused ----------------------------------------------------------------------------------------------------

CALL = "SELECT madlib.madlib_keras_predict({}, {}, {}, {}, {}, 'response')"
GOOD = ["'model'", "'rows'", "'id'", "'x'", "'p'"]


@pytest.mark.parametrize(
    ("place", "value", "sqlstate", "message"),
    [
        (0, "NULL", "22004", "model_table: must be the name of a table, got NULL"),
        (0, "'nowhere'", "42P01", 'model_table: table "nowhere" does not exist'),
        (0, "'rows'", "42703", 'model_table: column "model_weights" does not exist in table "rows"'),
        (1, "NULL", "22004", "test_table: must be the name of a table, got NULL"),
        (1, "''", "22004", "test_table: must be the name of a table, got ''"),
        (1, "'nowhere'", "42P01", 'test_table: table "nowhere" does not exist'),
        (1, "'nothing'", "22023", 'test_table: table "nothing" is empty'),
        (2, "NULL", "22004", "id_col: must name at least one column, got NULL"),
        (2, "'ID,x'", "0A000", "id_col: must name one column, got 'ID,x'"),
        (2, "'no'", "42703", 'id_col: column "no" does not exist in table "rows"'),
        (3, "NULL", "22004", "independent_varname: must name at least one column, got NULL"),
        (3, "'y'", "42703", 'independent_varname: column "y" does not exist in table "rows"'),
        (3, "'id'", "42804", 'independent_varname: column "id" of table "rows" must be an array of numbers, it is integer'),
        (4, "NULL", "22004", "output_table: must be the name of a table, got NULL"),
        (4, "'rows'", "42P07", 'output_table: table "rows" already exists'),
        (4, "'pg_temp.p'", "22023", "output_table: pg_temp is not allowed as the schema of an output table"),
        (4, "'nowhere.p'", "3F000", 'output_table: schema "nowhere" does not exist'),
    ],
)
def test_bad_input_names_the_argument(hand: Session, place: int, value: str, sqlstate: str, message: str) -> None:
    hand.run("CREATE TABLE nothing (id integer, x real[])")
    assert error(hand, CALL.format(*GOOD[:place], value, *GOOD[place + 1 :])) == (sqlstate, message)


def test_a_model_without_its_summary_is_refused(hand: Session) -> None:
    hand.run("DROP TABLE model_summary")
    expected = "22023", 'model_table: table "model" has no table "model_summary" beside it'
    assert error(hand, PREDICT.format("'prob'")) == expected


def test_gpus_are_asked_for_where_there_are_none(hand: Session) -> None:
    sqlstate, message = error(hand, "SELECT madlib.madlib_keras_predict('model', 'rows', 'id', 'x', 'p', 'prob', TRUE)")
    assert sqlstate == "55000"
    assert message.startswith("use_gpus: needs a GPU on every host that takes part, and the driver shows none on ")


def test_names_of_the_output_must_differ(hand: Session) -> None:
    hand.run("ALTER TABLE rows RENAME id TO kind")
    sqlstate, message = error(hand, "SELECT madlib.madlib_keras_predict('model', 'rows', 'kind', 'x', 'p')")
    assert sqlstate == "22023"
    assert message == 'id_col: must differ from "kind", "prob" and "rank", the other columns of the output, got \'kind\''


def test_code_in_an_architecture_is_not_run(hand: Session) -> None:
    lambda_layer = (
        '{"class_name": "Lambda", "config": {"name": "l", "function": ["4wEA", null, null], "function_type": "lambda"}}'
    )
    hand.run("UPDATE model SET model_arch = replace(model_arch::text, '[{', %s)::json", f"[{lambda_layer}, {{")
    sqlstate, message = error(hand, PREDICT.format("'prob'"))
    assert "Lambda" in message
    assert sqlstate in ("22023", "38000")


def test_a_rollback_leaves_nothing(hand: Session) -> None:
    hand.run("BEGIN")
    hand.run(PREDICT.format("'prob'"))
    assert hand.value("SELECT count(*) FROM p") == 9
    hand.run("ROLLBACK")
    assert hand.value("SELECT count(*) FROM pg_class WHERE relname = 'p'") == 0
    assert rounded(predicted(hand, "'prob'")) == PROBABILITIES


def test_rows_of_the_caller_s_own_transaction_are_seen(hand: Session) -> None:
    hand.run("BEGIN; INSERT INTO rows VALUES (4, '{0,0,5,0}')")
    assert [row.kind for row in predicted(hand, "'response'")] == ["bee", "ant", "ant", "cat"]


def test_a_role_without_rights_on_a_table(hand: Session, role: str, database: str) -> None:
    hand.run(f"GRANT USAGE, CREATE ON SCHEMA t_predict TO {role}; GRANT SELECT ON model, model_summary TO {role}")
    other = connect_to(database, user=role)
    other.run("SET search_path = t_predict")
    expected = "42501", f'test_table: role "{role}" has no SELECT privilege on table "rows"'
    assert error(other, PREDICT.format("'prob'")) == expected
    other.close()
