"""Greenplum: a session for each partition, whose statements run on the segment where that partition lies.

A statement on a packed table whose WHERE fixes `__dist_key__` goes to one segment alone, and a connection has one process
there that lasts: what it keeps in GD is there at the next statement. So the calls of a session are made from the row of one
buffer, `SELECT madlib.automl_visit(...) FROM packed WHERE __dist_key__ = 5 AND buffer_id = 2`, and run where its rows lie.

A process on a segment cannot read tables. Its rows come with a statement of their own, `automl_feed`, before the visit: once if
the search caches, else each time. States go in and out with the visit, through the coordinator.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.cluster.connection import Address, Complaint
from automl.cluster.driver import pq
from automl.cluster.interface import Outcome
from automl.cluster.keeping import Conditions, Keeper
from automl.cluster.orders import Setup, VisitWork, Work
from automl.cluster.prepared import Execution
from automl.cluster.session import Session, Step, saying
from automl.cluster.sessions import Sessions
from automl.cluster.statements import (
    CLOSE,
    OPEN,
    VISIT,
    Call,
    Exchange,
    Function,
    Statement,
    defining,
    exchange,
    run_to_end,
    selected,
    spelled,
)
from automl.cluster.terms import Terms
from automl.data.packed_queries import feed_statement
from automl.data.packed_table import PackedTable
from automl.data.placement import Place, placement
from automl.database.session import Database
from automl.errors import RowGone
from keras_seg.protocol.orders import TRAINING, TrainingStop, VisitOrder

_PROCESS_GONE = ("57P", "58")  # classes of SQLSTATE: an operator's intervention, a system error


@dataclass(frozen=True)
class SegmentMap:
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

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        """For the session of each partition the partitions that it reaches."""
        return [frozenset({place.partition}) for place in self.places]

    def at(self, partition: int) -> str:
        """The end of a statement that makes it run once, where a partition lies."""
        place = self.places[partition]
        return f" FROM {self.table} WHERE __dist_key__ = {place.key} AND buffer_id = {place.buffer}"

    @property
    def everywhere(self) -> str:
        """The end of a statement that makes it run once where each partition lies."""
        return f" FROM {self.table} WHERE buffer_id IN ({', '.join(str(place.buffer) for place in self.places)})"

    @property
    def own(self) -> str:
        """The element of an array with one for each partition that is a partition's own, where a statement runs everywhere."""
        return f"[buffer_id % {len(self.places)} + 1]"

    def locks(self, partition: int) -> list[Statement]:
        """Return the statements that lock the tables, on the coordinator and where the partition lies, and read nothing."""
        there = {name: feeds[partition] for name, feeds in self.feeds.items() if partition < len(feeds)}
        return [Statement(f"SELECT 1 FROM ({feed}) q LIMIT 0", (name, partition)) for name, feed in there.items()]

    def feeding(self, partition: int, order: VisitOrder, there: set[str]) -> list[Statement]:
        """Return the statements that bring what a visit reads, but for the datasets that are there."""
        read = dict.fromkeys(TRAINING if isinstance(stop, TrainingStop) else stop.dataset for stop in order.stops)
        missing = [name for name in read if name not in there]
        if self.caching:
            there.update(missing)
        return [Statement(self.feeds[name][partition], (name, partition), "automl_feed") for name in missing]


def segment_map(db: Database, tables: Mapping[str, PackedTable], caching: bool) -> SegmentMap:
    """Look where the packed tables of a search lie.

    Args:
        tables: dataset -> its table.

    Raises:
        UsageError: a table does not lie as the preprocessors lay it, or not on the segments of the training table.
    """
    places = {name: placement(db, table, tables[TRAINING]) for name, table in tables.items()}
    feeds = {name: tuple(feed_statement(tables[name], place.key) for place in found) for name, found in places.items()}
    return SegmentMap(tables[TRAINING].relation.sql, places[TRAINING], feeds, caching)


class SegmentSessions(Sessions):
    """One session for each partition of the training table; see the module. Arguments as those of Sessions."""

    kind = "segments"
    _patience = 60.0  # a segment may be recovering

    def __init__(
        self,
        address: Address,
        setup: Setup,
        where: SegmentMap,
        expected: Sequence[str],
        terms: Terms,
    ) -> None:
        self._where = where
        self._there: dict[int, set[str]] = {}
        self._executions: dict[int, Execution] = {}
        super().__init__(address, setup, len(where.places), expected, terms)

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return self._where.reaches

    def _first_steps(self, session: Session) -> list[Step]:
        self._there[session.number] = set()
        self._executions[session.number] = Execution(pq.Escaping(session.pgconn).escape_literal)
        return super()._first_steps(session)

    def _locks(self, session: Session) -> list[Exchange[Statement]]:
        return [self._prepared(session, lock) for lock in self._where.locks(session.number)]

    def _steps(self, session: Session, work: Work) -> list[Step]:
        """Return the statements that bring what a visit reads, and the visit: where one of them is lost the visit is."""
        feeds: list[Statement] = []
        if isinstance(work.order, VisitWork):
            feeds = self._where.feeding(session.number, work.order.order, self._there[session.number])
        return [*(Step(self._prepared(session, feed)) for feed in feeds), *super()._steps(session, work)]

    def _prepared(self, session: Session, statement: Statement) -> Exchange[Statement]:
        return self._executions[session.number].of(saying(statement))

    def _spelled(self, session: Session, calls: Exchange[Call]) -> Exchange[Statement]:
        at = self._at(session.number)
        return self._executions[session.number].of(spelled(calls, lambda call: selected(call, at)))

    def _at(self, number: int) -> str:
        return self._where.at(number)

    def _conditions(self, keeper: Keeper, number: int) -> Conditions:
        # Whatever the table, rows of one key lie on one segment, where the session has its process.
        return replace(super()._conditions(keeper, number), place=str(self._where.places[number].key))

    def _all_needed(self) -> bool:
        return True

    @property
    def _is_short(self) -> bool:
        return self.present < len(self._where.places)

    def _failed(self, session: Session, complaint: Complaint) -> list[Outcome]:
        if not session.working and not complaint.sqlstate.startswith(_PROCESS_GONE):
            return super()._failed(session, complaint)
        # After an error on a segment its process may answer the next call with KeyboardInterrupt: it is not used again.
        return self._died(session, complaint.message)


