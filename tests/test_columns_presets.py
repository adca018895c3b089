"""What is searched for a table of columns."""

from __future__ import annotations

import pytest

from automl.columns.layout import Layout
from automl.columns.presets import batch_size, find_preset, search_arguments
from automl.errors import UsageError
from automl.search.methods import find_method
from automl.search.steering import Keep
from automl.training.readable import require_readable
from automl.training.request import Arguments as SearchCall

LAYOUT = Layout(((0.0, 1.0),) * 9, 30, (12,), 2, True)
NUMBER = Layout(((0.0, 1.0),) * 9, 30, (12,), 1, False)


@pytest.mark.parametrize("rows", [1, 150, 4_000, 43_000, 1_000_000])
@pytest.mark.parametrize("preset", ["fast", "good", "best"])
def test_the_engine_takes_what_a_search_is_called_with(preset: str, rows: int) -> None:
    made = search_arguments(preset, LAYOUT, rows, 500, 600, None, 7)
    params, steering = find_method(made.automl_method).read(made.automl_params)
    assert steering.trial_patience is not None
    assert params.max_iterations > steering.trial_patience
    assert steering.keep is Keep.BEST
    assert steering.max_time is not None
    assert steering.max_time < 600
    assert made.random_state == 7


def test_a_preset_that_there_is_none_of() -> None:
    assert find_preset(" GOOD ") is find_preset("good")
    with pytest.raises(UsageError, match=r"^preset: must be one of 'fast', 'good', 'best', got 'better'$"):
        find_preset("better")


@pytest.mark.parametrize("preset", ["fast", "good", "best"])
def test_architectures_have_names_that_tell_them_apart(preset: str) -> None:
    made = search_arguments(preset, LAYOUT, 4_000, 500, 600, None, None).architectures
    assert len({each.name for each in made}) == len({each.text for each in made}) == len(made)


def test_small_tables_go_through_several_passes_in_an_iteration() -> None:
    assert "'epochs': [10]" in search_arguments("good", LAYOUT, 150, 500, 600, None, None).fit_params_grid
    assert "'epochs': [2]" in search_arguments("good", LAYOUT, 4_000, 500, 600, None, None).fit_params_grid


@pytest.mark.parametrize(
    ("validation", "loss"),
    [
        (15, "CategoricalCrossentropy(label_smoothing=0.054)"),
        (1, "CategoricalCrossentropy(label_smoothing=0.328)"),
        (150, "CategoricalCrossentropy(label_smoothing=0.002)"),
        (200, "categorical_crossentropy"),
        (5_000, "categorical_crossentropy"),
    ],
)
def test_few_rows_to_choose_by_do_not_make_a_network_certain(validation: int, loss: str) -> None:
    """Of iris' 15 all are told right by many networks, and the more certain one has the lower log loss, without end."""
    made = search_arguments("fast", LAYOUT, 8 * validation, validation, 600, None, None)
    assert made.compile_params_grid.startswith(f"{{'loss': ['{loss}'], ")
    numbers = search_arguments("fast", NUMBER, 8 * validation, validation, 600, None, None)
    assert numbers.compile_params_grid.startswith("{'loss': ['mean_squared_error'], ")


def test_of_larger_tables_networks_have_fewer_members_and_iterations_go_through_a_part_of_the_rows() -> None:
    small, larger, large = (search_arguments("good", LAYOUT, rows, 500, 600, None, None) for rows in (4_000, 10_000, 1_000_000))
    assert [each.architectures[0].name for each in (small, larger, large)] == [
        "16 members, 2 x 256, dropout 0.1",
        "8 members, 2 x 256, dropout 0.1",
        "4 members, 2 x 256, dropout 0.1",
    ]
    assert ["steps_per_epoch" in each.fit_params_grid for each in (small, larger, large)] == [False, False, True]


def test_what_is_over_of_the_budget_changes_only_the_end() -> None:
    made, later = (search_arguments("good", LAYOUT, 4_000, 500, 600, None, None, elapsed) for elapsed in (0.0, 40.0))
    assert made.automl_params.endswith("max_time=540.0 s")
    assert later.automl_params == made.automl_params.replace("540", "500")
    assert (later.fit_params_grid, later.architectures) == (made.fit_params_grid, made.architectures)


def test_batch_sizes_grow_with_the_rows() -> None:
    sizes = [batch_size(rows) for rows in (1, 2_799, 2_800, 4_500, 6_400, 107_999, 108_000, 10**8)]
    assert sizes == [32, 32, 64, 128, 256, 256, 512, 1024]


@pytest.mark.parametrize(
    ("objective", "layout", "loss", "metric", "ranked"),
    [
        (None, LAYOUT, "categorical_crossentropy", "accuracy", "loss"),
        ("log_loss", LAYOUT, "categorical_crossentropy", "accuracy", "loss"),
        ("AUC", LAYOUT, "categorical_crossentropy", "AUC", "AUC"),
        (None, NUMBER, "mean_squared_error", "mean_absolute_error", "loss"),
        ("RMSE", NUMBER, "mean_squared_error", "mean_absolute_error", "loss"),
        ("mae", NUMBER, "mean_absolute_error", "mean_squared_error", "loss"),
        ("roc_auc", LAYOUT, "categorical_crossentropy", "AUC", "AUC"),
        ("F1", LAYOUT, "categorical_crossentropy", "F1Score", "F1Score"),
        ("brier", LAYOUT, "categorical_crossentropy", "mean_squared_error", "mean_squared_error"),
        ("max:val_recall", LAYOUT, "categorical_crossentropy", "Recall", "max:val_Recall"),
        ("validation_loss", LAYOUT, "categorical_crossentropy", "accuracy", "validation_loss"),
        ("r2", NUMBER, "mean_squared_error", "R2Score", "R2Score"),
    ],
)
def test_what_is_ranked_by(objective: str | None, layout: Layout, loss: str, metric: str, ranked: str) -> None:
    made = search_arguments("good", layout, 4_000, 500, 600, objective, None)
    assert made.compile_params_grid.startswith(f"{{'loss': ['{loss}'], 'metrics': ['{metric}'], ")
    assert f", objective={ranked}, " in made.automl_params


@pytest.mark.parametrize("objective", ["macro_f1", "AUC(curve='PR')", "training_accuracy"])
def test_the_engine_takes_what_ranks(objective: str) -> None:
    made = search_arguments("good", LAYOUT, 4_000, 500, 600, objective, None)
    require_readable(
        SearchCall("t", "m", "n", "b", [1], made.compile_params_grid, made.fit_params_grid, made.automl_method,
                   made.automl_params, validation_table="v", metrics_compute_frequency=1)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("objective", "layout", "rest"),
    [
        ("balanced_accuracy", LAYOUT, "macro_f1, or another metric of Keras for classes, got 'balanced_accuracy'"),
        ("accuracy", NUMBER, "rmse, mae, r2, or another metric of Keras for a number, got 'accuracy'"),
        ("roc_auc", NUMBER, "for a number, got 'roc_auc'"),
        ("sum of all", LAYOUT, "got 'sum of all'"),
        ("validation_", LAYOUT, "got 'validation_'"),
    ],
)
def test_what_cannot_rank(objective: str, layout: Layout, rest: str) -> None:
    with pytest.raises(UsageError) as caught:
        search_arguments("good", layout, 4_000, 500, 600, objective, None)
    assert caught.value.message.startswith("objective: must be loss, ")
    assert caught.value.message.endswith(rest)
