"""The script of madlib.automl_train, and what a part of it makes: nothing is trained."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fix_db import Session


def lines(db: Session, source: str, model: str, target: str, **given: object) -> list[Any]:
    """Call it with other arguments by name."""
    arguments = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in given.items()}
    named = "".join(f', "{name}" := %s' for name in arguments)  # Greenplum 6 keeps the word EXCLUDE for itself
    return db.fetch(f"SELECT * FROM madlib.automl_train(%s, %s, %s{named})", source, model, target, *arguments.values())


def script(db: Session, source: str, model: str, target: str, **given: object) -> list[tuple[str, str]]:
    return [tuple(line) for line in lines(db, source, model, target, dry_run=True, random_state=1, **given)]


def prepared(db: Session, source: str, model: str, target: str, **given: object) -> list[tuple[str, str]]:
    """Execute the script up to the table of rows; return all of it."""
    steps = script(db, source, model, target, **given)
    for name, sql in steps:
        if name in ("settings", "features", "rows"):
            db.run(sql)
    return steps


def columns(db: Session, steps: list[tuple[str, str]], model: str) -> dict[str, Any]:
    """What is known of the columns, by name."""
    for name, sql in steps:
        if name == "columns":
            db.run(sql)
    return {row.name: row for row in db.fetch(f'SELECT * FROM "{model}_columns" ORDER BY position')}


def error(db: Session, source: str, target: str, **given: object) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:
        lines(db, source, "m", target, dry_run=True, **given)
    failure = db.failure(caught.value)  # type: ignore[arg-type]
    return failure.sqlstate, failure.message


def numbered(db: Session, columns: str, rows: int = 60) -> None:
    """Make a table t with a class y, a feature x, and columns made of the number i."""
    db.run(f"CREATE TABLE t AS SELECT i % 2 AS y, (i * 7) % 11 AS x, {columns} FROM generate_series(1, {rows}) i")
