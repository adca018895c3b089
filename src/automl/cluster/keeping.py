"""Sessions that stay when a call has ended well, for the next call of the same caller: with TensorFlow, and what they compiled.

A kept session holds no transaction, no snapshot and no lock but one: that which counts the sessions that are kept on the whole
server. It stands in pg_stat_activity as `keras_automl kept`. It ends

    by itself      after `keras_automl.keep_sessions` seconds, where the server can end idle sessions (PostgreSQL)
    with us        its connection is ours: when the caller's process ends the server finds it closed
    at a call      which finds it too old, or made under other conditions: another role, other settings, another installation
    when asked     `automl_release`, or another search of the same role that finds no memory or no connection

Whatever a new session is asked a kept one is asked as well: only logging in and importing are left out.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from automl import __version__
from automl.cluster.connection import Address, Unreachable, becoming
from automl.cluster.driver import pq, psycopg
from automl.cluster.login import login, said
from automl.cluster.statements import CLOSE
from automl.cluster.waits import pause, run_through
from automl.database.locks import HELD, Lock
from automl.database.names import literal
from automl.database.session import CallerDatabase, Database
from automl.database.settings import KEEP_SESSIONS, KEPT_SESSIONS, read_setting
from automl.hosts.machine import spare_memory

NAME = "keras_automl kept"  # in pg_stat_activity
_TRAINS = "keras_seg.session.calls"  # the module without which a process has compiled nothing

# What a session that is opened now would be: another answer says that kept ones are not.
_ME = "OPERATOR(pg_catalog.=) current_user::pg_catalog.text"
_OWN_ROLE = f"SELECT r.oid, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname::pg_catalog.text {_ME}"
_CONDITIONS = f"""SELECT pg_catalog.md5(pg_catalog.concat_ws(' ',
    pg_catalog.pg_conf_load_time(), pg_catalog.pg_postmaster_start_time(),
    (SELECT r::pg_catalog.text FROM pg_catalog.pg_roles r WHERE r.rolname::pg_catalog.text {_ME}),
    (SELECT pg_catalog.array_agg(s.setconfig::pg_catalog.text ORDER BY s.setdatabase, s.setrole)
        FROM pg_catalog.pg_db_role_setting s),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CONNECT'),
    (SELECT e.oid::pg_catalog.text OPERATOR(pg_catalog.||) e.xmin::pg_catalog.text FROM pg_catalog.pg_extension e
        WHERE e.extname::pg_catalog.text OPERATOR(pg_catalog.=) 'keras_automl'::pg_catalog.text))) AS conditions,
    (SELECT me.oid::pg_catalog.int8 FROM ({_OWN_ROLE}) me) AS role"""
# The lock says for which role it is kept, which has not logged in where that of the cluster's owner served.
_LOCK = f"SELECT pg_catalog.pg_advisory_lock_shared({int(Lock.KEPT)}, {{}}::pg_catalog.int8::bit(32)::pg_catalog.int4)"
_COUNT = f"SELECT pg_catalog.count(*) {HELD} = {int(Lock.KEPT)}"
# The server's own time-outs, where it has one: an idle session ends, and one of Greenplum keeps its processes on segments.
_ENDS = "SELECT pg_catalog.set_config(name, '{}', false) FROM pg_catalog.pg_settings WHERE name = '{}'"
_TIMEOUTS = "idle_session_timeout", "gp_vmem_idle_resource_timeout"
_WAKE = (
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    _ENDS.format(0, "idle_session_timeout"),
)
_ENDS_WITHIN, _LOOK = 2.0, 0.02  # seconds
# Any role can take any advisory lock: only a superuser ends what another role has opened.
_TAKE_AWAY = f"""SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) AS ended
    FROM pg_catalog.pg_stat_activity a, ({_OWN_ROLE}) me
    WHERE a.application_name = {literal(NAME)} AND a.pid <> ALL ($1::integer[])
        AND (me.rolsuper OR a.usename::pg_catalog.text {_ME})
        AND a.pid IN (SELECT pid {HELD} = {int(Lock.KEPT)} AND objid = me.oid)"""


@dataclass(frozen=True)
class Conditions:
    """Under which a session was opened: it serves only calls that would open it under the same ones.

    Attributes:
        threads, gpus: of TensorFlow, which cannot change.
        place: where its process on a segment is.
        trusted: digest of all that decides whether, and as what, the role may log in, and of what is installed.
    """

    address: Address
    threads: int
    gpus: tuple[str, ...]
    place: str
    trusted: str


@dataclass(frozen=True)
class _Kept:
    pgconn: pq.abc.PGconn
    conditions: Conditions
    until: float


_kept: list[_Kept] = []  # of this backend: a module lives as long as its process


@dataclass(frozen=True)
class Keeper:
    """What a call takes sessions from, and leaves them with.

    Attributes:
        seconds: for which they stay; 0 keeps none.
        most: that are kept on the server, of all callers together.
        trusted: as of the conditions.
        role: the oid of the caller's.
        address: of the server.
        discard: statements that drop all that a session of the server has.
        interrupt: raises a cancellation that is pending.
        make_room: ends what is kept for other callers of the role, and returns whether there was any.
    """

    seconds: int
    most: int
    trusted: str
    role: int
    address: Address
    discard: tuple[str, ...]
    interrupt: Callable[[], None]
    make_room: Callable[[], bool]

    def conditions(self, threads: int, gpus: tuple[str, ...]) -> Conditions:
        """Return the conditions under which this call opens a session, which has no process elsewhere."""
        return Conditions(self.address, threads, gpus, "", self.trusted)

    def may_take(self, kept: Conditions, threads: int) -> bool:
        """Whether a session that was kept may be what this call needs, in some place, with some GPU."""
        return (kept.address, kept.threads, kept.trusted) == (self.address, threads, self.trusted)

    def connect(self, conditions: Conditions, name: str) -> pq.abc.PGconn:
        """Return a session that was kept under these conditions, or a new one.

        Args:
            name: shown as the application_name in pg_stat_activity.

        Raises:
            Unreachable: the server lets no new one in.
        """
        kept = self._take(conditions, name)
        if kept is not None:
            return kept
        try:
            return login(self.address, name, self.interrupt)
        except Unreachable:
            if not self.make_room():
                raise
            return login(self.address, name, self.interrupt)

    def _take(self, conditions: Conditions, name: str) -> pq.abc.PGconn | None:
        """Return a session that was kept and still answers, as it would be if it were new."""
        while fitting := next((each for each in _kept if each.conditions == conditions), None):
            _kept.remove(fitting)
            if self._say(fitting.pgconn, [*_WAKE, *_become(conditions.address, fitting.pgconn), _called(name)]):
                return fitting.pgconn
        return None

    def keep(self, pgconn: pq.abc.PGconn, conditions: Conditions, forget: str) -> None:
        """Keep a session that has nothing to do any more, or close it.

        Args:
            forget: the statement that lets its process drop what the call left there.
        """
        timeouts = [_ENDS.format(1000 * self.seconds, name) for name in _TIMEOUTS]
        rest = [forget, "ROLLBACK", *self.discard, _called(NAME), _LOCK.format(self.role), *timeouts]
        if self.seconds and self.most and spare_memory() and self._say(pgconn, rest) and self._counts(pgconn):
            _kept.append(_Kept(pgconn, conditions, time.monotonic() + self.seconds))
        else:
            pgconn.finish()

    def _counts(self, pgconn: pq.abc.PGconn) -> bool:
        """Whether it is one of those that may be kept. Two that come at once may both find that they are one too many."""
        with suppress(psycopg.Error):
            return int(said(pgconn, _COUNT, self.interrupt).get_value(0, 0) or b"0") <= self.most
        return False

    def _say(self, pgconn: pq.abc.PGconn, statements: list[str]) -> bool:
        """Run statements; one that fails ends the session. Return whether none did."""
        try:
            for statement in statements:
                said(pgconn, statement, self.interrupt)
        except psycopg.Error:
            pgconn.finish()
            return False
        return True


def keeper(db: CallerDatabase, address: Address, threads: int) -> Keeper:
    """Return what a call of this caller takes sessions from; those that serve no call of it any more are closed.

    Args:
        threads: of TensorFlow in the sessions of this call.
    """
    seconds, most = _limits(db)
    found = db.execute(_CONDITIONS)[0]
    trusted = f"{found['conditions']} {_installed()}"
    now = time.monotonic()
    role, discard = int(found["role"] or 0), db.dialect.discard
    keeper = Keeper(seconds, most, trusted, role, address, discard, db.interrupt, lambda: take_away(db))
    _close(lambda each: not seconds or each.until < now or not keeper.may_take(each.conditions, threads))
    if not spare_memory():
        take_away(db)
    return keeper


def automl_release(db: CallerDatabase) -> int:
    """Close the sessions that are kept for this caller, and drop what its own has compiled; return how many there were."""
    count = _close(lambda _: True)
    if _TRAINS in sys.modules:  # else nothing was ever compiled here
        db.execute(CLOSE.select())
    return count


def keeps_here(db: Database) -> bool:
    """Whether what a call compiles in the caller's own session stays there when it has ended well.

    Raises:
        AutomlError: a setting is none.
    """
    return all(_limits(db))


def _limits(db: Database) -> tuple[int, int]:
    """Return for how many seconds what a call has left is kept, and how many sessions on the whole server."""
    return read_setting(db, KEEP_SESSIONS), read_setting(db, KEPT_SESSIONS, len(os.sched_getaffinity(0)))


def kept_here() -> int:
    """Return how many sessions are kept for this caller."""
    return len(_kept)


def take_away(db: CallerDatabase) -> bool:
    """End the sessions that are kept for other callers of the same role; return whether there were any."""
    own = [each.pgconn.backend_pid for each in _kept]
    until, any_there = time.monotonic() + _ENDS_WITHIN, False
    while db.execute(_TAKE_AWAY, own)[0]["ended"] and time.monotonic() < until:
        any_there = True
        run_through(pause(_LOOK), db.interrupt)
    return any_there


def _close(which: Callable[[_Kept], bool]) -> int:
    closed = [each for each in _kept if which(each)]
    for each in closed:
        _kept.remove(each)
        each.pgconn.finish()
    return len(closed)


def _become(address: Address, pgconn: pq.abc.PGconn) -> tuple[str, ...]:
    """Return what makes a session that has logged in as the cluster's owner one of the caller's role."""
    return () if pgconn.user == address.role.encode() else (becoming(address.role),)


def _called(name: str) -> str:
    return f"SET application_name = {literal(name)}"


def _installed() -> str:
    """Return what tells one installation of the package from the next."""
    at = Path(__file__).stat()
    return f"{__version__} {at.st_ino} {at.st_mtime_ns}"
