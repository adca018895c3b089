"""The library of model architectures: load_keras_model and delete_keras_model."""

from __future__ import annotations

import json
import uuid

from automl.database import locks
from automl.database.catalog import Relation, dependent_views, exists, find_table, require_absent, require_column
from automl.database.locks import Lock
from automl.database.names import Name, table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import NULL_VALUE_NOT_ALLOWED, UsageError
from keras_seg.protocol.architecture_files import unwrapped

_COLUMNS = ("model_id", "model_arch", "model_weights", "name", "description", "__internal_madlib_id__")
_ARGUMENT = "keras_model_arch_table"


def load_keras_model(
    db: CallerDatabase,
    keras_model_arch_table: str | None,
    model_arch: str | None,
    model_weights: bytes | None = None,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Add an architecture to a library, which is made if it does not exist; the new model's id is the largest one plus 1.

    Args:
        db: the caller's session.
        keras_model_arch_table: the library.
        model_arch: what `model.to_json()` of Keras gives, or a file that holds it.
        model_weights: float32 values of `model.get_weights()`, all arrays one after the other.
        name: free text.
        description: free text.
    """
    library = table_name(_ARGUMENT, keras_model_arch_table)
    architecture = _architecture(model_arch)
    if model_weights is not None and (not model_weights or len(model_weights) % 4):
        raise UsageError("model_weights", "must be float32 values, 4 bytes each", f"{len(model_weights)} bytes")
    _wait_for_others(db, library)
    if not exists(db, library):
        library = _create(db, library)
    relation = _library(db, library)
    number = _next_id(db, relation)
    db.execute(
        f"INSERT INTO {relation.sql} ({', '.join(_COLUMNS)})"
        " VALUES ($1::integer, $2::json, $3::bytea, $4::text, $5::text, $6::text)",
        number,
        architecture,
        model_weights,
        name,
        description,
        uuid.uuid4().hex,
    )
    db.info(f"Keras Model Arch: Added model id {number} to table {relation.name}.")


def delete_keras_model(db: CallerDatabase, keras_model_arch_table: str | None, model_id: int | None) -> None:
    """Delete a model from a library, and the library with its last model unless views depend on it.

    Args:
        db: the caller's session.
        keras_model_arch_table: the library.
        model_id: which one.
    """
    name = table_name(_ARGUMENT, keras_model_arch_table)
    if model_id is None:
        raise UsageError("model_id", "must be the id of a model", model_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    _wait_for_others(db, name)
    relation = _library(db, name)
    if not db.execute(f"SELECT 1 AS one FROM {relation.sql} WHERE model_id = $1::integer", model_id):
        raise UsageError("model_id", f'must be one of the models in "{relation.name}"', model_id, hint=_ids_hint(db, relation))
    db.execute(f"DELETE FROM {relation.sql} WHERE model_id = $1::integer", model_id)
    if not db.execute(f"SELECT 1 AS one FROM {relation.sql} LIMIT 1"):
        _drop(db, relation)


def _architecture(text: str | None) -> str:
    """Return the architecture in a text, which has the form of a Keras model; whether Keras can build it shows later."""
    if text is None:
        raise UsageError("model_arch", "must be the JSON of a Keras model", text, sqlstate=NULL_VALUE_NOT_ALLOWED)
    try:
        given = json.loads(text)
        value = unwrapped(given)
        architecture = text if value is given else json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise UsageError("model_arch", f"must be the JSON of a Keras model: {error}") from None
    hint = "Pass what model.to_json() gives."
    if not isinstance(value, dict):
        raise UsageError("model_arch", "must be a JSON object with class_name and config", value, hint=hint)
    for key, kinds in (("class_name", str), ("config", (dict, list))):
        if not isinstance(value.get(key), kinds):
            raise UsageError(
                "model_arch", f'must be a JSON object with class_name and config, "{key}" is missing', value, hint=hint
            )
    return architecture


def _wait_for_others(db: Database, name: Name) -> None:
    """Let one transaction at a time take an id from a library, also while the library is being made.

    The lock belongs to the name, because there may be no table yet to lock, and needs no privilege on it.
    """
    locks.wait_for(db, Lock.LIBRARY, locks.key_of(name.table))


def _create(db: CallerDatabase, library: Name) -> Name:
    (name,) = require_absent(db, _ARGUMENT, library)
    db.execute(
        f"CREATE TABLE {name.sql} (model_id integer PRIMARY KEY, model_arch json, model_weights bytea, name text,"
        " description text, __internal_madlib_id__ text)" + db.dialect.keyed
    )
    db.execute(f"ALTER TABLE {name.sql} ALTER COLUMN model_weights SET STORAGE EXTERNAL")
    db.info(f"Keras Model Arch: Created new keras model arch table {name}.")
    return name


def _library(db: Database, name: Name) -> Relation:
    relation = find_table(db, _ARGUMENT, name)
    require_column(db, _ARGUMENT, relation, *_COLUMNS)
    return relation


def _next_id(db: Database, relation: Relation) -> int:
    return int(db.execute(f"SELECT COALESCE(pg_catalog.max(model_id), 0) + 1 AS id FROM {relation.sql}")[0]["id"])


def _drop(db: CallerDatabase, relation: Relation) -> None:
    views = dependent_views(db, relation)
    if views:
        db.warning(f"Keras Model Arch: table {relation.name} is empty, but kept because of {', '.join(views)}.")
    elif not _may_drop(db, relation):
        db.warning(f"Keras Model Arch: table {relation.name} is empty, but kept because only its owner can drop it.")
    else:
        db.execute(f"DROP TABLE {relation.sql}")


def _may_drop(db: Database, relation: Relation) -> bool:
    rows = db.execute(
        "SELECT relkind IN ('r', 'p') AND pg_catalog.pg_has_role(relowner, 'USAGE') AS may FROM pg_catalog.pg_class"
        " WHERE oid = ($1::bigint)::oid",
        relation.oid,
    )
    return bool(rows[0]["may"])


def _ids_hint(db: Database, relation: Relation) -> str:
    rows = db.execute(f"SELECT model_id FROM {relation.sql} ORDER BY model_id LIMIT 20")
    ids = ", ".join(str(row["model_id"]) for row in rows)
    return f"It has the models {ids}." if ids else "It is empty."
