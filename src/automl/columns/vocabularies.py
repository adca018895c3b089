"""The SQL that makes a code of a text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from automl.database.names import literal

BUCKETS = 256  # that the values without a code of their own share, where there are very many


def code_sql(text: str, values: Sequence[str]) -> str:
    """Return the SQL of the code of a text, from 1; 0 for NULL and for a text that is none of the values.

    Args:
        text: its SQL.
    """
    return f"coalesce({_looked_up(text, values)}, 0)"


def hashed_sql(text: str, values: Sequence[str]) -> tuple[str, int]:
    """Return the SQL of the code of a text, and how many there are; a text that is none of the values has one by its hash."""
    bucket = f"{len(values) + 1} + ('x' || substr(md5({text}), 1, 2))::bit(8)::integer"
    return f"coalesce({_looked_up(text, values)}, {bucket}, 0)", len(values) + BUCKETS


def _looked_up(text: str, values: Sequence[str]) -> str:
    numbered = {value: code for code, value in enumerate(values, 1)}
    return f"({literal(json.dumps(numbered, ensure_ascii=False))}::jsonb ->> {text})::integer"
