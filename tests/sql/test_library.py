"""madlib.load_keras_model, madlib.delete_keras_model and madlib.hyperband_schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fix_db import CURRENT_SCHEMA, Session

MODEL = '{"class_name": "Sequential",  "config": []}'
LOAD = "SELECT madlib.load_keras_model('lib', %s)"
# Which columns are NOT NULL stands there too from PostgreSQL 18 on.
CONSTRAINT = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'n'"


def tables(db: Session) -> list[str]:
    sql = f"SELECT relname FROM pg_class WHERE relnamespace = {CURRENT_SCHEMA} AND relkind = 'r'"
    return sorted(name for (name,) in db.fetch(sql))


def error(db: Session, sql: str, *params: object) -> tuple[str, str]:
    """SQLSTATE and message, with the test's schema written as {schema}."""
    failure = db.error_of(sql, *params)
    schema = db.value("SELECT current_schema()")
    return failure.sqlstate, failure.message.replace(f"{schema}.", "{schema}.")


def ids(db: Session) -> list[int]:
    return [number for (number,) in db.fetch("SELECT model_id FROM lib ORDER BY 1")]


def test_a_model_is_added_with_all_that_came(db: Session) -> None:
    db.run("SELECT madlib.load_keras_model('lib', %s::json, %s, 'Sophie', 'MLP with 1 hidden layer')", MODEL, b"\0\0\x80?")
    db.run(LOAD, MODEL)
    weights = "encode(model_weights, 'hex')"
    assert db.fetch(f"SELECT model_id, model_arch::text, {weights}, name, description FROM lib ORDER BY 1") == [
        (1, MODEL, "0000803f", "Sophie", "MLP with 1 hidden layer"),
        (2, MODEL, None, None, None),
    ]
    assert db.value("SELECT count(DISTINCT __internal_madlib_id__) FROM lib") == 2


def test_the_columns_of_a_library(db: Session) -> None:
    db.run(LOAD, MODEL)
    sql = "SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = 'lib'::regclass AND attnum > 0"
    assert [column for (column,) in db.fetch(sql + " ORDER BY attnum")] == [
        "model_id integer",
        "model_arch json",
        "model_weights bytea",
        "name text",
        "description text",
        "__internal_madlib_id__ text",
    ]
    assert db.value(CONSTRAINT, "lib") == "PRIMARY KEY (model_id)"


def test_what_was_done_is_told(db: Session) -> None:
    schema = db.value("SELECT current_schema()")
    db.notices.clear()
    db.run(LOAD, MODEL)
    db.run(LOAD, MODEL)
    assert db.notices == [
        f"INFO:  Keras Model Arch: Created new keras model arch table {schema}.lib.\n",
        f"INFO:  Keras Model Arch: Added model id 1 to table {schema}.lib.\n",
        f"INFO:  Keras Model Arch: Added model id 2 to table {schema}.lib.\n",
    ]


def test_the_next_id_is_the_largest_plus_one(db: Session) -> None:
    for _ in range(3):
        db.run(LOAD, MODEL)
    db.run("SELECT madlib.delete_keras_model('lib', 2)")
    db.run(LOAD, MODEL)
    assert ids(db) == [1, 3, 4]


def test_names_with_schema_and_capitals(db: Session) -> None:
    schema = db.value("SELECT current_schema()")
    for name in (f"{schema}.Lib", "LIB", '"Lib"'):
        db.run("SELECT madlib.load_keras_model(%s, %s)", name, MODEL)
    assert tables(db) == ["Lib", "lib"]
    assert ids(db) == [1, 2]
    db.run("SELECT madlib.delete_keras_model(%s, 1)", f'{schema}."Lib"')
    assert tables(db) == ["lib"]


def test_a_library_that_madlib_made_goes_on(db: Session) -> None:
    db.run("CREATE TABLE lib (model_id serial, model_arch json, model_weights bytea, name text, description text,"
           " __internal_madlib_id__ text, extra int)")  # fmt: skip
    db.run("INSERT INTO lib (model_arch) VALUES (%s), (%s)", MODEL, MODEL)
    db.run(LOAD, MODEL)
    assert ids(db) == [1, 2, 3]


