"""Runs, trials, metrics and checkpoints: what a search remembers while it goes, in tables that other sessions can read.

Rows are gathered and written together, some times a second, through a session that commits at once: a search that dies leaves
all but its last moments. The states of trials rest here too when they are too large to rest in memory.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from automl.database import Journal
from automl.errors import RunDeleted

_INTERVAL = 0.2  # seconds between two writings
_SHARE = 20  # and at least this many times as long as the last writing took, so that it stays below 5 % of the time

_TOGETHER = 4 * 2**20  # bytes of states that are written together
_MOST_ROWS = 100  # of one statement

Statement = tuple[str, tuple[object, ...]]
Row = tuple[object, ...]


@dataclass(frozen=True)
class _Rows:
    """A statement that writes many rows at once: on Greenplum each statement is a message to all segments.

    Attributes:
        text: its text, with {} where the rows stand.
        types: of their columns.
    """

    text: str
    types: tuple[str, ...]

    def of(self, rows: Sequence[Row]) -> list[Statement]:
        """Return the statements that write these rows."""
        parts = [rows[at : at + _MOST_ROWS] for at in range(0, len(rows), _MOST_ROWS)]
        return [(self.text.format(self._values(len(part))), tuple(chain(*part))) for part in parts]

    def _values(self, count: int) -> str:
        numbers = iter(range(1, count * len(self.types) + 1))
        return ", ".join(f"({', '.join(f'${next(numbers)}::{kind}' for kind in self.types)})" for _ in range(count))


_RUN = """INSERT INTO madlib.automl_runs
    (method, params, source_table, model_output_table, arguments, random_state, executor, sessions, threads, partitions,
        backend)
    VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::text, $8::integer, $9::integer, $10::integer,
        $11::integer)
    RETURNING run_id"""
_TRIAL = _Rows(
    "INSERT INTO madlib.automl_trials (run_id, mst_key, model_id, compile_params, fit_params, s, i) VALUES {}",
    ("bigint", "integer", "integer", "text", "text", "integer", "integer"),
)
_PROGRESS = _Rows(
    """UPDATE madlib.automl_trials t SET status = v.status, i = v.i, iteration = v.iteration, loss = v.loss,
    seconds = v.seconds, error = v.error FROM (VALUES {}) v (run_id, mst_key, status, i, iteration, loss, seconds, error)
    WHERE t.run_id = v.run_id AND t.mst_key = v.mst_key""",
    ("bigint", "integer", "text", "integer", "integer", "double precision", "double precision", "text"),
)
_METRIC = _Rows(
    """INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, elapsed, training_loss, training_metrics,
        validation_loss, validation_metrics) VALUES {}""",
    ("bigint", "integer", "integer", "double precision", *2 * ("double precision", "double precision[]")),
)
_CHECKPOINT_GONE = "DELETE FROM madlib.automl_checkpoints WHERE run_id = $1::bigint AND mst_key = ANY ($2::integer[])"
_CHECKPOINT = _Rows(
    "INSERT INTO madlib.automl_checkpoints (run_id, mst_key, iteration, visits, state) VALUES {}",
    ("bigint", "integer", "integer", "integer", "bytea"),
)
_STATE = "SELECT state FROM madlib.automl_checkpoints WHERE run_id = $1::bigint AND mst_key = $2::integer"
_END = """UPDATE madlib.automl_runs SET status = $2::text, finished = pg_catalog.clock_timestamp(), best_mst_key = $3::integer,
    best_loss = $4::double precision, error = $5::text, versions = $6::text WHERE run_id = $1::bigint"""
_BEST = """UPDATE madlib.automl_runs SET best_mst_key = $2::integer, best_loss = $3::double precision
    WHERE run_id = $1::bigint"""
_THERE = "SELECT run_id FROM madlib.automl_runs WHERE run_id = $1::bigint"
_LEFT = """UPDATE madlib.automl_trials SET status = 'stopped' WHERE run_id = $1::bigint AND status IN ('waiting', 'running')"""
_DONE = "DELETE FROM madlib.automl_checkpoints WHERE run_id = $1::bigint"


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics of a trial after an iteration.

    Attributes:
        iteration: on the search's own axis, from 1.
        elapsed: seconds since the search began to train.
        training, validation: (loss, metrics); None where there is no validation table.
    """

    iteration: int
    elapsed: float
    training: tuple[float, tuple[float, ...]]
    validation: tuple[float, tuple[float, ...]] | None

    @property
    def loss(self) -> float:
        """The loss that ranks: of the validation table where there is one."""
        return self.training[0] if self.validation is None else self.validation[0]


