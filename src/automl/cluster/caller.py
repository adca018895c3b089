"""Trials that train in the caller's own session, one statement after the other.

Where no connection back is possible this is the only session there is. It runs the same statements as the others, in the
caller's transaction, and gives the same bits. What it has compiled stays for the next call, as in sessions that are kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from automl.cluster.interface import Outcome
from automl.cluster.keeping import keeps_here
from automl.cluster.orders import Setup, Work
from automl.cluster.statements import CLOSE, REST, Call, defining, exchange, opening, run_to_end, selected
from automl.database.session import Database
from automl.hosts.machine import spare_memory


class CallerSession:
    """The cluster of one session that is the caller's own."""

    kind = "caller"

    def __init__(self, db: Database, setup: Setup) -> None:
        self._db = db
        self._done: list[Outcome] = []
        self._keeps = keeps_here(db)
        self._versions: str = run_to_end(opening(setup.of_session(0)), self._answer)
        for definition in setup.definitions:
            run_to_end(defining(definition), self._answer)

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return (None,)

    @property
    def present(self) -> int:
        return 1

    def idle(self) -> list[int]:
        return [] if self._done else [0]

    def begin(self, session: int, work: Work) -> None:
        begin = time.monotonic()
        answer = run_to_end(exchange(work.order), self._answer)
        self._done.append(Outcome(session, work.task, answer, None, time.monotonic() - begin))

    def wait(self) -> list[Outcome]:
        self._db.interrupt()
        done, self._done = self._done, []
        return done

    def versions(self) -> str:
        return self._versions

    def close(self, *, well: bool = False) -> None:
        self._answer(Call(REST if well and self._keeps and spare_memory() else CLOSE))

    def _answer(self, call: Call) -> Any:
        statement = selected(call)
        return self._db.execute(statement.sql, *statement.values)[0]["answer"]
