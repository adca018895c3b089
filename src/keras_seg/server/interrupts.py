"""Cancelling in Greenplum, where PL/Python must be protected from it.

In PostgreSQL a signal that cancels a statement sets a flag, and the next statement of ours raises what it means. In Greenplum 6
two more things happen, which `deferred` and `careful` keep away:

- A hook in the signal's handler makes Python raise KeyboardInterrupt in whatever is under way: in half of an import, which
  cannot be begun again; in the middle of closing sessions, which then stay; or, where our function has just ended, in the next
  one of the session, which nobody has cancelled. Nothing of ours needs it: what takes long looks at the flag.
- On the coordinator every call of plpy begins and ends with a message to all segments (it is a subtransaction). What is raised
  there jumps over Python's frames without unwinding them: nothing that we hold is closed, and the next PL/Python function of
  the session crashes the server. So a cancellation is raised between two calls, or where a call executes a statement, and waits
  while it begins. And an error that nobody can catch, because a segment does not answer, ends the session, not the server.

What is left is a cancellation in the message at the end of a statement that reads or writes tables, about a millisecond: it
ends the session. A statement of the catalog alone is quick, so there a cancellation waits for the end as well.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, NamedTuple, TypeVar

from keras_seg.protocol.sqlstates import ADMIN_SHUTDOWN, QUERY_CANCELED
from keras_seg.server import postmaster
from keras_seg.server.failure import fail

Answer = TypeVar("Answer")
_COORDINATOR = 1  # of Gp_role
_CLASS = "QueryCanceled"  # of the exception, which PL/Python and psycopg have for it
_TIMEOUTS = {2: "lock timeout", 3: "statement timeout"}  # TimeoutId of the server
# It reads no tables but the catalog's, which every server has, and waits for nobody: segments have no part in it. (In
# pg_locks they have: each tells its own.)
_OF_THE_CATALOG = re.compile(r"SELECT\b(?!.*_locks?\b)(?!.*\b(?:FROM|JOIN)\s+(?!pg_catalog\.|unnest\(|\())", re.S)


class _Server:
    """Variables and a function of the server that runs us; LookupError where it is no Greenplum."""

    def __init__(self) -> None:
        program = ctypes.CDLL(None)
        try:
            self.hook = ctypes.c_void_p.in_dll(program, "cancel_pending_hook")
            self.role = ctypes.c_int.in_dll(program, "Gp_role")
            self.anything_pending = ctypes.c_bool.in_dll(program, "InterruptPending")
            self.cancelled = ctypes.c_bool.in_dll(program, "QueryCancelPending")
            self.waiting = ctypes.c_int32.in_dll(program, "QueryCancelHoldoffCount")
            self.handler = ctypes.c_void_p.in_dll(program, "PG_exception_stack")
            self.timed_out = program.get_timeout_indicator
        except (AttributeError, ValueError) as problem:
            raise LookupError(str(problem)) from None
        self.timed_out.restype = ctypes.c_bool
        self.timed_out.argtypes = (ctypes.c_int, ctypes.c_bool)


@cache
def _server() -> _Server | None:
    try:
        return _Server()
    except LookupError:
        return None


@contextmanager
def deferred() -> Iterator[None]:
    """While this lasts a cancellation is raised by statements alone, in Greenplum as in PostgreSQL."""
    server = _server()
    called = server and server.hook.value
    if server is None or not called:  # within another of these it is away already
        yield
        return
    _leave_out(server.hook)
    try:
        yield
    finally:
        server.hook.value = called


def _leave_out(hook: ctypes.c_void_p) -> None:
    try:
        hook.value = None
        for _ in range(2):
            pass  # what was about to be raised comes here
    except KeyboardInterrupt:
        hook.value = None  # if it is of this statement, the flag is still set


def careful(plpy: Any) -> Any:
    """Return `plpy`, or on Greenplum's coordinator what does the same without the dangers."""
    server = _server()
    if server is None or server.role.value != _COORDINATOR or isinstance(plpy, _Careful):
        return plpy
    return _Careful(plpy, server)


