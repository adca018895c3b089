"""The plan of a search: trials, programs, legs and orders as data."""

from __future__ import annotations

import pytest

from automl.cluster.hopper import Visit
from automl.search.parameters import parse_compile_params, parse_fit_params
from automl.search.scheduler import Task
from automl.search.space import Configuration
from automl.training.trials import Trial, evaluated, leg, visit_order
from keras_seg.protocol.orders import (
    CompileOrder,
    EvaluationStop,
    FitOrder,
    StateForm,
    TensorBoardOrder,
    TrainingStop,
    VisitOrder,
)


def trial(compile_params: str, fit_params: str = "batch_size=8", model: str = "m", key: int = 3) -> Trial:
    compiled, fit = parse_compile_params(compile_params), parse_fit_params(fit_params)
    weights = fit.class_weight if isinstance(fit.class_weight, dict) else None
    return Trial(key, Configuration(1, compile_params, fit_params), model, compiled, fit, weights)


@pytest.mark.parametrize(
    ("offset", "iterations", "frequency", "expected"),
    [
        (0, 1, 1, {1}),
        (4, 9, 1, {5, 6, 7, 8, 9, 10, 11, 12, 13}),
        (0, 5, 2, {2, 4, 5}),
        (1, 3, None, {4}),
        (4, 9, 20, {13}),
        (10, 6, 3, {13, 16}),
    ],
)
def test_metrics_are_computed_every_so_often_and_at_the_end(
    offset: int, iterations: int, frequency: int | None, expected: set[int]
) -> None:
    assert evaluated(offset, iterations, frequency) == expected


ADAM = "optimizer='Adam(lr=0.1)',loss='mse',metrics=['accuracy']"


@pytest.mark.parametrize(
    "other",
    ["optimizer='Adam(lr=0.2)',loss='mse',metrics=['accuracy']", "optimizer='adam(lr=0.3)',loss='mse',metrics=['accuracy']"],
)
def test_trials_that_differ_in_numbers_share_a_program(other: str) -> None:
    assert trial(ADAM).program == trial(other, "batch_size=32,epochs=5").program


@pytest.mark.parametrize(
    "other",
    [
        "optimizer='SGD(lr=0.1)',loss='mse',metrics=['accuracy']",
        "optimizer='Adam(lr=0.1,decay=0.1)',loss='mse',metrics=['accuracy']",
        "optimizer='Adam(lr=0.1,amsgrad=True)',loss='mse',metrics=['accuracy']",
        "optimizer='Adam(lr=0.1)',loss='mae',metrics=['accuracy']",
        "optimizer='Adam(lr=0.1)',loss='mse',metrics=['AUC']",
    ],
)
def test_trials_that_differ_in_anything_else_do_not(other: str) -> None:
    assert trial(ADAM).program != trial(other).program


def test_trials_of_other_models_or_with_class_weights_do_not_either() -> None:
    assert trial(ADAM).program != trial(ADAM, model="n").program
    assert trial(ADAM).program != trial(ADAM, "batch_size=8,class_weight={0: 2.0}").program


def test_a_leg_lies_on_the_axis_of_the_search() -> None:
    made = leg(trial(ADAM), Task(3, iterations=3, offset=1, iterations_after=9, place={"s": 1, "i": 0}), 2)
    assert (made.trial, made.first, made.iterations, made.iterations_after) == (3, 2, 3, 9)
    assert made.evaluated == {3, 4}


@pytest.mark.parametrize(
    ("written", "factor"),
    [("None", 1.0), ("0.5", 0.5), ("3", 3.0), ("[0.5]", 0.5), ("{'y': 0.25}", 0.25)],
)
def test_the_factor_of_the_loss(written: str, factor: float) -> None:
    assert trial(f"optimizer='SGD()',loss='mse',loss_weights={written}").compile_order.loss_weight == factor


def test_an_order_has_all_that_a_session_needs() -> None:
    schedule = "optimizer='Adam(learning_rate=ExponentialDecay(0.1, 100, decay_rate=0.9))',loss='mse',loss_weights=[0.5]"
    stops = (TrainingStop(4, 1, True), EvaluationStop(4, 0, "training", False), EvaluationStop(4, 1, "training", True))
    made = trial(schedule, "batch_size=4,epochs=3,initial_epoch=1,class_weight={0: 2.0}")
    order = visit_order(made, Visit(3, stops), 42, {"training": [[1.0]]}, StateForm.WEIGHTS)
    assert VisitOrder.from_json(order.to_json()) == VisitOrder(
        model="m",
        compile=CompileOrder(
            optimizer="Adam",
            params={
                "learning_rate": {"schedule": "ExponentialDecay", "positional": [0.1, 100], "keywords": {"decay_rate": 0.9}}
            },
            loss="mse",
            metrics=(),
            loss_weight=0.5,
        ),
        fit=FitOrder(batch_size=4, epochs=2, shuffle=True, class_weight={"0": 2.0}, steps_per_epoch=None),
        seed=(42, 3),
        stops=stops,
        sums={"training": [[1.0]]},
        state=StateForm.WEIGHTS,
        tensorboard=None,
    )


def test_an_order_says_what_tensorboard_is_told_and_where() -> None:
    watched = trial(ADAM, "callbacks=[TensorBoard(log_dir='fit', histogram_freq=2)]")
    order = visit_order(watched, Visit(3, ()), 42, {}, StateForm.TRIAL, run=12)
    assert order.tensorboard == TensorBoardOrder(
        log_dir="fit", histogram_freq=2, write_graph=True, write_images=False, run=12, trial=3
    )
    assert visit_order(trial(ADAM), Visit(3, ()), 42, {}, StateForm.TRIAL, run=12).tensorboard is None
    assert watched.program != trial(ADAM).program  # it computes metrics while it trains
