"""Rows of other tables, and rows that come as JSON, as the features function of a model takes them.

That function takes a row of the source, so a row of anything else is made one: `ROW(...)::source`, with the columns that the
model takes, by their names, and NULL for all others. Such a cast is an explicit one, which cuts texts to the length of a column
without a word, so that "premium-x" would be the plan "premium": what would be cut is NULL, as an unknown category is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from automl.columns.arguments import as_identifier
from automl.columns.table_model import SUMMARY, TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, as_typed, literal, quoted, table_name
from automl.database.session import Database, Row
from automl.database.settings import settings
from automl.errors import UNDEFINED_COLUMN, UNDEFINED_OBJECT, UNDEFINED_TABLE, UsageError
from keras_seg.protocol.spelling import closest

ROW = '"a row"'  # what a row is called in queries, in front of `.*` or of a column


@dataclass(frozen=True)
class Held:
    """What values are, domains seen through.

    Attributes:
        type: as an identifier with its schema.
        category: `pg_type.typcategory`: N for numbers, S for strings, E for enums, A for arrays.
        is_integer: whether they are whole numbers.
        longest: characters that a text of them has at most, but for blanks at its end; None where nothing cuts it.
        in_bytes: whether `longest` counts bytes.
    """

    type: str
    category: str
    is_integer: bool = False
    longest: int | None = None
    in_bytes: bool = False

    @property
    def is_enum(self) -> bool:
        """Whether they are labels."""
        return self.category == "E"

    @property
    def takes_all(self) -> bool:
        """Whether any text can be one of them as it is."""
        return not self.is_enum and self.longest is None


@dataclass(frozen=True)
class Field:
    """A column of the source.

    Attributes:
        name: its name.
        needed: whether a row must have it: the model takes it, or its type allows no NULL.
        held: its values.
        elements: those of its arrays, if these are its values.
    """

    name: str
    needed: bool
    held: Held
    elements: Held | None = None

    @property
    def is_text(self) -> bool:
        """Whether values are told apart as the texts that they are."""
        return self.held.category in "SE"


@dataclass(frozen=True)
class RowType:
    """The rows that a model takes.

    Attributes:
        source: the table, whose name is that of the type as well.
        function: that makes features of a row; an identifier with its schema.
        target: the column that is predicted; None if it is gone.
        target_type: of that, with its schema, length and precision.
    """

    source: Relation
    function: str
    fields: tuple[Field, ...]
    target: Field | None
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
        UsageError: the source, a column of it or the features function is gone.
    """
    source = _source(db, model)
    _require_function(db, model, source)
    taken = {column.name for column in model.features}
    with settings(db, _ALONE):
        rows = db.execute(_FIELDS, source.oid)
    columns: dict[str, list[Row]] = {}
    for row in rows:
        columns.setdefault(row["name"], []).append(row)
    _require_taken(model, source, [name for name in sorted(taken) if name not in columns])
    fields = {name: _field(name, steps, name in taken) for name, steps in columns.items()}
    target = model.dependent_varname
    written = columns[target][0]["written"] if target in columns else None
    return RowType(source, model.features_function, tuple(fields.values()), fields.get(target), written)


def _require_taken(model: TableModel, source: Relation, missing: Sequence[str]) -> None:
    """Raise if columns that a model takes are missing in the table that it was trained on."""
    if missing:
        raise UsageError(
            "model",
            f'table "{source.name}" has no {listed(missing)} any more, which "{model.given}" was trained on',
            hint="Columns with other names are to get these back. If they are dropped, train again.",
            sqlstate=UNDEFINED_COLUMN,
        )


def _field(name: str, steps: Sequence[Row], taken: bool) -> Field:
    """Return a column from the types that it leads to: of a domain its base, of an array its elements, and on."""
    before = next(place for place, step in enumerate(steps) if not step["domain"])
    # A column whose domain allows no NULL cannot be left out of a row.
    strict = any(step["strict"] for step in steps[:before])
    elements = _held(steps[-1]) if len(steps) > before + 1 else None
    return Field(name, taken or strict, _held(steps[before]), elements)


def _held(row: Row) -> Held:
    return Held(row["type"], row["category"], row["integer"], row["longest"], row["in_bytes"])


