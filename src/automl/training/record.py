"""What a run remembers while it goes, in tables that other sessions can read: its trials, their metrics and checkpoints.

Rows are gathered and written together, some times a second, through a session that commits at once and that nobody waits for:
a search that dies leaves all but its last moments. The states of trials rest here too when they are too large for the memory.

Rows are added and never changed, so that no lock on a row can stop a run. That a run has finished is written in the caller's
own transaction, with the tables that it has made: both are there, or neither is, and then it can go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import count
from typing import Any

from automl.database.session import CallerDatabase, Database, Journal, Statement
from automl.database.settings import settings
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, AutomlError, RunDeleted
from automl.training.curves import Evaluation
from automl.training.history import History, remembered
from automl.training.rows import (
    Anchor,
    Best,
    Call,
    Checkpoint,
    End,
    MetricRow,
    NewTrial,
    Progress,
    ProgressRow,
    RunRow,
    RunStatus,
    Standing,
    State,
    TrialRow,
    TrialStatus,
    Where,
)
from automl.training.statements import CALLS, CONFIGURATIONS, METRICS, PROGRESS, RUNS, STATES, TRIALS, VERSIONS, read
from automl.training.states import Allowance, RestingStates, pause_after, pays_to_tidy
from keras_seg.protocol.parts import PART, Raw
from keras_seg.server.interrupts import is_cancellation

_TRIES = 2**32  # rows that a run can have from one resume to the next
_LAST_WORDS, _LAST_NEWS = 0.6, 0.1  # seconds, where the caller waits for nothing else
_PATIENCE = 10.0  # seconds without getting on, where a run has failed that can go on
_FULL = 60.0  # the same, where there is no memory left for states
_ROW = 200  # bytes of a row, about

_OF_RUN = "WHERE run_id = $1::bigint"
_NUMBER = "SELECT pg_catalog.nextval('madlib.automl_run_log_run_id_seq') AS run_id"
_STATUS = f"SELECT status FROM {RUNS.name} {_OF_RUN}"
_LAST = f"{STATES.select(State)} ORDER BY n DESC LIMIT 1"
_THERE = f"SELECT 1 / pg_catalog.count(*) AS there FROM {CALLS.name} {_OF_RUN}"  # an error ends the transaction where it is not
_ANCHORS = f"{VERSIONS.select(Anchor)} AND part = 0"
_STATE = (
    f"SELECT state FROM {VERSIONS.name} {_OF_RUN} AND mst_key = $2::integer AND visits = $3::integer AND part = $4::integer"
)
_NEWS = "SELECT pg_catalog.pg_notify('automl', $1::text) AS news"
_DONE = f"DELETE FROM {VERSIONS.name} {_OF_RUN}"
_TIDY: Statement = ("SELECT madlib.automl_tidy() AS tidied", ())


def run_of(db: Database, run: int) -> RunRow | None:
    """Return the record of a run of the caller's; None if there is no such run."""
    return next(iter(read(RunRow, db.execute(RUNS.select(RunRow), run))), None)


def last_state(db: Database | Journal, run: int) -> State | None:
    """Return what was said of a run last; None where nothing is left of it."""
    return next(iter(read(State, db.execute(_LAST, run))), None)


