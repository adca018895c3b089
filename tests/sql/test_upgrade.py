"""ALTER EXTENSION keras_automl UPDATE, from each version that was kept in tests/upgrade (keep.py there says how).

Afterwards the catalogs are those of a new installation, runs are there as they were, and those that were cancelled go on.
Who changes SQL makes these tests fail, and brings the step to this version in sql/upgrade up to date.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automl import __version__
from automl.database.locks import Lock
from fix_catalog import catalog_of
from fix_db import Session, connect_to, scratch_database
from fix_search import search

UPGRADE = Path(__file__).resolve().parents[1] / "upgrade"
VERSIONS = sorted(path.stem.partition("--")[2] for path in UPGRADE.glob("keras_automl--*.sql"))
VIEWS = ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints")
UPDATE = "ALTER EXTENSION keras_automl UPDATE"
OF_THE_RUN = ("run_id", "owner", "elapsed", "metrics_elapsed_time")  # columns that differ between twins

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version that an update can begin from."""
    kept: str = request.param
    return kept


@contextmanager
def database_of(server: str, version: str, name: str) -> Iterator[Session]:
    """A superuser's session in a new database that has the extension at an earlier version."""
    with scratch_database(server, name) as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u")
        with installed(session, version):
            session.run(f"CREATE EXTENSION keras_automl VERSION '{version}'")
        yield session
        session.close()


