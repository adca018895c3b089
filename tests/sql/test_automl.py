"""madlib.madlib_keras_automl with Hyperband: the page's example and what surrounds it."""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg2
import pytest

from fix_db import Session
from fix_search import COMPILE, FIT, FRAGILE, PAGE, PAGE_COMPILE, PAGE_FIT, SMALL, Searched, dense, load, search

DISCRETE = "{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 0.1]}]}"


def columns(db: Session, table: str) -> list[str]:
    sql = "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    return [column for (column,) in db.fetch(sql + " ORDER BY attnum", table)]


def column(db: Session, sql: str, *params: object) -> list[object]:
    return [value for (value,) in db.fetch(sql, *params)]


# --- the page's example: R=9, eta=3 -------------------------------------------------------------------------------------


def test_every_configuration_has_a_row(searched: Searched) -> None:
    for table in ("automl_output", "automl_output_info"):
        assert column(searched.db, f"SELECT mst_key FROM {table} ORDER BY 1") == [*range(1, 16)]


def test_brackets_own_the_keys_in_order(searched: Searched) -> None:
    assert column(searched.db, "SELECT s FROM automl_output_info ORDER BY mst_key") == [2] * 9 + [1] * 3 + [0] * 3


@pytest.mark.parametrize(
    ("bracket", "expected"),
    [
        (2, [(0, [1], 6), (1, [1, 2, 3, 4], 2), (2, [*range(1, 14)], 1)]),
        (1, [(0, [2, 3, 4], 2), (1, [*range(2, 14)], 1)]),
        (0, [(0, [*range(5, 14)], 3)]),
    ],
)
def test_iterations_are_counted_on_the_axis_of_the_search(
    searched: Searched, bracket: int, expected: list[tuple[int, list[int], int]]
) -> None:
    sql = "SELECT i, metrics_iters, count(*) FROM automl_output_info WHERE s = %s GROUP BY 1, 2 ORDER BY 1"
    assert searched.db.fetch(sql, bracket) == expected


def test_who_goes_on_had_the_lowest_losses_of_its_round(searched: Searched) -> None:
    losses = {
        key: loss for key, loss in searched.db.fetch("SELECT mst_key, validation_loss[1] FROM automl_output_info WHERE s = 2")
    }
    went_on = column(searched.db, "SELECT mst_key FROM automl_output_info WHERE s = 2 AND i >= 1 ORDER BY 1")
    assert went_on == sorted(sorted(losses, key=lambda key: losses[key])[:3])
    fourth = {key: loss for key, loss in searched.db.fetch(
        "SELECT mst_key, validation_loss[4] FROM automl_output_info WHERE s = 2 AND i >= 1")}  # fmt: skip
    assert column(searched.db, "SELECT mst_key FROM automl_output_info WHERE s = 2 AND i = 2") == [
        min(fourth, key=lambda key: fourth[key])
    ]


def test_the_selection_table_holds_the_lowest_validation_loss(searched: Searched) -> None:
    best = """SELECT mst_key, model_id, compile_params, fit_params FROM automl_output_info
        ORDER BY validation_loss_final, mst_key LIMIT 1"""
    assert searched.db.fetch("SELECT * FROM automl_mst_table") == searched.db.fetch(best)
    assert searched.db.fetch("SELECT * FROM automl_mst_table_summary") == [("lib", None)]


def test_learning_took_place(searched: Searched) -> None:
    best = "SELECT validation_metrics_final FROM automl_output_info JOIN automl_mst_table USING (mst_key)"
    assert searched.db.value(best) >= 0.9


@pytest.mark.parametrize(("model_id", "size"), [(1, 772), (2, 1212)])
def test_weights_are_plain_float32(searched: Searched, model_id: int, size: int) -> None:
    sql = """SELECT DISTINCT octet_length(model_weights), model_size, model_type, loss_type, metrics_type
        FROM automl_output JOIN automl_output_info USING (mst_key) WHERE model_id = %s"""
    kilobytes = {772: 0.75390625, 1212: 1.18359375}[size]
    assert searched.db.fetch(sql, model_id) == [(size, kilobytes, "madlib_keras", "categorical_crossentropy", ["accuracy"])]


def test_the_architecture_is_the_one_of_the_library(searched: Searched) -> None:
    sql = """SELECT count(*) FROM automl_output o JOIN automl_output_info USING (mst_key) JOIN lib l USING (model_id)
        WHERE o.model_arch::text = l.model_arch::text"""
    assert searched.db.value(sql) == 15


