"""What steers a search whatever its method: what is good, what is kept, when a trial or the search ends, how often it tries.

These keys stand in `automl_params` beside those of the method: `R=9, eta=3, objective=accuracy, keep=best, max_time=20 min`.
Where one is left out, the search is as the page has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automl.errors import Problems, UsageError
from automl.search.directions import Direction
from automl.search.limits import (
    LARGEST_INTEGER,
    MOST_CONFIGURATIONS,
    MOST_FOLDS,
    MOST_ITERATIONS,
    MOST_SECONDS,
    MOST_TRIES,
)
from automl.search.literals import call_of
from automl.search.pairs import AUTOML_PARAMS, INTEGER
from automl.search.tries import Tries


class Keep(StrEnum):
    """Which state of a trial is delivered."""

    LAST = "last"
    BEST = "best"


@dataclass(frozen=True)
class Wanted:
    """What ranks trials, as it was written: `accuracy`, `max:validation_revenue`, `AUC(curve='PR')`.

    Attributes:
        name: of the loss or a metric, perhaps behind the name of a dataset.
        direction: None where it was not said.
    """

    name: str = "loss"
    direction: Direction | None = None


@dataclass(frozen=True)
class StopRule:
    """When a trial is stopped because earlier ones did better at the same iteration.

    Attributes:
        kept: percent of those trials that it must be among to go on, above 0 and below 100: 50 is the better half.
    """

    kept: float


@dataclass(frozen=True)
class Steering:
    """What steers a search, whatever its method. As it is made it changes nothing.

    Attributes:
        objective: what ranks trials.
        keep: which state of a trial is delivered: that of its last iteration, or of its best evaluated one.
        trial_patience: evaluations in a row without a better value after which a trial ends.
        stop: when a trial ends because of other ones.
        max_time: seconds of training after which no further decision is taken.
        max_trials: trials that are begun at most.
        target: value of the objective that ends the search.
        patience: trials in a row without a better value after which the search ends.
        decisions: how many decisions are taken at most: what an earlier run took repeats it.
        trials_per_config: how often each configuration is tried, or with folds each of them.
        folds: in how many parts the rows are divided, each of which is held out once; None for none.
    """

    objective: Wanted = Wanted()
    keep: Keep = Keep.LAST
    trial_patience: int | None = None
    stop: StopRule | None = None
    max_time: float | None = None
    max_trials: int | None = None
    target: float | None = None
    patience: int | None = None
    decisions: int | None = None
    trials_per_config: int = 1
    folds: int | None = None

    @property
    def tries(self) -> Tries:
        """How often each configuration is tried, and on which rows."""
        return Tries(self.trials_per_config, self.folds)

    @property
    def bounded(self) -> bool:
        """Whether the search may end before its plan does, or a trial because of others: then their order matters."""
        budgets = self.max_time, self.max_trials, self.target, self.patience, self.decisions, self.stop
        return any(each is not None for each in budgets)


def parse_steering(given: Mapping[str, str]) -> Steering:
    """Read the keys that every method has, each as it was written.

    Raises:
        UsageError: a value is unreadable or out of range.
        AutomlError: several of these.
    """
    problems = Problems()
    read = {key: problems.attempt(lambda key=key: _RULES[key].read(key, given[key])) for key in given}  # type: ignore[misc]
    problems.stop()
    return Steering(**{key: each.value for key, each in read.items()})


# --- how each key is read -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """What the value of a key must be.

    Attributes:
        text: the rest of a sentence that starts with the key.
        parse: reads the value; None where it breaks the rule.
        hint: an example, where the rule alone leaves one wanting.
    """

    text: str
    parse: Callable[[str], Any]
    hint: str | None = None

    def read(self, key: str, value: str) -> Any:
        """Return the value that a text stands for."""
        found = self.parse(_unquoted(value))
        if found is None:
            raise UsageError(AUTOML_PARAMS, f'"{key}" {self.text}', value, hint=self.hint)
        return found


def _integer(least: int, most: int) -> _Rule:
    def parse(text: str) -> int | None:
        return int(text) if INTEGER.fullmatch(text) and least <= int(text) <= most else None

    return _Rule(f"must be an integer from {least} to {most}", parse)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1].strip() if quoted else text


def _wanted(text: str) -> Wanted | None:
    """Read `name`, `min:name` or `max:name`."""
    before, colon, behind = text.partition(":")
    name = (behind if colon else before).strip()
    direction = before.strip().lower()
    if call_of(name) is None or (colon and direction not in tuple(Direction)):
        return None
    return Wanted(name, Direction(direction) if colon else None)


def _stop(text: str) -> StopRule | None:
    """Read `median`, or `percentile 25`."""
    word, _, number = text.lower().partition(" ")
    if word == "median" and not number:
        return StopRule(50.0)
    percent = _number(number.strip()) if word == "percentile" else None
    return StopRule(percent) if percent is not None and 0 < percent < 100 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?")
_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\s*")


def _seconds(text: str) -> float | None:
    """Read `20 min`, `1 h 30 min`, or `01:30:00`."""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = (int(each or 0) for each in clock.groups())
        return _duration(hours * 3600.0 + minutes * 60 + seconds)
    found = [
        (float(number), unit if unit in _SECONDS else unit.removesuffix("s")) for number, unit in _AMOUNT.findall(text.lower())
    ]
    if _AMOUNT.sub("", text.lower()).strip() or not all(unit in _SECONDS for _, unit in found):
        return None
    return _duration(sum(number * _SECONDS[unit] for number, unit in found))


def _duration(seconds: float) -> float | None:
    return seconds if 0 < seconds <= MOST_SECONDS else None


_RULES: Mapping[str, _Rule] = {
    "objective": _Rule(
        "must be the name of the loss or of a metric, with min: or max: before it where its direction is not known",
        _wanted,
        "For example: objective=accuracy, objective=training_loss, or objective=max:my_metric",
    ),
    "keep": _Rule("must be 'last' or 'best'", lambda text: Keep(text.lower()) if text.lower() in tuple(Keep) else None),
    "trial_patience": _integer(1, MOST_ITERATIONS),
    "stop": _Rule(
        "must be 'median', or 'percentile' with a number above 0 and below 100 behind it", _stop, "stop=percentile 25"
    ),
    "max_time": _Rule(
        f"must be a time above 0 with its unit (s, min, h or d), of at most {MOST_SECONDS // 86400} days",
        _seconds,
        "max_time=20 min",
    ),
    "max_trials": _integer(1, MOST_CONFIGURATIONS),
    "target": _Rule("must be a finite number", _number),
    "patience": _integer(1, MOST_CONFIGURATIONS),
    "decisions": _integer(1, LARGEST_INTEGER),
    "trials_per_config": _integer(1, MOST_TRIES),
    "folds": _integer(2, MOST_FOLDS),
}
KEYS = tuple(_RULES)
MAX_TIME = "max_time"
BUDGETS = (MAX_TIME, "max_trials", "target", "patience", "decisions")  # that a run can go on by others of
