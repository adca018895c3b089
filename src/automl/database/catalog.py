"""What the database's catalog says about tables and columns, asked before anything is read or made.

Every function takes the SQL argument that a name came in, so that an error can say whose name it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from automl.database import locks
from automl.database.locks import Lock
from automl.database.names import Name, as_typed, column_names, quoted, table_name
from automl.database.session import Database
from automl.errors import (
    DUPLICATE_TABLE,
    FEATURE_NOT_SUPPORTED,
    INSUFFICIENT_PRIVILEGE,
    INVALID_SCHEMA_NAME,
    OBJECT_IN_USE,
    UNDEFINED_COLUMN,
    UNDEFINED_TABLE,
    UsageError,
)
from keras_seg.protocol.spelling import closest

_EXPRESSION = re.compile(r"[(\[:+*/|-]")
_READABLE = ("r", "p", "v", "m", "f")  # table, partitioned table, view, materialized view, foreign table


@dataclass(frozen=True)
class Relation:
    """A table, or what is read like one, as the catalog knows it.

    Attributes:
        oid: its number.
        name: its name with its schema, exactly as the catalog spells both.
        kind: `pg_class.relkind`: r, p, v, m or f.
        append_only: whether its rows do not tell which transaction has written them.
    """

    oid: int
    name: Name
    kind: str
    append_only: bool = False

    @property
    def sql(self) -> str:
        """The qualified name as an identifier to be put into a statement."""
        return self.name.sql


@dataclass(frozen=True)
class ColumnType:
    """The type of a column, domains seen through.

    Attributes:
        name: as `format_type` writes it without length or precision: `character varying`.
        sql: the qualified name of the type, which takes values of any length, for casts.
        category: `pg_type.typcategory`: N for numbers, B boolean, S strings, D dates, A arrays, ...
        schema: where it lies, as an identifier.
        element: the type of the elements if this is an array.
    """

    name: str
    sql: str
    category: str
    schema: str
    element: ColumnType | None = None


def find_table(db: Database, argument: str, name: Name) -> Relation:
    """Return the table that `name` means in this session.

    Raises:
        UsageError: 42P01 if there is none.
    """
    found = _relation(db, name)
    if found is None or found.kind not in _READABLE:
        raise UsageError(argument, f'table "{name}" does not exist', sqlstate=UNDEFINED_TABLE)
    return found


def exists(db: Database, name: Name) -> bool:
    """Return whether the name is taken, by a table or by anything else that has a name among tables."""
    return _relation(db, name) is not None


def readable_table(db: Database, argument: str, value: str | None) -> Relation:
    """Read a table's name and return the table, which must be readable by the caller and hold rows."""
    relation = find_table(db, argument, table_name(argument, value))
    require_select(db, argument, relation)
    require_rows(db, argument, relation)
    return relation


def columns(db: Database, relation: Relation) -> dict[str, str]:
    """Return the columns of a table in order, each with the name of its type."""
    rows = db.execute(
        "SELECT attname::text AS name, pg_catalog.format_type(atttypid, NULL) AS type FROM pg_catalog.pg_attribute"
        " WHERE attrelid = ($1::bigint)::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        relation.oid,
    )
    return {row["name"]: row["type"] for row in rows}


def column_type(db: Database, relation: Relation, column: str) -> ColumnType:
    """Return what is known about the type of a column that exists."""
    rows = db.execute(
        "SELECT atttypid::bigint AS oid FROM pg_catalog.pg_attribute"
        " WHERE attrelid = ($1::bigint)::oid AND attname = $2::text AND NOT attisdropped",
        relation.oid,
        column,
    )
    return _type(db, rows[0]["oid"])


def dependent_views(db: Database, relation: Relation) -> list[str]:
    """Return the views that read a table, each as `view <name>`."""
    rows = db.execute(
        "SELECT DISTINCT r.ev_class::regclass::text AS name FROM pg_catalog.pg_depend d"
        " JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid"
        " WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass::oid AND d.refclassid = 'pg_catalog.pg_class'::regclass::oid"
        " AND d.refobjid = ($1::bigint)::oid AND r.ev_class <> d.refobjid ORDER BY 1",
        relation.oid,
    )
    return [f"view {row['name']}" for row in rows]