def test_configurations_are_written_as_the_page_does(searched: Searched) -> None:
    pattern = r"optimizer='(Adam|RMSprop)\(lr=0\.\d+\)',loss='?categorical_crossentropy'?,metrics=\['accuracy'\]"
    for compile_params, fit_params in searched.db.fetch("SELECT compile_params, fit_params FROM automl_output_info"):
        assert re.fullmatch(pattern, compile_params)
        assert fit_params in ("batch_size=4,epochs=1", "batch_size=8,epochs=1")


def test_the_columns_of_the_tables(searched: Searched) -> None:
    assert columns(searched.db, "automl_output") == ["mst_key integer", "model_weights bytea", "model_arch json"]
    selection = ["mst_key integer", "model_id integer", "compile_params text", "fit_params text"]
    assert columns(searched.db, "automl_mst_table") == selection
    assert columns(searched.db, "automl_mst_table_summary") == [
        "model_arch_table character varying",
        "object_table character varying",
    ]
    assert columns(searched.db, "automl_output_info") == [
        *selection,
        "model_type text",
        "model_size double precision",
        "metrics_elapsed_time double precision[]",
        "metrics_type text[]",
        "loss_type text",
        "training_metrics_final double precision",
        "training_loss_final double precision",
        "training_metrics double precision[]",
        "training_loss double precision[]",
        "validation_metrics_final double precision",
        "validation_loss_final double precision",
        "validation_metrics double precision[]",
        "validation_loss double precision[]",
        "metrics_iters integer[]",
        "s integer",
        "i integer",
    ]


def test_the_columns_of_the_summary(searched: Searched) -> None:
    assert columns(searched.db, "automl_output_summary") == [
        "source_table text",
        "validation_table text",
        "model text",
        "model_info text",
        "dependent_varname text",
        "independent_varname text",
        "model_arch_table text",
        "model_selection_table text",
        "automl_method text",
        "automl_params text",
        "random_state text",
        "object_table text",
        "use_gpus boolean",
        "metrics_compute_frequency integer",
        "name text",
        "description text",
        "start_training_time timestamp without time zone",
        "end_training_time timestamp without time zone",
        "madlib_version text",
        "num_classes integer",
        "class_values character varying[]",
        "class_text_class_values character varying[]",
        "dependent_vartype text",
        "normalizing_const real",
    ]


def test_the_summary_says_what_was_typed(searched: Searched) -> None:
    (row,) = searched.db.fetch("SELECT * FROM automl_output_summary")
    classes = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
    assert row[:16] == (
        "train",
        "val",
        "automl_output",
        "automl_output_info",
        "class_text",
        "attributes",
        "lib",
        "automl_mst_table",
        "hyperband",
        "R=9, eta=3, skip_last=0",
        "1",
        None,
        False,
        1,
        "page",
        "the example",
    )
    assert row[16] <= row[17]
    assert row[16].microsecond == 0 and row[17].microsecond == 0
    assert row[18].startswith("keras_automl ")
    assert row[19:] == (3, classes, classes, "character varying", 1.0)


ARRAYS = ("metrics_elapsed_time", "training_metrics", "training_loss", "validation_metrics", "validation_loss")


@pytest.mark.parametrize("array", ARRAYS)
def test_every_curve_has_a_value_for_each_iteration(searched: Searched, array: str) -> None:
    sql = f"""SELECT count(*) FROM automl_output_info
        WHERE array_length({array}, 1) = array_length(metrics_iters, 1)
            AND (SELECT bool_and(v IS NOT NULL) FROM unnest({array}) v)"""
    assert searched.db.value(sql) == 15


@pytest.mark.parametrize("array", ARRAYS[1:])
def test_the_final_value_is_the_last_of_the_curve(searched: Searched, array: str) -> None:
    sql = f"SELECT count(*) FROM automl_output_info WHERE {array}_final = {array}[array_length({array}, 1)]"
    assert searched.db.value(sql) == 15


def test_time_goes_on(searched: Searched) -> None:
    for (elapsed,) in searched.db.fetch("SELECT metrics_elapsed_time FROM automl_output_info"):
        assert elapsed == sorted(set(elapsed))
        assert elapsed[0] > 0
        assert elapsed[-1] <= searched.seconds