@contextmanager
def installed(session: Session, version: str) -> Iterator[None]:
    """Let the server find the script of an earlier version; skips where that is not possible."""
    path = extension_folder(session) / f"keras_automl--{version}.sql"
    if not os.access(path.parent, os.W_OK):
        pytest.skip(f"the script of version {version} cannot be put into {path.parent}, which the server reads")
    before = path.read_bytes() if path.exists() else None
    text = (UPGRADE / path.name).read_text()
    path.write_text(text.replace("@PYTHON_SITE@", "/nowhere").replace("@VERSION@", version))
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def extension_folder(session: Session) -> Path:
    """Return the folder of the server's extensions; it is asked for on this machine, where the server is expected to be."""
    body = "import os; return os.path.realpath('/proc/self/exe')"
    session.run("CREATE FUNCTION pg_temp.program() RETURNS text LANGUAGE plpython3u AS %s", body)
    config = Path(session.value("SELECT pg_temp.program()")).parent / "pg_config"
    session.run("DROP FUNCTION pg_temp.program()")
    if not config.exists():
        pytest.skip(f"the server is not on this machine, or has no {config}")
    folder = subprocess.run([config, "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
    return Path(folder) / "extension"


@contextmanager
def undone(session: Session) -> Iterator[None]:
    """Take back whatever is done."""
    session.run("BEGIN")
    try:
        yield
    finally:
        session.run("ROLLBACK")


# --- the catalogs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh(server: str) -> Iterator[Session]:
    """A session in a new database with this version of the extension."""
    with scratch_database(server, "automl_fresh") as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        yield session
        session.close()


@dataclass(frozen=True)
class Updated:
    """A database after the update.

    Attributes:
        db: a session in it, with the schema of the kept tables on its search path.
        before: the rows of each view before the update, with the names of their columns first.
    """

    db: Session
    before: dict[str, Rows]


@pytest.fixture(scope="module")
def updated(server: str, version: str) -> Iterator[Updated]:
    """The runs of an earlier version, in a database that was updated."""
    with database_of(server, version, "automl_updated") as db:
        db.run((UPGRADE / f"record--{version}.sql").read_text())
        if not db.is_greenplum:  # where packed tables are others
            db.run("CREATE SCHEMA t_kept; " + (UPGRADE / f"tables--{version}.sql").read_text())
        before = {view: contents(db, f"madlib.{view}") for view in VIEWS}
        db.run(UPDATE)
        db.run("SET search_path = t_kept")
        yield Updated(db, before)


def contents(session: Session, table: str, columns: str = "*", condition: str = "TRUE") -> Rows:
    """Return the names of columns and, in a fixed order, the rows."""
    with session.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE {condition}")
        rows = sorted((tuple(map(plain, row)) for row in cursor), key=repr)
        assert cursor.description is not None  # a SELECT has columns
        return [tuple(column.name for column in cursor.description), *rows]


def plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def test_the_catalogs_are_those_of_a_new_installation(updated: Updated, fresh: Session) -> None:
    with undone(updated.db):
        updated.db.run("DROP TABLE IF EXISTS madlib.functions")  # of a user
        after = catalog_of(updated.db)
    new = catalog_of(fresh)
    different = [f"- {line}" for line in sorted(new - after)] + [f"+ {line}" for line in sorted(after - new)]
    if different:
        pytest.fail("the update leaves out (-) or leaves behind (+):\n" + "\n".join(different), pytrace=False)


CAST = "CAST (bigint AS madlib.automl_classes)"
CHANGES = [
    "ALTER TABLE madlib.automl_run_log ADD COLUMN x integer",
    "ALTER TABLE madlib.automl_run_log ALTER COLUMN params SET DEFAULT 'x'",
    "ALTER TABLE madlib.automl_run_log ALTER COLUMN inputs SET STORAGE EXTERNAL",
    "ALTER TABLE madlib.automl_tensorboard_setting ALTER COLUMN directory TYPE varchar",
    "ALTER TABLE madlib.automl_run_log ALTER COLUMN method SET NOT NULL",
    "ALTER TABLE madlib.automl_metric_log DROP CONSTRAINT automl_metric_log_pkey",
    "CREATE INDEX ON madlib.automl_run_log (owner)",
    "GRANT SELECT ON madlib.automl_run_log TO PUBLIC",
    "GRANT UPDATE (inputs) ON madlib.automl_run_log TO PUBLIC",
    "COMMENT ON COLUMN madlib.automl_run_log.inputs IS 'x'",
    "COMMENT ON VIEW madlib.automl_runs IS 'x'",
    "ALTER VIEW madlib.automl_runs RESET (security_barrier)",
    "ALTER FUNCTION madlib.automl_kept() STABLE",
    "ALTER FUNCTION madlib.automl_kept() COST 7",
    "REVOKE EXECUTE ON FUNCTION madlib.automl_kept() FROM PUBLIC",
    "CREATE OR REPLACE FUNCTION madlib.automl_kept() RETURNS bytea LANGUAGE plpython3u AS 'return None'",
    "ALTER TYPE madlib.automl_block ADD ATTRIBUTE x integer",
    f"ALTER EXTENSION keras_automl DROP {CAST}; DROP {CAST}; CREATE {CAST} WITH INOUT; ALTER EXTENSION keras_automl ADD {CAST}",
    "ALTER SEQUENCE madlib.automl_run_log_run_id_seq INCREMENT 2",
    "ALTER EXTENSION keras_automl DROP FUNCTION madlib.automl_kept()",
    "CREATE TABLE madlib.left_behind ()",
]


def test_whatever_changes_is_seen(fresh: Session) -> None:
    before = catalog_of(fresh)
    unseen = []
    for change in CHANGES:
        with undone(fresh):
            fresh.run(change)
            unseen += [change] if catalog_of(fresh) == before else []
    assert unseen == []


# --- the runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_runs_are_there_as_they_were(updated: Updated, view: str) -> None:
    columns = ", ".join(updated.before[view][0])
    assert len(updated.before[view]) > 4
    assert contents(updated.db, f"madlib.{view}", columns) == updated.before[view]


def test_a_new_run_gets_a_number_of_its_own(updated: Updated) -> None:
    with undone(updated.db):
        assert updated.db.value("INSERT INTO madlib.automl_runs DEFAULT VALUES RETURNING run_id") == 5


def test_a_function_finds_the_new_package(updated: Updated) -> None:
    updated.db.run("SELECT madlib.hyperband_schedule('public.schedule', 9)")
    assert updated.db.value("SELECT count(*) FROM public.schedule") == 6


@pytest.mark.postgresql("the kept tables were packed on PostgreSQL")
@pytest.mark.parametrize(
    ("done", "cut"), [pytest.param(1, 2, id="hyperband"), pytest.param(3, 4, id="hyperopt", marks=pytest.mark.soak)]
)
def test_a_run_that_was_cancelled_goes_on(updated: Updated, done: int, cut: int) -> None:
    """It makes what its twin made, which was called with the same seed and came to its end: bit for bit.

    Processors with other bits than the one of the kept runs show it by a third call; there both are only nearly the same.
    """
    db = updated.db
    db.run("SET keras_automl.sessions = 0")
    failure = db.error_of("SELECT madlib.automl_resume(%s)", cut)
    remedy = re.search(r"UPDATE .*", failure.hint or "")  # the tables were restored from a dump
    assert remedy
    db.run(remedy.group())
    db.run("SELECT madlib.automl_resume(%s)", cut)
    assert db.fetch("SELECT status, error FROM madlib.automl_runs WHERE run_id = %s", cut) == [("finished", None)]
    if made(db, cut) != made(db, done):
        assert made(db, called_again(db, done)) != made(db, done)
        assert losses(db, cut) == pytest.approx(losses(db, done), rel=0.01)


def made(db: Session, run: int) -> list[Rows]:
    """Return what a run has made that does not tell which run it was, and when."""
    table = db.value("SELECT model_output_table FROM madlib.automl_runs WHERE run_id = %s", run)
    info, metrics = (
        ", ".join(column for column in contents(db, view)[0] if column not in OF_THE_RUN)
        for view in (f"{table}_info", "madlib.automl_metrics")
    )
    return [
        contents(db, table),
        contents(db, f"{table}_best"),
        contents(db, f"{table}_info", info),
        contents(db, "madlib.automl_metrics", metrics, f"run_id = {run}"),
    ]


def called_again(db: Session, run: int) -> int:
    """Make the call of a run once more, now, and return the number of the new run."""
    given = json.loads(db.value("SELECT arguments FROM madlib.automl_runs WHERE run_id = %s", run))
    name = f"again_{run}"
    search(db, name, **{**given, "model_output_table": name, "model_selection_table": f"{name}_best"})
    return int(db.value("SELECT max(run_id) FROM madlib.automl_runs"))


def losses(db: Session, run: int) -> dict[int, float]:
    """Return the last loss of each trial of a run."""
    return dict(db.fetch("SELECT mst_key, loss FROM madlib.automl_trials WHERE run_id = %s", run))


# --- the update itself --------------------------------------------------------------------------------------------------


def test_a_search_under_way_is_not_disturbed(server: str, version: str) -> None:
    with database_of(server, version, "automl_busy") as db:
        caller = connect_to(db.dsn)
        caller.run("SELECT pg_advisory_lock(%s, 7)", int(Lock.RUN))
        failure = db.error_of(UPDATE)
        assert (failure.sqlstate, failure.message) == ("55006", "run 7 is under way")
        assert failure.hint is not None
        assert f"pg_cancel_backend({caller.info.backend_pid})" in failure.hint
        assert db.value("SELECT extversion FROM pg_extension WHERE extname = 'keras_automl'") == version
        caller.run("SELECT pg_advisory_unlock_all()")
        db.run(UPDATE)
        caller.close()


@pytest.mark.postgresql("no statement takes the lock that a call takes there")
def test_a_call_under_way_is_not_disturbed(server: str, version: str) -> None:
    with database_of(server, version, "automl_busy") as db:
        caller = connect_to(db.dsn)
        caller.run("BEGIN; SELECT pg_get_object_address('extension', '{keras_automl}', '{}')")
        failure = db.error_of(UPDATE)
        pid = caller.info.backend_pid
        assert failure[:2] == ("55006", f"the transaction of process {pid} uses the extension")
        assert failure.hint == f"Wait until it is over, or end it: SELECT pg_terminate_backend({pid})"
        caller.run("ROLLBACK")
        db.run(UPDATE)
        caller.close()


def test_there_is_no_way_back(updated: Updated, version: str) -> None:
    failure = updated.db.error_of(f"{UPDATE} TO '{version}'")
    rule = f'extension "keras_automl" has no update path from version "{__version__}" to version "{version}"'
    assert (failure.sqlstate, failure.message) == ("22023", rule)
