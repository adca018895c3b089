"""Models for answers to single rows: read once, and kept in the session until their tables change.

Each call asks the tables which version of each row there is, with the rights of the caller; only where that is another one is
the model read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.session import CallerDatabase, Prepared
from automl.prediction.model_tables import best_query, model_of
from keras_seg.protocol.latest import Latest

VERSION = "ROW(tableoid, xmin, cmin, ctid)"  # of a row
_VERSION = f"{VERSION}::text AS version"
_VERSIONED = ("r", "p", "m")  # kinds of relations whose rows tell their version: tables, partitioned or materialized


@dataclass(frozen=True)
class Versioned:
    """A model with what tells whether its tables are still the same.

    Attributes:
        packed: the model, as `answers.packed_model` gives it.
        version: the statement that asks for the version, with the name of the model table as $1; None where nothing tells it.
        seen: what that has told.
    """

    packed: bytes
    version: Prepared | None = None
    seen: tuple[str, ...] = ()


Read = Callable[[str | None, int | None], Versioned]


class KeptModels:
    """The models that a session has read last."""

    def __init__(self) -> None:
        self._known: Latest[Versioned] = Latest()

    def packed(self, read: Read, model_table: str | None, mst_key: int | None) -> bytes:
        """Return a model as it is now.

        Args:
            read: reads one.
        """
        key = (model_table, mst_key)
        kept = self._known.get(key)
        if kept is not None and is_current(kept, str(model_table)):
            return kept.packed
        self._known.drop(key)
        made = read(model_table, mst_key)
        if made.version is not None:
            self._known.put(key, made, len(made.packed))
        return made.packed


def is_current(kept: Versioned, model_table: str) -> bool:
    """Return whether the tables of a model are those that it was read from; an error of theirs shows when it is read again."""
    return kept.version is not None and kept.version.column(model_table) == kept.seen


def automl_model(db: CallerDatabase, model_table: str | None, mst_key: int | None = None) -> Versioned:
    """Read a model for answers to single rows; the best of a search if none is named."""
    prepared = None if db.dialect.segmented else _version(db, model_table, mst_key)
    # The version first: what is written between the two statements shows as another one.
    seen = prepared.column(str(model_table)) if prepared else None
    packed = model_of(db, model_table, mst_key, say=False).packed
    return Versioned(packed) if seen is None else Versioned(packed, prepared, seen)


def _version(db: CallerDatabase, model_table: str | None, mst_key: int | None) -> Prepared | None:
    """Return the statement that tells the version of a model; None where nothing does, or where it is no model."""
    table = catalog.readable_table(db, "model_table", model_table)
    names = [table.name.with_suffix(suffix) for suffix in ("_summary", "_info")]
    summary, info = (catalog.find_table(db, "model_table", name) if catalog.exists(db, name) else None for name in names)
    if summary is None or any(each and each.kind not in _VERSIONED for each in (table, summary, info)):
        return None
    return db.prepared(_query(db, table, summary, info, mst_key))


def _query(db: CallerDatabase, table: Relation, summary: Relation, info: Relation | None, mst_key: int | None) -> str:
    """Return the statement; of each table one row, so that it looks as cheap to the planner as it is."""
    keyed = "mst_key" in catalog.columns(db, table)
    # The columns that a model is read from are named, so that whoever may not read them is told so.
    which = f"WHERE mst_key = {_key(db, table, mst_key)}" if keyed else ""
    key = ", mst_key" if keyed else ""
    model = (
        f"SELECT {_VERSION}{key}, model_weights IS NULL AS failed, model_arch IS NULL AS none FROM {table.sql} {which} LIMIT 1"
    )
    about = f"SELECT {_VERSION}, dependent_varname, class_values, normalizing_const FROM {summary.sql} LIMIT 1"
    trained = f"SELECT {_VERSION} FROM {info.sql} WHERE mst_key = m.mst_key LIMIT 1" if info and keyed else "SELECT 1"
    return (
        "SELECT ROW(m, s.version, s.dependent_varname IS NULL, s.class_values IS NULL, s.normalizing_const, i)::text AS v"
        f" FROM ({model}) m CROSS JOIN ({about}) s LEFT JOIN LATERAL ({trained}) i ON true"
        f" WHERE ($1::text)::regclass::oid = {table.oid}"
    )


def _key(db: CallerDatabase, table: Relation, mst_key: int | None) -> str:
    """Return the SQL of the key of the model: the only one there is, or the best."""
    if mst_key is not None:
        return str(int(mst_key))
    only = f"(SELECT CASE WHEN pg_catalog.count(*) = 1 THEN pg_catalog.min(mst_key) END FROM {table.sql})"
    best = best_query(db, table)
    return f"coalesce({only}, ({best}))" if best else only
