"""What stands on the caller's search path is never called: a function or operator there may be anybody's.

PostgreSQL looks into pg_catalog first, but takes what fits the arguments best, wherever it stands: array_send(real[]) in a
schema that anybody can write goes before array_send(anyarray). It would run with the rights of whoever packs a table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from fix_db import Session, connect_to
from fix_search import FIT, dense, load, make_iris, search

SOURCES = Path(__file__).resolve().parents[2] / "src"
OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||")
TYPES = (
    "text", "varchar", "name", "smallint", "integer", "bigint", "numeric", "real", "double precision", "oid", "regclass",
    '"char"', "boolean",
)  # fmt: skip
# Functions that take any type, with the types that ours are called with.
POLYMORPHIC = {"anyarray": "real[]", "anyelement": "integer", '"any"': "integer", "anynonarray": "integer"}


def words_called() -> set[str]:
    """Every word of the package that stands before a parenthesis: all names of functions, and more."""
    return {word for file in SOURCES.rglob("*.py") for word in re.findall(r"\b([a-z_0-9]+)\(", file.read_text())}


def set_function_traps(session: Session) -> None:
    """Make a function for each one of PostgreSQL's that the package may call, with the same arguments, that raises."""
    made = 0
    for name, arguments in session.fetch(
        "SELECT proname, pg_get_function_identity_arguments(oid) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        " AND proname = ANY (%s)",
        sorted(words_called()),
    ):
        for general, special in POLYMORPHIC.items():
            arguments = arguments.replace(general, special)
        try:
            session.run(trap(name, arguments, "integer"))
            made += 1
        except psycopg2.Error:  # VARIADIC "any", pseudo-types
            continue
    assert made > 50


def set_operator_traps(session: Session) -> None:
    """Make an operator for each pair of types that PostgreSQL has none for, and so takes one that nearly fits."""
    missing = session.fetch(
        "SELECT operator, one, two FROM unnest(%s::text[]) AS operator, unnest(%s::text[]) AS one, unnest(%s::text[]) AS two"
        " WHERE to_regoperator(format('pg_catalog.%%s(%%s, %%s)', operator, one, two)) IS NULL",
        list(OPERATORS),
        list(TYPES),
        list(TYPES),
    )
    pairs = {(one, two) for _, one, two in missing}
    session.run("; ".join(trap("trap", f"a {one}, b {two}", "boolean") for one, two in pairs))
    session.run(
        "; ".join(f"CREATE OPERATOR {name} (LEFTARG = {one}, RIGHTARG = {two}, FUNCTION = trap)" for name, one, two in missing)
    )
    assert len(missing) > 500


def trap(name: str, arguments: str, returns: str) -> str:
    body = f"BEGIN RAISE EXCEPTION 'the trap % was called', '{name}'; END"
    return f'CREATE FUNCTION "{name}"({arguments}) RETURNS {returns} LANGUAGE plpgsql AS $${body}$$'


@pytest.fixture(scope="module")
def traps(database: str) -> Iterator[str]:
    """The name of a schema full of traps."""
    session = connect_to(database)
    if session.is_greenplum:
        pytest.skip("thousands of functions and operators are made, which takes Greenplum many minutes")
    session.run("CREATE SCHEMA t_traps; SET search_path = t_traps")
    set_function_traps(session)
    set_operator_traps(session)
    yield "t_traps"
    session.run("SET search_path = pg_catalog; SET client_min_messages = warning; DROP SCHEMA t_traps CASCADE")
    session.close()


@pytest.fixture
def trapped(db: Session, traps: str) -> Session:
    """A session with packed tables and a library, with traps on its search path before PostgreSQL's own functions."""
    make_iris(db)
    load(db, "lib", dense(3))
    db.run("CREATE TABLE ragged AS SELECT ARRAY[1, 2] AS x, 'a'::varchar AS y UNION ALL SELECT ARRAY[1], 'b'")
    db.run("CREATE TABLE soft AS SELECT ARRAY[1, i] AS x, ARRAY[0.5, 0.5] AS y FROM generate_series(1, 9) i")
    db.run("CREATE TABLE named AS SELECT ARRAY[1, i] AS x, 'a'::varchar AS y FROM generate_series(1, 9) i")
    db.run(f"SET search_path = {db.value('SELECT current_schema()')}, {traps}, pg_catalog")
    return db


