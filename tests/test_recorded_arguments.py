"""The arguments of a run, read from its record when it goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from automl.errors import UsageError
from automl.training.request import Arguments
from automl.training.resume import arguments_of, given_of
from automl.training.rows import RunRow

GIVEN = Arguments("train", "made", "lib", "best", [1], "{}", "{}", "hyperopt", random_state=3)


def read(given: dict[str, Any]) -> object:
    return arguments_of(1, Arguments, json.dumps(given))


def test_arguments_are_read_as_they_were_given() -> None:
    assert read(asdict(GIVEN)) == GIVEN


def test_an_argument_that_came_later_has_its_default() -> None:
    assert read({key: value for key, value in asdict(GIVEN).items() if key != "use_caching"}) == GIVEN


@pytest.mark.parametrize(
    ("recorded", "in_force"), [(None, "R=9, max_trials=4"), ("R=9, max_time=10 min", "R=9, max_time=10 min"), ("", "")]
)
def test_the_budgets_are_those_that_the_run_was_resumed_by(recorded: str | None, in_force: str) -> None:
    given = replace(GIVEN, automl_params="R=9, max_trials=4")
    row = RunRow(
        "hyperopt", "R=9", None, "train", "made", json.dumps(asdict(given)), None, 1, 1, 2, "running", "then", None, recorded
    )
    assert given_of(1, row) == replace(given, automl_params=in_force)


@pytest.mark.parametrize(
    "change",
    [lambda given: given.pop("source_table"), lambda given: given.update(eta=3), lambda given: given.update(random_state="3")],
    ids=["missing", "unknown", "another type"],
)
def test_arguments_that_nobody_gave(change: Any) -> None:
    given = asdict(GIVEN)
    change(given)
    with pytest.raises(UsageError, match=r"^run_id: the record of run 1 does not say what was called$"):
        read(given)
