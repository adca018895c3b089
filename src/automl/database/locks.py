"""Advisory locks, which keep for a transaction what no table can be locked for."""

from __future__ import annotations

import zlib
from enum import IntEnum

from automl.database.session import Database
from keras_seg.protocol.roles import ACTS_FOR

# The end of a statement about locks that are held, up to what the first half of their key is; all databases are shown.
HELD = "FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid"
OWN_DATABASE = "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"

_OF_RUN = f"{HELD} = ($1::bigint)::oid AND objid = ($2::bigint)::oid AND database = {OWN_DATABASE}"
_STOPPERS = (
    f"{_OF_RUN} AND pid IN (SELECT a.pid FROM pg_catalog.pg_stat_activity a, pg_catalog.pg_roles r"
    " WHERE r.rolname::pg_catalog.text OPERATOR(pg_catalog.=) current_user::pg_catalog.text"
    f" AND pg_catalog.pg_has_role(a.usesysid, r.oid, {ACTS_FOR}))"
)


class Lock(IntEnum):
    """What is locked: the first half of a lock's key, of each lock that the package takes."""

    LIBRARY = 0x6B61  # taking an id from a library of architectures, which may not be there yet; the other half is its name
    NAME = 0x6B62  # making a table of this name
    RUN = 0x6B63  # training this run
    TURN = 0x6B64  # opening sessions; the other half is 0
    SESSION = 0x6B65  # being a session that trains, which all of them share; the other half is 0
    TICKET = 0x6B66  # waiting for the turn to open sessions; the other half is the place in line
    STOP = 0x6B67  # wanting this run to end
    STOPPED = 0x6B68  # having heard that this run is to end
    KEPT = 0x6B69  # being a session that is kept for its caller's next call; the other half is the oid of the caller's role


def key_of(text: str) -> int:
    """Return the second half of the key of a lock on a text."""
    return zlib.crc32(text.encode()) - 2**31


def wait_for(db: Database, kind: Lock, key: int) -> None:
    """Take a lock until the end of the transaction, as soon as no other session holds it."""
    db.execute("SELECT pg_catalog.pg_advisory_xact_lock($1::integer, $2::integer)", int(kind), key)


def take(db: Database, kind: Lock, key: int) -> bool:
    """Take a lock until the end of the transaction; return False if another session holds it."""
    sql = "SELECT pg_catalog.pg_try_advisory_xact_lock($1::integer, $2::integer) AS free"
    return bool(db.execute(sql, int(kind), key)[0]["free"])


def count_held(db: Database, kind: Lock) -> int:
    """Return how many sessions of the server hold locks of a kind, in whatever database."""
    return int(db.execute(f"SELECT pg_catalog.count(*) AS held {HELD} = {int(kind)}")[0]["held"])


def claim_run(db: Database, run_id: int) -> bool:
    """Keep a run for this transaction, which trains it; return False if another one does."""
    return take(db, Lock.RUN, _key_of_run(run_id))


def holder_of_run(db: Database, run_id: int) -> int | None:
    """Return the process that keeps a run; None if none does any more."""
    rows = db.execute(f"SELECT pid {_OF_RUN}", int(Lock.RUN), _key_of_run(run_id))
    return int(rows[0]["pid"]) if rows else None


def want_stopped(db: Database, run_id: int) -> bool:
    """Show until the end of the transaction that a run is to end; return False if another session does."""
    return take(db, Lock.STOP, _key_of_run(run_id))


def has_heard(db: Database, run_id: int) -> bool:
    """Return whether a run that is to end has heard so."""
    return bool(db.execute(f"SELECT pid {_OF_RUN}", int(Lock.STOPPED), _key_of_run(run_id)))


def told_to_stop(db: Database, run_id: int) -> bool:
    """Return whether somebody wants the caller's run to end who may: any role can take any advisory lock.

    That it has been heard is shown until the end of the transaction.
    """
    key = _key_of_run(run_id)
    found = db.execute(f"SELECT pg_catalog.count(*) > 0 AS yes {_STOPPERS}", int(Lock.STOP), key)
    return bool(found[0]["yes"]) and take(db, Lock.STOPPED, key)


def _key_of_run(run_id: int) -> int:
    return run_id % 2**31