@pytest.mark.parametrize("groups", [None, "class_text"])
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("separate", [False, True])
def test_splitting(trapped: Session, groups: str | None, replacement: bool, separate: bool) -> None:
    trapped.run("SELECT madlib.train_test_split('iris_data', 'o', 0.7, 0.2, %s, NULL, %s, %s)", groups, replacement, separate)


@pytest.mark.parametrize(
    ("source", "x", "y"), [("iris_data", "attributes", "class_text"), ("soft", "x", "y"), ("named", "x", "y")]
)
def test_packing(trapped: Session, source: str, x: str, y: str) -> None:
    trapped.run("SELECT madlib.training_preprocessor_dl(%s, 'o', %s, %s)", source, y, x)
    trapped.run("SELECT madlib.validation_preprocessor_dl(%s, 'v', %s, %s, 'o')", source, y, x)


def test_packing_rows_that_do_not_fit(trapped: Session) -> None:
    failure = trapped.error_of("SELECT madlib.training_preprocessor_dl('ragged', 'o', 'y', 'x')")
    assert "found shape {1} in 1 rows" in failure.message


def test_the_library_and_the_schedule(trapped: Session) -> None:
    load(trapped, "o", dense(3), dense(3))
    trapped.run("CREATE VIEW looks_at_it AS SELECT * FROM o")
    trapped.run("SELECT madlib.delete_keras_model('o', 1); SELECT madlib.delete_keras_model('o', 2)")
    trapped.run("SELECT madlib.hyperband_schedule('schedule', 9)")


def test_custom_functions(trapped: Session) -> None:
    trapped.run("SET keras_automl.sessions = 0; SELECT madlib.load_top_k_accuracy_function('t_trapped', 2)")
    grid = "{'loss': ['mse'], 'metrics': ['top_2_accuracy'], 'optimizer_params_list': [{'lr': [0.1]}]}"
    trapped.run("SELECT madlib.generate_model_configs('lib', 'm', ARRAY[1], %s, %s, object_table := 't_trapped')", grid, FIT)
    trapped.run("SELECT madlib.generate_model_configs('lib', 'm', ARRAY[1], %s, %s)", grid.replace("0.1", "0.2"), FIT)
    trapped.run("SELECT madlib.madlib_keras_fit_multiple_model('train', 'multi', 'm', 1)")
    trapped.run("SELECT madlib.madlib_keras_evaluate('multi', 'val', 'e', FALSE, 1)")
    trapped.run("SELECT madlib.delete_custom_function('t_trapped', 'top_2_accuracy')")


@pytest.mark.parametrize("sessions", [0, 1])
def test_searching_and_predicting(trapped: Session, sessions: int) -> None:
    trapped.run(f"SET keras_automl.sessions = {sessions}")
    search(trapped, "o", validation_table="val", use_caching=True)
    for kind in ("'response'", "'prob'", "2", "0.1::double precision"):
        trapped.run(f"SELECT madlib.madlib_keras_predict('o', 'iris_test', 'id', 'attributes', 'p', {kind}, mst_key := 1)")
        trapped.run("DROP TABLE p")


def test_nobody_calls_as_somebody_else(db: Session, role: str, connect: Callable[..., Session]) -> None:
    # The sessions of a call log in as the server's OS user where they are let in as the role that calls: who that is must not
    # be what a type "text" or an operator "=" of the caller's own says.
    db.run(
        "CREATE FUNCTION address() RETURNS pg_catalog.text LANGUAGE plpython3u AS $$\n"
        "plpy.execute('SELECT madlib.automl_load()')\n"
        "from automl.cluster.connection import own_address\n"
        "from automl.database.session import CallerDatabase\n"
        "found = own_address(CallerDatabase())\n"
        "return ' '.join((found.database, found.role, str(found.superuser)))\n$$"
    )
    caller, superuser = connect(user=role), db.value("SELECT current_user")
    schema = caller.value("SELECT current_schema()")
    honest = caller.value("SELECT address()")
    caller.run(
        f"SET search_path = {schema}, pg_catalog; CREATE TYPE text AS ENUM ('{superuser}');"
        f" CREATE FUNCTION posed(name) RETURNS text LANGUAGE sql AS $$ SELECT '{superuser}'::text $$;"
        " CREATE CAST (name AS text) WITH FUNCTION posed(name);"
        " CREATE FUNCTION same(name, name) RETURNS boolean LANGUAGE sql AS"
        f" $$ SELECT $1 OPERATOR(pg_catalog.=) '{superuser}'::name $$;"
        " CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, PROCEDURE = same)"
    )
    assert caller.value("SELECT address()") == honest
    assert honest.endswith(f"{role} False")
