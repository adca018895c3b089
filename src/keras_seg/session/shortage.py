"""Whether there is memory for what is to be trained, found out before any is given out; and whether it ran out."""

from __future__ import annotations

import errno
import math
import re
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

# What a machine has run out of, or cannot read and write any more, as an OSError says it.
_ERRNOS = frozenset((errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EIO))
# What TensorFlow says where its class does not tell: of the memory of a GPU, or of a GPU that is gone.
_OF_TENSORFLOW = re.compile(r"out of memory|\bOOM\b|failed to allocate|Dst tensor is not initialized|CUDA_ERROR_", re.I)
# Of its classes that of memory; and that of an operation which was given up because another one of its step has failed, which
# says nothing of the trial.
_CLASSES = frozenset(("ResourceExhaustedError", "CancelledError"))
_NO_THREAD = "can't start new thread"


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


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that the machine had too little: memory, files, threads, a GPU that answers.

    The classes of TensorFlow are told by their names, so that nothing is imported for it.
    """
    if isinstance(error, OSError):
        return error.errno in _ERRNOS
    if type(error).__module__.startswith("tensorflow."):
        return type(error).__name__ in _CLASSES or _OF_TENSORFLOW.search(str(error)) is not None
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == _NO_THREAD)


def _footprint(network: Network, compiled: Compile) -> Footprint:
    from keras_seg.training.optimizers import slots

    trainable = _FLOAT * sum(network.sizes)
    weights = trainable + _FLOAT * sum(math.prod(variable.shape) for variable in network.other)
    return Footprint(weights, weights + slots(compiled.optimizer, compiled.params) * trainable)
