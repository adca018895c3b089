"""Rows of other tables, and rows that come as JSON, as the features function of a model takes them.

That function takes a row of the source, so a row of anything else is made one: `ROW(...)::source`, with the columns that the
model takes, by their names, and NULL for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from automl.columns.arguments import as_identifier
from automl.columns.table_model import TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, as_typed, literal, quoted, table_name
from automl.database.session import Database
from automl.database.settings import settings
from automl.errors import UNDEFINED_COLUMN, UNDEFINED_OBJECT, UNDEFINED_TABLE, UsageError
from keras_seg.protocol.spelling import closest

ROW = '"a row"'  # what a row is called in queries, in front of `.*` or of a column


@dataclass(frozen=True)
class Field:
    """A column of the source.

    Attributes:
        name: its name.
        needed: whether a row must have it: the model takes it, or its type allows no NULL.
        enum: the type, as an identifier with its schema, if it is an enum.
        is_integer: whether it holds whole numbers.
        elements: the category of the elements, if it holds arrays; N for numbers.
    """

    name: str
    needed: bool
    enum: str | None = None
    is_integer: bool = False
    elements: str | None = None


@dataclass(frozen=True)
class RowType:
    """The rows that a model takes.

    Attributes:
        source: the table, whose name is that of the type as well.
        function: that makes features of a row; an identifier with its schema.
        target_type: of the column that is predicted, with its schema, length and precision; None if the column is gone.
    """

    source: Relation
    function: str
    fields: tuple[Field, ...]
    target_type: str | None

    @property
    def needed(self) -> tuple[Field, ...]:
        """The columns that a row must have."""
        return tuple(field for field in self.fields if field.needed)

    def typed(self, model: TableModel) -> TableModel:
        """Return a model whose target has its type as it is called under any search path."""
        return model if self.target_type is None else replace(model, target_type=self.target_type)

    def row(self, value: Callable[[Field], str]) -> str:
        """Return the SQL of a row.

        Args:
            value: gives the SQL of a column of it.
        """
        values = ", ".join(value(field) if field.needed else "NULL" for field in self.fields)
        return f"ROW({values})::{self.source.sql}"

    def features(self, row: str) -> str:
        """Return the SQL of the features of a row."""
        return f"{self.function}({row})"


def row_type(db: Database, model: TableModel) -> RowType:
    """Return the rows that a model takes, as the source is now.

    Raises:
        UsageError: the source or the features function is gone.
    """
    source = _source(db, model)
    _require_function(db, model, source)
    taken = {column.name for column in model.features}
    with settings(db, _ALONE):
        rows = db.execute(_FIELDS, source.oid)
    fields = tuple(
        Field(
            row["name"],
            row["name"] in taken or row["strict"],
            row["type"] if row["kind"] == "e" else None,
            row["integer"],
            row["elements"],
        )
        for row in rows
    )
    target = next((row["written"] for row in rows if row["name"] == model.dependent_varname), None)
    return RowType(source, model.features_function, fields, target)


_ALONE = {"search_path": "pg_catalog"}  # under which the catalog names every type with its schema
# A column whose domain allows no NULL cannot be left out of a row.
_FIELDS = (
    "SELECT a.attname::text AS name, t.typtype = 'd' AND t.typnotnull AS strict, t.typtype::text AS kind,"
    " t.oid IN (20, 21, 23) AS integer, CASE t.typcategory WHEN 'A' THEN e.typcategory::text END AS elements,"
    " pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type,"
    " pg_catalog.format_type(a.atttypid, a.atttypmod) AS written"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem"
    " WHERE a.attrelid = ($1::bigint)::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


def of_table(db: Database, rows: RowType, table: Relation) -> str:
    """Return the SQL of the features of the row that `ROW` stands for in a query of a table.

    Raises:
        UsageError: 42703 if columns are missing; all of them are named.
    """
    if table.oid == rows.source.oid:
        return rows.features(f"{ROW}.*")
    return rows.features(row_of_table(db, rows, table))


def row_of_table(db: Database, rows: RowType, table: Relation) -> str:
    """Return the SQL of that row as one of the source; raises as `of_table` does."""
    types = catalog.columns(db, table)
    _require(table.name, rows, types)
    return rows.row(lambda field: _converted(db, table, field))


def of_json(rows: RowType, given: str) -> str:
    """Return the SQL of a row that is an object of JSON.

    Args:
        given: the SQL of that, a `jsonb`.
    """
    return rows.row(lambda field: _parsed(field, f"({given} OPERATOR(pg_catalog.->>) {literal(field.name)})", given))


def _source(db: Database, model: TableModel) -> Relation:
    name = table_name("model", model.source_table)
    try:
        return catalog.find_table(db, "model", name)
    except UsageError as problem:
        raise UsageError(
            "model",
            f'the table that "{model.given}" was trained on, {as_identifier(name)}, does not exist any more',
            hint="The functions of the model went with it. Make a table with these columns and train again.",
            sqlstate=UNDEFINED_TABLE,
        ) from problem


def _require_function(db: Database, model: TableModel, source: Relation) -> None:
    name = table_name("model", model.features_function)
    rows = db.execute(
        "SELECT 1 AS one FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
        " JOIN pg_catalog.pg_class c ON c.reltype = p.proargtypes[0] WHERE p.pronargs = 1 AND p.proname = $1::text"
        " AND n.nspname = $2::text AND c.oid = ($3::bigint)::oid",
        name.table,
        name.schema,
        source.oid,
    )
    if not rows:
        problem, hint = lost_function(model.given, name, source.name)
        raise UsageError("model", problem, hint=hint, sqlstate=UNDEFINED_OBJECT)


def lost_function(model: str, function: Name, source: Name) -> tuple[str, str]:
    """Return what is said where the features function of a model is gone, and the hint."""
    return (
        f'"{model}" has no function {as_identifier(function)}({as_identifier(source)}), which makes numbers of a row',
        "It was dropped, perhaps with the table that it takes the rows of. Train again.",
    )


def _require(table: Name, rows: RowType, there: Mapping[str, str]) -> None:
    missing = [field.name for field in rows.needed if field.name not in there]
    if missing:
        raise UsageError(
            "source_table",
            f'table "{table}" has no {listed(missing)}, which the model takes',
            hint=_close(missing, there),
            sqlstate=UNDEFINED_COLUMN,
        )


def listed(names: Iterable[str]) -> str:
    """Return names of columns for people.

    >>> listed(["age", "Net income"])
    'columns age, "Net income"'
    """
    typed = list(map(as_typed, names))
    return f"column{'s' if len(typed) > 1 else ''} {', '.join(typed)}"


def _close(missing: Iterable[str], there: Mapping[str, str]) -> str | None:
    found = {name: closest(name, list(there)) for name in missing}
    likely = [f"{as_typed(near)} for {as_typed(name)}" for name, near in found.items() if near is not None]
    return f"Did you mean {', '.join(likely)}? A view can give columns other names." if likely else None


def _converted(db: Database, table: Relation, field: Field) -> str:
    """Return the SQL of a column of a table; that ROW(...) has another type is left to its cast."""
    value = f"{ROW}.{quoted(field.name)}"
    if field.enum is None or _is(db, table, field):
        return value
    return _label(field.enum, f"{value}::pg_catalog.text")


def _is(db: Database, table: Relation, field: Field) -> bool:
    return catalog.column_type(db, table, field.name).sql == field.enum


def _parsed(field: Field, text: str, given: str) -> str:
    """Return the SQL of a value of JSON, of which `text` is the SQL of its text."""
    if field.enum is not None:
        return _label(field.enum, text)
    if field.is_integer:  # 3.0 is one as well
        return f"{text}::pg_catalog.numeric"
    if field.elements == "N":  # in braces they are PostgreSQL's, whatever their shape
        return f"pg_catalog.translate({text}, '[]', '{{}}')"
    if field.elements is not None:
        return _elements(text, f"({given} OPERATOR(pg_catalog.->) {literal(field.name)})")
    return text


def _elements(text: str, value: str) -> str:
    """Return the SQL of an array: of its elements, or of its text as PostgreSQL writes it."""
    elements = f"ARRAY(SELECT pg_catalog.jsonb_array_elements_text({value}))"
    return f"CASE pg_catalog.jsonb_typeof({value}) WHEN 'array' THEN {elements}::pg_catalog.text ELSE {text} END"


def _label(enum: str, text: str) -> str:
    """Return the SQL of a value of an enum; NULL for a text that it does not have, which is what an unknown category is."""
    known = f"pg_catalog.enum_range(NULL::{enum})::pg_catalog.text[]"
    return f"CASE WHEN {text} = ANY ({known}) THEN {text} END::{enum}"
