"""A trained model as a file: automl_export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from automl import __version__
from automl.cluster.interface import ask
from automl.cluster.opening import one_session
from automl.cluster.orders import ExportWork
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.session import CallerDatabase, Database
from automl.errors import (
    FEATURE_NOT_SUPPORTED,
    NULL_VALUE_NOT_ALLOWED,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    OperatorError,
    UsageError,
)
from automl.models import custom_functions
from automl.prediction.evaluate import compile_params
from automl.prediction.model_tables import companion, definition_of, keys_of
from automl.prediction.trained_model import KEY
from automl.search.orders import compile_order
from automl.search.parameters import CompileParams
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import ExportOrder, FileFormat, FileReport
from keras_seg.protocol.orders import CompileOrder, Part

_WRITER_OF_ONNX = ("tf2onnx", "onnx")  # packages
_COLUMNS = ("dependent_varname", "independent_varname", "dependent_vartype", "normalizing_const")  # of the summary table


@dataclass(frozen=True)
class Exported:
    """A trained model that is to be written.

    Attributes:
        compiled: its compile parameters.
        notes: what the file says about it beside the network.
    """

    definition: Definition
    compiled: CompileParams
    notes: Mapping[str, Any]


def automl_export(db: CallerDatabase, model_table: str | None, mst_key: int | None, format: str | None) -> bytes | bytearray:
    """Return a trained model as a file.

    Args:
        db: the caller's session.
        model_table: of a search, or of one of the fit functions.
        mst_key: which model; None for the only one, or of a search the best one.
        format: `keras`, `json`, `safetensors` or `onnx`.
    """
    form = _format(format)
    model = _exported(db, model_table, mst_key)
    compiled = _of_keras(db, model.compiled) if form is FileFormat.KERAS else None
    order = ExportOrder(KEY, form, compiled, {"keras_automl": model.notes})
    with one_session(db, (model.definition,), "the export") as cluster:
        report, file = ask(cluster, ExportWork(order))
    _require_made(report)
    made: bytes | bytearray = file
    return made


def _format(value: str | None) -> FileFormat:
    names = [each.value for each in FileFormat]
    if value is None:
        raise UsageError("format", f"must be one of {', '.join(names)}", value, sqlstate=NULL_VALUE_NOT_ALLOWED)
    if value.strip().lower() not in names:
        raise UsageError("format", f"must be one of {', '.join(names)}", value)
    found = FileFormat(value.strip().lower())
    if found is FileFormat.ONNX:
        _require_installed()
    return found


def _require_installed() -> None:
    """Raise unless what writes ONNX is there; sessions import from where we do."""
    missing = [name for name in _WRITER_OF_ONNX if find_spec(name) is None]
    if missing:
        raise OperatorError(
            f"format: onnx needs the Python package {missing[0]}, which is not in {Path(__file__).parents[2]}",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="Run deploy/install --with-onnx on the host of the server, as root, and reconnect.",
        )


def _exported(db: CallerDatabase, model_table: str | None, mst_key: int | None) -> Exported:
    table = catalog.readable_table(db, "model_table", model_table)
    catalog.require_column(db, "model_table", table, "model_weights", "model_arch")
    summary = companion(db, table, "_summary")
    key = keys_of(db, table, mst_key)
    definition = definition_of(db, table, key, mst_key)
    compiled = compile_params(db, table, key)
    return Exported(definition, compiled, _notes(db, table, summary, key, compiled))


def _notes(db: Database, table: Relation, summary: Relation, key: int | None, compiled: CompileParams) -> dict[str, Any]:
    """Return what a file says about a model beside the network: where it is from, what goes in and what comes out."""
    there = catalog.columns(db, summary)
    columns = [name for name in _COLUMNS if name in there]
    classes = "pg_catalog.array_to_json(class_values)::text" if "class_values" in there else "NULL::text"
    (row,) = db.execute(f"SELECT {', '.join([*columns, f'{classes} AS class_values'])} FROM {summary.sql} LIMIT 1") or [{}]
    return {
        "version": __version__,
        "model_table": str(table.name),
        "mst_key": key,
        **{name: row.get(name) for name in columns},
        "class_values": json.loads(row["class_values"]) if row.get("class_values") else None,
        "loss": compiled.loss,
        "metrics": list(compiled.all_metrics),
    }


def _of_keras(db: CallerDatabase, compiled: CompileParams) -> CompileOrder | None:
    """Return the compile parameters that a file can hold, which are Keras' own, and say what is left out."""
    if not custom_functions.is_of_keras("loss", compiled.loss):
        db.notice(f'the file has no compile parameters: loss "{compiled.loss}" is a custom function')
        return None
    order = compile_order(compiled)
    metrics = tuple(name for name in order.metrics if custom_functions.is_of_keras("metric", name))
    left_out = [name for name in order.metrics if name not in metrics]
    if left_out:
        db.notice(f"the file's compile parameters leave out {', '.join(left_out)}: custom functions")
    return CompileOrder(order.optimizer, order.params, order.loss, metrics, order.loss_weight)


def _require_made(report: FileReport) -> None:
    problem = report.problem
    if problem is not None and problem.part is Part.FILE:
        raise UsageError("format", problem.text, sqlstate=FEATURE_NOT_SUPPORTED)
    if problem is not None:
        raise UsageError("model_table", problem.text)
