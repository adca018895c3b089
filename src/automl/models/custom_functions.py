"""Tables of custom functions: load_custom_function, delete_custom_function, load_top_k_accuracy_function, and looking at them.

They hold Python that sessions run with the rights of the server, so only superusers can write them: see
`keras_seg/protocol/custom_functions.py`,
which decides what is trusted. What is said here is said early and well; it is the session that decides.
"""

from __future__ import annotations

import pickletools
from collections.abc import Container, Iterable
from dataclasses import dataclass

from automl.database import catalog
from automl.database.names import Name, as_typed, table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import (
    DUPLICATE_OBJECT,
    INSUFFICIENT_PRIVILEGE,
    NULL_VALUE_NOT_ALLOWED,
    UNDEFINED_OBJECT,
    UNDEFINED_TABLE,
    Problems,
    UsageError,
)
from automl.search.literals import is_name
from automl.search.parameters import CompileParams
from keras_seg.protocol import custom_functions, keras_names
from keras_seg.protocol.spelling import did_you_mean
from keras_seg.server import top_k

_ARGUMENT = "object_table"
_COLUMNS = ("id", "name", "description", "object")
_HINT = "Tables that madlib.load_custom_function makes are as they must be."
_MOST_K = 10_000
_REFERENCES = frozenset(("GLOBAL", "STACK_GLOBAL", "INST"))  # what names a function, or what makes one, in a pickle


@dataclass(frozen=True)
class FunctionTable:
    """A table of functions that sessions may take.

    Attributes:
        name: the table.
        functions: the names in it.
    """

    name: Name
    functions: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """A statement whose result tells whether two sessions see the same functions."""
        return (
            "SELECT coalesce(pg_catalog.md5(pg_catalog.string_agg(name::text || ' ' || pg_catalog.md5(object::bytea), ','"
            f" ORDER BY name::text)), '') AS fingerprint FROM ONLY {self.name.sql}"
        )


def typed(table: FunctionTable | None) -> str | None:
    """Return the qualified name as one would type it, which is what summary tables hold; None where there is no table."""
    return None if table is None else ".".join(as_typed(part) for part in (custom_functions.SCHEMA, table.name.table))


# --- using them ---------------------------------------------------------------------------------------------------------


def find(db: Database, value: str | None, argument: str = _ARGUMENT) -> FunctionTable | None:
    """Return the table that functions are taken from; None if there is none.

    Args:
        value: its name as it was typed; NULL or empty for none.
        argument: where the name came in, for errors.

    Raises:
        UsageError: it is not there, in another schema, not readable, or not to be trusted.
    """
    if value is None or not value.strip():
        return None
    table = _table(value, argument)
    relation = _trusted(db, table, argument)
    catalog.require_select(db, argument, relation)
    rows = db.execute(f"SELECT name::text AS name FROM ONLY {table.sql} WHERE object IS NOT NULL")
    return FunctionTable(table, frozenset(row["name"] for row in rows))


def require_names(argument: str, objectives: Iterable[tuple[str, str]], table: FunctionTable | None) -> None:
    """Raise unless every name is one of Keras or in the table.

    Args:
        objectives: ("loss" or "metric", what was written: a name, perhaps with arguments).
    """
    problems = Problems()
    functions: Container[str] = () if table is None else table.functions
    for what, text in dict.fromkeys(objectives):
        name = text.partition("(")[0].strip()
        if text not in functions and name in functions:
            problems.add(UsageError(argument, f'{what} "{name}" is a custom function, which takes no arguments', text))
        elif name not in functions and not keras_names.is_known(what, name):
            problems.add(_unknown(argument, what, name, table))
    problems.stop()


def objectives_of(compiled: CompileParams) -> list[tuple[str, str]]:
    """Return what compile parameters name, as `require_names` takes it."""
    return [("loss", compiled.loss), *(("metric", name) for name in compiled.all_metrics)]


def are_known(compiled: CompileParams) -> bool:
    """Return whether compile parameters do without custom functions."""
    return all(is_of_keras(what, text) for what, text in objectives_of(compiled))


