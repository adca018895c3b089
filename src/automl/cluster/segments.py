"""Greenplum: a session for each partition, whose statements run on the segment where that partition lies.

A statement on a packed table whose WHERE fixes `__dist_key__` goes to one segment alone, and a connection has one process
there that lasts: what it keeps in GD is there at the next statement. So the calls of a session are made from the row of one
buffer, `SELECT madlib.automl_visit(...) FROM packed WHERE __dist_key__ = 5 AND buffer_id = 2`, and run where its rows lie.

A process on a segment cannot read tables. Its rows come with a statement of their own, `automl_feed`, before the visit: once if
the search caches, else each time. States go in and out with the visit, through the coordinator.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl.cluster.connection import Address
from automl.cluster.driver import pq
from automl.cluster.hopper import TRAINING
from automl.cluster.interface import CALLS, CLOSE, DEFINE, OPEN, VISIT, Outcome, Setup, Work
from automl.cluster.prepared import Execution
from automl.cluster.sessions import Sessions, _Session
from automl.cluster.statements import Conversation, Statement, conversation
from automl.data.packed_queries import feed_statement
from automl.data.packed_table import PackedTable
from automl.data.placement import Place, placement
from automl.database.session import Database

_PROCESS_GONE = ("57P", "58")  # classes of SQLSTATE: an operator's intervention, a system error


@dataclass(frozen=True)
class Ground:
    """Where the rows of a search lie.

    Attributes:
        table: the SQL of the training table.
        places: for each partition its place in it.
        feeds: dataset -> for each of its partitions the statement that gives its buffers to the segment.
        caching: whether a segment keeps what it was given.
    """

    table: str
    places: tuple[Place, ...]
    feeds: Mapping[str, tuple[str, ...]]
    caching: bool

    def at(self, partition: int) -> str:
        """The end of a statement that makes it run once, where a partition lies."""
        place = self.places[partition]
        return f" FROM {self.table} WHERE __dist_key__ = {place.key} AND buffer_id = {place.buffer}"

    def locks(self, partition: int) -> list[Work]:
        """Return the statements that lock the tables, on the coordinator and where the partition lies, and read nothing."""
        there = {name: feeds[partition] for name, feeds in self.feeds.items() if partition < len(feeds)}
        return [Work(None, f"SELECT 1 FROM ({feed}) q LIMIT 0", (name, partition)) for name, feed in there.items()]

    def feeding(self, partition: int, work: Work, there: set[str]) -> list[Work]:
        """Return the statements that bring what a visit reads, but for the datasets that are there.

        They carry the task of the visit: where one of them is lost the visit is.
        """
        if work.sql != VISIT:
            return []
        stops = json.loads(str(work.values[0]))["stops"]
        read = dict.fromkeys(TRAINING if "train" in stop else stop["evaluate"] for stop in stops)
        missing = [name for name in read if name not in there]
        if self.caching:
            there.update(missing)
        return [Work(work.task, self.feeds[name][partition], (name, partition)) for name in missing]


def ground(db: Database, tables: Mapping[str, PackedTable], caching: bool) -> Ground:
    """Look where the packed tables of a search lie.

    Args:
        tables: dataset -> its table.

    Raises:
        UsageError: a table does not lie as the preprocessors lay it, or not on the segments of the training table.
    """
    places = {name: placement(db, table, tables[TRAINING]) for name, table in tables.items()}
    feeds = {name: tuple(feed_statement(tables[name], place.key) for place in found) for name, found in places.items()}
    return Ground(tables[TRAINING].relation.sql, places[TRAINING], feeds, caching)


class SegmentSessions(Sessions):
    """One session for each partition of the training table; see the module. Arguments as those of Sessions."""

    kind = "segments"

    def __init__(
        self,
        address: Address,
        setup: Setup,
        ground: Ground,
        expected: Sequence[str],
        interrupt: Callable[[], None],
        name: str,
    ) -> None:
        self._ground = ground
        self._there: dict[int, set[str]] = {}
        self._executions: dict[int, Execution] = {}
        super().__init__(address, setup, len(ground.places), expected, interrupt, name)

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return [frozenset({place.partition}) for place in self._ground.places]

    def begin(self, session: int, work: Work) -> None:
        there = self._there.setdefault(session, set())
        first, *rest = [*self._ground.feeding(session, work, there), work]
        self._sessions[session].queue = deque(rest)
        super().begin(session, first)

    def _first_work(self, session: _Session) -> list[Work]:
        self._there[session.number] = set()
        self._executions[session.number] = Execution(pq.Escaping(session.pgconn).escape_literal)
        return super()._first_work(session)

    def _locks(self, session: _Session) -> list[Work]:
        return self._ground.locks(session.number)

    def _talk(self, session: _Session, work: Work) -> Conversation:
        if not work.sql.startswith("SELECT"):
            return conversation(work)
        at = self._ground.at(session.number) if work.sql in CALLS else ""
        return self._executions[session.number].of(conversation(work, at))

    def _all_needed(self) -> bool:
        return True

    def _failed(self, session: _Session, work: Work, result: pq.abc.PGresult) -> list[Outcome]:
        sqlstate, message = (
            (result.error_field(field) or b"").decode()
            for field in (pq.DiagnosticField.SQLSTATE, pq.DiagnosticField.MESSAGE_PRIMARY)
        )
        if not session.ready and not sqlstate.startswith(_PROCESS_GONE):
            return super()._failed(session, work, result)
        # After an error on a segment its process may answer the next call with KeyboardInterrupt: it is not used again.
        session.current = work
        return self._died(session, message)


class CallerSegments:
    """The segments, from the caller's own session: one statement makes the next visit of every partition at the same time.

    Args:
        db: the caller's session.
        setup: what each segment is told before its first order.
        ground: where the rows lie.
    """

    kind = "caller"

    def __init__(self, db: Database, setup: Setup, ground: Ground) -> None:
        self._db = db
        self._ground = ground
        self._begun: dict[int, Work] = {}
        self._there: dict[int, set[str]] = {}
        self._versions: dict[str, Any] = json.loads(self._open(setup)[0])
        for definition in setup.definitions:
            self._everywhere(DEFINE, definition.key, definition.architecture, definition.weights)

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return [frozenset({place.partition}) for place in self._ground.places]

    def idle(self) -> list[int]:
        return [place.partition for place in self._ground.places if place.partition not in self._begun]

    def begin(self, session: int, work: Work) -> None:
        self._begun[session] = work

    def wait(self) -> list[Outcome]:
        self._db.interrupt()
        begun, self._begun = self._begun, {}
        begin = time.monotonic()
        visits = {session: work for session, work in begun.items() if work.sql == VISIT}
        answers: dict[int, Any] = self._visit(visits) if visits else {}
        for session, work in begun.items():
            if session not in visits:
                answers[session] = self._db.execute(work.sql + self._ground.at(session), *work.values)[0]["answer"]
        seconds = time.monotonic() - begin
        return [Outcome(session, work.task, answers[session], None, seconds) for session, work in begun.items()]

    def versions(self) -> dict[str, Any]:
        return self._versions

    def close(self) -> None:
        self._everywhere(CLOSE)

    def _open(self, setup: Setup) -> list[Any]:
        """Tell each segment its own setup: hosts have GPUs of their own."""
        told = [setup.as_json(place.partition) for place in self._ground.places]
        return self._everywhere(OPEN.replace("$1::text", f"($1::text[])[buffer_id % {len(told)} + 1]"), told)

    def _everywhere(self, sql: str, *values: object) -> list[Any]:
        rows = self._db.execute(f"{sql} FROM {self._ground.table} WHERE {self._first_buffers()}", *values)
        return [row["answer"] for row in rows]

    def _visit(self, visits: Mapping[int, Work]) -> dict[int, Any]:
        for session, work in visits.items():
            for feed in self._ground.feeding(session, work, self._there.setdefault(session, set())):
                self._db.execute(feed.sql, *feed.values)
        talks = {session: conversation(work) for session, work in visits.items()}
        said = {session: next(talk) for session, talk in talks.items()}
        answers: dict[int, Any] = {}
        while said:
            heard = self._said(said)
            for session, answer in heard.items():
                try:
                    said[session] = talks[session].send(answer)
                except StopIteration as end:
                    answers[session] = end.value
                    del said[session]
        return answers

    def _said(self, said: Mapping[int, Statement]) -> dict[int, Any]:
        """Have the statements done: parts of large states one by one, the visits together when nothing else is to be said."""
        parts = {session: statement for session, statement in said.items() if statement.sql != VISIT}
        if not parts:
            return self._visit_together({session: statement.values for session, statement in said.items()})
        return {
            session: self._db.execute(statement.sql + self._ground.at(session), *statement.values)[0]["answer"]
            for session, statement in parts.items()
        }

    def _visit_together(self, visits: Mapping[int, tuple[object, ...]]) -> dict[int, Any]:
        # Arrays with a place for each partition: a join with the orders would move rows.
        orders: list[object] = [None] * len(self._ground.places)
        states: list[object] = [None] * len(self._ground.places)
        for session, values in visits.items():
            orders[session], states[session] = values
        at = f"[buffer_id % {len(orders)} + 1]"
        rows = self._db.execute(
            f"SELECT buffer_id % {len(orders)} AS part, CASE WHEN ($1::text[]){at} IS NOT NULL"
            f" THEN madlib.automl_visit(($1::text[]){at}, ($2::bytea[]){at}) END AS answer"
            f" FROM {self._ground.table} WHERE {self._first_buffers()}",
            orders,
            states,
        )
        return {row["part"]: row["answer"] for row in rows if row["part"] in visits}

    def _first_buffers(self) -> str:
        return f"buffer_id IN ({', '.join(str(place.buffer) for place in self._ground.places)})"
