"""The keys of `automl_params` that every method has."""

from __future__ import annotations

import pytest

from automl.errors import AutomlError
from automl.search.directions import Direction
from automl.search.methods import METHODS
from automl.search.steering import Keep, Steering, StopRule, Wanted


def steering(text: str | None) -> Steering:
    return METHODS["hyperband"].read(text)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Steering()),
        ("R=9", Steering()),
        ("objective=accuracy", Steering(objective=Wanted("accuracy"))),
        ("R=9, Objective = max:Revenue", Steering(objective=Wanted("Revenue", Direction.MAX))),
        ("objective=MIN: validation_mae", Steering(objective=Wanted("validation_mae", Direction.MIN))),
        (
            "objective=AUC(curve='PR', num_thresholds=50), R=9",
            Steering(objective=Wanted("AUC(curve='PR', num_thresholds=50)")),
        ),
        ("keep=Best", Steering(keep=Keep.BEST)),
        ("keep='last'", Steering()),
        ("trial_patience=3", Steering(trial_patience=3)),
        ("stop=median", Steering(stop=StopRule(50))),
        ("stop=Percentile 25", Steering(stop=StopRule(25))),
        ("stop='percentile 12.5'", Steering(stop=StopRule(12.5))),
        ("max_time=20 min", Steering(max_time=1200)),
        ("max_time='1 h 30 min'", Steering(max_time=5400)),
        ("max_time=1.5 hours", Steering(max_time=5400)),
        ("max_time=00:00:45", Steering(max_time=45)),
        ("max_time=2 days", Steering(max_time=172800)),
        ("max_time=90s", Steering(max_time=90)),
        ("max_trials=7, patience=4", Steering(max_trials=7, patience=4)),
        ("target=-1.5e-3", Steering(target=-0.0015)),
        ("decisions=137", Steering(decisions=137)),
        ("trials_per_config=3, Folds=5", Steering(trials_per_config=3, folds=5)),
        ("trials_per_config=1", Steering()),
    ],
)
def test_each_key_is_read(text: str | None, expected: Steering) -> None:
    assert steering(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective=best:accuracy", '"objective" must be the name of the loss or of a metric, with min: or max: before'),
        ("objective=max:", '"objective" must be the name of the loss'),
        ("objective=a b", '"objective" must be the name of the loss'),
        ("keep=first", "\"keep\" must be 'last' or 'best', got 'first'"),
        ("trial_patience=0", "\"trial_patience\" must be an integer from 1 to 1000000, got '0'"),
        ("trial_patience=1.5", "\"trial_patience\" must be an integer from 1 to 1000000, got '1.5'"),
        ("stop=mean", "\"stop\" must be 'median', or 'percentile' with a number above 0 and below 100 behind it, got 'mean'"),
        ("stop=percentile 100", "\"stop\" must be 'median', or .*, got 'percentile 100'"),
        ("stop=percentile", "\"stop\" must be 'median', or .*, got 'percentile'"),
        ("stop=percentile nan", "\"stop\" must be 'median', or .*, got 'percentile nan'"),
        ("max_time=20", "\"max_time\" must be a time above 0 with its unit .s, min, h or d., of at most 366 days, got '20'"),
        ("max_time=0 s", "\"max_time\" must be a time above 0 .*, got '0 s'"),
        ("max_time=-5 min", "\"max_time\" must be a time above 0 .*, got '-5 min'"),
        ("max_time=9 years", "\"max_time\" must be a time above 0 .*, got '9 years'"),
        ("max_time=00:99:99", "\"max_time\" must be a time above 0 .*, got '00:99:99'"),
        ("max_time=01:60", "\"max_time\" must be a time above 0 .*, got '01:60'"),
        ("max_time=400 d", "\"max_time\" must be a time above 0 .*, got '400 d'"),
        ("max_trials=0", "\"max_trials\" must be an integer from 1 to 100000, got '0'"),
        ("target=inf", "\"target\" must be a finite number, got 'inf'"),
        ("target=high", "\"target\" must be a finite number, got 'high'"),
        ("patience=-1", "\"patience\" must be an integer from 1 to 100000, got '-1'"),
        ("decisions=0", "\"decisions\" must be an integer from 1 to 2147483647, got '0'"),
        ("trial_patence=3", '"trial_patence" is not one of .*; did you mean "trial_patience"?'),
        ("keep=best, Keep=last", '"keep" must be given once'),
        ("keep='best", "\"keep\" must be 'last' or 'best', got"),
    ],
)
def test_a_value_that_breaks_its_rule_is_an_error(text: str, message: str) -> None:
    with pytest.raises(AutomlError, match=f"^automl_params: {message}") as error:
        steering(text)
    assert error.value.sqlstate == "22023"


def test_problems_of_the_method_and_of_every_method_are_told_together() -> None:
    with pytest.raises(AutomlError) as error:
        steering("R=x, keep=first, target=high")
    assert error.value.message.splitlines()[0] == "3 problems were found:"
