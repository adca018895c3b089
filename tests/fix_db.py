"""Fixtures that give a test a database session as a client has it, through psycopg2."""

from __future__ import annotations

import os
import re
from collections import UserList, namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions
import pytest

from automl.database.dialect import dialect_of
from servers import SEGMENTED, SERVERS

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

# PostgreSQL 9.4, from which Greenplum 6 comes, has no type regnamespace.
MADLIB = "(SELECT oid FROM pg_namespace WHERE nspname = 'madlib')"
CURRENT_SCHEMA = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"


class Failure(NamedTuple):
    """What a client sees of an error."""

    sqlstate: str
    message: str
    hint: str | None


# Processes that test side by side keep some sessions each, from one file to the next that trains on sessions.
KEEPS = "SET keras_automl.kept_sessions = 16; SET keras_automl.keep_sessions = 1200"
TEMPORARY = "SELECT oid::regclass FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"


class Session(psycopg2.extensions.connection):
    """A psycopg2 connection with shorthands. Parameters are psycopg2's: `%s` in the statement."""

    def run(self, sql: str, *params: object) -> None:
        """Run statements for what they do."""
        with self.cursor() as cursor:
            cursor.execute(sql, params or None)

    def fetch(self, sql: str, *params: object) -> list[Any]:
        """Return the rows, each as a named tuple, which equals the plain one; a name that is taken becomes `_1` and so on."""
        with self.cursor() as cursor:
            cursor.execute(sql, params or None)
            names = [column.name for column in cursor.description or ()]
            row = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # known only now
            return [row._make(values) for values in cursor]

    def value(self, sql: str, *params: object) -> Any:
        """Return the one value of the one row."""
        ((value,),) = self.fetch(sql, *params)
        return value

    def error_of(self, sql: str, *params: object) -> Failure:
        """Return the error that the statement ends with; it is a failure of the test if it ends with none."""
        with pytest.raises(psycopg2.Error) as caught:
            self.run(sql, *params)
        return self.failure(caught.value)

    def failure(self, error: psycopg2.Error) -> Failure:
        """Return what an error of this session tells a client."""
        diag = error.diag
        # Where a message names no argument we stand before it, on Greenplum perhaps the segment behind it.
        message = re.sub(r"^keras_automl: | +\(seg\d+ .*\)$", "", str(diag.message_primary))
        return Failure(str(diag.sqlstate), message, diag.message_hint)

    @cached_property
    def is_greenplum(self) -> bool:
        """Whether the server is a cluster with segments, Greenplum or one that comes from it."""
        return dialect_of(self.value("SELECT version()")).segmented


