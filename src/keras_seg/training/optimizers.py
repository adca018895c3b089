"""Compile parameters -> the optimizer of Keras that they name; `objectives` has the losses and metrics.

The numbers of an optimizer (momentum, beta_1, ...) become inputs of the compiled step rather than constants in it, so that
trials which differ only in numbers share one compiled program: see `traced_numbers`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from keras_seg.protocol.keras_names import NO_OPTIMIZERS
from keras_seg.protocol.spelling import did_you_mean
from keras_seg.server.failure import message_of
from keras_seg.training.problems import CompileProblem
from keras_seg.training.traced_numbers import Numbers

# Optimizers that treat every weight alike, wherever it stands: on one flat vector of all weights they give the same numbers.
ELEMENTWISE = frozenset(("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion"))
# Of those, the ones whose variables begin with a value that a parameter sets; those of the others begin with zeros.
STARTING_VALUES = frozenset(("Adagrad", "Ftrl"))

# Arguments of schedules that are learning rates, or factors of them.
_RATES = frozenset(("initial_learning_rate", "end_learning_rate", "decay_rate", "warmup_target", "values"))


class TimeDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Keras' old `decay`: the learning rate of step t, counted from 0, is initial / (1 + decay * t).

    Source: Keras 2.10, `optimizers.legacy`.
    """

    def __init__(self, initial: Any, decay: Any) -> None:
        super().__init__()
        self.initial = initial
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        return self.initial / (1.0 + self.decay * tf.cast(step, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments by name, as Keras wants of a schedule."""
        return {"initial": self.initial, "decay": self.decay}


def optimizer_class(name: str) -> type[keras.optimizers.Optimizer]:
    """Return the optimizer of Keras with this name, whatever its case: `adamw` is AdamW.

    Raises:
        CompileProblem: there is none; names the closest.
    """
    known = _optimizers()
    found = known.get(name.lower())
    if found is None:
        raise CompileProblem(
            f'optimizer "{name}" is not one of Keras{did_you_mean(name, [c.__name__ for c in known.values()])}'
        )
    return found


@cache
def _defaults(name: str) -> Mapping[str, Any]:
    """Return the parameters that a trial can give an optimizer, with Keras' defaults."""
    parameters = inspect.signature(optimizer_class(name).__init__).parameters
    found = {key: each.default for key, each in parameters.items() if key not in ("self", "kwargs", "name")}
    return {**found, "decay": None}


def optimizer_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters under the names of today's Keras, `lr` is `learning_rate`, and as today's Keras takes them.

    None means the default, as Keras 2 wrote it in `epsilon=None`. A whole number stands for a fraction where Keras has one.

    Raises:
        CompileProblem: a parameter that the optimizer does not have, or has twice, or one that is not a number of its range.
    """
    cls = optimizer_class(name)
    known = _defaults(name)
    result: dict[str, Any] = {}
    for given, value in params.items():
        key = "learning_rate" if given == "lr" else given
        if key not in known:
            raise CompileProblem(
                f'optimizer {cls.__name__} has no parameter "{given}"{did_you_mean(given, sorted({*known, "lr"}))}'
            )
        if key in result:
            raise CompileProblem(f'optimizer {cls.__name__} is given "learning_rate" twice')
        result[key] = float(value) if type(value) is int and isinstance(known[key], float) else value
    return {key: value for key, value in result.items() if value is not None or known[key] is None}


def make_optimizer(name: str, params: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Return the optimizer with these parameters, `decay` as a schedule of its learning rate.

    Raises:
        CompileProblem: Keras does not take them.
    """
    cls, given = optimizer_class(name), optimizer_params(name, params)
    decay = given.pop("decay", None)
    rate = given.get("learning_rate")
    if isinstance(rate, Mapping):
        given["learning_rate"] = _schedule(rate)
    if isinstance(decay, bool) or not isinstance(decay, (int, float, type(None))) or (decay or 0) < 0:
        raise CompileProblem(f'optimizer {cls.__name__}: "decay" must be a number of at least 0, got {decay!r}')
    try:
        optimizer = cls(**given)
    except (TypeError, ValueError) as error:
        raise CompileProblem(f"optimizer {cls.__name__}: {message_of(error, lines=1)}") from None
    if decay:
        if isinstance(rate, Mapping):
            raise CompileProblem(f'optimizer {cls.__name__}: "decay" and a schedule cannot both set the learning rate')
        optimizer = cls(**{**given, "learning_rate": TimeDecay(float(optimizer.learning_rate.numpy()), float(decay))})
    return optimizer


_SLOTS: dict[tuple[object, ...], int] = {}


def slots(name: str, params: Mapping[str, Any]) -> int:
    """Return how many numbers an optimizer keeps for each weight: momentum and the like.

    Those that keep numbers for whole rows and columns of a weight may count for less than they are.

    Raises:
        CompileProblem: as `make_optimizer`.
    """
    kind = (name, *sorted((key, bool(value)) for key, value in params.items()))  # how large a momentum is makes no difference
    if kind not in _SLOTS:
        optimizer, shape = make_optimizer(name, params), (2, 3)
        optimizer.build([keras.Variable(tf.zeros(shape))])
        _SLOTS[kind] = sum(tuple(variable.shape) == shape for variable in optimizer.variables)
    return _SLOTS[kind]


def free_numbers(optimizer: keras.optimizers.Optimizer) -> tuple[Numbers, list[float]]:
    """Turn the numbers of an optimizer into inputs of its graph.

    Returns:
        The inputs, and their values for this optimizer. The learning rate is not among them unless it decays: it is a variable
        of the optimizer already.
    """
    numbers, values = Numbers(), []
    schedule = getattr(optimizer, "_learning_rate", None)
    owners: list[tuple[Any, str]] = [
        (optimizer, key)
        for key, value in optimizer.get_config().items()
        if key != "learning_rate" and isinstance(value, float) and isinstance(getattr(optimizer, key, None), float)
    ]
    if isinstance(schedule, TimeDecay):
        owners += [(schedule, "initial"), (schedule, "decay")]
    for owner, key in owners:
        value = float(getattr(owner, key))
        setattr(owner, key, numbers.add(key, value))
        values.append(value)
    return numbers, values


def number_of(name: str, params: Mapping[str, Any], number: str) -> float | None:
    """Return one of an optimizer's numbers as a trial gives it; None where it leaves the default.

    Args:
        name: of the optimizer, in any case.
        params: its parameters as the trial has them.
        number: as `free_numbers` calls it; `initial` is the learning rate that decays.
    """
    value = optimizer_params(name, params).get("learning_rate" if number == "initial" else number)
    return None if value is None else float(value)


def default_rate(name: str) -> float:
    """Return the learning rate of an optimizer that is given none."""
    return float(inspect.signature(optimizer_class(name).__init__).parameters["learning_rate"].default)


def structure_of(name: str, params: Mapping[str, Any]) -> str:
    """Return what two optimizers must share to be served by one trace: all but the values of their numbers.

    Keras decides in Python whether a number is zero, so their signs must agree.

    >>> structure_of("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True})
    'SGD(learning_rate=number:1,momentum=number:1,nesterov=True)'
    """
    parts = [_structure(key, value) for key, value in sorted(optimizer_params(name, params).items())]
    return f"{optimizer_class(name).__name__}({','.join(parts)})"


def _structure(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{key}={value!r}"
    free = isinstance(value, float) or key == "learning_rate"  # whole numbers, such as intervals, are no inputs
    return f"{key}={'number' if free else value}:{(value > 0) - (value < 0)}"


def _schedule(described: Mapping[str, Any]) -> keras.optimizers.schedules.LearningRateSchedule:
    name = described["schedule"]
    found = getattr(keras.optimizers.schedules, name, None)
    if not (isinstance(found, type) and issubclass(found, keras.optimizers.schedules.LearningRateSchedule)):
        raise CompileProblem(f'schedule "{name}" is not one of Keras{did_you_mean(name, _public(keras.optimizers.schedules))}')
    try:
        given = inspect.signature(found).bind(*described.get("positional", ()), **described.get("keywords", {})).arguments
        return found(**{key: _fractions(value) if key in _RATES else value for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise CompileProblem(f"schedule {name}: {message_of(error, lines=1)}") from None


def _fractions(value: Any) -> Any:
    """Return whole numbers as fractions: Keras computes with a rate of 1 in integers, where 0.9 is 0."""
    if isinstance(value, (list, tuple)):
        return [_fractions(each) for each in value]
    return float(value) if type(value) is int else value


@cache
def _optimizers() -> dict[str, type[keras.optimizers.Optimizer]]:
    found = vars(keras.optimizers).values()
    classes = [each for each in found if isinstance(each, type) and issubclass(each, keras.optimizers.Optimizer)]
    return {each.__name__.lower(): each for each in classes if each.__name__ not in NO_OPTIMIZERS}


def _public(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
