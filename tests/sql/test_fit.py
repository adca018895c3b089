"""madlib_keras_fit_multiple_model, madlib_keras_fit, madlib_keras_evaluate, madlib_keras_predict_byom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from fix_db import Session
from fix_search import FRAGILE, SMALL, dense, lent, load, make_iris, sequential

COMPILE = "optimizer='Adam(lr=0.05)',loss='categorical_crossentropy',metrics=['accuracy']"
WEIGHTS = "SELECT mst_key, md5(model_weights) FROM {} ORDER BY 1"


@pytest.fixture(scope="module")
def db(quick: Session) -> Iterator[Session]:
    """A session that trains in itself, with packed tables, a library, and a selection of four configurations."""
    with lent(quick, "t_fit") as session:
        make_iris(session)
        embedding = {"input_dim": 2, "output_dim": 2, "batch_input_shape": [None, 4]}
        fragile = sequential(("Embedding", embedding), ("Flatten", {}), ("Dense", {"units": 3, "activation": "softmax"}))
        load(session, "lib", dense(3), dense(3), dense(5), dense(3, inputs=5), dense(3), fragile)
        session.run("SET keras_automl.sessions = 0")
        session.run("SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], %s, %s)",
                    [COMPILE, COMPILE.replace("Adam", "SGD")], ["batch_size=8", "batch_size=16"])  # fmt: skip
        yield session


def fit_multiple(db: Session, name: str, /, **given: Any) -> None:
    arguments = {
        "source_table": "train",
        "model_output_table": name,
        "model_selection_table": "mst",
        "num_iterations": 2,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    db.run(f"SELECT setseed(0.5); SELECT madlib.madlib_keras_fit_multiple_model({called})", *arguments.values())


def fit(db: Session, name: str, /, **given: Any) -> None:
    arguments = {
        "source_table": "train",
        "model": name,
        "model_arch_table": "lib",
        "model_id": SMALL,
        "compile_params": COMPILE,
        "fit_params": "batch_size=8",
        "num_iterations": 3,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    db.run(f"SELECT setseed(0.5); SELECT madlib.madlib_keras_fit({called})", *arguments.values())


# --- several models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(db: Session) -> Session:
    fit_multiple(db, "several", validation_table="val", metrics_compute_frequency=1, name="n", description="d")
    return db


def test_every_configuration_is_trained(several: Session) -> None:
    rows = several.fetch("""SELECT s.mst_key, m.model_weights IS NOT NULL, array_length(i.validation_loss, 1), i.metrics_iters
        FROM mst s JOIN several m USING (mst_key) JOIN several_info i USING (mst_key, model_id, compile_params, fit_params)
        ORDER BY 1""")
    assert rows == [(key, True, 2, [1, 2]) for key in range(1, 5)]


def test_the_summary(several: Session) -> None:
    row = several.fetch("SELECT * FROM several_summary")[0]._asdict()
    assert row.pop("end_training_time") >= row.pop("start_training_time")
    assert re.fullmatch(r"keras_automl [\d.]+", row.pop("madlib_version"))
    classes = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
    assert row == {
        "source_table": "train",
        "validation_table": "val",
        "model": "several",
        "model_info": "several_info",
        "dependent_varname": "class_text",
        "independent_varname": "attributes",
        "model_arch_table": "lib",
        "model_selection_table": "mst",
        "object_table": None,
        "num_iterations": 2,
        "metrics_compute_frequency": 1,
        "warm_start": False,
        "name": "n",
        "description": "d",
        "num_classes": 3,
        "class_values": classes,
        "class_text_class_values": classes,
        "dependent_vartype": "character varying",
        "normalizing_const": 1.0,
        "metrics_iters": [1, 2],
    }


def test_the_record(several: Session) -> None:
    sql = """SELECT method, params, status FROM madlib.automl_runs WHERE model_output_table = 't_fit.several'"""
    assert several.fetch(sql) == [("fit_multiple", "num_iterations=2", "finished")]


def test_setseed_repeats_a_training_cached_or_not_whoever_trains(several: Session) -> None:
    db = several
    for name, sessions, caching in (("cached", 0, True), ("parallel", 2, False)):
        db.run(f"SET keras_automl.sessions = {sessions}")
        try:
            fit_multiple(db, name, use_caching=caching)
        finally:
            db.run("SET keras_automl.sessions = 0")
    assert db.fetch(WEIGHTS.format("cached")) == db.fetch(WEIGHTS.format("parallel")) == db.fetch(WEIGHTS.format("several"))


def test_a_warm_start_goes_on_where_the_other_has_ended(db: Session) -> None:
    fit_multiple(db, "warm", num_iterations=6, metrics_compute_frequency=1)
    db.run("CREATE VIEW on_warm AS SELECT * FROM warm")
    before = dict(db.fetch("SELECT mst_key, training_loss_final FROM warm_info"))
    fit_multiple(db, "warm", num_iterations=1, warm_start=True)
    after = dict(db.fetch("SELECT mst_key, training_loss_final FROM warm_info"))
    first = dict(db.fetch("SELECT mst_key, training_loss_final FROM several_info"))
    assert all(after[key] < 1.3 * before[key] and after[key] < first[key] for key in after)
    assert db.fetch("SELECT warm_start, metrics_iters FROM warm_summary") == [(True, [1])]
    assert db.value("SELECT count(*) FROM on_warm") == 4


def test_a_warm_start_with_other_keys(db: Session) -> None:
    fit_multiple(db, "other", num_iterations=1)
    untouched = db.value("SELECT md5(model_weights) FROM other WHERE mst_key = 2")
    db.run("CREATE TABLE mst_b AS SELECT mst_key + 1 AS mst_key, model_id, compile_params, fit_params FROM mst")
    db.run("CREATE TABLE mst_b_summary AS TABLE mst_summary")
    fit_multiple(db, "other", num_iterations=1, warm_start=True, model_selection_table="mst_b")
    assert [key for (key,) in db.fetch("SELECT mst_key FROM other ORDER BY 1")] == [2, 3, 4, 5]
    assert [key for (key,) in db.fetch("SELECT mst_key FROM other_info ORDER BY 1")] == [2, 3, 4, 5]
    assert db.value("SELECT md5(model_weights) FROM other WHERE mst_key = 2") != untouched


def test_a_model_that_fails_in_a_warm_start_keeps_its_weights(db: Session) -> None:
    fit_multiple(db, "kept", num_iterations=1)
    db.run("UPDATE kept SET model_weights = '\\x00000000' WHERE mst_key = 1")
    fit_multiple(db, "kept", num_iterations=1, warm_start=True)
    assert db.value("SELECT encode(model_weights, 'hex') FROM kept WHERE mst_key = 1") == "00000000"
    assert db.fetch("SELECT mst_key FROM kept_info WHERE training_loss_final IS NULL") == [(1,)]
    assert any("the weights hold 1 numbers of float32" in line for line in db.notices)


def test_transfer_learning_begins_from_the_weights_of_the_library(db: Session) -> None:
    fit(db, "teacher", num_iterations=20)
    # Not FROM teacher: on Greenplum the call would run on a segment.
    db.run("SELECT madlib.load_keras_model('taught', (SELECT model_arch FROM teacher), (SELECT model_weights FROM teacher))")
    frozen = COMPILE.replace("lr=0.05", "lr=1e-9")
    db.run(
        "SELECT madlib.load_model_selection_table('taught', 'mst_taught', ARRAY[1], ARRAY[%s], ARRAY['batch_size=8'])", frozen
    )
    fit_multiple(db, "pupil", model_selection_table="mst_taught", num_iterations=1)
    pupil = db.value("SELECT training_loss_final FROM pupil_info")
    assert pupil == pytest.approx(db.value("SELECT training_loss_final FROM teacher_summary"), rel=1e-4)


# --- one model ----------------------------------------------------------------------------------------------------------


def test_one_model(db: Session) -> None:
    fit(db, "single", validation_table="val", metrics_compute_frequency=2, num_iterations=5, name="n")
    assert db.fetch("SELECT octet_length(model_weights), model_arch ->> 'class_name' FROM single") == [(60, "Sequential")]
    sql = """SELECT source_table, model, model_id, compile_params, fit_params, num_iterations, metrics_iters, name, warm_start,
        model_size, loss_type, metrics_type, array_length(validation_loss, 1) FROM single_summary"""
    assert db.fetch(sql) == [
        ("train", "single", 1, COMPILE, "batch_size=8", 5, [2, 4, 5], "n", False, 60 / 1024, "categorical_crossentropy",
         ["accuracy"], 3)
    ]  # fmt: skip


def test_one_model_predicts_without_a_key(db: Session) -> None:
    fit(db, "oracle", num_iterations=30)
    db.run("SELECT madlib.madlib_keras_predict('oracle', 'iris_test', 'id', 'attributes', 'told', 'response')")
    assert db.value("SELECT count(*) FROM told JOIN iris_test USING (id, class_text)") >= 25
    failure = db.error_of("SELECT madlib.madlib_keras_predict('oracle', 'iris_test', 'id', 'attributes', 'x', 1, FALSE, 1)")
    assert failure.message == 'mst_key: must be left out: "t_fit.oracle" holds one model, got 1'


def test_a_warm_start_of_one_model(db: Session) -> None:
    fit(db, "again", num_iterations=8)
    before = db.value("SELECT training_loss_final FROM again_summary")
    fit(db, "again", num_iterations=4, warm_start=True)
    assert db.value("SELECT training_loss_final FROM again_summary") < before
    assert db.fetch("SELECT count(*), bool_and(warm_start) FROM again_summary") == [(1, True)]
    assert db.value("SELECT count(*) FROM again") == 1


def test_the_only_trial_failing_is_an_error(db: Session) -> None:
    with pytest.raises(Exception, match="the only trial failed with: InvalidArgumentError: "):
        fit(db, "failing", model_id=FRAGILE)
    assert db.value("SELECT to_regclass('failing')") is None


# --- evaluation ---------------------------------------------------------------------------------------------------------


def test_evaluation_gives_what_training_has_measured(several: Session) -> None:
    several.run("SELECT madlib.madlib_keras_evaluate('several', 'val', 'evaluated', FALSE, 2)")
    measured = several.fetch("SELECT validation_loss_final, validation_metrics_final FROM several_info WHERE mst_key = 2")[0]
    ((loss, metric, *names, metrics),) = several.fetch("SELECT * FROM evaluated")
    assert (loss, metric) == pytest.approx(tuple(measured), rel=1e-5)
    assert (metrics, names) == ([metric], [["accuracy"], "categorical_crossentropy"])


@pytest.mark.parametrize("sessions", [0, 2])
def test_evaluation_on_sessions_gives_the_bits_that_training_has_measured(db: Session, sessions: int) -> None:
    name = f"overlaps_{sessions}"
    fit(db, name, compile_params=COMPILE.replace("'accuracy'", "'MeanIoU'"), num_iterations=1)  # which TensorFlow computes
    db.run(f"SET keras_automl.sessions = {sessions}")
    try:
        db.run(f"SELECT madlib.madlib_keras_evaluate('{name}', 'train', '{name}_e')")
    finally:
        db.run("SET keras_automl.sessions = 0")
    measured = db.fetch(f"SELECT training_loss_final, training_metrics_final FROM {name}_summary")
    assert db.fetch(f"SELECT loss, metric FROM {name}_e") == measured


def test_evaluation_without_metrics_and_with_several(db: Session) -> None:
    fit(db, "plain", compile_params="optimizer='SGD',loss='mse'", num_iterations=1)
    db.run("SELECT madlib.madlib_keras_evaluate('plain', 'train', 'plain_evaluated')")
    loss = db.value("SELECT training_loss_final FROM plain_summary")
    ((found, *others),) = db.fetch("SELECT * FROM plain_evaluated")
    assert found == pytest.approx(loss, rel=1e-5)
    assert others == [None, None, "mse", None]
    fit(db, "rich", compile_params="optimizer='SGD',loss='mse',metrics=['AUC','mae']", num_iterations=1)
    db.run("SELECT madlib.madlib_keras_evaluate('rich', 'train', 'rich_evaluated')")
    assert db.fetch("SELECT metric = metrics[1], metrics_type, array_length(metrics, 1) FROM rich_evaluated") == [
        (True, ["AUC", "mae"], 2)
    ]


def test_evaluation_on_columns_of_other_names(several: Session) -> None:
    several.run("CREATE TABLE renamed AS SELECT id, attributes AS x, class_text AS y FROM iris_test")
    several.run("SELECT madlib.validation_preprocessor_dl('renamed', 'renamed_packed', 'y', 'x', 'train')")
    several.run("SELECT madlib.madlib_keras_evaluate('several', 'renamed_packed', 'renamed_evaluated', FALSE, 2)")
    loss = several.value("SELECT validation_loss_final FROM several_info WHERE mst_key = 2")
    assert several.value("SELECT loss FROM renamed_evaluated") == pytest.approx(loss, rel=1e-6)


# --- bring your own model -----------------------------------------------------------------------------------------------


def test_a_model_of_a_library_predicts(db: Session) -> None:
    # Weights that give 0.1 * x for class 0 and nothing for the others.
    db.run("""CREATE TABLE own AS SELECT 1 AS model_id, model_arch, decode(repeat('cdcccc3d0000000000000000', 4) ||
        repeat('00000000', 3), 'hex') AS model_weights FROM lib WHERE model_id = 1""")
    db.run("""SELECT madlib.madlib_keras_predict_byom('own', 1, 'iris_test', 'id', 'attributes', 'own_told', 'response', FALSE,
        ARRAY[ARRAY['a', 'b', 'c']], 1.0)""")
    sums = "SELECT id, (SELECT sum(a) FROM unnest(attributes) a) AS x FROM iris_test"
    sql = f"""SELECT bool_and(dependent_var = 'a'), max(abs(prob - 1 / (1 + 2 * exp(-0.1 * x)))) < 1e-6, count(*)
        FROM own_told JOIN ({sums}) t USING (id)"""
    assert db.fetch(sql) == [(True, True, 30)]
    for pred_type, name in ((2, "own_two"), (0.3, "own_above")):
        db.run("SELECT madlib.madlib_keras_predict_byom('own', 1, 'iris_test', 'id', 'attributes', %s, %s)", name, pred_type)
    assert db.fetch("SELECT DISTINCT dependent_var FROM own_two WHERE rank = 1") == [(0,)]
    assert db.value("SELECT count(*) FROM own_two") == 60


# --- what is refused ----------------------------------------------------------------------------------------------------

MULTIPLE: list[tuple[str, Any, str, str]] = [
    ("source_table", None, "22004", "must be the name of a table, got NULL"),
    ("source_table", "iris_train", "55000", "table .* has no summary table .*"),
    ("model_output_table", "mst", "42P07", r'table "t_fit\.mst" already exists'),
    ("model_selection_table", "nowhere", "42P01", 'table "nowhere" does not exist'),
    ("model_selection_table", "iris_train", "42703", 'column "mst_key" does not exist .*'),
    ("num_iterations", 0, "22023", "must be an integer from 1 to 1000000, got 0"),
    ("num_iterations", None, "22023", "must be an integer from 1 to 1000000, got NULL"),
    ("metrics_compute_frequency", 0, "22023", "must be from 1 to 2, the value of num_iterations, or NULL, got 0"),
    ("metrics_compute_frequency", 3, "22023", "must be from 1 to 2, the value of num_iterations, or NULL, got 3"),
    ("validation_table", "nowhere", "42P01", 'table "nowhere" does not exist'),
    ("warm_start", True, "55000", r'needs the tables of an earlier training, and there is no ".*bad", got True'),
    ("use_gpus", True, "55000", "needs a GPU on every host that takes part, and the driver shows none on .*"),
]


@pytest.mark.parametrize(("argument", "value", "sqlstate", "message"), MULTIPLE)
def test_bad_input_of_fit_multiple(db: Session, argument: str, value: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fit_multiple(db, "bad", **{argument: value})
    failure = db.failure(caught.value)
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(f"{argument}: {message}", failure.message), failure.message


SINGLE: list[tuple[str, Any, str, str]] = [
    ("model", "mst", "42P07", r'model: table "t_fit\.mst" already exists'),
    ("model_id", None, "22023", "model_id: must be the id of a model, got NULL"),
    ("model_id", 99, "22023", "model_id: every id must be in table .*, got 99"),
    (
        "model_id",
        3,
        "22023",
        "model_id: model_id 3: the network's last layer has 5 units, the dependent variable has 3 classes;"
        " give it units=3 and activation softmax",
    ),
    ("compile_params", None, "22004", "compile_params: must be key=value pairs separated by commas, got NULL"),
    ("compile_params", "", "22004", "compile_params: must be key=value pairs separated by commas, got ''"),
    ("compile_params", "loss='mse'", "22023", 'compile_params: "optimizer" is required'),
    (
        "compile_params",
        "loss='mse',optimizer='Adom'",
        "22023",
        'compile_params: optimizer "Adom" is not one of .*"Adam".*',
    ),
    ("compile_params", "loss='mse',optimizer='SGD(lr=0.1'", "22023", 'compile_params: "optimizer" must be an optimizer .*'),
    ("fit_params", "batch_size=0", "22023", 'fit_params: "batch_size" must be an integer of at least 1, got 0'),
    ("object_table", "f", "42P01", 'object_table: table "madlib.f" does not exist in the schema madlib'),
]


@pytest.mark.parametrize(("argument", "value", "sqlstate", "message"), SINGLE)
def test_bad_input_of_fit(db: Session, argument: str, value: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        fit(db, "bad", **{argument: value})
    failure = db.failure(caught.value)
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(message, failure.message), failure.message


def test_rows_of_a_selection_that_break_rules_are_all_named(db: Session) -> None:
    db.run("CREATE TABLE mst_bad (mst_key integer, model_id integer, compile_params text, fit_params text)")
    db.run("CREATE TABLE mst_bad_summary AS TABLE mst_summary")
    with pytest.raises(Exception, match=r'model_selection_table: table "t_fit\.mst_bad" is empty'):
        fit_multiple(db, "bad", model_selection_table="mst_bad")
    db.run("""INSERT INTO mst_bad VALUES (1, NULL, 'loss=mse', 'batch_size=8'),
        (1, 1, 'loss=mse,optimizer=SGD', 'batch_size=x')""")
    with pytest.raises(psycopg2.Error) as caught:
        fit_multiple(db, "bad", model_selection_table="mst_bad")
    for part in (
        'model_selection_table: column mst_key of table "t_fit.mst_bad" must hold different numbers',
        "model_selection_table: mst_key 1: model_id must not be NULL",
        'model_selection_table: mst_key 1: compile_params: "optimizer" is required',
        "model_selection_table: mst_key 1: fit_params: \"batch_size\" must be an integer of at least 1, got 'x'",
    ):
        assert part in str(caught.value)


def test_a_library_that_is_gone_is_named_with_the_selection(db: Session) -> None:
    db.run("CREATE TABLE mst_lost AS TABLE mst; CREATE TABLE mst_lost_summary AS TABLE mst_summary")
    db.run("UPDATE mst_lost_summary SET model_arch_table = 'lost'")
    with pytest.raises(Exception, match='model_selection_table: model_arch_table: table "lost" does not exist'):
        fit_multiple(db, "bad", model_selection_table="mst_lost")


EVALUATE: list[tuple[str, str, str]] = [
    ("NULL, 'val', 'x'", "22004", "model_table: must be the name of a table, got NULL"),
    ("'several', 'val', 'x'", "22023", "mst_key: must say which of the 4 models of .*, got NULL"),
    ("'several', 'val', 'x', FALSE, 9", "22023", r"mst_key: must be one of table .*, which has \[1, 2, 3, 4\], got 9"),
    ("'several', 'iris_test', 'x', FALSE, 1", "55000", "test_table: table .* has no summary table .*"),
    ("'several', 'val', 'mst', FALSE, 1", "42P07", 'output_table: table ".*mst" already exists'),
    ("'mst', 'val', 'x'", "42703", 'model_table: column "model_weights" does not exist in table .*'),
    ("'several', 'val', 'x', TRUE, 1", "55000", "use_gpus: needs a GPU on every host that takes part, .*"),
]


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), EVALUATE)
def test_bad_input_of_evaluate(several: Session, arguments: str, sqlstate: str, message: str) -> None:
    failure = several.error_of(f"SELECT madlib.madlib_keras_evaluate({arguments})")
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(message, failure.message), failure.message


BYOM: list[tuple[str, str, str]] = [
    ("NULL, 1, 'iris_test', 'id', 'attributes', 'x'", "22004", "model_arch_table: must be the name of a table, got NULL"),
    ("'lib', NULL, 'iris_test', 'id', 'attributes', 'x'", "22004", "model_id: must be the id of a model, got NULL"),
    ("'lib', 1, 'iris_test', 'id', 'attributes', 'x'", "22023", "model_id: must be a model with weights, got 1"),
    ("'own', 1, 'iris_test', 'id', 'attributes', 'x', 'prob', FALSE, ARRAY['a']", "22023",
     r"class_values: must have one value for each of the network's 3 outputs, got \['a'\]"),
    ("'own', 1, 'iris_test', 'id', 'attributes', 'x', 'prob', FALSE, ARRAY[ARRAY['a'], ARRAY['b']]", "0A000",
     r"class_values: must be one array of classes, got .*"),
    ("'own', 1, 'iris_test', 'id', 'attributes', 'x', 'prob', FALSE, NULL, 0", "22023",
     "normalizing_const: must be a number above 0 in the range of real, or NULL for 1, got 0.0"),
    *((f"'own', 1, 'iris_test', 'id', 'attributes', 'x', 'prob', FALSE, NULL, {bad}", "22023",
       f"normalizing_const: must be a number above 0 in the range of real, or NULL for 1, got {shown}")
      for bad, shown in (("'NaN'", "nan"), ("1e-50", "1e-50"), ("1e50", r"1e\+50"))),
    ("'own', 1, 'iris_test', 'id', 'attributes', 'x', 'prob', FALSE, NULL, NULL, 2", "0A000", "dependent_count: must be 1: .*"),
    ("'own', 1, 'iris_test', 'id', 'attributes', 'x', 1.5", "22023", "pred_type: must be .*, got 1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sqlstate", "message"), BYOM)
def test_bad_input_of_byom(db: Session, arguments: str, sqlstate: str, message: str) -> None:
    failure = db.error_of(f"SELECT madlib.madlib_keras_predict_byom({arguments})")
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(message, failure.message), failure.message
