"""Statements of a session on Greenplum, in the form that runs on one segment and nowhere else.

A SELECT whose parameters libpq sends counts as a cursor there: before it begins, the server has every segment make a process
for the session and write its snapshot down, and then it runs in one process more. The EXECUTE of a statement that was prepared
goes straight to the segment that its plan names, into the only process that the session has. A search has as many processes as
segments, where it would have more than the square of that, and a statement takes a quarter of the time.

EXECUTE takes no parameters from libpq, so values stand in its text. What is large goes to the coordinator beforehand, as bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from automl.cluster.statements import KEEP, KEPT, Exchange, Statement
from keras_seg.protocol.parts import Raw

_LARGE = 16 * 2**10  # bytes; the text of less is read sooner than one statement more is made


class Execution:
    """The statements of one session, each prepared when it is said first.

    Args:
        quote: makes the literal of a text, as the session reads it.
    """

    def __init__(self, quote: Callable[[bytes], bytes]) -> None:
        self._quote = quote
        self._names: dict[str, str] = {}

    def of(self, exchange: Exchange[Statement]) -> Exchange[Statement]:
        """Return an exchange that says what `exchange` says, and gets the same answers."""
        statement = next(exchange)
        while True:
            answer = yield from self._executed(statement)
            try:
                statement = exchange.send(answer)
            except StopIteration as end:
                return end.value

    def _executed(self, statement: Statement) -> Exchange[Statement]:
        if statement.sql not in self._names:
            # Named after the function that is called, for those who look at pg_stat_activity.
            name = f"{statement.name}_{len(self._names)}"
            yield Statement(f"PREPARE {name} AS {statement.sql}")
            self._names[statement.sql] = name
        for value in filter(_is_large, statement.values):
            yield Statement(KEEP.select(), (value,))
        return (yield Statement(self._execute(statement)))

    def _execute(self, statement: Statement) -> str:
        values = ", ".join(map(self._literal, statement.values))
        return f"EXECUTE {self._names[statement.sql]}" + (f" ({values})" if values else "")

    def _literal(self, value: object) -> str:
        if value is None:
            return "NULL"
        if _is_large(value):
            return KEPT.sql()
        text = "\\x" + bytes(value).hex() if isinstance(value, Raw) else str(value)
        return bytes(self._quote(text.encode())).decode()


def _is_large(value: object) -> bool:
    return isinstance(value, Raw) and len(value) > _LARGE
