"""Which database this is, and everything that differs between them: one class for each.

A session asks `version()` once and holds its dialect (`Database.dialect`); nothing else asks.
One more database is one more class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from automl.database.names import literal, quoted
from automl.errors import OBJECT_IN_USE, OperatorError
from keras_seg.server import object_lock

KEY = "__dist_key__"  # the column of a packed table that its rows are distributed by
_FIRST_KEYS = 64  # tried a segment; so many miss one about once in 10^27 times
_MOST_KEYS = 2**24
_PRIMARY_SEGMENTS = "gp_segment_configuration WHERE role = 'p' AND content >= 0"


class Session(Protocol):
    """What a dialect needs of a database session."""

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows, each as a dict by column name."""


@dataclass(frozen=True)
class Segment:
    """A primary segment.

    Attributes:
        content: its number, from 0; what `Dialect.segment_of_row` says of its rows.
        dbid: what distribution rules name it by.
        host: where it runs.
        up: whether it answers.
    """

    content: int
    dbid: int
    host: str
    up: bool


@dataclass(frozen=True)
class Queue:
    """A queue that statements of a role stand in before they begin.

    Attributes:
        statements: how many of them may be active at the same time.
    """

    name: str
    statements: int


class Dialect(Protocol):
    """What one kind of database has otherwise than others.

    Attributes:
        segmented: whether rows lie on segments, whose processes cannot read tables. Then trials train and networks predict
            on the segments, not in sessions that reach every row.
        segment_of_row: the SQL of the number of the segment where a row lies.
        replicated: the end of a CREATE TABLE whose rows lie on every segment as a whole.
        keyed: the end of a CREATE TABLE that has a key, before what says where its rows lie.
        append_only: the SQL that tells of the row `c` of pg_class whether its rows have no `xmin`.
        setting: the SQL of a setting by its name $1; of one that nobody has set NULL, or an error on a server of old.
        discard: statements that make a session what it was when it had logged in.
        keeps_local_settings: whether each process of a statement has what SET LOCAL said before. Those that only read for
            others are in no transaction of several statements, and have it no longer.
        hidden_settings: those that pg_settings does not show.
        functions_like_columns: whether a function of a table's rows may have the name of one of its columns.
        planner: settings under which a function is called where the rows lie that are handed to it.
        scans: those under which a statement that goes through all rows once is quick.
        segments_shown: a statement for people, which shows the segments.
    """

    segmented: bool
    segment_of_row: str
    replicated: str
    keyed: str
    append_only: str
    setting: str
    discard: tuple[str, ...]
    keeps_local_settings: bool
    hidden_settings: tuple[str, ...]
    functions_like_columns: bool
    planner: Mapping[str, str]
    scans: Mapping[str, str]
    segments_shown: str | None

    def distributed_by(self, *columns: str) -> str:
        """Return the end of a CREATE TABLE that says where its rows lie: by these columns, or anywhere."""

    def parallel(self, db: Session, *, asks: bool) -> str:
        """Return what a CREATE FUNCTION says so that its function can be in a parallel plan; nothing where none can.

        Args:
            asks: whether it calls functions in Python that ask the database.
        """

    def is_replicated(self, db: Session, table: int) -> bool:
        """Return whether every process reads the whole of a table.

        Args:
            table: its oid.
        """

    def segments(self, db: Session) -> tuple[Segment, ...]:
        """Return the primary segments by their number, those that are down as well; none where rows lie on the server."""

    def on_segments(self, call: str, which: str) -> str:
        """Return a statement that makes a call once on each of some segments: rows (segment, found).

        Args:
            call: the SQL of a function's call.
            which: the rest of a condition on the segment's number, as in `= 3`.
        """

    def queue(self, db: Session) -> Queue | None:
        """Return the queue that the statements of the calling role stand in; None where they begin at once."""

    def keep(self, db: Session, extension: str) -> None:
        """Keep an extension from being dropped until the end of the transaction: who drops it waits.

        Its own lock is the first that DROP EXTENSION takes. One of its tables would come too late: what was locked before it
        nobody could use while that waits, and a run writes its record meanwhile.

        Raises:
            OperatorError: somebody drops it at this moment.
        """

    def keys(self, db: Session, segments: Sequence[int]) -> tuple[int, ...]:
        """Return for each segment, given by its number, a value of `__dist_key__` whose rows lie there."""


def _stored_by(*methods: str) -> str:
    """Return the SQL that tells of the row `c` of pg_class whether one of these access methods has its rows."""
    names = ", ".join(map(literal, methods))
    return f"c.relam IN (SELECT a.oid FROM pg_catalog.pg_am a WHERE a.amname IN ({names}))"


