"""What is shown of the errors that Keras and TensorFlow raise."""

from __future__ import annotations

import pytest

from keras_seg.server.failure import message_of, packed

GRAPH = """Graph execution error:

Detected at node Assert/Assert defined at (most recent call last):
  File "/usr/lib/python3.11/runpy.py", line 196, in _run_module_as_main
  File "<stdin>", line 1, in <module>

assertion failed: [eight rows]
\t [[{{node Assert/Assert}}]] [Op:__inference_step_51]"""
CALL = """Exception encountered when calling Dense.call().

Matrix size-incompatible: In[0]: [2,3], In[1]: [4,5]

Arguments received by Dense.call():
  inputs=tf.Tensor(shape=(2, 3), dtype=float32)"""
MADE = """<class 'keras.src.layers.core.dense.Dense'> could not be deserialized properly. Please ensure that it is.

config={'module': 'keras.layers', 'class_name': 'Dense'}.

Exception encountered: Received an invalid value for `units`, expected a positive integer. Received: units=-3"""
UNKNOWN = "Could not locate class 'Mine'. Make sure it is registered. Full object config: {'class_name': 'Mine'}"


@pytest.mark.parametrize(
    ("said", "lines", "message"),
    [
        ("one line", None, "one line"),
        ("  one\n\n  two  \n", None, "one two"),
        ("  one\n\n  two  \n", 1, "one"),
        ("File not found: x", None, "File not found: x"),
        ("", None, "ValueError"),
        (" \n ", 1, "ValueError"),
        ("Graph execution error:\n\nStack trace for op definition:", None, "ValueError"),
        (GRAPH, None, "assertion failed: [eight rows]"),
        (GRAPH, 1, "assertion failed: [eight rows]"),
        (CALL, 1, "Matrix size-incompatible: In[0]: [2,3], In[1]: [4,5]"),
        (MADE, None, "Received an invalid value for `units`, expected a positive integer. Received: units=-3"),
        (UNKNOWN, None, "Could not locate class 'Mine'. Make sure it is registered."),
    ],
)
def test_what_an_error_says(said: str, lines: int | None, message: str) -> None:
    assert message_of(ValueError(said), lines) == message


def test_a_long_message_is_cut() -> None:
    assert message_of(ValueError("x" * 500)) == "x" * 500
    assert message_of(ValueError("x" * 501)) == "x" * 500 + "..."
    assert message_of(ValueError("x" * 501), most=3) == "xxx..."


def test_an_sqlstate_is_packed_as_the_server_has_it() -> None:
    assert [packed(state) for state in ("00000", "42P01", "22023")] == [0, 16908420, 50856066]
