"""What a run remembers while it goes, in tables that other sessions can read: its trials, their metrics and checkpoints.

Rows are gathered and written together, some times a second, through a session that commits at once: a search that dies leaves
all but its last moments. The states of trials rest here too when they are too large to rest in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import count

from automl.database.session import Database, Journal
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, RunDeleted
from automl.training.curves import Evaluation
from automl.training.history import History, remembered
from automl.training.rows import (
    Anchor,
    Best,
    Call,
    Checkpoint,
    End,
    MetricKey,
    MetricRow,
    NewTrial,
    Progress,
    RunRow,
    RunStatus,
    TrialRow,
    TrialStatus,
    Where,
)
from automl.training.statements import (
    CHECKPOINTS,
    METRICS,
    RUNS,
    TRIALS,
    Statement,
    assigned,
    names,
    parameters,
    read,
    values,
)
from automl.training.states import RestingStates
from keras_seg.protocol.parts import PART, Raw

_INTERVAL = 0.2  # seconds between two writings
_SHARE = 20  # and at least this many times as long as the last writing took, so that it stays below 5 % of the time

_OF_RUN = "WHERE run_id = $1::bigint"
_BEGIN = f"INSERT INTO {RUNS.name} ({names(Call, Where)}) VALUES ({parameters(Call, Where)}) RETURNING run_id"
_RESUME = f"""UPDATE {RUNS.name} SET status = '{RunStatus.RUNNING}', finished = NULL, error = NULL, {assigned(Where)}
    {_OF_RUN} AND status <> '{RunStatus.FINISHED}' RETURNING run_id"""
_BEST = f"UPDATE {RUNS.name} SET {assigned(Best)} {_OF_RUN}"
_END = f"UPDATE {RUNS.name} SET finished = pg_catalog.clock_timestamp(), {assigned(End)} {_OF_RUN}"
_THERE = f"SELECT run_id FROM {RUNS.name} {_OF_RUN}"
_WAIT = f"""UPDATE {TRIALS.name} SET status = '{TrialStatus.WAITING}'
    {_OF_RUN} AND status IN ('{TrialStatus.RUNNING}', '{TrialStatus.STOPPED}')"""
_STOP = f"""UPDATE {TRIALS.name} SET status = '{TrialStatus.STOPPED}'
    {_OF_RUN} AND status IN ('{TrialStatus.WAITING}', '{TrialStatus.RUNNING}')"""
_ANCHORS = f"{CHECKPOINTS.select(Anchor)} AND part = 0"
_STATE = f"SELECT state FROM {CHECKPOINTS.name} {_OF_RUN} AND mst_key = $2::integer AND part = $3::integer"
_REPLACED = f"DELETE FROM {CHECKPOINTS.name} {_OF_RUN} AND mst_key = ANY ($2::integer[])"
_DONE = f"DELETE FROM {CHECKPOINTS.name} {_OF_RUN}"


def run_of(db: Database, run: int) -> RunRow | None:
    """Return the record of a run of the caller's; None if there is no such run."""
    return next(iter(read(RunRow, db.execute(RUNS.select(RunRow), run))), None)


