"""Where the partitions of a packed table lie on Greenplum, asked of the table itself."""

from __future__ import annotations

from dataclasses import dataclass

from automl.data.packed_table import PackedTable
from automl.database.catalog import columns
from automl.database.dialect import KEY
from automl.database.session import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError


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


def segments_of(db: Database, table: PackedTable | None) -> tuple[int, ...] | None:
    """Return for each partition of a packed table the number of the segment where it lies.

    Args:
        table: None if there is none.

    Returns:
        None where there is no table, or where rows lie on the server.

    Raises:
        UsageError: it does not lie as the preprocessors lay it.
    """
    if table is None or not db.dialect.segmented:
        return None
    return tuple(place.segment for place in placement(db, table, table))


def _places(db: Database, table: PackedTable) -> tuple[Place, ...]:
    if table.relation.kind != "r" or columns(db, table.relation).get(KEY) != "integer":
        raise _misplaced(table, f"must be a table with the column {KEY}")
    segment = db.dialect.segment_of_row
    rows = db.execute(
        f"SELECT buffer_id % {table.partitions} AS part, pg_catalog.min({KEY}) AS key, pg_catalog.min(buffer_id) AS buffer,"
        f" pg_catalog.min({segment}) AS segment, pg_catalog.count(DISTINCT {KEY}) AS keys,"
        f" pg_catalog.count(DISTINCT {segment}) AS segments"
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
