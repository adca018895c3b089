"""What is Greenplum's own: where rows lie, sessions on segments, and their faults."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from fix_db import Session, connect_to
from fix_search import COMPILE, FIT, load, make_iris, search, sequential

pytestmark = [pytest.mark.greenplum, pytest.mark.parametrize("server", ["greenplum"], indirect=True, scope="session")]

TWO_LAYERS = sequential(
    ("Dense", {"units": 6, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.2}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
MD5 = "SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {}"
PLACES = "SELECT buffer_id % 3, gp_segment_id, attributes_shape[1] FROM {} ORDER BY buffer_id"
PACK = "SELECT madlib.training_preprocessor_dl('iris_train', 'part', 'class_text', 'attributes', NULL, 1, NULL::text, %s)"


def small_search(session: Session, name: str, **given: object) -> str:
    """The md5 of the weights of a small search."""
    arguments: dict[str, object] = {"automl_params": "R=3, eta=3", "random_state": 5, "validation_table": "val", **given}
    search(session, name, model_arch_table="nets", compile_params_grid=COMPILE, fit_params_grid=FIT, **arguments)
    digest: str = session.value(MD5.format(name))
    return digest


@pytest.fixture
def prepared(db: Session) -> Session:
    make_iris(db)
    load(db, "nets", TWO_LAYERS)
    return db


# --- where rows lie -----------------------------------------------------------------------------------------------------


def test_every_partition_lies_on_a_segment_of_its_own(prepared: Session) -> None:
    assert prepared.fetch(PLACES.format("train")) == [(0, 0, 40), (1, 1, 40), (2, 2, 40)]
    assert prepared.fetch(PLACES.format("val")) == [(0, 0, 10), (1, 1, 10), (2, 2, 10)]
    assert prepared.value("SELECT count(DISTINCT __dist_key__) FROM train") == 3


def test_every_row_is_packed_once_and_buffers_have_rows_of_all_segments(prepared: Session) -> None:
    prepared.run("CREATE TABLE numbers AS SELECT n AS y, ARRAY[n, gp_segment_id] AS x FROM (SELECT n, gp_segment_id FROM"
                 " (SELECT generate_series(1, 999) AS n) s, gp_dist_random('gp_id')) q DISTRIBUTED BY (y)")  # fmt: skip
    prepared.run("SELECT madlib.training_preprocessor_dl('numbers', 'packed', 'y', 'x', 100)")
    assert prepared.value("SELECT sum(x_shape[1]) FROM packed") == 2997
    assert prepared.value("SELECT max(x_shape[1]) - min(x_shape[1]) FROM packed") <= 1


def test_a_table_of_dbids_chooses_segments(prepared: Session) -> None:
    prepared.run("CREATE TABLE rules AS SELECT dbid::integer FROM gp_segment_configuration WHERE content IN (0, 2)")
    prepared.run(PACK, "rules")
    assert prepared.fetch("SELECT DISTINCT gp_segment_id FROM part ORDER BY 1") == [(0,), (2,)]
    assert prepared.fetch("SELECT partitions, distribution_rules FROM part_summary") == [(2, "rules")]
    failure = prepared.error_of("SELECT madlib.madlib_keras_automl('part', 'o', 'nets', 'b', ARRAY[1], %s, %s,"
                                " validation_table := 'val')", COMPILE, FIT)  # fmt: skip
    assert failure.message.startswith("validation_table: table ")
    assert failure.hint == "Pack both with the same distribution_rules."


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("SELECT 77 AS dbid", "every dbid must be that of a primary segment"),
        ("SELECT 2 AS dbid UNION ALL SELECT 2", "the table must name a dbid once, it names 2 twice"),
        ("SELECT 2 AS dbid WHERE false", "the table names no dbid"),
    ],
)
def test_a_wrong_table_of_dbids(prepared: Session, rows: str, message: str) -> None:
    prepared.run(f"CREATE TABLE rules AS {rows}")
    failure = prepared.error_of(PACK, "rules")
    assert (failure.sqlstate, message in failure.message) == ("22023", True)


def test_the_doctor_sees_every_segment(db: Session) -> None:
    rows = db.fetch("SELECT segment, tensorflow IS NOT NULL FROM madlib.automl_doctor() ORDER BY 1")
    assert rows == [(-1, True), (0, True), (1, True), (2, True)]


# --- sessions -----------------------------------------------------------------------------------------------------------


def test_the_bits_are_those_of_postgresql(prepared: Session) -> None:
    dsn = os.environ.get("AUTOML_TEST_DSN")
    if not dsn:
        pytest.skip("AUTOML_TEST_DSN is not set: there is no PostgreSQL to compare with")
    other = connect_to(dsn)
    other.run("DROP SCHEMA IF EXISTS t_bits CASCADE; CREATE SCHEMA t_bits; SET search_path = t_bits")
    load(other, "nets", TWO_LAYERS)
    for table in ("train", "val"):
        variables = "attributes, class_text, attributes_shape, class_text_shape, buffer_id"
        other.run(f"CREATE TABLE {table} (attributes bytea, class_text bytea, attributes_shape integer[],"
                  " class_text_shape integer[], buffer_id integer)")  # fmt: skip
        for row in prepared.fetch(f"SELECT {variables} FROM {table}"):
            other.run(f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s)", *row)
        other.run(f"CREATE TABLE {table}_summary (source_table text, output_table text, dependent_varname text,"
                  " independent_varname text, dependent_vartype text, class_values text[], buffer_size integer,"
                  " normalizing_const real, num_classes integer, distribution_rules text, partitions integer,"
                  " dependent_dtype text)")  # fmt: skip
        names = ("source_table, output_table, dependent_varname, independent_varname, dependent_vartype, class_values,"
                 " buffer_size, normalizing_const, num_classes, distribution_rules, partitions, dependent_dtype")  # fmt: skip
        (row,) = prepared.fetch(f"SELECT {names} FROM {table}_summary")
        other.run(f"INSERT INTO {table}_summary VALUES ({', '.join(['%s'] * 12)})", *row)
    assert small_search(other, "found") == small_search(prepared, "found")
    other.run("DROP SCHEMA t_bits CASCADE")
    other.close()


def test_a_backend_that_is_killed_on_a_segment_is_replaced(prepared: Session, connect: Callable[..., Session]) -> None:
    untouched = small_search(prepared, "untouched", automl_params="R=27, eta=3")
    watcher, killed = connect(), []

    def kill() -> None:
        run = watcher.value("SELECT max(run_id) FROM madlib.automl_runs") + 1
        progress = "SELECT coalesce(max(iteration), 0) FROM madlib.automl_trials WHERE run_id = %s"
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not watcher.value(progress, run):
            time.sleep(0.05)
        (session,) = watcher.fetch("SELECT sess_id FROM pg_stat_activity WHERE application_name = 'keras_automl session 2'")
        # The process on the segment alone: that it is gone is what the session has to find out.
        kills = "SELECT pg_terminate_backend(pid) FROM gp_dist_random('pg_stat_activity') WHERE sess_id = %s"
        killed.extend(watcher.fetch(kills, *session))

    killer = threading.Thread(target=kill)
    killer.start()
    again = small_search(prepared, "disturbed", automl_params="R=27, eta=3")
    killer.join()
    assert killed
    assert again == untouched
    assert any("is repeated" in notice for notice in prepared.notices)
