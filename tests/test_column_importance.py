"""What is said of the importance of columns while it is computed."""

from __future__ import annotations

from typing import cast

import pytest

from automl.columns import importance
from automl.database.session import CallerDatabase


class Said(list[str]):
    def notice(self, message: str) -> None:
        self.append(message)


@pytest.mark.parametrize(
    ("columns", "seconds", "said"),
    [
        (1600, 5.0, ["the importance of 1600 columns takes about 133 min: a smaller sample_size, or fewer repeats, take less"]),
        (20, 4.0, []),  # 80 s
        (1600, 0.01, []),
    ],
)
def test_it_says_once_how_long_it_takes_if_that_is_long(
    columns: int, seconds: float, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, found = [0.0], Said()
    monkeypatch.setattr("automl.columns.importance.time.monotonic", lambda: now[0])
    pace = importance._Pace(cast(CallerDatabase, found), columns)
    for done in range(columns):
        now[0] = done * seconds
        pace.goes_on(done)
    assert found == said
