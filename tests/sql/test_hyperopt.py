"""madlib.madlib_keras_automl with Hyperopt: the page's example and what surrounds it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fix_db import EXAMPLES, Session
from fix_search import ARCHITECTURES, FRAGILE, SMALL, Searched, lent, load, make_iris, search, seen

SMALL_RUN = "num_configs=4, num_iterations=2"
RESULT = """SELECT mst_key, model_id, compile_params, fit_params, md5(model_weights), training_loss, validation_loss
    FROM {0} JOIN {0}_info USING (mst_key) ORDER BY 1"""


def hyperopt(session: Session, name: str, /, **given: object) -> None:
    search(session, name, **{"automl_method": "hyperopt", "automl_params": SMALL_RUN, **given})


@pytest.fixture(scope="module")
def proposed(database: str, quick: Session) -> Iterator[Searched]:
    """The page's Hyperopt example as it stands in examples/hyperopt.sql, run once on sessions."""
    with lent(quick, "t_proposed") as session:
        make_iris(session)
        for name, packed in (("iris_train_packed", "train"), ("iris_test_packed", "val")):
            session.run(f"ALTER TABLE {packed} RENAME TO {name}; ALTER TABLE {packed}_summary RENAME TO {name}_summary")
        models = ((ARCHITECTURES / f"page_{name}_hidden_layers.json").read_text() for name in ("two", "three"))
        load(session, "model_arch_library", *models)
        session.notices.clear()
        text = (EXAMPLES / "hyperopt.sql").read_text()
        for statement in re.split(r";[^\n]*$", re.sub(r"^\\.*$", "", text, flags=re.M), flags=re.M):
            if re.search(r"^(SELECT|DROP)", statement, re.M):
                session.run(statement)
        found = seen(database, "t_proposed", session)
    yield found
    found.db.close()


# --- the page's example -------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_every_configuration_trains_for_all_iterations(proposed: Searched) -> None:
    rows = proposed.db.fetch(
        "SELECT mst_key, metrics_iters, array_length(validation_loss, 1) FROM automl_output_info ORDER BY 1"
    )
    assert rows == [(key, [*range(1, 11)], 10) for key in range(1, 21)]
    assert proposed.db.value("SELECT count(DISTINCT (model_id, compile_params, fit_params)) FROM automl_output_info") == 20


def test_there_are_no_columns_of_hyperband(proposed: Searched) -> None:
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = 'automl_output_info'::regclass AND attnum > 0"
    names = [name for (name,) in proposed.db.fetch(sql)]
    assert names[-1] == "metrics_iters"
    assert {"s", "i"} & set(names) == set()


def test_the_summary_tells_the_method(proposed: Searched) -> None:
    sql = "SELECT automl_method, automl_params, random_state, metrics_compute_frequency FROM automl_output_summary"
    assert proposed.db.fetch(sql) == [("hyperopt", "num_configs=20, num_iterations=10, algorithm=tpe", None, 1)]


def test_the_selection_is_the_lowest_validation_loss(proposed: Searched) -> None:
    best = """SELECT mst_key, model_id, compile_params, fit_params FROM automl_output_info
        ORDER BY validation_loss_final, mst_key LIMIT 1"""
    assert proposed.db.fetch("SELECT * FROM automl_mst_table") == proposed.db.fetch(best)


def test_learning_took_place(proposed: Searched) -> None:
    assert proposed.db.value("SELECT max(validation_metrics_final) FROM automl_output_info") >= 0.9


def test_model_4_has_predicted(proposed: Searched) -> None:
    assert proposed.db.value("SELECT count(*) FROM iris_predict JOIN iris_test USING (id)") == 30


def test_progress_is_told_ten_times(proposed: Searched) -> None:
    pattern = r"INFO:  (\d+) of 20 trials done after \d+\.\d s: 10 iterations each; best so far: mst_key .*\n"
    found = [match.group(1) for line in proposed.notices if (match := re.fullmatch(pattern, line))]
    assert found == [str(count) for count in range(2, 21, 2)]


def test_the_record_of_the_run(proposed: Searched) -> None:
    sql = "SELECT method, params, status FROM madlib.automl_runs WHERE run_id = %s"
    assert proposed.db.fetch(sql, proposed.run_id) == [
        ("hyperopt", "num_configs=20, num_iterations=10, algorithm=tpe", "finished")
    ]
    sql = """SELECT count(*), count(s), count(i), max(place::text), min(iteration), min(status) FROM madlib.automl_trials
        WHERE run_id = %s"""
    assert proposed.db.fetch(sql, proposed.run_id) == [(20, 0, 0, "{}", 10, "finished")]


