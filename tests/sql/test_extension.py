"""The extension as a thing of the database: made, dropped, dumped; and what an ordinary role may do with it."""

from __future__ import annotations

import inspect
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from automl import entry
from automl.columns.arguments import Arguments as TrainArguments
from automl.training.fit import MultipleArguments, SingleArguments
from automl.training.request import Arguments
from fix_db import MADLIB, Session, connect_to, scratch_database
from fix_search import dense, load, make_iris, search


def everything(session: Session) -> list[object]:
    """What has a name in the catalogs, apart from PostgreSQL's own."""
    catalogs = {
        "pg_namespace": "nspname",
        "pg_proc": "proname",
        "pg_class": "relname",
        "pg_type": "typname",
        "pg_extension": "extname",
        "pg_cast": "oid::text",
        "pg_operator": "oprname",
        "pg_event_trigger": "evtname",
        "pg_default_acl": "oid::text",
    }
    return [
        row for table, name in catalogs.items() for row in session.fetch(f"SELECT '{table}', {name} FROM {table} ORDER BY 2")
    ]


def test_dropping_leaves_nothing(server: str) -> None:
    with scratch_database(server, "automl_drop") as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u")
        before = everything(session)
        session.run("CREATE EXTENSION keras_automl")
        session.run("SELECT madlib.hyperband_schedule('schedule', 9); DROP TABLE schedule")
        session.run("DROP EXTENSION keras_automl")
        assert everything(session) == before
        session.run("CREATE EXTENSION keras_automl")  # and it can come back
        assert session.value("SELECT count(*) FROM madlib.automl_runs") == 0
        session.close()


@pytest.mark.postgresql("CREATE EXTENSION has no CASCADE")
def test_it_needs_plpython(server: str) -> None:
    with scratch_database(server, "automl_needs") as dsn:
        session = connect_to(dsn)
        failure = session.error_of("CREATE EXTENSION keras_automl")
        assert (failure.sqlstate, failure.message) == ("42704", 'required extension "plpython3u" is not installed')
        assert failure.hint is not None and "CASCADE" in failure.hint
        session.close()


@pytest.mark.postgresql("databases of another encoding have another default locale")
@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
def test_another_encoding_than_utf8_is_refused(server: str, encoding: str) -> None:
    options = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with scratch_database(server, "automl_encoding", options) as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        for call in ("hyperband_schedule('t', 9)", "automl_open('{}')"):
            failure = session.error_of(f"SELECT madlib.{call}")
            assert failure.message.endswith(f"the database must have the encoding UTF8, it has {encoding}")
            assert (failure.sqlstate, failure.hint) == ("55000", "Dump it and restore it into a database in UTF8.")
        session.close()


# --- while it is in use -------------------------------------------------------------------------------------------------

DROPS = [
    ("DROP EXTENSION keras_automl CASCADE", "55P03"),
    ("DROP EXTENSION plpython3u CASCADE", "55P03"),
    ("DROP SCHEMA madlib CASCADE", "2BP01"),  # it belongs to the extension
]


def error_of_dropping(session: Session, drop: str, milliseconds: int) -> str:
    """Return the SQLSTATE with which a DROP fails that waits so long for its locks; it is undone if it does not."""
    session.run(f"BEGIN; SET LOCAL lock_timeout = {milliseconds}")
    try:
        return session.error_of(drop).sqlstate
    finally:
        session.run("ROLLBACK")


@pytest.mark.parametrize(("drop", "sqlstate"), DROPS)
def test_a_transaction_that_has_called_a_function_keeps_the_extension(
    db: Session, connect: Callable[..., Session], drop: str, sqlstate: str
) -> None:
    caller = connect()
    caller.run("BEGIN; SELECT madlib.hyperband_schedule('schedule', 9)")
    assert error_of_dropping(db, drop, 100) == sqlstate
    caller.run("ROLLBACK")


