"""Grids as text: what is read of a dict of lists, and what every slip is told."""

from __future__ import annotations

import re

import pytest

from automl.errors import AutomlError, UsageError, together
from automl.search.grids import Grid, lists_of, parse_dict


def read(argument: str, text: str | None) -> Grid:
    """Read a grid as the arguments of a search are read; raise all that is wrong with it."""
    problems: list[AutomlError] = []
    grid = lists_of(argument, parse_dict(argument, text), problems)
    if problems:
        raise together(problems)
    return grid


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("{'batch_size': [4, 8], 'epochs': [1]}", {"batch_size": [4, 8], "epochs": [1]}),
        ("\n{'batch_size': [32, 64],\n'epochs': [10, 20]\n}\n", {"batch_size": [32, 64], "epochs": [10, 20]}),
        ("  {\n\t  'lr': [1e-6, -1, None, True, 'a b'],  # a comment\n  }", {"lr": [1e-6, -1, None, True, "a b"]}),
        ("{'metrics': [['accuracy', 'AUC'], []]}", {"metrics": [["accuracy", "AUC"], []]}),
    ],
)
def test_a_grid_is_a_dict_of_lists(text: str, grid: dict[str, object]) -> None:
    assert read("fit_params_grid", text) == grid


NO_DICT = "grid: must be a dict of lists in Python's notation"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[1]", f"{NO_DICT}, with one key at least, got '[1]'", "For example: .*"),
        ("{}", f"{NO_DICT}, with one key at least, got '{{}}'", "For example: .*"),
        ("{'a', 'b'}", f"{NO_DICT}, with one key at least, got \"{{'a', 'b'}}\"", "For example: .*"),
        ("{'a': [1]", f"{NO_DICT}, got \"{{'a': [1]\"", r"Line 1, column 1: .*\."),
        ("{'a':\n[1 2]}", f"{NO_DICT}, got \"{{'a':\\n[1 2]}}\"", r"Line 2, column \d+: .*\."),
        ("{'a': [true]}", f"{NO_DICT}, got \"{{'a': [true]}}\"", ".*: write True for true\\."),
        ("{'a': [adam]}", f"{NO_DICT}, got \"{{'a': [adam]}}\"", ".*: write 'adam' for adam\\."),
        ("{'a': open('x')}", f"{NO_DICT}, got \"{{'a': open('x')}}\"", r"Values must be literals: .*"),
        ("{'a': [1] * 9}", f"{NO_DICT}, got \"{{'a': [1] * 9}}\"", r"Values must be literals: .*"),
        ("{[1]: [2]}", f"{NO_DICT}, got '{{[1]: [2]}}'", r"Values must be literals: .*"),
        ("{**{'a': [1]}}", f"{NO_DICT}, got \"{{**{{'a': [1]}}}}\"", r"Values must be literals: .*"),
        ("{'a': [1], 'b': [{'c': [1], 'c': [2]}]}", "grid: must have each key once; repeated: 'c'", ""),
        ("{1: [2]}", "grid: keys must be names of parameters, got 1", ""),
        ("{'a b': [2]}", "grid: keys must be names of parameters, got 'a b'", ""),
        ("{'epochs': 1}", 'grid: "epochs" must be a list of values, got 1', r"Write a list: \[1\]\."),
        ("{'epochs': (1, 2)}", 'grid: "epochs" must be a list of values, got (1, 2)', r"Write a list: \[1, 2\]\."),
        ("{'epochs': []}", 'grid: "epochs" must have at least one value, got []', ""),
    ],
)
def test_grids_that_break_a_rule(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        read("grid", text)
    assert (error.value.message, error.value.sqlstate) == (message, "22023")
    assert re.fullmatch(hint, error.value.hint or "")


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_grids_that_are_missing(text: str | None) -> None:
    with pytest.raises(UsageError, match=r"^grid: must be a dict of lists in Python's notation, got ") as error:
        read("grid", text)
    assert error.value.sqlstate == "22004"


def test_all_problems_of_a_grid_are_reported_together() -> None:
    with pytest.raises(AutomlError) as error:
        read("grid", "{'a': 1, 'b': [], 'c': [1]}")
    assert error.value.message == (
        '2 problems were found:\n  grid: "a" must be a list of values, got 1\n  grid: "b" must have at least one value, got []'
    )


@pytest.mark.parametrize("text", ["{" * 3000, "-" * 90_000 + "1", "[" * 90_000, "{'a': [0x" + "f" * 5000 + "]}", "\0"])
def test_hostile_grids_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"^grid: must be a dict of lists in Python's notation, got "):
        read("grid", text)


def test_a_grid_that_is_too_long() -> None:
    with pytest.raises(UsageError, match=r"^grid: must have at most 100000 characters, got 100001$"):
        read("grid", "{" + " " * 99_999 + "}")


def test_the_example_is_one_of_the_argument() -> None:
    with pytest.raises(UsageError) as error:
        read("compile_params_grid", "{}")
    assert "'loss'" in str(error.value.hint)
