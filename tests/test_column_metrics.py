"""Measures of predictions, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from automl.columns import metrics
from automl.columns.evaluate import Outputs
from automl.columns.held_out import best_threshold

TRUTH = np.array([0, 1, 1, 0, 1, 0, 0, 1])
PROBABILITY = np.array([0.1, 0.9, 0.4, 0.4, 0.8, 0.6, 0.2, 0.3], np.float32)
OF_TWO = np.stack([1 - PROBABILITY, PROBABILITY], axis=1)
SAID = (PROBABILITY >= 0.5).astype(np.int64)


def test_two_classes() -> None:
    found = metrics.of_classes(TRUTH, OF_TWO, SAID)
    assert {name: each.value for name, each in found.items()} == pytest.approx(
        {
            "log_loss": sklearn.log_loss(TRUTH, PROBABILITY.astype(np.float64)),
            "accuracy": 5 / 8,
            "balanced_accuracy": (3 / 4 + 2 / 4) / 2,
            "brier": 2 * sklearn.brier_score_loss(TRUTH, PROBABILITY),
            "roc_auc": sklearn.roc_auc_score(TRUTH, PROBABILITY),
            "precision": 2 / 3,
            "recall": 2 / 4,
            "f1": 4 / 7,
        },
        rel=1e-6,
    )


def test_the_constant_guess_knows_the_shares_of_the_classes() -> None:
    truth = np.array([0, 1, 1, 1])
    found = metrics.of_classes(truth, OF_TWO[:4], np.array([0, 1, 1, 0]))
    assert found["log_loss"].constant == pytest.approx(sklearn.log_loss(truth, np.tile([0.25, 0.75], (4, 1))))
    assert found["accuracy"].constant == 0.75
    assert found["brier"].constant == pytest.approx(2 * 0.25 * 0.75)
    assert (found["roc_auc"].constant, found["f1"].constant) == (0.5, None)


def test_three_classes_of_which_one_never_comes() -> None:
    truth, said = np.array([0, 2, 2, 0]), np.array([0, 1, 2, 2])
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    found = metrics.of_classes(truth, probabilities, said)
    assert found["log_loss"].value == pytest.approx(sklearn.log_loss(truth, probabilities, labels=[0, 1, 2]))
    assert found["balanced_accuracy"].value == 0.5
    assert found["macro_f1"].value == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert "roc_auc" not in found


def test_a_probability_of_nothing_costs_no_more_than_that_of_keras_epsilon() -> None:
    assert metrics.log_losses(np.array([0]), np.array([[0.0, 1.0]])).tolist() == pytest.approx([16.11809565])


def test_numbers() -> None:
    truth, predicted = np.array([3.0, -0.5, 2.0, 7.0]), np.array([2.5, 0.0, 2.0, 8.0])
    found = metrics.of_numbers(truth, predicted)
    assert {name: (each.value, each.constant) for name, each in found.items()} == {
        "rmse": (
            pytest.approx(sklearn.root_mean_squared_error(truth, predicted)),
            pytest.approx(np.std([3.0, -0.5, 2.0, 7.0])),
        ),
        "mae": (0.5, pytest.approx(2.125)),
        "median_absolute_error": (0.5, pytest.approx(2.125)),
        "r2": (pytest.approx(sklearn.r2_score(truth, predicted)), 0.0),
    }


def test_numbers_that_are_all_the_same_tell_no_r2() -> None:
    assert metrics.of_numbers(np.array([5.0, 5.0]), np.array([5.0, 6.0]))["r2"] == metrics.Measured(None, None)


TIMES = np.array([3, 1, 0, 2, 1, 4, 1, 2])


def test_a_row_of_weight_n_counts_as_n_rows() -> None:
    several = [np.repeat(each, TIMES, axis=0) for each in (TRUTH, OF_TWO, SAID)]
    for weights in (TIMES.astype(float), TIMES / 8):
        found, expected = metrics.of_classes(TRUTH, OF_TWO, SAID, weights), metrics.of_classes(*several)
        assert found.keys() == expected.keys()
        for name, each in expected.items():
            assert (found[name].value, found[name].constant) == pytest.approx((each.value, each.constant)), name
        assert metrics.best_threshold(TRUTH == 1, PROBABILITY, weights) == pytest.approx(
            metrics.best_threshold(several[0] == 1, several[1][:, 1])
        )


def test_measures_of_two_classes_with_weights_are_those_of_scikit_learn() -> None:
    found = metrics.of_classes(TRUTH, OF_TWO, SAID, TIMES.astype(float))
    given = {"sample_weight": TIMES}
    assert found["log_loss"].value == pytest.approx(sklearn.log_loss(TRUTH, PROBABILITY.astype(float), **given))
    assert found["roc_auc"].value == pytest.approx(sklearn.roc_auc_score(TRUTH, PROBABILITY, **given))
    assert found["f1"].value == pytest.approx(sklearn.f1_score(TRUTH, SAID, **given))
    assert found["balanced_accuracy"].value == pytest.approx(sklearn.balanced_accuracy_score(TRUTH, SAID, **given))


def test_a_number_of_weight_n_counts_as_n_numbers() -> None:
    truth, predicted = np.array([3.0, -0.5, 2.0, 7.0, 4.0]), np.array([2.5, 0.0, 2.0, 8.0, 1.0])
    for times in ([1, 2, 0, 2, 1], [2, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 3, 1, 1, 0]):
        expected = metrics.of_numbers(np.repeat(truth, times), np.repeat(predicted, times))
        found = metrics.of_numbers(truth, predicted, np.array(times) / 2)
        for name, each in expected.items():
            assert (found[name].value, found[name].constant) == pytest.approx((each.value, each.constant)), name


def test_confusion() -> None:
    assert metrics.confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 0]), 4).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
    ]


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_class_tells_no_auc_and_no_threshold(positive: list[bool]) -> None:
    assert metrics.roc_auc(np.array(positive), np.array([0.2, 0.3])) is None
    assert metrics.best_threshold(np.array(positive), np.array([0.2, 0.3])) == 0.5


def test_the_best_threshold_lies_halfway_between_two_probabilities() -> None:
    # Sorted: 0.9+ 0.8+ 0.6- 0.4+- 0.3+ 0.2- 0.1-. F1 from 0.8 on 4/6, from 0.4 on 6/9, from 0.3 on 8/10.
    assert metrics.best_threshold(TRUTH == 1, PROBABILITY) == pytest.approx((0.3 + 0.2) / 2)


def test_of_thresholds_that_are_equally_good_the_one_closest_to_a_half_is_taken() -> None:
    positive, probability = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.2])
    assert metrics.best_threshold(positive, probability) == pytest.approx(0.45)  # from 0.7 on: 4/5, from 0.9 on: 2/3
    best = metrics.best_threshold(np.array([True, False]), np.array([0.9, 0.2]))
    assert best == pytest.approx(0.55)


def test_the_best_threshold_is_that_of_all_thresholds() -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(500) < 0.2
    probability = np.clip(positive * 0.3 + generator.random(500) * 0.7, 0, 1).round(2)
    best = metrics.best_threshold(positive, probability)
    between = np.linspace(-0.005, 1.005, 102)  # any two probabilities that there are
    scores = [sklearn.f1_score(positive, probability >= each, zero_division=0) for each in between]
    assert sklearn.f1_score(positive, probability >= best) == pytest.approx(max(scores))


def test_at_a_threshold_that_nothing_reaches_there_is_no_precision() -> None:
    found = metrics.at_threshold(np.array([True, False]), np.array([0.2, 0.3]), 0.5)
    assert found == metrics.AtThreshold(0.5, 0, None, 0.0, 0.0)


def of_second(truth: list[int], second: list[float]) -> Outputs:
    probabilities = np.array(second, np.float32)
    return Outputs(np.array(truth), np.stack([1 - probabilities, probabilities], axis=1))


def test_the_threshold_is_that_of_the_rarer_class() -> None:
    often, rare = [0.9, 0.8, 0.7, 0.75, 0.85, 0.95], [0.6, 0.72]
    # Two of eight are of the first class: its F1 is 4/5 where three are said to be of it, and 2/3 where one is, or five are.
    first = best_threshold(of_second([1] * 6 + [0] * 2, often + rare))
    assert first == pytest.approx((0.72 + 0.75) / 2, abs=1e-6)
    # The same the other way round, and of classes as frequent the second counts.
    second = best_threshold(of_second([0] * 6 + [1] * 2, [1 - each for each in often + rare]))
    assert second == pytest.approx(1 - first, abs=1e-6)
    assert best_threshold(of_second([0, 1], [0.2, 0.4])) == pytest.approx(0.3)
