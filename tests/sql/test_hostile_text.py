"""Hostile names and strings in every text argument of every function: they work or get a clear error; nothing is injected."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from fix_db import MADLIB, Session
from fix_search import COMPILE, FIT, SMALL, dense, lent, load, make_iris

PARAMS = {"compile_params": "optimizer='SGD',loss='mse'", "fit_params": "batch_size=64"}
TRAINING = {"source_table": "train", "num_iterations": 1, "validation_table": "val", "name": "n", "description": "d"}
PREDICTION = {"test_table": "iris_test", "id_col": "id", "independent_varname": "attributes", "output_table": "made"}
PACKING = {
    "source_table": "iris_train",
    "output_table": "made",
    "dependent_varname": "class_text",
    "independent_varname": "attributes",
    "distribution_rules": "all_segments",
}
# A call of each function that works, with all of its text arguments.
CALLS: dict[str, dict[str, Any]] = {
    "train_test_split": {"source_table": "iris_data", "output_table": "made", "train_proportion": 0.5,
                         "grouping_cols": "class_text", "target_cols": "id"},
    "training_preprocessor_dl": {**PACKING, "buffer_size": 50, "normalizing_const": 1.0, "num_classes": "3"},
    "validation_preprocessor_dl": {**PACKING, "training_preprocessor_table": "train"},
    "load_keras_model": {"keras_model_arch_table": "made", "model_arch": dense(3), "name": "n", "description": "d"},
    "delete_keras_model": {"keras_model_arch_table": "lib", "model_id": SMALL},
    "hyperband_schedule": {"schedule_table": "made", "r": 3},
    "madlib_keras_automl": {
        "source_table": "train", "model_output_table": "made", "model_arch_table": "lib", "model_selection_table": "made_best",
        "model_id_list": [SMALL], "compile_params_grid": COMPILE, "fit_params_grid": FIT, "automl_method": "hyperopt",
        "automl_params": "num_configs=1, num_iterations=1", "object_table": None, "validation_table": "val", "name": "n",
        "description": "d"},
    "generate_model_configs": {"model_arch_table": "lib", "model_selection_table": "made", "model_id_list": [SMALL],
                               "compile_params_grid": "{'loss': ['mse']}", "fit_params_grid": FIT, "search_type": "grid",
                               "object_table": None},
    "load_model_selection_table": {
        "model_arch_table": "lib", "model_selection_table": "made", "model_id_list": [SMALL],
        "compile_params_list": [PARAMS["compile_params"]], "fit_params_list": [PARAMS["fit_params"]], "object_table": None},
    "load_custom_function": {"object_table": "made", "object": pickle.dumps(print), "name": "f", "description": "d"},
    "load_top_k_accuracy_function": {"object_table": "made", "k": 2},
    "delete_custom_function": {"object_table": "t_hostile_functions", "name": "top_2_accuracy"},
    "madlib_keras_fit_multiple_model": {**TRAINING, "model_output_table": "made", "model_selection_table": "mst"},
    "madlib_keras_fit": {**TRAINING, **PARAMS, "model": "made", "model_arch_table": "lib", "model_id": SMALL,
                         "object_table": None},
    "madlib_keras_evaluate": {"model_table": "one", "test_table": "val", "output_table": "made"},
    "madlib_keras_predict": {**PREDICTION, "model_table": "one", "pred_type": "prob"},
    "madlib_keras_predict_byom": {**PREDICTION, "model_arch_table": "own", "model_id": 1, "pred_type": "prob",
                                  "class_values": ["a", "b", "c"]},
}  # fmt: skip
CASTS = {
    "class_values": "::text[]",
    "compile_params_list": "::varchar[]",
    "fit_params_list": "::varchar[]",
    "num_classes": "::text",
    "pred_type": "::varchar",
    "model_arch": "::json",
    "normalizing_const": "::real",
}
STRINGS = [
    """x'; DROP TABLE canary; -- $$ $1 $2::bytea " \\ % %s {0} ü""",
    '''"x""'; DROP TABLE canary; -- $1::text % {0} ü"''',
    "canary; DROP TABLE canary",
    "__import__('os').system('touch /tmp/hostile')",
    "{'a': [__import__('os')]}",
    "$$",
    "a" * 64,
    '"' + "ü" * 31 + '"',
    "pg_catalog.pg_class",
    '"T_HOSTILE"."Canary"',
    " \t\n",
]
ARGUMENTS = f"""SELECT DISTINCT proname AS function, argument FROM pg_proc,
    unnest(proargnames, coalesce(proallargtypes, proargtypes::oid[])) AS given(argument, kind)
    WHERE pronamespace = {MADLIB} AND proname !~ '^automl_' AND argument <> 'message'
    AND kind IN ('text'::regtype, 'varchar'::regtype, 'text[]'::regtype, 'varchar[]'::regtype) ORDER BY 1, 2"""