def require_column(db: Database, argument: str, relation: Relation, *names: str) -> None:
    """Raise 42703 unless the table has all the columns, naming what comes close."""
    there = columns(db, relation)
    for name in names:
        if name not in there:
            raise UsageError(
                argument,
                f'column "{name}" does not exist in table "{relation.name}"',
                hint=_column_hint(name, list(there)),
                sqlstate=UNDEFINED_COLUMN,
            )


def one_column(db: Database, argument: str, relation: Relation, value: str | None) -> str:
    """Read the name of one column of a table, exactly as the catalog spells it.

    Raises:
        UsageError: it is none of the table (42703); it names several, or is an expression (0A000), which a view makes a column.
    """
    try:
        names = column_names(argument, value)
    except UsageError as problem:
        if value and _EXPRESSION.search(value):
            problem.hint = _view_hint(argument, relation, value.strip())
        raise
    if len(names) != 1:
        together = _together(db, relation, names)
        hint = None if together is None else _view_hint(argument, relation, together)
        raise UsageError(argument, "must name one column", value, hint=hint, sqlstate=FEATURE_NOT_SUPPORTED)
    require_column(db, argument, relation, names[0])
    return names[0]


def require_select(db: Database, argument: str, relation: Relation, *names: str) -> None:
    """Raise 42501 unless the calling role may read the table, or at least its columns `names`."""
    if _may_select(db, relation) or (names and all(_may_select(db, relation, name) for name in names)):
        return
    role = db.execute("SELECT current_user::pg_catalog.text AS role")[0]["role"]
    raise UsageError(
        argument,
        f'role "{role}" has no SELECT privilege on table "{relation.name}"',
        hint=f"Its owner can give it: GRANT SELECT ON {relation.sql} TO {quoted(role)}",
        sqlstate=INSUFFICIENT_PRIVILEGE,
    )


def require_rows(db: Database, argument: str, relation: Relation) -> None:
    """Raise unless the table has at least one row."""
    if not db.execute(f"SELECT 1 AS one FROM {relation.sql} LIMIT 1"):
        raise UsageError(argument, f'table "{relation.name}" is empty')


def require_absent(db: Database, argument: str, *names: Name) -> tuple[Name, ...]:
    """Check that tables can be made under these names, and return the names with the schema they will be in.

    Raises:
        UsageError: if one exists already (42P07), another transaction is making one (55006), or the schema is pg_temp, is
            missing (3F000) or not writable (42501).
    """
    schema = _output_schema(db, argument, names[0].schema)
    resolved = tuple(Name(name.table, schema) for name in names)
    for name in resolved:
        # A temporary table of that name would be found instead of the new one.
        if exists(db, name) or exists(db, Name(name.table, "pg_temp")):
            raise UsageError(
                argument,
                f'table "{name}" already exists',
                hint=f"Drop it first (DROP TABLE {name.sql}) or choose another name.",
                sqlstate=DUPLICATE_TABLE,
            )
        _claim(db, argument, name)
    return resolved


def temporary(db: Database, argument: str, name: str) -> str:
    """Return the name of a temporary table that a step is about to make, which the caller must not have.

    Raises:
        UsageError: the caller has it.
    """
    if exists(db, Name(name, "pg_temp")):
        raise UsageError(
            argument,
            f'this needs the name of the temporary table "{name}" for itself',
            hint=f"DROP TABLE pg_temp.{name}",
            sqlstate=DUPLICATE_TABLE,
        )
    return name


def _claim(db: Database, argument: str, name: Name) -> None:
    """Keep a name for this transaction. CREATE TABLE alone would wait for another one that makes the table, perhaps for hours
    until its search is over, and then fail in words of the catalog's."""
    if not locks.take(db, Lock.NAME, locks.key_of(f"{name.schema}.{name.table}")):
        raise UsageError(
            argument,
            f'table "{name}" is being made by another transaction',
            hint="Choose another name, or wait until that transaction is over.",
            sqlstate=OBJECT_IN_USE,
        )


def _relation(db: Database, name: Name) -> Relation | None:
    where = (
        "pg_catalog.pg_table_is_visible(c.oid)"
        if name.schema is None
        else "n.oid = pg_catalog.pg_my_temp_schema()"
        if name.schema == "pg_temp"
        else "n.nspname = $2::text"
    )
    values = [name.table] if "$2" not in where else [name.table, name.schema]
    rows = db.execute(
        "SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relkind::text AS kind,"
        f" {db.dialect.append_only} AS append_only FROM pg_catalog.pg_class c"
        f" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = $1::text AND {where}",
        *values,
    )
    if not rows:
        return None
    row = rows[0]
    return Relation(row["oid"], Name(name.table, row["schema"]), row["kind"], row["append_only"])


