"""What a trial is worth, which of its states is delivered, and when it ends: by its own evaluations alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from automl.search.directions import Direction
from automl.search.objective import Objective
from automl.search.parameters import CompileParams, parse_fit_params
from automl.search.steering import Keep, Steering
from automl.training.curves import Course, Evaluation, LearningCurve, Measure

NAN, INF = math.nan, math.inf
COMPILED = CompileParams("Adam", {}, "mse", ("mae", "accuracy"))
ACCURACY = Objective("accuracy", "validation", Direction.MAX)
LOSS = Objective("loss", "training")


def curve(
    losses: Sequence[float],
    objective: Objective = LOSS,
    callbacks: str = "None",
    metrics: Sequence[float] = (),
    **steering: object,
) -> LearningCurve:
    """A curve of these training losses; the validation accuracies are `metrics`."""
    course = Course.of(objective, Steering(**steering), COMPILED, parse_fit_params(f"callbacks={callbacks}"))  # type: ignore[arg-type]
    found = LearningCurve(course)
    for at, loss in enumerate(losses, 1):
        accuracy = metrics[at - 1] if metrics else 0.5
        found.evaluations.append(Evaluation(at, 0.0, (loss, (9.0, 9.0)), (loss, (9.0, accuracy))))
    return found


def place(found: LearningCurve) -> int | None:
    return None if found.delivered is None else found.delivered.iteration


def test_values_are_shown_and_scores_rank() -> None:
    found = curve([0.3, 0.2], ACCURACY, metrics=[0.7, 0.9])
    assert (found.value, found.score, found.loss) == (0.9, -0.9, 0.2)
    assert Measure("training").score(found.evaluations[0]) == 0.3


@pytest.mark.parametrize("loss", [NAN, INF])
def test_a_metric_of_a_loss_that_is_no_number_counts_for_nothing(loss: float) -> None:
    found = curve([0.3, loss], ACCURACY, metrics=[0.7, 0.99])
    assert found.value is not None
    assert math.isnan(found.value)
    assert found.is_over
    assert curve([0.3, loss], ACCURACY, metrics=[0.7, 0.99], keep=Keep.BEST).value == 0.7


@pytest.mark.parametrize(
    ("losses", "last", "best"),
    [([], None, None), ([0.5], 1, 1), ([0.5, 0.3, 0.4, 0.3], 4, 2), ([NAN, 0.5, 0.6], 3, 2), ([0.4, NAN], 2, 1)],
)
def test_the_last_state_is_delivered_or_the_first_of_the_best(losses: list[float], last: int | None, best: int | None) -> None:
    assert (place(curve(losses)), place(curve(losses, keep=Keep.BEST))) == (last, best)


def test_without_a_number_the_last_one_is_delivered_and_none_is_the_best() -> None:
    found = curve([NAN, NAN], keep=Keep.BEST)
    assert (place(found), found.best) == (2, None)


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([0.5], False),
        ([0.5, 0.5], False),
        ([0.5, 0.5, 0.6], True),
        ([0.5, 0.6, 0.4, 0.5], False),
        ([0.5, 0.4, 0.45, 0.41], True),
    ],
)
def test_a_trial_ends_after_two_evaluations_without_a_better_one(losses: list[float], over: bool) -> None:
    assert curve(losses, trial_patience=2).is_over is over
    assert not curve(losses).is_over


def test_what_was_known_after_an_iteration() -> None:
    found = curve([0.5, 0.4, 0.45, 0.46], trial_patience=2, keep=Keep.BEST)
    assert (found.is_over, found.until(3).is_over, found.until(1).score) == (True, False, 0.5)


def test_callbacks_look_at_what_they_monitor() -> None:
    stopping = "[EarlyStopping(monitor='val_accuracy', patience=2, restore_best_weights=True)]"
    found = curve([0.5, 0.4, 0.3, 0.2], callbacks=stopping, metrics=[0.6, 0.8, 0.7, 0.8])
    assert (found.is_over, place(found), found.score) == (True, 2, 0.4)
    assert place(curve([0.5, 0.4, 0.3, 0.2], callbacks=stopping, metrics=[0.6, 0.8, 0.7, 0.8], keep=Keep.BEST)) == 4
    plateau = "[ReduceLROnPlateau(monitor='loss', patience=1)]"
    assert [curve([0.5, 0.4, 0.4, 0.4, 0.3][:count], callbacks=plateau).rate_cuts for count in range(6)] == [0, 0, 0, 1, 2, 2]


def test_what_is_said_follows_each_evaluation() -> None:
    found = curve([0.5], keep=Keep.BEST)
    assert found.score == 0.5
    found.evaluations.append(Evaluation(2, 0.0, (0.1, ()), None))
    assert found.score == 0.1


def test_a_trial_that_failed_is_worth_nothing_and_has_its_state() -> None:
    found = curve([0.5, 0.4])
    found.error = "ValueError"
    assert [found.score, place(found)] == [None, 2]
