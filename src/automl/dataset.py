"""The statements with which a session reads a packed table."""

from __future__ import annotations

import math

from automl.database import Database
from automl.names import quoted
from automl.packed import PackedTable


def partition_query(table: PackedTable) -> str:
    """Return the statement that gives the buffers of partition $1, in their order."""
    x, y = quoted(table.independent), quoted(table.dependent)
    x_shape, y_shape = quoted(table.independent + "_shape"), quoted(table.dependent + "_shape")
    return (
        f"SELECT {x} AS x, {x_shape} AS x_shape, {y} AS y, {y_shape} AS y_shape FROM {table.relation.sql}"
        f" WHERE buffer_id % {table.partitions} = $1 ORDER BY buffer_id"
    )


def fingerprint(table: PackedTable) -> str:
    """Return a statement whose result tells whether two sessions see the same rows of a packed table."""
    version = "ctid::text || ' ' || xmin::text" if table.relation.kind in ("r", "m") else "''"
    return (
        "SELECT pg_catalog.count(*)::text || ' ' || coalesce(pg_catalog.md5(pg_catalog.string_agg("
        f"buffer_id::text || ' ' || {version}, ',' ORDER BY buffer_id)), '') AS fingerprint FROM {table.relation.sql}"
    )


def decoded_bytes(db: Database, table: PackedTable) -> int:
    """Return the bytes that the rows of a packed table take as float32 tensors."""
    shape = quoted(table.independent + "_shape")
    rows = db.execute(f"SELECT coalesce(pg_catalog.sum({shape}[1]), 0)::bigint AS rows FROM {table.relation.sql}")[0]["rows"]
    return 4 * int(rows) * (math.prod(table.x_shape) + table.labels)
