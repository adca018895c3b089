"""How many sessions may work at the same time where statements of the caller stand in a queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from automl.cluster.connection import Unreachable
from automl.cluster.opening import SessionNeeds, _Opening
from automl.cluster.orders import Setup
from automl.cluster.resources import Resources
from automl.database.dialect import Queue

NEEDS = SessionNeeds({}, (), Resources(sessions=3, threads=1, memory=1, cache=1, total=9))


@dataclass
class Caller:
    """A session whose statements stand in a queue of so many, or in none."""

    statements: int | None
    said: list[str] = field(default_factory=list)

    @property
    def dialect(self) -> Caller:
        return self

    def queue(self, db: Caller) -> Queue | None:
        return None if self.statements is None else Queue("few", self.statements)

    def notice(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize(
    ("statements", "at_once", "said"),
    [
        (None, None, None),
        (20, 18, None),
        (5, 3, None),
        (4, 2, "2 of 3 sessions work at a time"),
        (3, 1, "1 of 3 sessions works at a time"),
        (2, 1, "1 of 3 sessions works at a time"),
    ],
)
def test_a_queue_leaves_room_for_the_statement_itself_and_for_the_record(
    statements: int | None, at_once: int | None, said: str | None
) -> None:
    caller: Any = Caller(statements)
    assert _Opening(caller, Setup(), NEEDS, 3, None, "the search", ())._at_once() == at_once
    rest = f': resource queue "few" lets {statements} statements be active, with this one and those of the record'
    assert caller.said == ([] if said is None else [said + rest])


def test_a_queue_of_one_has_room_for_the_statement_alone() -> None:
    caller: Any = Caller(1)
    with pytest.raises(Unreachable, match='resource queue "few" lets one statement be active, which is this one'):
        _Opening(caller, Setup(), NEEDS, 3, None, "the search", ())._at_once()
