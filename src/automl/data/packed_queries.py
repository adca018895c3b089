"""The statements with which a session reads a packed table."""

from __future__ import annotations

from automl.data.packed_table import PackedTable
from automl.database.catalog import Relation
from automl.database.dialect import KEY
from automl.database.names import quoted
from automl.database.session import Database


def partition_query(table: PackedTable) -> str:
    """Return the statement that gives the buffers of partition $1, in their order, in columns named as `Variables.names`."""
    return _ordered(table, f"WHERE buffer_id % {table.partitions} = $1")


def whole_query(table: PackedTable) -> str:
    """Return the statement that gives all buffers, as `partition_query` those of a partition."""
    return _ordered(table, "")


def _ordered(table: PackedTable, where: str) -> str:
    columns = zip(_columns(table), (name for names in table.variables.names for name in names), strict=True)
    return (
        f"SELECT {', '.join(f'{column} AS {name}' for column, name in columns)} FROM {table.relation.sql}"
        f" {where} ORDER BY buffer_id"
    )


def feed_statement(table: PackedTable, key: int) -> str:
    """Return the statement that hands the buffers of partition $2 of dataset $1 to the segment where they lie."""
    return (
        f"SELECT madlib.automl_feed($1::text, $2::integer, buffer_id, {', '.join(_columns(table))}) AS answer"
        f" FROM {table.relation.sql} WHERE {KEY} = {key}"
    )


def _columns(table: PackedTable) -> tuple[str, ...]:
    """Return the columns of bytes and shape of each variable."""
    return tuple(quoted(each.column + suffix) for each in table.variables.all for suffix in ("", "_shape"))


def fingerprint(table: PackedTable) -> str:
    """Return a statement whose result tells whether two sessions see the same rows of a packed table."""
    of_row, of_table = versions(table.relation)
    return (
        f"SELECT {of_table}pg_catalog.count(*)::text || ' ' || coalesce(pg_catalog.md5(pg_catalog.string_agg("
        f"buffer_id::text || ' ' || {of_row}, ',' ORDER BY buffer_id)), '') AS fingerprint FROM {table.relation.sql}"
    )


def versions(relation: Relation) -> tuple[str, str]:
    """Return the SQL of what tells that a row of a table was written again, and, with a blank behind it, that the table was."""
    if relation.kind not in ("r", "m"):
        return "''", ""
    if not relation.append_only:
        return "ctid::text || ' ' || xmin::text", ""
    # A row that is written again lies elsewhere, unless the table was emptied before: then that is another file.
    file = f"SELECT relfilenode::text FROM pg_catalog.pg_class WHERE oid = {relation.oid}"
    return "gp_segment_id::text || ' ' || ctid::text", f"({file}) || ' ' || "


def decoded_bytes(db: Database, table: PackedTable) -> int:
    """Return the bytes that the rows of a packed table take as float32 tensors."""
    return 4 * count_rows(db, table) * sum(each.size for each in table.variables.all)


def count_rows(db: Database, table: PackedTable) -> int:
    """Return how many rows are packed."""
    shape = quoted(table.independent + "_shape")
    return int(
        db.execute(f"SELECT coalesce(pg_catalog.sum({shape}[1]), 0)::bigint AS rows FROM {table.relation.sql}")[0]["rows"]
    )
