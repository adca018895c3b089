"""Grids: the text of a dict of lists, such as `{'loss': ['mse'], 'optimizer_params_list': [...]}`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import cast

from automl.errors import NULL_VALUE_NOT_ALLOWED, AutomlError, UsageError, shown
from automl.search.limits import LONGEST_TEXT
from automl.search.literals import UNPARSABLE, is_name, literal_hint, literal_of, syntax_hint

Grid = dict[str, list[object]]

_DICT = "must be a dict of lists in Python's notation"
_EXAMPLE = "For example: {'batch_size': [8, 16], 'epochs': [1]}"
_EXAMPLES = {
    "compile_params_grid": "For example: {'loss': ['categorical_crossentropy'], 'optimizer_params_list': [{'lr': [0.01, 0.1]}]}"
}


def parse_dict(argument: str, text: str | None) -> dict[object, object]:
    """Read the text of a dict of literals, without a look at its keys and values.

    Raises:
        UsageError: it is NULL or empty, no such dict, an empty dict, or a key stands in it twice.
    """
    if text is None or not text.strip():
        raise UsageError(argument, _DICT, text, hint=_EXAMPLES.get(argument, _EXAMPLE), sqlstate=NULL_VALUE_NOT_ALLOWED)
    tree = _parsed(argument, text.strip())
    if not isinstance(tree, ast.Dict) or not tree.keys:
        raise UsageError(argument, _DICT + ", with one key at least", text, hint=_EXAMPLES.get(argument, _EXAMPLE))
    _refuse_repeated_keys(argument, tree)
    try:
        return cast(dict[object, object], literal_of(tree))
    except UNPARSABLE:
        raise UsageError(argument, _DICT, text, hint=literal_hint(tree)) from None


def lists_of(argument: str, given: Mapping[object, object], problems: list[AutomlError], where: str = "") -> Grid:
    """Return the entries whose key is a name and whose value is a list with elements; the others become problems.

    Args:
        where: leads to the dict, for errors: `"optimizer_params_list" entry 1: `.
    """
    grid: Grid = {}
    for key, value in given.items():
        if not isinstance(key, str) or not is_name(key):
            problems.append(UsageError(argument, f"{where}keys must be names of parameters", key))
        elif not isinstance(value, list):
            hint = f"Write a list: {shown(list(value) if isinstance(value, tuple) else [value])}."
            problems.append(UsageError(argument, f'{where}"{key}" must be a list of values', value, hint=hint))
        elif not value:
            problems.append(UsageError(argument, f'{where}"{key}" must have at least one value', value))
        else:
            grid[key] = value
    return grid


def _parsed(argument: str, text: str) -> ast.expr:
    if len(text) > LONGEST_TEXT:
        raise UsageError(argument, f"must have at most {LONGEST_TEXT} characters", len(text))
    try:
        return ast.parse(text, mode="eval").body
    except UNPARSABLE as error:
        raise UsageError(argument, _DICT, text, hint=syntax_hint(error)) from None


def _refuse_repeated_keys(argument: str, tree: ast.Dict) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [repr(key.value) for key in node.keys if isinstance(key, ast.Constant)]
            repeated = sorted({key for key in keys if keys.count(key) > 1})
            if repeated:
                raise UsageError(argument, f"must have each key once; repeated: {', '.join(repeated)}")