class RunRecord:
    """The record of one run.

    Args:
        journal: the session that writes.
        memory: bytes of resting states that may stay in memory.
        durable: whether what is written outlives a crash, so that checkpoints are worth writing.
        has_foreign_keys: whether the server keeps rows of runs that are not there out; otherwise it is asked for each time.
    """

    def __init__(self, journal: Journal, memory: int, *, durable: bool, has_foreign_keys: bool) -> None:
        self._journal = journal
        self._durable = durable
        self._has_foreign_keys = has_foreign_keys
        self._run = 0
        self._open = False
        self._trials: list[NewTrial] = []
        self._metrics: list[MetricRow] = []
        self._best: list[Statement] = []
        self._progress: dict[int, Progress] = {}
        self._states = RestingStates(memory, self._write_checkpoints, self._read_state)
        self._next = 0.0

    @property
    def run(self) -> int:
        """The number of the run."""
        return self._run

    @property
    def durable(self) -> bool:
        """Whether it is there when the run has failed, so that it can go on."""
        return self._durable

    def begin(self, call: Call, where: Where) -> int:
        """Open the record of a run and return its number."""
        self._run = int(self._journal.execute(_BEGIN, *values(call, where))[0]["run_id"])
        self._open = True
        return self._run

    def recall(self, run: int, partitions: int) -> History:
        """Return what is known of a run that was interrupted, which goes on here; nothing is written yet.

        Its states stay in their table until they are asked for: together they may be larger than the memory.

        Args:
            partitions: of the training table.
        """
        self._run = run
        trials = read(TrialRow, self._journal.execute(TRIALS.select(TrialRow), run))
        metrics = read(MetricRow, self._journal.execute(METRICS.select(MetricRow), run))
        anchors = read(Anchor, self._journal.execute(_ANCHORS, run))
        self._states.recall(anchor.mst_key for anchor in anchors)
        return remembered(partitions, trials, metrics, anchors)

    def resume(self, where: Where, history: History) -> None:
        """Let the record of the recalled run go on."""
        if not self._journal.execute(_RESUME, self._run, *values(where)):
            raise AutomlError(
                f"run {self._run} has finished, or was deleted, while it was to be resumed",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
        self._open = True
        stale = [MetricKey(trial, iteration) for trial, iteration in history.stale]
        self._journal.batch([(_WAIT, (self._run,)), *METRICS.delete(self._run, stale)])

    def trials(self, rows: Sequence[NewTrial]) -> None:
        """Note new trials."""
        self._trials += rows

    def progress(self, progress: Progress) -> None:
        """Note how far a trial is."""
        self._progress[progress.mst_key] = progress

    def evaluated(self, trial: int, evaluation: Evaluation) -> None:
        """Note a trial's loss and metrics."""
        self._metrics.append(MetricRow.of(trial, evaluation))

    def best(self, best: Best) -> None:
        """Note the best trial so far."""
        self._best = [(_BEST, (self._run, *values(best)))]

    def put(self, checkpoint: Checkpoint) -> None:
        """Let a trial's state rest here."""
        self._states.put(checkpoint)

    def state_of(self, trial: int) -> Raw | None:
        """Return a trial's state; None if it has not begun."""
        return self._states.get(trial)

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
            self._states.save()
        end = time.monotonic()
        self._next = end + max(_INTERVAL, _SHARE * (end - begin))

    def settle(self, trial: int) -> None:
        """Write a trial's state before it is noted that the trial failed: one that failed has its last state in the record."""
        if self._durable:
            self._states.save_one(trial)

    def end(self, end: End) -> None:
        """Close the record of the run, if it is open; the checkpoints of one that came to its end are not needed any more."""
        if not self._open:
            return
        finished = end.status == RunStatus.FINISHED
        if finished:
            self._states.forget_unsaved()
        self.flush(now=True)
        self._journal.batch([(_END, (self._run, *values(end))), (_DONE if finished else _STOP, (self._run,))])

    def _write_rows(self) -> None:
        new = [*TRIALS.insert(self._run, self._trials), *METRICS.insert(self._run, self._metrics)]
        statements = [*new, *self._best, *TRIALS.update(self._run, list(self._progress.values()))]
        if statements:
            self._require_run()
            self._journal.batch(statements)
        # Written is written, also where a checkpoint fails then: the end of the run must not write it again.
        self._trials, self._metrics, self._best, self._progress = [], [], [], {}

    def _require_run(self) -> None:
        """Without foreign keys rows of a run that is not there any more could be written."""
        if not self._has_foreign_keys and not self._journal.execute(_THERE, self._run):
            raise RunDeleted

    def _write_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._write_rows()  # a run that is resumed makes no evaluation again that lies before a checkpoint
        replaced = _REPLACED, (self._run, [checkpoint.mst_key for checkpoint in checkpoints])
        rows = [part for checkpoint in checkpoints for part in checkpoint.parts()]
        together = [row for row in rows if len(row.state) < PART]
        large = [statement for row in rows if len(row.state) == PART for statement in CHECKPOINTS.insert(self._run, [row])]
        self._journal.batch([replaced, *CHECKPOINTS.insert(self._run, together), *large])

    def _read_state(self, trial: int) -> Raw:
        state = bytearray()
        for part in self._parts_of(trial):
            state += part
        if not state:
            raise RunDeleted
        return state

    def _parts_of(self, trial: int) -> Iterator[Raw]:
        """Read a state part by part: read as a whole, a large one would be in memory several times."""
        for part in count():
            rows = self._journal.execute(_STATE, self._run, trial, part)
            yield rows[0]["state"] if rows else b""
            if not rows or len(rows[0]["state"]) != PART:  # it was the last; 0.1.0 wrote one, of any size
                return
