"""Loss and metrics of a packed table, without TensorFlow, in the session that can read the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg.architectures.problems import ArchitectureError
from keras_seg.inference.evaluation import Evaluation
from keras_seg.inference.network import network
from keras_seg.inference.problems import NeedsTensorFlow
from keras_seg.protocol.orders import EvaluationOrder, EvaluationReport
from keras_seg.server.failure import ends_statements, message_of
from keras_seg.server.interrupts import look
from keras_seg.training import buffers


def evaluate(plpy: Any, order: EvaluationOrder, weights: bytes) -> EvaluationReport:
    """Evaluate a model; the report has no scores and no error where that is for TensorFlow.

    Raises:
        plpy.Error: the statement is cancelled, or the table cannot be read.
    """
    evaluation = _ready(order, weights)
    if evaluation is None:
        return EvaluationReport()
    try:
        for x, y in _rows(plpy, order):
            evaluation.add(x, y, lambda: look(plpy))
            del x, y  # before the next ones are read
    except ends_statements(plpy):
        raise
    except Exception as error:
        return EvaluationReport(error=f"{type(error).__name__}: {message_of(error)}")
    return EvaluationReport(evaluation.scores())


def _ready(order: EvaluationOrder, weights: bytes) -> Evaluation | None:
    """Return the evaluation if it is made here; that hangs on the network, loss and metrics, and the number of rows alone."""
    try:
        made = network(order.architecture, weights)
        evaluation = Evaluation(made, order.compile, order.variables.labels)
    except (NeedsTensorFlow, ArchitectureError):
        return None
    fits = made.input_shape == order.variables.input.shape
    return evaluation if fits and evaluation.is_worth(order.rows) else None


def _rows(plpy: Any, order: EvaluationOrder) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield features and labels of buffers, of which one is in memory at a time: all of them as one statement sees them."""
    query = buffers.in_parts(order.query, order.variables) if order.in_parts else order.query
    cursor = plpy.cursor(plpy.prepare(query))

    def fetch() -> Any:
        rows = cursor.fetch(1)
        look(plpy)  # PL/Python frees its own copy of the row at the next statement
        return rows[0] if rows else None

    if order.in_parts:
        return buffers.arrays(order.variables, fetch)
    names = [name for names in order.variables.names for name in names]
    # Not a loop: its variable would keep a buffer while the next one is read.
    return map(lambda row: buffers.decoded(order.variables, [row[name] for name in names]), iter(fetch, None))
