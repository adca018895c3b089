"""Fixtures with data that is packed and models that are loaded, and searches that many tests look at.

Most of a small search's seconds go into importing TensorFlow, once a session. So one session trains for the whole test run:
`quick`, in itself, or on sessions that are kept for it. It is lent to the fixtures of files that want another schema, and to
those of searches that many tests look at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fix_db import EXAMPLES, KEEPS, Session, connect_to, is_as_new

ARCHITECTURES = Path(__file__).resolve().parent / "architectures"
COMPILE = """{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'],
    'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']}]}"""
FIT = "{'batch_size': [8], 'epochs': [1]}"
PAGE_COMPILE = """{
'loss': ['categorical_crossentropy'],
'optimizer_params_list': [
{'optimizer': ['Adam'],'lr': [0.001, 0.1, 'log']},
{'optimizer': ['RMSprop'],'lr': [0.001, 0.1, 'log']}
],
'metrics': ['accuracy']
}"""
PAGE_FIT = "{'batch_size': [4, 8], 'epochs': [1]}"

# The ids of the library in the schema of `quick`.
SMALL, PAGE, WIDE, FOUR_CLASSES, LAMBDA, FRAGILE, NOTHING, WEIGHTED = 1, 2, 3, 4, 5, 6, 7, 8


@dataclass(frozen=True)
class Searched:
    """The page's search when it is over.

    Attributes:
        db: a session whose search_path is the schema of its tables, for reading only.
        notices: what the search said.
        seconds: how long it took.
        run_id: its number in madlib.automl_runs.
    """

    db: Session
    notices: list[str]
    seconds: float
    run_id: int


def sequential(*layers: tuple[str, dict[str, object]]) -> str:
    """The JSON of a network as Keras 2 writes it; the first layer says `batch_input_shape`."""
    config = [{"class_name": kind, "config": {"name": f"layer_{at}", **given}} for at, (kind, given) in enumerate(layers)]
    return json.dumps({"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": config})


def dense(units: int, inputs: int = 4, activation: str = "softmax") -> str:
    """The JSON of a network of one layer."""
    return sequential(("Dense", {"units": units, "activation": activation, "batch_input_shape": [None, inputs]}))


def in_schema(dsn: str, schema: str) -> Session:
    """Open a session alone in a new schema."""
    session = connect_to(dsn)
    session.run(f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    session.run(f"SET search_path = {schema}; RESET client_min_messages")
    return session


def make_iris(session: Session) -> None:
    """Make the page's tables up to the packed ones: 120 rows to train, 30 to validate, in two partitions each."""
    session.run("SET client_min_messages = warning; " + (EXAMPLES / "iris.sql").read_text() + "RESET client_min_messages")
    session.run("SET keras_automl.partitions = 2; SELECT setseed(0)")
    session.run("SELECT madlib.train_test_split('iris_data', 'iris', 0.8, NULL, NULL, NULL, NULL, TRUE)")
    session.run("SELECT madlib.training_preprocessor_dl('iris_train', 'train', 'class_text', 'attributes')")
    session.run("SELECT madlib.validation_preprocessor_dl('iris_test', 'val', 'class_text', 'attributes', 'train')")


def load(session: Session, library: str, *models: str) -> None:
    """Add models to a library; they get the ids that follow."""
    for model in models:
        session.run("SELECT madlib.load_keras_model(%s, %s::json)", library, model)


def search(session: Session, name: str, /, **given: object) -> None:
    """Run a small search, of four configurations, into `<name>` and `<name>_best`; `given` are other arguments."""
    arguments: dict[str, object] = {
        "source_table": "train",
        "model_output_table": name,
        "model_arch_table": "lib",
        "model_selection_table": f"{name}_best",
        "model_id_list": [SMALL],
        "compile_params_grid": COMPILE,
        "fit_params_grid": FIT,
        "automl_params": "R=2, eta=2",
        "random_state": 1,
        **given,
    }
    called = ", ".join(f"{argument} := %s" for argument in arguments)
    session.run(f"SELECT madlib.madlib_keras_automl({called})", *arguments.values())


def page_search(session: Session, library: str = "lib") -> None:
    """The page's example: R=9, eta=3, with a validation table."""
    search(
        session,
        "automl_output",
        model_arch_table=library,
        model_selection_table="automl_mst_table",
        model_id_list=[1, 2],
        compile_params_grid=PAGE_COMPILE,
        fit_params_grid=PAGE_FIT,
        automl_method="hyperband",
        automl_params="R=9, eta=3, skip_last=0",
        validation_table="val",
        metrics_compute_frequency=1,
        name="page",
        description="the example",
    )


# What `quick` has set; the partitions are those of `make_iris`.
_QUICK = f"SET search_path = t_quick; SET keras_automl.sessions = 0; SET keras_automl.partitions = 2; {KEEPS}"


@contextmanager
def lent(quick: Session, schema: str) -> Iterator[Session]:
    """Give `quick` as a session that was just opened, alone in a new schema; afterwards it is in its own again."""
    enter(quick, schema)
    quick.run(f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    quick.run("RESET client_min_messages")
    try:
        yield quick
    finally:
        is_as_new(quick)
        quick.run(_QUICK)


def enter(quick: Session, schema: str) -> None:
    """Let a session be one that was just opened, in a schema, but that sessions are kept for it."""
    assert is_as_new(quick)
    quick.run(f"SET search_path = {schema}; {KEEPS}")


def seen(dsn: str, schema: str, session: Session, seconds: float = 0.0) -> Searched:
    """What is to be seen of the search that a session has just made in a schema, by one that only reads."""
    reader = connect_to(dsn)
    reader.run(f"SET search_path = {schema}")
    return Searched(reader, list(session.notices), seconds, session.value("SELECT max(run_id) FROM madlib.automl_runs"))


@pytest.fixture(scope="session")
def searched(database: str, quick: Session) -> Iterator[Searched]:
    """The page's example, run once on sessions."""
    with lent(quick, "t_searched") as session:
        make_iris(session)
        load(session, "lib", *((ARCHITECTURES / f"page_{name}_hidden_layers.json").read_text() for name in ("two", "three")))
        session.notices.clear()
        begin = time.monotonic()
        page_search(session)
        found = seen(database, "t_searched", session, time.monotonic() - begin)
    yield found
    found.db.close()


@pytest.fixture(scope="session")
def quick(database: str) -> Iterator[Session]:
    """A session that trains in itself, in a schema with the packed tables `train` and `val` and the library `lib`."""
    session = in_schema(database, "t_quick")
    make_iris(session)
    embedding = {"input_dim": 2, "output_dim": 2, "batch_input_shape": [None, 4]}
    load(
        session,
        "lib",
        dense(3),
        (ARCHITECTURES / "page_two_hidden_layers.json").read_text(),
        dense(3, inputs=5),
        dense(4),
        sequential(
            ("Lambda", {"function": ["4wEA", None, None], "function_type": "lambda", "batch_input_shape": [None, 4]}),
            ("Dense", {"units": 3, "activation": "softmax"}),
        ),
        # Builds and compiles; raises when a feature is no index below 2, as those of iris are not.
        sequential(("Embedding", embedding), ("Flatten", {}), ("Dense", {"units": 3, "activation": "softmax"})),
    )
    session.run("INSERT INTO lib (model_id, model_arch) VALUES (%s, NULL)", NOTHING)
    session.run("INSERT INTO lib (model_id, model_arch, model_weights) VALUES (%s, %s, '\\x00')", WEIGHTED, dense(3))
    session.run(_QUICK)
    yield session
    session.close()