class PostgreSQL:
    """One server that has all rows."""

    segmented = False
    segment_of_row = "-1"
    replicated = ""
    keyed = ""
    append_only = "false"
    setting = "pg_catalog.current_setting($1::text, true)"
    discard: tuple[str, ...] = ("DISCARD ALL",)
    keeps_local_settings = True
    hidden_settings: tuple[str, ...] = ()
    functions_like_columns = True
    planner: Mapping[str, str] = {}
    scans: Mapping[str, str] = {"jit": "off", "work_mem": "65536"}  # kB
    segments_shown: str | None = None

    def distributed_by(self, *columns: str) -> str:
        return ""

    def parallel(self, db: Session, *, asks: bool) -> str:
        # PL/Python begins a subtransaction for each statement that it asks. Parallel plans allow them since 17.
        early = "SELECT pg_catalog.current_setting('server_version_num')::integer < 170000 AS early"
        return "" if asks and db.execute(early)[0]["early"] else " PARALLEL SAFE"

    def is_replicated(self, db: Session, table: int) -> bool:
        return True

    def segments(self, db: Session) -> tuple[Segment, ...]:
        return ()

    def on_segments(self, call: str, which: str) -> str:
        return f"SELECT {self.segment_of_row} AS segment, {call} AS found WHERE {self.segment_of_row} {which}"

    def queue(self, db: Session) -> Queue | None:
        return None

    def keep(self, db: Session, extension: str) -> None:
        address = "pg_catalog.pg_get_object_address('extension', ARRAY[$1::text], ARRAY[]::pg_catalog.text[])"
        db.execute(f"SELECT 1 AS one FROM {address}", extension)

    def keys(self, db: Session, segments: Sequence[int]) -> tuple[int, ...]:
        return tuple(segments)


