"""Custom losses and metrics: Python functions, pickled by dill, in a table of the extension's schema.

Unpickling runs code as the server's OS user, so what is unpickled comes only from a table that the catalog, asked here and now,
says a superuser owns and nobody else can write. Any role can call the functions of a session with orders of its own making: an
order can name such a table, and nothing more. Neither bytes nor facts about them are taken from an order.

The statements name the schema of everything, operators too: a search_path of the caller's must not decide what they mean.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keras_seg.protocol.roles import BECOMES

SCHEMA = "madlib"

# What the catalog says about the table $1. A writer is any role that can change its rows: by a grant to itself, to a group or
# to PUBLIC, or by a predefined role. One that can become a superuser is not meant, for it can do anything anyway;
# pg_write_all_data is meant only where it has members. A table with parents is written through these with the rights on them.
# MAINTAIN (from PostgreSQL 17 on) changes no rows and runs nothing of whoever has it.
STANDING = f"""SELECT c.oid::pg_catalog.int8 AS oid, c.relkind::pg_catalog.text AS kind,
    owner.rolname::pg_catalog.text AS owner, owner.rolsuper AS trusted,
    (SELECT pg_catalog.min(r.rolname::pg_catalog.text) FROM pg_catalog.pg_roles AS r
        WHERE (pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
            OR pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER'))
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles AS s
            WHERE s.rolsuper AND pg_catalog.pg_has_role(r.oid, s.oid, {BECOMES}))
        AND (r.rolname::pg_catalog.text OPERATOR(pg_catalog.<>) 'pg_write_all_data'::pg_catalog.text
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_auth_members AS m WHERE m.roleid OPERATOR(pg_catalog.=) r.oid))) AS writer,
    EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS i
        WHERE i.inhrelid OPERATOR(pg_catalog.=) c.oid OR i.inhparent OPERATOR(pg_catalog.=) c.oid) AS inherits,
    EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid) AS triggers,
    EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class OPERATOR(pg_catalog.=) c.oid) AS rules,
    -- Greenplum 6 has no such column.
    (pg_catalog.row_to_json(c) OPERATOR(pg_catalog.->>) 'relrowsecurity'::pg_catalog.text)::pg_catalog.bool IS TRUE AS policies
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_roles AS owner ON owner.oid OPERATOR(pg_catalog.=) c.relowner
    WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) 'madlib'::pg_catalog.text
    AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text"""
_OTHERS_SAY = {"inherits": "parents or children", "triggers": "triggers", "rules": "rules", "policies": "row level security"}
_WHY = "its functions run with the rights of the server"
_EXCHANGED = "was exchanged while it was read"
# Functions of ours that tables refer to by module and name, and where they are now.
MOVED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("keras_seg.custom", "top_k_accuracy"): ("keras_seg.server.top_k", "top_k_accuracy"),  # since 0.2.0
}


class CustomProblem(ValueError):
    """A table of functions, or a function in it, cannot be used; of a table the message is the rest of a sentence about it."""


class Functions(Mapping[str, Any]):
    """The functions of one table by name, each unpickled when it is asked for first."""

    def __init__(self, pickled: Mapping[str, bytes]) -> None:
        self._pickled = dict(pickled)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _unpickled(name, self._pickled[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._pickled

    def __iter__(self) -> Iterator[str]:
        return iter(self._pickled)

    def __len__(self) -> int:
        return len(self._pickled)


def problem_of(found: list[Any]) -> str | None:
    """Return why a table must not be trusted, from the rows that `STANDING` gave for its name; None if it may be."""
    if not found:
        return f"does not exist in the schema {SCHEMA}"
    if len(found) > 1:  # an old snapshot sees the table that is gone, beside the one of that name that this transaction made
        return _EXCHANGED
    row = found[0]
    if row["kind"] != "r":
        return "must be a plain table"
    if not row["trusted"]:
        return f'must be owned by a superuser, not by role "{row["owner"]}": {_WHY}'
    if row["writer"] is not None:
        return f'must not be writable by role "{row["writer"]}", which is no superuser: {_WHY}'
    has = [name for column, name in _OTHERS_SAY.items() if row[column]]
    return f"must not have {' or '.join(has)}: {_WHY}" if has else None


def read(plpy: Any, table: str) -> Functions:
    """Return the functions of a table, after the catalog has said that it can be trusted.

    Args:
        table: its name in the extension's schema, as the catalog spells it.

    Raises:
        CustomProblem: it cannot be.
    """
    before = _trusted(plpy, table)
    name = f"{SCHEMA}.{plpy.quote_ident(table)}"
    # ONLY, and columns without the table's name before them, which would find a function or a type where there is no column.
    rows = plpy.execute(
        "SELECT name::pg_catalog.text AS function, object::pg_catalog.bytea AS pickled"
        f" FROM ONLY {name} WHERE name IS NOT NULL AND object IS NOT NULL"
    )
    functions = Functions({row["function"]: bytes(row["pickled"]) for row in rows})
    # In a transaction with an old snapshot the catalog may tell of a table that is gone, whose name another one has now. The
    # name is looked up without a snapshot, here as for the rows; and what was read is locked, so it keeps its name from there.
    if {_named(plpy, name), _trusted(plpy, table)} != {before}:
        raise CustomProblem(_EXCHANGED)
    return functions


def _trusted(plpy: Any, table: str) -> int:
    found = list(plpy.execute(plpy.prepare(STANDING, ["pg_catalog.text"]), [table]))
    problem = problem_of(found)
    if problem is not None:
        raise CustomProblem(problem)
    return int(found[0]["oid"])


def _named(plpy: Any, name: str) -> int:
    """Return the table that has a name now, by its OID."""
    plan = plpy.prepare("SELECT $1::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8 AS oid", ["pg_catalog.text"])
    return int(plpy.execute(plan, [name])[0]["oid"])


def _unpickled(name: str, raw: bytes) -> Callable[..., Any]:
    try:
        function = _loads(raw)
    except Exception as error:  # whatever the pickle does is the answer here
        reason = f"{type(error).__name__}: {error}"
        raise CustomProblem(f'custom function "{name}" cannot be unpickled here: {reason}') from None
    if not callable(function):
        raise CustomProblem(f'custom function "{name}" must be a function, and is of the type {type(function).__name__}')
    return function  # type: ignore[no-any-return]


def _loads(raw: bytes) -> Any:
    """Return what `dill.loads` does, with functions of ours found where they are now."""
    import dill

    class Unpickler(dill.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return super().find_class(*MOVED.get((module, name), (module, name)))

    return Unpickler(io.BytesIO(raw)).load()
