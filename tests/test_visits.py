"""What a visit does beside training: its order of rows, what the session keeps, what goes wrong."""

from __future__ import annotations

import errno
import hashlib
import math
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras  # after the skip
import tensorflow as tf

from fix_training import (
    CLASSES,
    FEATURES,
    FIT,
    ONE_PARTITION,
    PLAIN,
    ROWS,
    Server,
    Trial,
    buffer,
    compile_with,
    dense,
    evaluate,
    rows,
    train,
    uneven,
)
from keras_seg import transition
from keras_seg.protocol import state as codec
from keras_seg.protocol.orders import CheckOrder, EvaluationStop, NetworkCheck, RateCuts, TrainingStop, VisitOrder, VisitReport
from keras_seg.session import cache, programs
from keras_seg.session.cache import MOST_PROGRAMS, Cache
from keras_seg.session.shortage import ran_out
from keras_seg.session.visit import Visit
from keras_seg.training import buffers


def test_epochs_are_passes_over_the_partition() -> None:
    compiled = compile_with("Adam", {"lr": 0.01})
    twice = Trial(PLAIN, ONE_PARTITION).visit([train()], compiled, replace(FIT, epochs=2))
    assert twice.report.rows == 2 * ROWS
    again = Trial(PLAIN, ONE_PARTITION).visit([train()], compiled).visit([train(iteration=2)], compiled)
    assert codec.weights(twice.state or b"") == codec.weights(again.state or b"")


def test_rows_are_shuffled_when_shuffle_says_so() -> None:
    compiled, fits = compile_with("SGD", {"lr": 0.1}), [replace(FIT, shuffle=shuffle) for shuffle in (True, True, False)]
    orders = [Trial(PLAIN, ONE_PARTITION).visit([train()], compiled, fit).md5 for fit in fits]
    assert orders[0] == orders[1] != orders[2]


DROPOUT = dense(keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.4), keras.layers.BatchNormalization())


