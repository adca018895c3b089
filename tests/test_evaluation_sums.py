"""Loss and metrics of many rows: the same bits, however fast the machine was when it looked for a cancellation."""

from __future__ import annotations

import json

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from keras_seg.protocol.variables import Variable  # noqa: E402  # after the skip
from keras_seg.training.buffers import Buffer  # noqa: E402
from keras_seg.training.evaluator import Evaluator  # noqa: E402
from keras_seg.training.network import Network  # noqa: E402
from keras_seg.training.pace import Pace  # noqa: E402
from keras_seg.training.parameters import Compile  # noqa: E402
from keras_seg.training.trainer import Trainer  # noqa: E402

DENSE = {"units": 3, "activation": "softmax", "batch_input_shape": [None, 4]}
LABELS = Variable("y", (3,), "int16", one_hot=True)
NETWORK = json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": DENSE}]})


class FixedPace(Pace):
    """A machine that does so many batches between two looks."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._fixed = batches

    @property
    def batches(self) -> int:
        return self._fixed


def test_metrics_do_not_depend_on_the_pace() -> None:
    rows, random = 200_000, np.random.default_rng(0)
    x = random.random((rows, 4)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[random.integers(0, 3, rows)]
    network = Network(NETWORK, None)
    compiled = Compile("SGD", {}, "categorical_crossentropy", ("mse", "kl_divergence"))
    state = Trainer(network, compiled, LABELS, False).initial(compiled, 1)
    found = set()
    for batches in (1, 2, 7, 50):
        evaluator = Evaluator(network, compiled, LABELS)
        evaluator._pace = FixedPace(batches)
        sums = evaluator.add(evaluator.zeros(), network.frozen(state), Buffer(tf.constant(x), tf.constant(y)), lambda: None)
        found.add(repr(evaluator.results(sums)))
    assert len(found) == 1
