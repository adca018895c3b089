"""Getting ready to predict rows that a statement hands to a process one by one."""

from __future__ import annotations

import math
from typing import Any

from keras_seg.protocol.orders import Definition, GatheringOrder, GatheringProblem
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.predictions import Block
from keras_seg.session import programs
from keras_seg.session.cache import Cache
from keras_seg.session.check import network_problem
from keras_seg.session.row_batches import Gathering

_MODEL = "gathered"  # key of the network


def begin_gathering(plpy: Any, cache: Cache, order: GatheringOrder, architecture: str) -> Block | None:
    """Let the rows that come go through a network from now on.

    Returns:
        A block with a problem where the network does not fit the rows or the classes.
    """
    cache.define(Definition(_MODEL, architecture, _weights(plpy, cache, order.weights)))
    problem = network_problem(cache, order.name, _MODEL)
    shape = () if problem else programs.shape_of_outputs(cache, _MODEL)
    cache.gathering = Gathering(
        lambda x: programs.outputs(plpy, cache, _MODEL, x),
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


def _weights(plpy: Any, cache: Cache, query: str) -> Raw | None:
    """Read weights that lie in a table in parts."""
    cursor = plpy.cursor(query)
    cache.arriving.begin()
    while rows := cursor.fetch(1):
        cache.arriving.add(rows[0]["part"])
    return cache.arriving.complete(b"") or None