@pytest.mark.soak
def test_a_search_goes_on_while_somebody_waits_to_drop_the_extension(db: Session, connect: Callable[..., Session]) -> None:
    make_iris(db)
    load(db, "lib", dense(3))
    other, found = connect(), list[str]()
    before = db.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")

    def drop() -> None:
        deadline = time.monotonic() + 60
        begun = "SELECT count(*) FROM madlib.automl_trials WHERE run_id > %s AND iteration > 0"
        while time.monotonic() < deadline and not other.value(begun, before):
            time.sleep(0.01)
        found.append(error_of_dropping(other, DROPS[0][0], 600))

    thread = threading.Thread(target=drop)
    thread.start()
    search(db, "found", automl_params="R=20, eta=2", metrics_compute_frequency=1)
    thread.join()
    assert found == ["55P03"]
    assert db.fetch("SELECT status FROM madlib.automl_runs WHERE run_id > %s", before) == [("finished",)]


@pytest.mark.postgresql("its sessions are locked by a statement of their own")
def test_the_lock_that_greenplum_has_no_statement_for_is_the_same(db: Session, connect: Callable[..., Session]) -> None:
    caller = connect()
    caller.run("""BEGIN; DO $do$
plpy.execute('SELECT madlib.automl_load()')
from keras_seg.server.object_lock import share
(row,) = plpy.execute("SELECT tableoid::bigint AS catalog, oid::bigint AS oid FROM pg_extension WHERE extname = 'keras_automl'")
share(row['catalog'], row['oid'])
$do$ LANGUAGE plpython3u""")
    locks = """SELECT classid::regclass::text, mode, granted FROM pg_locks WHERE pid = %s AND locktype = 'object'"""
    assert db.fetch(locks, caller.info.backend_pid) == [("pg_extension", "AccessShareLock", True)]
    assert error_of_dropping(db, DROPS[0][0], 100) == DROPS[0][1]
    caller.run("ROLLBACK")


RUN = """INSERT INTO madlib.automl_runs (method, params, source_table, random_state) VALUES
    ('hyperband', 'R=9', 'train', 7) RETURNING run_id"""
TRIAL = "INSERT INTO madlib.automl_configurations (run_id, mst_key, compile_params) VALUES (%s, 1, 'optimizer=''SGD()''')"
STATE = "INSERT INTO madlib.automl_states (run_id, n, status, best_mst_key) VALUES (%s, 1, 'failed', 1)"
PROGRESS = "INSERT INTO madlib.automl_trial_states (run_id, mst_key, n, status, iteration) VALUES (%s, 1, 2, 'finished', 3)"
METRIC = "INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, training_loss) VALUES (%s, 1, 1, 0.25)"
CHECKPOINT = """INSERT INTO madlib.automl_checkpoint_versions (run_id, mst_key, iteration, visits, state)
    VALUES (%s, 1, 1, 1, '\\x00ff')"""
WRITTEN = (STATE, TRIAL, PROGRESS, METRIC, CHECKPOINT)
LOGS = tuple(f"automl_{log}_log" for log in ("run", "state", "trial", "progress", "metric", "checkpoint"))
VIEWS = ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints")
BEHIND = ("automl_calls", "automl_states", "automl_configurations", "automl_trial_states", "automl_checkpoint_versions")


@pytest.mark.postgresql("pg_dump is that of PostgreSQL")
def test_a_dump_keeps_the_runs_of_every_role(server: str, role: str) -> None:
    with scratch_database(server, "automl_dump") as source, scratch_database(server, "automl_restore") as target:
        rows, last = {}, 0
        for user in ("", role):
            session = connect_to(source, **({"user": user} if user else {}))
            if not user:
                session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
            last = session.value(RUN)
            for statement in WRITTEN:
                session.run(statement, last)
            rows[user] = [session.fetch(f"SELECT * FROM madlib.{view}") for view in VIEWS]
            session.close()
        dump = subprocess.run(["pg_dump", "--dbname", source], check=True, capture_output=True, text=True).stdout
        restore = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", target]
        subprocess.run(restore, input=dump, check=True, capture_output=True, text=True)
        for user, expected in rows.items():
            session = connect_to(target, **({"user": user} if user else {}))
            assert [session.fetch(f"SELECT * FROM madlib.{view}") for view in VIEWS] == expected
            assert all(len(view) == 1 for view in expected)
            session.close()
        session = connect_to(target)
        assert session.value(RUN) == last + 1
        session.close()


