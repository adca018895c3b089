"""Which models are averaged."""

from __future__ import annotations

import numpy as np

from automl.columns.ensemble import chosen_greedily, smoothed


def of_second(*probabilities: float) -> np.ndarray:
    """Outputs for rows, by the probability of the second of two classes."""
    second = np.array(probabilities, np.float32)
    return np.stack([1 - second, second], 1)


LABELS = of_second(1, 1, 0, 0)


def test_models_that_err_elsewhere_help_each_other() -> None:
    best, like_it, other = of_second(0.9, 0.4, 0.1, 0.1), of_second(0.9, 0.39, 0.1, 0.1), of_second(0.4, 0.9, 0.2, 0.2)
    assert chosen_greedily([best, like_it, other], LABELS, True, 3)[:2] == [0, 2]
    assert chosen_greedily([best, like_it, other], LABELS, True, 2) == [0, 2]


def test_a_mean_that_is_no_better_is_not_made() -> None:
    assert chosen_greedily([of_second(0.9, 0.9, 0.1, 0.1), of_second(0.5, 0.5, 0.5, 0.5)], LABELS, True, 3) == [0]
    assert chosen_greedily([of_second(0.9, 0.9, 0.1, 0.1)] * 2, LABELS, True, 3) == [0]


def test_numbers_go_by_their_squared_error() -> None:
    labels = np.array([[0.0], [10.0]])
    below, above, far = np.array([[-1.0], [9.0]]), np.array([[1.5], [11.5]]), np.array([[40.0], [50.0]])
    assert chosen_greedily([below, far, above], labels, False, 3) == [0, 2]


def test_certainty_counts_for_no_more_than_in_the_loss_that_models_were_trained_by() -> None:
    """Of rows that all are told right the more certain model has the lower log loss, and may not be added for that."""
    modest, certain = of_second(0.95, 0.95, 0.05, 0.05), of_second(1, 1, 0, 0)
    assert chosen_greedily([modest, certain], LABELS, True, 2) == [0, 1]
    labels = smoothed(LABELS, "CategoricalCrossentropy(label_smoothing=0.1)")
    np.testing.assert_allclose(labels, of_second(0.95, 0.95, 0.05, 0.05), rtol=1e-6)
    assert chosen_greedily([modest, certain], labels, True, 2) == [0]
    np.testing.assert_array_equal(smoothed(LABELS, "categorical_crossentropy"), LABELS)


def test_a_probability_of_zero_is_not_the_end_of_everything() -> None:
    assert chosen_greedily([of_second(0.0, 1.0, 0.0, 0.0), of_second(0.6, 0.6, 0.4, 0.4)], LABELS, True, 2) == [0, 1]
