"""What ranks trials: which metric is meant, of which table, and which of its values are better."""

from __future__ import annotations

import inspect

import keras
import pytest

from automl.errors import UsageError
from automl.search.directions import Direction, direction_of
from automl.search.objective import Objective, resolve
from automl.search.parameters import CompileParams
from automl.search.steering import Wanted
from keras_seg.protocol import keras_names

MIN, MAX = Direction.MIN, Direction.MAX


def compiled(*lists: tuple[str, ...]) -> list[CompileParams]:
    return [CompileParams("Adam", {}, "mse", metrics) for metrics in lists]


@pytest.mark.parametrize(
    ("wanted", "metrics", "expected", "place"),
    [
        (Wanted(), (), Objective("loss", "validation", MIN), None),
        (Wanted("Loss"), (), Objective("loss", "validation", MIN), None),
        (Wanted("training_loss"), (), Objective("loss", "training", MIN), None),
        (Wanted("loss", MAX), (), Objective("loss", "validation", MAX), None),
        (Wanted("accuracy"), ("mae", "accuracy"), Objective("accuracy", "validation", MAX), 1),
        (Wanted("acc"), ("accuracy",), Objective("acc", "validation", MAX), 0),
        (Wanted("val_accuracy"), ("accuracy",), Objective("accuracy", "validation", MAX), 0),
        (Wanted("train_mae"), ("MeanAbsoluteError",), Objective("mae", "training", MIN), 0),
        (Wanted("auc"), ("accuracy", "AUC(curve='PR')"), Objective("auc", "validation", MAX), 1),
        (Wanted('AUC(curve="PR")'), ("AUC", "AUC(curve='PR')"), Objective('AUC(curve="PR")', "validation", MAX), 1),
        (Wanted("AUC"), ("AUC(curve='PR')", "AUC"), Objective("AUC", "validation", MAX), 1),
        (Wanted("pr"), ("AUC", "AUC(curve='PR', name='pr')"), Objective("pr", "validation", MAX), 1),
        (Wanted("revenue", MAX), ("revenue",), Objective("revenue", "validation", MAX), 0),
        (Wanted("training_gap", MIN), ("training_gap",), Objective("training_gap", "validation", MIN), 0),
        (Wanted("accuracy", MIN), ("accuracy",), Objective("accuracy", "validation", MIN), 0),
    ],
)
def test_which_objective_is_meant(wanted: Wanted, metrics: tuple[str, ...], expected: Objective, place: int | None) -> None:
    found = resolve(wanted, compiled(metrics), "validation")
    assert found == expected
    assert found.place(*compiled(metrics)) == place


def test_a_metric_may_stand_at_another_place_in_each_configuration() -> None:
    several = compiled(("accuracy", "AUC"), ("AUC",))
    objective = resolve(Wanted("AUC"), several, "training")
    assert [objective.place(each) for each in several] == [1, 0]


@pytest.mark.parametrize(
    ("wanted", "lists", "message"),
    [
        (Wanted("validation_loss"), [()], "\"objective\" is of the validation table, and there is none, got 'validation_loss'"),
        (Wanted("accuracy"), [()], "\"objective\" must be one of loss, got 'accuracy'"),
        (Wanted("acuracy"), [("accuracy", "AUC")], "\"objective\" must be one of loss, accuracy, AUC, got 'acuracy'"),
        (
            Wanted("AUC(curve='ROC')"),
            [("AUC(curve='PR')",)],
            "\"objective\" must be one of loss, AUC(curve='PR'), got \"AUC(curve='ROC')\"",
        ),
        (
            Wanted("AUC"),
            [("AUC",), ("accuracy",)],
            "\"objective\" must be a metric of every configuration; one has the metrics ['accuracy'], got 'AUC'",
        ),
        (
            Wanted("auc"),
            [("AUC(curve='PR')", "AUC(num_thresholds=50)")],
            "\"objective\" must be one metric, and auc can be AUC(curve='PR'), AUC(num_thresholds=50), got 'auc'",
        ),
        (
            Wanted("revenue"),
            [("revenue",)],
            "\"objective\" must say which values of revenue are better, the small or the large ones, got 'revenue'",
        ),
    ],
)
def test_an_objective_that_is_none(wanted: Wanted, lists: list[tuple[str, ...]], message: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve(wanted, compiled(*lists), "training")
    assert error.value.message == f"automl_params: {message}"
    assert wanted.name != "acuracy" or error.value.hint == 'Did you mean "accuracy"?'


def test_scores_are_lower_for_better_values_and_lead_back() -> None:
    large, small = Objective("AUC", "training", MAX), Objective("mae", "training", MIN)
    assert (large.score(0.9), small.score(0.9)) == (-0.9, 0.9)
    assert large.score(large.score(0.9)) == 0.9
    assert (str(large), large.shown) == ("max:training_AUC", "training AUC")


def test_directions_are_those_of_keras() -> None:
    """Where Keras says itself which values of a metric are better."""
    arguments = {
        "num_classes": 3,
        "target_class_ids": [0],
        "precision": 0.5,
        "recall": 0.5,
        "sensitivity": 0.5,
        "specificity": 0.5,
    }
    seen = set()
    for name in keras_names.names("metric"):
        found = getattr(keras.metrics, name, None)
        if not isinstance(found, type) or name in ("Metric", "Mean", "Sum", "MeanMetricWrapper"):
            continue
        wanted = inspect.signature(found).parameters
        metric = found(**{key: value for key, value in arguments.items() if key in wanted})
        if hasattr(metric, "_direction"):
            seen.add(name)
            assert direction_of(name) == {"up": MAX, "down": MIN}[metric._direction], name
    assert {"AUC", "F1Score", "MeanIoU", "R2Score", "MeanAbsoluteError", "Hinge", "Poisson"} <= seen


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("Precision", MAX), ("TrueNegatives", MAX), ("FalsePositives", MIN), ("RootMeanSquaredError", MIN), ("cosine", MAX)],
)
def test_directions_that_keras_does_not_tell(metric: str, direction: Direction) -> None:
    assert direction_of(metric) == direction
