"""What a session builds and compiles, each once and for all trials that it can serve: from the cache, or made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.protocol.orders import CompileOrder, FitOrder
from keras_seg.server.interrupts import deferred, look
from keras_seg.session.cache import Cache

if TYPE_CHECKING:
    from keras_seg.training.evaluator import Evaluator
    from keras_seg.training.network import Network
    from keras_seg.training.parameters import Compile
    from keras_seg.training.row_shape import RowShape
    from keras_seg.training.trainer import Trainer


def network(cache: Cache, key: str) -> Network:
    """Return the network of an architecture that was defined."""
    from keras_seg.training.network import Network

    definition = cache.definitions[key]
    made: Network = cache.networks.get(key, lambda: Network(definition.architecture, definition.weights))
    return made


def trainer(cache: Cache, model: str, compiled: Compile, fit: FitOrder, watched: bool) -> Trainer:
    """Return what trains a network so.

    Args:
        model: the network's key.
        watched: whether TensorBoard is told, so that metrics are computed while it trains.
    """
    from keras_seg.training.trainer import Trainer

    label_width, weighted = cache.variables.label_width, bool(fit.class_weight)
    key = (model, compiled.structure, label_width, weighted, compiled.metrics if watched else None)
    made: Trainer = cache.trainers.get(key, lambda: Trainer(network(cache, model), compiled, label_width, weighted, watched))
    return made


def evaluator(cache: Cache, model: str, compiled: Compile) -> Evaluator:
    """Return what evaluates a network so."""
    from keras_seg.training.evaluator import Evaluator

    label_width = cache.variables.label_width
    key = (model, compiled.loss, compiled.loss_weight, compiled.metrics, label_width)
    made: Evaluator = cache.evaluators.get(key, lambda: Evaluator(network(cache, model), compiled, label_width))
    return made


def row_shape(cache: Cache, model: str) -> RowShape:
    """Return what losses and metrics of a network are given for a row."""
    from keras_seg.training.row_shape import RowShape

    return RowShape(cache.variables.label_width, network(cache, model).output_shape)


def outputs(plpy: Any, cache: Cache, key: str, x: np.ndarray) -> np.ndarray:
    """Return the outputs (rows, columns) of a network for features (rows, ...)."""
    from keras_seg.training.predictor import Predictor

    predictor = cache.predictors.get(key, lambda: Predictor(network(cache, key)))
    with deferred():
        found = predictor.predict(x, lambda: look(plpy))
    return np.ascontiguousarray(found.reshape(len(x), -1), np.float32)


def compiled(cache: Cache, given: CompileOrder) -> Compile:
    """Return compile parameters together with the functions that they may name."""
    from keras_seg.training.parameters import Compile

    return Compile(given.optimizer, given.params, given.loss, given.metrics, given.loss_weight or 1.0, cache.functions)
