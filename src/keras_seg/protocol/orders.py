"""Orders and reports: all that the coordinator says to a session, and what it hears.

An order speaks of trials, partitions and datasets; it knows nothing of brackets. The only SQL in it are the queries of a
session's setup and the names of tables, which a session runs with its own rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from keras_seg.protocol.estimates import Load, Shortage
from keras_seg.protocol.messages import Message, MessageError
from keras_seg.protocol.predictions import OneOutput, OutputSelection
from keras_seg.protocol.variables import Variables

TRAINING, VALIDATION = "training", "validation"  # names of datasets
_MOST_CUTS = 1_000_000  # of a learning rate: as many as a trial can have iterations


@dataclass(frozen=True)
class SessionSetup(Message):
    """What a session is told before its first order.

    Attributes:
        datasets: name -> query of one partition, which takes the partition as $1 and gives its buffers in their order.
        variables: what a row of these consists of; None where orders bring their rows.
        threads: of TensorFlow; sums change their rounding with it.
        caching: whether it keeps decoded partitions in memory.
        gpus: that it may use; it sees none where there are none.
        functions: the table of custom functions in the extension's schema; the session looks itself whether it trusts it.
        one_output: what one output stands for where classes are predicted; None where outputs are given as they are.
    """

    datasets: Mapping[str, str] = field(default_factory=dict)
    variables: Variables | None = None
    threads: int = 1
    caching: bool = False
    gpus: tuple[str, ...] = ()
    functions: str | None = None
    one_output: OneOutput | None = None


# --- what a trial is trained with ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompileOrder:
    """Compile parameters.

    Attributes:
        optimizer: its name in Keras, in any case.
        params: its parameters by name, as JSON says them; `lr` and `decay` work. A schedule is an object.
        loss: name or alias of a loss.
        metrics: names or aliases of metrics.
        loss_weight: factor of the loss.
    """

    optimizer: str
    params: Mapping[str, Any]
    loss: str
    metrics: tuple[str, ...] = ()
    loss_weight: float = 1.0


@dataclass(frozen=True)
class FitOrder:
    """Fit parameters; the names and defaults are those of `keras.Model.fit`.

    Attributes:
        class_weight: by the number of the class, as text.

    Raises:
        MessageError: a number is out of range.
    """

    batch_size: int = 32
    epochs: int = 1
    shuffle: bool = True
    class_weight: Mapping[str, float] | None = None
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        # A forged order: with a batch of less than one row the compiled loop never ends, and nothing can cancel it.
        if self.batch_size < 1 or self.epochs < 1:
            raise MessageError(f"batch_size and epochs must be at least 1, got {self.batch_size} and {self.epochs}")


@dataclass(frozen=True)
class TensorBoardOrder:
    """What is written for TensorBoard; the names but the last two are those of Keras' callback.

    Attributes:
        run, trial: whose files these are.
    """

    log_dir: str
    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False
    run: int = 0
    trial: int = 0


# --- a visit ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingStop:
    """A partition of the training table, trained on once.

    Attributes:
        iteration: that it belongs to, from 1.
        partition: from 0.
        last: whether the iteration is then trained.
    """

    KIND: ClassVar[str] = "train"

    iteration: int
    partition: int
    last: bool


@dataclass(frozen=True)
class EvaluationStop:
    """A partition of a dataset, evaluated once.

    Attributes:
        iteration: after which it is, from 1.
        partition: from 0; None where the sums of all partitions have come with the order.
        dataset: its name.
        last: whether the sums of the dataset are then complete.
    """

    KIND: ClassVar[str] = "evaluate"

    iteration: int
    partition: int | None
    dataset: str
    last: bool


Stop = TrainingStop | EvaluationStop


@dataclass(frozen=True)
class RateCuts:
    """How often the learning rate that a trial began with has been reduced, and how.

    Attributes:
        count: how often.
        factor: what it is multiplied by, each time that it is above the least.
        least: what it does not fall below.

    Raises:
        MessageError: a number is out of range.
    """

    count: int
    factor: float
    least: float

    def __post_init__(self) -> None:
        # A forged order: nothing can cancel the loop that reduces the rate.
        if not 1 <= self.count <= _MOST_CUTS or not 0 <= self.factor < 1:
            rule = f"count must be from 1 to {_MOST_CUTS} and factor from 0 to below 1"
            raise MessageError(f"{rule}, got {self.count} and {self.factor}")


class StateForm(StrEnum):
    """What the bytes are that come with a visit."""

    TRIAL = "trial"  # the state of a trial, as a visit has left it
    WEIGHTS = "weights"  # weights alone, as in a model table


@dataclass(frozen=True)
class VisitOrder(Message):
    """The next stops of one trial.

    Attributes:
        model: key of its architecture.
        seed: from which all its randomness derives: the seed of the search, and the number of the trial.
        stops: what is done, in this order.
        sums: name -> arrays, which earlier visits have summed up of an evaluation, or of an epoch for TensorBoard.
        partition_sums: for each partition what its evaluation has summed up alone; they are added in this order.
        state: what the bytes are that come with the order.
        tensorboard: what is written for it, if anything is.
        rate_cuts: of its learning rate; None where none has been made.
    """

    model: str
    compile: CompileOrder
    fit: FitOrder
    seed: tuple[int, ...]
    stops: tuple[Stop, ...]
    sums: Mapping[str, Any] = field(default_factory=dict)
    partition_sums: tuple[Any, ...] = ()
    state: StateForm = StateForm.TRIAL
    tensorboard: TensorBoardOrder | None = None
    rate_cuts: RateCuts | None = None


@dataclass(frozen=True)
class Scores:
    """Loss and metrics of a dataset, the metrics in the order of the compile parameters."""

    loss: float
    metrics: tuple[float, ...] = ()


@dataclass(frozen=True)
class VisitReport(Message):
    """What became of a visit.

    Attributes:
        size: bytes of the state that it has left; 0 where it only evaluated.
        scores: dataset -> what its evaluation came to, where that is complete.
        sums: as in the order: what is not complete yet.
        trained: how many stops that train were made, from the first one on, and are in the state that it has left.
        rows: that were trained on.
        setup_seconds, training_seconds, evaluation_seconds: what it took.
        memory_mb: of the session's process at its largest.
        warning: something that the caller should know, which does not keep the trial from going on.
        error: why the trial failed, if it did.
        shortage: whether that is no fault of the trial: the machine had too little, memory most often.
        astray: whether the stops behind those that train were left out, because the weights are no numbers any more.
    """

    size: int = 0
    scores: Mapping[str, Scores] = field(default_factory=dict)
    sums: Mapping[str, Any] = field(default_factory=dict)
    trained: int = 0
    rows: int = 0
    setup_seconds: float = 0.0
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    memory_mb: int = 0
    warning: str | None = None
    error: str | None = None
    shortage: bool = False
    astray: bool = False


# --- a check ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NetworkCheck:
    """A network that is to be built, and compiled, without training it.

    Attributes:
        name: what people call it, for problems.
        model: key of its architecture.
        compile, fit: None where only the network is looked at.
        tensorboard: what would be written for it.
        trials: how many there are that take as much memory.
    """

    name: str
    model: str
    compile: CompileOrder | None = None
    fit: FitOrder = field(default_factory=FitOrder)
    tensorboard: TensorBoardOrder | None = None
    trials: int = 1


@dataclass(frozen=True)
class CheckOrder(Message):
    """Networks that are to be checked against the rows of the session's setup, and each on its own.

    Attributes:
        load: what is to train on the session's host at the same time; None where nothing is.
    """

    networks: tuple[NetworkCheck, ...]
    load: Load | None = None


class Part(StrEnum):
    """What a problem lies in; whoever called knows by which argument it came."""

    ARCHITECTURE = "architecture"
    ROWS = "rows"  # do not fit the network
    COMPILE = "compile"
    FIT = "fit"  # callbacks, weights of classes
    FILE = "file"  # what came, or what its format can hold


@dataclass(frozen=True)
class Problem:
    """What is wrong: in which part, and the rest of a sentence that begins with it."""

    part: Part
    text: str


@dataclass(frozen=True)
class CheckReport(Message):
    """The problems found, and the memory that is missing; neither where all is well."""

    problems: tuple[Problem, ...] = ()
    shortages: tuple[Shortage, ...] = ()


# --- evaluation without TensorFlow --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EvaluationOrder(Message):
    """A packed table that is to be evaluated in the session that is asked, if that is little work.

    Attributes:
        architecture: of the network.
        query: gives all buffers in their order, in columns named as `Variables.names`.
        rows: how many there are in all, which decides whether it is little work.
        in_parts: whether a buffer is read in parts; else in one piece.
    """

    architecture: str
    compile: CompileOrder
    query: str
    variables: Variables
    rows: int
    in_parts: bool


@dataclass(frozen=True)
class EvaluationReport(Message):
    """What came of it: scores, or why there are none; neither where it is for TensorFlow."""

    scores: Scores | None = None
    error: str | None = None


# --- prediction of rows that come one by one ----------------------------------------------------------------------------


@dataclass(frozen=True)
class GatheringOrder(Message):
    """What the rows that a statement hands to a process go through.

    Attributes:
        name: what people call the network, for problems.
        normalizing_const: divisor of the features.
        classes: how many are named; None where none are.
        selection: what of the outputs is returned.
        weights: query that gives the parts of the weights, in their order.
        rows: how many there are in all, which decides how they are computed.
    """

    name: str
    normalizing_const: float
    classes: int | None
    selection: OutputSelection
    weights: str
    rows: int


@dataclass(frozen=True)
class GatheringProblem(Message):
    """Why rows were not predicted: one of these.

    Attributes:
        network: why the network cannot be built, or does not take these rows.
        outputs: the network gives outputs of this shape, which the selection cannot be taken of.
        row: the row of this id, or one behind it, cannot be read; None where the id is NULL.
        no_class: the network gives NaN for the row of this id.
    """

    network: Problem | None = None
    outputs: tuple[int, ...] | None = None
    row: str | None = None
    no_class: bool = False