class Store:
    """The record of one run.

    Args:
        journal: the session that writes.
        memory: bytes of resting states that may stay in memory.
        durable: whether what is written outlives a crash, so that checkpoints are worth writing.
    """

    def __init__(self, journal: Journal, memory: int, durable: bool) -> None:
        self._journal = journal
        self._durable = durable
        self._memory = memory
        self._run = 0
        self._trials: list[Row] = []
        self._metrics: list[Row] = []
        self._best: list[Statement] = []
        self._progress: dict[int, Row] = {}
        self._states: OrderedDict[int, bytes] = OrderedDict()
        self._unsaved: dict[int, tuple[int, int]] = {}
        self._spilled: set[int] = set()
        self._next = 0.0

    @property
    def run(self) -> int:
        """The number of the run."""
        return self._run

    def begin(self, run: Mapping[str, Any]) -> int:
        """Open the record of a run and return its number; `run` holds the columns of automl_runs in their order."""
        self._run = int(self._journal.execute(_RUN, *run.values())[0]["run_id"])
        return self._run

    def trials(self, rows: Sequence[Row]) -> None:
        """Note new trials: (mst_key, model_id, compile_params, fit_params, s, i) each."""
        self._trials += [(self._run, *row) for row in rows]

    def progress(
        self, trial: int, status: str, i: int | None, iteration: int, loss: float | None, seconds: float, error: str | None
    ) -> None:
        """Note how far a trial is."""
        self._progress[trial] = (status, i, iteration, loss, seconds, error)

    def evaluated(self, trial: int, evaluation: Evaluation) -> None:
        """Note a trial's loss and metrics."""
        validation = evaluation.validation
        values = (
            evaluation.iteration,
            evaluation.elapsed,
            evaluation.training[0],
            list(evaluation.training[1]),
            None if validation is None else validation[0],
            None if validation is None else list(validation[1]),
        )
        self._metrics.append((self._run, trial, *values))

    def best(self, trial: int, loss: float) -> None:
        """Note the best trial so far."""
        self._best = [(_BEST, (self._run, trial, loss))]

    def put(self, trial: int, state: bytes, iteration: int, visits: int) -> None:
        """Let a trial's state rest here."""
        self._states[trial] = state
        self._states.move_to_end(trial)
        self._unsaved[trial] = iteration, visits
        if sum(map(len, self._states.values())) > self._memory:
            self._spill()

    def get(self, trial: int) -> bytes | None:
        """Return a trial's state; None if it has not begun."""
        if trial in self._states:
            return self._states[trial]
        if trial not in self._spilled:
            return None
        return bytes(self._journal.execute(_STATE, self._run, trial)[0]["state"])

    def flush(self, *, now: bool = False) -> None:
        """Write what has been gathered, if it is time to.

        Raises:
            RunDeleted: somebody deleted the run's row.
        """
        begin = time.monotonic()
        if not now and begin < self._next:
            return
        progress = [(self._run, trial, *row) for trial, row in self._progress.items()]
        statements = [*_TRIAL.of(self._trials), *_METRIC.of(self._metrics), *self._best, *_PROGRESS.of(progress)]
        if statements:
            self._require_run()
            self._journal.batch(statements)
        # Written is written, also where a checkpoint fails then: the end of the run must not write it again.
        self._trials, self._metrics, self._best, self._progress = [], [], [], {}
        if self._durable:
            self._save()
        end = time.monotonic()
        self._next = end + max(_INTERVAL, _SHARE * (end - begin))

    def end(self, status: str, best: tuple[int, float] | None, error: str | None, versions: str) -> None:
        """Close the record of the run; the checkpoints of one that came to its end are not needed any more."""
        if status == "finished":
            self._unsaved = {}
        self.flush(now=True)
        trial, loss = best or (None, None)
        statements: list[Statement] = [(_END, (self._run, status, trial, loss, error, versions))]
        statements.append((_DONE if status == "finished" else _LEFT, (self._run,)))
        self._journal.batch(statements)

    def _require_run(self) -> None:
        """Without foreign keys (Greenplum) rows of a run that is not there any more could be written."""
        if not self._journal.execute(_THERE, self._run):
            raise RunDeleted

    def _spill(self) -> None:
        """Drop the states from memory that have rested longest, written out first."""
        while len(self._states) > 1 and sum(map(len, self._states.values())) > self._memory:
            trial = next(iter(self._states))
            if trial in self._unsaved:
                self._write([self._checkpoint(trial)])
            del self._states[trial]
            self._spilled.add(trial)

    def _save(self) -> None:
        """Write the states that have not been written; some together, as far as that takes little memory."""
        rows: list[Row] = []
        size = 0
        for trial in list(self._unsaved):
            rows.append(self._checkpoint(trial))
            size += len(self._states[trial])
            if size > _TOGETHER:
                self._write(rows)
                rows, size = [], 0
        if rows:
            self._write(rows)

    def _checkpoint(self, trial: int) -> Row:
        """Return the row of a trial's state, and count it as written."""
        iteration, visits = self._unsaved.pop(trial)
        return self._run, trial, iteration, visits, self._states[trial]

    def _write(self, rows: Sequence[Row]) -> None:
        gone = (_CHECKPOINT_GONE, (self._run, [row[1] for row in rows]))
        self._journal.batch([gone, *_CHECKPOINT.of(rows)])