# 22xxx a value, 42xxx a name or a right, 0A000 not there (yet), 3F000 no such schema, 38000 in a model, 55000 not packed.
EXPECTED = ("22", "42", "0A", "3F", "38", "55")
OURS = re.compile(r"[a-z_]+: |\d+ problems")  # an argument, or "keras_automl", stands before a message of ours
NEVER = ("42601", "42P02", "22P02")  # syntax, a parameter that is none: text became part of a statement


@pytest.fixture(scope="module")
def ready(quick: Session) -> Iterator[Session]:
    """A session that trains in itself, with everything that the calls need, and a table that nobody may touch."""
    with lent(quick, "t_hostile") as session:
        make_iris(session)
        load(session, "lib", dense(3))
        session.run("SET keras_automl.sessions = 0; CREATE TABLE canary AS SELECT 1 AS one; SET client_min_messages = error")
        session.run("SELECT madlib.load_model_selection_table('lib', 'mst', ARRAY[1], ARRAY[%s], ARRAY['batch_size=64'])",
                    PARAMS["compile_params"])  # fmt: skip
        call(session, "madlib_keras_fit", {**CALLS["madlib_keras_fit"], "model": "one"})
        session.run("SELECT madlib.load_keras_model('own', (SELECT model_arch FROM one), (SELECT model_weights FROM one))")
        session.run("SELECT madlib.load_top_k_accuracy_function('t_hostile_functions', 2)")
        yield session
        session.run("DROP TABLE madlib.t_hostile_functions")


def call(session: Session, function: str, arguments: dict[str, Any]) -> None:
    named = ", ".join(f"{name} := %s{CASTS.get(name, '')}" for name in arguments)
    session.run(f"SELECT madlib.{function}({named})", *arguments.values())


def test_every_text_argument_is_in_the_table(ready: Session) -> None:
    there = {(function, argument) for function, argument in ready.fetch(ARGUMENTS)}
    missing = {(function, argument) for function, argument in there if argument not in CALLS.get(function, {argument})}
    assert missing == set()
    assert len(there) > 60


@pytest.mark.parametrize("function", CALLS)
def test_the_calls_of_the_table_work(ready: Session, function: str) -> None:
    ready.run("BEGIN")
    try:
        call(ready, function, CALLS[function])
    finally:
        ready.run("ROLLBACK")


TRAINERS = ("madlib_keras_automl", "madlib_keras_fit", "madlib_keras_fit_multiple_model")
TEXTS = [(function, argument) for function, given in CALLS.items() for argument, value in given.items()
         if (value is None or isinstance(value, (str, list))) and argument not in ("model_arch", "model_id_list")]  # fmt: skip


# Where any text is taken, each trains a network.
FREE = [(function, argument) for function, argument in TEXTS if function in TRAINERS and argument in ("name", "description")]
SOME = [(*each, STRINGS[::6] if each in FREE else STRINGS) for each in TEXTS]
LONG = [pytest.param(*each, STRINGS, marks=pytest.mark.soak, id=f"{'-'.join(each)}-all") for each in FREE]
NAMED = [pytest.param(*case, id="-".join(case[:2])) for case in SOME]


@pytest.mark.parametrize(("function", "argument", "strings"), [*NAMED, *LONG])
def test_hostile_text(ready: Session, function: str, argument: str, strings: list[str]) -> None:
    for hostile in strings:
        given = CALLS[function]
        value = [hostile] if isinstance(given[argument], list) else hostile
        ready.run("BEGIN")
        try:
            call(ready, function, {**given, argument: value})
        except psycopg2.Error as error:
            message = str(error.diag.message_primary)
            assert str(error.pgcode)[:2] in EXPECTED and error.pgcode not in NEVER, (hostile, error.pgcode, message)
            assert OURS.match(message), (hostile, message)
        finally:
            ready.run("ROLLBACK")
        assert ready.value("SELECT one FROM canary") == 1


