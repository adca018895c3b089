"""madlib.automl_prob, automl_response and automl_value: answers for one row."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

from fix_db import Session, connect_to
from fix_search import dense, sequential
from keras_seg.protocol.orders import GatheringOrder, SessionSetup
from keras_seg.protocol.predictions import OutputSelection
from keras_seg.protocol.variables import Variable, Variables

# One layer of four inputs and three units: the logit of class k is feature k; the fourth counts for nothing.
WEIGHTS = struct.pack("<15f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
TURNED = struct.pack("<15f", 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)  # the logit of class k is feature 2 - k
CLASSES = "'kind'::text AS dependent_varname, '{ant,bee,cat}'::varchar[] AS class_values, 1.0::real AS normalizing_const"
NUMBERS = "'y'::text AS dependent_varname, NULL::text[] AS class_values, 1.0::real AS normalizing_const, NULL::integer"


def make(db: Session, name: str, architecture: str, weights: bytes, summary: str = CLASSES) -> None:
    """Make the tables of a model that fit has made."""
    db.run(f"CREATE TABLE {name} AS SELECT %s AS model_weights, %s::json AS model_arch", weights, architecture)
    db.run(f"CREATE TABLE {name}_summary AS SELECT {summary}")


@pytest.fixture
def model(db: Session) -> Session:
    """The session `db` with a table `model` of known weights."""
    make(db, "model", dense(3), WEIGHTS)
    return db


def rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]


def test_prob_is_the_probability_of_each_class(model: Session) -> None:
    assert rounded(model.value("SELECT madlib.automl_prob('model', ARRAY[0, 2, 1, 9]::real[])")) == [0.09, 0.6652, 0.2447]


def test_response_is_the_most_probable_class(model: Session) -> None:
    assert model.value("SELECT madlib.automl_response('model', ARRAY[0, 2, 1, 9]::real[])") == "bee"
    assert model.value("SELECT madlib.automl_response('model', ARRAY[0, 0, 0, 9]::real[])") == "ant"


def test_value_is_what_the_network_gives(model: Session) -> None:
    assert rounded(model.value("SELECT madlib.automl_value('model', ARRAY[0, 2, 1, 9]::real[])")) == [0.09, 0.6652, 0.2447]


@pytest.mark.parametrize("kind", ["real", "float8", "numeric", "integer", "bigint", "smallint"])
def test_arrays_of_every_type_of_number(model: Session, kind: str) -> None:
    assert model.value(f"SELECT madlib.automl_response('model', ARRAY[0, 2, 1, 9]::{kind}[])") == "bee"
    model.run(f"CREATE TABLE rows AS SELECT 1 AS id, ARRAY[0, 2, 1, 9]::{kind}[] AS x")
    assert model.value("SELECT madlib.automl_response('model', x) FROM rows") == "bee"


def test_arrays_of_truth_values(model: Session) -> None:
    assert model.value("SELECT madlib.automl_response('model', ARRAY[false, false, true, true])") == "cat"
    assert model.value("SELECT madlib.automl_response('model', '{f,t,f,t}'::boolean[], NULL)") == "bee"
    found = model.value("SELECT madlib.automl_prob('model', ARRAY[1 = 1, 1 = 2, 1 = 1, 1 = 1])")
    assert rounded(found) == [0.4223, 0.1554, 0.4223]
    assert rounded(model.value("SELECT madlib.automl_value('model', ARRAY[true, true, true, true])")) == [0.3333] * 3
    failure = model.error_of("SELECT madlib.automl_value('model', ARRAY[true, NULL, true, true])")
    assert failure[:2] == ("22004", "x: must not have NULL")


@pytest.mark.parametrize("x", ["'{0, 2, 1, 9}'", "'[2:5]={0, 2, 1, 9}'::real[]", "ARRAY[0, 2.0, 1, 9]", "'{0,2,1,9}'::text"])
def test_arrays_as_they_are_typed(model: Session, x: str) -> None:
    assert model.value(f"SELECT madlib.automl_response('model', {x})") == "bee"


def test_no_row_has_no_answer(model: Session) -> None:
    assert model.value("SELECT madlib.automl_response('model', NULL::real[])") is None
    assert model.value("SELECT madlib.automl_prob('model', NULL::text)") is None


# --- which model --------------------------------------------------------------------------------------------------------


def test_a_model_that_is_trained_again_answers_at_once(model: Session) -> None:
    ask = "SELECT madlib.automl_response('model', '{1, 2, 9, 0}')"
    assert model.value(ask) == "cat"
    model.run("UPDATE model SET model_weights = %s", TURNED)
    assert model.value(ask) == "ant"
    model.run("BEGIN; DELETE FROM model; INSERT INTO model SELECT %s, %s::json", WEIGHTS, dense(3))
    assert model.value(ask) == "cat"
    model.run("TRUNCATE model; INSERT INTO model SELECT %s, %s::json", TURNED, dense(3))
    assert model.value(ask) == "ant"
    model.run("ROLLBACK")
    assert model.value(ask) == "ant"
    model.run("UPDATE model_summary SET class_values = '{x,y,z}'")
    assert model.value(ask) == "x"
    model.run("DROP TABLE model; CREATE TABLE model AS SELECT %s AS model_weights, %s::json AS model_arch", WEIGHTS, dense(3))
    assert model.value(ask) == "z"


def test_a_model_that_another_session_trains_again_answers_at_once(model: Session, connect: Callable[..., Session]) -> None:
    other = connect()
    ask = "SELECT madlib.automl_response('model', '{1, 2, 9, 0}')"
    assert other.value(ask) == "cat"
    model.run("UPDATE model SET model_weights = %s", TURNED)
    assert other.value(ask) == "ant"


def test_the_search_path_says_which_table_a_name_means(model: Session) -> None:
    model.run("SET client_min_messages = warning; DROP SCHEMA IF EXISTS t_one_row_other CASCADE; CREATE SCHEMA t_one_row_other")
    here = model.value("SHOW search_path")
    ask = "SELECT madlib.automl_response('model', '{1, 2, 9, 0}')"
    assert model.value(ask) == "cat"
    model.run("SET search_path = t_one_row_other")
    make(model, "model", dense(3), TURNED)
    assert model.value(ask) == "ant"
    model.run(f"SET search_path = {here}")
    assert model.value(ask) == "cat"
    model.run("DROP SCHEMA t_one_row_other CASCADE")


def test_a_materialized_view_names_the_schema_of_its_model(model: Session) -> None:
    here = model.value("SELECT current_schema()")
    made = "CREATE MATERIALIZED VIEW kinds AS SELECT madlib.automl_response('{}', '{{1, 2, 9, 0}}') AS kind"
    if model.info.server_version >= 170000:  # since then it is filled with nothing but pg_catalog on the search path
        assert model.error_of(made.format("model")).message == 'model_table: table "model" does not exist'
    model.run(made.format(f"{here}.model"))
    model.run("REFRESH MATERIALIZED VIEW kinds")
    assert model.fetch("SELECT kind FROM kinds") == [("cat",)]
    model.run("DROP MATERIALIZED VIEW kinds")


def search_tables(db: Session) -> None:
    """Make the tables that a search leaves, of two models, the second of which is the better one."""
    make(db, "found", dense(3), WEIGHTS, f"{CLASSES}, 'hyperband'::text AS automl_method, NULL::text AS validation_table")
    db.run("ALTER TABLE found ADD mst_key integer")
    db.run("UPDATE found SET mst_key = 1; INSERT INTO found SELECT %s, model_arch, 2 FROM found", TURNED)
    losses = "(VALUES (1, 0.5), (2, 0.25)) AS v (mst_key, loss)"
    db.run(
        "CREATE TABLE found_info AS SELECT mst_key, loss::real AS training_loss_final, NULL::real AS validation_loss_final,"
        f" 'categorical_crossentropy'::text AS loss_type FROM {losses}"
    )


def test_the_best_of_a_search_answers_or_the_one_that_is_named(db: Session) -> None:
    search_tables(db)
    db.notices.clear()
    ask = "SELECT madlib.automl_response('found', '{1, 2, 9, 0}'{})"
    assert [db.value(ask.replace("{})", f"{given})")) for given in ("", ", 1", ", mst_key := 2")] == ["ant", "cat", "ant"]
    db.run("UPDATE found_info SET training_loss_final = 1 WHERE mst_key = 2")
    assert db.value(ask.replace("{})", ")")) == "cat"
    assert [notice for notice in db.notices if "mst_key" in notice] == []


# --- where it can stand -------------------------------------------------------------------------------------------------


def test_in_a_condition_in_a_view_and_in_a_transaction_that_only_reads(model: Session) -> None:
    model.run("CREATE TABLE rows (id integer, x real[])")
    model.run("INSERT INTO rows VALUES (1, '{0, 2, 1, 9}'), (2, '{3, 0, 0, 9}'), (3, NULL), (4, '{0, 1, 5, 0}')")
    model.run("CREATE VIEW seen AS SELECT id, madlib.automl_response('model', x) AS kind FROM rows")
    model.run("BEGIN TRANSACTION READ ONLY")
    assert model.fetch("SELECT id FROM rows WHERE madlib.automl_response('model', x) = 'bee'") == [(1,)]
    assert model.fetch("SELECT * FROM seen ORDER BY id") == [(1, "bee"), (2, "ant"), (3, None), (4, "cat")]
    assert model.fetch("SELECT id FROM rows WHERE (madlib.automl_prob('model', x))[3] > 0.5") == [(4,)]
    model.run("COMMIT")


@pytest.mark.postgresql("a cluster has plans of its own")
def test_in_a_parallel_plan_where_that_allows_subtransactions(model: Session) -> None:
    model.run("CREATE TABLE rows AS SELECT ARRAY[n % 4, 1.5, 1.25, 0] AS x FROM generate_series(1, 1000) AS n; ANALYZE rows")
    model.run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
    model.run("SET parallel_leader_participation = off; SET max_parallel_workers_per_gather = 2")
    ask = "SELECT madlib.automl_response('model', x) AS kind, count(*) FROM rows GROUP BY 1 ORDER BY 1"
    plan = "".join(line for (line,) in model.fetch(f"EXPLAIN (COSTS OFF) {ask}"))
    assert ("Parallel Seq Scan" in plan) == (model.info.server_version >= 170000)
    assert model.fetch(ask) == [("ant", 500), ("bee", 500)]


def test_no_session_is_opened(model: Session) -> None:
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'keras_automl predict%'"
    before = model.value(ours)
    model.value("SELECT madlib.automl_response('model', '{0, 2, 1, 9}')")
    assert model.value(ours) == before


# --- who may ------------------------------------------------------------------------------------------------------------


def test_who_may_not_read_the_model_gets_no_answer(model: Session, role: str) -> None:
    ask = "SELECT madlib.automl_response('model', '{0, 2, 1, 9}')"
    assert model.value(ask) == "bee"
    model.run(f"SET ROLE {role}")
    assert model.error_of(ask)[:2] == ("42501", _no_right(role, model.value("SELECT current_schema()"), "model"))
    model.run("RESET ROLE")
    model.run(f"GRANT SELECT ON model, model_summary TO {role}; SET ROLE {role}")
    assert model.value(ask) == "bee"
    model.run(f"RESET ROLE; REVOKE SELECT ON model FROM {role}; SET ROLE {role}")
    assert model.error_of(ask).sqlstate == "42501"


def _no_right(role: str, schema: str, table: str) -> str:
    return f'model_table: role "{role}" has no SELECT privilege on table "{schema}.{table}"'


# --- numbers, and two classes -------------------------------------------------------------------------------------------


def test_a_model_of_numbers_has_a_value(db: Session) -> None:
    make(db, "model", dense(1, activation="linear"), struct.pack("<5f", 1, 2, 3, 4, 0.5), f"{NUMBERS} AS num_classes")
    assert db.value("SELECT madlib.automl_value('model', '{1, 1, 1, 1}')") == [10.5]
    assert db.value("SELECT madlib.automl_response('model', '{1, 1, 1, 1}')") == "10.5"
    failure = db.error_of("SELECT madlib.automl_prob('model', '{1, 1, 1, 1}')")
    assert failure[:2] == (
        "22023",
        "model_table: must be a model of classes: this one predicts numbers, which have no probabilities",
    )
    assert failure.hint == "madlib.automl_value gives what it predicts."


def test_values_come_in_the_shape_that_the_network_gives(db: Session) -> None:
    text = sequential(("Reshape", {"target_shape": [2, 2], "batch_input_shape": [None, 4]}), ("Dense", {"units": 1}))
    make(db, "model", text, struct.pack("<3f", 1, 10, 0), f"{NUMBERS} AS num_classes")
    assert db.value("SELECT madlib.automl_value('model', '{1, 2, 3, 4}')") == [[21.0], [43.0]]


def test_one_output_for_two_classes_is_the_probability_of_the_second(db: Session) -> None:
    about = CLASSES.replace("{ant,bee,cat}", "{no,yes}")
    make(db, "model", dense(1, activation="sigmoid"), struct.pack("<5f", 1, 0, 0, 0, 0), about)
    assert rounded(db.value("SELECT madlib.automl_prob('model', '{1, 0, 0, 0}')")) == [0.2689, 0.7311]
    assert db.value("SELECT madlib.automl_response('model', '{1, 0, 0, 0}')") == "yes"
    assert rounded(db.value("SELECT madlib.automl_value('model', '{1, 0, 0, 0}')")) == [0.7311]


def test_one_output_that_is_a_logit(db: Session) -> None:
    about = CLASSES.replace("{ant,bee,cat}", "{no,yes}") + ", 'BinaryCrossentropy(from_logits=True)'::text AS loss_type"
    make(db, "model", dense(1, activation="linear"), struct.pack("<5f", 1, 0, 0, 0, 0), about)
    assert rounded(db.value("SELECT madlib.automl_prob('model', '{1, 0, 0, 0}')")) == [0.2689, 0.7311]


def test_features_are_divided(db: Session) -> None:
    make(db, "model", dense(3, activation="linear"), WEIGHTS, CLASSES.replace("1.0::real", "2.0::real"))
    assert db.value("SELECT madlib.automl_value('model', '{1, 2, 3, 0}')") == [0.5, 1.0, 1.5]


# --- bad input ----------------------------------------------------------------------------------------------------------

BAD_ROWS = [
    ("'{1, 2, 3}'", "22023", "x: must be an array of shape {4}, got one of shape {3}"),
    ("'{}'", "22023", "x: must be an array of shape {4}, got one of shape {}"),
    ("'{{1, 2}, {3, 4}}'", "22023", "x: must be an array of shape {4}, got one of shape {2,2}"),
    ("ARRAY[1, NULL, 3, 4]", "22004", "x: must not have NULL"),
    ("ARRAY[1, 'NaN', 3, 4]::real[]", "22023", "x: must not have NaN or infinity"),
    ("ARRAY[1, 'Infinity', 3, 4]::float8[]", "22023", "x: must not have NaN or infinity"),
]


@pytest.mark.parametrize(("x", "sqlstate", "message"), BAD_ROWS)
def test_a_row_that_the_network_does_not_take(model: Session, x: str, sqlstate: str, message: str) -> None:
    for function in ("prob", "response", "value"):
        assert model.error_of(f"SELECT madlib.automl_{function}('model', {x})")[:2] == (sqlstate, message)
    assert model.value("SELECT madlib.automl_response('model', '{0, 2, 1, 9}')") == "bee"


BAD_MODELS: list[tuple[str, str, str]] = [
    ("'nobody'", "42P01", 'model_table: table "nobody" does not exist'),
    ("NULL", "22004", "model_table: must be the name of a table, got NULL"),
    ("' '", "22004", "model_table: must be the name of a table, got ' '"),
    ("'model; DROP TABLE model'", "22023", "model_table: must be the name of a table, perhaps with its schema, got"),
]


@pytest.mark.parametrize(("table", "sqlstate", "message"), BAD_MODELS)
def test_a_table_that_has_no_model(model: Session, table: str, sqlstate: str, message: str) -> None:
    failure = model.error_of(f"SELECT madlib.automl_prob({table}, '{{1, 2, 3, 4}}')")
    assert (failure.sqlstate, failure.message[: len(message)]) == (sqlstate, message)


def test_a_key_that_no_model_has(db: Session) -> None:
    search_tables(db)
    schema = db.value("SELECT current_schema()")
    failure = db.error_of("SELECT madlib.automl_prob('found', '{1, 2, 3, 4}', 3)")
    assert failure[:2] == ("22023", f'mst_key: must be one of table "{schema}.found", which has [1, 2], got 3')
    db.run("UPDATE found SET model_weights = NULL WHERE mst_key = 1")
    failure = db.error_of("SELECT madlib.automl_prob('found', '{1, 2, 3, 4}', 1)")
    assert failure[:2] == ("22023", "mst_key: must be a model that has been trained; this one failed, got 1")
    db.run("DROP TABLE found_info")
    failure = db.error_of("SELECT madlib.automl_prob('found', '{1, 2, 3, 4}')")
    assert failure[:2] == ("22023", f'mst_key: must say which of the 2 models of "{schema}.found" to use, got NULL')


NAN = struct.pack("<15f", *[math.nan] * 15)
TWICE = struct.pack("<15f", *(2 * each for each in struct.unpack("<15f", WEIGHTS)))


@pytest.mark.parametrize(("weights", "x"), [(NAN, "{0, 2, 1, 9}"), (TWICE, "{3e38, 3e38, 0, 0}")], ids=["diverged", "overflow"])
def test_nan_tells_no_class(model: Session, weights: bytes, x: str) -> None:
    model.run("UPDATE model SET model_weights = %s", weights)
    for kind in ("prob", "response"):
        failure = model.error_of(f"SELECT madlib.automl_{kind}('model', '{x}')")
        assert failure[:2] == ("22023", "model_table: the network gives NaN for this row, and that tells no class")
        assert failure.hint == "madlib.automl_value gives it as it is."
    assert any(map(math.isnan, model.value(f"SELECT madlib.automl_value('model', '{x}')")))
    model.run(f"CREATE TABLE rows AS SELECT '{x}'::real[] AS x")
    failure = model.error_of("SELECT count(*) FROM rows WHERE madlib.automl_response('model', x) = 'ant'")
    assert failure.sqlstate == "22023"


def test_a_number_that_is_nan_is_nan(db: Session) -> None:
    make(db, "model", dense(1, activation="linear"), struct.pack("<5f", *[math.nan] * 5), f"{NUMBERS} AS num_classes")
    assert db.value("SELECT madlib.automl_response('model', '{1, 1, 1, 1}')") == "nan"
    assert math.isnan(db.value("SELECT madlib.automl_value('model', '{1, 1, 1, 1}')")[0])


def test_a_network_that_needs_tensorflow_names_the_layer(db: Session) -> None:
    given: dict[str, Any] = {"filters": 2, "kernel_size": 2, "batch_input_shape": [None, 3, 3, 1], "name": "up"}
    make(db, "model", sequential(("Conv2DTranspose", given)), b"")
    failure = db.error_of("SELECT madlib.automl_value('model', '{{{1},{2},{3}},{{1},{2},{3}},{{1},{2},{3}}}')")
    assert failure[:2] == ("0A000", 'model_table: layer "up" (Conv2DTranspose) is computed with TensorFlow only')
    assert failure.hint == "madlib.madlib_keras_predict predicts with it."


def test_weights_that_are_too_few(model: Session) -> None:
    model.run("UPDATE model SET model_weights = %s", WEIGHTS[:8])
    failure = model.error_of("SELECT madlib.automl_prob('model', '{1, 2, 3, 4}')")
    message = "model_table: the weights hold 2 numbers of float32 (8 bytes), but the architecture has 15 weights (60 bytes)"
    assert failure[:2] == ("22023", message)


def test_a_network_whose_outputs_tell_no_class(model: Session) -> None:
    model.run("UPDATE model_summary SET class_values = '{a,b}'")
    failure = model.error_of("SELECT madlib.automl_prob('model', '{1, 2, 3, 4}')")
    message = "model_table: the network gives 3 numbers for a row, and that tells none of the 2 classes of its summary"
    assert failure[:2] == ("22023", message)


def test_what_stands_under_a_digest_is_what_the_digest_is_of(model: Session) -> None:
    features = "madlib.automl_native('{1, 2, 3, 4}'::real[])"
    packed = bytes(model.value("SELECT madlib.automl_model('model', NULL)"))
    assert model.value(f"SELECT madlib.automl_answer('response', %s::bytea, {features})", packed) == "cat"
    forged = packed[:16] + packed[16:-60] + TURNED
    for wrong in (forged, packed[:20], b""):
        assert "a model must begin with its digest" in _new_error(model, features, wrong)


def _new_error(model: Session, features: str, wrong: bytes) -> str:
    """The error of a session that has kept no model yet."""
    other = connect_to(model.dsn)
    try:
        return other.error_of(f"SELECT madlib.automl_answer('response', %s::bytea, {features})", wrong).message
    finally:
        other.close()


# --- tables without TensorFlow ------------------------------------------------------------------------------------------

LOADED = "CREATE FUNCTION loaded() RETURNS boolean LANGUAGE plpython3u AS $$ import sys; return 'tensorflow' in sys.modules $$"
PREDICT = "SELECT madlib.madlib_keras_predict('model', 'rows', 'id', 'x', 'p', '{}')"


@pytest.fixture
def rows(model: Session) -> Session:
    """The session `model` with a table of three rows."""
    model.run("CREATE TABLE rows (id integer, x real[])")
    model.run("INSERT INTO rows VALUES (1, '{0, 2, 1, 9}'), (2, '{3, 0, 0, 9}'), (3, '{0, 0, 0, 9}')")
    model.run(LOADED)
    return model


def test_a_table_is_predicted_without_tensorflow_and_without_sessions(rows: Session, connect: Callable[..., Session]) -> None:
    caller = connect()
    caller.run(PREDICT.format("response"))
    assert caller.fetch("SELECT id, kind, round(prob::numeric, 4)::float8 FROM p ORDER BY id") == [
        (1, "bee", 0.6652),
        (2, "ant", 0.9094),
        (3, "ant", 0.3333),
    ]
    if not caller.is_greenplum:
        assert caller.value("SELECT loaded()") is False
    assert caller.value("SELECT madlib.automl_release()") == 0


@pytest.mark.postgresql("segments predict otherwise")
def test_what_takes_long_is_predicted_with_tensorflow(rows: Session) -> None:
    packed = "(SELECT madlib.automl_model('model', NULL))"
    ready = f"SELECT madlib.automl_ready({packed}, '{{4}}', %s)"
    # A row is 12 products and seven numbers that come and go, which count for 20 each: 152 in all, of 20,000,000,000.
    assert [rows.value(ready, number) for number in (1, 131_578_947, 131_578_948)] == [True, True, False]
    assert rows.value(f"SELECT madlib.automl_ready({packed}, '{{2,2}}', 1)") is False


def test_a_network_that_needs_tensorflow_is_predicted_with_it(rows: Session) -> None:
    layers: tuple[tuple[str, dict[str, object]], ...] = (
        ("Reshape", {"target_shape": [2, 2], "batch_input_shape": [None, 4]}),
        ("Dense", {"units": 1}),
        ("Flatten", {}),
        ("Dense", {"units": 3, "dtype": "float64"}),
    )
    weights = struct.pack("<3f", 1, 10, 0) + struct.pack("<9f", 1, 0, 0, 0, 1, 0, 0, 5, 0)
    rows.run("UPDATE model SET model_weights = %s, model_arch = %s::json", weights, sequential(*layers))
    rows.run(PREDICT.format("value"))
    assert rows.fetch("SELECT * FROM p WHERE id = 3") == [(3, [0.0, 95.0, 0.0])]


@pytest.mark.postgresql("the statement of segments has another form")
def test_rows_that_are_gathered_on_segments_need_no_tensorflow(rows: Session, connect: Callable[..., Session]) -> None:
    setup = SessionSetup(variables=Variables((Variable("x", (4,), "float32"),)))
    weights = f"SELECT model_weights AS part FROM {rows.value('SELECT current_schema()')}.model"
    order = GatheringOrder("the model", 1.0, 3, OutputSelection(most=1, ranked=False), weights, 3)
    caller = connect()
    begin = "SELECT (madlib.automl_gather_begin(%s, %s, %s)).problem"
    assert caller.value(begin, setup.to_json(), order.to_json(), dense(3)) is None
    assert caller.fetch("SELECT (madlib.automl_gather(id::text, madlib.automl_native(x))).ids FROM rows") == [(None,)] * 3
    assert caller.value("SELECT ARRAY[(b).ids, (b).classes::text[]] FROM madlib.automl_gather_rest() AS b") == [
        ["1", "2", "3"],
        ["1", "0", "0"],
    ]
    assert caller.value("SELECT loaded()") is False


def test_words_that_a_network_does_not_know(rows: Session) -> None:
    text = sequential(("Embedding", {"input_dim": 3, "output_dim": 1, "batch_input_shape": [None, 4]}), ("Flatten", {}))
    rows.run("UPDATE model SET model_weights = %s, model_arch = %s::json", struct.pack("<3f", 1, 2, 3), text)
    rows.run("UPDATE model_summary SET class_values = '{ant,bee,cat,dog}'")
    failure = rows.error_of("SELECT madlib.automl_value('model', '{0, 1, 2, 3}')")
    assert failure[:2] == ("22023", 'x: layer "layer_0" (Embedding) takes numbers from 0 to 2')
    assert rows.value("SELECT madlib.automl_value('model', '{0, 1, 2, 2}')") == [1.0, 2.0, 3.0, 3.0]
    assert 'layer "layer_0" (Embedding) takes numbers from 0 to 2' in rows.error_of(PREDICT.format("value")).message


def test_a_function_is_pickled_in_a_session_that_has_answered(model: Session) -> None:
    model.value("SELECT madlib.automl_response('model', '{0, 2, 1, 9}')")
    body = "import dill\ndef doubled(x):\n  return 2 * x\nreturn len(dill.dumps(doubled)) > 0"
    model.run("CREATE FUNCTION pickled() RETURNS boolean LANGUAGE plpython3u AS %s", body)
    assert model.value("SELECT pickled()") is True
