"""madlib.madlib_keras_automl with ASHA, on sessions of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fix_db import Session
from fix_search import FRAGILE, PAGE_COMPILE, PAGE_FIT, SMALL, Searched, lent, load, make_iris, search, seen, sequential

NET = sequential(
    ("Dense", {"units": 10, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
RESULT = """SELECT mst_key, i, compile_params, fit_params, md5(model_weights), training_loss, validation_loss, metrics_iters
    FROM {0} JOIN {0}_info USING (mst_key) ORDER BY 1"""


def asha(session: Session, name: str, /, **given: object) -> None:
    search(session, name, **{"automl_method": "ASHA", "automl_params": "R=4, eta=2", **given})


@pytest.fixture(scope="module")
def raced(database: str, quick: Session) -> Iterator[Searched]:
    """A search like the page's by ASHA, run once on two sessions."""
    with lent(quick, "t_asha") as session:
        make_iris(session)
        load(session, "lib", NET)
        session.run("SET keras_automl.sessions = 2")
        session.notices.clear()
        asha(
            session,
            "made",
            compile_params_grid=PAGE_COMPILE,
            fit_params_grid=PAGE_FIT,
            automl_params="R=9, eta=3",
            validation_table="val",
            random_state=3,
        )
        found = seen(database, "t_asha", session)
    yield found
    found.db.close()


def test_of_three_that_come_to_a_rung_one_goes_on(raced: Searched) -> None:
    sql = "SELECT i, metrics_iters, count(*)::integer FROM made_info GROUP BY 1, 2 ORDER BY 1"
    assert raced.db.fetch(sql) == [(0, [1], 10), (1, [1, 4], 4), (2, [1, 4, 13], 1)]


def test_the_best_of_the_first_three_went_on(raced: Searched) -> None:
    sql = "SELECT mst_key FROM made_info WHERE mst_key <= 3 ORDER BY validation_loss[1], mst_key LIMIT 1"
    first = raced.db.value(sql)
    assert raced.db.value("SELECT i FROM made_info WHERE mst_key = %s", first) > 0


def test_the_summary_and_the_record_tell_the_method(raced: Searched) -> None:
    assert raced.db.fetch("SELECT automl_method, automl_params, metrics_compute_frequency FROM made_summary") == [
        ("ASHA", "R=9, eta=3", 9)
    ]
    sql = "SELECT method, params, status FROM madlib.automl_runs WHERE run_id = %s"
    assert raced.db.fetch(sql, raced.run_id) == [("asha", "R=9, eta=3", "finished")]
    sql = """SELECT i, place::text, count(*)::integer FROM madlib.automl_trials WHERE run_id = %s AND s IS NULL
        GROUP BY 1, 2 ORDER BY 1"""
    assert raced.db.fetch(sql, raced.run_id) == [(0, '{"i": 0}', 10), (1, '{"i": 1}', 4), (2, '{"i": 2}', 1)]


def test_progress_is_told(raced: Searched) -> None:
    pattern = (
        r"INFO:  (\d+) of 15 configurations done after \d+\.\d s: gone on: \d to i=1, \d to i=2; best so far: mst_key .*\n"
    )
    found = [int(match.group(1)) for line in raced.notices if (match := re.fullmatch(pattern, line))]
    assert found == sorted(found)
    assert found[-1] == 15


def test_the_best_is_selected_and_has_learnt(raced: Searched) -> None:
    best = "SELECT mst_key FROM made_info ORDER BY validation_loss_final, mst_key LIMIT 1"
    assert raced.db.value("SELECT mst_key FROM made_best") == raced.db.value(best)
    # As a real of Greenplum 0.9 is less.
    assert round(raced.db.value("SELECT max(validation_metrics_final) FROM made_info"), 6) >= 0.9


@pytest.mark.parametrize("sampler", ["random", pytest.param("tpe", marks=pytest.mark.soak)])
def test_a_seed_decides_everything_whoever_trains(quick: Session, sampler: str) -> None:
    for sessions in (0, 2, 1):
        quick.run(f"SET keras_automl.sessions = {sessions}")
        try:
            params = f"R=4, eta=2, num_configs=9, sampler={sampler}"
            asha(quick, f"raced_{sampler}_{sessions}", automl_params=params, random_state=0, validation_table="val")
        finally:
            quick.run("SET keras_automl.sessions = 0")
    alone, two, one = (quick.fetch(RESULT.format(f"raced_{sampler}_{sessions}")) for sessions in (0, 2, 1))
    assert alone == two == one
    assert [row[1] for row in alone].count(0) == 5
    assert len(alone) == 9


def test_a_trial_that_fails_does_not_go_on(quick: Session) -> None:
    asha(quick, "partly_raced", model_id_list=[SMALL, FRAGILE], automl_params="R=4, eta=2, num_configs=8")
    sql = """SELECT bool_and(model_weights IS NULL), max(i) FROM partly_raced JOIN partly_raced_info USING (mst_key)
        WHERE model_id = %s"""
    assert quick.fetch(sql, FRAGILE) == [(True, 0)]
    assert quick.value("SELECT model_id FROM partly_raced_best") == SMALL
