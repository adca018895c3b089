"""The executors: whichever sessions train, and whatever becomes of them, the weights are the same bits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import psycopg2
import pytest

from automl.cluster import outbox
from automl.cluster.channel import Channel
from automl.cluster.connection import Address, logging_in
from automl.cluster.driver import psycopg
from automl.cluster.waits import Wait
from automl.training.rows import Integer, Row
from automl.training.statements import Table
from fix_calls import waited
from fix_db import Session
from fix_search import COMPILE, FIT, PAGE_COMPILE, PAGE_FIT, lent, load, make_iris, search, sequential
from keras_seg.protocol.variables import Variable, Variables
from keras_seg.training.buffers import in_parts

TWO_LAYERS = sequential(
    ("Dense", {"units": 6, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.2}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
MD5 = "SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {}"
CURVES = "SELECT md5(string_agg(training_loss::text || validation_metrics::text, ',' ORDER BY mst_key)) FROM {}_info"


@dataclass(frozen=True)
class Noted(Row):
    """A row of a table of a test."""

    number: Integer


def small_search(session: Session, name: str, **arguments: object) -> tuple[str, str]:
    given: dict[str, object] = {
        "model_arch_table": "nets",
        "model_id_list": [1],
        "compile_params_grid": COMPILE,
        "fit_params_grid": FIT,
        "automl_params": "R=3, eta=3",
        "random_state": 5,
        "validation_table": "val",
        "metrics_compute_frequency": 1,
    }
    search(session, name, **{**given, **arguments})
    return session.value(MD5.format(name)), session.value(CURVES.format(name))


@pytest.fixture
def prepared(quick: Session) -> Iterator[Session]:
    """A session that has imported TensorFlow, and sessions are kept for, in a schema with packed tables and a network."""
    with lent(quick, "t_sessions") as session:
        make_iris(session)
        load(session, "nets", TWO_LAYERS)
        yield session


class Stumbling:
    """A session of the searches in this block stops again and again, as on a machine with other things to do."""

    def __init__(self, watcher: Session) -> None:
        self.times = 0
        self._watcher = watcher
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trip)

    def __enter__(self) -> Stumbling:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _trip(self) -> None:
        while not self._over.wait(0.02):
            for (pid,) in self._watcher.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'keras_automl session 1' AND state = 'active'"
                " AND query ~ 'automl_visit' AND datname = current_database()"
            ):
                with suppress(ProcessLookupError):  # its search is over
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(0.1)
                    os.kill(pid, signal.SIGCONT)
                    self.times += 1


# sessions (0: the caller's own), whether they cache, whether one of them stumbles
TWO = [(0, False, False), (2, True, True)]
TEN = [
    (0, False, False), (0, True, False), (1, False, False), (1, True, True), (2, False, False), (2, True, False),
    (2, False, True), (4, False, False), (4, True, False), (4, False, True),
]  # fmt: skip


@pytest.mark.parametrize("runs", [pytest.param(TWO, id="two"), pytest.param(TEN, id="ten", marks=pytest.mark.soak)])
def test_runs_on_any_sessions_give_the_same_bits(
    prepared: Session, connect: Callable[..., Session], runs: list[tuple[int, bool, bool]]
) -> None:
    found, stumbled = set(), 0
    for number, (sessions, caching, stumbles) in enumerate(runs):
        prepared.run(f"SET keras_automl.sessions = {sessions}")
        with Stumbling(connect()) if stumbles else nullcontext() as stumbling:
            found.add(small_search(prepared, f"found_{number}", use_caching=caching))
        stumbled += stumbling.times if stumbling else 0
    assert len(found) == 1
    assert stumbled > 0


def meanwhile(watcher: Session, sql: str) -> Callable[[], Any]:
    """Run `sql` as soon as the next search has trained something; return what waits for it and gives its value."""
    found: list[Any] = []
    before = watcher.value("SELECT coalesce(max(run_id), 0) FROM madlib.automl_runs")

    def interfere() -> None:
        deadline = time.monotonic() + 60
        progress = "SELECT coalesce(max(iteration), 0) FROM madlib.automl_trials WHERE run_id > %s"
        while time.monotonic() < deadline and not watcher.value(progress, before):
            time.sleep(0.01)
        found.append(watcher.value(sql))

    def outcome() -> Any:
        thread.join()
        return found[0]

    thread = threading.Thread(target=interfere)
    thread.start()
    return outcome


PAGE = {"compile_params_grid": PAGE_COMPILE, "fit_params_grid": PAGE_FIT, "automl_params": "R=9, eta=3"}


@pytest.mark.parametrize("name", ["keras_automl session 1", "keras_automl record"])
@pytest.mark.soak
def test_a_session_that_is_killed_is_replaced(prepared: Session, connect: Callable[..., Session], name: str) -> None:
    prepared.run("SET keras_automl.sessions = 2")
    untouched = small_search(prepared, "untouched", **PAGE)
    killed = meanwhile(
        connect(),
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{name}'"
        " AND datname = current_database()",
    )
    again = small_search(prepared, "disturbed", **PAGE)
    assert killed() == 1
    assert again == untouched
    assert prepared.value("SELECT status FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1") == "finished"


def test_what_was_written_is_not_written_twice_where_the_answer_was_lost(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    db.run("CREATE TABLE noted (run_id bigint, number integer PRIMARY KEY)")
    at, written = db.info, list[str]()
    box = outbox.Outbox(Address(at.host, at.port, at.dbname, at.user, superuser=True, settings=""), "test", lambda: None)
    transaction = Channel.transaction

    def committed_and_lost(channel: Channel, statements: Any) -> Any:
        yield from transaction(channel, statements)
        monkeypatch.setattr(Channel, "transaction", transaction)
        channel.close()
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr(Channel, "transaction", committed_and_lost)
    noted = Table(f"{db.value('SELECT current_schema()')}.noted", ("number",))
    box.post(noted.insert(7, [Noted(1), Noted(2)]), lambda: written.append("once"))
    box.finish()
    box.close()
    assert db.fetch("SELECT run_id, number FROM noted ORDER BY number") == [(7, 1), (7, 2)]
    assert written == ["once"]


def box_and_table(db: Session) -> tuple[outbox.Outbox, Table]:
    """An outbox of our own, and the table `noted` that it writes."""
    db.run("CREATE TABLE noted (run_id bigint, number integer PRIMARY KEY)")
    at = db.info
    box = outbox.Outbox(Address(at.host, at.port, at.dbname, at.user, superuser=True, settings=""), "test", lambda: None)
    return box, Table(f"{db.value('SELECT current_schema()')}.noted", ("number",))


def test_the_last_words_are_said_where_a_connection_is_deaf_and_a_new_one_takes_a_while(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, noted = box_and_table(db)
    transaction = Channel.transaction

    def deaf(channel: Channel, statements: Any) -> Any:
        channel.idle = False
        monkeypatch.setattr(Channel, "transaction", transaction)
        yield Wait()

    def slow(address: Address, name: str) -> Any:
        yield Wait(until=time.monotonic() + 1.1)
        return (yield from logging_in(address, name))

    monkeypatch.setattr(Channel, "transaction", deaf)
    monkeypatch.setattr(outbox, "logging_in", slow)
    begin = time.monotonic()
    box.leave(noted.insert(7, [Noted(1)]), 2.0)
    assert time.monotonic() - begin < 2.2
    box.close()
    assert db.fetch("SELECT run_id, number FROM noted") == [(7, 1)]


def test_the_last_words_go_where_the_answer_to_those_before_has_come_and_was_not_read(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, noted = box_and_table(db)
    box.post(noted.insert(7, [Noted(1)]))
    assert waited(lambda: db.value("SELECT count(*) FROM noted") == 1, 10)  # while nobody listens

    def refused(address: Address, name: str) -> NoReturn:
        raise AssertionError("a new connection")

    monkeypatch.setattr(outbox, "logging_in", refused)
    box.leave(noted.insert(7, [Noted(2)]), 2.0)
    box.close()
    assert db.fetch("SELECT number FROM noted ORDER BY number") == [(1,), (2,)]


@pytest.mark.postgresql("Greenplum keeps no foreign keys, and refuses WITH ... DELETE where there are rules")
def test_deleting_a_run_that_is_under_way_ends_it(prepared: Session, connect: Callable[..., Session]) -> None:
    prepared.run("SET keras_automl.sessions = 1")
    deleted = meanwhile(
        connect(),
        "WITH gone AS (DELETE FROM madlib.automl_runs WHERE run_id = (SELECT max(run_id) FROM madlib.automl_runs) RETURNING 1)"
        " SELECT count(*) FROM gone",
    )
    with pytest.raises(psycopg2.Error, match=r"the run was deleted from madlib\.automl_runs while it was under way") as caught:
        small_search(prepared, "o", **PAGE | {"automl_params": "R=27, eta=3"})
    assert (deleted(), caught.value.pgcode) == (1, "55000")
    assert prepared.value("SELECT to_regclass('o')") is None


def test_rows_that_are_not_committed_are_searched_in_the_callers_session(prepared: Session) -> None:
    prepared.run("SET keras_automl.sessions = 2")
    committed = small_search(prepared, "committed")
    prepared.notices.clear()
    prepared.autocommit = False
    try:
        prepared.run("CREATE TABLE mine AS TABLE train; CREATE TABLE mine_summary AS TABLE train_summary")
        assert small_search(prepared, "uncommitted", source_table="mine") == committed
        prepared.rollback()
    finally:
        prepared.autocommit = True
    assert any("the search runs in this session" in notice for notice in prepared.notices)
    assert prepared.value("SELECT to_regclass('uncommitted') IS NULL")


def test_a_rollback_takes_the_tables_back(prepared: Session) -> None:
    prepared.run("SET keras_automl.sessions = 0; BEGIN")
    small_search(prepared, "taken_back")
    assert prepared.value("SELECT count(*) FROM pg_class WHERE relname ~ '^taken_back'") > 3
    prepared.run("ROLLBACK")
    assert prepared.value("SELECT count(*) FROM pg_class WHERE relname ~ '^taken_back'") == 0
    assert prepared.value("SELECT count(*) FROM madlib.automl_runs WHERE model_output_table ~ 'taken_back'") == 0


def test_changed_rows_of_a_committed_table_are_seen(prepared: Session) -> None:
    prepared.run("SET keras_automl.sessions = 1")
    prepared.notices.clear()
    prepared.autocommit = False
    try:
        prepared.run("UPDATE train SET class_text = class_text")
        small_search(prepared, "changed")
        prepared.rollback()
    finally:
        prepared.autocommit = True
    assert any("another session sees other rows" in notice for notice in prepared.notices)


@pytest.mark.postgresql("a segment's process is handed its buffers")
def test_a_large_buffer_is_read_in_parts(db: Session) -> None:
    rows = "SELECT n, decode(repeat(md5(n::text), 40000 * n), 'hex') AS x, decode(repeat('00', n), 'hex') AS y FROM {}"
    db.run(f"CREATE TABLE packed AS {rows.format('generate_series(0, 4) AS n')}")
    variables = Variables((Variable("x", (1,), "float32"),), Variable("y", (1,), "int16"))
    (x, x_shape), (y, y_shape) = variables.names
    columns = f"x AS {x}, '{{1}}'::int[] AS {x_shape}, y AS {y}, '{{1}}'::int[] AS {y_shape}"
    db.run(f"PREPARE parts(integer) AS {in_parts(f'SELECT {columns} FROM packed WHERE n <> $1 ORDER BY n', variables)}")
    found = db.fetch("EXECUTE parts(2)")
    assert [getattr(row, f"{x}_bytes") for row in found] == [0, 640_000, *[1_920_000] * 2, *[2_560_000] * 3]
    for column, name in (("x", x), ("y", y)):
        whole = db.fetch(f"SELECT {column} FROM packed WHERE n <> 2 ORDER BY n")
        assert b"".join(bytes(getattr(row, name)) for row in found) == b"".join(bytes(value) for (value,) in whole)


@pytest.mark.soak
def test_large_states_in_parts_and_in_the_table_are_the_same_bits(prepared: Session) -> None:
    prepared.run("SET keras_automl.sessions = 2")
    plenty = small_search(prepared, "plenty")
    wide = sequential(
        ("Dense", {"units": 70_000, "activation": "relu", "batch_input_shape": [None, 4]}),
        ("Dense", {"units": 3, "activation": "softmax"}),
    )
    load(prepared, "nets", wide)
    prepared.run("SET keras_automl.state_memory_mb = 1")
    few = small_search(prepared, "few", model_id_list=[2])
    prepared.run("SET keras_automl.state_memory_mb = 1000")
    assert small_search(prepared, "many", model_id_list=[2]) == few != plenty
    prepared.run("SET keras_automl.sessions = 0")
    assert small_search(prepared, "alone", model_id_list=[2]) == few