_ALONE = {"search_path": "pg_catalog"}  # under which the catalog names every type with its schema
# 18 is "char", 19 name, 1042 char(n) and 1043 varchar(n), whose modifier is n + 4; arrays have that of their elements.
_FIELDS = """
WITH RECURSIVE leads (place, step, oid, modifier) AS (
    SELECT attnum, 0, atttypid, atttypmod FROM pg_catalog.pg_attribute
        WHERE attrelid = ($1::bigint)::oid AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT place, step + 1, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
            CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE modifier END
        FROM leads JOIN pg_catalog.pg_type t ON t.oid = leads.oid
        WHERE t.typtype = 'd' OR t.typcategory = 'A' AND t.typelem <> 0
)
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS written,
    t.typtype = 'd' AS domain, t.typtype = 'd' AND t.typnotnull AS strict,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type,
    t.typcategory::text AS category, t.oid IN (20, 21, 23) AS integer, t.oid IN (18, 19) AS in_bytes,
    CASE WHEN t.oid = 18 THEN 1 WHEN t.oid = 19 THEN 63
        WHEN t.oid IN (1042, 1043) AND modifier > 4 THEN modifier - 4 END AS longest
FROM leads JOIN pg_catalog.pg_attribute a ON a.attrelid = ($1::bigint)::oid AND a.attnum = place
JOIN pg_catalog.pg_type t ON t.oid = leads.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
ORDER BY place, step
"""


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
    name, summary = table_name("model", model.source_table), model.name.with_suffix(SUMMARY)
    try:
        return catalog.find_table(db, "model", name)
    except UsageError as problem:
        raise UsageError(
            "model",
            f'the table that "{model.given}" was trained on, {as_identifier(name)}, does not exist any more',
            hint=f"If it has another name now: UPDATE {summary.sql} SET source_table = '<its name, with the schema>'. If it was"
            " dropped, so were the functions of the model: train again.",
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
    values = field.elements or field.held
    if values.takes_all or (values.is_enum and catalog.column_type(db, table, field.name).sql == field.held.type):
        return value
    return _known(field, f"{value}::pg_catalog.text")


def _parsed(field: Field, text: str, given: str) -> str:
    """Return the SQL of a value of JSON, of which `text` is the SQL of its text."""
    if field.held.is_integer:  # 3.0 is one as well
        return f"{text}::pg_catalog.numeric"
    if field.elements is None:
        return _known(field, text)
    if field.elements.category == "N":  # in braces they are PostgreSQL's, whatever their shape
        braces = f"pg_catalog.translate({text}, '[]', '{{}}')"
        return f"{braces}::pg_catalog.numeric[]" if field.elements.is_integer else braces
    return _known(field, _elements(text, f"({given} OPERATOR(pg_catalog.->) {literal(field.name)})"))


def _elements(text: str, value: str) -> str:
    """Return the SQL of an array: of its elements, or of its text as PostgreSQL writes it."""
    elements = f"ARRAY(SELECT pg_catalog.jsonb_array_elements_text({value}))"
    return f"(CASE pg_catalog.jsonb_typeof({value}) WHEN 'array' THEN {elements}::pg_catalog.text ELSE {text} END)"


def _known(field: Field, text: str) -> str:
    """Return the SQL of a value with a text, or of an array; NULL in the place of what is none of their type as it is."""
    if field.elements is None:
        return _whole(field.held, text)
    if field.elements.takes_all:
        return text
    each = f"SELECT {_whole(field.elements, 'e')} FROM pg_catalog.unnest({text}::pg_catalog.text[]) AS e"
    return f"CASE WHEN {text} IS NOT NULL THEN ARRAY({each}) END"


def _whole(held: Held, text: str) -> str:
    """Return the SQL of a value with a text; NULL for a label that an enum does not have, and for what a cast would cut."""
    if held.is_enum:
        known = f"pg_catalog.enum_range(NULL::{held.type})::pg_catalog.text[]"
        return f"CASE WHEN {text} = ANY ({known}) THEN {text} END::{held.type}"
    if held.longest is None:
        return text
    size = "octet_length({})" if held.in_bytes else "char_length(pg_catalog.rtrim({}))"
    return f"CASE WHEN pg_catalog.{size.format(text)} <= {held.longest} THEN {text} END"
