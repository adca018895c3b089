"""What a model is worth on the rows that it was not trained on, from the table of rows that automl_train has made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from automl.columns import metrics, table_model
from automl.columns.evaluate import Outputs, outputs_of
from automl.columns.rows import ROW
from automl.columns.script import Names
from automl.columns.splitting import Part
from automl.columns.table_model import SUMMARY, TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import literal, quoted
from automl.database.session import CallerDatabase

_MOST = 20_000  # rows that a threshold is taken from


def measures(db: CallerDatabase, model: TableModel, rows: Relation, part: Part) -> Mapping[str, metrics.Measured]:
    """Return what a model is worth on the rows of a part, each beside that of a constant guess; nothing if it is empty.

    Where rows have a weight, each counts as much as that says.
    """
    if not getattr(model, f"{part}_rows"):
        return {}
    outputs = _outputs(db, model, rows, part)
    if model.is_number:
        return metrics.of_numbers(outputs.truth, outputs.found, outputs.weights)
    return metrics.of_classes(outputs.truth, outputs.found, outputs.answered(model), outputs.weights)


def automl_threshold(db: CallerDatabase, model: str | None, rows_table: str | None) -> float:
    """Find the threshold of two classes on the validation rows, and keep it with the model."""
    found = table_model.read(db, model)
    rows = catalog.readable_table(db, "rows_table", rows_table)
    outputs = _outputs(db, found, rows, Part.VALIDATION, _MOST)
    threshold = best_threshold(outputs)
    summary = found.name.with_suffix(SUMMARY)
    db.execute(f"UPDATE {summary.sql} SET threshold = $1::double precision", threshold)
    return threshold


def best_threshold(outputs: Outputs) -> float:
    """Return from which probability of the second of two classes on a row is said to be of it.

    That which is best for F1 of the rarer class; of two that are as frequent, of the second. F1 of the more frequent one is
    high wherever nearly all rows are said to be of it, and would have a weak model say nothing else.
    """
    second, probability = outputs.truth == 1, outputs.found[:, 1].astype(np.float64)
    if np.average(second, weights=outputs.weights) <= 0.5:
        return metrics.best_threshold(second, probability, outputs.weights)
    return 1 - metrics.best_threshold(~second, 1 - probability, outputs.weights)


def _outputs(db: CallerDatabase, model: TableModel, rows: Relation, part: Part, most: int | None = None) -> Outputs:
    names = Names.of(model.name, model.dependent_varname)
    where = f"{ROW}.{quoted(names.part)} = {literal(part)}"
    if most is not None:
        last = f"SELECT {quoted(names.identity)} FROM {rows.sql} WHERE {quoted(names.part)} = {literal(part)}"
        where += f" AND {ROW}.{quoted(names.identity)} <= ALL ({last} ORDER BY 1 OFFSET {most} LIMIT 1)"
    weight = f"{ROW}.{quoted(names.weight)}" if names.weight in catalog.columns(db, rows) else "1"
    return outputs_of(db, model, rows, f"{ROW}.{quoted(names.features)}", where, weight)
