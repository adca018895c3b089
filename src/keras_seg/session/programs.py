"""What a session builds and compiles, each once and for all trials that it can serve: from the cache, or made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.protocol.orders import CompileOrder, FitOrder
from keras_seg.protocol.predictions import OneOutput, meaning_of_one, shape_taken, taken
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
    made: Network = cache.networks.made(key, lambda: Network(definition.architecture, definition.weights))
    return made


def trainer(cache: Cache, model: str, compiled: Compile, fit: FitOrder, watched: bool) -> Trainer:
    """Return what trains a network so.

    Args:
        model: the network's key.
        watched: whether TensorBoard is told, so that metrics are computed while it trains.
    """
    from keras_seg.training.trainer import Trainer

    labels, weighted = cache.variables.labels, bool(fit.class_weight)
    key = (model, compiled.structure, labels, weighted, compiled.metrics if watched else None)
    made: Trainer = cache.trainers.made(key, lambda: Trainer(network(cache, model), compiled, labels, weighted, watched))
    return made


def evaluator(cache: Cache, model: str, compiled: Compile) -> Evaluator:
    """Return what evaluates a network so."""
    from keras_seg.training.evaluator import Evaluator

    labels = cache.variables.labels
    key = (model, compiled.loss, compiled.loss_weight, compiled.metrics, labels)
    made: Evaluator = cache.evaluators.made(key, lambda: Evaluator(network(cache, model), compiled, labels))
    return made


def row_shape(cache: Cache, model: str) -> RowShape:
    """Return what losses and metrics of a network are given for a row."""
    from keras_seg.training.row_shape import RowShape

    return RowShape(cache.variables.labels, network(cache, model).output_shape)


def outputs(plpy: Any, cache: Cache, key: str, x: np.ndarray) -> np.ndarray:
    """Return the outputs (rows, ...) of a network for features (rows, ...), in the shape that `shape_of_outputs` tells."""
    from keras_seg.training.predictor import Predictor

    predictor = cache.predictors.made(key, lambda: Predictor(network(cache, key)))
    with deferred():
        found = predictor.predict(x, lambda: look(plpy))
    whole = taken(found, network(cache, key).output_shape, _one_output(cache, key))
    return np.ascontiguousarray(whole, np.float32)


def shape_of_outputs(cache: Cache, key: str) -> tuple[int, ...]:
    """Return the shape of what `outputs` gives for a row: of two classes where one output stands for them."""
    return shape_taken(network(cache, key).output_shape, _one_output(cache, key))


def _one_output(cache: Cache, key: str) -> OneOutput | None:
    """Return what the one output of a network tells of two classes; None where it has several, or these are not asked for."""
    asked, made = cache.setup.one_output, network(cache, key)
    if asked is None or math.prod(made.output_shape) != 1:
        return None
    return meaning_of_one(asked, made.activation, made.ends_in_sigmoid)


def compiled(cache: Cache, given: CompileOrder) -> Compile:
    """Return compile parameters together with the functions that they may name."""
    from keras_seg.training.parameters import Compile

    return Compile(given.optimizer, given.params, given.loss, given.metrics, given.loss_weight or 1.0, cache.functions)