@pytest.mark.parametrize(
    ("catalog", "name", "where"),
    [
        ("pg_proc", "oid::regprocedure", f"pronamespace = {MADLIB}"),
        (
            "pg_class",
            "oid::regclass",
            f"relnamespace = {MADLIB} AND relkind IN ('r', 'v')",
        ),
        ("pg_namespace", "nspname", "nspname = 'madlib'"),
        ("pg_extension", "extname", "extname = 'keras_automl'"),
    ],
)
def test_everything_has_a_comment(db: Session, catalog: str, name: str, where: str) -> None:
    assert db.value(f"SELECT count(*) FROM {catalog} WHERE {where}") > 0
    assert db.fetch(f"SELECT {name}::text FROM {catalog} WHERE {where} AND obj_description(oid, '{catalog}') IS NULL") == []


def test_every_object_belongs_to_the_extension(db: Session) -> None:
    for catalog, column in (("pg_proc", "pronamespace"), ("pg_class", "relnamespace")):
        sql = f"""SELECT oid FROM {catalog} WHERE {column} = {MADLIB} AND oid NOT IN (SELECT objid FROM pg_depend
            WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid = '{catalog}'::regclass)"""
        if catalog == "pg_class":
            sql += " AND relkind IN ('r', 'v', 'S')"
        assert db.fetch(sql) == []


# These take their arguments as one object.
AS_ONE = {
    "madlib_keras_automl": Arguments,
    "automl_plan": Arguments,
    "automl_train": TrainArguments,
    "madlib_keras_fit_multiple_model": MultipleArguments,
    "madlib_keras_fit": SingleArguments,
}
WITH_DEFAULTS = f"""SELECT p.oid::regprocedure::text AS signature, proname AS function, place,
    proargnames[place] AS argument, pg_get_function_arg_default(p.oid, place) AS value
    FROM pg_proc p, generate_series(1, 20) AS place
    WHERE pronamespace = {MADLIB} AND place <= pronargs AND prosrc LIKE '%GD[''automl''].' || proname || '(*args)%'
    AND pg_get_function_arg_default(p.oid, place) IS NOT NULL ORDER BY 1, place"""


def python_arguments(function: str) -> list[inspect.Parameter]:
    """The arguments of the Python function behind a SQL function, in order."""
    if function in AS_ONE:
        return list(inspect.signature(AS_ONE[function]).parameters.values())
    of_ours = getattr(entry, function).function
    return list(inspect.signature(of_ours).parameters.values())[1:]  # the first is the caller's session


def test_defaults_are_the_same_in_sql_and_in_python(db: Session) -> None:
    rows = db.fetch(WITH_DEFAULTS)
    assert len(rows) > 60
    in_sql = {(row.signature, row.argument): db.value(f"SELECT {row.value}") for row in rows}
    in_python = {(row.signature, (each := python_arguments(row.function)[row.place - 1]).name): each.default for row in rows}
    assert in_python == in_sql


def test_one_function_runs_with_its_owner_s_rights_and_takes_nothing_from_its_caller(db: Session) -> None:
    found = db.fetch(f"SELECT proname, pronargs, proconfig FROM pg_proc WHERE pronamespace = {MADLIB} AND prosecdef")
    assert found == [("automl_tidy", 0, ["search_path=pg_catalog, pg_temp", "lock_timeout=200ms"])]


# --- ordinary roles -----------------------------------------------------------------------------------------------------


