"""The executor that makes operations one after the other gives the bits of the one that hands them to a pool of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")

from keras import layers  # noqa: E402  # after the skip

from fix_training import FEATURES, ONE_PARTITION, PLAIN, Trial, compile_with, dense, evaluate, train  # noqa: E402
from keras_seg import transition  # noqa: E402
from keras_seg.protocol.orders import CompileOrder, FitOrder  # noqa: E402
from keras_seg.training import compiled  # noqa: E402

SEQUENCE = layers.Reshape((FEATURES, 1))
CASES = {
    "dense": (PLAIN, compile_with("RMSprop", {"centered": True, "momentum": 0.5}), True),
    "draws and statistics": (
        dense(layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3), layers.GaussianNoise(0.1)),
        compile_with("Adam", {"lr": 0.01, "amsgrad": True, "clipnorm": 1.0}, metrics=("accuracy", "AUC")),
        True,
    ),
    "loops within the loop": (
        dense(SEQUENCE, layers.Masking(0.0), layers.GRU(3)),
        compile_with("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        True,
    ),
    "conditions within the loop": (
        dense(layers.SpectralNormalization(layers.Dense(5))),
        compile_with("Lion", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 3}),
        False,
    ),
}


@pytest.fixture(autouse=True)
def graphs_as_they_are() -> Iterator[None]:
    """No rewriting of graphs, as in a session: it rounds otherwise where it fuses operations, which hangs on the executor."""
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def trained(network: str, order: CompileOrder, alone: bool, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Two iterations with metrics; the rows are shuffled."""
    monkeypatch.setattr(compiled, "one_after_the_other", lambda: alone)
    trial = Trial(network, ONE_PARTITION)
    for iteration in (1, 2):
        trial.visit(
            [train(iteration=iteration), *evaluate("validation", 1, iteration)], order, FitOrder(batch_size=8, epochs=2)
        )
    return trial


def executors(trial: Trial) -> list[bool]:
    """Whether what trains makes its operations one after the other."""
    return [trainer._advance._executor is compiled._in_order for trainer in trial.gd[transition.CACHE].trainers]


@pytest.mark.parametrize("case", CASES)
def test_both_give_the_same_bits(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, order, in_order = CASES[case]
    one, other = (trained(network, order, alone, monkeypatch) for alone in (True, False))
    assert [executors(trial) for trial in (one, other)] == [[in_order], [False]]
    assert one.report.error is None
    assert one.report.scores
    assert one.report.scores == other.report.scores
    assert one.md5 == other.md5


def test_one_thread_is_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """With several threads, or a GPU, operations go side by side."""
    threads, gpus = 1, ["GPU:0"]
    monkeypatch.setattr(tf.config.threading, "get_inter_op_parallelism_threads", lambda: threads)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    alone = compiled.one_after_the_other.__wrapped__
    assert not alone()
    gpus.clear()
    assert alone()
    threads = 2
    assert not alone()


def repeated(body: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that makes `body` five times out of a number."""
    return lambda number: tf.while_loop(
        lambda at, _: at < 5, lambda at, value: (at + 1, body(value)), [tf.constant(0), number]
    )[1]


def doubled(number: Any) -> Any:
    return number * 2


FUNCTIONS = {
    "a loop": (repeated(doubled), 2**5, True),
    "a loop in a loop": (repeated(repeated(doubled)), 2**25, True),
    "a condition": (lambda number: tf.cond(number > 0, lambda: number * 2**25, lambda: number), 2**25, False),
    "a condition in a loop": (repeated(lambda number: tf.cond(number > 0, lambda: number * 32, lambda: number)), 2**25, False),
    "a function that is called": (repeated(repeated(tf.function(doubled, autograph=False))), 2**25, False),
}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("what", FUNCTIONS)
def test_who_would_wait_for_the_pool_is_left_to_it(what: str, alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph's loop is taken apart for the usual executor only: the other one would refuse the parts."""
    monkeypatch.setattr(compiled, "one_after_the_other", lambda: alone)
    body, value, in_order = FUNCTIONS[what]
    function = compiled.CompiledFunction(body, [tf.TensorSpec((), tf.float32)])
    assert function(tf.constant(1.0)).numpy() == value
    loops = [each for each in function._traced.graph.get_operations() if "While" in each.type]
    assert all(("_lower_using_switch_merge" in each.node_def.attr) is not (alone and in_order) for each in loops)
    assert (function._executor is compiled._in_order) is (alone and in_order)
