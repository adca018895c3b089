"""Ending a statement with an ERROR that a client can read: message, SQLSTATE and hint, in every dialect of PL/Python."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def fail(plpy: Any, message: str, sqlstate: str, hint: str | None = None, name: str = "keras_automl") -> None:
    """End the statement with an ERROR.

    Args:
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
