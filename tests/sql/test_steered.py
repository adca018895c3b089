"""What a search is after, what it keeps of a trial, and when a trial ends."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from typing import Any

import pytest

from fix_db import Session
from fix_search import COMPILE, dense, lent, load, make_iris, search

LAST_RUN = "SELECT {} FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"
FAST = "'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.001, 0.5, 'log']}]"
TWO_LOSSES = "{'loss': ['categorical_crossentropy', 'mse'], 'metrics': [['accuracy', 'AUC']], " + FAST + "}"


@pytest.fixture(scope="module")
def db(quick: Session) -> Iterator[Session]:
    """A session that trains in itself, with packed tables of iris and of a rare class, and a library."""
    with lent(quick, "t_steering") as session:
        make_iris(session)
        load(session, "lib", dense(3), dense(3, activation="linear"), dense(2, 2))
        session.run("SELECT setseed(0.3)")
        session.run(
            """CREATE TABLE rare AS SELECT id, ARRAY[a, b]::real[] AS x, CASE WHEN a > 0.9 THEN 'yes' ELSE 'no' END AS y
            FROM (SELECT id, random() AS a, random() AS b FROM generate_series(1, 400) AS id) AS q"""
        )
        session.run("SELECT madlib.training_preprocessor_dl('rare', 'rare_packed', 'y', 'x')")
        session.run("SET keras_automl.sessions = 0")
        yield session


def steered(db: Session, name: str, params: str, **given: Any) -> None:
    """Search with a validation table, evaluating every iteration."""
    usual = {"compile_params_grid": TWO_LOSSES, "validation_table": "val", "metrics_compute_frequency": 1}
    search(db, name, automl_params=params, **{**usual, **given})


def test_a_metric_ranks_where_it_is_the_objective(db: Session) -> None:
    db.notices.clear()
    steered(db, "ranked", "R=4, eta=2, objective=accuracy")
    (run,) = db.fetch(LAST_RUN.format("objective, best_mst_key, best_loss, best_objective"))
    best = db.value("SELECT mst_key FROM ranked_best")
    info = (
        "SELECT mst_key, s, i, objective, validation_metrics, validation_loss_final, validation_metrics_final FROM ranked_info"
        " ORDER BY mst_key"
    )
    rows = {row.mst_key: row for row in db.fetch(info)}
    assert all(row.objective == row.validation_metrics_final == row.validation_metrics[-1] for row in rows.values())
    assert rows[best].objective == max(row.objective for row in rows.values())
    assert run == ("max:validation_accuracy", best, rows[best].validation_loss_final, rows[best].objective)
    assert db.value("SELECT objective FROM ranked_summary") == "max:validation_accuracy"
    first = {key: row.validation_metrics[0] for key, row in rows.items() if row.s == 2}  # one iteration each
    went_on = [key for key in first if rows[key].i > 0]
    assert went_on == sorted(sorted(first, key=lambda key: (-first[key], key))[:2])
    said = f"best so far: mst_key {best}, latest validation accuracy {rows[best].objective:.6g}"
    assert said in "".join(db.notices)
    trials = db.fetch(
        "SELECT mst_key, objective FROM madlib.automl_trials WHERE run_id = %s", db.value(LAST_RUN.format("run_id"))
    )
    assert dict(trials) == {key: row.objective for key, row in rows.items()}


def test_predictions_take_the_model_that_is_the_best_by_the_objective(db: Session) -> None:
    steered(db, "chosen", "R=2, eta=2, objective=min:training_AUC")  # which the loss does not choose
    db.notices.clear()
    db.run("SELECT madlib.madlib_keras_evaluate('chosen', 'train', 'chosen_e')")
    worst = db.value("SELECT mst_key FROM chosen_info ORDER BY objective, mst_key LIMIT 1")
    assert worst == db.value("SELECT mst_key FROM chosen_best")
    assert f"NOTICE:  mst_key {worst} is used" in "".join(db.notices)
    assert db.value("SELECT objective FROM chosen_summary") == "min:training_AUC"


def test_tables_and_columns_are_those_of_the_page_where_nothing_is_asked_for(db: Session) -> None:
    search(db, "plain", metrics_compute_frequency=1)
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 't_steering' AND table_name LIKE 'plain%%'"
    asked_for = "'objective', 'best_iteration', 'configuration', 'try', 'try_objective', 'standard_error'"
    assert db.value(f"{columns} AND column_name IN ({asked_for})") == 0
    assert db.fetch(LAST_RUN.format("objective, best_loss = best_objective")) == [("min:training_loss", True)]


def test_the_best_iteration_is_what_is_delivered_and_used(db: Session) -> None:
    steered(db, "kept", "num_configs=4, num_iterations=8, keep=best, objective=loss", automl_method="hyperopt",
            compile_params_grid=TWO_LOSSES.replace(", 'mse'", "").replace("0.001, 0.5", "0.5, 50.0"))  # fmt: skip
    rows = db.fetch("SELECT mst_key, best_iteration, validation_loss, validation_loss_final, metrics_iters FROM kept_info")
    for row in rows:
        at = row.validation_loss.index(min(row.validation_loss))
        assert (row.best_iteration, row.validation_loss_final) == (row.metrics_iters[at], min(row.validation_loss))
        db.run(f"SELECT madlib.madlib_keras_evaluate('kept', 'val', 'e{row.mst_key}', FALSE, {row.mst_key})")
        assert db.value(f"SELECT loss FROM e{row.mst_key}") == pytest.approx(min(row.validation_loss), rel=1e-4)
    assert any(row.best_iteration < row.metrics_iters[-1] for row in rows)
    assert db.value("SELECT mst_key FROM kept_best") == min(rows, key=lambda row: row.validation_loss_final).mst_key
    assert "best validation loss" in "".join(db.notices)
    said = "SELECT mst_key, best_iteration FROM madlib.automl_trials WHERE run_id = %s"
    assert dict(db.fetch(said, db.value(LAST_RUN.format("run_id")))) == {row.mst_key: row.best_iteration for row in rows}


@pytest.mark.soak
def test_a_search_that_keeps_the_best_is_the_same_on_sessions(db: Session) -> None:
    params = "R=8, eta=2, keep=best, trial_patience=3, objective=AUC"
    steered(db, "alone", params, random_state=5)
    db.run("SET keras_automl.sessions = 2")
    steered(db, "several", params, random_state=5)
    db.run("SET keras_automl.sessions = 0")
    columns = "best_iteration, objective, metrics_iters, training_loss, validation_metrics"
    both = [
        db.fetch(f"SELECT mst_key, md5(model_weights), {columns} FROM {name}_info JOIN {name} USING (mst_key) ORDER BY 1")
        for name in ("alone", "several")
    ]
    assert both[0] == both[1]


def test_a_trial_ends_when_it_has_not_become_better(db: Session) -> None:
    grid = TWO_LOSSES.replace(", 'mse'", "").replace("0.001, 0.5, 'log'", "0.0, 0.05")
    fits, params = "{'batch_size': [8, 16]}", "num_configs=4, num_iterations=9, trial_patience=2"
    steered(db, "patient", params, automl_method="hyperopt", compile_params_grid=grid, fit_params_grid=fits)
    for row in db.fetch("SELECT compile_params, metrics_iters, validation_loss FROM patient_info"):
        losses, waited = row.validation_loss, 0
        for at in range(1, len(losses)):
            waited = 0 if losses[at] < min(losses[:at]) else waited + 1
            assert waited < 2 or at == len(losses) - 1
        assert waited == 2 or len(losses) == 9
        assert "lr=0.0)" not in row.compile_params or row.metrics_iters == [1, 2, 3]
    status = "SELECT DISTINCT t.status FROM madlib.automl_trials t WHERE run_id = %s"
    assert db.fetch(status, db.value(LAST_RUN.format("run_id"))) == [("finished",)]


def test_a_trial_ends_where_its_weights_are_no_numbers(db: Session) -> None:
    rates = "'optimizer_params_list': [{'optimizer': ['SGD'], 'lr': [0.01, 1e38]}]"
    grid = f"{{'loss': ['mse'], 'metrics': ['accuracy'], {rates}}}"
    search(db, "lost", model_id_list=[2], compile_params_grid=grid, automl_method="hyperopt",
           automl_params="num_configs=2, num_iterations=6, objective=accuracy")  # fmt: skip
    rows = db.fetch("SELECT compile_params, metrics_iters, objective FROM lost_info ORDER BY 1")
    assert [row.metrics_iters for row in rows] == [[6], [1]]
    assert str(rows[1].objective) == "nan"  # whatever accuracy such outputs have
    assert "lr=0.01" in db.value("SELECT compile_params FROM lost_best")


def test_early_stopping_and_its_weights(db: Session) -> None:
    db.run("""SELECT setseed(0.5); SELECT madlib.madlib_keras_fit('train', 'stopped', 'lib', 1,
        $$loss='categorical_crossentropy', optimizer='SGD(lr=5.0)', metrics=['accuracy']$$,
        $$batch_size=8, callbacks=[EarlyStopping(monitor='val_accuracy', patience=2, restore_best_weights=True)]$$,
        12, validation_table := 'val', metrics_compute_frequency := 1)""")
    (row,) = db.fetch("SELECT best_iteration, validation_metrics, validation_metrics_final FROM stopped_summary")
    values = row.validation_metrics
    best = max(values)
    assert len(values) < 12
    assert (row.best_iteration, len(values)) == (values.index(best) + 1, values.index(best) + 1 + 2)
    db.run("SELECT madlib.madlib_keras_evaluate('stopped', 'val', 'stopped_e')")
    assert db.value("SELECT metric FROM stopped_e") == pytest.approx(best) == pytest.approx(row.validation_metrics_final)


def test_a_learning_rate_is_reduced_on_a_plateau(db: Session) -> None:
    """To nothing, after which nothing changes any more."""
    call = """SELECT setseed(0.5); SELECT madlib.madlib_keras_fit('train', '{}', 'lib', 1,
        $$loss='categorical_crossentropy', optimizer='Adam(lr=0.5)', metrics=['accuracy']$$,
        $$batch_size=8, callbacks={}$$, 10, validation_table := 'val', metrics_compute_frequency := 1)"""
    db.run(call.format("steady", "None"))
    db.run(call.format("reduced", "[ReduceLROnPlateau(monitor='loss', factor=0.0, patience=1)]"))
    steady = db.value("SELECT training_loss FROM steady_summary")
    reduced = db.value("SELECT training_loss FROM reduced_summary")
    first = next(at for at in range(1, 10) if not steady[at] < min(steady[:at]) - 0.0001)
    assert reduced == steady[: first + 1] + [steady[first]] * (9 - first)
    assert len(set(steady[first:])) > 1


def test_a_metric_of_one_class_of_two_means_the_second_one(db: Session) -> None:
    compile_params = "loss='categorical_crossentropy', optimizer='Adam(lr=0.3)', metrics=['Recall', 'Precision', 'F1Score']"
    call = "SELECT setseed(0.5); SELECT madlib.madlib_keras_fit('rare_packed', 'found', 'lib', 3, %s, 'batch_size=16', 18)"
    db.run(call, compile_params)
    db.run("SELECT madlib.madlib_keras_evaluate('found', 'rare_packed', 'found_e')")
    db.run("SELECT madlib.madlib_keras_predict('found', 'rare', 'id', 'x', 'found_p', 'response')")
    counts = """SELECT sum((p.y = 'yes' AND r.y = 'yes')::integer) AS hits, sum((p.y = 'yes')::integer) AS taken,
        sum((r.y = 'yes')::integer) AS there FROM found_p p JOIN rare r USING (id)"""
    ((right, taken, all_),) = db.fetch(counts)
    assert 0 < right < (max(all_, taken) if db.is_greenplum else all_)
    ((metrics,),) = db.fetch("SELECT training_metrics FROM madlib.automl_metrics ORDER BY run_id DESC LIMIT 1")
    assert metrics == pytest.approx([right / all_, right / taken, 2 * right / (taken + all_)], abs=1e-6)
    assert db.value("SELECT metric FROM found_e") == pytest.approx(right / all_, abs=1e-6)


def test_a_configuration_has_the_mean_of_its_tries_and_the_best_of_them_is_used(db: Session) -> None:
    db.notices.clear()
    steered(db, "tried", "R=2, eta=2, trials_per_config=3, objective=accuracy")
    assert "training of 4 configurations, each 3 times, begins" in "".join(db.notices)
    columns = "mst_key, configuration, try AS attempt, try_objective, objective, standard_error, validation_metrics_final,"
    columns += " compile_params, i"
    rows = db.fetch(f"SELECT {columns} FROM tried_info ORDER BY mst_key")
    assert [(row.mst_key, row.configuration, row.attempt) for row in rows] == [
        (key, (key + 2) // 3, (key + 2) % 3 + 1) for key in range(1, 13)
    ]
    means = {}
    for configuration in range(1, 5):
        tries = [row for row in rows if row.configuration == configuration]
        own = [row.validation_metrics_final for row in tries]
        means[configuration] = statistics.mean(own)
        assert [row.try_objective for row in tries] == own
        assert [row.objective for row in tries] == pytest.approx([means[configuration]] * 3)
        assert [row.standard_error for row in tries] == pytest.approx([statistics.stdev(own) / 3**0.5] * 3)
        assert len({(row.compile_params, row.i) for row in tries}) == 1
    winner = max(means, key=lambda each: means[each])
    best = max((row for row in rows if row.configuration == winner), key=lambda row: row.try_objective)
    assert db.value("SELECT mst_key FROM tried_best") == best.mst_key
    said = LAST_RUN.format("run_id, best_mst_key, best_objective, best_standard_error")
    ((run, *of_run),) = db.fetch(said)
    assert of_run == [best.mst_key, best.objective, best.standard_error]
    trials = "SELECT mst_key, try_objective, objective, standard_error FROM madlib.automl_trials WHERE run_id = %s ORDER BY 1"
    assert db.fetch(trials, run) == [(row.mst_key, row.try_objective, row.objective, row.standard_error) for row in rows]
    leaders = db.fetch("SELECT rank, mst_key, objective, parameters FROM madlib.automl_leaderboard(%s, 3)", run)
    assert leaders[0].mst_key == best.mst_key
    ranked = sorted(means, key=lambda each: -means[each])
    assert [row.objective for row in leaders] == pytest.approx([means[each] for each in ranked[:3]], rel=1e-4)
    for row, configuration in zip(leaders, ranked, strict=False):
        assert re.match(rf"configuration={configuration} .* standard_error=[\d.e-]+$", row.parameters)
    both = "SELECT array_agg(l.mst_key ORDER BY l.rank) FROM madlib.automl_leaderboard(%s, %s) l"
    assert db.value(both, run, None) == db.value(both, run, 20)
    db.run("SELECT madlib.madlib_keras_evaluate('tried', 'val', 'tried_e')")
    assert f"NOTICE:  mst_key {best.mst_key} is used" in "".join(db.notices)


def test_a_fold_is_what_its_try_is_validated_by_and_has_not_seen(db: Session) -> None:
    search(db, "folded", automl_method="hyperopt", automl_params="num_configs=2, num_iterations=2, folds=2")
    columns = "mst_key, configuration, try AS attempt, objective, try_objective, training_loss_final, validation_loss_final"
    rows = db.fetch(f"SELECT {columns} FROM folded_info ORDER BY mst_key")
    assert [(row.configuration, row.attempt) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for part in (0, 1):
        db.run(f"CREATE TABLE part_{part} (LIKE train); CREATE TABLE part_{part}_summary AS SELECT * FROM train_summary")
        db.run(f"INSERT INTO part_{part} SELECT * FROM train WHERE mod(buffer_id, 2) = {part}")
    for row in rows[:2]:
        for loss, part in ((row.validation_loss_final, row.attempt - 1), (row.training_loss_final, 2 - row.attempt)):
            made = f"of_{row.mst_key}_{part}"
            db.run(f"SELECT madlib.madlib_keras_evaluate('folded', 'part_{part}', '{made}', FALSE, {row.mst_key})")
            assert db.value(f"SELECT loss FROM {made}") == pytest.approx(loss, rel=1e-5)
        assert row.try_objective == row.validation_loss_final
        assert row.objective == pytest.approx((rows[0].validation_loss_final + rows[1].validation_loss_final) / 2)
    assert db.fetch(LAST_RUN.format("objective")) == [("min:validation_loss",)]
    assert db.fetch("SELECT objective, validation_table FROM folded_summary") == [("min:validation_loss", None)]
    assert db.value("SELECT madlib.automl_repeat(%s)", db.value(LAST_RUN.format("run_id"))) is True


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"automl_params": "R=2, eta=2, trials_per_config=0"}, '"trials_per_config" must be an integer from 1 to 100, got'),
        ({"automl_params": "R=2, eta=2, folds=1"}, "\"folds\" must be an integer from 2 to 1024, got '1'"),
        (
            {"automl_params": "R=2, eta=2, folds=9"},
            '"folds" must be at most the number of partitions of "t_steering.train", .*, got 9',
        ),
        (
            {"automl_params": "R=2, eta=2, folds=2", "validation_table": "val"},
            '"folds" must be left out where there is a validation_table, got 2',
        ),
        (
            {"automl_params": "num_configs=2000, trials_per_config=60", "automl_method": "hyperopt"},
            '"trials_per_config" must plan at most 100000 trials, and plans 120000 with 2000 configurations, got 60',
        ),
        ({"automl_params": "R=2, eta=2, objective=acuracy"}, "\"objective\" must be one of loss, accuracy, got 'acuracy'"),
        (
            {"automl_params": "R=2, eta=2, objective=validation_loss"},
            '"objective" is of the validation table, and there is none',
        ),
        (
            {"automl_params": "R=2, eta=2, trial_patience=1"},
            '"trial_patience" must be less than the evaluations of the longest task',
        ),
        ({"automl_params": "R=2, eta=2, keep=first"}, "\"keep\" must be 'last' or 'best', got 'first'"),
        ({"automl_params": "R=2, eta=2, kep=best"}, '"kep" is not one of R, eta, .*; did you mean "keep"'),
        (
            {"compile_params_grid": COMPILE.replace("'loss': ['cat", "'loss': ['mse', 'cat")},
            "compile_params_grid: trials cannot be ranked by losses on different scales: mse, categorical_crossentropy",
        ),
        (
            {"fit_params_grid": "{'callbacks': ['[EarlyStopping(patience=2)]']}"},
            "fit_params_grid: \"callbacks\": monitor of EarlyStopping needs a validation table, got 'val_loss'",
        ),
        (
            {"fit_params_grid": "{'callbacks': [\"[EarlyStopping(monitor='loss')]\"]}"},
            'fit_params_grid: "callbacks": EarlyStopping compares evaluations, and a trial has one',
        ),
        (
            {"fit_params_grid": "{'callbacks': [\"[EarlyStopping(monitor='auc')]\"]}", "metrics_compute_frequency": 1},
            "fit_params_grid: \"callbacks\": monitor must be one of loss, accuracy, got 'auc'",
        ),
        (
            {
                "fit_params_grid": "{'callbacks': [\"[ReduceLROnPlateau(monitor='loss')]\"]}",
                "compile_params_grid": COMPILE.replace("'lr'", "'decay': [0.1], 'lr'"),
                "metrics_compute_frequency": 1,
            },
            "ReduceLROnPlateau reduces a learning rate that is a number; that of Adam follows a schedule",
        ),
    ],
)
def test_what_steers_nothing_is_an_error_before_training(db: Session, given: dict[str, Any], message: str) -> None:
    runs = db.value("SELECT count(*) FROM madlib.automl_runs")
    with pytest.raises(Exception, match=message) as error:
        search(db, "never", **given)
    assert re.search("problems were found|must|is of|needs|cannot|compares|reduces|is not", str(error.value))
    assert db.value("SELECT count(*) FROM madlib.automl_runs") == runs
