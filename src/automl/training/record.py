"""Runs, trials, metrics and checkpoints: what a search remembers while it goes, in tables that other sessions can read.

Rows are gathered and written together, some times a second, through a session that commits at once: a search that dies leaves
all but its last moments. The states of trials rest here too when they are too large to rest in memory.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from automl.database.session import Journal
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, RunDeleted
from automl.search.scheduler import Place
from automl.training.history import Evaluation, Past, remembered

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
    (method, params, source_table, model_output_table, arguments, inputs, random_state, executor, sessions, threads,
        partitions, backend)
    VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bigint, $8::text, $9::integer, $10::integer,
        $11::integer, $12::integer)
    RETURNING run_id"""
_RESUME = """UPDATE madlib.automl_runs SET status = 'running', finished = NULL, error = NULL, executor = $2::text,
    sessions = $3::integer, backend = $4::integer WHERE run_id = $1::bigint AND status <> 'finished' RETURNING run_id"""
_TRIALS = """SELECT mst_key, model_id, compile_params, fit_params, status, seconds, error FROM madlib.automl_trials
    WHERE run_id = $1::bigint"""
_METRICS = """SELECT mst_key, iteration, elapsed, training_loss, training_metrics, validation_loss, validation_metrics
    FROM madlib.automl_metrics WHERE run_id = $1::bigint"""
_CHECKPOINTS = "SELECT mst_key, iteration, visits FROM madlib.automl_checkpoints WHERE run_id = $1::bigint"
_WAITING = "UPDATE madlib.automl_trials SET status = 'waiting' WHERE run_id = $1::bigint AND status IN ('running', 'stopped')"
_TRIAL = _Rows(
    "INSERT INTO madlib.automl_trials (run_id, mst_key, model_id, compile_params, fit_params, place) VALUES {}",
    ("bigint", "integer", "integer", "text", "text", "json"),
)
_PROGRESS = _Rows(
    """UPDATE madlib.automl_trials t SET status = v.status, place = v.place, iteration = v.iteration, loss = v.loss,
    seconds = v.seconds, error = v.error FROM (VALUES {}) v (run_id, mst_key, status, place, iteration, loss, seconds, error)
    WHERE t.run_id = v.run_id AND t.mst_key = v.mst_key""",
    ("bigint", "integer", "text", "json", "integer", "double precision", "double precision", "text"),
)
_METRIC = _Rows(
    """INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, elapsed, training_loss, training_metrics,
        validation_loss, validation_metrics) VALUES {}""",
    ("bigint", "integer", "integer", "double precision", *2 * ("double precision", "double precision[]")),
)
_METRIC_GONE = _Rows(
    """DELETE FROM madlib.automl_metrics m USING (VALUES {}) v (run_id, mst_key, iteration)
    WHERE m.run_id = v.run_id AND m.mst_key = v.mst_key AND m.iteration = v.iteration""",
    ("bigint", "integer", "integer"),
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
        self._open = False
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
        self._open = True
        return self._run

    def recall(self, run: int, partitions: int) -> Past:
        """Return what is known of a run that was interrupted, which goes on here; nothing is written yet.

        Its states stay in their table until they are asked for: together they may be larger than the memory.

        Args:
            partitions: of the training table.
        """
        self._run = run
        trials, metrics, checkpoints = (self._journal.execute(asked, run) for asked in (_TRIALS, _METRICS, _CHECKPOINTS))
        self._spilled = {row["mst_key"] for row in checkpoints}
        return remembered(partitions, trials, metrics, checkpoints)

    def resume(self, run: Mapping[str, Any], past: Past) -> None:
        """Let the record of the recalled run go on; `run` holds at least the executor, the sessions and the backend of now."""
        if not self._journal.execute(_RESUME, self._run, run["executor"], run["sessions"], run["backend"]):
            raise AutomlError(
                f"run {self._run} has finished, or was deleted, while it was to be resumed",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
        self._open = True
        gone = [(self._run, *which) for which in past.stale]
        self._journal.batch([(_WAITING, (self._run,)), *_METRIC_GONE.of(gone)])

    def trials(self, rows: Sequence[tuple[int, int, str, str, Place]]) -> None:
        """Note new trials: (mst_key, model_id, compile_params, fit_params, place) each."""
        self._trials += [(self._run, *row, json.dumps(dict(place))) for *row, place in rows]

    def progress(
        self, trial: int, status: str, place: Place, iteration: int, loss: float | None, seconds: float, error: str | None
    ) -> None:
        """Note how far a trial is."""
        self._progress[trial] = (status, json.dumps(dict(place)), iteration, loss, seconds, error)

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

    def put(self, trial: int, state: bytes, iteration: int, hops: int) -> None:
        """Let a trial's state rest here, which training in an iteration led to, by so many hops."""
        self._states[trial] = state
        self._states.move_to_end(trial)
        self._unsaved[trial] = iteration, hops
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
        self._write_rows()
        if self._durable:
            self._save()
        end = time.monotonic()
        self._next = end + max(_INTERVAL, _SHARE * (end - begin))

    def settle(self, trial: int) -> None:
        """Write a trial's state before it is noted that the trial failed: one that failed has its last state in the record."""
        if self._durable and trial in self._unsaved:
            self._write([self._checkpoint(trial)])

    def end(self, status: str, best: tuple[int, float] | None, error: str | None, versions: str) -> None:
        """Close the record of the run, if it is open; the checkpoints of one that came to its end are not needed any more."""
        if not self._open:
            return
        if status == "finished":
            self._unsaved = {}
        self.flush(now=True)
        trial, loss = best or (None, None)
        statements: list[Statement] = [(_END, (self._run, status, trial, loss, error, versions))]
        statements.append((_DONE if status == "finished" else _LEFT, (self._run,)))
        self._journal.batch(statements)

    def _write_rows(self) -> None:
        progress = [(self._run, trial, *row) for trial, row in self._progress.items()]
        statements = [*_TRIAL.of(self._trials), *_METRIC.of(self._metrics), *self._best, *_PROGRESS.of(progress)]
        if statements:
            self._require_run()
            self._journal.batch(statements)
        # Written is written, also where a checkpoint fails then: the end of the run must not write it again.
        self._trials, self._metrics, self._best, self._progress = [], [], [], {}

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
        iteration, hops = self._unsaved.pop(trial)
        return self._run, trial, iteration, hops, self._states[trial]

    def _write(self, rows: Sequence[Row]) -> None:
        self._write_rows()  # a run that is resumed makes no evaluation anew that lies before a checkpoint
        gone = (_CHECKPOINT_GONE, (self._run, [row[1] for row in rows]))
        self._journal.batch([gone, *_CHECKPOINT.of(rows)])