def test_a_line_a_round_says_how_it_stands(searched: Searched) -> None:
    opened, begun, *lines = [line for line in searched.notices if " of all iterations done " not in line]
    said = r"INFO:  the search opens \d+ sessions? and waits for TensorFlow to be imported there\n"
    assert re.fullmatch(said, opened)
    assert re.fullmatch(r"INFO:  training of 15 configurations begins after [\d.]+ s\n", begun)
    pattern = (
        r"INFO:  bracket s=(\d), round i=(\d) done after [\d.]+ s: (\d) x (\d) iterations; "
        r"best so far: mst_key (?P<key>\d+), latest validation loss (?P<loss>[\d.e-]+)\n"
    )
    matches = [re.fullmatch(pattern, line) for line in lines]
    assert all(matches)
    assert sorted(match.groups()[:4] for match in matches if match) == [
        ("0", "0", "3", "9"),
        ("1", "0", "3", "3"),
        ("1", "1", "1", "9"),
        ("2", "0", "9", "1"),
        ("2", "1", "3", "3"),
        ("2", "2", "1", "9"),
    ]
    last = matches[-1]
    assert last is not None  # says what the tables say
    best = "SELECT mst_key, validation_loss_final FROM automl_mst_table JOIN automl_output_info USING (mst_key)"
    ((key, loss),) = searched.db.fetch(best)
    assert (int(last["key"]), last["loss"]) == (key, f"{loss:.6g}")


def test_the_run_is_recorded(searched: Searched) -> None:
    sql = """SELECT status, method, params, source_table, model_output_table, random_state, executor, threads, partitions,
        error, finished > started AS ended FROM madlib.automl_runs WHERE run_id = %s"""
    names = "t_searched.train", "t_searched.automl_output"
    executor, partitions = ("segments", 3) if searched.db.is_greenplum else ("sessions", 2)
    expected = ("finished", "hyperband", "R=9, eta=3, skip_last=0", *names, 1, executor, 1, partitions, None, True)
    assert searched.db.fetch(sql, searched.run_id) == [expected]
    best = "SELECT best_mst_key FROM madlib.automl_runs WHERE run_id = %s"
    assert searched.db.value(best, searched.run_id) == searched.db.value("SELECT mst_key FROM automl_mst_table")


def test_trials_and_curves_are_recorded(searched: Searched) -> None:
    sql = """SELECT t.mst_key, t.model_id, t.compile_params, t.fit_params, t.s, t.i, t.status, t.iteration, t.loss
        FROM madlib.automl_trials t WHERE run_id = %s ORDER BY 1"""
    same = """SELECT mst_key, model_id, compile_params, fit_params, s, i, 'finished',
        metrics_iters[array_length(metrics_iters, 1)], validation_loss_final FROM automl_output_info ORDER BY 1"""
    assert searched.db.fetch(sql, searched.run_id) == searched.db.fetch(same)
    sql = "SELECT DISTINCT place::text FROM madlib.automl_trials WHERE run_id = %s AND s = 2 ORDER BY 1"
    assert column(searched.db, sql, searched.run_id) == ['{"s": 2, "i": 0}', '{"s": 2, "i": 1}', '{"s": 2, "i": 2}']
    curves = """SELECT mst_key, array_agg(iteration ORDER BY iteration), array_agg(validation_loss ORDER BY iteration),
        array_agg(training_metrics[1] ORDER BY iteration), array_agg(elapsed ORDER BY iteration)
        FROM madlib.automl_metrics WHERE run_id = %s GROUP BY 1 ORDER BY 1"""
    same = """SELECT mst_key, metrics_iters, validation_loss, training_metrics, metrics_elapsed_time
        FROM automl_output_info ORDER BY 1"""
    assert searched.db.fetch(curves, searched.run_id) == searched.db.fetch(same)


def test_no_checkpoint_of_a_finished_run_stays(searched: Searched) -> None:
    assert searched.db.value("SELECT count(*) FROM madlib.automl_checkpoints WHERE run_id = %s", searched.run_id) == 0


def test_another_role_sees_nothing_of_the_run(searched: Searched, role: str, connect: Callable[..., Session]) -> None:
    other = connect(user=role)
    for view in ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints"):
        assert other.value(f"SELECT count(*) FROM madlib.{view}") == 0


