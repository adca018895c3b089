"""Trials that train in the caller's own session, one statement after the other.

Where no connection back is possible this is the only session there is. It runs the same statements as the others, in the
caller's transaction, and gives the same bits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from automl.cluster.interface import CLOSE, DEFINE, OPEN, Outcome, Setup, Work
from automl.cluster.statements import conversation, held
from automl.database.session import Database


class CallerSession:
    """The cluster of one session that is the caller's own."""

    kind = "caller"

    def __init__(self, db: Database, setup: Setup) -> None:
        self._db = db
        self._done: list[Outcome] = []
        self._versions: dict[str, Any] = json.loads(self._answer(OPEN, setup.as_json()))
        for definition in setup.definitions:
            self._answer(DEFINE, definition.key, definition.architecture, definition.weights)

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        return (None,)

    def idle(self) -> list[int]:
        return [] if self._done else [0]

    def begin(self, session: int, work: Work) -> None:
        begin = time.monotonic()
        answer = held(conversation(work), lambda statement: self._answer(statement.sql, *statement.values))
        self._done.append(Outcome(session, work.task, answer, None, time.monotonic() - begin))

    def wait(self) -> list[Outcome]:
        self._db.interrupt()
        done, self._done = self._done, []
        return done

    def versions(self) -> dict[str, Any]:
        return self._versions

    def close(self) -> None:
        self._answer(CLOSE)

    def _answer(self, sql: str, *values: object) -> Any:
        return self._db.execute(sql, *values)[0]["answer"]
