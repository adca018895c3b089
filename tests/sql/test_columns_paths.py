"""A table of columns of all kinds, and the three ways to predict its rows: by the function, as a table, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from fix_db import Session, connect_to, scratch_database
from fix_search import lent

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN share AS double precision CHECK (VALUE < 1000)
"""
# A NULL in each column now and then; texts with quotes, backslashes and braces; more than eight towns, which are codes.
KINDS = """
CREATE TABLE kinds AS SELECT i AS id, CASE WHEN i % 11 > 0 THEN (i * 37) % 61 END AS area,
    CASE i % 13 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity'::float8 ELSE (i * 7) % 29 / 8.0 END AS level,
    CASE WHEN i % 17 > 0 THEN (i % 50) * 12345678901234.5 END::numeric(30, 3) AS large,
    ((i * 31) % 40 / 64.0)::share AS share,
    (ARRAY['it''s', 'a "b"', 'back\\slash', '{x,y}', NULL])[1 + (i * 3) % 5]::text AS words,
    'town ' || (i * 13) % 23 AS town, (ARRAY['sad', 'ok', 'happy', NULL])[1 + (i * 5) % 4]::mood AS mood,
    (ARRAY[TRUE, FALSE, NULL])[1 + i % 3] AS flag, date '2020-02-28' + (i * 13) % 700 AS day,
    timestamp '2021-06-01 12:30:00.25' + (i * 7919) % 5000 * interval '1 hour' AS at,
    timestamptz '2021-06-01 12:30:00+02' + (i * 7907) % 5000 * interval '1 hour' AS instant,
    time '08:00' + (i % 24) * interval '13 minutes' AS daily, (i % 9) * interval '1 day 02:03:04.5' AS lasts,
    ARRAY[i % 4, i % 5, i % 7]::real[] AS vector,
    CASE WHEN i % 6 > 0 THEN ARRAY['t' || i % 3, 'u "v" ' || i % 4]::text[] END AS tags,
    CASE WHEN (i * 37) % 61 + (i * 13) % 23 > 40 THEN 'large' ELSE 'it''s small' END AS size
FROM generate_series(1, 400) i;
ALTER TABLE kinds ADD PRIMARY KEY (id)
"""
SMALL = {"automl_method": "hyperopt", "automl_params": "algorithm=rand, num_configs=1, num_iterations=8", "averaged": 1}


@pytest.fixture(scope="module")
def kinds(quick: Session) -> Iterator[Session]:
    """A session that trains in itself, with the table `kinds` and a model of the sizes in it."""
    with lent(quick, "t_columns_paths") as session:
        session.run(f"SET keras_automl.sessions = 0; SET TimeZone = 'Europe/Rome'; {TYPES}; {KINDS}")
        call = "SELECT * FROM madlib.automl_train('kinds', 'sized', 'size', preset := 'fast', random_state := 3, params := %s)"
        session.run(call, json.dumps(SMALL))
        yield session


def typed(db: Session) -> dict[int, dict[str, float]]:
    """The probabilities of each row by the function."""
    return dict(db.fetch("SELECT id, sized_prob(k) FROM kinds k"))


def answers(db: Session) -> dict[int, str]:
    """The class of each row by the function."""
    return dict(db.fetch("SELECT id, sized(k) FROM kinds k"))


def test_every_column_is_taken(kinds: Session) -> None:
    used = {name for (name,) in kinds.fetch("SELECT name FROM sized_columns WHERE role = 'feature'")}
    assert used == {name for (name,) in kinds.fetch("SELECT name FROM sized_columns WHERE role NOT IN ('id', 'target')")}
    assert len(used) == 15


def test_a_table_gives_what_the_function_gives(kinds: Session) -> None:
    kinds.run("DROP TABLE IF EXISTS scored; SELECT madlib.automl_predict('sized', 'kinds', 'scored')")
    assert dict(kinds.fetch("SELECT id, size FROM scored")) == answers(kinds)
    kinds.run("DROP TABLE scored; SELECT madlib.automl_predict('sized', 'kinds', 'scored', 'prob')")
    expected = {(row, name): p for row, each in typed(kinds).items() for name, p in each.items()}
    assert {(row.id, row.size): row.prob for row in kinds.fetch("SELECT * FROM scored")} == pytest.approx(expected, abs=1e-6)


