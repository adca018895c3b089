"""The rows of the record: each field is a column, named once; statements are made of them.

Rows are added and never changed: what is said of a run, or of a trial, is a row of its own each time, and the last one counts.
Every row belongs to a run, whose number stands before its other columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Annotated

from automl.training.curves import Evaluation, Scores
from keras_seg.protocol.parts import PART, Raw


class RunStatus(StrEnum):
    """What a run is doing, as `status` of madlib.automl_runs says it. One whose session is gone stays `running`.

    It is stopped where a budget has ended it: its tables are made, and it can go on.
    """

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    FAILED = "failed"


class TrialStatus(StrEnum):
    """What a trial is doing, as `status` of madlib.automl_trials says it.

    It finishes each of its tasks. It is stopped where its run has ended without it.
    """

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


# What a field holds, and the type of its column in SQL.
Text = Annotated[str, "text"]
Integer = Annotated[int, "integer"]
BigInteger = Annotated[int, "bigint"]
Double = Annotated[float, "double precision"]
Doubles = Annotated[Sequence[float], "double precision[]"]
Integers = Annotated[Sequence[int], "integer[]"]
Bytes = Annotated[Raw, "bytea"]
Json = Annotated[Mapping[str, object], "json"]
# As the summary tables write it: it is only read.
Started = Annotated[str, "timestamptz", "pg_catalog.date_trunc('second', started)::timestamp::text AS started"]


class Row:
    """A row, or the part of one that is written or read together; a frozen dataclass."""


# --- a run --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate(Row):
    """What automl_plan told of a call before: the seconds that it takes, bytes that it writes, MB of a session."""

    estimated_seconds: Double | None = field(default=None, kw_only=True)
    estimated_bytes: BigInteger | None = field(default=None, kw_only=True)
    estimated_memory_mb: Integer | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Call(Estimate):
    """What was called, and what its result hangs on: written when a run begins, and never again.

    Attributes:
        params: of the method.
        objective: what ranks the trials, as it can be asked for.
        arguments: of the call, as JSON.
        inputs: a digest of what it is trained on.
        random_state: from which all randomness derives.
        threads: of TensorFlow in each session.
        partitions: of the training table.
    """

    method: Text
    params: Text
    objective: Text | None
    source_table: Text
    model_output_table: Text
    arguments: Text | None
    inputs: Text | None
    random_state: BigInteger | None
    threads: Integer | None
    partitions: Integer


@dataclass(frozen=True)
class Where(Row):
    """Where a run runs, and by what, since it was called or resumed.

    Attributes:
        executor, sessions: the kind and number of its sessions.
        backend: the process of its caller.
        automl_params: those in force: of the call, with the budgets that it goes on by.
        time_from: seconds that it had trained when its `max_time` began to count.
    """

    executor: Text
    sessions: Integer
    backend: Integer
    automl_params: Text | None = field(default=None, kw_only=True)
    time_from: Double | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Best(Row):
    """The best trial, with its loss and its value of the objective; None of all where no trial has one.

    Of several tries of a configuration the value is the mean, with its standard error, and the loss that of the best of them.
    """

    best_mst_key: Integer | None = None
    best_loss: Double | None = None
    best_objective: Double | None = None
    best_standard_error: Double | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class End(Best):
    """How a run ended.

    Attributes:
        status: a RunStatus.
        error: why, unless it finished.
        versions: what the first session said about itself, as JSON.
        decisions: how many were taken.
        ended_by: the budget that has ended it, if one has.
        tables: those that it made, as JSON: lists of schema, name and oid; where it can go on.
        bits: a digest of what it has come to.
        seconds: from the call to its end.
        bytes: that were written: weights, and states on the way.
        memory_mb: of the largest session.
    """

    status: Text = RunStatus.RUNNING
    error: Text | None = None
    versions: Text | None = None
    decisions: BigInteger | None = None
    ended_by: Text | None = None
    tables: Text | None = None
    bits: Text | None = None
    seconds: Double | None = None
    bytes: BigInteger | None = None
    memory_mb: Integer | None = None


@dataclass(frozen=True)
class Standing(Row):
    """How far a run is, for whoever watches it.

    Attributes:
        trials: that there will be, as far as that is known.
        done: trials of them that have nothing before them, but for what may follow from others.
        running: the trials that train now.
        share: part of the iterations that has been made, from 0 to 1.
        rows_per_second: that trials have been trained on.
        elapsed: seconds that it has trained.
        remaining: seconds that it will go on for; None before any visit has shown how long they take.
        ranking: the best trials, the best first.
    """

    trials: Integer | None = field(default=None, kw_only=True)
    done: Integer | None = field(default=None, kw_only=True)
    running: Integers | None = field(default=None, kw_only=True)
    share: Double | None = field(default=None, kw_only=True)
    rows_per_second: Double | None = field(default=None, kw_only=True)
    elapsed: Double | None = field(default=None, kw_only=True)
    remaining: Double | None = field(default=None, kw_only=True)
    ranking: Integers | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class State(Standing, End, Where):
    """What a run is, from here on: the last one counts.

    Attributes:
        n: which of the rows of the run this is; they grow.
    """

    n: BigInteger = 0


@dataclass(frozen=True)
class Came(Row):
    """What a run has come to, and with which versions."""

    bits: Text | None
    versions: Text | None
    decisions: BigInteger | None


@dataclass(frozen=True)
class RunRow(Call):
    """What is read of a run that is to go on.

    Attributes:
        status: a RunStatus, unless its owner has written something else there.
        started: as the summary tables write it.
        ended_by: the budget that has ended it, if one has.
        automl_params: those in force; None where none were given, and in earlier versions.
        decisions: how many it has taken, as far as it has said.
    """

    status: Text
    started: Started
    ended_by: Text | None
    automl_params: Text | None
    decisions: BigInteger | None = None


# --- its trials, their metrics and checkpoints --------------------------------------------------------------------------


@dataclass(frozen=True)
class NewTrial(Row):
    """What a trial begins with.

    Attributes:
        varied: those of its parameters, by name, that tell the configurations of its run apart; None in earlier versions.
    """

    mst_key: Integer
    model_id: Integer
    compile_params: Text
    fit_params: Text
    varied: Json | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Progress(Row):
    """How far a trial is.

    Attributes:
        loss: of the dataset that the objective looks at.
        objective: its value. Both are those of the state that the tables get: the latest one, or the best.
        best_iteration: where that is the best: which iteration it is from.
        try_objective: of one of several tries of a configuration: its own value. Then `objective` is the mean of all of them,
            when they ended the same task last, and `standard_error` that of the mean.
    """

    mst_key: Integer
    status: Text
    place: Json
    iteration: Integer
    loss: Double | None
    seconds: Double
    error: Text | None
    objective: Double | None = None
    best_iteration: Integer | None = None
    try_objective: Double | None = None
    standard_error: Double | None = None


@dataclass(frozen=True)
class TrialRow(Progress, NewTrial):
    """A trial as it is shown."""

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(*(getattr(self, each.name) for each in fields(Progress)))


@dataclass(frozen=True)
class ProgressRow(Progress):
    """How far a trial is, from here on.

    Attributes:
        kept: after how many visits the states were that are kept beside the latest one; they are in the record.
        n: which of the rows of the run this is; they grow.
    """

    kept: Integers = ()
    n: BigInteger = 0

    @classmethod
    def of(cls, progress: Progress, kept: Sequence[int], n: int) -> ProgressRow:
        """Return the row of a trial's progress."""
        return cls(**vars(progress), kept=kept, n=n)


