"""What is Greenplum's own: where rows lie, sessions on segments, and their faults."""

from __future__ import annotations

import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import psycopg2
import pytest

from automl.prediction.on_segments import statement
from fix_db import Session, connect_to
from fix_search import COMPILE, FIT, load, make_iris, search, sequential
from servers import SEGMENTED

pytestmark = [pytest.mark.greenplum, pytest.mark.parametrize("server", SEGMENTED, indirect=True, scope="session")]

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
    recorded = "SELECT partitions, distribution_rules, __internal_gpu_config__ FROM part_summary"
    assert prepared.fetch(recorded) == [(2, "rules", "{0,2}")]
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


SESSION = "SELECT sess_id FROM pg_stat_activity WHERE application_name = 'keras_automl session 2'"


def during(watcher: Session, look: Callable[[int], object]) -> threading.Thread:
    """Start what calls `look` with the number of the second session of the next search when that has trained something."""

    def waited() -> None:
        run = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")
        progress = "SELECT coalesce(max(iteration), 0) FROM madlib.automl_trials WHERE run_id > %s"
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not watcher.value(progress, run):
            time.sleep(0.05)
        look(watcher.value(SESSION))

    thread = threading.Thread(target=waited)
    thread.start()
    return thread


def test_a_session_has_one_process_where_its_partition_lies(prepared: Session, connect: Callable[..., Session]) -> None:
    # With one on every segment a search would have as many as the square of the segments.
    watcher, seen = connect(), list[object]()
    there = "SELECT gp_execution_segment(), count(*) FROM gp_dist_random('pg_stat_activity') WHERE sess_id = %s GROUP BY 1"
    looking = during(watcher, lambda session: seen.append(watcher.fetch(there, session)))
    small_search(prepared, "found", automl_params="R=27, eta=3")
    looking.join()
    assert seen == [[(1, 1)]]


def test_a_backend_that_is_killed_on_a_segment_is_replaced(prepared: Session, connect: Callable[..., Session]) -> None:
    untouched = small_search(prepared, "untouched", automl_params="R=27, eta=3")
    watcher, killed = connect(), list[object]()
    # The process on the segment alone: that it is gone is what the session has to find out.
    kills = "SELECT pg_terminate_backend(pid) FROM gp_dist_random('pg_stat_activity') WHERE sess_id = %s"
    killer = during(watcher, lambda session: killed.extend(watcher.fetch(kills, session)))
    again = small_search(prepared, "disturbed", automl_params="R=27, eta=3")
    killer.join()
    assert killed
    assert again == untouched
    assert any("is repeated" in notice for notice in prepared.notices)


# --- prediction ---------------------------------------------------------------------------------------------------------

IDENTITY = sequential(("Dense", {"units": 2, "use_bias": False, "batch_input_shape": [None, 2]}))
AS_THEY_ARE = struct.pack("<4f", 1, 0, 0, 1)
PREDICT_ROWS = "SELECT madlib.madlib_keras_predict_byom('nets', 1, %s, 'id', 'x', 'p', 'value')"


@pytest.fixture
def rows(db: Session) -> Session:
    """The session `db` with a network that gives its two inputs back, and 30,000 rows (n, -n)."""
    db.run("SELECT madlib.load_keras_model('nets', %s::json, %s::bytea)", IDENTITY, psycopg2.Binary(AS_THEY_ARE))
    numbers = "SELECT n AS id, ARRAY[n, -n]::real[] AS x FROM generate_series(1, 30000) n"
    db.run(f"CREATE TABLE rows AS {numbers} DISTRIBUTED BY (id)")
    return db


def test_the_plan_hands_rows_over_where_they_lie(rows: Session) -> None:
    rows.run("CREATE TEMPORARY TABLE blocks (block madlib.automl_block) DISTRIBUTED RANDOMLY")
    calls = statement("blocks", "SELECT madlib.automl_gather(id::text, madlib.automl_native(x)) FROM rows")
    plan = [line for (line,) in rows.fetch("EXPLAIN " + re.sub(r"\$\d", "NULL", calls))]
    (append,) = (at for at, line in enumerate(plan) if "Append" in line)
    assert [line.split(" (")[0].strip(" ->") for line in plan[append + 1 : append + 4]] == [
        "Seq Scan on gp_id",
        "Seq Scan on rows",
        "Seq Scan on gp_id gp_id_1",
    ]
    # What moves are the results, above the calls.
    assert [at < append for at, line in enumerate(plan) if "Motion" in line] == [True]