def test_loading_at_the_same_time(db: Session, connect: Callable[..., Session]) -> None:
    sessions = [connect() for _ in range(4)]
    threads = [threading.Thread(target=lambda one=one: [one.run(LOAD, MODEL) for _ in range(5)]) for one in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(db) == list(range(1, 21))


def test_the_last_model_takes_the_library_with_it(db: Session) -> None:
    db.run(LOAD, MODEL)
    db.run(LOAD, MODEL)
    db.run("SELECT madlib.delete_keras_model('lib', 2)")
    assert ids(db) == [1]
    db.run("SELECT madlib.delete_keras_model('lib', 1)")
    assert tables(db) == []


def test_a_library_with_a_view_stays(db: Session) -> None:
    schema = db.value("SELECT current_schema()")
    db.run(LOAD, MODEL)
    db.run("CREATE VIEW names AS SELECT name FROM lib")
    db.notices.clear()
    db.run("SELECT madlib.delete_keras_model('lib', 1)")
    assert db.notices == [f"WARNING:  Keras Model Arch: table {schema}.lib is empty, but kept because of view names.\n"]
    assert ids(db) == []
    db.run(LOAD, MODEL)
    assert ids(db) == [1]


def test_a_library_of_somebody_else_stays(db: Session, connect: Callable[..., Session], role: str) -> None:
    db.run(LOAD, MODEL)
    plain = connect(user=role)
    assert error(plain, LOAD, MODEL)[0] == "42501"
    db.run(f"GRANT SELECT, INSERT, DELETE ON lib TO {role}")
    plain.run(LOAD, MODEL)
    for number in (1, 2):
        plain.run("SELECT madlib.delete_keras_model('lib', %s)", number)
    assert ids(db) == []
    assert plain.notices[-1].endswith("is empty, but kept because only its owner can drop it.\n")


ERRORS = [
    ("load_keras_model(NULL, '{}')", "22004", "keras_model_arch_table: must be the name of a table, got NULL"),
    ("load_keras_model('nowhere.l', '{\"class_name\": \"M\", \"config\": {}}')", "3F000",
     'keras_model_arch_table: schema "nowhere" does not exist'),
    ("load_keras_model('pg_temp.l', '{\"class_name\": \"M\", \"config\": {}}')", "22023",
     "keras_model_arch_table: pg_temp is not allowed as the schema of an output table"),
    ("load_keras_model('l', NULL)", "22004", "model_arch: must be the JSON of a Keras model, got NULL"),
    ("load_keras_model('l', '[1]')", "22023", "model_arch: must be a JSON object with class_name and config, got [1]"),
    ("load_keras_model('l', '{\"a\": 1}')", "22023",
     "model_arch: must be a JSON object with class_name and config, \"class_name\" is missing, got {'a': 1}"),
    ("load_keras_model('l', '{\"class_name\": \"Model\"}')", "22023",
     "model_arch: must be a JSON object with class_name and config, \"config\" is missing, got {'class_name': 'Model'}"),
    ("load_keras_model('l', '{\"class_name\": \"M\", \"config\": {}}', '\\x0102')", "22023",
     "model_weights: must be float32 values, 4 bytes each, got '2 bytes'"),
    ("load_keras_model('wrong', '{\"class_name\": \"M\", \"config\": {}}')", "42703",
     'keras_model_arch_table: column "model_weights" does not exist in table "{schema}.wrong"'),
    ("delete_keras_model('nothing', 1)", "42P01", 'keras_model_arch_table: table "nothing" does not exist'),
    ("delete_keras_model('lib', NULL)", "22004", "model_id: must be the id of a model, got NULL"),
    ("delete_keras_model('lib', 7)", "22023", 'model_id: must be one of the models in "{schema}.lib", got 7'),
]  # fmt: skip


@pytest.mark.parametrize(("call", "sqlstate", "message"), ERRORS)
def test_bad_input(db: Session, call: str, sqlstate: str, message: str) -> None:
    db.run(LOAD, MODEL)
    db.run("CREATE TABLE wrong (model_id int, model_arch json)")
    assert error(db, f"SELECT madlib.{call}") == (sqlstate, message)
    assert tables(db) == ["lib", "wrong"]
    assert ids(db) == [1]


def test_the_ids_that_are_there_are_named(db: Session) -> None:
    db.run(LOAD, MODEL)
    assert db.error_of("SELECT madlib.delete_keras_model('lib', 7)").hint == "It has the models 1."


PAGE = [(4, 0, 81, 1), (4, 1, 27, 3), (4, 2, 9, 9), (4, 3, 3, 27), (4, 4, 1, 81),
        (3, 0, 27, 3), (3, 1, 9, 9), (3, 2, 3, 27), (3, 3, 1, 81),
        (2, 0, 9, 9), (2, 1, 3, 27), (2, 2, 1, 81),
        (1, 0, 6, 27), (1, 1, 2, 81),
        (0, 0, 5, 81)]  # fmt: skip


def test_the_schedule_of_the_page(db: Session) -> None:
    db.run("SELECT madlib.hyperband_schedule ('hb_schedule', 81, 3, 0)")
    assert db.fetch("SELECT * FROM hb_schedule ORDER BY s DESC, i") == PAGE


def test_the_schedule_has_defaults_and_a_unique_key(db: Session) -> None:
    db.run("SELECT madlib.hyperband_schedule('hb', 9)")
    assert db.fetch("SELECT s, i, n_i, r_i FROM hb ORDER BY s DESC, i") == [
        (2, 0, 9, 1),
        (2, 1, 3, 3),
        (2, 2, 1, 9),
        (1, 0, 3, 3),
        (1, 1, 1, 9),
        (0, 0, 3, 9),
    ]
    assert db.value(CONSTRAINT, "hb") == "UNIQUE (s, i)"


def test_the_schedule_table_must_not_exist(db: Session) -> None:
    db.run("CREATE TABLE hb ()")
    assert error(db, "SELECT madlib.hyperband_schedule('hb', 9)") == (
        "42P07",
        'schedule_table: table "{schema}.hb" already exists',
    )


def test_a_name_that_another_transaction_uses_is_refused_at_once(db: Session, connect: Callable[..., Session]) -> None:
    other, call = connect(), "SELECT madlib.hyperband_schedule('hb', 9)"
    other.run(f"BEGIN; {call}")
    assert error(db, call) == ("55006", 'schedule_table: table "{schema}.hb" is being made by another transaction')
    other.run("ROLLBACK")
    db.run(call)


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "message"),
    [
        ("NULL, 3, 0", "22004", "R: must be an integer of at least eta, got NULL"),
        ("9, NULL, 0", "22004", "eta: must be an integer of at least 2, got NULL"),
        ("9, 1, 0", "22023", "eta: must be an integer of at least 2, got 1"),
        ("2, 3, 0", "22023", "R: must be an integer of at least eta (3), got 2"),
        ("9, 3, 3", "22023", "skip_last: must be an integer from 0 to 2, got 3"),
        ("9, 3, -1", "22023", "skip_last: must be an integer from 0 to 2, got -1"),
    ],
)
def test_a_schedule_that_cannot_be(db: Session, arguments: str, sqlstate: str, message: str) -> None:
    assert error(db, f"SELECT madlib.hyperband_schedule('hb', {arguments})") == (sqlstate, message)
    assert tables(db) == []