@pytest.mark.soak
def test_the_same_bits_in_the_caller_s_own_session(searched: Searched, quick: Session) -> None:
    """The same packed rows, seed and library give the same weights, wherever the trials train."""
    what = (
        "SELECT mst_key, metrics_iters, training_loss, validation_loss, md5(model_weights) FROM {} JOIN {}_info USING (mst_key)"
    )
    quick.run("SET search_path = t_searched")
    try:
        search(quick, "again", model_arch_table="lib", model_id_list=[1, 2], compile_params_grid=PAGE_COMPILE,
               fit_params_grid=PAGE_FIT, automl_params="R=9, eta=3",
               validation_table="val", metrics_compute_frequency=1)  # fmt: skip
    finally:
        quick.run("SET search_path = t_quick")
    first = what.format("automl_output", "automl_output") + " ORDER BY 1"
    assert searched.db.fetch(what.format("again", "again") + " ORDER BY 1") == searched.db.fetch(first)


# --- variations, each a search of four configurations -------------------------------------------------------------------


def test_without_validation_the_training_loss_ranks(quick: Session) -> None:
    """Also after a search with a validation table in the same session, which MADlib then ranks by an empty column."""
    search(quick, "with_val", validation_table="val")
    search(quick, "without")
    sql = """SELECT count(*) FROM without_info WHERE validation_metrics_final IS NULL AND validation_loss_final IS NULL
        AND validation_metrics IS NULL AND validation_loss IS NULL"""
    assert quick.value(sql) == 4
    assert quick.value("SELECT validation_table FROM without_summary") is None
    lowest = "SELECT mst_key FROM without_info ORDER BY training_loss_final, mst_key LIMIT 1"
    assert quick.value("SELECT mst_key FROM without_best") == quick.value(lowest)
    went_on, first = quick.fetch("SELECT i, training_loss[1] FROM without_info WHERE s = 1 ORDER BY i DESC")
    assert (went_on.i, first.i) == (1, 0)
    assert went_on[1] < first[1]
    assert "best so far: mst_key" in quick.notices[-1]
    assert "latest training loss" in quick.notices[-1]


@pytest.mark.parametrize(
    ("frequency", "expected", "shown"),
    [
        (None, {(1, 0): [1], (1, 1): [1, 4], (0, 0): [4]}, 3),
        (2, {(1, 0): [1], (1, 1): [1, 3, 4], (0, 0): [3, 4]}, 2),
        (3, {(1, 0): [1], (1, 1): [1, 4], (0, 0): [4]}, 3),
    ],
)
def test_how_often_metrics_are_computed(
    quick: Session, frequency: int | None, expected: dict[tuple[int, int], list[int]], shown: int
) -> None:
    name = f"every_{frequency}"
    search(quick, name, automl_params="R=3, eta=3", metrics_compute_frequency=frequency)
    assert {(s, i): iters for s, i, iters in quick.fetch(f"SELECT s, i, metrics_iters FROM {name}_info")} == expected
    assert quick.value(f"SELECT metrics_compute_frequency FROM {name}_summary") == shown


RESULT = "SELECT mst_key, compile_params, fit_params, training_loss, md5(model_weights) FROM {0} JOIN {0}_info USING (mst_key)"


def test_zero_is_a_seed(quick: Session) -> None:
    for name in ("zero", "zero_again", "one"):
        search(quick, name, random_state=1 if name == "one" else 0)
    assert quick.value("SELECT random_state FROM zero_summary") == "0"
    zero, again, one = (quick.fetch(RESULT.format(name) + " ORDER BY 1") for name in ("zero", "zero_again", "one"))
    assert zero == again
    assert zero != one


def test_a_seed_that_was_drawn_is_recorded_and_repeats_the_run_as_setseed_does(quick: Session) -> None:
    seeds = []
    for name in ("drawn", "drawn_again", "drawn_other"):
        if name != "drawn_other":
            quick.run("SELECT setseed(0.25)")
        search(quick, name, random_state=None)
        seeds.append(quick.value("SELECT random_state FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"))
    assert seeds[0] == seeds[1] != seeds[2]
    assert quick.fetch(RESULT.format("drawn") + " ORDER BY 1") == quick.fetch(RESULT.format("drawn_again") + " ORDER BY 1")
    assert quick.value("SELECT random_state FROM drawn_summary") is None
    seed = quick.value("SELECT random_state FROM madlib.automl_runs WHERE model_output_table = 't_quick.drawn'")
    search(quick, "repeated", random_state=seed)
    assert quick.fetch(RESULT.format("drawn") + " ORDER BY 1") == quick.fetch(RESULT.format("repeated") + " ORDER BY 1")


