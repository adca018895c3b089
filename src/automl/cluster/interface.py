"""What a run asks of the place where trials train: sessions that take an order and give an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from automl.cluster.orders import Order, Work
from automl.errors import OperatorError


@dataclass(frozen=True)
class Outcome:
    """What became of a piece of work.

    Attributes:
        session: which session it ran on.
        task: the task of the work.
        answer: as the kind of work has it; None where it did not come to that.
        lost: why not: the session died, or the statement failed as a whole.
        seconds: from the statement's start to its answer.
    """

    session: int
    task: Any
    answer: Any
    lost: str | None
    seconds: float


class Cluster(Protocol):
    """Sessions that work at the same time.

    A session is a number from 0. They are opened by the constructor of the implementation; which are ready comes to light in
    `idle`. One that is missing, or lost, is never idle until it was opened again.
    """

    kind: str

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        """For each session the partitions that it reaches, None for all."""

    @property
    def present(self) -> int:
        """How many sessions are there now: others may be lost, or still be missing."""

    def idle(self) -> list[int]:
        """Return the sessions that can take work now."""

    def begin(self, session: int, work: Work) -> None:
        """Start a piece of work on an idle session."""

    def wait(self) -> list[Outcome]:
        """Wait until something happened (work done, a session ready), looking for a cancellation all the while.

        Nothing may have happened after a second, or so: then nothing is returned, so that others can be heard.

        Raises:
            OperatorError: no session is left to work.
        """

    def versions(self) -> str:
        """Return what the first session that was ready said about itself, as JSON."""

    def close(self, *, well: bool = False) -> None:
        """End all sessions at once, whatever they are doing.

        Args:
            well: whether the call has ended well: sessions that could serve another one may stay.
        """


def ask(cluster: Cluster, order: Order, tries: int = 3) -> Any:
    """Have one session do something that all others wait for, and return the answer.

    Raises:
        OperatorError: it failed `tries` times.
    """
    why: str | None = None
    for _ in range(tries):
        while not cluster.idle():
            cluster.wait()
        cluster.begin(cluster.idle()[0], Work(None, order))
        while not (outcomes := cluster.wait()):
            pass
        why = outcomes[0].lost
        if why is None:
            return outcomes[0].answer
    raise OperatorError(f"a session failed {tries} times: {why}")
