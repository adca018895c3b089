"""Keep what a version leaves in a database, for the test of the updates from it: a record of runs, and the tables they need.

    PYTHONPATH=tests python tests/upgrade/keep.py DSN

Run it with the DSN of a PostgreSQL that has that version installed (`make -s dsn` in a checkout of it). It makes a database of
its own and writes record--VERSION.sql and tables--VERSION.sql beside itself. The script of the version is kept by
`cat sql/[0-9]*.sql`, with its tokens left in it.

Each of two searches, by Hyperband and by Hyperopt, is called twice with one seed: once it comes to its end, once it is
cancelled.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extensions

from fix_db import Session, connect_to
from fix_search import in_schema, load, make_iris, search, sequential

HERE = Path(__file__).resolve().parent
DATABASE, SCHEMA = "automl_keep", "t_kept"
VIEWS = ("automl_runs", "automl_trials", "automl_metrics", "automl_checkpoints")
NET = sequential(
    ("Dense", {"units": 6, "activation": "relu", "batch_input_shape": [None, 4]}),
    ("Dropout", {"rate": 0.2}),
    ("Dense", {"units": 3, "activation": "softmax"}),
)
GRID = """{'loss': ['categorical_crossentropy'], 'metrics': ['top_2_accuracy'],
    'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']}]}"""
METHODS = {"hyperband": "R=9, eta=3, skip_last=0", "hyperopt": "num_configs=5, num_iterations=10, algorithm=tpe"}


def main(server: str) -> None:
    """Make a database, have the runs made there, and write them."""
    with scratch(server) as dsn:
        session = in_schema(dsn, SCHEMA)
        version = session.value("SELECT extversion FROM pg_extension WHERE extname = 'keras_automl'")
        make_iris(session)
        load(session, "lib", NET)
        session.run("SELECT madlib.load_top_k_accuracy_function('functions', 2)")
        for method, params in METHODS.items():
            call(session, method, f"{method}_done", params)
            cancelled(session, method, f"{method}_cut", params)
        session.run("DROP TABLE iris_data, iris_train, iris_test")
        (HERE / f"record--{version}.sql").write_text(record(session))
        (HERE / f"tables--{version}.sql").write_text(tables(dsn))
        session.close()


@contextmanager
def scratch(server: str) -> Iterator[str]:
    """The DSN of a new database with the extension."""
    admin = connect_to(server)
    admin.run(f"DROP DATABASE IF EXISTS {DATABASE}")
    admin.run(f"CREATE DATABASE {DATABASE}")
    dsn = psycopg2.extensions.make_dsn(server, dbname=DATABASE)
    maker = connect_to(dsn)
    maker.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
    maker.close()
    yield dsn
    admin.run(f"DROP DATABASE {DATABASE}")
    admin.close()


def call(session: Session, method: str, name: str, params: str) -> None:
    """Make a search"""
    session.run("SET keras_automl.sessions = 1; SET keras_automl.threads = 1")
    search(
        session,
        name,
        compile_params_grid=GRID,
        fit_params_grid="{'batch_size': [2], 'epochs': [2]}",
        automl_method=method,
        automl_params=params,
        object_table="functions",
        validation_table="val",
        metrics_compute_frequency=1,
        random_state=11,
    )


def cancelled(session: Session, method: str, name: str, params: str) -> None:
    """Make a search and cancel it when a third of its iterations are in the record."""
    begin, done = "SELECT max(run_id) FROM madlib.automl_runs", session.value("SELECT sum(iteration) FROM madlib.automl_trials")
    failed: list[psycopg2.Error] = []
    caller = connect_to(session.dsn)
    caller.run(f"SET search_path = {SCHEMA}")
    before = session.value(begin)
    of_the_last = session.value("SELECT sum(iteration) FROM madlib.automl_trials WHERE run_id = %s", before)

    def run() -> None:
        try:
            call(caller, method, name, params)
        except psycopg2.Error as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while 3 * (session.value("SELECT sum(iteration) FROM madlib.automl_trials") - done) < of_the_last:
        assert thread.is_alive(), failed
        time.sleep(0.01)
    session.run("SELECT pg_cancel_backend(%s)", caller.info.backend_pid)
    thread.join()
    assert failed, "the search came to its end before it was cancelled"
    caller.close()


# --- what is written ----------------------------------------------------------------------------------------------------


def record(session: Session) -> str:
    """Return statements that write the rows of the views again, for whoever runs them."""
    rows = "".join(f"{line}\n" for view in VIEWS for line in rows_of(session, view))
    return rows + "SELECT setval('madlib.automl_run_log_run_id_seq', max(run_id)) FROM madlib.automl_runs;\n"


def rows_of(session: Session, view: str) -> Iterator[str]:
    columns = [
        name
        for (name,) in session.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", f"madlib.{view}"
        )
        if name not in ("owner", "alive")
    ]
    values = " || ', ' || ".join(f"quote_nullable({column})" for column in columns)
    for (row,) in session.fetch(f"SELECT {values} FROM madlib.{view} ORDER BY 1"):
        yield f"INSERT INTO madlib.{view} ({', '.join(columns)}) VALUES ({row});"


def tables(dsn: str) -> str:
    """Return statements that make the tables of the runs and the one of custom functions."""
    chosen = [f"--table={SCHEMA}.*", "--table=madlib.functions"]
    options = ["--inserts", "--no-owner", "--no-tablespaces", "--no-table-access-method"]
    dump = subprocess.run(["pg_dump", *options, *chosen, dsn], check=True, capture_output=True, text=True).stdout
    return re.sub(r"\n{2,}", "\n", re.sub(r"^(--|\\|SET ).*\n", "", dump, flags=re.M)).strip() + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