def test_a_space_smaller_than_the_plan_is_exhausted(quick: Session) -> None:
    quick.notices.clear()
    search(quick, "few", compile_params_grid=DISCRETE)
    assert quick.value("SELECT count(DISTINCT compile_params) FROM few_info") == 2
    assert column(quick, "SELECT mst_key FROM few ORDER BY 1") == [1, 2]
    assert quick.value("SELECT count(*) FROM few_best") == 1
    assert "NOTICE:  the search space holds 2 different configurations where 4 would be tried: all are tried\n" in quick.notices


def test_no_metrics_no_curves_of_them(quick: Session) -> None:
    search(quick, "no_metrics", compile_params_grid=DISCRETE)
    sql = "SELECT DISTINCT metrics_type, training_metrics_final, training_metrics FROM no_metrics_info"
    assert quick.fetch(sql) == [(None, None, None)]


def test_a_trial_that_fails_is_out_and_the_rest_goes_on(quick: Session) -> None:
    quick.notices.clear()
    search(quick, "partly", model_id_list=[SMALL, FRAGILE], random_state=3)
    sql = "SELECT model_weights IS NULL, training_loss_final IS NULL, metrics_iters IS NULL FROM partly JOIN partly_info"
    failed, trained = (quick.fetch(f"{sql} USING (mst_key) WHERE model_id = %s", model_id) for model_id in (FRAGILE, SMALL))
    assert failed == [(True, True, True)] * len(failed) != []
    assert trained == [(False, False, False)] * len(trained) != []
    assert quick.value("SELECT model_id FROM partly_best") == SMALL
    warning = r"WARNING:  mst_key \d+ failed and is out of the search: InvalidArgumentError: .*\n"
    assert sum(bool(re.fullmatch(warning, line, re.S)) for line in quick.notices) == len(failed)
    recorded = """SELECT DISTINCT t.status, t.error LIKE 'InvalidArgumentError: %%', t.loss IS NULL FROM madlib.automl_trials t
        JOIN madlib.automl_runs USING (run_id) WHERE model_output_table = 't_quick.partly' AND model_id = %s"""
    assert quick.fetch(recorded, FRAGILE) == [("failed", True, True)]


ALL_FAIL = """SELECT madlib.madlib_keras_automl('train', 'all_failed', 'lib', 'all_failed_best', %s, %s, %s, 'hyperband',
    'R=2, eta=2')"""


def test_all_trials_failing_is_an_error(quick: Session) -> None:
    failure = quick.error_of(ALL_FAIL, [FRAGILE], COMPILE, FIT)
    assert failure.sqlstate == "38000"
    assert failure.message.startswith("all 4 trials failed; the first with: InvalidArgumentError: ")
    assert quick.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'all_failed%'") == 0


def test_why_a_trial_failed_is_told(quick: Session) -> None:
    message = quick.error_of(ALL_FAIL, [FRAGILE], COMPILE, FIT).message
    assert re.search(r"indices\[\d+,\d+\] = \d+ is not in \[0, 2\)", message)
    assert "site-packages" not in message


def test_a_loss_that_is_not_a_number_ranks_last(quick: Session) -> None:
    grid = "{'loss': ['mean_squared_error'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 1e38]}]}"
    load(quick, "linear", dense(3, activation="linear"))
    search(quick, "diverged", model_arch_table="linear", model_id_list=[1], compile_params_grid=grid)
    rows = quick.fetch("SELECT compile_params, training_loss_final, s, i FROM diverged_info ORDER BY mst_key")
    assert sorted(str(row.training_loss_final) == "nan" or row.training_loss_final == float("inf") for row in rows) == [
        False,
        True,
    ]
    assert "lr=0.01" in quick.value("SELECT compile_params FROM diverged_best")


