"""What automl_plan has told of a call, for the record of the call that follows."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from automl.training.estimates import digest_of, estimate_of, keep
from automl.training.request import Arguments
from automl.training.rows import Estimate

GIVEN = Arguments("train", "made", "lib", "best", [1], "{}", "{}", "hyperopt", random_state=3)


class Plans:
    """A session whose table of plans is a list."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if sql.startswith("INSERT"):
            self.rows.append(values)
            return []
        names = "estimated_seconds", "estimated_bytes", "estimated_memory_mb"
        return [dict(zip(names, row[1:], strict=True)) for row in reversed(self.rows) if row[0] == values[0]][:1]


def estimated(given: Arguments, inputs: str = "rows", sessions: int = 2) -> Estimate:
    """What stands beside a call where the plan of `GIVEN` was asked for twice."""
    plans: Any = Plans()
    for seconds in (1.0, 2.5):
        keep(plans, digest_of(asdict(GIVEN), "rows", 2), seconds, 700, 600)
    return estimate_of(plans, digest_of(asdict(given), inputs, sessions))


@pytest.mark.parametrize(
    "given", [GIVEN, replace(GIVEN, model_output_table="m", model_selection_table="s", name="n", random_state=4)]
)
def test_a_call_of_the_same_is_estimated_as_it_was_told_last(given: Arguments) -> None:
    assert estimated(given) == Estimate(estimated_seconds=2.5, estimated_bytes=700, estimated_memory_mb=600)


@pytest.mark.parametrize(
    ("given", "inputs", "sessions"),
    [(replace(GIVEN, automl_params="num_configs=3"), "rows", 2), (GIVEN, "rows since packed again", 2), (GIVEN, "rows", 3)],
    ids=["arguments", "inputs", "sessions"],
)
def test_a_call_of_something_else_is_not(given: Arguments, inputs: str, sessions: int) -> None:
    assert estimated(given, inputs, sessions) == Estimate()