def is_of_keras(what: str, text: str) -> bool:
    """Return whether a loss or a metric is one of Keras, as it was written: a name, perhaps with arguments."""
    return keras_names.is_known(what, text.partition("(")[0].strip())


def _unknown(argument: str, what: str, name: str, table: FunctionTable | None) -> UsageError:
    known = {*keras_names.names(what), *keras_names.ACCURACY, *(() if table is None else table.functions)}
    guess = did_you_mean(name, sorted(known))
    if table is not None:
        return UsageError(argument, f'{what} "{name}" is neither one of Keras nor in table "{table.name}"{guess}')
    hint = "If it is a custom function, name the table that holds it in object_table."
    return UsageError(argument, f'{what} "{name}" is not one of Keras{guess}', hint=hint)


def _trusted(db: Database, table: Name, argument: str) -> catalog.Relation:
    found = db.execute(custom_functions.STANDING, table.table)
    problem = custom_functions.problem_of(found)
    if problem is not None:
        raise UsageError(
            argument,
            f'table "{table}" {problem}',
            hint=_HINT if found else "Make it with madlib.load_custom_function, as a superuser.",
            sqlstate=INSUFFICIENT_PRIVILEGE if found else UNDEFINED_TABLE,
        )
    relation = catalog.find_table(db, argument, table)
    catalog.require_column(db, argument, relation, *_COLUMNS)
    if not db.dialect.is_replicated(db, relation.oid):
        raise UsageError(
            argument,
            f'table "{table}" must be on every segment as a whole',
            hint=f"ALTER TABLE {table.sql} SET{db.dialect.replicated}",
        )
    return relation


def _table(value: str | None, argument: str = _ARGUMENT) -> Name:
    name = table_name(argument, value)
    if name.schema not in (None, custom_functions.SCHEMA):
        raise UsageError(
            argument, f"must be in the schema {custom_functions.SCHEMA}, which need not be written before its name", value
        )
    return Name(name.table, custom_functions.SCHEMA)


# --- making them --------------------------------------------------------------------------------------------------------


def load_custom_function(
    db: CallerDatabase, object_table: str | None, object: bytes | None, name: str | None, description: str | None = None
) -> None:
    """Add a function to a table in the extension's schema, which is made if it does not exist; superusers only.

    Args:
        object_table: the table.
        object: the function, as `dill.dumps` gives it.
        name: what grids call it.
        description: free text.
    """
    _require_superuser(db, "load")
    problems = Problems()
    table = problems.attempt(lambda: _table(object_table))
    pickled = problems.attempt(lambda: _pickle(object))
    called = problems.attempt(lambda: _name(name))
    problems.stop()
    _load(db, table.value, pickled.value, called.value, description)


def _load(db: CallerDatabase, table: Name, pickled: bytes, name: str, description: str | None) -> None:
    """Add a function whose arguments have been checked."""
    _make(db, table)
    db.execute(f"LOCK TABLE {table.sql} IN SHARE ROW EXCLUSIVE MODE")  # until the end: nobody else loads the same name
    if db.execute(f"SELECT 1 AS one FROM ONLY {table.sql} WHERE name::text = $1::text", name):
        raise UsageError(
            "name",
            f'table "{table}" has a function of this name already',
            name,
            hint="Delete it first with madlib.delete_custom_function.",
            sqlstate=DUPLICATE_OBJECT,
        )
    db.execute(
        f"INSERT INTO {table.sql} (name, description, object) VALUES ($1::text, $2::text, $3::bytea)",
        name,
        description,
        pickled,
    )
    db.info(f"Keras Custom Function: Added function {name} to table {table}.")


def load_top_k_accuracy_function(db: CallerDatabase, object_table: str | None, k: int | None) -> None:
    """Add the metric `top_<k>_accuracy` to a table of functions; superusers only."""
    if k is None or not 1 <= k <= _MOST_K:
        state = {"sqlstate": NULL_VALUE_NOT_ALLOWED} if k is None else {}
        raise UsageError("k", f"must be an integer from 1 to {_MOST_K}", k, **state)
    name = f"top_{k}_accuracy"
    load_custom_function(db, object_table, top_k.pickled(k), name, f"returns {name}")


