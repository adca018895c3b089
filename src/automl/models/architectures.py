"""The architecture table, read for a search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from automl.database import catalog
from automl.database.session import Database
from automl.errors import UsageError
from keras_seg.protocol.definitions import Definition

_COLUMNS = ("model_id", "model_arch", "model_weights")


def read(
    db: Database, argument: str, value: str | None, model_ids: Sequence[int], ids_argument: str = "model_id_list"
) -> dict[int, Definition]:
    """Return the architectures with these ids.

    Args:
        argument: the SQL argument that names the table.
        ids_argument: the one that names the ids.

    Raises:
        UsageError: the table is missing or is none of load_keras_model's, or an id is not in it.
    """
    relation = catalog.readable_table(db, argument, value)
    catalog.require_column(db, argument, relation, *_COLUMNS)
    rows = db.execute(
        f"SELECT model_id, model_arch::text AS architecture, model_weights FROM {relation.sql}"
        " WHERE model_id = ANY ($1::integer[])",
        list(model_ids),
    )
    found = {int(row["model_id"]): row for row in rows}
    missing = [number for number in model_ids if number not in found]
    if missing:
        there = db.execute(f"SELECT DISTINCT model_id FROM {relation.sql} ORDER BY 1 LIMIT 20")
        raise UsageError(
            ids_argument,
            f'every id must be in table "{relation.name}", which has {[row["model_id"] for row in there]}',
            missing[0] if len(missing) == 1 else missing,
        )
    return {
        number: _definition(argument, number, found[number]["architecture"], found[number]["model_weights"]) for number in found
    }


def _definition(argument: str, number: int, architecture: str | None, weights: bytes | None) -> Definition:
    if architecture is None:
        raise UsageError(argument, f"model_arch of model_id {number} must not be NULL")
    digest = hashlib.sha256(architecture.encode() + b"\0" + (weights or b""))
    return Definition(digest.hexdigest()[:32], architecture, weights)