class Greenplum6:
    """Greenplum Database 6: rows lie on segments, and a table says by which columns.

    A function that runs on a segment cannot read tables, so whatever it needs comes with the statement that calls it. A
    statement whose WHERE fixes the distribution key of a table is sent to one segment alone, always to the same process of it.
    Packed tables have a column for that, `__dist_key__`: one value per segment, found by looking, because the server's hash is
    not ours to know.
    """

    segmented = True
    segment_of_row = "gp_segment_id"
    replicated = " DISTRIBUTED REPLICATED"
    keyed = " WITH (appendonly=false)"  # append-only tables, which a role or database may have as its default, have no keys
    append_only = "c.relstorage IN ('a', 'c')"
    setting = "pg_catalog.current_setting($1::text)"
    discard: tuple[str, ...] = ("RESET ALL", "DEALLOCATE ALL", "SELECT pg_catalog.pg_advisory_unlock_all()")
    keeps_local_settings = False
    hidden_settings: tuple[str, ...] = ("gp_cte_sharing",)
    functions_like_columns = False
    planner: Mapping[str, str] = {"optimizer": "off"}  # the planner of PostgreSQL, not Greenplum's own
    scans: Mapping[str, str] = {"gp_cte_sharing": "on"}  # what WITH names is computed once; work_mem says nothing here
    segments_shown: str | None = f"SELECT dbid, content, hostname FROM {_PRIMARY_SEGMENTS}"

    def distributed_by(self, *columns: str) -> str:
        return f" DISTRIBUTED BY ({', '.join(map(quoted, columns))})" if columns else " DISTRIBUTED RANDOMLY"

    def parallel(self, db: Session, *, asks: bool) -> str:
        return ""

    def is_replicated(self, db: Session, table: int) -> bool:
        policy = "SELECT 1 AS one FROM pg_catalog.gp_distribution_policy WHERE localoid = ($1::bigint)::oid"
        return bool(db.execute(f"{policy} AND policytype = 'r'", table))

    def segments(self, db: Session) -> tuple[Segment, ...]:
        rows = db.execute(
            "SELECT content, dbid, hostname::text AS host, status::text AS status FROM"
            f" pg_catalog.{_PRIMARY_SEGMENTS} ORDER BY content"
        )
        return tuple(Segment(row["content"], row["dbid"], row["host"], row["status"] == "u") for row in rows)

    def on_segments(self, call: str, which: str) -> str:
        # A row on each segment.
        return f"SELECT gp_segment_id AS segment, {call} AS found FROM gp_dist_random('gp_id') WHERE gp_segment_id {which}"

    def queue(self, db: Session) -> Queue | None:
        # Superusers stand in none, and there are none where resources are those of groups.
        rows = db.execute(
            "SELECT q.rsqname::text AS name, q.rsqcountlimit::integer AS statements FROM pg_catalog.pg_roles r"
            " JOIN pg_catalog.pg_resqueue q ON q.oid = r.rolresqueue"
            " WHERE r.rolname::pg_catalog.text OPERATOR(pg_catalog.=) current_user::pg_catalog.text AND NOT r.rolsuper"
            " AND q.rsqcountlimit > 0 AND pg_catalog.current_setting('gp_resource_manager') = 'queue'"
        )
        return Queue(rows[0]["name"], rows[0]["statements"]) if rows else None

    def keep(self, db: Session, extension: str) -> None:
        rows = db.execute(
            "SELECT e.tableoid::bigint AS catalog, e.oid::bigint AS oid, EXISTS (SELECT FROM pg_catalog.pg_locks l"
            " WHERE l.classid = e.tableoid AND l.objid = e.oid AND l.mode = 'AccessExclusiveLock' AND l.gp_segment_id = -1"
            " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
            " AND l.pid <> pg_catalog.pg_backend_pid()) AS dropped FROM pg_catalog.pg_extension e WHERE e.extname = $1::text",
            extension,
        )
        if any(row["dropped"] for row in rows):
            raise OperatorError(f'extension "{extension}" is being dropped', sqlstate=OBJECT_IN_USE)
        for row in rows:
            object_lock.share(row["catalog"], row["oid"])

    def keys(self, db: Session, segments: Sequence[int]) -> tuple[int, ...]:
        count, found = _FIRST_KEYS * (1 + max(segments)), dict[int, int]()
        while not set(segments) <= set(found):
            if count > _MOST_KEYS:
                raise OperatorError(f"no value of {KEY} lies on segments {sorted(set(segments) - set(found))}")
            found, count = self._least_keys(db, count), 8 * count
        return tuple(found[segment] for segment in segments)

    def _least_keys(self, db: Session, count: int) -> dict[int, int]:
        """Return for the segments where some of the keys 1 to `count` lie the least of them."""
        db.execute(
            f"CREATE TEMPORARY TABLE keras_automl_keys AS SELECT pg_catalog.generate_series(1, {count}) AS key"
            " DISTRIBUTED BY (key)"
        )
        rows = db.execute(
            "SELECT gp_segment_id AS segment, pg_catalog.min(key) AS key FROM pg_temp.keras_automl_keys GROUP BY 1"
        )
        db.execute("DROP TABLE pg_temp.keras_automl_keys")
        return {row["segment"]: row["key"] for row in rows}


class Greenplum7(Greenplum6):
    """Greenplum Database 7, which comes from PostgreSQL 12: never run, written after its public source.

    How rows are stored is a table's access method there, and what it has from PostgreSQL since 9.4 is used as on PostgreSQL.
    """

    keyed = " USING heap"
    setting = PostgreSQL.setting
    append_only = _stored_by("ao_row", "ao_column")
    scans: Mapping[str, str] = {**Greenplum6.scans, "jit": "off"}
    functions_like_columns = True

    def keep(self, db: Session, extension: str) -> None:
        PostgreSQL().keep(db, extension)


class Cloudberry(Greenplum7):
    """Apache Cloudberry, which comes from PostgreSQL 14 and Greenplum 7: never run, written after its public source."""

    append_only = _stored_by("ao_row", "ao_column", "pax")


def dialect_of(version: str) -> Dialect:
    """Return the dialect of a server.

    Args:
        version: what `version()` says.

    >>> dialect_of("PostgreSQL 9.4.26 (Greenplum Database 6.27.1 build dev) on x86_64-unknown-linux-gnu").segmented
    True
    """
    if "Cloudberry" in version:
        return Cloudberry()
    if "Greenplum" in version:
        return Greenplum6() if version.startswith("PostgreSQL 9.") else Greenplum7()
    return PostgreSQL()


def segments_up(db: Session) -> tuple[Segment, ...]:
    """Return the primary segments by their number; none where rows lie on the server.

    Raises:
        OperatorError: one is down and has no mirror that took over.
    """
    found = db.dialect.segments(db)
    down = [f"{segment.content} on {segment.host}" for segment in found if not segment.up]
    if down:
        raise OperatorError(
            f"segments of the cluster are down: {', '.join(down)}",
            hint="Look at them with gpstate, bring them back with gprecoverseg, and call again.",
        )
    return found