class CallerSegments:
    """The segments, from the caller's own session: one statement makes the next visit of every partition at the same time.

    Args:
        db: the caller's session.
        setup: what each segment is told before its first order.
        where: where the rows lie.
    """

    kind = "caller"

    def __init__(self, db: Database, setup: Setup, where: SegmentMap) -> None:
        self._db = db
        self._where = where
        self._begun: dict[int, Work] = {}
        self._there: dict[int, set[str]] = {}
        self._versions = self._open(setup)
        for definition in setup.definitions:
            run_to_end(defining(definition), lambda call: self._everywhere(call.function, call.values))

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return self._where.reaches

    @property
    def present(self) -> int:
        return len(self._where.places)

    def idle(self) -> list[int]:
        return [place.partition for place in self._where.places if place.partition not in self._begun]

    def begin(self, session: int, work: Work) -> None:
        self._begun[session] = work

    def wait(self) -> list[Outcome]:
        self._db.interrupt()
        begun, self._begun = self._begun, {}
        begin = time.monotonic()
        answers = self._done_together(begun)
        seconds = time.monotonic() - begin
        return [Outcome(session, work.task, answers[session], None, seconds) for session, work in begun.items()]

    def versions(self) -> str:
        return self._versions

    def close(self, *, well: bool = False) -> None:
        self._everywhere(CLOSE, ())

    def _open(self, setup: Setup) -> str:
        """Tell each segment its own setup: hosts have GPUs of their own. Return what the first says about itself."""
        told = [setup.of_session(place.partition).to_json() for place in self._where.places]
        return str(self._everywhere(OPEN, (told,), f"($1::text[]){self._where.own}")[0])

    def _everywhere(self, function: Function, values: Sequence[object], *arguments: str) -> list[Any]:
        """Have a function called where each partition lies, and return the answers."""
        rows = self._db.execute(function.select(*arguments) + self._where.everywhere, *values)
        return [row["answer"] for row in rows]

    def _done_together(self, begun: Mapping[int, Work]) -> dict[int, Any]:
        """Have all work done, its exchanges side by side."""
        for session, work in begun.items():
            if isinstance(work.order, VisitWork):
                for feed in self._where.feeding(session, work.order.order, self._there.setdefault(session, set())):
                    self._db.execute(feed.sql, *feed.values)
        exchanges = {session: exchange(work.order) for session, work in begun.items()}
        pending = {session: next(calls) for session, calls in exchanges.items()}
        answers: dict[int, Any] = {}
        while pending:
            for session, answer in self._answers(pending).items():
                try:
                    pending[session] = exchanges[session].send(answer)
                except StopIteration as end:
                    answers[session] = end.value
                    del pending[session]
        return answers

    def _answers(self, pending: Mapping[int, Call]) -> dict[int, Any]:
        """Have calls done: those that bring and take parts of large states one by one, the visits together when nothing else
        is pending."""
        others = {session: call for session, call in pending.items() if call.function is not VISIT}
        if not others:
            return self._visit_together({session: call.values for session, call in pending.items()})
        return {session: self._alone(session, call) for session, call in others.items()}

    def _alone(self, session: int, call: Call) -> Any:
        statement = selected(call, self._where.at(session))
        rows = self._db.execute(statement.sql, *statement.values)
        if not rows:
            raise RowGone
        return rows[0]["answer"]

    def _visit_together(self, visits: Mapping[int, tuple[object, ...]]) -> dict[int, Any]:
        # Arrays with a place for each partition: a join with the orders would move rows.
        orders: list[object] = [None] * len(self._where.places)
        states: list[object] = [None] * len(self._where.places)
        for session, values in visits.items():
            orders[session], states[session] = values
        order, state = f"($1::text[]){self._where.own}", f"($2::bytea[]){self._where.own}"
        rows = self._db.execute(
            f"SELECT buffer_id % {len(orders)} AS part, CASE WHEN {order} IS NOT NULL THEN {VISIT.sql(order, state)} END"
            f" AS answer{self._where.everywhere}",
            orders,
            states,
        )
        answers = {row["part"]: row["answer"] for row in rows if row["part"] in visits}
        if len(answers) < len(visits):
            raise RowGone
        return answers
