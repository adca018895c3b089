"""What a run asks of the place where trials train: sessions that take an order and give an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from automl.errors import OperatorError

VISIT = "SELECT madlib.automl_visit($1::text, $2::bytea) AS answer"
PUT = "SELECT madlib.automl_put($1::bytea, $2::boolean) AS answer"
TAKE = "SELECT madlib.automl_take() AS answer"
OPEN = "SELECT madlib.automl_open($1::text) AS answer"
DEFINE = "SELECT madlib.automl_define($1::text, $2::text, $3::bytea) AS answer"
CHECK = "SELECT madlib.automl_check($1::text) AS answer"
PREDICT = "SELECT madlib.automl_predict($1::text, $2::bytea, $3::integer) AS answer"
CLOSE = "SELECT madlib.automl_close() AS answer"
KEEP = "SELECT madlib.automl_keep($1::bytea)"
KEPT = "madlib.automl_kept()"
CALLS = frozenset((VISIT, PUT, TAKE, OPEN, DEFINE, CHECK, PREDICT, CLOSE))


@dataclass(frozen=True)
class Definition:
    """An architecture that orders name by its key, with its initial weights if the architecture table has some."""

    key: str
    architecture: str
    weights: bytes | None = None


@dataclass(frozen=True)
class Setup:
    """What every session of a run is told before its first order.

    Attributes:
        datasets: name -> the query of one partition, which takes the partition as $1.
        definitions: the architectures.
        fingerprints: statements whose results must be the same in a session as in the caller's own.
        threads: threads of TensorFlow in each session; sums change their rounding with it.
        caching: whether a session keeps decoded partitions in memory.
        gpus: the GPU of each session; none of them sees one where there are none.
        functions: the table of custom functions in the extension's schema; each session looks itself whether it trusts it.
    """

    datasets: dict[str, str] = field(default_factory=dict)
    definitions: tuple[Definition, ...] = ()
    fingerprints: tuple[str, ...] = ()
    threads: int = 1
    caching: bool = False
    gpus: tuple[str, ...] = ()
    functions: str | None = None

    def as_json(self, session: int = 0) -> str:
        """Return what the session of this number is told."""
        datasets = {name: {"query": query} for name, query in self.datasets.items()}
        told = {
            "datasets": datasets,
            "threads": self.threads,
            "caching": self.caching,
            "gpus": self.gpus[session : session + 1],
            "functions": self.functions,
        }
        return json.dumps(told)


@dataclass(frozen=True)
class Work:
    """One statement for a session.

    Attributes:
        task: what the caller knows it by; comes back with the outcome.
        sql: the statement, one of those above.
        values: its parameters.
    """

    task: Any
    sql: str
    values: tuple[object, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a piece of work.

    Attributes:
        session: which session it ran on.
        task: the task of the work.
        answer: what the statement returned: text or bytes, of a visit (report, state), whose state is empty where it only
            evaluated; None where it did not come to that.
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

    A session is a number from 0. All are opened by the constructor of the implementation; which are ready comes to light in
    `idle`.
    """

    kind: str

    @property
    def reaches(self) -> Sequence[frozenset[int] | None]:
        """For each session the partitions that it reaches, None for all."""

    def idle(self) -> list[int]:
        """Return the sessions that can take work now."""

    def begin(self, session: int, work: Work) -> None:
        """Start a piece of work on an idle session."""

    def wait(self) -> list[Outcome]:
        """Wait until something happened (work done, a session ready), looking for a cancellation all the while.

        Raises:
            OperatorError: no session is left to work.
        """

    def versions(self) -> dict[str, Any]:
        """Return what the first session that was ready said about itself."""

    def close(self) -> None:
        """End all sessions at once, whatever they are doing."""


def ask(cluster: Cluster, work: Work, tries: int = 3) -> Any:
    """Have one session do something that all others wait for, and return the answer.

    Raises:
        OperatorError: it failed `tries` times.
    """
    why: str | None = None
    for _ in range(tries):
        while not cluster.idle():
            cluster.wait()
        cluster.begin(cluster.idle()[0], work)
        while not (outcomes := cluster.wait()):
            pass
        why = outcomes[0].lost
        if why is None:
            return outcomes[0].answer
    raise OperatorError(f"a session failed {tries} times: {why}")