# --- variations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "trials", "iterations"),
    [
        ("num_configs=3", 3, 5),
        ("NUM_CONFIGS=2, Num_Iterations=1, ALGORITHM=Rand", 2, 1),
        ("algorithm='tpe', num_iterations=1, num_configs=1", 1, 1),
    ],
)
def test_parameters_in_any_combination_and_case(quick: Session, params: str, trials: int, iterations: int) -> None:
    quick.run("DROP TABLE IF EXISTS partial, partial_info, partial_summary, partial_best, partial_best_summary")
    hyperopt(quick, "partial", automl_method="HyperOpt", automl_params=params)
    sql = "SELECT count(*), min(metrics_iters[1]), max(metrics_iters[1]) FROM partial_info"
    assert quick.fetch(sql) == [(trials, iterations, iterations)]
    assert quick.fetch("SELECT automl_method, automl_params, metrics_compute_frequency FROM partial_summary") == [
        ("HyperOpt", params, iterations)
    ]


def test_without_parameters_the_defaults_are_shown(quick: Session) -> None:
    grid = "{'loss': ['categorical_crossentropy'], 'optimizer': ['Adam']}"
    hyperopt(quick, "defaults", automl_params=None, compile_params_grid=grid)
    assert quick.value("SELECT automl_params FROM defaults_summary") == "num_configs=20, num_iterations=5, algorithm=tpe"
    assert quick.value("SELECT count(*) FROM defaults") == 1


@pytest.mark.parametrize("algorithm", ["tpe", pytest.param("rand", marks=pytest.mark.soak)])
def test_a_seed_decides_everything_whoever_trains(quick: Session, algorithm: str) -> None:
    params = f"num_configs=7, num_iterations=2, algorithm={algorithm}"
    for sessions in (0, 2, 1):
        quick.run(f"SET keras_automl.sessions = {sessions}")
        try:
            hyperopt(quick, f"{algorithm}_{sessions}", automl_params=params, random_state=0, validation_table="val")
        finally:
            quick.run("SET keras_automl.sessions = 0")
    alone, two, one = (quick.fetch(RESULT.format(f"{algorithm}_{sessions}")) for sessions in (0, 2, 1))
    assert alone == two == one
    assert len(alone) == 7


def test_log_near_one_and_whole_numbers(quick: Session) -> None:
    grid = """{'loss': ['categorical_crossentropy'], 'optimizer_params_list':
        [{'optimizer': ['SGD'], 'lr': [0.001, 0.1, 'linear'], 'momentum': [0.9, 0.99, 'log_near_one']}]}"""
    hyperopt(quick, "near_one", compile_params_grid=grid, fit_params_grid="{'batch_size': [4, 32, 'log'], 'epochs': [1]}")
    for compile_params, fit_params in quick.fetch("SELECT compile_params, fit_params FROM near_one_info"):
        assert 0.9 <= float(re.findall(r"momentum=([\d.]+)", compile_params)[0]) <= 0.99
        assert re.fullmatch(r"batch_size=\d+,epochs=1", fit_params)


def test_a_small_space_is_exhausted_with_a_notice(quick: Session) -> None:
    quick.notices.clear()
    grid = "{'loss': ['categorical_crossentropy'], 'optimizer': ['Adam', 'SGD']}"
    hyperopt(quick, "exhausted", compile_params_grid=grid, automl_params="num_configs=9, num_iterations=1")
    assert quick.value("SELECT count(DISTINCT compile_params) FROM exhausted_info") == 2
    assert "NOTICE:  the search space holds 2 different configurations where 9 would be tried: all are tried\n" in quick.notices


def test_a_trial_that_fails_is_out_and_the_rest_goes_on(quick: Session) -> None:
    hyperopt(quick, "partly_proposed", model_id_list=[SMALL, FRAGILE], automl_params="num_configs=8, num_iterations=1")
    sql = """SELECT bool_and((model_weights IS NULL) = (model_id = %s)), count(*) FROM partly_proposed
        JOIN partly_proposed_info USING (mst_key)"""
    assert quick.fetch(sql, FRAGILE) == [(True, 8)]
    assert quick.value("SELECT model_id FROM partly_proposed_best") == SMALL
