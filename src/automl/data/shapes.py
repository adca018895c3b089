"""The shapes of arrays in a column, as SQL tells them; lower bounds do not matter."""

from __future__ import annotations

from automl.database.catalog import Relation
from automl.database.names import quoted
from automl.database.session import Database

_MOST_DIMENSIONS = 6  # MAXDIM of PostgreSQL


def shape_sql(name: str) -> str:
    """The shape of an array as text, such as {28,28,1}."""
    sizes = ", ".join(f"pg_catalog.array_length({name}, {dimension})" for dimension in range(1, _MOST_DIMENSIONS + 1))
    return f"'{{' || pg_catalog.array_to_string(ARRAY[{sizes}], ',') || '}}'"


def first_shape(db: Database, source: Relation, column: str) -> tuple[int, ...] | None:
    """Return the shape of the first array that is not empty; None if there is none."""
    return _shape(db, source, column, "")


def usual_shape(db: Database, source: Relation, column: str) -> tuple[int, ...] | None:
    """Return the shape that most arrays have, of those that are not empty; None if there is none."""
    return _shape(db, source, column, "GROUP BY 1 ORDER BY pg_catalog.count(*) DESC, 1")


def _shape(db: Database, source: Relation, column: str, order: str) -> tuple[int, ...] | None:
    name = quoted(column)
    rows = db.execute(
        f"SELECT ({shape_sql(name)})::integer[] AS shape FROM {source.sql}"
        f" WHERE pg_catalog.array_ndims({name}) IS NOT NULL {order} LIMIT 1"
    )
    return tuple(rows[0]["shape"]) if rows else None
