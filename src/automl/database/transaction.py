"""The caller's transaction: whether it can write, and whether it sees what others commit meanwhile."""

from __future__ import annotations

from automl.database.session import Database
from automl.errors import READ_ONLY_TRANSACTION, AutomlError

_KIND = (
    "SELECT pg_catalog.current_setting('transaction_read_only') = 'on' AS reads_only, pg_catalog.pg_is_in_recovery() AS standby"
)


def keeps_its_snapshot(db: Database) -> bool:
    """Return whether statements do not see what other transactions have committed since it began."""
    sql = "SELECT pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable') AS yes"
    return bool(db.execute(sql)[0]["yes"])


def has_written(db: Database) -> bool:
    """Return whether it may have changed a table, so that others do not see what it sees: by the locks that it has."""
    sql = (
        "SELECT 1 AS one FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation'"
        " AND mode NOT IN ('AccessShareLock', 'RowShareLock') AND (relation::bigint) >= 16384 LIMIT 1"  # the first of users
    )
    return bool(db.execute(sql))


def require_writable(db: Database, function: str) -> None:
    """Raise unless something can be written.

    Args:
        function: that wants to, for the error.

    Raises:
        AutomlError: the server is a standby, or the transaction is one that only reads.
    """
    kind = db.execute(_KIND)[0]
    if kind["standby"]:
        raise AutomlError(
            f"{function} writes, and this server is a standby, which can only be read",
            sqlstate=READ_ONLY_TRANSACTION,
            hint="Call it on the primary server. Where that is lost and this server is promoted, call it again then;"
            " madlib.automl_resume goes on with the runs that were under way.",
        )
    if kind["reads_only"]:
        raise AutomlError(
            f"{function} writes, and this transaction can only read",
            sqlstate=READ_ONLY_TRANSACTION,
            hint="Begin it with BEGIN READ WRITE, or SET default_transaction_read_only = off before.",
        )