# --- what was not given -------------------------------------------------------------------------------------------------

OPTIONAL = f"""SELECT DISTINCT proname AS function, proargnames[place] AS argument FROM pg_proc, generate_series(1, 20) AS place
    WHERE pronamespace = {MADLIB} AND place BETWEEN pronargs - pronargdefaults + 1 AND pronargs AND proargnames[1] <> 'message'
    AND proargtypes[place - 1] IN ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype, 'madlib.automl_classes'::regtype)"""
# Each with a value that shows whether it was taken.
NOT_GIVEN = [
    *((function, argument) for function, argument in TEXTS if argument in ("name", "description") and "custom" not in function),
    ("train_test_split", "grouping_cols"), ("train_test_split", "target_cols"),
    ("training_preprocessor_dl", "num_classes"), ("training_preprocessor_dl", "distribution_rules"),
    ("validation_preprocessor_dl", "distribution_rules"),
    ("load_keras_model", "model_weights"), ("load_custom_function", "description"),
    ("madlib_keras_automl", "automl_method"), ("madlib_keras_automl", "automl_params"),
    ("madlib_keras_automl", "object_table"), ("madlib_keras_automl", "validation_table"),
    ("generate_model_configs", "search_type"), ("generate_model_configs", "object_table"),
    ("load_model_selection_table", "object_table"),
    ("madlib_keras_fit_multiple_model", "validation_table"),
    ("madlib_keras_fit", "validation_table"), ("madlib_keras_fit", "object_table"),
    ("madlib_keras_predict", "pred_type"), ("madlib_keras_predict_byom", "pred_type"),
    ("gpu_configuration", "source"),
]  # fmt: skip
# It imports TensorFlow for each; that an empty text is one that was not given is tried once in test_gpus.py.
LASTS = ("gpu_configuration", "source")
ONE_EACH = [pytest.param(*each, marks=pytest.mark.soak if each == LASTS else ()) for each in NOT_GIVEN]
# A search by default parameters is one of a single configuration.
ONLY = {"compile_params_grid": "{'loss': ['mse'], 'optimizer': ['SGD']}", "fit_params_grid": "{'batch_size': [64]}"}
# Columns that differ between two calls.
OF_A_CALL = ("__internal_madlib_id__", "start_training_time", "end_training_time", "metrics_elapsed_time")


def test_every_optional_text_can_be_empty(ready: Session) -> None:
    there = {(function, argument) for function, argument in ready.fetch(OPTIONAL)}
    # What they make of nothing is that of a search: the plan has its arguments, and a run that goes on has them from before.
    # Those that take ordinary columns are tried beside their other tests.
    elsewhere = ("automl_plan", "automl_resume", "automl_train", "automl_ensemble", "automl_predict")
    assert {each for each in there if each[0] not in elsewhere} == set(NOT_GIVEN)


def made(session: Session, shuffled: bool) -> dict[str, Any]:
    """The columns and the rows of all tables that a call has made; of rows that are drawn at random their number."""
    found = {}
    for (name,) in session.fetch("SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^made' AND relkind = 'r'"):
        with session.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {name}")
            columns = [column.name for column in cursor.description or ()]
            rows = sorted(str([plain(*cell) for cell in zip(columns, row, strict=True)]) for row in cursor)
        found[name] = columns, len(rows) if shuffled else rows
    return found


def plain(column: str, value: object) -> object:
    """A value that is the same whenever the call is made; of bytes their number, for setseed() does not reach segments."""
    return None if column in OF_A_CALL else len(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize(("function", "argument"), ONE_EACH)
def test_an_empty_text_was_not_given(ready: Session, function: str, argument: str) -> None:
    given = {key: value for key, value in CALLS.get(function, {"output_table": "made"}).items() if key != argument}
    if argument in ("automl_method", "automl_params"):
        given |= ONLY
    if argument == "automl_method":
        del given["automl_params"]
    results = []
    for more in ({}, {argument: b"" if argument == "model_weights" else ""}):
        ready.run("BEGIN; SELECT setseed(0)")
        try:
            call(ready, function, {**given, **more})
            results.append(made(ready, function == "train_test_split"))
        finally:
            ready.run("ROLLBACK")
    assert results[0]
    assert results[1] == results[0]
