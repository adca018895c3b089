"""Sessions that stay for the next call: what they are good for, what they hold, and what ends them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest

from automl.database.locks import Lock
from fix_calls import waited
from fix_db import KEEPS, Session, connect_to, is_as_new
from fix_search import FOR_TENSORFLOW, dense, load, make_iris, search, sequential

KEPT = "SELECT pid FROM pg_stat_activity WHERE application_name = 'keras_automl kept' AND datname = current_database()"
COMPILE = "{'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01, 0.1, 'log']}]}"
FIT = "{'batch_size': [8], 'epochs': [1]}"
WEIGHTS = "SELECT md5(string_agg(model_weights, '' ORDER BY mst_key)) FROM {}"
LOSSES = "SELECT mst_key, training_loss FROM {}_info ORDER BY 1"


@pytest.fixture(scope="module")
def callers(database: str) -> Iterator[list[Session]]:
    """The session of `caller` that the test before has left, with those that are kept for it."""
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.close()


@pytest.fixture
def caller(callers: list[Session], database: str, db: Session) -> Session:
    """A session that keeps its sessions, and a search's tables in the schema of `db`, which looks on."""
    make_iris(db)
    load(db, "lib", dense(3), dense(3, activation="sigmoid"))
    if not callers or callers[0].closed:
        callers[:] = [connect_to(database)]
    assert is_as_new(callers[0])
    callers[0].run(f"SET search_path = {db.value('SELECT current_schema()')}; {KEEPS}")
    return callers[0]


@pytest.fixture
def bare(caller: Session, db: Session) -> Session:
    """That session when nothing is kept for it."""
    caller.value("SELECT madlib.automl_release()")
    assert waited(lambda: not kept(db), 20)
    return caller


def small(session: Session, name: str, sessions: int = 1, **given: object) -> None:
    session.run(f"SET keras_automl.sessions = {sessions}")
    search(session, name, **{"compile_params_grid": COMPILE, "fit_params_grid": FIT, "automl_params": "R=4, eta=2", **given})


def kept(session: Session, role: str | None = None) -> set[int]:
    """The processes of sessions that are kept in the database of this test run, those of other files left out."""
    found = session.fetch(f"{KEPT} AND usename = %s", role or session.value("SELECT current_user::text"))
    return {pid for (pid,) in found} - BEFORE


BEFORE: set[int] = set()


@pytest.fixture(scope="module", autouse=True)
def of_this_file(database: str) -> None:
    """Let what the tests of other files have kept be none of these."""
    with closing(connect_to(database)) as session:
        BEFORE.update(pid for (pid,) in session.fetch(KEPT))


def test_the_next_call_has_the_same_sessions_and_makes_the_same_bits(caller: Session, db: Session) -> None:
    small(db, "alone", sessions=0)
    small(caller, "first", sessions=2)
    first = kept(db)
    assert first
    small(caller, "second", sessions=2)
    assert kept(db) == first
    assert (
        caller.value(WEIGHTS.format("second")) == caller.value(WEIGHTS.format("first")) == caller.value(WEIGHTS.format("alone"))
    )
    assert caller.fetch(LOSSES.format("second")) == caller.fetch(LOSSES.format("alone"))


# What is in a session itself: its programs, told apart by where they are in memory, and whatever else a call may have left.
HERE = """CREATE FUNCTION pg_temp.here(OUT programs text[], OUT others bigint) LANGUAGE plpython3u AS $$
cache = GD['keras_seg.session.cache']
programs = [f"{type(each).__name__} {id(each)}" for kind in (cache.networks, cache.trainers, cache.evaluators) for each in kind]
weights = sum(int(v.value.numpy().size) for trainer in cache.trainers for v in trainer._variables)
left = [cache.definitions, cache.functions, cache.data, cache.joined, cache.fed, cache.setup.datasets]
return {"programs": programs, "others": weights + sum(map(len, left))}
$$"""


@pytest.mark.postgresql("on Greenplum it is the processes on segments that train")
def test_what_the_caller_s_own_session_has_compiled_stays(bare: Session, db: Session) -> None:
    bare.run(HERE)
    small(bare, "first", sessions=0)
    first = bare.fetch("SELECT programs, others FROM pg_temp.here()")
    assert {each.split()[0] for each in first[0].programs} == {"Network", "Trainer", "Evaluator"}
    assert first[0].others == 0
    small(bare, "second", sessions=0)
    assert bare.fetch("SELECT programs, others FROM pg_temp.here()") == first
    small(db, "kept_nothing", sessions=0)
    for name in ("second", "kept_nothing"):
        assert bare.value(WEIGHTS.format(name)) == bare.value(WEIGHTS.format("first"))