def _type(db: Database, oid: int) -> ColumnType:
    row = db.execute(
        "SELECT t.typbasetype::bigint AS base, t.typelem::bigint AS element, t.typcategory::text AS category,"
        " pg_catalog.format_type(t.oid, NULL) AS name, pg_catalog.quote_ident(n.nspname) AS schema,"
        # After a dot a keyword is a name too, and "pg_catalog.varchar" is one word where parameters are given a type.
        " pg_catalog.quote_ident(n.nspname) || '.' || CASE WHEN t.typname ~ '^[a-z_][a-z0-9_]*$' THEN t.typname::text"
        " ELSE pg_catalog.quote_ident(t.typname) END AS sql"
        " FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
        " WHERE t.oid = ($1::bigint)::oid",
        oid,
    )[0]
    if row["base"]:
        return _type(db, row["base"])
    is_array = row["category"] == "A" and row["element"]
    return ColumnType(row["name"], row["sql"], row["category"], row["schema"], _type(db, row["element"]) if is_array else None)


def _may_select(db: Database, relation: Relation, column: str | None = None) -> bool:
    usage = "pg_catalog.has_schema_privilege(relnamespace, 'USAGE')"
    if column is None:
        sql = f"SELECT {usage} AND pg_catalog.has_table_privilege(oid, 'SELECT') AS may"
        values: list[object] = [relation.oid]
    else:
        sql = f"SELECT {usage} AND pg_catalog.has_column_privilege(oid, $2::text, 'SELECT') AS may"
        values = [relation.oid, column]
    return bool(db.execute(f"{sql} FROM pg_catalog.pg_class WHERE oid = ($1::bigint)::oid", *values)[0]["may"])


def _output_schema(db: Database, argument: str, schema: str | None) -> str:
    wanted = schema or db.execute("SELECT pg_catalog.current_schema()::text AS schema")[0]["schema"]
    if wanted is None:
        raise UsageError(
            argument,
            "no schema of the search_path exists to make the table in",
            hint="Write the schema before the table's name, or SET search_path.",
            sqlstate=INVALID_SCHEMA_NAME,
        )
    if wanted == "pg_temp" or wanted.startswith("pg_temp_"):
        raise UsageError(argument, "pg_temp is not allowed as the schema of an output table")
    _require_create(db, argument, wanted)
    return str(wanted)


def _require_create(db: Database, argument: str, schema: str) -> None:
    rows = db.execute(
        "SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') AS may, current_user::pg_catalog.text AS role"
        " FROM pg_catalog.pg_namespace WHERE nspname = $1::text",
        schema,
    )
    if not rows:
        raise UsageError(argument, f'schema "{schema}" does not exist', sqlstate=INVALID_SCHEMA_NAME)
    if not rows[0]["may"]:
        raise UsageError(
            argument,
            f'role "{rows[0]["role"]}" may not create tables in schema "{schema}"',
            hint=f"Its owner can allow it: GRANT CREATE ON SCHEMA {quoted(schema)} TO {quoted(rows[0]['role'])}",
            sqlstate=INSUFFICIENT_PRIVILEGE,
        )


def _together(db: Database, relation: Relation, names: list[str]) -> str | None:
    """Return the SQL of an array of columns: of plain values, or joined of arrays. None if one of them is not there."""
    there = columns(db, relation)
    if not set(names) <= set(there):
        return None
    typed = [as_typed(name) for name in names]
    return " || ".join(typed) if any(there[name].endswith("[]") for name in names) else f"ARRAY[{', '.join(typed)}]"


def _view_hint(argument: str, relation: Relation, expression: str) -> str:
    """Return how an expression becomes a column; `argument` names what it is for."""
    name = argument.removesuffix("_varname").removesuffix("_col")
    source = f"{as_typed(relation.name.schema)}.{as_typed(relation.name.table)}" if relation.name.schema else relation.name.sql
    return f"Make one column of it in a view, and name that: CREATE VIEW v AS SELECT *, {expression} AS {name} FROM {source}"


def _column_hint(name: str, there: list[str]) -> str:
    close = closest(name, there)
    if close is not None:
        return f"Did you mean {as_typed(close)}?"
    return f"It has the columns {', '.join(map(as_typed, there))}." if there else "It has no columns."
