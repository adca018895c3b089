"""What surprises users of MADlib's deep learning module, as a list: here each of it does what one expects."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from automl.search.hyperband import schedule
from automl.search.hyperopt import HyperoptParams
from automl.search.ladder import Ladder
from fix_db import Session, connect_to
from fix_search import FRAGILE, PAGE, SMALL, dense, load, search
from test_tpe import SPACE, finish, rate

LOSS = "loss='categorical_crossentropy',metrics=['accuracy']"


def fit(db: Session, optimizer: str, *, iterations: int = 2, **given: Any) -> tuple[str, list[float]]:
    """Train one model from the same seed and return (md5 of its weights, its losses); its tables are gone then."""
    db.run("SET client_min_messages = warning; DROP TABLE IF EXISTS one, one_summary; RESET client_min_messages")
    arguments: dict[str, Any] = {
        "source_table": "train",
        "model": "one",
        "model_arch_table": "lib",
        "model_id": SMALL,
        "compile_params": f"optimizer='{optimizer}',{LOSS}",
        "fit_params": "batch_size=8",
        "num_iterations": iterations,
        "metrics_compute_frequency": 1,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    db.run(f"SELECT setseed(0.1); SELECT madlib.madlib_keras_fit({called})", *arguments.values())
    ((weights, losses),) = db.fetch("SELECT md5(model_weights), training_loss FROM one, one_summary")
    return weights, losses


def column(db: Session, sql: str) -> list[Any]:
    return [value for (value,) in db.fetch(sql)]


# --- wrong results ------------------------------------------------------------------------------------------------------


def test_a_validation_table_does_not_rank_later_searches(quick: Session) -> None:
    search(quick, "ranked_by_val", validation_table="val")
    search(quick, "ranked_by_train")
    best = "SELECT mst_key FROM ranked_by_train_info ORDER BY training_loss_final, mst_key LIMIT 1"
    assert quick.value("SELECT mst_key FROM ranked_by_train_best") == quick.value(best)


def test_a_pruned_configuration_stays_pruned_though_survivors_get_worse() -> None:
    ladder = Ladder(schedule(4, 2, 0), {2: (1, 2, 3, 4)})
    ladder.start()
    for key, loss in ((1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)):
        progress = ladder.report(key, loss)
    assert {each.trial for each in progress.assignments} == {1, 2}
    ladder.report(1, 9.0)
    assert [each.trial for each in ladder.report(2, 8.0).assignments] == [2]


def test_decay_goes_on_from_hop_to_hop(quick: Session) -> None:
    # The learning rate of the second step on is next to nothing: if it began again at a hop, the loss would go on falling.
    _, losses = fit(quick, "SGD(lr=0.5,decay=1e12)", iterations=5)
    assert losses[1:] == pytest.approx([losses[0]] * 4, rel=1e-6)


def test_parameters_can_be_given_in_part(quick: Session) -> None:
    search(quick, "only_r", automl_params="R=3")
    assert quick.value("SELECT count(*) FROM only_r") == 5
    search(quick, "only_n", automl_method="hyperopt", automl_params="num_configs=2")
    assert column(quick, "SELECT metrics_iters FROM only_n_info") == [[5], [5]]


def test_false_is_false(quick: Session) -> None:
    plain, off, on = (fit(quick, f"SGD(lr=0.1,momentum=0.9{flag})") for flag in ("", ",nesterov=False", ",nesterov=True"))
    assert plain == off != on


def test_schedules_are_not_cut_off(quick: Session) -> None:
    constant = "PiecewiseConstantDecay([1000000], [0.1, 0.2])"
    assert fit(quick, "SGD(0.1)".replace("0.1", "lr=0.1"))[1] == pytest.approx(fit(quick, f"SGD(learning_rate={constant})")[1])
    assert quick.error_of(
        "SELECT madlib.madlib_keras_fit('train', 'x', 'lib', 1, %s, 'batch_size=8', 1)", f"optimizer='SGD(lr=0.1',{LOSS}"
    ).message.startswith('compile_params: "optimizer" must be an optimizer with its parameters')


@pytest.mark.parametrize("name", ["adamw", "ADAMW", "AdamW"])
def test_optimizers_in_any_case(quick: Session, name: str) -> None:
    assert fit(quick, f"{name}(lr=0.01)") == fit(quick, "AdamW(lr=0.01)")


def test_a_small_grid_does_not_end_with_a_duplicate_key(quick: Session) -> None:
    grid = "{'loss': ['categorical_crossentropy'], 'optimizer': ['Adam', 'SGD']}"
    search(quick, "small_grid", compile_params_grid=grid, automl_params="R=9")
    assert quick.value("SELECT count(DISTINCT compile_params) FROM small_grid_info") == 2


def test_tpe_is_more_than_chance_within_20_trials() -> None:
    tpe, rand = (
        list(finish(HyperoptParams(20, 1, algorithm).plan(SPACE, 0, 2).scheduler(), rate)[0].values())
        for algorithm in ("tpe", "rand")
    )
    assert tpe[:5] == rand[:5]
    assert set(tpe[5:]).isdisjoint(rand[5:])


def test_iterations_are_counted_on_the_axis_of_the_page(quick: Session) -> None:
    search(quick, "axis", automl_params="R=9, eta=3", metrics_compute_frequency=1)
    assert quick.fetch("SELECT s, min(metrics_iters[1]) FROM axis_info GROUP BY 1 ORDER BY 1") == [(0, 5), (1, 2), (2, 1)]


def test_the_number_of_classes_is_one(quick: Session) -> None:
    search(quick, "counted")
    assert quick.value("SELECT num_classes FROM counted_summary") == 3


def test_a_null_class_is_null(quick: Session) -> None:
    kinds = "nullif(class_text, 'Iris-setosa') AS class_text"
    quick.run(f"CREATE TABLE with_null AS SELECT id, attributes, {kinds} FROM iris_train")
    quick.run("SELECT madlib.training_preprocessor_dl('with_null', 'null_packed', 'class_text', 'attributes')")
    fit(quick, "Adam(lr=0.1)", iterations=10, source_table="null_packed")
    quick.run("SELECT madlib.madlib_keras_predict('one', 'iris_test', 'id', 'attributes', 'null_told', 'response')")
    joined = "null_told n JOIN iris_test t USING (id)"
    assert quick.value(f"SELECT count(*) FROM {joined} WHERE (n.class_text IS NULL) = (t.class_text = 'Iris-setosa')") >= 27
    assert quick.value("SELECT count(*) FROM null_told WHERE class_text ~* 'null'") == 0


def test_schedules_of_exact_powers_are_exact(quick: Session) -> None:
    for name, r, eta in (("h243", 243, 3), ("h1000", 1000, 10), ("h49", 49, 7), ("h729", 729, 9)):
        quick.run("SELECT madlib.hyperband_schedule(%s, %s, %s)", name, r, eta)
    assert column(quick, "SELECT max(s) FROM h243") == [5]
    assert column(quick, "SELECT max(s) FROM h1000") == [3]
    assert quick.fetch("SELECT n_i, r_i FROM h49 WHERE s = 2 ORDER BY i") == [(49, 1), (7, 7), (1, 49)]
    assert quick.fetch("SELECT n_i, r_i FROM h729 WHERE s = 3 ORDER BY i") == [(729, 1), (81, 9), (9, 81), (1, 729)]


def test_weights_of_the_library_are_used_in_every_bracket(quick: Session) -> None:
    fit(quick, "Adam(lr=0.1)", iterations=10)
    loss = quick.value("SELECT training_loss_final FROM one_summary")
    # Not FROM one: on Greenplum the call would run on a segment.
    quick.run("SELECT madlib.load_keras_model('weighted', (SELECT model_arch FROM one), (SELECT model_weights FROM one))")
    frozen = (
        "{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [1e-9, 1e-8, 'log']}]}"
    )
    search(quick, "transferred", model_arch_table="weighted", model_id_list=[1], compile_params_grid=frozen)
    assert column(quick, "SELECT training_loss_final FROM transferred_info") == pytest.approx([loss] * 4, rel=1e-4)


def test_a_seed_controls_weights_and_shuffles_not_the_configurations_alone(quick: Session) -> None:
    for name, seed in (("seed_a", 0), ("seed_b", 0), ("seed_c", 5)):
        search(quick, name, random_state=seed, compile_params_grid="{'loss': ['categorical_crossentropy']}")
    a, b, c = (
        column(quick, f"SELECT md5(model_weights) FROM {name} ORDER BY mst_key") for name in ("seed_a", "seed_b", "seed_c")
    )
    assert a == b != c


def test_a_failure_leaves_nothing_behind_in_the_session(quick: Session) -> None:
    search(quick, "before_failure", random_state=4)
    with pytest.raises(Exception, match="trials failed"):
        search(quick, "failure", model_id_list=[FRAGILE])
    search(quick, "after_failure", random_state=4)
    weights = "SELECT md5(model_weights) FROM {} ORDER BY mst_key"
    assert column(quick, weights.format("before_failure")) == column(quick, weights.format("after_failure"))


@pytest.mark.soak
def test_searches_at_the_same_moment_do_not_meet(quick: Session, database: str) -> None:
    def run(number: int) -> None:
        session = connect_to(database)
        session.run("SET search_path = t_quick; SET keras_automl.sessions = 1")
        search(session, f"at_once_{number}", random_state=4)
        session.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    weights = "SELECT md5(model_weights) FROM at_once_{} ORDER BY mst_key"
    assert column(quick, weights.format(1)) == column(quick, weights.format(2)) != []


def test_numbers_of_models_have_no_gaps(quick: Session) -> None:
    load(quick, "no_gaps", dense(3))
    quick.run('BEGIN; SELECT madlib.load_keras_model(\'no_gaps\', \'{"class_name": "Sequential", "config": []}\'); ROLLBACK')
    load(quick, "no_gaps", dense(3))
    assert column(quick, "SELECT model_id FROM no_gaps ORDER BY 1") == [1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("madlib_keras_fit('train', 'x', 'lib', 1, 'loss=mse,optimizer=SGD', 'batch_size=8', 0)",
         "num_iterations: must be an integer from 1 to 1000000, got 0"),
        ("madlib_keras_fit('train', 'x', 'lib', 1, 'loss=mse,optimizer=SGD', 'batch_size=8', 2, FALSE, NULL, 0)",
         "metrics_compute_frequency: must be from 1 to 2, the value of num_iterations, or NULL, got 0"),
        ("hyperband_schedule('x', NULL)", "R: must be an integer of at least eta, got NULL"),
        ("madlib_keras_automl('train', 'x', 'lib', 'y', NULL, '{}', '{}')", "3 problems were found:"),
        ("madlib_keras_predict('iris_train', 'iris_test', 'id', 'attributes', 'x')",
         'model_table: column "model_weights" does not exist in table "t_quick.iris_train"'),
    ],
)  # fmt: skip
def test_checks_are_made_and_no_error_of_python_reaches_the_user(quick: Session, call: str, message: str) -> None:
    assert quick.error_of(f"SELECT madlib.{call}").message.splitlines()[0] == message


def test_numbers_can_be_predicted(quick: Session) -> None:
    quick.run("CREATE TABLE sizes AS SELECT id, attributes[1:3] AS x, attributes[4]::float8 AS y FROM iris_data")
    quick.run("SELECT madlib.training_preprocessor_dl('sizes', 'sizes_packed', 'y', 'x')")
    load(quick, "numbers", dense(1, inputs=3, activation="linear"))
    compiled = "optimizer='Adam(lr=0.05)',loss='mse'"
    fit(quick, "", source_table="sizes_packed", model_arch_table="numbers", model_id=1, compile_params=compiled, iterations=30)
    assert quick.value("SELECT training_loss_final FROM one_summary") < 0.1


def test_soft_labels_stay_fractions(quick: Session) -> None:
    quick.run("CREATE TABLE soft AS SELECT id, attributes, ARRAY[0.25, 0.5, 0.25]::real[] AS y FROM iris_train")
    quick.run("SELECT madlib.training_preprocessor_dl('soft', 'soft_packed', 'y', 'attributes')")
    _, losses = fit(quick, "Adam(lr=0.05)", source_table="soft_packed", iterations=20)
    assert losses[-1] == pytest.approx(1.04, abs=0.02)  # their entropy; rounded they would have none


# --- what costs time and nerves ------------------------------------------------------------------------------------------


def test_lr_and_decay_work_on_todays_keras(quick: Session) -> None:
    assert fit(quick, "Adam(lr=0.02)") == fit(quick, "Adam(learning_rate=0.02)")
    assert fit(quick, "Adam(lr=0.02,decay=0.1)") != fit(quick, "Adam(lr=0.02)")


@pytest.mark.parametrize("metric", ["accuracy", "acc", "categorical_accuracy"])
def test_accuracy_by_any_of_its_names(quick: Session, metric: str) -> None:
    fit(quick, "", compile_params=f"optimizer='SGD',loss='categorical_crossentropy',metrics=['{metric}']")
    assert quick.fetch("SELECT metrics_type, training_metrics_final BETWEEN 0 AND 1 FROM one_summary") == [([metric], True)]


def test_keys_in_any_case_for_both_methods(quick: Session) -> None:
    search(quick, "lower_r", automl_params="r=2, ETA=2, Skip_Last=0")
    search(quick, "upper_n", automl_method="HYPEROPT", automl_params="NUM_CONFIGS=1, num_Iterations=1, Algorithm=RAND")
    assert [quick.value(f"SELECT count(*) FROM {name}") for name in ("lower_r", "upper_n")] == [4, 1]


def test_libraries_with_a_schema_and_in_upper_case(quick: Session) -> None:
    load(quick, 't_quick."My Library"', dense(3))
    fit(quick, "SGD", model_arch_table='t_quick."My Library"', model_id=1)
    assert quick.value('SELECT count(*) FROM "My Library"') == 1


def test_commas_and_equals_signs_in_quotes_are_text(quick: Session) -> None:
    message = quick.error_of(
        "SELECT madlib.madlib_keras_fit('train', 'x', 'lib', 1, %s, 'batch_size=8', 1)",
        f"optimizer='SGD(name=\"a,b=c\")',{LOSS},x=1",
    ).message
    assert re.match('compile_params: "x" is not one of optimizer, loss, metrics', message)


def test_several_metrics_at_once(quick: Session) -> None:
    fit(quick, "", compile_params="optimizer='SGD',loss='categorical_crossentropy',metrics=['accuracy','AUC','mae']")
    assert quick.value("SELECT metrics_type FROM one_summary") == ["accuracy", "AUC", "mae"]
    sql = """SELECT DISTINCT array_length(training_metrics, 1) FROM madlib.automl_metrics
        WHERE run_id = (SELECT max(run_id) FROM madlib.automl_runs)"""
    assert quick.value(sql) == 3


def test_the_columns_of_predict_are_those_of_the_page(quick: Session) -> None:
    fit(quick, "SGD")
    quick.run("SELECT madlib.madlib_keras_predict('one', 'iris_test', 'id', 'attributes', 'page_columns', 'response')")
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = 'page_columns'::regclass AND attnum > 0 ORDER BY attnum"
    assert column(quick, sql) == ["id", "class_text", "prob"]


def test_networks_of_keras_1_to_3_load(quick: Session) -> None:
    search(quick, "documented", model_id_list=[PAGE])
    assert quick.value("SELECT count(*) FROM documented WHERE model_weights IS NOT NULL") == 4
