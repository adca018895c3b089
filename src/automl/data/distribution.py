"""`distribution_rules`: which segments of a Greenplum cluster get the rows of a packed table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from automl.data.packed_table import ALL_SEGMENTS
from automl.database.catalog import find_table, require_column, require_select
from automl.database.dialect import Segment, segments_up
from automl.database.names import table_name
from automl.database.session import Database
from automl.errors import UsageError
from automl.hosts import gpus

GPU_SEGMENTS = "gpu_segments"
_ARGUMENT = "distribution_rules"


def read(db: Database, value: str | None) -> tuple[str, tuple[int, ...]]:
    """Check the rules.

    Returns:
        The rules as they are recorded, and the numbers of the segments in order; none on PostgreSQL, where the rules mean
        nothing.
    """
    text = (value or "").strip()
    named = text.lower() if text.lower() in ("", ALL_SEGMENTS, GPU_SEGMENTS) else None
    listed = _dbids(db, text) if named is None else None
    if not db.dialect.segmented:
        return text if named is None else named or ALL_SEGMENTS, ()
    segments = segments_up(db)
    if listed is not None:
        return text, _chosen(segments, listed, db.dialect.segments_shown)
    if named == GPU_SEGMENTS:
        return GPU_SEGMENTS, _with_gpus(db, segments)
    return ALL_SEGMENTS, tuple(segment.content for segment in segments)


def _dbids(db: Database, text: str) -> list[int | None]:
    table = find_table(db, _ARGUMENT, table_name(_ARGUMENT, text))
    require_column(db, _ARGUMENT, table, "dbid")
    require_select(db, _ARGUMENT, table, "dbid")
    return [row["dbid"] for row in db.execute(f"SELECT dbid FROM {table.sql}")]


def _chosen(segments: Sequence[Segment], dbids: Sequence[int | None], segments_shown: str | None) -> tuple[int, ...]:
    by_dbid = {segment.dbid: segment.content for segment in segments}
    twice = [dbid for dbid, count in Counter(dbids).items() if count > 1]
    if twice or not dbids:
        rule = f"the table must name a dbid once, it names {twice[0]} twice" if twice else "the table names no dbid"
        raise UsageError(_ARGUMENT, rule)
    unknown = [dbid for dbid in dbids if dbid not in by_dbid]
    if unknown:
        raise UsageError(
            _ARGUMENT,
            f"every dbid must be that of a primary segment, which are {sorted(by_dbid)}",
            unknown[0],
            hint=segments_shown,
        )
    return tuple(sorted(by_dbid[dbid] for dbid in dbids if dbid is not None))


def _with_gpus(db: Database, segments: Sequence[Segment]) -> tuple[int, ...]:
    chosen = gpus.segments_with_gpu(db, segments)
    if not chosen:
        hosts = ", ".join(dict.fromkeys(segment.host for segment in segments))
        raise UsageError(
            _ARGUMENT,
            f"no segment's host has a GPU: the driver shows none on {hosts}",
            GPU_SEGMENTS,
            hint="SELECT * FROM madlib.automl_doctor() shows the devices of each segment; 'all_segments' takes all of them.",
        )
    return chosen