@pytest.mark.parametrize("validation", [None, "val"])
def test_the_best_model_of_a_search_is_used_unless_another_one_is_named(quick: Session, validation: str | None) -> None:
    name = f"chosen_{validation}".lower()
    search(quick, name, validation_table=validation)
    best = quick.value(f"SELECT mst_key FROM {name}_best")
    quick.notices.clear()
    call = f"SELECT madlib.madlib_keras_predict('{name}', 'iris_test', 'id', 'attributes', '{name}_%s', 'response'%s)"
    quick.run(call % ("p", ""))
    quick.run(call % ("q", f", mst_key := {best}"))
    quick.run(f"SELECT madlib.madlib_keras_evaluate('{name}', 'train', '{name}_e')")
    assert quick.fetch(f"SELECT * FROM {name}_p ORDER BY 1") == quick.fetch(f"SELECT * FROM {name}_q ORDER BY 1")
    losses = f"SELECT loss - training_loss_final FROM {name}_e, {name}_info WHERE mst_key = %s"
    assert abs(quick.value(losses, best)) < 1e-6
    said = f'NOTICE:  mst_key {best} is used, the best of the 4 models of "t_quick.{name}"\n'
    assert quick.notices.count(said) == 2


def test_without_a_finite_loss_nothing_is_the_best_and_a_warning_says_so(quick: Session) -> None:
    grid = "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [1e30, 1e38, 'log']}]}"
    load(quick, "boundless", dense(3, activation="linear"))
    quick.notices.clear()
    search(quick, "no_number", model_arch_table="boundless", model_id_list=[1], compile_params_grid=grid)
    losses = "SELECT count(*) FROM no_number_info WHERE training_loss_final NOT IN ('NaN', 'Infinity', '-Infinity')"
    assert quick.value(losses) == 0
    assert quick.fetch("SELECT * FROM no_number_best") == []
    failure = quick.error_of("SELECT madlib.madlib_keras_predict('no_number', 'iris_test', 'id', 'attributes', 'no_p')")
    assert failure.message == 'mst_key: must say which of the 4 models of "t_quick.no_number" to use, got NULL'
    assert quick.value("SELECT count(*) FROM no_number_best_summary") == 1
    assert quick.notices[-1].startswith("WARNING:  none of the 4 trials has a finite loss, so no configuration is the best. ")
    assert "no trial has a finite loss yet" in quick.notices[-2]
    recorded = "SELECT status, best_mst_key, best_loss FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"
    assert quick.fetch(recorded) == [("finished", None, None)]


@pytest.mark.parametrize(
    ("losses", "named"),
    [
        ("'loss': ['categorical_crossentropy', 'mse']", "categorical_crossentropy, mse"),
        ("'loss': ['mse'], 'loss_weights': [None, 0.1]", "mse, 0.1 * mse"),
        ("'loss': ['CategoricalCrossentropy()', 'sparse_categorical_crossentropy', 'categorical_crossentropy']", None),
    ],
)
def test_losses_of_different_functions_need_an_objective(quick: Session, losses: str, named: str | None) -> None:
    grid = COMPILE.replace("'loss': ['categorical_crossentropy']", losses)
    name = f"measures_{str(named)[:1]}"
    quick.notices.clear()
    if named is not None:
        with pytest.raises(
            psycopg2.Error, match=rf"cannot be ranked by losses on different scales: {re.escape(named)}"
        ) as error:
            search(quick, name, compile_params_grid=grid)
        assert "objective=accuracy" in str(error.value.diag.message_hint)
    search(quick, name, compile_params_grid=grid, automl_params=f"R=2, eta=2{', objective=accuracy' if named else ''}")
    assert not [line for line in quick.notices if line.startswith("WARNING")]


# --- names and hostile text ---------------------------------------------------------------------------------------------

HOSTILE = """x'; DROP TABLE canary; -- $$ $1 $2::bytea " \\ % %s {0} ü"""
HOSTILE_NAMES = {
    "quotes": """a'; DROP TABLE canary; --" \\ % {0} ü $$""",
    "a parameter": "$1 and $2",
    "a typed parameter": "$1::bytea",
}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def canary(quick: Session) -> Session:
    quick.run("DROP TABLE IF EXISTS canary; CREATE TABLE canary AS SELECT 1 AS one")
    return quick


