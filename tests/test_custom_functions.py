"""Pickles of custom functions: those of ours that tables still name by a former place, and what cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from keras_seg.protocol.custom_functions import MOVED, CustomProblem, Functions
from keras_seg.server import top_k

SRC = Path(__file__).resolve().parent.parent / "src"
# What load_top_k_accuracy_function of 0.1.0 wrote for k = 2.
TOP_2_OF_0_1_0 = (
    b"\x80\x04\x95T\x00\x00\x00\x00\x00\x00\x00\x8c\tfunctools\x94\x8c\x07partial\x94\x93\x94\x8c\x10keras_seg.custom\x94"
    b"\x8c\x0etop_k_accuracy\x94\x93\x94\x85\x94R\x94(h\x05)}\x94\x8c\x01k\x94K\x02sNt\x94b."
)


def test_a_function_that_has_moved_is_found() -> None:
    function = Functions({"top_2_accuracy": TOP_2_OF_0_1_0})["top_2_accuracy"]
    assert (function.func, function.keywords) == (top_k.top_k_accuracy, {"k": 2})


def test_a_function_that_has_moved_works() -> None:
    tf = pytest.importorskip("tensorflow")
    function = Functions({"top_2_accuracy": TOP_2_OF_0_1_0})["top_2_accuracy"]
    labels, outputs = tf.eye(3), tf.constant([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    assert function(labels, outputs).numpy().tolist() == [1, 1, 0]


def test_what_has_moved_is_where_the_table_says() -> None:
    assert all(callable(getattr(import_module(module), name)) for module, name in MOVED.values())


def test_what_is_written_today_names_the_place_of_today() -> None:
    raw = top_k.pickled(3)
    assert b"keras_seg.server.top_k" in raw
    function = Functions({"top_3_accuracy": raw})["top_3_accuracy"]
    assert (function.func, function.keywords) == (top_k.top_k_accuracy, {"k": 3})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"ckeras_seg.custom\nread\n.", "cannot be unpickled here: ModuleNotFoundError: No module named 'keras_seg.custom'"),
        (b"cnot_there\nfunction\n.", "cannot be unpickled here: ModuleNotFoundError: No module named 'not_there'"),
        (b"I7\n.", "must be a function, and is of the type int"),
    ],
)
def test_what_is_not_there_is_named(raw: bytes, message: str) -> None:
    with pytest.raises(CustomProblem, match=f'^custom function "f" {message}$'):
        Functions({"f": raw})["f"]


def test_neither_loading_nor_writing_one_imports_keras() -> None:
    program = (
        "import sys\n"
        "from keras_seg.protocol.custom_functions import Functions\n"
        "from keras_seg.server import top_k\n"
        "Functions({'f': top_k.pickled(2)})['f']\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=SRC)
