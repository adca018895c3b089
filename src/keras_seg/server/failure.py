"""What went wrong, as a client can read it: what Keras and TensorFlow say in one line, and an ERROR that ends the statement."""

from __future__ import annotations

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


def fail(plpy: Any, message: str, sqlstate: str, hint: str | None = None, name: str = "keras_automl") -> None:
    """End the statement with an ERROR; it does not return.

    Args:
        message: what the client reads first.
        sqlstate: five characters.
        hint: what to do, if anything can be done.
        name: what stands before the message where the server writes the class of an exception there.
    """
    details = {"hint": hint} if hint else {}
    with suppress(TypeError):
        plpy.error(message, sqlstate=sqlstate, **details)
    # Greenplum 6: plpy.error takes no keywords. What a statement of its own has failed with passes through whole, so the
    # exception takes that form. The server writes its class before the message: hence the name.
    error = type(name, (plpy.SPIError,), {"__module__": "builtins"})(message)
    error.spidata = (packed(sqlstate), None, hint, None, 0)
    raise error


def packed(sqlstate: str) -> int:
    """Return an SQLSTATE as the server keeps it: six bits a character.

    >>> packed("42P01")
    16908420
    """
    return sum((ord(character) - ord("0") & 63) << 6 * place for place, character in enumerate(sqlstate))
