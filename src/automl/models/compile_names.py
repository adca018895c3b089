"""What compile parameters name, looked up without TensorFlow: losses, metrics, optimizers and the parameters of these.

Sessions look up the same in Keras itself. Here it is said before one is opened, and with everything else that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from automl.errors import Problems, UsageError
from automl.models import custom_functions
from automl.models.custom_functions import FunctionTable
from automl.search.parameters import CompileParams, parse_compile_params
from automl.search.space import Configuration
from keras_seg.protocol import keras_names
from keras_seg.protocol.spelling import did_you_mean

Optimizers = Iterable[tuple[str, tuple[str, ...]]]  # names, each with the parameters that it is given


def require_known(argument: str, configurations: Iterable[Configuration], table: FunctionTable | None) -> None:
    """Raise unless all that the compile parameters of configurations name is one of Keras, or in the table of functions.

    Args:
        argument: of SQL, by which they came.

    Raises:
        AutomlError: what is not known; each with the name that looks most like it.
    """
    texts = dict.fromkeys(each.compile_params for each in configurations)
    compiled = [parse_compile_params(text, argument) for text in texts]
    problems = Problems()
    objectives = [each for params in compiled for each in custom_functions.objectives_of(params)]
    problems.attempt(lambda: custom_functions.require_names(argument, objectives, table))
    problems.attempt(lambda: require_optimizers(argument, optimizers_of(compiled)))
    problems.stop()


def optimizers_of(compiled: Iterable[CompileParams]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the optimizers that compile parameters name."""
    return [(each.optimizer, tuple(each.optimizer_params)) for each in compiled]


def require_optimizers(argument: str, given: Optimizers) -> None:
    """Raise unless optimizers are those of Keras, in any case, and have the parameters that they are given."""
    known = {name.lower(): name for name in keras_names.optimizers()}
    problems = Problems()
    for name, keys in dict.fromkeys(given):
        if known and name.lower() not in known:
            rule = f'optimizer "{name}" is not one of Keras{did_you_mean(name, known.values())}'
            problems.add(UsageError(argument, rule))
        elif known:
            problems.attempt(partial(_require_parameters, argument, known[name.lower()], keys))
    problems.stop()


def _require_parameters(argument: str, name: str, keys: Iterable[str]) -> None:
    known = sorted(keras_names.optimizers()[name])
    problems = Problems()
    for key in keys:
        if key not in known:
            problems.add(UsageError(argument, f'optimizer {name} has no parameter "{key}"{did_you_mean(key, known)}'))
    problems.stop()
