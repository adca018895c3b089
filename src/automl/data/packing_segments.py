"""Packing where rows lie on segments: each step runs on all of them.

Where a row lies and what comes before it there is chance, and `random()` of a segment is not that of the caller's session. So
rows are told apart by a hash of their features: it says which segment a row is on its way on, and, with a seed of the caller's
session, which place it has there. The same rows come to the same places after the same `setseed()`, wherever they lay.
"""

from __future__ import annotations

from collections.abc import Mapping

from automl.data.labels import comparable
from automl.data.packing_sql import Packing, buffer_columns, labelled, numbers
from automl.database.catalog import temporary
from automl.database.dialect import KEY
from automl.database.names import Name, quoted
from automl.database.session import Database, session_random


def insert(db: Database, table: Name, packing: Packing) -> None:
    """Pack the rows: copied (a view does not tell the segments of its rows), numbered on each segment, sent to the segment of
    their partition, and packed there."""
    rows, placed = temporary(db, "output_table", "keras_automl_rows"), temporary(db, "output_table", "keras_automl_placed")
    _copy(db, rows, packing)
    _place(db, rows, placed, packing)
    db.execute(
        f"INSERT INTO {table.sql} SELECT {KEY}, {buffer_columns(packing, ' ORDER BY place')}, buffer_id"
        f" FROM pg_temp.{placed} WHERE $1::text[] IS NOT NULL GROUP BY {KEY}, buffer_id",
        list(packing.labels.levels or ()),
        packing.normalizing_const,
    )
    db.execute(f"DROP TABLE pg_temp.{rows}, pg_temp.{placed}")


def _copy(db: Database, rows: str, packing: Packing) -> None:
    x, y = quoted(packing.independent), quoted(packing.labels.column)
    db.execute(
        f"CREATE TEMPORARY TABLE {rows} AS SELECT {x} AS x, {comparable(packing.labels, y)} AS y,"
        f" pg_catalog.hash_array({x}) AS hash FROM {packing.source.sql}" + db.dialect.distributed_by("hash")
    )


def _place(db: Database, rows: str, placed: str, packing: Packing) -> None:
    """Send each row to the segment of its partition."""
    sizes = db.execute(
        f"SELECT {db.dialect.segment_of_row} AS segment, pg_catalog.count(*) AS rows FROM pg_temp.{rows} GROUP BY 1 ORDER BY 1"
    )
    by_segment = {row["segment"]: row["rows"] for row in sizes}
    seed = int(session_random(db) * 2**31) if packing.shuffled else 0
    numbered = interleaved(f"pg_temp.{rows}", by_segment, seed, db.dialect.segment_of_row)
    keys = db.dialect.keys(db, packing.places)
    key = f"(ARRAY[{numbers(keys)}])[buffer_id % {packing.layout.partitions} + 1]"
    db.execute(
        f"CREATE TEMPORARY TABLE {placed} AS SELECT {key} AS {KEY}, * FROM ({labelled(packing, numbered)}) AS labelled"
        + db.dialect.distributed_by(KEY),
        list(packing.labels.levels or ()),
    )


def interleaved(rows: str, sizes: Mapping[int, int], seed: int, segment: str) -> str:
    """The rows x and y, each with its place from 0 on, as a merge of the segments in proportion to their sizes.

    No row has to go anywhere for it: the i-th of n rows of a segment stands at (2i - 1) / 2n of the way, the middle of its
    share, and how many rows of another segment stand before that point is arithmetic. So every buffer has rows of all segments.

    Args:
        rows: the table.
        sizes: rows by the number of the segment where they lie.
        seed: of the order of a segment's rows, from 0 to below 2**31.
        segment: the SQL of the number of a row's segment.
    """
    # The j-th of m rows of another segment stands before the i-th of n where (2j - 1) / 2m < (2i - 1) / 2n, which is
    # j < ((2i - 1) m + n) / 2n. Rounded down that is how many stand before it, one at the same point included: such a one goes
    # first if its segment has the lower number. Otherwise, and for a row's own segment, 1 less in the numerator leaves it out.
    # The sum over all segments is the place.
    before = " + ".join(
        f"((2 * i - 1) * {count}::bigint + n - (segment <= {number})::integer) / (2 * n)" for number, count in sizes.items()
    )
    size = " ".join(f"WHEN {number} THEN {count}::bigint" for number, count in sizes.items())
    # Rows with the same features are counted, so that they too come to places of their own.
    order = f"pg_catalog.hashint8(hash::bigint * 4294967296 + again + {seed}), hash, x, y"
    again = f"pg_catalog.row_number() OVER (PARTITION BY {segment}, hash ORDER BY x, y) AS again"
    return (
        f"SELECT x, y, {before} AS place FROM (SELECT x, y, segment, CASE segment {size} END AS n,"
        f" pg_catalog.row_number() OVER (PARTITION BY segment ORDER BY {order}) AS i"
        f" FROM (SELECT x, y, hash, {segment} AS segment, {again} FROM {rows}) AS counted) AS ranked"
    )
