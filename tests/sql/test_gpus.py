"""GPUs in SQL: a table of them, and what is said where there are none. The inventory of a host is made up in some tests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import psycopg2
import pytest

from fix_db import Session
from fix_search import dense, load, make_iris, search
from keras_seg.protocol.orders import SessionSetup

pytestmark = pytest.mark.keeps_none

ASK = "madlib.automl_gpus(text)"


@pytest.fixture
def equipped(db: Session) -> Iterator[Session]:
    """A session on a server whose driver seems to show a GPU, with packed tables and a library."""
    before = db.value("SELECT pg_get_functiondef(%s::regprocedure)", ASK)
    found = {"host": "h", "gpus": [{"name": "GPU-aa", "description": "GPU 0: made up"}]}
    db.run("CREATE OR REPLACE FUNCTION madlib.automl_gpus(source text) RETURNS text LANGUAGE sql VOLATILE AS"
           f" $$ SELECT '{json.dumps(found)}'::text $$")  # fmt: skip
    make_iris(db)
    load(db, "lib", dense(3))
    yield db
    db.run(before)


# A text that was not given is 'tensorflow', which is imported in a process of its own.
NOT_GIVEN = [pytest.param(source, marks=pytest.mark.soak) for source in ("'TensorFlow'", "NULL")]


@pytest.mark.parametrize("source", ["'nvidia'", "''", *NOT_GIVEN])
def test_a_host_without_gpus(db: Session, source: str) -> None:
    if db.value("SELECT madlib.automl_gpus('nvidia')::json #>> '{gpus,0,name}'") is not None:
        pytest.skip("this host has a GPU")
    db.run(f"SELECT madlib.gpu_configuration('t', {source})")
    assert db.fetch("SELECT hostname, gpu_descr FROM t") == []


def test_a_row_for_each_gpu(equipped: Session) -> None:
    equipped.run("SELECT madlib.gpu_configuration('t')")
    assert [gpu for _, gpu in equipped.fetch("SELECT hostname, gpu_descr FROM t")] == ["GPU 0: made up"]
    if not equipped.is_greenplum:
        assert equipped.value("SELECT hostname FROM t") == "h"


def test_bad_input(db: Session) -> None:
    failure = db.error_of("SELECT madlib.gpu_configuration('t', 'cuda')")
    assert (failure.sqlstate, failure.message) == ("22023", "source: must be 'tensorflow' or 'nvidia', got 'cuda'")
    db.run("CREATE TABLE t ()")
    assert db.error_of("SELECT madlib.gpu_configuration('t')").sqlstate == "42P07"
    assert db.error_of("SELECT madlib.gpu_configuration(NULL)").sqlstate == "22004"


def test_an_ordinary_role_may_ask(role: str, connect: object) -> None:
    session = connect(user=role)  # type: ignore[operator]
    session.run("SELECT madlib.gpu_configuration('t', 'nvidia')")
    assert session.value("SELECT count(*) >= 0 FROM t")


def test_help_is_told_without_an_argument(db: Session) -> None:
    assert db.value("SELECT madlib.gpu_configuration()").startswith("madlib.gpu_configuration\n\nWrites the GPUs of each host")


@pytest.mark.postgresql("there the hosts of the segments are named; which that are differs")
def test_a_search_without_gpus_names_the_host_and_makes_nothing(db: Session) -> None:
    make_iris(db)
    load(db, "lib", dense(3))
    with pytest.raises(Exception, match="use_gpus: needs a GPU on every host") as caught:
        search(db, "out", use_gpus=True, automl_params="R=1, eta=2")
    assert f"shows none on {socket.gethostname()}" in str(caught.value)  # reported with the other problem
    assert '"R" must be an integer of at least eta' in str(caught.value)
    assert "madlib.gpu_configuration('t', 'nvidia')" in str(caught.value)
    assert db.fetch("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'out%'") == []
    assert db.fetch("SELECT 1 FROM madlib.automl_runs WHERE model_output_table ~ 't_a_search_without'") == []


@pytest.mark.parametrize("sessions", [0, 2])
def test_a_session_looks_for_its_gpu_itself(equipped: Session, sessions: int) -> None:
    equipped.run(f"SET keras_automl.sessions = {sessions}")
    with pytest.raises(psycopg2.Error, match="use_gpus: there is no GPU GPU-aa on this host, which has none") as caught:
        search(equipped, "out", use_gpus=True)
    failure = equipped.failure(caught.value)
    assert (failure.sqlstate, failure.hint) == ("55000", "Call again: the driver may have lost it since.")
    assert equipped.fetch("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'out%'") == []


def test_a_session_cannot_change_its_devices(quick: Session) -> None:
    quick.run("SELECT madlib.automl_open(%s)", SessionSetup().to_json())
    failure = quick.error_of("SELECT madlib.automl_open(%s)", SessionSetup(gpus=("GPU-aa",)).to_json())
    assert (failure.sqlstate, failure.hint) == ("55000", "Reconnect.")
    assert failure.message == ("use_gpus: TensorFlow began in this session without a GPU and cannot change to run on GPU-aa")
