"""Compile parameters -> the optimizer of Keras that they name; `objectives` has the losses and metrics.

The numbers of an optimizer (momentum, beta_1, ...) become inputs of the compiled step rather than constants in it, so that
trials which differ only in numbers share one compiled program: see `Number`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from keras_seg.protocol.spelling import did_you_mean

# Optimizers that treat every weight alike, wherever it stands: on one flat vector of all weights they give the same numbers.
ELEMENTWISE = frozenset(("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion"))
# Of those, the ones whose variables begin with a value that a parameter sets; those of the others begin with zeros.
STARTING_VALUES = frozenset(("Adagrad", "Ftrl"))
_NOT_TRIAL_OPTIMIZERS = frozenset(("Optimizer", "LossScaleOptimizer", "MultiOptimizer"))


class CompileProblem(ValueError):
    """A compile parameter that Keras does not know or take; the message says which, and what is close to it."""


class Number:
    """A number that Python sees as itself and TensorFlow as an input of the graph that is being traced.

    Keras asks of hyperparameters whether they are zero (plain Python, decided while tracing) and computes with them (in the
    graph). A `Number` answers the first from its value and takes part in the second as a tensor, so one trace serves every
    value of the same sign; `shape_of` is what must agree.
    """

    def __init__(self, inputs: Numbers, index: int, value: float) -> None:
        self._inputs = inputs
        self._index = index
        self._value = value

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        tensor = self._inputs.current[self._index]
        return tensor if dtype is None or tensor.dtype == dtype else tf.cast(tensor, dtype)

    def _tensor(self) -> Any:
        return self._inputs.current[self._index]

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self._value == other

    def __ne__(self, other: object) -> bool:
        return self._value != other

    def __lt__(self, other: float) -> bool:
        return self._value < other

    def __le__(self, other: float) -> bool:
        return self._value <= other

    def __gt__(self, other: float) -> bool:
        return self._value > other

    def __ge__(self, other: float) -> bool:
        return self._value >= other

    __hash__ = None  # type: ignore[assignment]  # its value changes from call to call

    def __neg__(self) -> Any:
        return -self._tensor()

    def __add__(self, other: Any) -> Any:
        return self._tensor() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._tensor() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._tensor()

    def __mul__(self, other: Any) -> Any:
        return self._tensor() * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._tensor() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._tensor()

    def __pow__(self, other: Any) -> Any:
        return tf.pow(self._tensor(), other)

    def __rpow__(self, other: Any) -> Any:
        return tf.pow(tf.cast(other, tf.float32), self._tensor())


class Numbers:
    """The numbers of one optimizer: their names, and while a graph is traced the tensor that stands for their values."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.current: Any = None

    def add(self, name: str, value: float) -> Number:
        self.names.append(name)
        return Number(self, len(self.names) - 1, value)

    @contextmanager
    def traced(self, tensor: Any) -> Iterator[None]:
        """While this lasts, the numbers are the elements of `tensor`, a float32 vector."""
        self.current = tensor
        try:
            yield
        finally:
            self.current = None


class TimeDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Keras' old `decay`: the learning rate of step t is lr / (1 + decay * t) (Keras 2.10, optimizers.legacy)."""

    def __init__(self, initial: Any, decay: Any) -> None:
        super().__init__()
        self.initial = initial
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        return self.initial / (1.0 + self.decay * tf.cast(step, tf.float32))

    def get_config(self) -> dict[str, Any]:
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
def _known_params(name: str) -> frozenset[str]:
    known = set(inspect.signature(optimizer_class(name).__init__).parameters) - {"self", "kwargs", "name"}
    return frozenset(known | {"decay"})


def optimizer_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters under the names of today's Keras: `lr` is `learning_rate`.

    Raises:
        CompileProblem: a parameter that the optimizer does not have, or has twice, or one that is not a number of its range.
    """
    cls = optimizer_class(name)
    known = _known_params(name)
    result: dict[str, Any] = {}
    for given, value in params.items():
        key = "learning_rate" if given == "lr" else given
        if key not in known:
            raise CompileProblem(
                f'optimizer {cls.__name__} has no parameter "{given}"{did_you_mean(given, sorted(known | {"lr"}))}'
            )
        if key in result:
            raise CompileProblem(f'optimizer {cls.__name__} is given "learning_rate" twice')
        result[key] = value
    return result


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
        raise CompileProblem(f"optimizer {cls.__name__}: {first_line(error)}") from None
    if decay:
        if isinstance(rate, Mapping):
            raise CompileProblem(f'optimizer {cls.__name__}: "decay" and a schedule cannot both set the learning rate')
        optimizer = cls(**{**given, "learning_rate": TimeDecay(float(optimizer.learning_rate.numpy()), float(decay))})
    return optimizer


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
    """Return one of an optimizer's numbers as a trial gives it; None where it leaves the default."""
    value = optimizer_params(name, params).get("learning_rate" if number == "initial" else number)
    return None if value is None else float(value)


def default_rate(name: str) -> float:
    """Return the learning rate of an optimizer that is given none."""
    return float(inspect.signature(optimizer_class(name).__init__).parameters["learning_rate"].default)


def structure_of(name: str, params: Mapping[str, Any]) -> str:
    """Return what two optimizers must share to be served by one trace: all but the values of their numbers."""
    parts = []
    for key, value in sorted(optimizer_params(name, params).items()):
        number = isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))
        sign = (value > 0) - (value < 0) if number else 0
        parts.append(f"{key}={'number' if isinstance(value, float) or key == 'learning_rate' else value}:{sign}" if number
                     else f"{key}={value!r}")  # fmt: skip
    return f"{optimizer_class(name).__name__}({','.join(parts)})"


def _schedule(described: Mapping[str, Any]) -> keras.optimizers.schedules.LearningRateSchedule:
    name = described["schedule"]
    found = getattr(keras.optimizers.schedules, name, None)
    if not (isinstance(found, type) and issubclass(found, keras.optimizers.schedules.LearningRateSchedule)):
        raise CompileProblem(f'schedule "{name}" is not one of Keras{did_you_mean(name, _public(keras.optimizers.schedules))}')
    try:
        return found(*described.get("positional", ()), **described.get("keywords", {}))
    except (TypeError, ValueError) as error:
        raise CompileProblem(f"schedule {name}: {first_line(error)}") from None


@cache
def _optimizers() -> dict[str, type[keras.optimizers.Optimizer]]:
    found = vars(keras.optimizers).values()
    classes = [each for each in found if isinstance(each, type) and issubclass(each, keras.optimizers.Optimizer)]
    return {each.__name__.lower(): each for each in classes if each.__name__ not in _NOT_TRIAL_OPTIMIZERS}


def _public(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its class where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
