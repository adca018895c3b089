"""What is different on Greenplum: rows lie on segments, and a table says by which columns.

A function that runs on a segment cannot read tables, so whatever it needs comes with the statement that calls it. A statement
whose WHERE fixes the distribution key of a table is sent to one segment alone, always to the same process of it. Packed tables
have a column for that, `__dist_key__`: one value a segment, found by looking, because the server's hash is not ours to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.database.names import quoted
from automl.database.session import Database
from automl.errors import OperatorError

KEY = "__dist_key__"
_FIRST_KEYS = 64  # tried a segment; so many miss one about once in 10^27 times
_MOST_KEYS = 2**24


@dataclass(frozen=True)
class Segment:
    """A primary segment.

    Attributes:
        content: its number, from 0; what `gp_segment_id` of a row says.
        dbid: what distribution rules name it by.
        host: where it runs.
        up: whether it answers.
    """

    content: int
    dbid: int
    host: str
    up: bool


def is_greenplum(db: Database) -> bool:
    """Return whether the server is a Greenplum cluster."""
    return bool(db.execute("SELECT pg_catalog.version() LIKE '%Greenplum%' AS yes")[0]["yes"])


def segments(db: Database) -> tuple[Segment, ...]:
    """Return the primary segments by their number.

    Raises:
        OperatorError: one is down and has no mirror that took over.
    """
    rows = db.execute(
        "SELECT content, dbid, hostname::text AS host, status::text AS status FROM pg_catalog.gp_segment_configuration"
        " WHERE role = 'p' AND content >= 0 ORDER BY content"
    )
    found = tuple(Segment(row["content"], row["dbid"], row["host"], row["status"] == "u") for row in rows)
    down = [f"{segment.content} on {segment.host}" for segment in found if not segment.up]
    if down:
        raise OperatorError(
            f"segments of the cluster are down: {', '.join(down)}",
            hint="Look at them with gpstate, bring them back with gprecoverseg, and call again.",
        )
    return found


def distributed_by(db: Database, *columns: str) -> str:
    """Return the end of a CREATE TABLE that says where its rows lie: by these columns, or anywhere; nothing on PostgreSQL.

    >>> distributed_by(greenplum, "mst_key")
    ' DISTRIBUTED BY ("mst_key")'
    """
    if not is_greenplum(db):
        return ""
    return f" DISTRIBUTED BY ({', '.join(map(quoted, columns))})" if columns else " DISTRIBUTED RANDOMLY"


def keys(db: Database, wanted: Sequence[int]) -> tuple[int, ...]:
    """Return for each segment a value of `__dist_key__` whose rows lie there: the least one.

    Args:
        wanted: numbers of segments.
    """
    count, found = _FIRST_KEYS * (1 + max(wanted)), dict[int, int]()
    while not set(wanted) <= set(found):
        if count > _MOST_KEYS:
            raise OperatorError(f"no value of {KEY} lies on segments {sorted(set(wanted) - set(found))}")
        db.execute(
            f"CREATE TEMPORARY TABLE keras_automl_keys AS SELECT pg_catalog.generate_series(1, {count}) AS key"
            " DISTRIBUTED BY (key)"
        )
        rows = db.execute(
            "SELECT gp_segment_id AS segment, pg_catalog.min(key) AS key FROM pg_temp.keras_automl_keys GROUP BY 1"
        )
        db.execute("DROP TABLE pg_temp.keras_automl_keys")
        found, count = {row["segment"]: row["key"] for row in rows}, 8 * count
    return tuple(found[segment] for segment in wanted)
