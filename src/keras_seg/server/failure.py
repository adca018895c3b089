"""What went wrong, as a client can read it: what Keras and TensorFlow say in one line, and an ERROR that ends the statement."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

# How lines begin that TensorFlow and Keras write before and behind what they say: the stack, the operations, the layer.
_AROUND = (
    "Graph execution error",
    "Detected at node",
    'File "',
    "<stack traces",
    "[[{{",
    "Stack trace",
    "Exception encountered",
)
_OURS = "keras_automl"
_CLASSES = re.compile(rf"\A(?:(?:(?:plpy|spiexceptions)\.\w+|{_OURS}): )+")
_BEFORE, _BEHIND = "Exception encountered: ", "Full object config"  # which repeat the configuration of a layer


def message_of(error: BaseException, lines: int | None = None, most: int = 500) -> str:
    """Return in one line what an error says, without what TensorFlow and Keras write before and behind it.

    Args:
        lines: how many of the lines that it says; None for all.
        most: how many characters; what is cut off shows as "...".

    Returns:
        The name of its class where it says nothing.
    """
    said = (line.strip() for line in str(error).rpartition(_BEFORE)[2].partition(_BEHIND)[0].splitlines())
    text = " ".join([line for line in said if line and not line.startswith(_AROUND)][:lines])
    return (text if len(text) <= most else text[:most] + "...") or type(error).__name__


def words_of(error: BaseException) -> str:
    """Return what an error of the server says, without the classes of exceptions that PL/Python writes before it.

    >>> words_of(ValueError("spiexceptions.UndefinedTable: plpy.Error: there is no table"))
    'there is no table'
    """
    return without_class(str(error).strip())


def without_class(message: str) -> str:
    """Return a message of the server without the classes of exceptions before it, each of a PL/Python function it passed."""
    return _CLASSES.sub("", message)


def ends_statements(plpy: Any) -> tuple[type[Exception], type[Exception]]:
    """Return the classes of what ends a statement whatever it does: it is cancelled, its server goes down, a table cannot be
    read. One is of our own making, the other the server's; they have nothing in common."""
    return plpy.Error, plpy.SPIError


def fail(plpy: Any, message: str, sqlstate: str, hint: str | None = None, name: str | None = None) -> None:
    """End the statement with an ERROR; it does not return.

    Args:
        message: what the client reads.
        sqlstate: five characters.
        hint: what to do, if anything can be done.
        name: of the class of the exception, where that is looked at.
    """
    raise failure(plpy, message, sqlstate, hint, name)


def failure(plpy: Any, message: str, sqlstate: str, hint: str | None = None, name: str | None = None) -> Exception:
    """Return the exception that ends the statement with an ERROR; arguments as those of `fail`."""
    try:
        plpy.error(message, sqlstate=sqlstate)
    except TypeError:
        # Greenplum 6: plpy.error takes no keywords. What a statement of its own has failed with passes through whole, so the
        # exception takes that form.
        made = _saying(plpy.SPIError, message, name)
        vars(made).update(spidata=(packed(sqlstate), None, hint, None, 0))
        return made
    except plpy.Error:
        made = _saying(plpy.Error, message, name)
        vars(made).update(sqlstate=sqlstate, hint=hint, detail=None)
        return made
    raise AssertionError("plpy.error has returned")


def failure_again(plpy: Any, error: Any, message: str) -> Exception:
    """Return the exception that ends the statement as a statement in it has ended, without the text of that.

    Args:
        error: what plpy has raised for it.
        message: what the client reads.
    """
    made = _saying(plpy.SPIError, message)
    state, detail, hint, _query, _position, *objects = error.spidata
    vars(made).update(spidata=(state, detail, hint, None, 0, *objects))
    return made


def _saying(kind: type[Exception], message: str, name: str | None = None) -> Exception:
    """Return an exception whose message the client reads as it is.

    PL/Python writes the class of an exception, a colon and a blank before what it says. So the class is called what stands
    before the first colon of the message, most often the argument that is wrong; where there is none, after us.
    """
    before, colon, behind = message.partition(": ") if name is None else (name, ": ", message)
    if not (colon and _names_a_class(before)):
        before, behind = _OURS, message
    made: Exception = type(before, (kind,), {"__module__": "builtins"})(behind)
    return made


def _names_a_class(text: str) -> bool:
    """Return whether a class can be called so: it is UTF-8 without a zero byte."""
    with suppress(UnicodeEncodeError):
        return b"\0" not in text.encode()
    return False


def packed(sqlstate: str) -> int:
    """Return an SQLSTATE as the server keeps it: six bits a character.

    >>> packed("42P01")
    16908420
    """
    return sum((ord(character) - ord("0") & 63) << 6 * place for place, character in enumerate(sqlstate))