@pytest.mark.postgresql("on Greenplum it is the processes on segments that train")
@pytest.mark.parametrize("how", ["released", "not kept", "after an error"])
def test_what_it_has_compiled_goes(bare: Session, how: str) -> None:
    bare.run(HERE)
    small(bare, "found", sessions=0)
    assert bare.value("SELECT programs FROM pg_temp.here()")
    if how == "released":
        assert bare.value("SELECT madlib.automl_release()") == 0
    elif how == "not kept":
        bare.run("SET keras_automl.keep_sessions = 0")
        small(bare, "again", sessions=0)
    else:
        bare.run("UPDATE lib SET model_arch = '{}'")
        with pytest.raises(psycopg2.Error):
            small(bare, "again", sessions=0)
    assert bare.value("SELECT programs FROM pg_temp.here()") == []


def test_a_setting_that_is_none_is_told_before_anything_is_trained(bare: Session) -> None:
    bare.run("SET keras_automl.keep_sessions = 'for ever'")
    with pytest.raises(psycopg2.Error, match=r"keras_automl\.keep_sessions"):
        small(bare, "none", sessions=0, automl_params="R=2000, eta=10")
    assert bare.value("SELECT to_regclass('none') IS NULL")


@pytest.mark.soak
def test_every_function_that_opens_sessions_keeps_them_and_takes_them(caller: Session, db: Session) -> None:
    small(caller, "found")
    # So that it is predicted with TensorFlow.
    caller.run(f"UPDATE found SET model_arch = {FOR_TENSORFLOW}")
    first = kept(db)
    caller.run("SELECT madlib.madlib_keras_predict('found', 'iris_test', 'id', 'attributes', 'predicted', 'prob', NULL, 1)")
    assert kept(db) == first
    caller.run("SELECT madlib.madlib_keras_evaluate('found', 'val', 'evaluated', NULL, 1)")
    assert kept(db) == first
    predicted = caller.fetch("SELECT * FROM predicted ORDER BY 1, 2")
    caller.run("SET keras_automl.keep_sessions = 0; DROP TABLE predicted")
    caller.run("SELECT madlib.madlib_keras_predict('found', 'iris_test', 'id', 'attributes', 'predicted', 'prob', NULL, 1)")
    assert caller.fetch("SELECT * FROM predicted ORDER BY 1, 2") == predicted
    assert db.is_greenplum or not kept(db)  # there a prediction runs where the rows are, and opens none


def test_a_kept_session_holds_nothing_but_its_place_among_the_kept(caller: Session, db: Session) -> None:
    small(caller, "found")
    pids = list(kept(db))
    assert pids
    locks = db.fetch("SELECT DISTINCT locktype, classid::bigint FROM pg_locks WHERE pid = ANY (%s)", pids)
    assert locks == [("advisory", 0x6B69)]
    assert set(db.fetch("SELECT state, xact_start FROM pg_stat_activity WHERE pid = ANY (%s)", pids)) == {("idle", None)}
    for statement in ("SET lock_timeout = '2s'", "DROP TABLE train, train_summary", "VACUUM iris_train", "DROP TABLE lib"):
        db.run(statement)
    assert db.value("SELECT kept_sessions FROM madlib.automl_doctor() WHERE segment = -1") >= len(pids)


def test_a_call_sees_what_was_changed_since_the_last_one(caller: Session, db: Session) -> None:
    """The architecture of an id, the rows, and the functions of a table are those of now."""
    small(caller, "found", model_id_list=[1])
    first = kept(db)
    hidden = {"units": 7, "activation": "relu", "batch_input_shape": [None, 4]}
    wider = sequential(("Dense", hidden), ("Dense", {"units": 3, "activation": "softmax"}))
    db.run("UPDATE lib SET model_arch = %s WHERE model_id = 1", wider)
    small(caller, "wider", model_id_list=[1])
    assert kept(db) == first
    small(db, "wider_alone", sessions=0, model_id_list=[1])
    assert caller.value(WEIGHTS.format("wider")) == caller.value(WEIGHTS.format("wider_alone"))
    assert caller.value("SELECT max(octet_length(model_weights)) FROM wider") == 4 * (4 * 7 + 7 + 7 * 3 + 3)


