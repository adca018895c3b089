"""deploy/again.sql: the extension is made again at the same version, and nothing that is a user's is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_extension import RUN, VIEWS, WRITTEN

from fix_catalog import catalog_of
from fix_db import Session, connect_to, scratch_database

AGAIN = Path(__file__).resolve().parents[2] / "deploy" / "again.sql"
MADE = "SELECT xmin::text::bigint FROM pg_extension WHERE extname = 'keras_automl'"

pytestmark = pytest.mark.postgresql("psql is that of PostgreSQL")


def again(session: Session) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["psql", "-X", "-q", "--dbname", session.dsn, "-f", AGAIN], capture_output=True, text=True)


@pytest.fixture(scope="module")
def used(server: str) -> Iterator[Session]:
    """A database of its own with a run, a table of custom functions and a view of runs."""
    with scratch_database(server, "automl_again") as dsn:
        session = connect_to(dsn)
        session.run("CREATE EXTENSION plpython3u; CREATE EXTENSION keras_automl")
        run = session.value(RUN)
        for statement in WRITTEN:
            session.run(statement, run)
        session.run("SELECT madlib.load_top_k_accuracy_function('functions', 2)")
        session.run("CREATE VIEW public.mine AS SELECT run_id, status FROM madlib.automl_runs")
        yield session
        session.close()


def test_what_others_have_made_of_it_is_named_and_nothing_is_lost(used: Session) -> None:
    before = used.value(MADE)
    ended = again(used)
    assert ended.returncode != 0
    assert "view mine depends on view madlib.automl_runs" in ended.stderr
    assert used.value(MADE) == before
    assert used.fetch("SELECT status FROM public.mine") == [("failed",)]
    assert used.value("SELECT count(*) FROM madlib.functions") == 1


def test_runs_numbers_and_functions_stay(used: Session) -> None:
    used.run("DROP VIEW IF EXISTS public.mine")
    before, made = [used.fetch(f"SELECT * FROM madlib.{view}") for view in VIEWS], used.value(MADE)
    catalog = catalog_of(used)
    ended = again(used)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert used.value(MADE) > made
    assert [used.fetch(f"SELECT * FROM madlib.{view}") for view in VIEWS] == before
    assert all(len(view) == 1 for view in before)
    assert used.fetch("SELECT name FROM madlib.functions") == [("top_2_accuracy",)]
    assert catalog_of(used) == catalog
    (last,) = (row.run_id for row in before[0])
    assert used.value(RUN) == last + 1
    used.run("SELECT madlib.hyperband_schedule('public.schedule', 9)")


def test_where_the_extension_is_not(server: str) -> None:
    with scratch_database(server, "automl_without") as dsn:
        session = connect_to(dsn)
        ended = again(session)
        assert ended.returncode != 0
        assert "the extension keras_automl is not in this database" in ended.stderr
        assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'keras_automl_kept'") == 0
        session.close()
