"""Bring your own model: prediction with a model of a library that comes with its weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automl.database.session import CallerDatabase, Database
from automl.errors import FEATURE_NOT_SUPPORTED, NULL_VALUE_NOT_ALLOWED, Problems, UsageError
from automl.hosts import gpus
from automl.models import architectures
from automl.prediction.predict import parse_pred_type, predict_with
from automl.prediction.trained_model import KEY, Model
from keras_seg.protocol.definitions import Definition

_DEPENDENT = "dependent_var"  # column of the classes: nothing tells what they are


def madlib_keras_predict_byom(
    db: CallerDatabase,
    model_arch_table: str | None,
    model_id: int | None,
    test_table: str | None,
    id_col: str | None,
    independent_varname: str | None,
    output_table: str | None,
    pred_type: str | int | float | None = "prob",
    use_gpus: bool | None = False,
    class_values: Sequence[str | None] | Sequence[Sequence[str | None]] | None = None,
    normalizing_const: float | None = None,
    dependent_count: int | None = 1,
) -> None:
    """Predict the rows of `test_table` with a model of a library, and make `output_table` as madlib_keras_predict does."""
    problems = Problems()
    selection = problems.attempt(lambda: parse_pred_type(pred_type))
    classes = problems.attempt(lambda: _class_values(class_values))
    divisor = problems.attempt(lambda: _divisor(normalizing_const))
    problems.attempt(lambda: _require_one(dependent_count))
    definition = problems.attempt(lambda: _definition(db, model_arch_table, model_id))
    hosts = problems.attempt(lambda: gpus.hosts_of_sessions(db) if use_gpus else None)
    problems.stop()
    kind = "pg_catalog.int4" if classes.value is None else "pg_catalog.text"
    model = Model(
        definition.value,
        _DEPENDENT,
        kind,
        classes.value,
        divisor.value,
        argument="model_arch_table",
        called=f"model_id {model_id}",
        named_by_caller=True,
    )
    predict_with(db, model, test_table, id_col, independent_varname, output_table, selection.value, hosts.value)


def _definition(db: Database, model_arch_table: str | None, model_id: int | None) -> Definition:
    if model_id is None:
        raise UsageError("model_id", "must be the id of a model", model_id, sqlstate=NULL_VALUE_NOT_ALLOWED)
    found = architectures.read(db, "model_arch_table", model_arch_table, (model_id,), "model_id")[model_id]
    if found.weights is None:
        raise UsageError(
            "model_id",
            "must be a model with weights",
            model_id,
            hint="Load it with them: madlib.load_keras_model(library, architecture, weights).",
        )
    return Definition(KEY, found.architecture, found.weights)


def _class_values(
    given: Sequence[str | None] | Sequence[Sequence[str | None]] | None,
) -> tuple[str | None, ...] | None:
    """Read class values: an array, or an array of one array, as for MADlib, which has one for each dependent variable."""
    if given is None:
        return None
    values: Sequence[object] = given
    if values and isinstance(values[0], list):
        if len(values) > 1:
            raise UsageError(
                "class_values", "must be one array of classes", [list(each) for each in given if each is not None],
                sqlstate=FEATURE_NOT_SUPPORTED,
            )  # fmt: skip
        values = values[0]
    if not values:
        raise UsageError("class_values", "must have one value for each output of the network, or be NULL", list(values))
    return tuple(None if value is None else str(value) for value in values)


def _divisor(value: float | None) -> float:
    with np.errstate(over="ignore"):
        divisor = np.float32(1.0 if value is None else value)
    if not (divisor > 0 and np.isfinite(divisor)):
        raise UsageError("normalizing_const", "must be a number above 0 in the range of real, or NULL for 1", value)
    return float(divisor)


def _require_one(dependent_count: int | None) -> None:
    if dependent_count not in (None, 1):
        rule = "must be 1: models with several outputs are not supported"
        raise UsageError("dependent_count", rule, dependent_count, sqlstate=FEATURE_NOT_SUPPORTED)
