"""What is different on Greenplum: rows lie on segments, and a table says by which columns.

A function that runs on a segment cannot read tables, so whatever it needs comes with the statement that calls it. A statement
whose WHERE fixes the distribution key of a table is sent to one segment alone, always to the same process of it. Packed tables
have a column for that, `__dist_key__`: one value a segment, found by looking, because the server's hash is not ours to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.catalog import columns
from automl.database import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, OperatorError, UsageError
from automl.names import quoted
from automl.packed import PackedTable

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


@dataclass(frozen=True)
class Place:
    """Where a partition of a packed table lies.

    Attributes:
        partition: its number.
        key: the value of `__dist_key__` of its buffers.
        buffer: the first of its buffers.
        segment: the number of the segment.
    """

    partition: int
    key: int
    buffer: int
    segment: int


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
    """Return the end of a CREATE TABLE that says where its rows lie; nothing on PostgreSQL.

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
        rows = db.execute("SELECT gp_segment_id AS segment, min(key) AS key FROM pg_temp.keras_automl_keys GROUP BY 1")
        db.execute("DROP TABLE pg_temp.keras_automl_keys")
        found, count = {row["segment"]: row["key"] for row in rows}, 8 * count
    return tuple(found[segment] for segment in wanted)


def placement(db: Database, table: PackedTable, training: PackedTable) -> tuple[Place, ...]:
    """Return for each partition of a packed table where it lies.

    Args:
        table: of a dataset of a search.
        training: the table that is trained on, whose segments it must share.

    Raises:
        UsageError: it does not lie as the preprocessors lay it.
    """
    mine = _places(db, table)
    theirs = mine if table is training else _places(db, training)
    if [place.segment for place in mine] != [place.segment for place in theirs][: len(mine)]:
        raise UsageError(
            "validation_table",
            f'table "{table.relation.name}" must lie on the segments of "{training.relation.name}"',
            hint="Pack both with the same distribution_rules.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    return mine


def _places(db: Database, table: PackedTable) -> tuple[Place, ...]:
    if table.relation.kind != "r" or columns(db, table.relation).get(KEY) != "integer":
        raise _misplaced(table, f"must be a table with the column {KEY}")
    rows = db.execute(
        f"SELECT buffer_id % {table.partitions} AS part, min({KEY}) AS key, min(buffer_id) AS buffer,"
        f" min(gp_segment_id) AS segment, count(DISTINCT {KEY}) AS keys, count(DISTINCT gp_segment_id) AS segments"
        f" FROM {table.relation.sql} GROUP BY 1 ORDER BY 1"
    )
    if any(row["keys"] != 1 or row["segments"] != 1 for row in rows) or len({row["key"] for row in rows}) != len(rows):
        raise _misplaced(table, f"must have one value of {KEY} a partition")
    return tuple(Place(row["part"], row["key"], row["buffer"], row["segment"]) for row in rows)


def _misplaced(table: PackedTable, rule: str) -> UsageError:
    return UsageError(
        "source_table",
        f'table "{table.relation.name}" {rule}, so that each partition lies on one segment',
        hint="Pack it with madlib.training_preprocessor_dl or madlib.validation_preprocessor_dl on this cluster.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )
