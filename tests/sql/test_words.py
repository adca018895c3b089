"""What a client reads of an error, to the letter: no class of an exception before it, no stack of ours in its context."""

from __future__ import annotations

import psycopg2
import pytest

from fix_db import Session

SPLIT = "SELECT madlib.train_test_split({}, 'parts', 0.5)"


def diag(db: Session, sql: str) -> psycopg2.extensions.Diagnostics:
    with pytest.raises(psycopg2.Error) as caught:
        db.run(sql)
    return caught.value.diag


def without_segment(message: str | None) -> str:
    return str(message).partition("  (seg")[0]


def test_an_error_of_an_argument_begins_with_the_argument(db: Session) -> None:
    said = diag(db, SPLIT.format("'nowhere'"))
    assert (said.sqlstate, said.message_primary) == ("42P01", 'source_table: table "nowhere" does not exist')
    assert said.severity == "ERROR"


def test_several_are_told_as_they_are(db: Session) -> None:
    said = diag(db, "SELECT madlib.hyperband_schedule('t', NULL, NULL, 0)")
    assert said.message_primary == (
        "2 problems were found:\n"
        "  R: must be an integer of at least eta, got NULL\n  eta: must be an integer of at least 2, got NULL"
    )


def test_what_a_statement_of_ours_fails_with_is_told_in_its_own_words(db: Session) -> None:
    db.run("CREATE TABLE numbers AS SELECT 0 AS zero; CREATE VIEW hard AS SELECT 1 / zero AS one FROM numbers")
    said = diag(db, SPLIT.format("'hard'"))
    assert (said.sqlstate, without_segment(said.message_primary)) == ("22012", "keras_automl: division by zero")
    assert said.internal_query is None


def test_a_cancellation_is_told_as_the_server_tells_it(db: Session) -> None:
    db.run("CREATE VIEW slow AS SELECT pg_sleep(60)::text AS one; SELECT madlib.automl_load(); SET statement_timeout = '500ms'")
    said = diag(db, SPLIT.format("'slow'"))
    assert said.sqlstate == "57014"
    assert without_segment(said.message_primary) == "canceling statement due to statement timeout: train_test_split"


def test_the_context_has_no_stack_but_what_plpython_adds(db: Session) -> None:
    db.run("CREATE TABLE numbers AS SELECT 0 AS zero; CREATE VIEW hard AS SELECT 1 / zero AS one FROM numbers")
    for statement in (SPLIT.format("'nowhere'"), SPLIT.format("'hard'")):
        lines = str(diag(db, statement).context).splitlines()
        assert [line for line in lines if ", in " in line and not line.endswith((", in <module>", ", in called"))] == []
        assert len(lines) <= 5
