"""What somebody may have meant: the one place that compares spellings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 64  # characters of a name that are compared: the time grows with their square, and a name can be anything
_ALIKE = 0.6  # of 1; difflib's own measure for names that look alike


def closest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, whatever its case; None if none looks like it.

    >>> closest("ADAMM", ["SGD", "Adam"])
    'Adam'
    >>> closest("adma", ["Adamax", "Adam"])
    'Adam'
    """
    # Of names that differ in case only, "accuracy" rather than "Accuracy".
    by_lower = {each.lower(): each for each in sorted(known, key=lambda each: (each.islower(), each))}
    given = str(name)[:_LONGEST].lower()
    found = difflib.get_close_matches(given, list(by_lower), n=5, cutoff=_ALIKE)
    swapped = [each for each in found if sorted(each) == sorted(given)]  # which difflib ranks behind what has more letters
    return next((by_lower[each] for each in (*swapped, *found)), None)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the known name closest to `name`, or nothing.

    >>> did_you_mean("metric", ["loss", "metrics"])
    '; did you mean "metrics"?'
    """
    found = closest(name, known)
    return "" if found is None else f'; did you mean "{found}"?'