def test_another_role_in_the_same_session_has_others_and_all_end_with_it(db: Session, role: str, caller: Session) -> None:
    db.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {db.value('SELECT current_schema()')} TO {role}")
    small(caller, "mine")
    first = kept(db)
    assert first
    caller.run(f"SET ROLE {role}")
    small(caller, "others")
    assert waited(lambda: not kept(db) & first, 20)
    assert kept(db, role)
    caller.close()
    assert waited(lambda: not kept(db, role), 20)


def test_they_end_when_asked(caller: Session, db: Session) -> None:
    small(caller, "found")
    number = len(kept(db))
    assert number > 0
    assert caller.value("SELECT madlib.automl_release()") == number
    assert waited(lambda: not kept(db), 20)
    assert caller.value("SELECT madlib.automl_release()") == 0


@pytest.mark.postgresql("Greenplum 6 ends no idle session by itself")
@pytest.mark.soak
def test_they_end_by_themselves(bare: Session, db: Session) -> None:
    bare.run("SET keras_automl.keep_sessions = 1")
    small(bare, "found")
    assert waited(lambda: not kept(db), 20)
    small(bare, "again")  # on new ones: what has ended is found out
    assert bare.value(WEIGHTS.format("again")) == bare.value(WEIGHTS.format("found"))


@pytest.mark.soak
def test_one_that_is_too_old_serves_no_call(caller: Session, db: Session) -> None:
    small(caller, "found")
    first = kept(db)
    caller.run("SET keras_automl.keep_sessions = 0")
    small(caller, "again")
    assert waited(lambda: not kept(db) & first, 20)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("SET keras_automl.threads = 2", marks=pytest.mark.soak),
        pytest.param("ALTER ROLE {role} SET enable_sort = off", marks=pytest.mark.soak),
        pytest.param("SELECT pg_reload_conf(), pg_sleep(0.5)", marks=pytest.mark.soak),
    ],
)
def test_other_conditions_are_other_sessions(
    db: Session, role: str, connect: Callable[..., Session], caller: Session, change: str
) -> None:
    db.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {db.value('SELECT current_schema()')} TO {role}")
    plain = connect(user=role)
    small(plain, "first")
    first = kept(db, role)
    assert first
    (plain if change.startswith("SET") else db).run(change.format(role=role))
    small(plain, "second")
    assert waited(lambda: not kept(db, role) & first, 20)
    assert plain.value(WEIGHTS.format("first")) == plain.value(WEIGHTS.format("second"))


@pytest.mark.soak
def test_only_so_many_are_kept(bare: Session, db: Session) -> None:
    held = db.value(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = %s AND granted",
        int(Lock.KEPT),
    )
    bare.run(f"SET keras_automl.kept_sessions = {held + 1}")
    small(bare, "found", sessions=2)
    assert len(kept(db)) <= 1
    bare.run("SET keras_automl.kept_sessions = 0")
    small(bare, "again")
    assert waited(lambda: not kept(db), 20)


@pytest.mark.soak
def test_none_is_kept_when_a_call_ends_badly(bare: Session, db: Session) -> None:
    small(bare, "found")
    assert kept(db)
    threading.Timer(1.5, lambda: db.run("SELECT pg_cancel_backend(%s)", bare.info.backend_pid)).start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        small(bare, "cancelled", automl_params="R=20000, eta=100")
    assert waited(lambda: not kept(db), 20)


@pytest.mark.soak
def test_a_search_that_finds_no_connection_takes_those_that_another_one_keeps(
    db: Session, role: str, connect: Callable[..., Session], caller: Session
) -> None:
    db.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {db.value('SELECT current_schema()')} TO {role}")
    first, second = connect(user=role), connect(user=role)
    small(first, "first", sessions=2)
    before = kept(db, role)
    assert before
    db.run(f"ALTER ROLE {role} CONNECTION LIMIT {2 + len(before) + 1}")  # two callers, what is kept, and a record
    small(second, "second", sessions=2)
    assert not kept(db, role) & before
    assert not any("one hop after the other" in notice for notice in second.notices)
    small(first, "again", sessions=2)  # which finds out that its own have gone


