"""What a session builds and compiles, each once and for all trials that it can serve: from the cache, or made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.protocol.orders import CompileOrder, FitOrder
from keras_seg.server.interrupts import deferred, look
from keras_seg.session.cache import Cache

if TYPE_CHECKING:
    from keras_seg.training.trainer import Compile, Evaluator, Network, Trainer


def network(cache: Cache, key: str) -> Network:
    """Return the network of an architecture that was defined."""
    from keras_seg.training.trainer import Network

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

    labels, weighted = cache.variables.label_width, bool(fit.class_weight)
    key = (model, compiled.structure, labels, weighted, compiled.metrics if watched else None)
    made: Trainer = cache.trainers.get(key, lambda: Trainer(network(cache, model), compiled, labels, weighted, watched))
    return made


def evaluator(cache: Cache, model: str, compiled: Compile) -> Evaluator:
    """Return what evaluates a network so."""
    from keras_seg.training.trainer import Evaluator

    labels = cache.variables.label_width
    key = (model, compiled.loss, compiled.loss_weight, compiled.metrics, labels)
    made: Evaluator = cache.evaluators.get(key, lambda: Evaluator(network(cache, model), compiled, labels))
    return made


def outputs(plpy: Any, cache: Cache, key: str, x: np.ndarray) -> np.ndarray:
    """Return the outputs (rows, columns) of a network for features (rows, ...)."""
    from keras_seg.training.trainer import Predictor

    predictor = cache.predictors.get(key, lambda: Predictor(network(cache, key)))
    with deferred():
        found = predictor.predict(x, lambda: look(plpy))
    return np.ascontiguousarray(found.reshape(len(x), -1), np.float32)


def compiled(cache: Cache, given: CompileOrder) -> Compile:
    """Return compile parameters together with the functions that they may name."""
    from keras_seg.training.trainer import Compile

    return Compile(given.optimizer, given.params, given.loss, given.metrics, given.loss_weight or 1.0, cache.functions)


_NOT_SAID = (
    "Graph execution error",
    "Detected at node",
    "File ",
    "<stack traces",
    "[[{{",
    "Stack trace",
    "Exception encountered",
)


def sentence(error: Exception) -> str:
    """Return what an error says, without the stack and the operations that TensorFlow writes before and behind it."""
    lines = (line.strip() for line in str(error).splitlines())
    said = [line for line in lines if line and not line.startswith(_NOT_SAID)]
    return " ".join(said)[:500] if said else type(error).__name__
