"""The server refuses to write the record for a while: training goes on, and what was kept is written afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fix_calls import Call, begun, waited
from fix_db import Session, connect_to
from fix_own_server import OwnServer
from fix_search import dense, in_schema, load, make_iris, search, sequential

pytestmark = pytest.mark.postgresql("Greenplum lets no trigger look at other tables")
PATIENCE = 120.0
MD5 = "SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {}"
LAST = "SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs"
LARGE = sequential(  # a state of 3 MB
    ("Dense", {"units": 100_000, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
LOGS = [f"madlib.automl_{log}_log" for log in ("state", "progress", "metric", "checkpoint")]
# What a server says of conflicts, of a full disk, of memory, of files, and when it is about to stop.
CODES = ["40001", "40P01", "53100", "53200", "58030", "57P01", "55P03"]


def some_seconds(session: Session, name: str) -> None:
    search(session, name, automl_params="R=9, eta=3", fit_params_grid="{'batch_size': [1], 'epochs': [4]}", random_state=5)


def large(session: Session, name: str) -> None:
    search(session, name, automl_params="R=9, eta=3", random_state=5)


def make(session: Session) -> None:
    some_seconds(session, "made")


@pytest.fixture
def prepared(db: Session) -> Session:
    make_iris(db)
    load(db, "lib", dense(3))
    db.run("SET keras_automl.sessions = 1")
    some_seconds(db, "undisturbed")
    return db


@pytest.fixture
def refusing(prepared: Session, connect: Callable[..., Session]) -> Iterator[Session]:
    """A session at whose word the record's tables refuse rows: with the code that table `refused` holds.

    They take those of the caller's own transaction, which ends the run: that is lost with all else that it writes.
    """
    session = connect()
    schema = session.value("SELECT current_schema()")
    session.run(
        f"CREATE TABLE refused (code text); GRANT USAGE ON SCHEMA {schema} TO PUBLIC; GRANT SELECT ON refused TO PUBLIC"
    )
    session.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE it text; BEGIN"
        f" SELECT code INTO it FROM {schema}.refused;"
        f" IF it IS NULL OR pg_backend_pid() = {prepared.info.backend_pid} THEN RETURN NEW; END IF;"
        " RAISE EXCEPTION 'refused for the test' USING ERRCODE = it; END $$"
    )
    for log in LOGS:
        session.run(f"CREATE TRIGGER refuse BEFORE INSERT ON {log} FOR EACH ROW EXECUTE FUNCTION refuse()")
    yield session
    for log in LOGS:
        session.run(f"DROP TRIGGER refuse ON {log}")


def test_what_the_server_refuses_for_a_while_is_written_later(prepared: Session, refusing: Session) -> None:
    call = begun(refusing, prepared, make)
    refused = 0
    for code in CODES:
        refusing.run("INSERT INTO refused VALUES (%s)", code)
        time.sleep(0.7)
        refused += call.is_alive()
        assert call.is_alive() or call.error is None, call.error
        refusing.run("DELETE FROM refused")
        time.sleep(0.1)
    call.join(PATIENCE)
    assert call.error is None
    assert refused > 0
    assert refusing.value(MD5.format("made")) == refusing.value(MD5.format("undisturbed"))
    run = refusing.value(LAST)
    assert refusing.value("SELECT status FROM madlib.automl_runs WHERE run_id = %s", run) == "finished"
    evaluated = "SELECT count(*) FROM madlib.automl_metrics WHERE run_id = %s"
    assert refusing.value(evaluated, run) == refusing.value(evaluated, run - 1)  # that of the run that nothing disturbed


@pytest.mark.soak
def test_what_will_never_be_written_ends_the_search(prepared: Session, refusing: Session) -> None:
    call = begun(refusing, prepared, make)
    refusing.run("INSERT INTO refused VALUES ('22000')")
    call.join(PATIENCE)
    assert call.error is not None
    failure = prepared.failure(call.error)
    assert (failure.sqlstate, failure.message) == ("22000", "the record cannot be written: refused for the test")
    assert refusing.value("SELECT to_regclass('made') IS NULL")
    refusing.run("DELETE FROM refused")
    prepared.run("SELECT madlib.automl_resume(%s)", refusing.value(LAST))
    assert refusing.value(MD5.format("made")) == refusing.value(MD5.format("undisturbed"))


@pytest.mark.soak
def test_after_a_minute_a_warning_says_so_and_training_goes_on(prepared: Session, refusing: Session) -> None:
    before = refusing.value(LAST)
    call = begun(refusing, prepared, make)
    refusing.run("INSERT INTO refused VALUES ('53100')")
    time.sleep(64)
    assert call.is_alive(), call.error
    refusing.run("DELETE FROM refused")
    call.join(PATIENCE)  # psycopg2 tells what was said when the statement is over
    assert call.error is None
    said = re.compile("the record has not been written for 6[0-9] s: refused for the test; training goes on, and what is not")
    assert len([notice for notice in prepared.notices if said.search(notice)]) == 1, prepared.notices
    assert refusing.value(LAST) == before + 1
    assert refusing.value(MD5.format("made")) == refusing.value(MD5.format("undisturbed"))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk that has room for the states of some searches."""
    folder = Path(tempfile.mkdtemp(prefix="keras_automl_small_disk_", dir="/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", "size=512m,mode=777", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        folder.rmdir()
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.soak
def test_a_search_goes_on_when_a_full_disk_has_room_again(own_server: OwnServer, small_disk: Path) -> None:
    place = small_disk / "tables"
    place.mkdir()
    shutil.chown(place, small_disk.owner() if os.geteuid() else "postgres")
    session, watcher = in_schema(own_server.dsn, "t_full"), connect_to(own_server.dsn)
    session.run(f"CREATE TABLESPACE small LOCATION '{place}'")
    session.run("ALTER TABLE madlib.automl_checkpoint_log SET TABLESPACE small")
    make_iris(session)
    load(session, "lib", LARGE)
    session.run("SET keras_automl.sessions = 1; SET keras_automl.checkpoint_mb_per_hour = 100000")
    large(session, "undisturbed")
    session.run("TRUNCATE madlib.automl_checkpoint_log")  # there is no room in the table either
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free - 2**20)  # a state has 3 MB
    call = Call(session, lambda caller: large(caller, "made"))
    try:
        full = "could not extend file"
        assert waited(lambda: full in own_server.log.read_text() or not call.is_alive(), PATIENCE)
        assert call.is_alive(), call.error
        time.sleep(2)
        filler.unlink()
        call.join(PATIENCE)
        assert call.error is None
        assert session.value(MD5.format("made")) == session.value(MD5.format("undisturbed"))
    finally:
        watcher.run("SELECT pg_cancel_backend(%s)", session.info.backend_pid)
        call.join(PATIENCE)
        session.close()
        watcher.run("ALTER TABLE madlib.automl_checkpoint_log SET TABLESPACE pg_default; DROP SCHEMA t_full CASCADE")
        watcher.run("DROP TABLESPACE small")
        watcher.close()
