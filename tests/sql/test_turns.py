"""Many searches at once: never more sessions than the limit, in the order in which they came, in whatever database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from automl.cluster.connection import Address, Unreachable
from automl.cluster.driver import pq
from automl.cluster.login import login
from automl.cluster.terms import Refused
from automl.cluster.turns import Turns
from automl.database.locks import Lock
from fix_calls import Call, waited
from fix_cluster import Cancelled
from fix_db import Session, connect_to, scratch_database
from fix_search import dense, in_schema, load, make_iris, search

pytestmark = pytest.mark.alone
PATIENCE = 120.0  # seconds
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted"


def never() -> None:
    """No cancellation is pending."""


def address_of(session: Session) -> Address:
    at = session.info
    return Address(at.host, at.port, at.dbname, at.user, superuser=True, settings="-c lock_timeout=2s")


@pytest.fixture
def address(db: Session) -> Address:
    """Where sessions log in, while nobody else trains or waits."""
    assert waited(lambda: not db.value(LOCKS, int(Lock.SESSION)) + db.value(LOCKS, int(Lock.TICKET)), PATIENCE)
    return address_of(db)


@contextmanager
def session_of(turns: Turns) -> Iterator[pq.abc.PGconn]:
    """A session that has come in."""
    pgconn = login(turns.address, "keras_automl session 1", never)
    try:
        turns.admit(pgconn)
        yield pgconn
    finally:
        pgconn.finish()


class Search(threading.Thread):
    """A search that waits for its turn, opens as many sessions as it may and keeps them until it is told to end."""

    def __init__(self, name: str, address: Address, total: int, wanted: int, begun: list[str], least: int = 1) -> None:
        super().__init__(daemon=True)
        self.said: list[str] = []
        self.over = threading.Event()
        self.opened = 0
        self._called, self._wanted, self._begun = name, wanted, begun
        self._turns = Turns(address, name, never, self.said.append, total, least)
        self.start()

    def run(self) -> None:
        sessions = []
        with self._turns.turn() as room:
            self._begun.append(self._called)
            for _ in range(min(room, self._wanted)):
                sessions.append(login(self._turns.address, "keras_automl session", never))
                self._turns.admit(sessions[-1])
        self.opened = len(sessions)
        self.over.wait(PATIENCE)
        for pgconn in sessions:
            pgconn.finish()


def in_line(db: Session, count: int) -> bool:
    return waited(lambda: db.value(LOCKS, int(Lock.TICKET)) == count, PATIENCE)


def test_a_search_takes_what_there_is_room_for(address: Address, db: Session) -> None:
    turns = Turns(address, "the search", never, print, total=3)
    with turns.turn() as room, session_of(turns), session_of(turns):
        assert room == 3
        assert db.value(LOCKS, int(Lock.SESSION)) == 2
        with session_of(turns), pytest.raises(Refused, match=r"keras_automl\.total_sessions is 3"), session_of(turns):
            pass
    assert waited(lambda: db.value(LOCKS, int(Lock.SESSION)) == 0, PATIENCE)


def test_those_who_wait_begin_in_the_order_in_which_they_came(address: Address, db: Session) -> None:
    begun: list[str] = []
    searches = [Search("first", address, 2, 2, begun, least=2)]
    assert waited(lambda: searches[0].opened == 2, PATIENCE)
    for number, name in enumerate(("second", "third", "fourth"), 1):
        searches.append(Search(name, address, 2, 2, begun, least=2))
        assert in_line(db, number)
    assert waited(lambda: searches[3].said != [], PATIENCE)
    most = 0
    for at, each in enumerate(searches):
        assert waited(lambda: len(begun) == at + 1 and each.opened == 2, PATIENCE), begun  # noqa: B023
        most = max(most, db.value(LOCKS, int(Lock.SESSION)))
        each.over.set()
        each.join(PATIENCE)
    assert begun == ["first", "second", "third", "fourth"]
    assert most == 2
    said = searches[3].said
    assert said[0] == ("fourth waits for its turn: 2 sessions train, keras_automl.total_sessions is 2; searches before it: 2")
    assert searches[0].said == []


def test_the_line_is_one_for_all_databases(address: Address, db: Session, server: str) -> None:
    begun: list[str] = []
    with scratch_database(server, "automl_other") as dsn:
        other = connect_to(dsn)
        there = address_of(other)
        other.close()
        searches = [Search("here", address, 1, 1, begun)]
        assert waited(lambda: searches[0].opened == 1, PATIENCE)
        for number, (name, where) in enumerate((("there", there), ("here again", address), ("there again", there)), 1):
            searches.append(Search(name, where, 1, 1, begun))
            assert in_line(db, number)
        for each in searches:
            assert waited(lambda: each.opened == 1, PATIENCE), begun  # noqa: B023
            assert db.value(LOCKS, int(Lock.SESSION)) == 1
            each.over.set()
            each.join(PATIENCE)
    assert begun == ["here", "there", "here again", "there again"]


def test_who_needs_more_sessions_than_may_train_trains_alone(address: Address) -> None:
    begun: list[str] = []
    one = Search("one", address, 2, 1, begun)
    assert waited(lambda: one.opened == 1, PATIENCE)
    three = Search("three", address, 2, 3, begun, least=3)
    assert waited(lambda: three.said != [], PATIENCE)
    assert begun == ["one"]
    one.over.set()
    assert waited(lambda: three.opened == 3, PATIENCE)
    three.over.set()
    three.join(PATIENCE)


def test_a_session_that_was_missing_comes_in_when_there_is_room_and_nobody_waits(address: Address, db: Session) -> None:
    turns, begun = Turns(address, "the search", never, print, total=2), list[str]()
    with turns.turn(), session_of(turns):
        pass
    with session_of(turns):
        waiting = Search("waits", address, 2, 2, begun, least=2)
        assert in_line(db, 1)
        with pytest.raises(Refused, match="other searches wait for their turn"), session_of(turns):
            pass
    assert waited(lambda: waiting.opened == 2, PATIENCE)
    with pytest.raises(Refused, match=r"keras_automl\.total_sessions is 2"), session_of(turns):
        pass
    waiting.over.set()
    waiting.join(PATIENCE)
    assert waited(lambda: db.value(LOCKS, int(Lock.SESSION)) == 0, PATIENCE)
    with session_of(turns):
        assert db.value(LOCKS, int(Lock.SESSION)) == 1


def test_who_is_cancelled_leaves_the_line(address: Address, db: Session) -> None:
    begun: list[str] = []
    first = Search("first", address, 1, 1, begun)
    assert waited(lambda: first.opened == 1, PATIENCE)
    cancelled = time.monotonic() + 1

    def interrupt() -> None:
        if time.monotonic() > cancelled:
            raise Cancelled

    with pytest.raises(Cancelled), Turns(address, "the search", interrupt, print, total=1).turn():
        pass
    assert time.monotonic() - cancelled < 1
    assert in_line(db, 0)
    first.over.set()
    first.join(PATIENCE)


def test_a_server_that_lets_nobody_wait_is_unreachable(db: Session) -> None:
    nowhere = Address("/nonexistent", 1, "nothing", "nobody", superuser=False, settings="")
    with pytest.raises(Unreachable), Turns(nowhere, "the search", never, print, total=1).turn():
        pass


@pytest.fixture(scope="module")
def many(database: str) -> Iterator[str]:
    """A schema with the packed tables and a network."""
    session = in_schema(database, "t_many")
    make_iris(session)
    load(session, "lib", dense(3))
    session.close()
    yield database


@pytest.mark.postgresql("there a search needs a session for each segment")
@pytest.mark.parametrize("number", [2, pytest.param(6, marks=pytest.mark.soak)])
def test_searches_at_once_never_have_more_sessions_than_the_limit(
    many: str, connect: Callable[..., Session], number: int
) -> None:
    watcher = connect_to(many)
    watcher.run("SET search_path = t_many")
    assert waited(lambda: not watcher.value(LOCKS, int(Lock.SESSION)), PATIENCE)
    callers, calls, most = [], [], 0
    names = [f"many_{number}_{at}" for at in range(number)]

    def make(name: str) -> Callable[[Session], None]:
        return lambda session: search(session, name)

    holders = [connect_to(many) for _ in range(2)]  # stand for a search that trains until all others are in line
    for holder in holders:
        holder.run("SELECT pg_advisory_lock_shared(%s, 0)", int(Lock.SESSION))
    for waiting, name in enumerate(names, 1):
        callers.append(connect_to(many))
        callers[-1].run("SET search_path = t_many; SET keras_automl.sessions = 2; SET keras_automl.total_sessions = 2")
        calls.append(Call(callers[-1], make(name)))
        assert waited(lambda: watcher.value(LOCKS, int(Lock.TICKET)) == waiting or not calls[-1].is_alive(), PATIENCE)  # noqa: B023
    for holder in holders:
        holder.close()
    while any(call.is_alive() for call in calls):
        most = max(most, watcher.value(LOCKS, int(Lock.SESSION)))
        time.sleep(0.02)
    assert [call.error for call in calls] == [None] * number
    assert most == 2
    table = "split_part(model_output_table, '.', 2)"
    runs = f"SELECT {table} FROM madlib.automl_runs WHERE {table} ~ '^many_{number}_' ORDER BY run_id"
    assert [name for (name,) in watcher.fetch(runs)] == names
    found = {watcher.value(f"SELECT md5(string_agg(md5(model_weights), ',' ORDER BY mst_key)) FROM {name}") for name in names}
    assert len(found) == 1
    assert any("waits for its turn: " in notice for notice in callers[-1].notices)
    for session in (*callers, watcher):
        session.close()


def test_the_setting_has_bounds(db: Session) -> None:
    make_iris(db)
    load(db, "lib", dense(3))
    db.run("SET keras_automl.total_sessions = 0")
    with pytest.raises(psycopg2.Error, match=r"keras_automl\.total_sessions must be a whole number from 1 to 100000, is '0'"):
        search(db, "o")
