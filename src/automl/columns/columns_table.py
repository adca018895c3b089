"""The statements that write what is known of a model of columns: `<model>_columns`, and the end of `<model>_summary`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from automl.columns.table_model import COLUMN_TYPES, SUMMARY_TYPES, Column
from automl.database.names import Name, literal, quoted

_AT_ONCE = 200  # rows of a statement


def columns_sql(name: Name, columns: Sequence[Column], distributed: str) -> list[str]:
    """Return the statements that make the table of the columns.

    Args:
        distributed: the end of a CREATE TABLE.
    """
    kinds = ", ".join(f"{quoted(each)} {kind}" for each, kind in COLUMN_TYPES.items())
    parts = [columns[at : at + _AT_ONCE] for at in range(0, len(columns), _AT_ONCE)]
    return [f"CREATE TABLE {name.sql} ({kinds}){distributed}", *(_insert(name, part) for part in parts)]


def summary_sql(name: Name, source: str, values: Mapping[str, str]) -> list[str]:
    """Return the statements that add to the summary of a search what belongs to a model of columns.

    Args:
        source: the table that it was trained on, as an identifier.
        values: the SQL of each column.
    """
    added = ", ".join(f"ADD COLUMN {each} {kind}" for each, kind in SUMMARY_TYPES.items())
    given = ", ".join(f"{each} = ({values[each]})::{kind}" for each, kind in SUMMARY_TYPES.items())
    return [
        f"ALTER TABLE {name.sql} {added}",
        f"UPDATE {name.sql} SET source_table = {literal(source)}, validation_table = {literal(source)}, {given}",
    ]


def value_sql(value: object) -> str:
    """Return a value as SQL has it.

    >>> value_sql(None), value_sql(0.5), value_sql("it's"), value_sql(("a", "b")), value_sql((1, 4))
    ('NULL', '0.5', "'it''s'", "ARRAY['a', 'b']::text[]", "ARRAY[1, 4]::integer[]")
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, tuple):
        kind = "integer" if value and isinstance(value[0], int) else "text"
        return f"ARRAY[{', '.join(map(value_sql, value))}]::{kind}[]"
    return repr(value)


def _insert(name: Name, columns: Sequence[Column]) -> str:
    rows = (f"({', '.join(value_sql(getattr(column, each.name)) for each in fields(Column))})" for column in columns)
    typed = ", ".join(f"{quoted(each)}::{kind}" for each, kind in COLUMN_TYPES.items())
    names = ", ".join(map(quoted, COLUMN_TYPES))
    return f"INSERT INTO {name.sql} SELECT {typed} FROM (VALUES {', '.join(rows)}) AS given({names})"