def test_caching_streaming_and_hops_between_sessions_give_the_same_bits() -> None:
    tables, _, _ = uneven()
    compiled, fit = compile_with("Adam", {"lr": 0.01}), replace(FIT, shuffle=True)
    stops = [train(at % 2, 1 + at // 2) for at in range(6)]
    streamed = Trial(DROPOUT, tables).visit(stops, compiled, fit).md5
    cached = Trial(DROPOUT, tables, caching=True).visit(stops, compiled, fit).md5
    state = None
    for stop in stops:
        hop = Trial(DROPOUT, tables)
        hop.state = state
        state = hop.visit([stop], compiled, fit).state
    assert streamed == cached == hashlib.md5(state or b"").hexdigest()


def test_trials_with_other_numbers_share_a_program_and_keep_their_own() -> None:
    several = [compile_with("SGD", {"lr": 0.1, "momentum": 0.5}), compile_with("SGD", {"lr": 0.01, "momentum": 0.9})]
    alone = [Trial(PLAIN, ONE_PARTITION).visit([train()], compiled).md5 for compiled in several]
    shared = Trial(PLAIN, ONE_PARTITION)
    together = []
    for compiled in several:
        shared.state = None
        together.append(shared.visit([train()], compiled).md5)
    assert alone == together
    assert len(shared.gd[transition.CACHE].trainers) == 1


def test_a_trial_that_raises_is_reported() -> None:
    trial = Trial(dense(keras.layers.Dense(2), keras.layers.Reshape((2, 1)), keras.layers.Flatten()), ONE_PARTITION)
    trial.visit([train()], compile_with("SGD", loss="no_such_loss"))
    assert trial.report == VisitReport(error='CompileProblem: loss "no_such_loss" is not one of Keras')
    assert trial.state is None


def op_error(kind: str, said: str) -> Exception:
    error: Exception = getattr(tf.errors, kind)(None, None, said)
    return error


SHORT = [
    MemoryError("Unable to allocate 8 GiB"),
    op_error("ResourceExhaustedError", "x"),
    op_error("CancelledError", "[_Derived_]Cancelled"),
    op_error("InternalError", "Dst tensor is not initialized."),
    op_error("InternalError", "CUDA_ERROR_ILLEGAL_ADDRESS"),
    op_error("UnknownError", "Out of memory while trying to allocate 80 bytes"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EMFILE, "Too many open files"),
    RuntimeError("can't start new thread"),
]
OWN_FAULT = [
    ValueError("out of memory"),
    RuntimeError("out of memory"),
    op_error("InvalidArgumentError", "indices[0] = 7 is not in [0, 2)"),
    op_error("InternalError", "a bug"),
    FileNotFoundError(errno.ENOENT, "No such file"),
    ZeroDivisionError(),
]


@pytest.mark.parametrize(
    ("error", "shortage"), [*((each, True) for each in SHORT), *((each, False) for each in OWN_FAULT)], ids=repr
)
def test_a_trial_is_not_blamed_for_what_the_machine_lacks(
    monkeypatch: pytest.MonkeyPatch, error: Exception, shortage: bool
) -> None:
    def train_on(*_: object) -> None:
        raise error

    monkeypatch.setattr(Visit, "_train", train_on)
    trial = Trial(PLAIN, ONE_PARTITION).visit([train()], compile_with("SGD"))
    assert trial.report.shortage == shortage
    assert str(trial.report.error).startswith(f"{type(error).__name__}: ")


@pytest.mark.parametrize("ending", [Server.Error, Server.SPIError])
def test_a_trial_is_not_blamed_where_its_statement_is_ended(monkeypatch: pytest.MonkeyPatch, ending: type[Exception]) -> None:
    """By a cancellation, or because the server goes down: the latter is an error of our own making."""

    def execute(_: str) -> None:
        raise ending("canceling statement due to user request")

    trial = Trial(PLAIN, ONE_PARTITION)
    monkeypatch.setattr(trial.server, "execute", execute)
    with pytest.raises(ending):
        trial.visit([train()], compile_with("SGD"))


def test_a_tensor_that_is_too_large_is_a_shortage() -> None:
    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        tf.function(lambda size: tf.random.normal((size, size)))(tf.constant(2**22))
    assert ran_out(caught.value)


def test_a_check_blames_no_argument_for_what_the_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(*_: object) -> None:
        raise MemoryError("full")

    monkeypatch.setattr(programs, "network", network)
    trial = Trial(PLAIN, ONE_PARTITION)
    with pytest.raises(MemoryError, match="full"):
        transition.check(trial.server, trial.gd, CheckOrder((NetworkCheck("model_id 1", "m"),)).to_json())


def test_a_loss_that_is_not_a_number_is_no_error() -> None:
    trial = Trial(PLAIN, ONE_PARTITION)
    trial.visit([train(), *evaluate("training", 1)], compile_with("SGD", {"lr": 1e38}, loss="mse"))
    assert trial.report.error is None
    assert math.isnan(trial.report.scores["training"].loss)


def test_weights_that_are_no_numbers_are_trained_no_more() -> None:
    trial, compiled = Trial(PLAIN, ONE_PARTITION), compile_with("SGD", {"lr": 1e38}, loss="mse")
    trial.visit([train()], compiled)
    assert not trial.report.astray
    before = trial.md5
    trial.visit([train(iteration=2), *evaluate("training", 1, iteration=2)], compiled)
    assert (trial.report.astray, trial.report.scores, trial.report.size, trial.md5) == (True, {}, 0, before)
    trial.visit(evaluate("training", 1), compiled)  # which can be asked for all the same
    assert not trial.report.astray
    assert math.isnan(trial.report.scores["training"].loss)


def test_several_stops_of_one_visit_are_those_of_several_visits() -> None:
    single, several = (Trial(DROPOUT, uneven()[0]) for _ in range(2))
    stops = [train(partition, iteration) for iteration in (1, 2) for partition in (0, 1)]
    for stop in stops:
        single.visit([stop], compile_with("Adam", {"lr": 0.04}))
    several.visit(stops, compile_with("Adam", {"lr": 0.04}))
    assert several.md5 == single.md5
    assert several.report.trained == 4


def test_a_visit_of_several_stops_ends_where_weights_become_no_numbers() -> None:
    single, several = (Trial(PLAIN, ONE_PARTITION) for _ in range(2))
    compiled = compile_with("SGD", {"lr": 1e38}, loss="mse")
    single.visit([train()], compiled)
    several.visit([train(), train(iteration=2), train(iteration=3), *evaluate("training", 1, iteration=3)], compiled)
    assert (several.report.astray, several.report.trained, several.report.scores) == (True, 1, {})
    assert several.md5 == single.md5


# Trained as one vector and variable by variable, with the rate that is given and with that of Keras.
@pytest.mark.parametrize(
    ("name", "params"), [("Adam", {"lr": 0.04}), ("Adam", {}), ("Lamb", {"lr": 0.04}), ("Adagrad", {"lr": 0.04})]
)
@pytest.mark.parametrize(("cuts", "expected"), [(RateCuts(2, 0.5, 0.0), 0.25), (RateCuts(9, 0.5, 0.004), None)])
def test_a_reduced_learning_rate_is_that_of_keras(
    name: str, params: dict[str, float], cuts: RateCuts, expected: float | None
) -> None:
    trial, compiled = Trial(PLAIN, ONE_PARTITION), compile_with(name, params)
    order = VisitOrder("m", compiled, FIT, (7, 1), (train(),))
    trial.order(order)
    optimizer = getattr(keras.optimizers, name)(**({"learning_rate": 0.04} if params else {}))
    optimizer.build([keras.Variable(np.zeros(3, np.float32))])
    at = [variable.name for variable in optimizer.variables].index("learning_rate")
    start = float(optimizer.learning_rate)
    callback = keras.callbacks.ReduceLROnPlateau(factor=cuts.factor, min_lr=cuts.least)
    for _ in range(cuts.count):
        callback._reduce_optimizer_lr(optimizer, 0)
    trial.order(replace(order, stops=(train(iteration=2),), rate_cuts=cuts))
    assert trial.report.error is None
    (rate,) = codec.decode(trial.state or b"").optimizer[at].reshape(-1)
    assert rate == np.float32(float(optimizer.learning_rate))
    assert expected is None or rate == pytest.approx(start * expected)


def test_closing_drops_what_the_run_left() -> None:
    trial = Trial(PLAIN, ONE_PARTITION, caching=True).visit([train(), *evaluate("training", 1)], compile_with("SGD"))
    cache = trial.gd[transition.CACHE]
    assert cache.data and len(cache.trainers) == len(cache.evaluators) == len(cache.networks) == 1
    transition.close_session(trial.gd)
    assert not cache.data and not cache.definitions
    assert len(cache.trainers) == len(cache.evaluators) == len(cache.networks) == 0


def test_the_number_of_programs_is_bounded() -> None:
    networks = Cache().networks
    for number in range(MOST_PROGRAMS + 5):
        networks.made(number, lambda number=number: number)  # type: ignore[misc]
    assert len(networks) == MOST_PROGRAMS
    assert networks.made(0, lambda: -1) == -1  # the one used longest ago was dropped
    assert networks.made(0, lambda: -2) == -1


def test_long_passes_look_for_a_cancellation() -> None:
    trial = Trial(PLAIN, ONE_PARTITION)
    before = trial.server.looks
    trial.visit([train()], compile_with("SGD"), replace(FIT, epochs=5))
    assert trial.server.looks >= before + 5


@pytest.mark.parametrize(
    ("buffers_kept", "read"),
    [
        (0, ["training", "training", "validation"] * 2),
        (4, ["training", "validation", "validation"]),
        (5, ["training", "validation"]),
    ],
)
def test_few_rows_are_read_once_and_others_each_time(
    monkeypatch: pytest.MonkeyPatch, buffers_kept: int, read: list[str]
) -> None:
    one = buffer(*rows(0, ROWS))
    tables = {"training": [[one, one]], "validation": [[one, one, one]]}
    stops: list[TrainingStop | EvaluationStop] = [train(), *evaluate("training", 1), *evaluate("validation", 1)]
    trial = Trial(DROPOUT, tables, caching=True)
    expected = [trial.visit(stops, compile_with("SGD")).md5 for _ in range(2)]
    monkeypatch.setattr(cache, "_LITTLE", buffers_kept * 4 * ROWS * (FEATURES + CLASSES))
    found, reads = [], Visit._read

    def counted(visit: Visit, dataset: str, partition: int, last: bool = False) -> Any:
        found.append(dataset)
        return reads(visit, dataset, partition, last)

    monkeypatch.setattr(Visit, "_read", counted)
    trial = Trial(DROPOUT, tables)
    assert [trial.visit(stops, compile_with("SGD")).md5 for _ in range(2)] == expected
    assert found == read


@pytest.mark.parametrize(("caching", "most"), [(False, 1), (True, 4)])
def test_without_caching_one_buffer_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch, caching: bool, most: int) -> None:
    monkeypatch.setattr(cache, "_LITTLE", 5 * ROWS)  # bytes: less than a buffer has
    trial = Trial(PLAIN, {"training": [[buffer(*rows(seed, ROWS)) for seed in range(4)]]}, caching)
    aligned = buffers._aligned
    memory: list[weakref.ref[Any]] = []  # of the features of each buffer that was read
    held = []

    def watched(size: int) -> np.ndarray:
        array = aligned(size)
        if size == ROWS * FEATURES * 4:
            memory.append(weakref.ref(array.base))
            held.append(sum(each() is not None for each in memory))
        return array

    monkeypatch.setattr(buffers, "_aligned", watched)
    trial.visit([train(), *evaluate("training", 1)], compile_with("SGD"), replace(FIT, epochs=2))
    assert trial.report.error is None
    assert (len(held), max(held)) == (4 if caching else 12, most)