class RunRecord:
    """The record of one run.

    Args:
        journal: the session that writes.
        memory: bytes of resting states that may stay in memory.
        hourly: bytes of states that may be written in an hour though they could stay there.
        durable: whether what is written outlives a crash, so that checkpoints are worth writing.
    """

    def __init__(self, journal: Journal, memory: int, hourly: int, *, durable: bool) -> None:
        self._journal = journal
        self._durable = durable
        self._run = 0
        self._state: State | None = None
        self._said: State | None = None
        self._beginning: list[Statement] = []  # which writes the run's row, until it is known to be written
        self._n = 0
        self._trials: list[NewTrial] = []
        self._metrics: list[MetricRow] = []
        self._progress: dict[int, Progress] = {}
        self._last: dict[int, Progress] = {}
        self._begun: list[TrialRow] = []
        self._known: set[tuple[int, int]] = set()
        self._states = RestingStates(memory, Allowance(hourly), self._read_state)
        self._grown = 0
        self._news = False
        self.written = 0
        self._next = 0.0
        self._spent = 0.0

    @property
    def run(self) -> int:
        """The number of the run."""
        return self._run

    @property
    def durable(self) -> bool:
        """Whether it is there when the run has failed, so that it can go on."""
        return self._durable

    def begin(self, call: Call, where: Where, keep: Callable[[int], object]) -> int:
        """Open the record of a run and return its number.

        Args:
            keep: is called with the number before anybody sees it: whoever has seen a run can ask whether it is kept.
        """
        self._run = int(self._journal.execute(_NUMBER)[0]["run_id"])
        keep(self._run)
        self._state = _running(where, Best())
        self._beginning = CALLS.insert(self._run, [call])
        self._write([*self._beginning, *self._new_state()])
        self._beginning = []
        self._tidy()
        return self._run

    def recall(self, run: int, turns: Callable[[int], int]) -> History:
        """Return what is known of a run that was interrupted, which goes on here; nothing is written yet.

        Its states stay in their table until they are asked for: together they may be larger than the memory.

        Args:
            turns: gives on how many partitions a trial trains in an iteration.
        """
        self._run = run
        trials = read(TrialRow, self._journal.execute(TRIALS.select(TrialRow), run))
        metrics = read(MetricRow, self._journal.execute(METRICS.select(MetricRow), run))
        anchors = read(Anchor, self._journal.execute(_ANCHORS, run))
        self._states.recall(anchors)
        self._known = {(row.mst_key, row.iteration) for row in metrics}
        self._begun = [row for row in trials if row.status not in (TrialStatus.WAITING, TrialStatus.FAILED)]
        return remembered(turns, trials, metrics, anchors)

    def resume(self, where: Where) -> None:
        """Let the record of the recalled run go on."""
        rows = self._journal.execute(_STATUS, self._run)
        if not rows or rows[0]["status"] == RunStatus.FINISHED:
            raise AutomlError(
                f"run {self._run} has finished, or was deleted, while it was to be resumed",
                sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            )
        last = last_state(self._journal, self._run) or _running(where, Best())
        # What a process of the last time may still be writing comes before, whenever it comes.
        self._n = (last.n // _TRIES + 1) * _TRIES
        # They are there until others are, and no decision is taken back.
        self._state = replace(_running(where, last), tables=last.tables, decisions=last.decisions)
        for trial in (each for each in self._begun if each.mst_key not in self._progress):  # what is replayed has said more
            self.progress(replace(trial.progress, status=TrialStatus.WAITING))
        self._write([*self._new_state(), *self._rows()])
        self._tidy()

    def trials(self, rows: Sequence[NewTrial]) -> None:
        """Note new trials."""
        self._trials += rows

    def progress(self, progress: Progress) -> None:
        """Note how far a trial is."""
        self._progress[progress.mst_key] = self._last[progress.mst_key] = progress

    def evaluated(self, trial: int, evaluation: Evaluation, objective: float | None = None) -> None:
        """Note a trial's loss and metrics, and what they are worth; a run that goes on may find again what its record has."""
        if (trial, evaluation.iteration) not in self._known:
            self._metrics.append(MetricRow.of(trial, evaluation, objective))

    def best(self, best: Best) -> None:
        """Note the best trial so far."""
        if self._state is not None:
            self._state = replace(self._state, **_best(best))

    def stands(self, standing: Standing, decisions: int) -> None:
        """Note how far the run is, and how many decisions it has taken."""
        if self._state is not None:
            self._state = replace(self._state, **vars(standing), decisions=decisions)

    def announce(self) -> None:
        """Let others who listen know, with what is written next, that something has come to its end."""
        self._news = True

    def put(self, checkpoint: Checkpoint) -> None:
        """Let a trial's state rest here.

        Raises:
            OperatorError: there is no memory left for it, and the record cannot be written.
        """
        self._states.put(checkpoint)
        while first := self._states.in_the_way():
            self._journal.finish(_FULL)
            self._post(first)
            self._journal.finish(_FULL)

    def keep(self, trial: int, visits: Iterable[int]) -> frozenset[int]:
        """Keep the states that a trial had after so many visits, beside its latest one; return those that are not there."""
        return self._states.keep(trial, visits)

    def state_of(self, trial: int, visits: int | None = None) -> Raw | None:
        """Return a trial's latest state, None if it has not begun; or a kept one, that it had after so many visits.

        One too large to be there twice has been written then: what comes next would be there beside it.
        """
        if self._states.fills_memory_twice(trial):
            self._journal.finish(_FULL)
        return self._states.get(trial, visits)

    def flush(self, *, now: bool = False) -> None:
        """Go on writing what has been gathered, and begin with what has been since, if it is time to; nobody waits for it.

        Raises:
            RunDeleted: somebody deleted the run's row.
        """
        begin = time.monotonic()
        if now:
            self._next = begin
        if self._journal.poll() and begin >= self._next:
            if self._durable and pays_to_tidy(self._grown, self._states.live):
                self._tidy()
            else:
                self._post(self._states.to_write() if self._durable else [])
                self._next, self._spent = begin + pause_after(self._spent), 0.0
        self._spent += time.monotonic() - begin

    def settle(self, trial: int) -> None:
        """Have a trial's state written with the word that it failed: one that failed has its last state in the record."""
        self._states.urge(trial)

    def finish(self, db: CallerDatabase, end: End) -> None:
        """Write that the run has finished, in the caller's transaction: its checkpoints are not needed any more, unless a
        budget has ended it.

        Args:
            db: the caller's session.
        """
        self._journal.finish()
        if end.status == RunStatus.STOPPED:
            self._save()  # it can go on
        self._write(self._rows())
        self._say(end)
        with settings(db, {"lock_timeout": "0"}):
            for text, given in [self._news_of_run, *self._new_state()]:
                db.execute(text, *given)
        if end.status == RunStatus.FINISHED and not db.dialect.segmented:  # there a DELETE locks the table; automl_tidy does it
            _try(db, _DONE, self._run)

    def break_off(self, end: End) -> None:
        """Write that the run has ended before its time, if its record is open: the states too, where there is time for that."""
        if self._state is None:
            return
        seconds = _LAST_WORDS
        if end.status != RunStatus.CANCELLED and self._durable and self._save():
            seconds = _PATIENCE
        self._say(end)
        there = self._beginning or [(_THERE, (self._run,))]
        self._journal.leave([*there, *self._new_state()], seconds)
        self._journal.leave([self._news_of_run], _LAST_NEWS)  # by itself: it waits for those of others

    # --- writing ------------------------------------------------------------------------------------------------------------

    def _rows(self, checkpoints: Sequence[Checkpoint] = ()) -> list[Statement]:
        """Return the statements of the rows that have been gathered, which count as written then.

        Args:
            checkpoints: what is written with them.
        """
        self._say_what_is_kept(checkpoints)
        progress = [
            ProgressRow.of(each, self._states.marks(trial, checkpoints), self._number())
            for trial, each in self._progress.items()
        ]
        statements = [
            *CONFIGURATIONS.insert(self._run, self._trials),
            *METRICS.insert(self._run, self._metrics),
            *PROGRESS.insert(self._run, progress),
            *(self._new_state() if self._state != self._said else ()),
            *([self._news_of_run] if self._news else ()),
        ]
        self._grown += _ROW * len(progress)
        self._trials, self._metrics, self._progress, self._news = [], [], {}, False
        return statements

    def _say_what_is_kept(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Have it said of each trial whose state is written here to be kept: what nobody says is kept can be tidied away."""
        for checkpoint in checkpoints:
            trial = checkpoint.mst_key
            if checkpoint.visits in self._states.marks(trial, checkpoints) and trial in self._last:
                self._progress.setdefault(trial, self._last[trial])

    def _new_state(self) -> list[Statement]:
        """Return the statement that says what the run is."""
        assert self._state is not None
        self._said = self._state
        return STATES.insert(self._run, [replace(self._state, n=self._number())])

    @property
    def _news_of_run(self) -> Statement:
        """The statement that tells those who listen on `automl` that there is something to see."""
        return _NEWS, (str(self._run),)

    def _say(self, end: End) -> None:
        assert self._state is not None
        before = self._state
        tables, taken = end.tables or before.tables, before.decisions if end.decisions is None else end.decisions
        self._state = replace(before, **{**vars(end), "tables": tables, "decisions": taken})

    def _number(self) -> int:
        self._n += 1
        return self._n

    def _post(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write the rows that have been gathered, and behind them checkpoints, together.

        A run that is resumed makes no evaluation again that lies before a checkpoint.
        """
        parts = [part for checkpoint in checkpoints for part in checkpoint.parts()]
        together = VERSIONS.insert(self._run, [part for part in parts if len(part.state) < PART])
        large = [statement for part in parts if len(part.state) == PART for statement in VERSIONS.insert(self._run, [part])]
        statements = [*self._rows(checkpoints), *together, *large]
        size = sum(len(part.state) for part in parts)
        self._grown, self.written = self._grown + size, self.written + size
        if statements:
            self._journal.post([(_THERE, (self._run,)), *statements], lambda: self._states.written(checkpoints))

    def _write(self, statements: Sequence[Statement]) -> None:
        """Write something and wait until it is written."""
        if statements:
            self._journal.post(statements, lambda: None)
            self._journal.finish()

    def _save(self) -> bool:
        """Write what has not been written, states too, as long as that gets on; return whether it did."""
        try:
            self._journal.finish(_PATIENCE)
            self._post([])
            self._journal.finish(_PATIENCE)
            while checkpoints := self._states.to_write(all_of_them=True):
                self._post(checkpoints)
                self._journal.finish(_PATIENCE)
        except Exception:  # the caller hears of what made the run end
            return False
        return True

    def _tidy(self) -> None:
        """Have what does not count any more deleted, if it is much: nothing is kept waiting for that."""
        self._grown = 0
        if self._durable:
            self._journal.post([_TIDY], lambda: None)

    # --- states in the record -----------------------------------------------------------------------------------------------

    def _read_state(self, trial: int, visits: int) -> Raw:
        state = bytearray()
        for part in self._parts_of(trial, visits):
            state += part
        if not state:
            raise RunDeleted
        return state

    def _parts_of(self, trial: int, visits: int) -> Iterator[Raw]:
        """Read a state part by part: read as a whole, a large one would be in memory several times."""
        for part in count():
            rows = self._journal.execute(_STATE, self._run, trial, visits, part)
            yield rows[0]["state"] if rows else b""
            if not rows or len(rows[0]["state"]) != PART:  # it was the last; 0.1.0 wrote one, of any size
                return


def _running(where: Where, best: Best) -> State:
    return State(**vars(where), **_best(best), status=RunStatus.RUNNING)


def _best(best: Best) -> dict[str, Any]:
    return {each.name: getattr(best, each.name) for each in fields(Best)}


def _try(db: CallerDatabase, sql: str, *given: object) -> None:
    """Execute a statement that may be left out where somebody is in its way."""
    try:
        with db.subtransaction(), settings(db, {"lock_timeout": "200"}):
            db.execute(sql, *given)
    except Exception as error:
        if is_cancellation(error):
            raise
