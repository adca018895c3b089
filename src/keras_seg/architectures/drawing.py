"""Initial weights from another seed, without building the model again.

A trial begins with weights that its own seed decides. To build a Keras model for them takes longer than a hop; what they come
from is an initializer, a shape and a seed for each variable, and these are known once the model has been built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg.architectures.seeding import derived

_MOST = 2**22  # weights: with more, it is the drawing that takes long, and not the building

Draw = Callable[[int], np.ndarray]


class Draws:
    """How each variable of a model is drawn.

    Args:
        draws: of each variable by its identity: the value (...) from a seed.
    """

    def __init__(self, draws: Mapping[int, Draw]) -> None:
        self._draws = draws

    def values(self, variables: Sequence[Any], seed: int) -> tuple[np.ndarray, ...]:
        """Return the values (...) that variables of the model have initially if it is built with this seed."""
        return tuple(self._draws[id(variable)](seed) for variable in variables)


def noted(model: Any, initializers: Sequence[Any], paths: Mapping[int, str], seed: int) -> Draws | None:
    """Return how the variables of a model are drawn; None where one comes otherwise than from an initializer and a seed.

    Args:
        model: as it was built, with its initial weights.
        initializers: of each of its variables.
        paths: where the seeds stand that derive from that of the model.
        seed: of the model.
    """
    if sum(math.prod(variable.shape) for variable in model.variables) > _MOST:
        return None
    generators = _generators(model)
    draws: dict[int, Draw] = {}
    for variable, initializer in zip(model.variables, initializers, strict=True):
        draw = _of_generator(generators.get(id(variable)), variable, paths) or _of_initializer(initializer, variable, paths)
        # A layer may change what it has been given.
        if draw is None or not np.array_equal(draw(seed), variable.numpy(), equal_nan=variable.dtype != "string"):
            return None
        draws[id(variable)] = draw
    return Draws(draws)


def _generators(model: Any) -> dict[int, Any]:
    """Return the generators of random numbers in a model, by the variables that are their states."""
    layers = model._flatten_layers(include_self=True)
    return {id(each.state): each for layer in layers for each in getattr(layer, "_seed_generators", ())}


def _of_generator(generator: Any, variable: Any, paths: Mapping[int, str]) -> Draw | None:
    if generator is None or generator._initial_seed is None:
        return None
    given = generator._initial_seed
    return lambda seed: np.array([_seed(given, paths, seed), 0], variable.dtype)


def _of_initializer(initializer: Any, variable: Any, paths: Mapping[int, str]) -> Draw | None:
    import keras

    kind = type(initializer)
    if not isinstance(initializer, keras.initializers.Initializer) or kind.__module__.partition(".")[0] != "keras":
        return None
    config, shape, dtype = initializer.get_config(), tuple(variable.shape), variable.dtype
    if "seed" not in config:
        always = np.asarray(initializer(shape, dtype=dtype))
        return lambda _: always
    given = config["seed"]
    if not isinstance(given, int):
        return None
    return lambda seed: np.asarray(kind.from_config({**config, "seed": _seed(given, paths, seed)})(shape, dtype=dtype))


def _seed(given: int, paths: Mapping[int, str], seed: int) -> int:
    """Return the seed that stands where `given` does if the model is built with `seed`; one that was explicit stays."""
    return derived(seed, paths[given]) if given in paths else given
