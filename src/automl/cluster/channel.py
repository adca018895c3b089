"""A connection on which statements are sent one behind the other, without waiting for the answers between them."""

from __future__ import annotations

from collections.abc import Sequence

from automl.cluster.connection import last_line
from automl.cluster.driver import BytesBinaryDumper, PyFormat, Transformer, pq, psycopg
from automl.cluster.waits import READ, WRITE, Wait, Waiting
from automl.database.session import Row, Statement

_BEGIN, _COMMIT, _ROLLBACK = ("BEGIN", ()), ("COMMIT", ()), ("ROLLBACK", ())
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Channel:
    """Says statements on a connection (libpq's pipeline mode) and hears their answers.

    Args:
        connection: which nobody else uses from here on.

    Attributes:
        idle: whether all that was said has been answered.
    """

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        for raw in (bytes, bytearray, memoryview):
            connection.adapters.register_dumper(raw, BytesBinaryDumper)
        self.idle = True
        self._unanswered = 0
        self._answers: list[pq.abc.PGresult] = []

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._pgconn.status == pq.ConnStatus.BAD

    def close(self) -> None:
        self._connection.close()

    def transaction(self, statements: Sequence[Statement]) -> Waiting[list[Row]]:
        """Execute statements in one transaction."""
        return self.run([_BEGIN, *statements, _COMMIT])

    def run(self, statements: Sequence[Statement]) -> Waiting[list[Row]]:
        """Execute statements, each sent when the one before has been: libpq keeps one part of a large state at a time.

        Returns:
            The rows of the last.

        Raises:
            psycopg.Error: of the first that failed; those behind it are not executed.
        """
        failed = self._pgconn.transaction_status != pq.TransactionStatus.IDLE
        self.idle, self._unanswered, self._answers = False, 0, []
        for statement in (_ROLLBACK, *statements) if failed else statements:
            self._send(*statement)
            yield from self._sent()
        self._pgconn.pipeline_sync()
        self._unanswered += 1
        yield from self._sent()
        while self._unanswered:
            yield Wait(self._pgconn.socket, READ)
            self._hear()
        self.idle = True
        answers, self._answers = self._answers, []  # one may hold a part of a large state
        for answer in answers:
            if answer.status not in _FINE:
                raise psycopg.errors.error_from_result(answer)
        return self._rows(answers[-1])

    def _send(self, text: str, values: Sequence[object]) -> None:
        made = Transformer(self._connection)
        given = made.dump_sequence(values, [PyFormat.AUTO] * len(values))
        self._pgconn.send_query_params(text.encode(), given, made.types, made.formats, pq.Format.BINARY)
        self._unanswered += 1

    def _sent(self) -> Waiting[None]:
        """Wait until the server has taken what was sent; it answers meanwhile, and may wait for that to be read."""
        while self._pgconn.flush():
            yield Wait(self._pgconn.socket, READ | WRITE)
            self._hear()

    def _hear(self) -> None:
        """Take the answers that have come."""
        self._pgconn.consume_input()
        while self._unanswered and not self._pgconn.is_busy():
            answer = self._pgconn.get_result()
            if answer is not None:
                self._unanswered -= 1
                self._answers += [answer] if answer.status != pq.ExecStatus.PIPELINE_SYNC else []
            if self.lost:
                raise psycopg.OperationalError(last_line(self._pgconn.get_error_message()) or "the connection is closed")

    def _rows(self, answer: pq.abc.PGresult) -> list[Row]:
        names = [(answer.fname(at) or b"").decode() for at in range(answer.nfields)]
        made = Transformer(self._connection)
        made.set_pgresult(answer)
        return made.load_rows(0, answer.ntuples, lambda values: dict(zip(names, values, strict=True))) if names else []
