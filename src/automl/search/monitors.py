"""Which loss or metric a callback of a trial looks at, and whether it has anything to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from automl.errors import Problems, UsageError
from automl.search.directions import Direction
from automl.search.literals import Call
from automl.search.objective import Objective, resolve
from automl.search.parameters import CompileParams, FitParams
from automl.search.plateaus import EarlyStopping, ReduceLROnPlateau
from automl.search.steering import Wanted
from keras_seg.protocol.orders import TRAINING, VALIDATION

_PREFIX = "val_"
_KEY = '"callbacks"'


def monitored(
    callback: EarlyStopping | ReduceLROnPlateau, compiled: Iterable[CompileParams], argument: str = "fit_params"
) -> Objective:
    """Return what a callback monitors: as in Keras `val_loss` is of the validation table, and `loss` of the training table.

    Args:
        compiled: the compile parameters of all that have it.
        argument: that it came by, for errors.

    Raises:
        UsageError: not all of them have such a metric, or nobody knows which of its values are better.
    """
    table = VALIDATION if callback.monitor.startswith(_PREFIX) else TRAINING
    direction = None if callback.mode == "auto" else Direction(callback.mode)
    wanted = Wanted(callback.monitor.removeprefix(_PREFIX), direction)
    return resolve(wanted, compiled, table, argument, f"{_KEY}: monitor", "For example: mode='max'")


def require_monitored(
    argument: str, fits: Iterable[FitParams], compiled: Sequence[CompileParams], evaluations: int, *, validation: bool
) -> None:
    """Raise unless the callbacks of configurations have something to look at, and something to change.

    Args:
        argument: that they came by.
        compiled: the compile parameters of all of them.
        evaluations: of the longest task of a trial.
        validation: whether there is a validation table.

    Raises:
        AutomlError: all problems found.
    """
    problems = Problems()
    for callback in dict.fromkeys(each for fit in fits for each in fit.called_back.monitoring):
        name = type(callback).__name__
        if callback.monitor.startswith(_PREFIX) and not validation:
            rule, hint = (
                f"{_KEY}: monitor of {name} needs a validation table",
                "Write monitor='loss', or give validation_table.",
            )
            problems.add(UsageError(argument, rule, callback.monitor, hint=hint))
        else:
            problems.attempt(lambda callback=callback: monitored(callback, compiled, argument))  # type: ignore[misc]
        if evaluations < 2:
            rule = f"{_KEY}: {name} compares evaluations, and a trial has one at the end of its iterations alone"
            problems.add(UsageError(argument, rule, hint="Give metrics_compute_frequency, and more iterations than that."))
        if isinstance(callback, ReduceLROnPlateau):
            problems.attempt(lambda: _require_rate(argument, compiled))
    problems.stop()


def _require_rate(argument: str, compiled: Iterable[CompileParams]) -> None:
    """Raise unless learning rates are numbers, which can be reduced."""
    for each in compiled:
        name, params = each.optimizer, each.optimizer_params
        if params.get("decay") or any(isinstance(value, Call) for value in params.values()):
            raise UsageError(
                argument,
                f"{_KEY}: ReduceLROnPlateau reduces a learning rate that is a number; that of {name} follows a schedule",
                hint="Leave out decay and schedules, or the callback.",
            )