def test_no_row_leaves_its_segment_to_be_predicted_and_predictions_lie_by_their_id(rows: Session) -> None:
    rows.run("CREATE VIEW at AS SELECT id, ARRAY[gp_segment_id, gp_execution_segment()]::real[] AS x FROM rows")
    rows.run(PREDICT_ROWS, "at")
    found = "SELECT dependent_var, count(*) FROM p GROUP BY 1 ORDER BY 1"
    lie = "SELECT ARRAY[gp_segment_id, gp_segment_id]::real[], count(*) FROM rows GROUP BY 1 ORDER BY 1"
    assert rows.fetch(found) == rows.fetch(lie)
    rows.run("DROP TABLE p")
    rows.run(PREDICT_ROWS, "rows")
    assert rows.value("SELECT count(*) FROM p JOIN rows USING (id) WHERE dependent_var = x") == 30000
    columns = "SELECT attname FROM gp_distribution_policy JOIN pg_attribute ON attrelid = localoid AND attnum = ANY (distkey)"
    assert rows.fetch(columns + " WHERE localoid = 'p'::regclass") == [("id",)]


HUNDRED = "SELECT id, x FROM rows WHERE id <= 100"
RANKED = "row_number() OVER (ORDER BY oid)"
LYING = [
    "CREATE TABLE other (LIKE rows) DISTRIBUTED REPLICATED; INSERT INTO other " + HUNDRED,
    f"CREATE TABLE other AS {HUNDRED} DISTRIBUTED RANDOMLY",
    f"CREATE TEMPORARY TABLE other AS {HUNDRED} DISTRIBUTED BY (x)",
    "CREATE TABLE other (LIKE rows) DISTRIBUTED BY (id) PARTITION BY RANGE (id) (START (1) END (101) EVERY (25));"
    " INSERT INTO other " + HUNDRED,
    "CREATE VIEW other AS SELECT id, x FROM rows ORDER BY id LIMIT 100",
    f"CREATE VIEW other AS {HUNDRED} AND id % 2 = 0 UNION ALL {HUNDRED} AND id % 2 = 1",
    "CREATE VIEW other AS SELECT n AS id, ARRAY[n, -n] AS x FROM generate_series(1, 100) n",
    f"CREATE VIEW other AS SELECT {RANKED} AS id, ARRAY[{RANKED}, -{RANKED}] AS x FROM pg_class LIMIT 100",
]


def test_rows_that_lie_otherwise_are_predicted_once(rows: Session) -> None:
    expected = [(n, [float(n), float(-n)]) for n in range(1, 101)]
    for source in LYING:
        rows.run(source)
        rows.run(PREDICT_ROWS, "other")
        assert rows.fetch("SELECT * FROM p ORDER BY 1") == expected, source
        rows.run(f"DROP {'VIEW' if 'VIEW' in source else 'TABLE'} other; DROP TABLE p")


def test_the_names_that_prediction_needs_must_be_free(rows: Session) -> None:
    rows.run("CREATE TEMPORARY TABLE keras_automl_blocks (mine text)")
    failure = rows.error_of(PREDICT_ROWS, "rows")
    assert (failure.sqlstate, failure.hint) == ("42P07", "DROP TABLE pg_temp.keras_automl_blocks")
    rows.run("DROP TABLE pg_temp.keras_automl_blocks")


def test_a_wrong_row_is_told_and_the_session_goes_on(rows: Session) -> None:
    rows.run("INSERT INTO rows VALUES (40000, '{1, 2, 3}')")
    failure = rows.error_of(PREDICT_ROWS, "rows")
    assert failure.message.startswith('independent_varname: every value of column "x" must be an array of shape {2}')
    rows.run("DELETE FROM rows WHERE id = 40000")
    rows.run(PREDICT_ROWS, "rows")
    assert rows.value("SELECT count(*) FROM p") == 30000