@pytest.fixture
def other(db: Session) -> Iterator[str]:
    """The name of a second role without rights."""
    name = f"automl_other_{os.getpid()}"
    db.run(f"CREATE ROLE {name} LOGIN")
    yield name
    db.run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def test_an_ordinary_role_searches_from_beginning_to_end(db: Session, role: str, connect: Callable[..., Session]) -> None:
    session = connect(user=role)
    make_iris(session)
    load(session, "lib", dense(3))
    session.run("SET keras_automl.sessions = 1")
    search(session, "out", validation_table="val")
    executor = "segments" if db.is_greenplum else "sessions"
    assert session.notices[-1].startswith("INFO:  bracket s=")
    assert session.fetch("SELECT status, executor, owner FROM madlib.automl_runs") == [("finished", executor, role)]
    assert session.value("SELECT count(*) FROM out JOIN out_info USING (mst_key)") == 4
    assert session.value("SELECT tableowner FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'out'") == role
    session.run("SELECT madlib.madlib_keras_predict('out', 'iris_test', 'id', 'attributes', 'p', 'response', FALSE, 1)")
    assert session.value("SELECT count(*) FROM p") == 30


def test_roles_do_not_see_each_other_s_runs(db: Session, role: str, other: str, connect: Callable[..., Session]) -> None:
    first, second = connect(user=role), connect(user=other)
    run = first.value(RUN)
    for statement in WRITTEN:
        first.run(statement, run)
    for view in (*VIEWS, *BEHIND):
        assert first.value(f"SELECT count(*) FROM madlib.{view} WHERE run_id = %s", run) == 1
        for session in (second, db):
            assert session.value(f"SELECT count(*) FROM madlib.{view} WHERE run_id = %s", run) == 0
            if view != "automl_trials":  # which is only read
                with session.cursor() as cursor:
                    cursor.execute(f"DELETE FROM madlib.{view} WHERE run_id = %s", (run,))
                    assert cursor.rowcount == 0
    second.run("SET ROLE NONE")
    assert second.error_of(f"SET SESSION AUTHORIZATION {role}").sqlstate == "42501"


def test_no_role_writes_into_another_one_s_run(db: Session, role: str, other: str, connect: Callable[..., Session]) -> None:
    first, second = connect(user=role), connect(user=other)
    run = first.value(RUN)
    first.run(TRIAL, run)
    for statement in (
        () if db.is_greenplum else (TRIAL.replace("1,", "2,"), PROGRESS, METRIC, CHECKPOINT)
    ):  # it has no foreign keys
        assert second.error_of(statement, run).sqlstate == "23503"  # the run is not one of this owner
    second.run(STATE, run)  # says nothing of the run of somebody else
    assert first.value("SELECT status FROM madlib.automl_runs WHERE run_id = %s", run) == "running"
    forged = "INSERT INTO madlib.automl_configurations (run_id, mst_key, owner) VALUES (%s, 3, %s)"
    assert second.error_of(forged, run, role).sqlstate == "44000"  # WITH CHECK OPTION
    assert second.error_of("INSERT INTO madlib.automl_runs (owner) VALUES (%s)", role).sqlstate == "44000"
    mine = second.value(RUN)
    assert second.error_of("UPDATE madlib.automl_runs SET owner = %s WHERE run_id = %s", role, mine).sqlstate == "44000"
    assert first.value("SELECT count(*) FROM madlib.automl_trials WHERE run_id = %s", run) == 1


@pytest.mark.parametrize("log", LOGS)
def test_the_tables_behind_the_views_are_closed(role: str, connect: Callable[..., Session], log: str) -> None:
    session = connect(user=role)
    for statement in (
        "SELECT 1 FROM {}",
        "DELETE FROM {}",
        "UPDATE {} SET owner = current_user",
        "TRUNCATE {}",
        "DROP TABLE {}",
    ):
        assert session.error_of(statement.format(f"madlib.{log}")).sqlstate == "42501"


def test_an_ordinary_role_cannot_put_things_into_the_schema(role: str, connect: Callable[..., Session]) -> None:
    session = connect(user=role)
    assert session.error_of("CREATE TABLE madlib.mine ()").sqlstate == "42501"
    body = "AS 'SELECT 1' LANGUAGE sql"
    assert session.error_of(f"CREATE FUNCTION madlib.automl_load(integer) RETURNS integer {body}").sqlstate == "42501"
