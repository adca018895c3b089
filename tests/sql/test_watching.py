"""What a search has come to, seen in psql: automl_leaderboard, automl_progress, automl_sparkline, and who listens."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import pytest

from fix_calls import PATIENCE, Call, waited
from fix_db import CURRENT_SCHEMA, Session
from fix_record import FILL, RUN, STANDINGS
from fix_search import COMPILE, FIT, Searched, dense, in_schema, load, make_iris, search

NAN, INFINITY = math.nan, math.inf
TABLES = f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA} ORDER BY 1"


def long_search(session: Session) -> None:
    """A search of minutes, of four configurations."""
    search(session, "long", automl_method="hyperopt", automl_params="num_configs=4, num_iterations=20000",
           metrics_compute_frequency=10)  # fmt: skip


# --- lines of blocks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "width", "line"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 20, "▁▂▃▄▅▆▇█"),
        ([8, 4, 2, 1], 20, "█▄▂▁"),
        ([1, 10, 100, 1000], 20, "▁▃▆█"),  # by their logarithms
        ([0, 10, 100, 1000], 20, "▁▁▁█"),
        ([-3, -2, -1], 20, "▁▅█"),
        ([5, 5, 5], 20, "▁▁▁"),
        ([3, None, NAN, INFINITY, -INFINITY, 1], 20, "█    ▁"),
        ([NAN, NAN], 20, "  "),
        ([], 20, ""),
        (list(range(100, 0, -1)), 10, "██▇▆▅▄▃▂▁▁"),
        (list(range(1, 12)), 4, "▁▃▆█"),  # the numbers 2, 5, 8 and 11
        ([7, 1], 0, "▁"),
        ([1e308, 1.0, 5e-324], 5, "█▅▁"),
    ],
)
def test_a_line_of_blocks(db: Session, numbers: list[float], width: int, line: str) -> None:
    assert db.value("SELECT madlib.automl_sparkline(%s::float8[], %s)", numbers, width) == line


def test_a_line_has_twenty_blocks_unless_it_is_said_otherwise(db: Session) -> None:
    assert db.value("SELECT char_length(madlib.automl_sparkline(array_agg(n::float8))) FROM generate_series(1, 21) n") == 20
    assert db.value("SELECT madlib.automl_sparkline(NULL)") is None


@pytest.mark.parametrize(
    ("number", "digits", "short"),
    [(0.0123456789, 5, 0.012346), (-123456.0, 5, -123460.0), (0.0, 5, 0.0), (1e-300 / 3, 2, 3.3e-301), (9.9999999, 3, 10.0)],
)
def test_a_number_is_shown_with_the_digits_that_count(db: Session, number: float, digits: int, short: float) -> None:
    assert db.value("SELECT madlib.automl_short(%s, %s)", number, digits) == pytest.approx(short, rel=1e-14)


# --- the page's example -------------------------------------------------------------------------------------------------


def test_the_leaderboard_has_the_best_first_with_what_tells_them_apart(searched: Searched) -> None:
    db, run = searched.db, searched.run_id
    rows = db.fetch("SELECT * FROM madlib.automl_leaderboard(%s)", run)
    found = db.fetch("SELECT mst_key, validation_loss_final, metrics_iters FROM automl_output_info ORDER BY 2")
    assert [(row.rank, row.mst_key, row.status) for row in rows] == [
        (rank, each.mst_key, "finished") for rank, each in enumerate(found, 1)
    ]
    best = found[0].validation_loss_final
    for row, each in zip(rows, found, strict=True):
        assert row.objective == pytest.approx(each.validation_loss_final, rel=1e-4)
        assert row.behind == pytest.approx(each.validation_loss_final - best, rel=0.01, abs=1e-12)
        assert row.iteration == each.metrics_iters[-1]
        assert len(row.curve) == min(10, len(each.metrics_iters))
        names = [each.partition("=")[0] for each in row.parameters.split()]
        assert names in (
            ["model_id", "optimizer", "lr", "batch_size"],
            ["model_id", "optimizer", "lr", "momentum", "batch_size"],
        )


def test_values_of_parameters_are_those_of_the_configuration(searched: Searched) -> None:
    for compile_params, fit_params, model_id, varied in searched.db.fetch(
        "SELECT compile_params, fit_params, model_id, varied FROM madlib.automl_trials WHERE run_id = %s", searched.run_id
    ):
        assert varied.pop("model_id") == model_id
        assert f"optimizer='{varied.pop('optimizer')}(" in compile_params
        assert f"batch_size={varied.pop('batch_size')}," in f"{fit_params},"
        assert all(f"{name}={value!r}" in compile_params for name, value in varied.items())
        assert "lr" in varied


def test_a_finished_run_needs_no_number(searched: Searched, quick: Session) -> None:
    search(quick, "watched")
    last = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    for name in ("leaderboard", "progress"):
        assert quick.fetch(f"TABLE madlib.automl_{name}") == quick.fetch(f"SELECT * FROM madlib.automl_{name}(%s)", last)
    assert len(quick.fetch("SELECT * FROM madlib.automl_leaderboard(top := 3)")) == 3
    assert quick.value("SELECT run FROM madlib.automl_progress") == last


def test_how_far_a_finished_run_is(searched: Searched) -> None:
    (row,) = searched.db.fetch("SELECT * FROM madlib.automl_progress(%s)", searched.run_id)
    (run,) = searched.db.fetch("SELECT * FROM madlib.automl_runs WHERE run_id = %s", searched.run_id)
    assert (row.method, row.status, row.running, row.trials) == ("hyperband", "finished", None, "15 of 15")
    assert (row.percent, row.remaining, row.best) == (100, None, run.best_mst_key)
    assert row.objective == pytest.approx(run.best_loss, rel=1e-4)
    assert 0 <= row.elapsed.total_seconds() <= searched.seconds
    assert row.rows_per_s > 0


# --- whose runs -----------------------------------------------------------------------------------------------------------


def test_a_role_sees_its_own_runs_only(searched: Searched, role: str, connect: Callable[..., Session]) -> None:
    other = connect(user=role)
    other.run("DELETE FROM madlib.automl_runs")  # of another test, whose role had this name
    for name in ("leaderboard", "progress"):
        assert other.fetch(f"TABLE madlib.automl_{name}") == []
        failure = other.error_of(f"SELECT * FROM madlib.automl_{name}(%s)", searched.run_id)
        assert (failure.sqlstate, failure.message) == (
            "22023",
            f"run_id: must be the number of one of your runs, got {searched.run_id}",
        )
        assert failure.hint is not None
        assert failure.hint.startswith("They are in the view")


# --- a run that somebody has written: its log is long ---------------------------------------------------------------------


def filled(db: Session, trials: int) -> int:
    run: int = db.value(RUN)
    with db.cursor() as cursor:
        cursor.execute(FILL, {"run": run, "trials": trials})
        cursor.execute(STANDINGS, {"run": run, "trials": trials})
    db.run("ANALYZE")
    return run


@pytest.mark.alone("it is about milliseconds")
def test_ten_thousand_trials_are_seen_in_no_time(db: Session) -> None:
    run = filled(db, 10_000)
    for name in ("leaderboard", "progress"):
        db.run(f"TABLE madlib.automl_{name}")
        seconds = []
        for _ in range(20):
            begin = time.perf_counter()
            rows = db.fetch(f"TABLE madlib.automl_{name}")
            seconds.append(time.perf_counter() - begin)
        assert min(seconds) < 0.02 * (12 if db.is_greenplum else 1), name
    assert rows[0].trials == "2000 of 10000"
    db.run("DELETE FROM madlib.automl_runs WHERE run_id = %s", run)


def test_a_run_that_has_lost_its_session_is_interrupted_and_its_trials_are_stopped(db: Session) -> None:
    run = filled(db, 150)
    (row,) = db.fetch("SELECT * FROM madlib.automl_progress(%s)", run)
    assert (row.status, row.running, row.trials, row.percent) == ("interrupted", None, "2000 of 150", 50)
    assert (row.rows_per_s, row.elapsed.total_seconds(), row.remaining) == (1234, 2000, None)
    db.run("INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status) VALUES (%s, 7, 100000, 'running')", run)
    assert db.value("SELECT status FROM madlib.automl_leaderboard(%s, NULL) WHERE mst_key = 7", run) == "stopped"


def test_more_trials_than_a_run_has_named_and_all_of_them(db: Session) -> None:
    run = filled(db, 150)
    expected = sorted(range(1, 151), key=lambda k: k * 7919 % 10007)
    for top, count in ((0, 0), (1, 1), (100, 100), (120, 120), (None, 150)):
        rows = db.fetch("SELECT * FROM madlib.automl_leaderboard(%s, %s)", run, top)
        assert [(row.rank, row.mst_key) for row in rows] == list(enumerate(expected[:count], 1))
    db.run("UPDATE madlib.automl_runs SET method = 'fit' WHERE run_id = %s", run)


def test_trials_without_a_finite_loss_come_last_and_have_no_rank(db: Session) -> None:
    run = filled(db, 4)
    for trial, loss in ((1, "NaN"), (2, None), (3, "-Infinity")):
        db.run("INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status, loss) VALUES (%s, %s, 99, 'failed', %s)",
               run, trial, loss)  # fmt: skip
    rows = db.fetch("SELECT rank, mst_key, objective, behind FROM madlib.automl_leaderboard(%s)", run)
    assert [(row.rank, row.mst_key) for row in rows] == [(1, 4), (None, 1), (None, 3), (None, 2)]
    assert rows[0].behind == 0


def test_what_a_budget_has_left_undecided_comes_last_and_has_no_rank(db: Session) -> None:
    run = filled(db, 4)
    told = "INSERT INTO madlib.automl_states (run_id, n, status, ranking) VALUES (%s, %s, %s, %s)"
    for trial, status, loss in ((4, "stopped", 0.1), (1, "finished", "NaN")):
        db.run("INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status, loss) VALUES (%s, %s, 99, %s, %s)",
               run, trial, status, loss)  # fmt: skip
    expected = [(1, 3, 0.7486, 0), (2, 2, 1.1662, 0.418), (None, 1, "nan", None), (None, 4, 0.1, None)]
    for n, (ranking, top) in enumerate([(None, 4), (None, None), ([3, 2, 1, 4], 4)], 3000):
        db.run(told, run, n, "stopped", ranking)
        rows = db.fetch("SELECT rank, mst_key, objective, behind FROM madlib.automl_leaderboard(%s, %s)", run, top)
        assert [(*row[:2], "nan" if row.mst_key == 1 else row.objective, row.behind) for row in rows] == expected
    assert db.fetch("SELECT mst_key FROM madlib.automl_leaderboard(%s, 2)", run) == [(3,), (2,)]
    db.run(told, run, 4000, "cancelled", None)  # which has delivered nothing
    assert db.fetch("SELECT rank, mst_key FROM madlib.automl_leaderboard(%s, 2)", run) == [(1, 4), (2, 3)]


def test_a_large_objective_is_better_where_that_is_what_the_run_says(db: Session) -> None:
    run = filled(db, 4)
    db.run("UPDATE madlib.automl_runs SET objective = 'max:validation_accuracy' WHERE run_id = %s", run)
    for trial, value in ((1, 0.5), (2, 0.75), (3, 0.25), (4, None)):
        db.run("INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status, loss, objective)"
               " VALUES (%s, %s, 99, 'finished', %s, %s)", run, trial, value and 1.0, value)  # fmt: skip
        db.run("INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, training_loss, training_metrics, objective)"
               " SELECT %s, %s, n, 1 / n, '{}', n FROM generate_series(6, 8) n", run, trial)  # fmt: skip
    for top in (4, None):
        rows = db.fetch("SELECT rank, mst_key, objective, behind FROM madlib.automl_leaderboard(%s, %s)", run, top)
        assert rows == [(1, 2, 0.75, 0), (2, 1, 0.5, 0.25), (3, 3, 0.25, 0.5), (None, 4, None, None)]
    assert db.value("SELECT max(right(curve, 3)) FROM madlib.automl_leaderboard(%s)", run) == "▆▇█"


def test_several_tries_of_a_configuration_have_one_row(db: Session) -> None:
    run = filled(db, 6)
    values = {1: (0.5, 0.6), 2: (0.5, 0.4), 3: (None, None), 4: (None, 0.1), 5: (0.2, 0.3), 6: (0.2, 0.1)}
    for trial, (value, own) in values.items():
        place = f'{{"configuration": {(trial + 1) // 2}, "try": {2 - trial % 2}}}'
        db.run("INSERT INTO madlib.automl_trial_states"
               " (run_id, mst_key, n, status, place, objective, try_objective, standard_error)"
               " VALUES (%s, %s, 99, %s, %s, %s, %s, 0.125)",
               run, trial, "running" if trial == 3 else "finished", place, value, own)  # fmt: skip
    told = "INSERT INTO madlib.automl_states (run_id, n, status, ranking) VALUES (%s, %s, 'running', %s)"
    for n, (ranking, top) in enumerate([(None, 20), ([6, 2, 3], 20), (None, 2), ([6, 2, 3], None)], 3000):
        db.run(told, run, n, ranking)
        rows = db.fetch("SELECT rank, mst_key, status, objective, behind, parameters FROM madlib.automl_leaderboard(%s, %s)",
                        run, top)  # fmt: skip
        assert (
            rows
            == [
                (1, 6, "finished", 0.2, 0, "configuration=3 lr=0.06 standard_error=0.125"),
                (2, 2, "finished", 0.5, 0.3, "configuration=1 lr=0.02 standard_error=0.125"),
                (None, 3, "stopped", None, None, "configuration=2 lr=0.03 standard_error=0.125"),
            ][:top]
        )


def test_only_numbers_are_rounded(db: Session) -> None:
    run = filled(db, 1)
    db.run("DELETE FROM madlib.automl_configurations WHERE run_id = %s", run)
    db.run("INSERT INTO madlib.automl_configurations (run_id, mst_key, varied) VALUES (%s, 1, %s)",
           run, '{"lr": 0.0012345, "name": "1.2.3", "seed": "1e999", "nesterov": true}')  # fmt: skip
    shown = db.value("SELECT parameters FROM madlib.automl_leaderboard(%s)", run)
    assert shown == "lr=0.00123 name=1.2.3 seed=1e999 nesterov=true"


def test_a_run_of_an_earlier_version_shows_its_texts(db: Session) -> None:
    run = db.value(RUN)
    db.run(
        "INSERT INTO madlib.automl_configurations (run_id, mst_key, compile_params, fit_params) VALUES (%s, 1, 'c', 'f')", run
    )
    assert db.fetch("SELECT * FROM madlib.automl_leaderboard(%s)", run) == [(None, 1, "stopped", 0, None, None, None, "c f")]
    (row,) = db.fetch("SELECT * FROM madlib.automl_progress(%s)", run)
    assert (row.trials, row.percent, row.elapsed) == (None, None, None)


def has_heard(listener: Session) -> bool:
    """Whether somebody has told a session something."""
    listener.poll()
    return bool(listener.notifies)


# --- while it runs --------------------------------------------------------------------------------------------------------


def test_whoever_listens_hears_of_each_round_and_of_the_end(
    database: str, quick: Session, connect: Callable[..., Session]
) -> None:
    listener = connect()
    listener.run("LISTEN automl")
    search(quick, "heard")
    run = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    assert waited(lambda: has_heard(listener), 10)
    assert {each.payload for each in listener.notifies} == {str(run)}  # one transaction in the caller's own session


def test_a_search_is_seen_from_another_session_while_it_runs(
    database: str, connect: Callable[..., Session], db: Session
) -> None:
    caller, listener = in_schema(database, "t_watching"), connect()
    make_iris(caller)
    load(caller, "lib", dense(3))
    caller.run("SET keras_automl.sessions = 1")
    listener.run("LISTEN automl")
    before = db.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
    call = Call(caller, long_search)
    seen = "SELECT count(*) FROM madlib.automl_progress WHERE run > %s AND remaining IS NOT NULL AND objective IS NOT NULL"
    assert waited(lambda: db.value(seen, before) > 0, PATIENCE)
    (row,) = db.fetch("TABLE madlib.automl_progress")
    leaders = db.fetch("TABLE madlib.automl_leaderboard")
    db.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    call.join()
    assert (row.run, row.status, row.trials.partition(" of ")[2]) == (before + 1, "running", "4")
    assert 1 <= len(row.running.split(", ")) <= 4
    assert 0 <= row.percent < 100
    assert row.rows_per_s > 0
    assert row.elapsed.total_seconds() >= 0
    assert row.remaining is not None
    ranks = [each.rank for each in leaders if each.objective is not None]
    assert ranks == list(range(1, 1 + len(ranks)))
    assert ranks
    assert {each.status for each in leaders} <= {"waiting", "running", "finished"}
    (after,) = db.fetch("TABLE madlib.automl_progress")
    assert (after.status, after.running, after.remaining) == ("cancelled", None, None)
    assert waited(lambda: has_heard(listener), 10)
    assert {each.payload for each in listener.notifies} == {str(row.run)}
    caller.run("DROP SCHEMA t_watching CASCADE")
    caller.close()


# --- before it runs -------------------------------------------------------------------------------------------------------

PLAN = """SELECT * FROM madlib.automl_plan('train', 'planned', 'lib', 'planned_best', ARRAY[1], %s, %s, 'hyperband', %s)"""


def partitions(session: Session) -> int:
    """How many partitions a trial visits in an iteration."""
    return int(session.value("SELECT count(DISTINCT __dist_key__) FROM train")) if session.is_greenplum else 2


def test_a_plan_tells_what_would_run_and_stands_beside_what_did(quick: Session) -> None:
    rows = quick.fetch(PLAN, COMPILE, FIT, "R=4, eta=2")
    parts = {row.part: (row.trials, row.iterations, row.visits) for row in rows}
    places = (
        quick.value("SELECT count(DISTINCT __dist_key__) FROM train") if quick.is_greenplum else 2
    )  # partitions that a trial visits in an iteration
    assert parts == {
        "start": (None, None, None),
        "s=2, i=0": (4, 1, 4 * places), "s=2, i=1": (2, 2, 4 * places), "s=2, i=2": (1, 4, 4 * places),
        "s=1, i=0": (2, 2, 4 * places), "s=1, i=1": (1, 4, 4 * places),
        "s=0, i=0": (3, 4, 12 * places),
        "all": (9, 32, 32 * places),
    }  # fmt: skip
    whole = rows[-1]
    assert 0 < whole.at_least <= whole.seconds <= whole.at_most
    assert 9 * 60 <= whole.bytes_at_least <= whole.bytes <= whole.bytes_at_most  # weights of 4 x 3 and 3 numbers
    assert 100 < whole.memory_mb_at_least <= whole.memory_mb <= whole.memory_mb_at_most < 10_000
    assert quick.fetch("SELECT 1 FROM pg_class WHERE relname ~ '^planned'") == []
    search(quick, "came", compile_params_grid=COMPILE, fit_params_grid=FIT, automl_method="hyperband",
           automl_params="R=4, eta=2", random_state=5)  # fmt: skip
    (run,) = quick.fetch("SELECT * FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1")
    assert (run.estimated_seconds, run.estimated_bytes, run.estimated_memory_mb) == (
        whole.seconds, whole.bytes, whole.memory_mb
    )  # fmt: skip
    assert run.seconds > 0
    assert whole.bytes_at_least <= run.bytes <= whole.bytes_at_most
    assert run.memory_mb >= 100
    search(quick, "other", automl_params="R=2, eta=2")
    assert quick.fetch("SELECT estimated_seconds FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1") == [(None,)]
    quick.run("BEGIN; UPDATE train SET buffer_id = buffer_id")
    search(quick, "packed_since", compile_params_grid=COMPILE, fit_params_grid=FIT, automl_method="hyperband",
           automl_params="R=4, eta=2")  # fmt: skip
    assert quick.fetch("SELECT estimated_seconds FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1") == [(None,)]
    quick.run("ROLLBACK")


def test_a_plan_of_a_method_without_rungs_and_of_one_without_an_end(quick: Session) -> None:
    params = "num_configs=9, num_iterations=2, max_trials=3"
    rows = quick.fetch(PLAN.replace("'hyperband'", "'hyperopt'"), COMPILE, FIT, params)
    assert [(row.part, row.trials, row.iterations, row.visits) for row in rows[1:]] == [
        ("training", 3, 2, 6 * partitions(quick)), ("all", 3, 6, 6 * partitions(quick))
    ]  # fmt: skip
    rows = quick.fetch(PLAN.replace("'hyperband'", "'asha'"), COMPILE, FIT, "R=4, eta=2, max_time=3 s")
    assert rows[-1].trials >= 1
    assert rows[-1].seconds >= 3


# --- the same once more ---------------------------------------------------------------------------------------------------


def test_a_run_that_is_made_once_more_has_the_same_bits_and_no_tables(quick: Session) -> None:
    search(quick, "first", validation_table="val", random_state=None)
    run = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    before = quick.fetch(TABLES)
    quick.notices.clear()
    assert quick.value("SELECT madlib.automl_repeat(%s)", run) is True
    assert quick.fetch(TABLES) == before
    said = f"INFO:  run {run + 1} repeats run {run}: 4 trials have the same losses, metrics and weights\n"
    assert said in quick.notices
    (one,), (other,) = (
        quick.fetch("SELECT bits, random_state, params FROM madlib.automl_runs WHERE run_id = %s", each)
        for each in (run, run + 1)
    )
    assert one == other
    assert len(one.bits) == 32


def test_other_bits_are_told_with_what_differs_first(quick: Session) -> None:
    search(quick, "doubted", metrics_compute_frequency=1)
    run = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    quick.run("UPDATE madlib.automl_runs SET random_state = 99 WHERE run_id = %s", run)
    quick.notices.clear()
    assert quick.value("SELECT madlib.automl_repeat(%s)", run) is False
    told = next(each for each in quick.notices if each.startswith("WARNING:"))
    assert re.match(
        rf"WARNING:  run {run + 1} gives other bits than run {run}: mst_key 1 differs after iteration 1, with losses ", told
    )


def test_a_search_that_a_budget_has_ended_is_made_once_more_as_far_as_it_came(quick: Session) -> None:
    search(quick, "stopped", automl_params="R=4, eta=2, max_trials=3")
    run = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    assert quick.value("SELECT status FROM madlib.automl_runs WHERE run_id = %s", run) == "stopped"
    assert quick.value("SELECT madlib.automl_repeat(%s)", run) is True


def test_fits_are_made_once_more_too(quick: Session) -> None:
    quick.run(
        "SELECT madlib.madlib_keras_fit('train', 'fitted', 'lib', 1, $$loss='mse', optimizer='Adam(lr=0.01)'$$,"
        " 'batch_size=8', 3)"
    )
    run = quick.value("SELECT max(run_id) FROM madlib.automl_runs")
    assert quick.value("SELECT madlib.automl_repeat(%s)", run) is True


def test_what_cannot_be_made_once_more(quick: Session) -> None:
    run = quick.value(RUN)
    failure = quick.error_of("SELECT madlib.automl_repeat(%s)", run)
    assert (failure.sqlstate, failure.message) == (
        "55000", f"run_id: run {run} is running, and only what has finished can be compared"
    )  # fmt: skip
    quick.run("INSERT INTO madlib.automl_states (run_id, n, status) VALUES (%s, 1, 'finished')", run)
    failure = quick.error_of("SELECT madlib.automl_repeat(%s)", run)
    assert failure.message == f"run_id: run {run} was made by an earlier version, which did not record its bits"
    assert quick.error_of("SELECT madlib.automl_repeat(NULL::bigint)").sqlstate == "22004"
    assert quick.error_of("SELECT madlib.automl_repeat(0)").sqlstate == "22023"
    quick.run("DELETE FROM madlib.automl_runs WHERE run_id = %s", run)
