"""What Keras calls its losses and metrics, read from its files: the same as Keras itself says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from keras_seg.protocol import keras_names
from keras_seg.training import objectives

SRC = Path(__file__).resolve().parent.parent / "src"


@pytest.mark.parametrize(("what", "known"), [("loss", objectives._losses), ("metric", objectives._metrics)])
def test_the_names_are_those_of_keras(what: str, known: object) -> None:
    assert callable(known)
    assert keras_names.names(what) == set(known())
    assert {"mse", "MeanSquaredError", "mean_squared_error"} <= keras_names.names(what)


@pytest.mark.parametrize(
    ("what", "name", "is_known"),
    [
        ("loss", "categorical_crossentropy", True),
        ("loss", "cosine_proximity", True),
        ("loss", "ce", True),
        ("metric", "acc", True),
        ("metric", "AUC", True),
        ("metric", "auc", True),
        ("metric", "mean_io_u", True),
        ("loss", "AUC", False),
        ("loss", "get", False),
        ("metric", "top_5_accuracy", False),
    ],
)
def test_what_is_known(what: str, name: str, is_known: bool) -> None:
    assert keras_names.is_known(what, name) == is_known


def test_reading_them_does_not_import_keras() -> None:
    code = "import sys; from keras_seg.protocol import keras_names as k; assert k.names('loss') and 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SRC)