@dataclass(frozen=True)
class MetricRow(Row):
    """An evaluation of a trial.

    Attributes:
        objective: what it is worth, as a value of what ranks the trials.
    """

    mst_key: Integer
    iteration: Integer
    elapsed: Double
    training_loss: Double
    training_metrics: Doubles
    validation_loss: Double | None
    validation_metrics: Doubles | None
    objective: Double | None = None

    @classmethod
    def of(cls, trial: int, evaluation: Evaluation, objective: float | None) -> MetricRow:
        """Return the row of an evaluation."""
        loss, metrics = evaluation.validation or (None, None)
        return cls(trial, evaluation.iteration, evaluation.elapsed, *evaluation.training, loss, metrics, objective)

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation that it is the row of."""
        validation: Scores | None = None
        if self.validation_metrics is not None and self.validation_loss is not None:
            validation = float(self.validation_loss), tuple(self.validation_metrics)
        return Evaluation(self.iteration, self.elapsed, (float(self.training_loss), tuple(self.training_metrics)), validation)


@dataclass(frozen=True)
class Anchor(Row):
    """What the state of a checkpoint comes from: the iteration that it was trained in, after so many partitions."""

    mst_key: Integer
    iteration: Integer
    visits: Integer


@dataclass(frozen=True)
class Checkpoint(Anchor):
    """A trial's state, with where it comes from.

    Attributes:
        part: which of its parts this is, from 0: a large one is rows of several.
    """

    state: Bytes
    part: Integer = 0

    def parts(self) -> list[Checkpoint]:
        """Return its rows: all but the last have `PART` bytes, and nothing is copied."""
        whole = memoryview(self.state)
        starts = range(0, max(1, len(whole)), PART)
        return [replace(self, state=whole[at : at + PART], part=part) for part, at in enumerate(starts)]