def connect_to(dsn: str, **settings: str) -> Session:
    """Open a session that commits each statement, with libpq's parameters in `settings` put over those of the DSN."""
    session = psycopg2.connect(psycopg2.extensions.make_dsn(dsn, **settings), connection_factory=Session)
    session.autocommit = True
    session.notices = UserList[str]()  # type: ignore[assignment]  # of a list psycopg2 keeps the last fifty only
    return session


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[str], str]]:
    """A function that gives the DSN of a kind of server; what it has started for that runs until the end."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(SERVERS[name].running()))


@pytest.fixture(scope="session", params=[name for name in SERVERS if SERVERS[name].is_there] or ["postgresql"])
def server(request: pytest.FixtureRequest, running: Callable[[str], str]) -> str:
    """The DSN of a running server with the extension installed, as a superuser: each of those there are, in turn.

    `make test` starts a PostgreSQL and sets its DSN; others are tested as well if there are any.
    """
    dsn = running(request.param)
    try:
        connect_to(dsn).close()
    except psycopg2.OperationalError as error:
        pytest.skip(f"no server answers at {SERVERS[request.param].dsn}: {error}")
    return dsn


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def create_database(admin: Session, what: str) -> None:
    """Create a database, one process after the other: on Greenplum 6 two that copy the same template disturb each other."""
    admin.run("SELECT pg_advisory_lock(0)")
    try:
        admin.run(f"CREATE DATABASE {what}")
    finally:
        admin.run("SELECT pg_advisory_unlock(0)")


def drop_database(admin: Session, name: str) -> None:
    """Drop a database, with what still runs in it."""
    admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
    admin.run(f"DROP DATABASE {name}")


def drop_left_behind(admin: Session) -> None:
    """Drop the databases of test runs that were killed before they could."""
    for (name,) in admin.fetch(r"SELECT datname FROM pg_database WHERE datname ~ '^automl_test_\d+$'"):
        if not is_running(int(name.rpartition("_")[2])):
            drop_database(admin, name)


@contextmanager
def scratch_database(server: str, name: str, options: str = "") -> Iterator[str]:
    """The DSN of a new, empty database."""
    name = f"{name}_{os.getpid()}"
    admin = connect_to(server)
    admin.run(f"DROP DATABASE IF EXISTS {name}")
    create_database(admin, f"{name} {options}")
    try:
        yield psycopg2.extensions.make_dsn(server, dbname=name)
    finally:
        drop_database(admin, name)
        admin.close()


@pytest.fixture(scope="session")
def database(server: str) -> Iterator[str]:
    """The DSN of a database made for this test run, with the extension."""
    name = f"automl_test_{os.getpid()}"
    admin = connect_to(server)
    drop_left_behind(admin)
    create_database(admin, name)
    dsn = psycopg2.extensions.make_dsn(server, dbname=name)
    maker = connect_to(dsn)
    maker.run("CREATE EXTENSION plpython3u")
    maker.run("CREATE EXTENSION keras_automl")
    maker.close()
    yield dsn
    admin.close()
    admin = connect_to(server)  # where tests broke segments the first has lost its processes there
    drop_database(admin, name)
    admin.close()


@pytest.fixture(autouse=True)
def left_out(request: pytest.FixtureRequest) -> None:
    """Leave out where there are segments the tests that are marked `postgresql`, whose outcome must differ there."""
    marker = request.node.get_closest_marker("postgresql")
    callspec = getattr(request.node, "callspec", None)
    if marker and callspec and callspec.params.get("server") in SEGMENTED:
        pytest.skip(f"PostgreSQL only: {marker.args[0]}")


def schema_of(test_name: str) -> str:
    """A schema's name that tells in the server's log which test it was."""
    return "t_" + re.sub(r"\W+", "_", test_name.lower())[:50].strip("_")


@contextmanager
def own_schema(session: Session, database: str, test_name: str) -> Iterator[Session]:
    """Give a session a new, empty schema, which stands alone on its search path."""
    schema = schema_of(test_name)
    session.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}")
    try:
        yield session
    finally:
        drop = f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE; RESET client_min_messages"
        if is_as_new(session):
            session.run(drop)
        else:  # the test may have broken or changed its own session in any way
            session.close()
            with closing(connect_to(database)) as cleaner:
                cleaner.run(drop)


def is_as_new(session: Session) -> bool:
    """Make a session what it was when it was opened, but for what its Python has imported; return whether that worked."""
    try:
        session.reset()
        session.autocommit = True
        for statement in dialect_of(session.value("SELECT version()")).discard:
            session.run(statement)
        session.run("RESET SESSION AUTHORIZATION")
        for (table,) in session.fetch(TEMPORARY):
            session.run(f"DROP TABLE {table} CASCADE")
    except psycopg2.Error:
        return False
    session.notices.clear()
    return True


@pytest.fixture(scope="session")
def opened(database: str) -> Iterator[list[Session]]:
    """The session of `db` that the test before has left."""
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.close()


@pytest.fixture
def db(database: str, opened: list[Session], request: pytest.FixtureRequest) -> Iterator[Session]:
    """A superuser's session in a new, empty schema, which stands alone on its search path.

    It is that of the test before, made as new, with the sessions that were kept for it: TensorFlow is imported once for many
    tests. A test of sessions (`keeps_none`) has a new one.
    """
    if keeps_none(request):
        opened = []
    if not opened or opened[0].closed:
        opened[:] = [connect_to(database)]
    with own_schema(opened[0], database, request.node.name) as session:
        session.run(keeping(request))
        yield session
    if keeps_none(request):
        session.close()


def keeps_none(request: pytest.FixtureRequest) -> bool:
    """Whether a test is about sessions, or about seconds, so that none is kept for it or by it."""
    return any(request.node.get_closest_marker(each) for each in ("keeps_none", "alone"))


def keeping(request: pytest.FixtureRequest) -> str:
    """The statement that says how long a test's sessions keep others."""
    return "SET keras_automl.keep_sessions = 0" if keeps_none(request) else KEEPS


@pytest.fixture
def connect(db: Session, database: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Session]]:
    """A function that opens one more session in the test's schema: `connect(user=role)`; closed after the test."""
    sessions: list[Session] = []

    def open_session(**settings: str) -> Session:
        sessions.append(connect_to(database, **settings))
        sessions[-1].run(f"SET search_path = {schema_of(request.node.name)}; {keeping(request)}")
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def role(db: Session, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a role that can log in and make tables in the test's schema, and has no other rights."""
    schema, name = schema_of(request.node.name), f"automl_plain_{os.getpid()}"
    db.run(f"CREATE ROLE {name} LOGIN; GRANT USAGE, CREATE ON SCHEMA {schema} TO {name}")
    yield name
    cleaner = connect_to(db.dsn)
    cleaner.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", name)
    if cleaner.value("SELECT to_regclass('madlib.automl_runs') IS NOT NULL"):  # the next one has the same name
        cleaner.run(f"SET ROLE {name}; DELETE FROM madlib.automl_runs; RESET ROLE")  # which only its owner sees
    cleaner.run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
    cleaner.close()


@pytest.fixture
def iris(db: Session) -> Session:
    """The session `db` with the page's table iris_data in its schema."""
    db.run("SET client_min_messages = warning; " + (EXAMPLES / "iris.sql").read_text() + "RESET client_min_messages")
    return db
