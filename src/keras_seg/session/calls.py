"""What SQL calls on a session that trains, evaluates and predicts: each reads its order, has it done, and says what came of it.

An order says what to do in terms of trials and partitions: see `protocol.orders`. It knows nothing of brackets, and the only
SQL that comes with it are the queries of the setup, which run with the rights of the session. Whatever an order says, it can
only train, evaluate and predict: nothing in it is imported, unpickled or evaluated. It may name a table of custom functions,
which is looked at here before anything of it is loaded: see `protocol.custom_functions`.

What goes wrong in a trial comes back in the report of its visit and costs that trial alone, unless it says that the machine had
too little; a cancellation, a table that cannot be read, or an order that is none, is an error of the statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from keras_seg.protocol import parts
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder, FileReport
from keras_seg.protocol.messages import MessageError
from keras_seg.protocol.orders import CheckOrder, EvaluationOrder, GatheringOrder, SessionSetup, VisitOrder
from keras_seg.protocol.predictions import Block, packed_outputs
from keras_seg.protocol.sqlstates import INVALID_PARAMETER_VALUE
from keras_seg.server.failure import fail
from keras_seg.server.gpus import gpus as host_gpus
from keras_seg.server.inspection import inspect as look_around
from keras_seg.server.interrupts import look, protected
from keras_seg.session import files, opening, programs
from keras_seg.session.cache import Cache
from keras_seg.session.check import check as check_networks
from keras_seg.session.evaluating import evaluate as evaluate_rows
from keras_seg.session.gathering import GATHERED, begin_gathering, weights_of
from keras_seg.session.visit import Visit

CACHE = "keras_seg.session.cache"  # key of what a session keeps in GD

Read = TypeVar("Read")


@protected
def open_session(plpy: Any, gd: dict[str, Any], setup: str) -> str:
    """Get a session ready for a run: import TensorFlow, remember the run's setup.

    Args:
        setup: a SessionSetup as JSON.

    Returns:
        What the session says about itself, a Readiness.
    """
    return opening.open_session(plpy, _cache(gd), _read(plpy, SessionSetup.from_json, setup)).to_json()


def close_session(gd: dict[str, Any]) -> None:
    """Drop everything that the run left on this session."""
    _cache(gd).clear()


def rest(gd: dict[str, Any]) -> None:
    """Drop everything that the run left on this session, but for the programs that the next one may use."""
    _cache(gd).rest()


def define(gd: dict[str, Any], key: str, architecture: str, weights: bytes | None) -> None:
    """Let later orders name an architecture, and its initial weights if it has some, by `key`.

    Args:
        weights: the weights, or the last part of them.
    """
    cache = _cache(gd)
    cache.define(Definition(key, architecture, cache.arriving.complete(weights)))


def feed(gd: dict[str, Any], dataset: str, partition: int, buffer: int, *columns: Any) -> int:
    """Take a buffer of a partition, for the visits of a session that cannot read tables.

    Args:
        columns: bytes and shape of each variable, as the packed table has them.

    Returns:
        How many buffers of the partition are there now.
    """
    fed = _cache(gd).fed.setdefault((dataset, partition), {})
    fed[buffer] = columns
    return len(fed)


@protected
def check(plpy: Any, gd: dict[str, Any], order: str) -> str:
    """Build and compile what a CheckOrder names, once, without training; return a CheckReport."""
    return check_networks(plpy, _cache(gd), _read(plpy, CheckOrder.from_json, order)).to_json()


def put(gd: dict[str, Any], part: bytes, first: bool) -> None:
    """Take a part of a state, or of weights, that are too large for one statement; the call that needs them brings the last."""
    arriving = _cache(gd).arriving
    if first:
        arriving.begin()
    arriving.add(part)


def take(gd: dict[str, Any]) -> bytes:
    """Return the next part of the state that the last visit has left; nothing where there is none."""
    cache = _cache(gd)
    part = next(cache.leaving, b"")
    if len(part) < parts.PART:
        cache.leaving = iter(())  # the last part: what it was cut from need not stay in memory
    return part


@protected
def visit(plpy: Any, gd: dict[str, Any], order: str, state: bytes | None) -> bytes:
    """Let a trial visit partitions: train and evaluate as the order's stops say.

    Args:
        order: a VisitOrder as JSON.
        state: the trial's state, or the last part of it, or NULL for one that begins.

    Returns:
        An envelope (`parts.envelope`) of the VisitReport and the first part of the new state; `take` gives the others.
    """
    cache = _cache(gd)
    cache.leaving = iter(())
    arrived = cache.arriving.complete(state)  # whatever the order is: no part of it may stay for the next visit
    del state
    given = _read(plpy, VisitOrder.from_json, order)
    made = Visit(plpy, cache, given, arrived)
    del arrived
    try:
        made.run()
        made = made.settled()
    finally:
        if not cache.setup.caching:
            cache.fed.clear()
    pieces = made.new_state()
    made.let_go()
    cache.leaving = parts.cut(pieces)
    return parts.envelope(made.report(parts.total(pieces)).to_json(), take(gd))


@protected
def to_file(plpy: Any, gd: dict[str, Any], order: str) -> bytes:
    """Write a trained model as a file.

    Args:
        order: an ExportOrder as JSON.

    Returns:
        An envelope of the FileReport and the first part of the file; `take` gives the others.
    """
    return _enveloped(gd, *files.to_file(plpy, _cache(gd), _read(plpy, ExportOrder.from_json, order)))


@protected
def from_file(plpy: Any, gd: dict[str, Any], file: bytes) -> bytes:
    """Read a model that Keras has saved.

    Args:
        file: a .keras file, or the last part of it.

    Returns:
        An envelope of the FileReport and the first part of the weights; `take` gives the others.
    """
    return _enveloped(gd, *files.from_file(plpy, _cache(gd).arriving.complete(file) or b""))


def _enveloped(gd: dict[str, Any], report: FileReport, pieces: list[parts.Raw]) -> bytes:
    _cache(gd).leaving = parts.cut(pieces)
    return parts.envelope(report.to_json(), take(gd))


@protected
def predict(plpy: Any, gd: dict[str, Any], key: str, rows: bytes, count: int) -> bytes:
    """Return the outputs of a network for `count` rows of features.

    Args:
        key: of an architecture that was defined with its weights.
        rows: float32, row-major, count times the network's input.

    Returns:
        The outputs as `predictions.packed_outputs` writes them.
    """
    cache = _cache(gd)
    x = np.frombuffer(rows, np.float32).reshape(count, *programs.network(cache, key).input_shape)
    return packed_outputs(programs.outputs(plpy, cache, key, x))


@protected
def gather_begin(plpy: Any, gd: dict[str, Any], setup: str, order: str, architecture: str) -> Block | None:
    """Get ready to predict the rows that the same statement hands to this process.

    Args:
        setup: as for `open_session`.
        order: a GatheringOrder as JSON.

    Returns:
        A block with a GatheringProblem where the network does not fit the rows or the classes.
    """
    cache, given = _cache(gd), _read(plpy, GatheringOrder.from_json, order)
    cache.begin()
    cache.setup = _read(plpy, SessionSetup.from_json, setup)
    network = Definition(GATHERED, architecture, weights_of(plpy, cache, given.weights))
    return begin_gathering(plpy, cache, given, network, lambda: open_session(plpy, gd, setup))


def gather(gd: dict[str, Any], identity: str | None, features: bytes | None) -> Block | None:
    """Take a row to predict; return the rows of a batch when it is full."""
    gathering = _cache(gd).gathering
    return None if gathering is None else gathering.add(identity, features)


def gather_rest(gd: dict[str, Any]) -> Block | None:
    """Return the rows of the last batch, and drop everything that the prediction needed."""
    gathering = _cache(gd).gathering
    rest = None if gathering is None else gathering.rest()
    close_session(gd)
    return rest


@protected
def evaluate(plpy: Any, order: str, weights: bytes) -> str:
    """Evaluate a packed table here, without TensorFlow; return an EvaluationReport.

    Args:
        order: an EvaluationOrder as JSON.
        weights: of the network, as a model table has them.
    """
    return evaluate_rows(plpy, _read(plpy, EvaluationOrder.from_json, order), weights).to_json()


@protected
def gpus(plpy: Any, source: str) -> str:
    """Return a GpuReport of this host."""
    return host_gpus(source, lambda: look(plpy)).to_json()


@protected
def inspect(plpy: Any) -> str:
    """Return an Inspection of this place."""
    return look_around(lambda: look(plpy)).to_json()


def _cache(gd: dict[str, Any]) -> Cache:
    """Return what the session keeps; nothing yet in one that nobody has opened."""
    cache: Cache = gd.setdefault(CACHE, Cache())
    return cache


def _read(plpy: Any, read: Callable[[str], Read], text: str) -> Read:
    """Return the message that a text says; one that it does not say ends the statement."""
    try:
        return read(text)
    except MessageError as error:
        fail(plpy, f"keras_automl: {error}", INVALID_PARAMETER_VALUE)
        raise