def protected(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Give an entry point, whose first argument is `plpy`, both protections."""

    @wraps(function)
    @deferred()
    def called(plpy: Any, *arguments: Any) -> Answer:
        return function(careful(plpy), *arguments)

    return called


def look(plpy: Any) -> None:
    """Raise a cancellation that is pending, and end a backend whose postmaster has died."""
    if postmaster.is_gone():
        # The server ends the backend when it waits for its client.
        fail(plpy, postmaster.GOING_DOWN, ADMIN_SHUTDOWN, postmaster.HINT)
    if isinstance(plpy, _Careful):
        plpy.look()
    else:
        plpy.execute("SELECT 1")  # any statement does, and nothing else that PL/Python offers


def is_cancellation(error: BaseException) -> bool:
    """Return whether an error says that the statement was cancelled, by somebody or by a timeout.

    Told by the name of its class: PL/Python, psycopg and `look` each have one of their own. One that strikes where a message is
    sent to the client has that of any error, and its SQLSTATE.
    """
    name = type(error).__name__
    return name in (_CLASS, "KeyboardInterrupt") or (name == "Error" and getattr(error, "sqlstate", None) == QUERY_CANCELED)


class _Careful:
    """`plpy` on Greenplum's coordinator; see the module."""

    def __init__(self, plpy: Any, server: _Server) -> None:
        self._plpy = plpy
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plpy, name)

    def look(self) -> None:
        if self._server.cancelled.value:
            self._server.cancelled.value = False  # from here on the exception stands for it: what cleans up is not cancelled
            # The timeout that goes with it is taken back as well.
            reasons = [reason for number, reason in _TIMEOUTS.items() if self._server.timed_out(number, True)]
            why = (*reasons, "user request")[0]
            fail(self._plpy, f"canceling statement due to {why}", QUERY_CANCELED, name=_CLASS)
        if self._server.anything_pending.value:
            with _Hold(self._server):
                self._plpy.execute("SELECT 1")  # a client that is gone, say

    def prepare(self, query: str, types: Sequence[str] = ()) -> _Plan:
        plan = self.call(lambda hold: self._plpy.prepare(query, [*types, "boolean"]))  # one more: see _Begun
        return _Plan(plan, _OF_THE_CATALOG.match(query) is not None)

    def execute(self, query: str | _Plan, values: Sequence[object] = ()) -> Any:
        plan = self.prepare(query) if isinstance(query, str) else query
        if plan.of_the_catalog:
            return self.call(lambda hold: self._plpy.execute(plan.plan, [*values, True]))
        return self.call(lambda hold: self._plpy.execute(plan.plan, _Begun([*values, True], hold)))

    def cursor(self, query: str | _Plan, values: Sequence[object] = ()) -> _Cursor:
        plan = self.prepare(query) if isinstance(query, str) else query
        return _Cursor(self, self.call(lambda hold: self._plpy.cursor(plan.plan, _Begun([*values, True], hold))))

    def call(self, function: Callable[[_Hold], Answer]) -> Answer:
        """Call what calls plpy."""
        self.look()
        try:
            with _Hold(self._server) as hold:
                return function(hold)
        except self._plpy.Error:
            self.look()  # it may be the error of a segment where the statement was cancelled
            raise

    @contextmanager
    def subtransaction(self) -> Iterator[None]:
        begun = self._plpy.subtransaction()
        with _Hold(self._server):
            begun.__enter__()
        try:
            yield
        finally:
            with _Hold(self._server):
                begun.__exit__(*sys.exc_info())

    def info(self, message: str) -> None:
        self._say(self._plpy.info, message)

    def notice(self, message: str) -> None:
        self._say(self._plpy.notice, message)

    def warning(self, message: str) -> None:
        self._say(self._plpy.warning, message)

    def _say(self, say: Callable[[str], None], message: str) -> None:
        with _Hold(self._server):  # it would come without its SQLSTATE
            say(message)


class _Plan(NamedTuple):
    """A plan of plpy, and whether its statement reads the catalog alone."""

    plan: Any
    of_the_catalog: bool


class _Cursor:
    """A cursor of plpy."""

    def __init__(self, plpy: _Careful, cursor: Any) -> None:
        self._plpy = plpy
        self._cursor = cursor

    def fetch(self, count: int) -> Any:
        def fetched(hold: _Hold) -> Any:
            hold.loosen()  # nothing tells when it has begun
            return self._cursor.fetch(count)

        return self._plpy.call(fetched)

    def close(self) -> None:
        self._cursor.close()


class _Hold:
    """While it lasts a cancellation waits, and an error that plpy does not catch finds no handler: that ends the session."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._before: tuple[int, int | None] = 0, None

    def __enter__(self) -> _Hold:
        self._before = self._server.waiting.value, self._server.handler.value
        self._server.waiting.value += 1
        self._server.handler.value = None
        return self

    def loosen(self) -> None:
        """Let a cancellation be raised from here on: plpy catches it now."""
        self._server.waiting.value = self._before[0]

    def __exit__(self, *_: object) -> None:
        self._server.waiting.value, self._server.handler.value = self._before


class _Begun(Sequence[Any]):
    """The values of a call of plpy, which reads them when its first message has been sent and it catches errors."""

    def __init__(self, values: list[Any], hold: _Hold) -> None:
        self._values = values
        self._hold = hold

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        self._hold.loosen()
        return self._values[index]
