"""The parameters of a method, `automl_params`: the text of pairs, `R=9, eta=3, skip_last=0`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from automl.errors import UsageError
from automl.search.rules import PAIRS, refuse_unknown

AUTOML_PARAMS = "automl_params"
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def parse_pairs(argument: str, text: str | None, known: Iterable[str]) -> dict[str, str]:
    """Read `key=value, key=value`; the keys in any case, returned as `known` spells them.

    What stands in brackets or quotes belongs to the value: `objective=AUC(curve='PR', num_thresholds=50)`.

    Args:
        argument: the SQL argument it came in, for errors.
        text: the pairs; NULL or nothing but blanks means none.
        known: the keys there are.

    Raises:
        UsageError: not such pairs, an unknown key (names the closest), or a key given twice.
        AutomlError: several of these at once.
    """
    spelled = {key.lower(): key for key in known}
    pairs = split_pairs(argument, text)
    keys = [spelled.get(key.lower(), key) for key, _ in pairs]
    refuse_unknown(argument, keys, spelled.values())
    return dict(zip(keys, (value for _, value in pairs), strict=True))


def split_pairs(argument: str, text: str | None) -> list[tuple[str, str]]:
    """Return the keys and values of such a text as they are written.

    Raises:
        UsageError: not such pairs.
    """
    if text is None or not text.strip():
        return []
    pairs = [tuple(side.strip() for side in _split(part, "=")) for part in _split(text, ",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise UsageError(argument, PAIRS, text)
    return [(key, value) for key, value in pairs]


def _split(text: str, separator: str) -> list[str]:
    """Split a text at a character, but not within brackets or quotes."""
    cuts, depth, quote = [-1], 0, ""
    for at, each in enumerate(text):
        if quote:
            quote = "" if each == quote else quote
        elif each in "'\"":
            quote = each
        elif each in "()[]":
            depth += 1 if each in "([" else -1
        elif each == separator and depth == 0:
            cuts.append(at)
    return [text[begin + 1 : end] for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
