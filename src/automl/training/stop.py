"""automl_stop: a search that is under way in another session ends and delivers the best that it has found."""

from __future__ import annotations

import time

from automl.database import locks
from automl.database.session import CallerDatabase
from automl.errors import NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from automl.search.methods import METHODS
from automl.training.record import run_of
from automl.training.resume import no_such_run

_LOOK = 0.05  # seconds between two looks whether it was heard
_METHOD = "SELECT method FROM madlib.automl_run_log WHERE run_id = $1::bigint"
_SUPERUSER = (
    "SELECT rolsuper FROM pg_catalog.pg_roles"
    " WHERE rolname::pg_catalog.text OPERATOR(pg_catalog.=) current_user::pg_catalog.text"
)


class _Heard(Exception):
    """The run has heard; rolls back what has told it, so that nothing is left that would end it again when it goes on."""


def automl_stop(db: CallerDatabase, run_id: int | None) -> None:
    """Have a search end, and return when it has heard. It is the caller's, or anybody's where the caller is a superuser."""
    if run_id is None:
        raise UsageError("run_id", "must be the number of a run", run_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    method = _method(db, run_id)
    holder = locks.holder_of_run(db, run_id)
    if holder is None:
        raise _refused(f"run {run_id} is not under way")
    if method not in METHODS:
        raise _refused(f"run {run_id} is no search: it trains what it was given", f"SELECT pg_cancel_backend({holder})")
    try:
        with db.subtransaction():
            locks.want_stopped(db, run_id)
            while locks.holder_of_run(db, run_id) == holder and not locks.has_heard(db, run_id):
                db.interrupt()
                time.sleep(_LOOK)
            raise _Heard
    except _Heard:
        db.info(f"run {run_id} ends, and delivers the best that it has found, if a trial has come to its first decision")


def _method(db: CallerDatabase, run_id: int) -> str | None:
    """Return the method of a run."""
    record = run_of(db, run_id)
    if record is not None:
        return record.method
    found = db.execute(_METHOD, run_id) if db.execute(_SUPERUSER)[0]["rolsuper"] else []
    if not found:
        raise no_such_run(run_id)
    return str(found[0]["method"])


def _refused(why: str, hint: str | None = None) -> UsageError:
    return UsageError("run_id", why, hint=hint, sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE)
