"""What the JSON of an architecture says at a glance: what Keras says of it, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automl.models.outline import Outline, outline
from fix_architectures import FOLDER


def sequential(*layers: tuple[str, dict[str, Any]]) -> str:
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": kind, "config": each} for kind, each in layers]})


TALL = {"keepdims": True}
IMAGE = {"filters": 8, "kernel_size": 3, "batch_input_shape": [None, 28, 28, 1]}
ROW = {"units": 10, "batch_input_shape": [None, 4]}
TIMES = {"units": 5, "batch_input_shape": [None, 7, 4]}


@pytest.mark.parametrize(
    ("architecture", "inputs", "outputs"),
    [
        (sequential(("Dense", ROW), ("Dropout", {"rate": 0.1}), ("Dense", {"units": 3})), (4,), (3,)),
        (sequential(("Dense", ROW), ("Dense", {"output_dim": 1}), ("Activation", {})), (4,), (1,)),
        (sequential(("Conv2D", IMAGE), ("Flatten", {}), ("Dense", {"units": 10})), (28, 28, 1), (10,)),
        (
            sequential(("Conv2D", IMAGE), ("GlobalMaxPooling2D", TALL), ("Dense", {"units": 10})),
            (28, 28, 1),
            None,
        ),
        (sequential(("Dense", TIMES), ("Dense", {"units": 2})), (7, 4), (7, 2)),
        (sequential(("LSTM", TIMES), ("Dense", {"units": 2})), (7, 4), None),
        (sequential(("Embedding", {"batch_input_shape": [None, None]}), ("Flatten", {}), ("Dense", {"units": 2})), None, None),
        (sequential(("Dense", {"units": 2})), None, None),
        (json.dumps({"class_name": "Functional", "config": {"layers": []}}), None, None),
        ("[1]", None, None),
        ("no JSON", None, None),
        (json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": 3}]}), None, None),
    ],
)
def test_what_is_plain(architecture: str, inputs: object, outputs: object) -> None:
    assert outline(architecture) == Outline(inputs, outputs)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_told_is_what_keras_builds(path: Any) -> None:
    pytest.importorskip("tensorflow")
    from keras_seg.training.network import Network

    found = outline(path.read_text())
    if found == Outline():
        return
    network = Network(path.read_text(), None)
    assert found.inputs in (None, network.input_shape)
    assert found.outputs in (None, network.output_shape)
