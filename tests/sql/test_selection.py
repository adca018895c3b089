"""Model selection tables: generate_model_configs and load_model_selection_table."""

from __future__ import annotations

import re
from typing import Any

import psycopg2
import pytest

from fix_db import Session
from fix_search import dense, load

GRID = """{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'], 'optimizer_params_list': [
    {'optimizer': ['Adam', 'SGD'], 'lr': [0.01, 0.1]}, {'optimizer': ['RMSprop']}]}"""
RANGE = "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01, 0.1, 'log']}]}"
FIT = "{'batch_size': [8, 16], 'epochs': [1]}"
ROWS = "SELECT model_id, compile_params, fit_params FROM {} ORDER BY mst_key"


@pytest.fixture
def lib(db: Session) -> Session:
    load(db, "lib", dense(3), dense(3))
    return db


def generate(db: Session, name: str, /, **given: Any) -> None:
    arguments: dict[str, Any] = {
        "model_arch_table": "lib",
        "model_selection_table": name,
        "model_id_list": [1, 2],
        "compile_params_grid": GRID,
        "fit_params_grid": FIT,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    db.run(f"SELECT madlib.generate_model_configs({called})", *arguments.values())


def test_a_grid_is_taken_as_a_whole(lib: Session) -> None:
    generate(lib, "mst")
    rows = lib.fetch(ROWS.format("mst"))
    assert len(set(rows)) == len(rows) == 2 * 5 * 2
    assert rows[0] == (
        1,
        "optimizer='Adam(lr=0.01)',loss='categorical_crossentropy',metrics=['accuracy']",
        "batch_size=8,epochs=1",
    )
    assert [key for (key,) in lib.fetch("SELECT mst_key FROM mst ORDER BY 1")] == [*range(1, 21)]
    assert lib.fetch("SELECT * FROM mst_summary") == [("lib", None)]


def test_random_draws_are_those_of_their_seed_and_0_is_one(lib: Session) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        generate(lib, name, compile_params_grid=RANGE, search_type="Random", num_configs=5, random_state=seed)
    one, two, three = (lib.fetch(ROWS.format(name)) for name in ("one", "two", "three"))
    assert one == two != three
    assert len(set(one)) == 5


def test_random_draws_without_a_seed_are_repeated_by_setseed(lib: Session) -> None:
    for name in ("one", "two", "three"):
        if name != "three":
            lib.run("SELECT setseed(0.25)")
        generate(lib, name, compile_params_grid=RANGE, search_type="random", num_configs=5)
    one, two, three = (lib.fetch(ROWS.format(name)) for name in ("one", "two", "three"))
    assert one == two != three


def test_rows_are_added_without_those_that_are_there(lib: Session) -> None:
    generate(lib, "mst", model_id_list=[1])
    lib.notices.clear()
    generate(lib, "mst")
    assert lib.notices == ["NOTICE:  10 of 20 configurations are in the table already\n"]
    generate(lib, "mst", search_type="rand", num_configs=3, compile_params_grid=RANGE)
    rows = lib.fetch(ROWS.format("mst"))
    assert len(set(rows)) == len(rows) == 23
    assert lib.value("SELECT count(*) FROM mst_summary") == 1


def test_more_than_there_are_is_told(lib: Session) -> None:
    generate(lib, "mst", search_type="random", num_configs=30)
    assert lib.value("SELECT count(*) FROM mst") == 20
    assert "NOTICE:  the search space holds 20 different configurations where 30 are asked for\n" in lib.notices


def test_a_library_that_differs_is_refused(lib: Session) -> None:
    load(lib, "other", dense(3))
    generate(lib, "mst")
    with pytest.raises(Exception, match='model_arch_table: must be "lib", as for the configurations that "mst" has, got'):
        generate(lib, "mst", model_arch_table="other", model_id_list=[1])


def test_lists_are_crossed_and_texts_of_one_meaning_are_one(lib: Session) -> None:
    compiled = ["loss=mse,optimizer='Adam(lr=0.1)'", "optimizer='Adam(lr=0.1)' , loss='mse'", "loss='mae',optimizer=SGD"]
    fits = ["batch_size=8,epochs=1", "epochs=1, batch_size=8"]
    lib.run("SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[2, 1], %s, %s)", compiled, fits)
    assert lib.fetch(ROWS.format("mst")) == [(number, text, fits[1]) for number in (1, 2) for text in compiled[1:]]


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"search_type": "best"}, "22023", "search_type: must be 'grid' or 'random', got 'best'"),
    ({"search_type": "-"}, "22023", "search_type: must be 'grid' or 'random', got '-'"),
    ({"num_configs": 3}, "22023", "num_configs: must be NULL for search_type 'grid', which takes all configurations, got 3"),
    ({"random_state": 0}, "22023", "random_state: must be NULL for search_type 'grid', which takes all .*, got 0"),
    ({"search_type": "random"}, "22004", "num_configs: must be a number from 1 to 100000 for search_type 'random', got NULL"),
    ({"search_type": "random", "num_configs": 0}, "22023", "num_configs: must be a number from 1 to 100000 .*, got 0"),
    (
        {"compile_params_grid": RANGE},
        "22023",
        "compile_params_grid: \"lr\" must be a list of values for search_type 'grid', not a range to draw from",
    ),
    ({"model_id_list": [7]}, "22023", r'model_id_list: every id must be in table ".*\.lib", which has \[1, 2\], got 7'),
    ({"model_id_list": None}, "22004", "model_id_list: must be a list of model ids, got NULL"),
    ({"model_arch_table": "nowhere"}, "42P01", 'model_arch_table: table "nowhere" does not exist'),
    ({"model_selection_table": None}, "22004", "model_selection_table: must be the name of a table, got NULL"),
    ({"model_selection_table": "lib"}, "42703", 'model_selection_table: column "mst_key" does not exist in table ".*"'),
    ({"compile_params_grid": "{'loss': 3}"}, "22023", 'compile_params_grid: "loss" must be a list of values, got 3'),
    ({"object_table": "f"}, "42P01", 'object_table: table "madlib.f" does not exist in the schema madlib'),
]


@pytest.mark.parametrize(("given", "sqlstate", "message"), BAD, ids=[message[:40] for *_, message in BAD])
def test_an_error_names_argument_rule_and_value(lib: Session, given: dict[str, Any], sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        generate(lib, "mst", **given)
    failure = lib.failure(caught.value)
    assert failure.sqlstate == sqlstate
    assert re.fullmatch(message, failure.message), failure.message
    assert lib.value("SELECT to_regclass('mst')") is None


def test_all_problems_of_the_lists_are_told_at_once(lib: Session) -> None:
    message = lib.error_of(
        "SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], %s, %s)", ["loss='mse'", "loss='mse',x=1"], []
    ).message
    for part in (
        'compile_params_list: element 1: "optimizer" is required',
        'compile_params_list: element 2: "x" is not one of ',
        "fit_params_list: must have at least one text of parameters, got []",
    ):
        assert part in message


def test_hostile_names_and_texts(lib: Session) -> None:
    name = """"a'; DROP TABLE lib; -- $$ $1::text ü" """
    generate(lib, name)
    assert lib.value(f"SELECT count(*) FROM {name}") == 20
    assert lib.value("SELECT count(*) FROM lib") == 2
