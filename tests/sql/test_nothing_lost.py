"""What happens to the record while a search goes, and at its last moment: nothing is lost that cannot be made again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import psycopg2
import pytest

from automl.database.locks import Lock
from fix_calls import begun, waited
from fix_db import Session, connect_to, scratch_database
from fix_search import COMPILE, FIT, load, make_iris, search, sequential

PATIENCE = 90.0
NET = sequential(
    ("Dense", {"units": 20, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
LARGE = sequential(  # a state of some 16 MB
    ("Dense", {"units": 150_000, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
STATUS = "SELECT status, alive FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"
LAST = "SELECT max(run_id) FROM madlib.automl_runs"
MD5 = "SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {}"
RECORD = "SELECT pid FROM pg_stat_activity WHERE application_name = 'keras_automl record' AND datname = current_database()"


@pytest.fixture
def prepared(db: Session) -> Session:
    make_iris(db)
    load(db, "lib", NET, LARGE)
    db.run("SET keras_automl.sessions = 1")
    return db


def small(session: Session, name: str = "made") -> None:
    search(session, name, automl_params="R=3, eta=3", random_state=5)


def some_seconds(session: Session, name: str = "made") -> None:
    search(session, name, automl_params="R=9, eta=3", fit_params_grid="{'batch_size': [1], 'epochs': [3]}", random_state=5)


def many_seconds(session: Session, name: str = "made") -> None:
    search(session, name, automl_params="R=27, eta=3", fit_params_grid="{'batch_size': [1], 'epochs': [2]}", random_state=5)


def long(session: Session) -> None:
    search(session, "long", automl_params="R=2000, eta=10", metrics_compute_frequency=1)


def large(session: Session) -> None:
    search(session, "long", model_id_list=[2], automl_params="R=2000, eta=10")


def drop_made(session: Session) -> None:
    session.run("DROP TABLE made, made_info, made_summary, made_best, made_best_summary")


# --- the last moment ----------------------------------------------------------------------------------------------------


def rolled_back(session: Session) -> None:
    session.run("BEGIN")
    small(session)
    session.run("ROLLBACK")


def followed_by_an_error(session: Session) -> None:
    with session.cursor() as cursor, pytest.raises(psycopg2.Error, match="division by zero"):
        cursor.execute(
            cursor.mogrify(
                "SELECT madlib.madlib_keras_automl('train', 'made', 'lib', 'made_best', ARRAY[1], %s, %s, 'hyperband',"
                " 'R=3, eta=3', 5); SELECT 1 / 0",
                (COMPILE, FIT),
            )
        )


def constrained(session: Session) -> None:
    session.run("CREATE TABLE parent (x integer PRIMARY KEY)")
    session.run("CREATE TABLE child (x integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    session.run("BEGIN; INSERT INTO child VALUES (1)")
    small(session)
    assert session.error_of("COMMIT").sqlstate == "23503"


@pytest.mark.parametrize(
    "end", [rolled_back, *(pytest.param(end, marks=pytest.mark.soak) for end in (followed_by_an_error, constrained))]
)
def test_a_run_whose_tables_did_not_appear_goes_on(prepared: Session, end: Callable[[Session], None]) -> None:
    small(prepared)
    expected = prepared.value(MD5.format("made"))
    assert prepared.fetch(STATUS) == [("finished", False)]
    drop_made(prepared)
    if end is constrained and prepared.is_greenplum:
        pytest.skip("it has no foreign keys")
    end(prepared)
    assert prepared.value("SELECT to_regclass('made') IS NULL")
    assert prepared.fetch(STATUS) == [("running", False)]
    prepared.run("SELECT madlib.automl_resume(%s)", prepared.value(LAST))
    assert prepared.fetch(STATUS) == [("finished", False)]
    assert prepared.value(MD5.format("made")) == expected


def test_a_run_can_finish_where_its_own_row_is_not_seen(prepared: Session, connect: Callable[..., Session]) -> None:
    small(prepared)
    run = prepared.value(LAST)
    drop_made(prepared)
    prepared.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    small(prepared)  # its row is not seen by the snapshot of this transaction
    prepared.run("COMMIT")
    assert connect().value("SELECT status FROM madlib.automl_runs WHERE run_id = %s", run + 1) == "finished"


def test_what_writes_says_so_where_a_transaction_only_reads(db: Session) -> None:
    for call in ("madlib_keras_automl('t', 'o', 'l', 's', ARRAY[1], '', '')", "automl_resume(1)"):
        db.run("BEGIN READ ONLY")
        failure = db.error_of(f"SELECT madlib.{call}")
        db.run("ROLLBACK")
        said = f"{call.partition('(')[0]} writes, and this transaction can only read"
        hint = "Begin it with BEGIN READ WRITE, or SET default_transaction_read_only = off before."
        assert failure == ("25006", said, hint)


# --- locks --------------------------------------------------------------------------------------------------------------

LOCKS = [
    "LOCK TABLE madlib.automl_state_log IN ACCESS EXCLUSIVE MODE",
    "SELECT 1 FROM madlib.automl_run_log FOR UPDATE",
    *(f"LOCK TABLE madlib.automl_{log}_log IN ACCESS EXCLUSIVE MODE" for log in ("run", "progress", "metric", "checkpoint")),
    "SELECT 1 FROM madlib.automl_trial_log FOR UPDATE",
]


@pytest.mark.parametrize(
    ("statement", "locks"),
    [
        pytest.param(some_seconds, ["; ".join(LOCKS[:2])], id="two at once"),
        pytest.param(many_seconds, LOCKS, marks=pytest.mark.soak, id="each"),
    ],
)
def test_locks_on_the_record_do_not_disturb_a_search(
    prepared: Session, connect: Callable[..., Session], statement: Callable[[Session], None], locks: list[str]
) -> None:
    statement(prepared)
    expected = prepared.value(MD5.format("made"))
    drop_made(prepared)
    watcher, other = connect(), connect()
    call = begun(watcher, prepared, statement)
    for lock in locks:
        other.run(f"BEGIN; {lock}")
        time.sleep(2.3)  # longer than the record's own lock_timeout
        assert call.is_alive() or call.error is None, call.error
        other.run("ROLLBACK")
        time.sleep(0.2)
    call.join(4 * PATIENCE)
    assert not call.is_alive()
    assert call.error is None, call.error
    assert watcher.fetch(STATUS) == [("finished", False)]
    assert watcher.value(MD5.format("made")) == expected


# --- a record that does not answer, and cancelling ----------------------------------------------------------------------


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not answer meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.postgresql("processes of the cluster may be on another host")
@pytest.mark.parametrize("statement", [long, pytest.param(large, marks=pytest.mark.soak)])
def test_a_search_whose_record_does_not_answer_is_cancelled_within_a_second(
    prepared: Session, connect: Callable[..., Session], statement: Callable[[Session], None]
) -> None:
    watcher = connect()
    call = begun(watcher, prepared, statement)
    with stopped(watcher.value(RECORD)):
        time.sleep(2)
        assert call.is_alive(), call.error
        asked = time.monotonic()
        watcher.run("SELECT pg_cancel_backend(%s)", prepared.info.backend_pid)
        call.join(PATIENCE)
        assert call.ended - asked < 1.0
        assert call.error is not None and call.error.pgcode == "57014"
        assert watcher.fetch(STATUS) == [("cancelled", False)]
    assert waited(lambda: watcher.fetch(RECORD) == [], 5)
    assert watcher.fetch(STATUS) == [("cancelled", False)]  # whatever the stopped process still wrote


@pytest.mark.alone
def test_a_search_with_large_states_that_are_not_saved_is_cancelled_within_a_second(
    prepared: Session, connect: Callable[..., Session]
) -> None:
    watcher = connect()
    prepared.run("SET keras_automl.state_memory_mb = 1000; SET keras_automl.checkpoint_mb_per_hour = 100000")
    call = begun(watcher, prepared, large)
    time.sleep(3)
    asked = time.monotonic()
    watcher.run("SELECT pg_cancel_backend(%s)", prepared.info.backend_pid)
    call.join(PATIENCE)
    assert call.ended - asked < 1.0
    assert watcher.fetch(STATUS) == [("cancelled", False)]


# --- who is alive -------------------------------------------------------------------------------------------------------


def test_a_run_is_alive_while_its_caller_keeps_it(prepared: Session, connect: Callable[..., Session]) -> None:
    caller, watcher = connect(), connect()
    caller.run("SET keras_automl.sessions = 1")
    call = begun(watcher, caller, long)
    assert watcher.fetch(STATUS) == [("running", True)]
    watcher.run("SELECT pg_terminate_backend(%s)", caller.info.backend_pid)
    call.join(PATIENCE)
    # On Greenplum the caller can still say what became of it.
    gone = ([("running", False)], [("cancelled", False)])
    assert waited(lambda: watcher.fetch(STATUS) in gone[: 1 + watcher.is_greenplum], 5), watcher.fetch(STATUS)


@pytest.mark.parametrize(("view", "scans"), [("automl_calls", 0), ("automl_runs", 1), ("automl_standings", 1)])
def test_a_look_at_a_run_reads_its_states_once(db: Session, view: str, scans: int) -> None:
    """Each reading is a slice on Greenplum, with a process on every segment; a record looks for its run whenever it writes."""
    plan = [line for (line,) in db.fetch(f"EXPLAIN SELECT * FROM madlib.{view} WHERE run_id = 1")]
    assert len([line for line in plan if "Scan" in line and "automl_state_log" in line]) == scans


def test_a_run_of_another_database_is_not_alive_in_this_one(server: str, db: Session) -> None:
    said = "INSERT INTO madlib.automl_states (run_id, n, status, backend) VALUES (%s, 1, 'running', pg_backend_pid())"
    run = db.value("INSERT INTO madlib.automl_runs (method) VALUES ('hyperband') RETURNING run_id")
    db.run(said, run)
    db.run("SELECT pg_advisory_lock(%s, %s)", int(Lock.RUN), run)
    assert db.value("SELECT alive FROM madlib.automl_runs WHERE run_id = %s", run) is True
    with scratch_database(server, "automl_copy") as dsn, closing(connect_to(dsn)) as copy:
        copy.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        copy.run("INSERT INTO madlib.automl_runs (run_id, method) VALUES (%s, 'hyperband')", run)
        copy.run(said, run)
        assert copy.value("SELECT alive FROM madlib.automl_runs WHERE run_id = %s", run) is False
        copy.run("SELECT pg_advisory_lock(%s, %s)", int(Lock.RUN), run)
        holder = connect_to(dsn)
        failure = holder.error_of("SELECT madlib.automl_resume(%s)", run)
        assert failure.hint == f"Wait until it is over, or end it: SELECT pg_cancel_backend({copy.info.backend_pid})"
        holder.close()
    db.run("SELECT pg_advisory_unlock_all()")


# --- the table of checkpoints -------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_the_table_of_checkpoints_stays_below_three_times_the_live_states(server: str) -> None:
    """A day in small: states written again and again while a snapshot is held that is older than all of them."""
    live, trials = 24 * 2**20, 12
    with scratch_database(server, "automl_day") as dsn, closing(connect_to(dsn)) as writer, closing(connect_to(dsn)) as old:
        writer.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl; CREATE TABLE public.t ()")
        old.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM public.t")
        run = writer.value("INSERT INTO madlib.automl_runs (method) VALUES ('hyperband') RETURNING run_id")
        sizes = []
        for visits in range(1, 25):
            writer.run(
                "INSERT INTO madlib.automl_checkpoint_versions (run_id, mst_key, iteration, visits, state)"
                " SELECT %s, t, %s, %s, decode(repeat(md5((t * %s)::text), %s), 'hex') FROM generate_series(1, %s) t",
                run, visits, visits, visits, live // trials // 16, trials,
            )  # fmt: skip
            writer.run("SELECT madlib.automl_tidy()")
            sizes.append(writer.value("SELECT pg_total_relation_size('madlib.automl_checkpoint_log')"))
        assert max(sizes) < 3 * live, sizes
        latest = writer.fetch(
            "SELECT count(*), min(visits), max(visits), sum(octet_length(state)) FROM madlib.automl_checkpoints"
        )
        assert latest == [(trials, 24, 24, live)]
        writer.run("INSERT INTO madlib.automl_states (run_id, n, status) VALUES (%s, 1, 'finished')", run)
        assert writer.value("SELECT count(*) FROM madlib.automl_checkpoints") == 0
        writer.run("SELECT madlib.automl_tidy()")
        assert writer.value("SELECT pg_total_relation_size('madlib.automl_checkpoint_log')") < 2**20


def test_nobody_can_make_the_tidying_delete_what_counts(db: Session, role: str, connect: Callable[..., Session]) -> None:
    run = db.value("INSERT INTO madlib.automl_runs (method) VALUES ('hyperband') RETURNING run_id")
    written = (
        "INSERT INTO madlib.automl_checkpoint_versions (run_id, mst_key, iteration, visits, state) VALUES (%s, 1, 1, 1, %s)"
    )
    db.run(written, run, b"s" * 2**20)
    stranger = connect(user=role)
    stranger.run("INSERT INTO madlib.automl_states (run_id, n, status) VALUES (%s, 9, 'finished')", run)
    with suppress(psycopg2.Error):  # a foreign key refuses it, where there is one
        stranger.run(written.replace("1, 1, 1,", "1, 1, 1000,"), run, b"x" * 2**25)
    stranger.run("SELECT madlib.automl_tidy()")
    assert db.value("SELECT count(*) FROM madlib.automl_checkpoints WHERE run_id = %s", run) == 1


def test_tidying_leaves_the_latest_state_and_those_that_are_said_to_be_kept(db: Session) -> None:
    # Large states of cancelled searches are a reason to let more lie.
    db.run("DELETE FROM madlib.automl_runs WHERE status <> 'finished'")
    run = db.value("INSERT INTO madlib.automl_runs (method) VALUES ('hyperband') RETURNING run_id")
    columns = "run_id, mst_key, iteration, visits, state"
    for visits in range(1, 15):
        written = f"INSERT INTO madlib.automl_checkpoint_versions ({columns}) VALUES (%s, 1, %s, %s, %s)"
        db.run(written, run, visits, visits, b"s" * 2**22)
    for n, kept in ((1, [1, 2]), (2, [2, 5])):
        said = "INSERT INTO madlib.automl_progress_log (run_id, mst_key, n, status, kept) VALUES (%s, 1, %s, 'running', %s)"
        db.run(said, run, n, kept)
    left = "SELECT array(SELECT visits FROM madlib.automl_checkpoint_versions WHERE run_id = %s ORDER BY 1)"

    def tidied() -> bool:
        """A table that somebody uses is left alone, as autovacuum may."""
        db.run("SELECT madlib.automl_tidy()")
        return bool(db.value(left, run) == [2, 5, 14])

    assert waited(tidied, PATIENCE), db.value(left, run)
    db.run("DELETE FROM madlib.automl_runs WHERE run_id = %s", run)


def test_what_was_planned_of_a_call_is_tidied_when_it_was_planned_again_or_long_ago(db: Session) -> None:
    db.run(
        "INSERT INTO madlib.automl_plans (call, at, seconds) SELECT 'often', now() - n * interval '1 minute', n"
        " FROM generate_series(1, 1100) n UNION ALL SELECT 'once', now() - interval '89 days', 0"
        " UNION ALL SELECT 'long ago', now() - interval '91 days', 0"
    )
    left = "SELECT call, seconds FROM madlib.automl_plans WHERE call IN ('often', 'once', 'long ago') ORDER BY call"

    def tidied() -> bool:
        db.run("SELECT madlib.automl_tidy()")
        return bool(db.fetch(left) == [("often", 1), ("once", 0)])

    assert waited(tidied, PATIENCE), db.fetch(left)
    db.run("DELETE FROM madlib.automl_plans")