def delete_custom_function(db: CallerDatabase, object_table: str | None, which: int | str | None) -> None:
    """Delete a function, by its id or its name, and the table with its last one unless views depend on it; superusers only."""
    _require_superuser(db, "delete")
    table = _table(object_table)
    argument, condition = ("name", "name::text = $1::text") if isinstance(which, str) else ("id", "id = $1::integer")
    if which is None:
        raise UsageError(argument, "must be the id or the name of a function", which, sqlstate=NULL_VALUE_NOT_ALLOWED)
    relation = catalog.find_table(db, _ARGUMENT, table)
    _trusted(db, table, _ARGUMENT)  # a trigger of its owner's would run with the rights of a superuser
    if not db.execute(f"SELECT 1 AS one FROM ONLY {table.sql} WHERE {condition}", which):
        rows = db.execute(f"SELECT id, name::text AS name FROM ONLY {table.sql} ORDER BY id LIMIT 20")
        known = ", ".join(f"{row['name']} ({row['id']})" for row in rows)
        hint = f"It has {known}." if rows else "It is empty."
        raise UsageError(argument, f'must be one of the functions in "{table}"', which, hint=hint, sqlstate=UNDEFINED_OBJECT)
    db.execute(f"DELETE FROM ONLY {table.sql} WHERE {condition}", which)
    if not db.execute(f"SELECT 1 AS one FROM ONLY {table.sql} LIMIT 1"):
        _drop(db, relation)


def _require_superuser(db: Database, verb: str) -> None:
    row = db.execute(
        "SELECT rolname::text AS role, rolsuper AS may FROM pg_catalog.pg_roles"
        " WHERE rolname::pg_catalog.text OPERATOR(pg_catalog.=) current_user::pg_catalog.text"
    )[0]
    if not row["may"]:
        raise UsageError(
            _ARGUMENT,
            f'only a superuser may {verb} custom functions, which run with the rights of the server; "{row["role"]}" is none',
            hint=f"Ask a superuser to {verb} it. Whoever may read the table can use its functions.",
            sqlstate=INSUFFICIENT_PRIVILEGE,
        )


def _name(name: str | None) -> str:
    """Return a name that a function may have."""
    rule = "must be the name of a function as Python writes it"
    if name is None:
        raise UsageError("name", rule, name, sqlstate=NULL_VALUE_NOT_ALLOWED)
    if not is_name(name):
        raise UsageError("name", rule, name)
    for what in ("loss", "metric"):
        if keras_names.is_known(what, name):
            raise UsageError("name", f"must not be the name of a {what} of Keras", name)
    return name


def _pickle(raw: bytes | None) -> bytes:
    """Return bytes that are a pickle that can hold a function. Nothing of it runs here: it might import TensorFlow."""
    rule = "must be a function as dill.dumps gives it"
    if raw is None:
        raise UsageError("object", rule, raw, sqlstate=NULL_VALUE_NOT_ALLOWED)
    try:
        steps = {opcode.name for opcode, *_ in pickletools.genops(raw)}
    except Exception:  # genops has no class of its own for what it does not understand
        raise UsageError("object", rule, f"{len(raw)} bytes") from None
    if not steps & _REFERENCES:
        raise UsageError("object", f"{rule}, this is the pickle of plain data", f"{len(raw)} bytes")
    return raw


def _make(db: CallerDatabase, table: Name) -> None:
    if catalog.exists(db, table):
        _trusted(db, table, _ARGUMENT)
        return
    catalog.require_absent(db, _ARGUMENT, table)
    db.execute(
        f"CREATE TABLE {table.sql} (id serial, name text PRIMARY KEY, description text, object bytea)"
        + db.dialect.keyed
        # A session on a segment reads the whole table.
        + db.dialect.replicated
    )
    db.execute(f"GRANT SELECT ON {table.sql} TO PUBLIC")
    db.info(f"Keras Custom Function: Created new custom function table {table}.")


def _drop(db: CallerDatabase, relation: catalog.Relation) -> None:
    views = catalog.dependent_views(db, relation)
    if views:
        db.warning(f"Keras Custom Function: table {relation.name} is empty, but kept because of {', '.join(views)}.")
    else:
        db.execute(f"DROP TABLE {relation.sql}")
