"""Getting ready to predict rows that a statement hands to a process one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras_seg.architectures.problems import ArchitectureError
from keras_seg.inference.network import network
from keras_seg.inference.problems import NeedsTensorFlow
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.limits import MOST_WEIGHTS
from keras_seg.protocol.orders import GatheringOrder, GatheringProblem
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.predictions import Block
from keras_seg.server.interrupts import look
from keras_seg.session import programs
from keras_seg.session.cache import Cache
from keras_seg.session.check import network_problem
from keras_seg.session.computed import Computed
from keras_seg.session.row_batches import Gathering

GATHERED = "gathered"  # key of the network


def begin_gathering(
    plpy: Any, cache: Cache, order: GatheringOrder, definition: Definition, open_session: Callable[[], object]
) -> Block | None:
    """Let the rows that come go through a network from now on.

    Args:
        definition: of the network, under the key GATHERED.
        open_session: gets TensorFlow ready, where it is needed.

    Returns:
        A block with a problem where the network does not fit the rows or the classes.
    """
    computed = _computed(cache, order, definition)
    problem, shape = None, computed.shape if computed else ()
    if computed is None:
        open_session()
        cache.define(definition)
        problem = network_problem(cache, order.name, GATHERED)
        shape = () if problem else programs.shape_of_outputs(cache, GATHERED)
    cache.gathering = Gathering(
        (lambda x: programs.outputs(plpy, cache, GATHERED, x))
        if computed is None
        else (lambda x: computed.outputs(x, lambda: look(plpy))),
        cache.variables.input.shape,
        math.prod(shape),
        order.normalizing_const,
        order.selection,
    )
    if problem:
        return cache.gathering.stop(GatheringProblem(network=problem))
    if not order.selection.fits(shape, order.classes):
        return cache.gathering.stop(GatheringProblem(outputs=shape))
    return None


def _computed(cache: Cache, order: GatheringOrder, definition: Definition) -> Computed | None:
    """Return the network if it is computed without TensorFlow; None if TensorFlow computes it, or says what is wrong."""
    if cache.setup.gpus or definition.weights is None or len(definition.weights) > MOST_WEIGHTS:
        return None
    try:
        made = network(definition.architecture, definition.weights)
    except (NeedsTensorFlow, ArchitectureError):
        return None
    if made.input_shape != tuple(cache.variables.input.shape) or not made.is_worth(order.rows):
        return None
    return Computed.of(made, cache.setup.one_output)


def weights_of(plpy: Any, cache: Cache, query: str) -> Raw | None:
    """Read weights that lie in a table in parts."""
    cursor = plpy.cursor(query)
    cache.arriving.begin()
    while rows := cursor.fetch(1):
        cache.arriving.add(rows[0]["part"])
    return cache.arriving.complete(b"") or None
