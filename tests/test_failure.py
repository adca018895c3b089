"""What is shown of the errors that Keras and TensorFlow raise."""

from __future__ import annotations

import pytest

from keras_seg.server.failure import failure, failure_again, message_of, packed, words_of
from keras_seg.server.interrupts import is_cancellation

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


class PostgreSQL:
    """As much of plpy as errors need."""

    class Error(Exception):
        sqlstate = hint = detail = None

    class SPIError(Exception):
        spidata: tuple[object, ...] = ()

    @classmethod
    def error(cls, message: str, **_: str) -> None:
        raise cls.Error(message)


class Greenplum(PostgreSQL):
    """The same of Greenplum 6."""

    @classmethod
    def error(cls, message: str) -> None:  # type: ignore[override]
        raise cls.Error(message)


def as_read(error: BaseException) -> str:
    """What the server makes of an exception."""
    assert type(error).__module__ == "builtins"
    return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ('automl_params: "eta" must be 2, got {1: 2}', 'automl_params: "eta" must be 2, got {1: 2}'),
        ("2 problems were found:\n  R: one\n  eta: two", "2 problems were found:\n  R: one\n  eta: two"),
        ("the run was deleted", "keras_automl: the run was deleted"),
        ("canceling statement due to user request: f", "canceling statement due to user request: f"),
    ],
)
def test_a_message_is_read_as_it_is(message: str, read: str) -> None:
    made = failure(PostgreSQL, message, "22023", "Do it.")
    assert (as_read(made), made.sqlstate, made.hint) == (read, "22023", "Do it.")  # type: ignore[attr-defined]
    assert isinstance(made, PostgreSQL.Error)
    made = failure(Greenplum, message, "22023", "Do it.")
    assert (as_read(made), made.spidata) == (read, (50856066, None, "Do it.", None, 0))  # type: ignore[attr-defined]
    assert isinstance(made, PostgreSQL.SPIError)


def test_an_error_of_the_server_keeps_all_but_the_statement() -> None:
    error = PostgreSQL.SPIError("duplicate key")
    error.spidata = (83906754, "Key (a)=(1).", None, "INSERT INTO t", 13, "s", "t", None, None, "t_pkey")
    made = failure_again(PostgreSQL, error, "duplicate key")
    assert as_read(made) == "keras_automl: duplicate key"
    assert made.spidata == (83906754, "Key (a)=(1).", None, None, 0, "s", "t", None, None, "t_pkey")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("spiexceptions.UndefinedTable: plpy.Error: keras_automl: nothing: here", "nothing: here"),
        ("setting: plpy.Error: x", "setting: plpy.Error: x"),
    ],
)
def test_words_without_the_classes_before_them(message: str, words: str) -> None:
    assert words_of(PostgreSQL.Error(message)) == words


@pytest.mark.parametrize("text", ["a\0b: c", "\ud800: c"])
def test_what_cannot_be_the_name_of_a_class_stands_behind_ours(text: str) -> None:
    made = failure(PostgreSQL, text, "22023")
    assert (type(made).__name__, str(made)) == ("keras_automl", text)


def test_a_cancellation_is_told_by_its_class_and_where_a_message_is_sent_by_its_sqlstate() -> None:
    def raised(name: str, sqlstate: str | None) -> BaseException:
        kind: type[Exception] = type(name, (Exception,), {"sqlstate": sqlstate})
        return kind("canceling statement due to user request")

    assert is_cancellation(raised("QueryCanceled", None))
    assert is_cancellation(raised("Error", "57014"))  # plpy.Error, of plpy.info
    assert not is_cancellation(raised("Error", "38000"))
    assert not is_cancellation(raised("OperatorError", "57014"))  # what a session of ours says, which somebody cancelled
