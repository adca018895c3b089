"""What automl_plan has told of a call, kept until the call comes: both stand side by side in the record of the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from automl.database.session import Database
from automl.training.rows import Estimate

# The arguments that say nothing about what is trained.
_NAMES = ("model_output_table", "model_selection_table", "name", "description", "random_state")
_KEEP = (
    "INSERT INTO madlib.automl_plans (call, seconds, bytes, memory_mb)"
    " SELECT $1::text, $2::double precision, $3::bigint, $4::integer"
)
_LATEST = (
    "SELECT seconds AS estimated_seconds, bytes AS estimated_bytes, memory_mb AS estimated_memory_mb FROM madlib.automl_plans"
    " WHERE call = $1::text ORDER BY at DESC LIMIT 1"
)


def keep(db: Database, call: str, seconds: float, written: int, memory: int) -> None:
    """Keep what calls of a digest are estimated to take."""
    db.execute(_KEEP, call, seconds, written, memory)


def estimate_of(db: Database, call: str) -> Estimate:
    """Return what was kept last for calls of a digest, by this role; nothing where nothing was."""
    rows = db.execute(_LATEST, call)
    return Estimate(**rows[0]) if rows else Estimate()


def digest_of(arguments: Mapping[str, Any], inputs: str, sessions: int) -> str:
    """Return a digest of what a call trains, and where: calls of the same are estimated alike.

    Args:
        inputs: a digest of what is trained on.
        sessions: that train.
    """
    kept = {key: value for key, value in arguments.items() if key not in _NAMES}
    return hashlib.sha256(json.dumps([kept, inputs, sessions], sort_keys=True).encode()).hexdigest()[:32]
