"""Whether there is memory for what is to be trained, found out before any is given out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from keras_seg.protocol.estimates import Footprint, Load, Shortage
from keras_seg.protocol.orders import NetworkCheck
from keras_seg.server.memory import free_with_swap
from keras_seg.session import programs
from keras_seg.session.cache import Cache

if TYPE_CHECKING:
    from keras_seg.training.network import Network
    from keras_seg.training.parameters import Compile

_FLOAT = 4  # bytes
_LITTLE = 2**28  # bytes: nobody is refused for less


def shortage(cache: Cache, given: NetworkCheck, load: Load | None) -> Shortage | None:
    """Return what memory is missing to train a network as a check has it; None where there is enough.

    Args:
        load: what trains here at the same time; None where nothing does.

    Raises:
        CompileProblem: there is no such optimizer.
    """
    if load is None or given.compile is None:
        return None
    footprint = _footprint(programs.network(cache, given.model), programs.compiled(cache, given.compile))
    needed = footprint.needed(given.trials, load)
    free = max(_LITTLE, free_with_swap()) if needed > _LITTLE else needed
    return Shortage(given.name, footprint, given.trials, free) if needed > free else None


def _footprint(network: Network, compiled: Compile) -> Footprint:
    from keras_seg.training.optimizers import slots

    trainable = _FLOAT * sum(network.sizes)
    weights = trainable + _FLOAT * sum(math.prod(variable.shape) for variable in network.other)
    return Footprint(weights, weights + slots(compiled.optimizer, compiled.params) * trainable)