def test_predictions_are_the_bits_of_postgresql(prepared: Session) -> None:
    dsn = os.environ.get("AUTOML_TEST_DSN")
    if not dsn:
        pytest.skip("AUTOML_TEST_DSN is not set: there is no PostgreSQL to compare with")
    other = connect_to(dsn)
    other.run("DROP SCHEMA IF EXISTS t_bits CASCADE; CREATE SCHEMA t_bits; SET search_path = t_bits")
    weights = np.random.default_rng(1).normal(size=51).astype(np.float32).tobytes()
    found = []
    for session, end in ((prepared, " DISTRIBUTED BY (one)"), (other, "")):
        # All on one segment, in this order: so the batches are the same.
        session.run("CREATE TABLE ordered AS SELECT 1 AS one, n AS id, ARRAY[n % 7, n % 5, n % 3, n % 2]::real[] AS x"
                    " FROM generate_series(1, 1000) n ORDER BY n" + end)  # fmt: skip
        session.run("SELECT madlib.load_keras_model('weighted', %s::json, %s::bytea)", TWO_LAYERS, psycopg2.Binary(weights))
        session.run("SELECT madlib.madlib_keras_predict_byom('weighted', 1, 'ordered', 'id', 'x', 'p')")
        found.append(session.fetch("SELECT id, dependent_var, float4send(prob), rank FROM p ORDER BY id, rank"))
    assert [(*row[:2], bytes(row[2]), row[3]) for row in found[0]] == [(*row[:2], bytes(row[2]), row[3]) for row in found[1]]
    other.run("DROP SCHEMA t_bits CASCADE")
    other.close()


# --- faults -------------------------------------------------------------------------------------------------------------

SCHEDULE = "SELECT madlib.hyperband_schedule({}, 9, 3)"


def test_an_error_on_a_segment_does_not_spoil_the_session(prepared: Session) -> None:
    # The dispatcher cancels what runs on the other segments, and PL/Python would raise that in the next function there.
    for number, sessions in enumerate((0, 3)):
        prepared.run(f"SET keras_automl.sessions = {sessions}")
        assert prepared.error_of("SELECT 1 / gp_segment_id FROM train").sqlstate == "22012"
        small_search(prepared, f"after_{number}")


def test_a_call_above_a_gather_costs_the_session_at_most(prepared: Session, connect: Callable[..., Session]) -> None:
    # Greenplum's PL/Python crashes the server over this.
    caller = connect()
    with pytest.raises(psycopg2.Error):
        caller.run(SCHEDULE.format("q.name") + " FROM (SELECT 'plan'::text AS name FROM train ORDER BY buffer_id LIMIT 1) q")
    assert prepared.value("SELECT count(*) FROM train") == 3
    connect().run(SCHEDULE.format("'plan'"))


def test_cancelling_at_any_moment_leaves_the_server_up(prepared: Session, connect: Callable[..., Session]) -> None:
    watcher = connect()
    began = watcher.value("SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    caller, outcomes = connect(), set[str | None]()
    for moment in range(40):
        caller = connect() if caller.closed else caller
        canceller = threading.Timer(0.003 * moment, watcher.run, ("SELECT pg_cancel_backend(%s)", caller.info.backend_pid))
        canceller.start()
        try:
            caller.run("DROP TABLE IF EXISTS part, part_summary; " + PACK, "all_segments")
        except psycopg2.Error as error:
            outcomes.add(error.pgcode)
        canceller.join()
    assert "57014" in outcomes
    # A crash of one session ends all others.
    assert watcher.value("SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()") == began


# --- what a role or a database has there by default ---------------------------------------------------------------------


@pytest.fixture
def queued(db: Session, role: str) -> Iterator[str]:
    """A role that may have three active statements."""
    if db.value("SHOW gp_resource_manager") != "queue":
        pytest.skip("resources are those of groups")
    db.run("CREATE RESOURCE QUEUE t_greenplum_three WITH (ACTIVE_STATEMENTS=3)")
    db.run(f"ALTER ROLE {role} RESOURCE QUEUE t_greenplum_three")
    yield role
    db.run(f"ALTER ROLE {role} RESOURCE QUEUE NONE")
    db.run("DROP RESOURCE QUEUE t_greenplum_three")


def test_a_search_takes_as_many_sessions_as_a_resource_queue_lets_be_active(
    queued: str, connect: Callable[..., Session]
) -> None:
    session = connect(user=queued)
    make_iris(session)
    load(session, "nets", TWO_LAYERS)
    small_search(session, "made")
    assert any("1 of 3 sessions works at a time" in notice for notice in session.notices)
    assert session.value("SELECT count(*) FROM made") > 0


def test_tables_are_append_only_where_that_is_the_default(db: Session) -> None:
    db.run("SET gp_default_storage_options = 'appendonly=true'")
    make_iris(db)
    load(db, "nets", TWO_LAYERS)
    assert db.value("SELECT relstorage::text FROM pg_class WHERE oid = 'train'::regclass") == "a"
    first = small_search(db, "made")
    db.run("RESET gp_default_storage_options")
    assert small_search(db, "again") == first