# --- without TensorFlow: a session that is kept as a call keeps it, which takes a moment ---------------------------------

CALL = """
CREATE FUNCTION call(keeps boolean, threads integer DEFAULT 1) RETURNS void LANGUAGE plpython3u AS $$
from automl.cluster.connection import own_address
from automl.cluster.keeping import keeper
from automl.database.session import CallerDatabase
db = CallerDatabase()
made = keeper(db, own_address(db), threads)
if keeps:
    conditions = made.conditions(threads, ())
    made.keep(made.connect(conditions, 'keras_automl'), conditions, 'SELECT 1')
$$;
CREATE FUNCTION memory(spare boolean) RETURNS void LANGUAGE plpython3u AS $$
from automl.cluster import keeping
keeping.spare_memory = lambda spare=spare: spare
$$;
CREATE FUNCTION another_package() RETURNS void LANGUAGE plpython3u AS $$
from automl.cluster import keeping
keeping.__version__ = 'another'
$$
"""
SAME_EXTENSION = "UPDATE pg_catalog.pg_extension SET extrelocatable = extrelocatable WHERE extname = 'keras_automl'"


@pytest.fixture
def keeps(db: Session, bare: Session, connect: Callable[..., Session]) -> Callable[..., Session]:
    """A function that opens a session that keeps one, where no other does."""
    db.run(CALL)

    def opened(role: str | None = None) -> Session:
        session = connect()
        session.run("SELECT madlib.automl_release(); SELECT memory(TRUE); SET keras_automl.kept_sessions = 100")
        session.run(f"SET ROLE {role}; SELECT call(TRUE)" if role else "SELECT call(TRUE)")
        return session

    return opened


@pytest.mark.parametrize(
    ("change", "call"),
    [
        ("ALTER ROLE {role} SET enable_sort = off", "call(FALSE)"),
        pytest.param(SAME_EXTENSION, "call(FALSE)", marks=pytest.mark.postgresql("its catalogs are not written so")),
        ("SELECT another_package()", "call(FALSE)"),
        ("SET LOCAL keras_automl.keep_sessions = 0", "call(FALSE)"),
        ("SELECT 1", "call(FALSE, 2)"),
    ],
)
def test_the_next_call_ends_what_was_kept_under_other_conditions(
    db: Session, keeps: Callable[..., Session], change: str, call: str
) -> None:
    caller = keeps()
    first = kept(db)
    assert len(first) == 1
    caller.run("SELECT call(FALSE)")
    assert kept(db) == first
    caller.run(f"BEGIN; {change.format(role=db.value('SELECT current_user'))}; SELECT {call}; ROLLBACK")
    assert waited(lambda: not kept(db), 20)


def test_they_keep_nobody_from_dropping(db: Session, keeps: Callable[..., Session], role: str) -> None:
    keeps(role)
    assert len(kept(db, role)) == 1
    db.run(f"BEGIN; SET LOCAL lock_timeout = '2s'; DROP OWNED BY {role}; DROP ROLE {role}; ROLLBACK")
    db.run("BEGIN; SET LOCAL lock_timeout = '2s'; DROP EXTENSION keras_automl CASCADE; ROLLBACK")


def test_where_memory_is_scarce_those_of_the_same_role_go_and_none_stays(db: Session, keeps: Callable[..., Session]) -> None:
    """Of a superuser that cannot log in: its sessions have logged in as the owner of the cluster."""
    body = "import os, pwd; return pwd.getpwuid(os.geteuid()).pw_name"
    db.run("CREATE FUNCTION os_user() RETURNS text LANGUAGE plpython3u AS %s", body)
    if db.value("SELECT os_user() <> current_user"):
        pytest.skip("the owner of the cluster cannot log in as the OS user of the server")
    name = f"automl_super_{os.getpid()}"
    db.run(f"CREATE ROLE {name} SUPERUSER")
    try:
        keeps()
        of_others = kept(db)
        keeps(name)
        scarce = keeps(name)
        assert len(kept(db) - of_others) == 2
        scarce.run("SELECT memory(FALSE); SELECT call(TRUE)")
        assert waited(lambda: kept(db) == of_others, 20)
    finally:
        db.run(f"DROP ROLE {name}")
