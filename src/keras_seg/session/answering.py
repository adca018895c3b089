"""Answers for one row: what `madlib.automl_prob` and its kin give, in the process that has the row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_seg.architectures.problems import ArchitectureError
from keras_seg.inference.network import Network, network
from keras_seg.inference.problems import NeedsTensorFlow, UnfitRow
from keras_seg.protocol import array_bytes
from keras_seg.protocol.answers import Answering, digest_of, opened_model
from keras_seg.protocol.latest import Latest
from keras_seg.protocol.messages import MessageError
from keras_seg.protocol.predictions import OutputSelection, sql_array
from keras_seg.protocol.sqlstates import FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED
from keras_seg.server.failure import fail
from keras_seg.session.computed import Computed

_FLOAT4 = 700  # pg_type.oid
_AS_IT_IS = "madlib.automl_value gives it as it is."
_SELECTIONS = {"prob": OutputSelection(), "response": OutputSelection(most=1, ranked=False), "value": OutputSelection(raw=True)}


class AnswerError(Exception):
    """There is no answer; the message says why.

    Args:
        message: what the client reads.
        sqlstate: five characters.
        hint: what to do.
    """

    def __init__(self, message: str, sqlstate: str = INVALID_PARAMETER_VALUE, hint: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.hint = hint


class Answers:
    """The models of a session that answered last, ready for rows."""

    def __init__(self) -> None:
        self._models: Latest[Model] = Latest()

    def _model(self, packed: bytes) -> Model:
        digest = digest_of(packed)
        return self._models.get(digest) or self._models.put(digest, Model(packed), len(packed))

    def ready(self, model: bytes, shape: Sequence[int], rows: int) -> bool:
        """Return whether a model is to compute so many rows of a shape here; it stays until its outputs have been taken.

        Args:
            model: as `packed_model` gives it.
        """
        try:
            made = self._model(model)
        except AnswerError:
            return False
        return made.network.input_shape == tuple(shape) and made.network.is_worth(rows)

    def outputs(self, digest: bytes, rows: bytes, count: int, raw: bool, interrupt: Callable[[], None]) -> np.ndarray:
        """Return the outputs (rows, ...) of a model that is ready, in the shape in which sessions give them.

        Args:
            digest: of the model.
            rows: float32, row-major, divided by `normalizing_const`.
            count: of the rows.
            raw: whether they are wanted as they are, also where one stands for two classes.
            interrupt: called from time to time.

        Raises:
            MessageError: no such model is ready.
            UnfitRow: a row has numbers that the network does not take.
        """
        model = self._models.get(digest)
        if model is None:
            raise MessageError("a model must be made ready first")
        return model.outputs(rows, count, raw, interrupt)

    def answer(self, kind: str, features: bytes, model: bytes) -> str | None:
        """Return the answer of a model for a row, as text.

        Args:
            kind: prob, response or value.
            features: `automl_native` of the row.
            model: as `packed_model` gives it.
        """
        return self._model(model).answer(kind, features)


class Model:
    """A model that is ready for rows.

    Args:
        packed: as `packed_model` gives it.
    """

    def __init__(self, packed: bytes) -> None:
        self._about, weights = opened_model(packed)
        self.network = _ready(self._about, weights)
        shape = self.network.input_shape
        self._beginning = np.asarray([len(shape), 0, _FLOAT4, *shape], np.int32).tobytes()
        self._header = len(self._beginning) + 4 * len(shape)
        self._length = self._header + 4 * math.prod(shape)
        self._divisor = np.float32(self._about.normalizing_const)
        asked = self._about.one_output if self._about.has_classes and len(self._about.class_values or "ab") == 2 else None
        self._classes = Computed.of(self.network, asked)

    def answer(self, kind: str, features: bytes) -> str | None:
        """Return the answer for a row, as text.

        Raises:
            AnswerError: the row is not one that the network takes, or the model gives no such answer.
        """
        try:
            x = self._row(features)
            if kind == "value" or not self._about.has_classes:
                outputs = self.network.outputs(x)[0]
                return sql_array(outputs.tolist()) if kind == "value" else self._without_classes(kind, outputs)
            outputs = self._classes.outputs(x)[0]
        except UnfitRow as problem:
            raise AnswerError(f"x: {problem}") from None
        self._require_fit(_SELECTIONS[kind], self._classes.shape)
        outputs = outputs.reshape(-1)
        if np.isnan(outputs).any():
            raise AnswerError("model_table: the network gives NaN for this row, and that tells no class", hint=_AS_IT_IS)
        return sql_array(outputs.tolist()) if kind == "prob" else self._class(int(np.argsort(-outputs, kind="stable")[0]))

    def outputs(self, rows: bytes, count: int, raw: bool, interrupt: Callable[[], None]) -> np.ndarray:
        """Return outputs (rows, ...) as `Answers.outputs`."""
        x = np.frombuffer(rows, np.float32).reshape(count, *self.network.input_shape)
        return (Computed(self.network, None) if raw else self._classes).outputs(x, interrupt)

    def _row(self, features: bytes) -> np.ndarray:
        shape = self.network.input_shape
        if len(features) == self._length and features.startswith(self._beginning):
            x = np.frombuffer(features, np.float32, offset=self._header)
        else:
            found = array_bytes.arrays(features, (1, *shape), _FLOAT4, np.float32)
            if found is None:
                raise _other_row(features, shape)
            x = found[0]
        with np.errstate(over="ignore"):
            x = x if self._divisor == 1 else x / self._divisor
        if not np.isfinite(x).all():
            raise AnswerError(
                "x: must not have NaN or infinity" + (", divided by normalizing_const" if self._divisor != 1 else "")
            )
        return x.reshape(1, *shape)

    def _without_classes(self, kind: str, outputs: np.ndarray) -> str:
        if kind == "prob":
            raise AnswerError(
                "model_table: must be a model of classes: this one predicts numbers, which have no probabilities",
                hint="madlib.automl_value gives what it predicts.",
            )
        return str(outputs.reshape(-1)[0]) if outputs.size == 1 else sql_array(outputs.tolist())

    def _require_fit(self, selection: OutputSelection, shape: Sequence[int]) -> None:
        named = self._about.class_values
        if not selection.fits(shape, None if named is None else len(named)):
            told = "one number" if math.prod(shape) == 1 else f"{math.prod(shape)} numbers"
            classes = "no class" if named is None else f"none of the {len(named)} classes of its summary"
            raise AnswerError(
                f"model_table: the network gives {told} for a row, and that tells {classes}",
                hint=_AS_IT_IS,
            )

    def _class(self, number: int) -> str | None:
        named = self._about.class_values
        return str(number) if named is None else named[number]


def _ready(about: Answering, weights: bytes) -> Network:
    try:
        return network(about.architecture, weights)
    except NeedsTensorFlow as problem:
        raise AnswerError(
            f"model_table: {problem} is computed with TensorFlow only",
            FEATURE_NOT_SUPPORTED,
            "madlib.madlib_keras_predict predicts with it.",
        ) from None
    except ArchitectureError as problem:
        raise AnswerError(f"model_table: {problem}") from None


def _other_row(features: bytes, shape: Sequence[int]) -> AnswerError:
    """Return the error for an array of another shape, or with a NULL."""
    (dimensions,) = np.frombuffer(features, np.int32, 1)
    sizes = np.frombuffer(features, np.int32, dimensions, 12).tolist()
    if sizes == list(shape):
        return AnswerError("x: must not have NULL", NULL_VALUE_NOT_ALLOWED)
    return AnswerError(f"x: must be an array of shape {sql_array(list(shape))}, got one of shape {sql_array(sizes)}")


def answered(plpy: Any, answers: Answers, kind: str, features: bytes | None, model: bytes) -> str | None:
    """Return the answer of a model for a row, as text; nothing for no row."""
    if features is None:
        return None
    try:
        return answers.answer(kind, features, model)
    except AnswerError as problem:
        fail(plpy, str(problem), problem.sqlstate, problem.hint)
        raise
    except MessageError as problem:
        fail(plpy, f"keras_automl: {problem}", INVALID_PARAMETER_VALUE)
        raise
