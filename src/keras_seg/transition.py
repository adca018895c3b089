"""The entry points that SQL calls.

Those that answer for rows without TensorFlow, and those that pack rows, are here: everybody waits for their import who asks for
a row in a new connection. The others come with `session.calls`, when one of them is called first.
"""

from __future__ import annotations

from typing import Any

from keras_seg.inference.problems import UnfitRow
from keras_seg.protocol.array_bytes import class_counts as count_classes
from keras_seg.protocol.array_bytes import encoded as pack_encoded
from keras_seg.protocol.array_bytes import features as pack_features
from keras_seg.protocol.array_bytes import one_hot as pack_classes
from keras_seg.protocol.messages import MessageError
from keras_seg.protocol.predictions import packed_outputs
from keras_seg.protocol.sqlstates import INVALID_PARAMETER_VALUE, OBJECT_NOT_IN_PREREQUISITE_STATE
from keras_seg.server.failure import fail
from keras_seg.server.interrupts import deferred, look, protected
from keras_seg.server.late_import import LateProblem, late
from keras_seg.session.answering import Answers, answered

__all__ = ["answer", "count_classes", "outputs", "pack_classes", "pack_encoded", "pack_features", "ready"]

ANSWERS = "keras_seg.session.answering"  # key of the models that answer for single rows


@protected
def answer(plpy: Any, gd: dict[str, Any], kind: str, features: bytes | None, model: bytes) -> str | None:
    """Return what a model answers for one row, as text; nothing where there is no row.

    Args:
        kind: what is asked for: prob, response or value.
        features: `automl_native` of the row.
        model: as `answers.packed_model` gives it.
    """
    return answered(plpy, _answers(gd), kind, features, model)


def ready(gd: dict[str, Any], model: bytes, shape: list[int], rows: int) -> bool:
    """Return whether a model is to compute rows here, without TensorFlow; arguments as those of `Answers.ready`."""
    return _answers(gd).ready(model, shape, rows)


@protected
def outputs(plpy: Any, gd: dict[str, Any], digest: bytes, rows: bytes, count: int, raw: bool) -> bytes:
    """Return the outputs of a model that is ready as `predictions.packed_outputs` writes them; arguments as those of
    `Answers.outputs`."""
    try:
        return packed_outputs(_answers(gd).outputs(digest, rows, count, raw, lambda: look(plpy)))
    except (MessageError, UnfitRow) as error:
        fail(plpy, f"keras_automl: {error}", INVALID_PARAMETER_VALUE)
        raise


def _answers(gd: dict[str, Any]) -> Answers:
    """Return the models that answer without TensorFlow."""
    answers: Answers = gd.setdefault(ANSWERS, Answers())
    return answers


def __getattr__(name: str) -> Any:
    """Return another entry point."""
    if name.startswith("__"):  # what Python itself asks a module for
        raise AttributeError(name)
    try:
        with deferred():
            return getattr(late("keras_seg.session.calls"), name)
    except LateProblem as problem:
        import plpy

        fail(plpy, str(problem), OBJECT_NOT_IN_PREREQUISITE_STATE, problem.hint)
