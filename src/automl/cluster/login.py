"""Logging in, and what is said before a session has an event loop of its own: nothing here is deaf while it waits."""

from __future__ import annotations

from collections.abc import Callable

from automl.cluster.connection import EVENTS, Address, answering, dialling
from automl.cluster.driver import pq, psycopg
from automl.cluster.waits import Wait, Waiting, run_through


def login(address: Address, name: str, interrupt: Callable[[], None]) -> pq.abc.PGconn:
    """Connect as the calling role, for a superuser as the owner of the cluster where the role's own login is refused.

    Args:
        name: shown as the application_name in pg_stat_activity.
        interrupt: raises a cancellation that is pending; called all the while.

    Raises:
        Unreachable: the server does not let us; the text is the server's, and what would allow it.
    """
    pgconn = run_through(dialling(address, name), interrupt)
    pgconn.nonblocking = 1
    return pgconn


def said(pgconn: pq.abc.PGconn, statement: str, interrupt: Callable[[], None]) -> pq.abc.PGresult:
    """Run a statement and return its result, in texts.

    Raises:
        psycopg.Error: it failed, or the connection did.
    """
    return run_through(answering(pgconn, statement), interrupt)


def cancel(pgconn: pq.abc.PGconn, until: float) -> None:
    """Have the server cancel what a session is doing, unless it does not answer until then."""
    try:
        run_through(_cancelling(pgconn), lambda: None, until)
    except (TimeoutError, psycopg.Error):  # the session may have ended by itself
        return


def _cancelling(pgconn: pq.abc.PGconn) -> Waiting[None]:
    request = pgconn.cancel_conn()
    request.start()
    try:
        while (status := pq.PollingStatus(request.poll())) in EVENTS:
            yield Wait(request.socket, EVENTS[status])
    finally:
        request.finish()
