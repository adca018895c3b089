"""Optimizers as their users of today and of ten years ago write them."""

from __future__ import annotations

from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")

import keras  # noqa: E402  # after the skip

from keras_seg.protocol import keras_names  # noqa: E402
from keras_seg.training.optimizers import _defaults, _optimizers, make_optimizer, number_of, structure_of  # noqa: E402
from keras_seg.training.problems import CompileProblem  # noqa: E402


def arguments_of(optimizer: Any) -> dict[str, Any]:
    """What an optimizer was made with, but its name."""
    return {key: value for key, value in optimizer.get_config().items() if key != "name"}


def test_the_names_and_parameters_that_are_known_without_keras_are_those_of_keras() -> None:
    known = keras_names.optimizers()
    assert set(known) == {each.__name__ for each in _optimizers().values()}
    assert {name: {*_defaults(name), "lr"} for name in known} == known
    assert {"learning_rate", "lr", "decay", "momentum", "nesterov"} <= known["SGD"]


@pytest.mark.parametrize("name", sorted(keras_names.optimizers()))
def test_whole_numbers_stand_for_fractions(name: str) -> None:
    for key, default in _defaults(name).items():
        if isinstance(default, float) and key not in ("learning_rate_power", "beta_2_decay"):
            whole, fraction = (make_optimizer(name, {key: value}) for value in (1, 1.0))
            assert arguments_of(whole) == arguments_of(fraction), key
            assert structure_of(name, {key: 1}) == structure_of(name, {key: 1.0})
    assert float(make_optimizer(name, {"lr": 0}).learning_rate.numpy()) == 0.0


@pytest.mark.parametrize(
    ("schedule", "positional", "keywords", "rate"),
    [
        ("InverseTimeDecay", [1, 100, 0.9], {}, 0.6896551),
        ("ExponentialDecay", [1], {"decay_steps": 100, "decay_rate": 0.9}, 0.9486833),
        ("PolynomialDecay", [1, 100, 0], {}, 0.5),
        ("CosineDecay", [1, 100], {}, 0.5),
        ("PiecewiseConstantDecay", [[10], [2, 0.5]], {}, 0.5),
    ],
)
def test_whole_rates_of_schedules_are_fractions(schedule: str, positional: Any, keywords: Any, rate: float) -> None:
    made = make_optimizer("SGD", {"lr": {"schedule": schedule, "positional": positional, "keywords": keywords}})
    assert float(made._learning_rate(50)) == pytest.approx(rate, abs=1e-6)


def test_none_is_the_default_as_keras_2_wrote_it() -> None:
    given = {"lr": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": None, "decay": 0.0, "amsgrad": False}
    assert arguments_of(make_optimizer("Adam", given)) == arguments_of(keras.optimizers.Adam())
    assert make_optimizer("RMSprop", {"epsilon": None}).epsilon == 1e-7
    assert structure_of("Adam", {"epsilon": None}) == structure_of("Adam", {})
    assert number_of("Adam", {"epsilon": None}, "epsilon") is None
    assert make_optimizer("Adam", {"clipnorm": None}).clipnorm is None  # whose default it is


@pytest.mark.parametrize(
    ("name", "params", "problem"),
    [
        ("Adma", {}, 'optimizer "Adma" is not one of Keras; did you mean "Adam"?'),
        ("SGD", {"momentun": 0.9}, 'optimizer SGD has no parameter "momentun"; did you mean "momentum"?'),
        ("SGD", {"momentum": 2}, "optimizer SGD: `momentum` must be a float between [0, 1]."),
    ],
)
def test_what_is_refused_and_why(name: str, params: dict[str, object], problem: str) -> None:
    with pytest.raises(CompileProblem) as caught:
        make_optimizer(name, params)
    assert str(caught.value) == problem