def test_json_gives_what_the_function_gives_to_the_last_bit(kinds: Session) -> None:
    expected, classes = typed(kinds), answers(kinds)
    for row, text in kinds.fetch("SELECT id, to_json(k)::text FROM kinds k WHERE id <= 120"):
        found = json.loads(kinds.value("SELECT madlib.automl_predict('sized', %s::jsonb, 'prob')", text))
        assert found == (pytest.approx(expected[row], abs=1e-6) if kinds.is_greenplum else expected[row]), row
        assert kinds.value("SELECT madlib.automl_predict('sized', %s::jsonb)", text) == classes[row]


def test_a_table_of_texts_gives_what_the_function_gives_to_the_last_bit(kinds: Session) -> None:
    columns = [name for (name,) in kinds.fetch("SELECT name FROM sized_columns WHERE name <> 'size' ORDER BY position DESC")]
    texts = ", ".join(f"{name}::text AS {name}" for name in columns)
    kinds.run("SET extra_float_digits = 3; DROP TABLE IF EXISTS texts, scored")
    kinds.run(f"CREATE TABLE texts AS SELECT {texts} FROM kinds; RESET extra_float_digits")
    kinds.run("SELECT madlib.automl_predict('sized', 'texts', 'scored', 'value', 'id')")
    kinds.run("ALTER TABLE scored RENAME TO from_texts; SELECT madlib.automl_predict('sized', 'kinds', 'scored', 'value')")
    apart = "s.size <> t.size"
    if kinds.is_greenplum:  # where rows come in other batches, whose products are summed up in another order
        apart = " OR ".join(f"abs(s.size[{at}] - t.size[{at}]) > 1e-6" for at in (1, 2))
    differ = f"SELECT count(*) FROM scored s JOIN from_texts t ON t.id::integer = s.id WHERE {apart}"
    assert kinds.value(differ) == 0
    assert kinds.value("SELECT count(*) FROM from_texts") == 400
    in_order = kinds.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 0 ORDER BY attnum")
    row = ", ".join("NULL" if name == "size" else f"t.{name}" for (name,) in in_order)
    same = f"sized_features(k) = sized_features(ROW({row})::kinds)"
    assert kinds.value(f"SELECT count(*) FROM kinds k JOIN texts t ON t.id::integer = k.id WHERE {same}") == 400
    kinds.run("DROP TABLE from_texts")


@pytest.mark.postgresql("pg_dump is that of PostgreSQL")
def test_dump_and_restore_keep_it_all(kinds: Session, server: str) -> None:
    expected = typed(kinds)
    dump = ["pg_dump", "--dbname", kinds.dsn, "--schema", "t_columns_paths"]
    script = subprocess.run(dump, check=True, capture_output=True, text=True, env=os.environ).stdout
    with scratch_database(server, "automl_paths_restored") as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        restore = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", dsn]
        subprocess.run(restore, input=script, check=True, text=True, capture_output=True)
        session.run("SET search_path = t_columns_paths; SET TimeZone = 'Asia/Tokyo'; DROP TABLE IF EXISTS scored")
        assert typed(session) == expected
        session.run("SELECT madlib.automl_predict('sized', 'kinds', 'scored')")
        assert dict(session.fetch("SELECT id, size FROM scored")) == answers(session)
        text = session.value("SELECT to_json(k)::text FROM kinds k WHERE id = 7")
        assert json.loads(session.value("SELECT madlib.automl_predict('sized', %s::jsonb, 'prob')", text)) == expected[7]
        session.close()


def test_settings_of_who_calls_change_nothing(kinds: Session) -> None:
    expected = typed(kinds)
    kinds.run("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'")
    kinds.run("SET search_path = pg_catalog")
    try:
        found = dict(kinds.fetch("SELECT id, t_columns_paths.sized_prob(k) FROM t_columns_paths.kinds k"))
    finally:
        kinds.run("SET TimeZone = 'Europe/Rome'; RESET DateStyle; RESET IntervalStyle; SET search_path = t_columns_paths")
    assert found == expected


def test_evaluation_and_importance_of_a_model_that_was_trained(kinds: Session) -> None:
    measures = dict(kinds.fetch("SELECT name, value FROM madlib.automl_evaluate('sized', 'kinds') WHERE part = 'metric'"))
    wrong = kinds.value("SELECT count(*) FROM kinds k WHERE size <> sized(k)")
    assert measures["accuracy"] == 1 - wrong / 400
    found = kinds.fetch("SELECT * FROM madlib.automl_importance('sized', 'kinds', 2, 200)")
    assert len(found) == 15
    assert found[0].name == "area"