def test_upper_case_and_schemas_in_every_table_argument(quick: Session) -> None:
    quick.run('CREATE TABLE "Train" AS TABLE train; CREATE TABLE "Train_summary" AS TABLE train_summary')
    quick.run('CREATE TABLE "Val" AS TABLE val; CREATE TABLE "Val_summary" AS TABLE val_summary')
    quick.run('CREATE SCHEMA "T Other"; CREATE TABLE "T Other"."Lib" AS TABLE lib')
    try:
        search(
            quick,
            '"T Other"."Out"',
            source_table='"Train"',
            model_arch_table='"T Other"."Lib"',
            model_selection_table='t_quick."Out Best"',
            validation_table='T_QUICK."Val"',
        )
        assert quick.value('SELECT count(*) FROM "T Other"."Out" JOIN "T Other"."Out_info" USING (mst_key)') == 4
        sql = 'SELECT source_table, validation_table, model, model_info FROM "T Other"."Out_summary"'
        assert quick.fetch(sql) == [('"Train"', 'T_QUICK."Val"', '"T Other"."Out"', '"T Other"."Out_info"')]
        assert quick.fetch('SELECT model_arch_table FROM "Out Best_summary"') == [('"T Other"."Lib"',)]
    finally:
        quick.run('SET client_min_messages = warning; DROP SCHEMA "T Other" CASCADE; RESET client_min_messages')


@pytest.mark.parametrize(
    ("sessions", "which"),
    [
        pytest.param(0, "quotes", marks=pytest.mark.soak),
        (1, "quotes"),
        pytest.param(0, "a parameter", marks=pytest.mark.soak),
        pytest.param(1, "a parameter", marks=pytest.mark.soak),
        (0, "a typed parameter"),
    ],
)
def test_hostile_names_are_names_and_nothing_else(canary: Session, sessions: int, which: str) -> None:
    name = f"{sessions} {HOSTILE_NAMES[which]}"
    x, y, train, test, source, val, lib, out, best, predicted = (quoted(f"{name} {letter}") for letter in "xyadsvlobp")
    label = HOSTILE.replace("'", "''")
    for table, half in (("iris_train", train), ("iris_test", test)):
        columns = f"id, attributes AS {x}, class_text || '{label}' AS {y}"
        canary.run(f"CREATE TABLE {half} AS SELECT {columns} FROM {table}")
    canary.run("SELECT madlib.training_preprocessor_dl(%s, %s, %s, %s)", train, source, y, x)
    canary.run("SELECT madlib.validation_preprocessor_dl(%s, %s, %s, %s, %s)", test, val, y, x, source)
    load(canary, lib, dense(3))
    canary.run(f"SET keras_automl.sessions = {sessions}")
    try:
        search(canary, out, source_table=source, validation_table=val, model_arch_table=lib, model_selection_table=best,
               model_id_list=[1], name=HOSTILE, description=HOSTILE)  # fmt: skip
        canary.run("SELECT madlib.madlib_keras_predict(%s, %s, 'id', %s, %s, 1, FALSE, 1)", out, test, x, predicted)
    finally:
        canary.run("SET keras_automl.sessions = 0")
    (row,) = canary.fetch(f"SELECT name, description, dependent_varname, class_values FROM {quoted(f'{name} o_summary')}")
    assert row[:3] == (HOSTILE, HOSTILE, f"{name} y")
    assert row[3] == [f"Iris-{kind}{HOSTILE}" for kind in ("setosa", "versicolor", "virginica")]
    assert canary.value(f"SELECT count(*) FROM {predicted}") == 30
    assert canary.value("SELECT one FROM canary") == 1


TABLES = ["source_table", "validation_table", "model_output_table", "model_arch_table", "model_selection_table"]
TEXTS = [*TABLES, "compile_params_grid", "fit_params_grid", "automl_method", "automl_params"]


@pytest.mark.parametrize("argument", TEXTS)
@pytest.mark.parametrize("hostile", [HOSTILE, "train; DROP TABLE canary", "__import__('os').system('true')", "$$", "a" * 64])
def test_hostile_text_is_refused_or_taken_as_text(canary: Session, argument: str, hostile: str) -> None:
    name = "nothing_of_it"
    before = canary.value("SELECT count(*) FROM pg_class")
    with pytest.raises(Exception) as caught:
        search(canary, name, **{argument: hostile})
    assert caught.value.pgcode in ("22023", "22004", "42P01")  # type: ignore[attr-defined]
    assert argument in str(caught.value)
    assert canary.value("SELECT count(*) FROM pg_class") == before
    assert canary.value("SELECT one FROM canary") == 1


def test_names_as_long_as_they_may_be(quick: Session) -> None:
    search(quick, "o" * 55, model_selection_table="ü" * 27 + "b", model_id_list=[PAGE])
    assert quick.value(f"SELECT count(*) FROM {'o' * 55}_summary") == 1
    assert quick.value(f"SELECT count(*) FROM {'ü' * 27}b_summary") == 1
