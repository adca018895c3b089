"""How good a model of columns is on the rows of a table: measures, the confusion matrix, other thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from automl.columns import metrics, table_model
from automl.columns.predict import RAW, TOLD_APART, ColumnsPrediction, Written, features_view, network_of
from automl.columns.predicted import MONEY, has_threshold
from automl.columns.rows import ROW, listed, of_table, row_type
from automl.columns.table_model import TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, quoted
from automl.database.session import CallerDatabase, Database, Row
from automl.database.settings import AS_WRITTEN, settings
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UNDEFINED_COLUMN, AutomlError, Problems, UsageError
from automl.prediction.predict import source_of, write
from keras_seg.protocol import array_bytes

_OUTPUTS = "keras_automl_outputs"
_ABOUT, _FOUND = "about", "found"  # what is true of a row and its weight, as texts; and the outputs
_PADDED = "pg_catalog.bpchar"  # whose texts have no blanks at their end
_FLOAT4 = 700  # pg_type.oid
_ROWS = 10_000  # in memory as objects of Python
_SHOWN_IN_FULL = 20  # classes whose confusion matrix shows its zeros as well
_THRESHOLDS = tuple(number / 20 for number in range(1, 20))

METRIC, CONFUSION, THRESHOLD = "metric", "confusion", "threshold"
Line = dict[str, object]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model gives for the rows of a table whose target is known.

    Attributes:
        truth: of each row the number of its class, or its number.
        found: of each row the probabilities of the classes (rows, classes), or the number that is predicted.
        weights: of each row; None where all count the same.
    """

    truth: np.ndarray
    found: np.ndarray
    weights: np.ndarray | None = None

    def answered(self, model: TableModel) -> np.ndarray:
        """Return the number of the class that each row is said to be of."""
        if has_threshold(model):
            return (self.found[:, 1].astype(np.float64) >= float(model.threshold or 0)).astype(np.int64)
        return np.argsort(-self.found, axis=1, kind="stable")[:, 0]


def automl_evaluate(db: CallerDatabase, model: str | None, source_table: str | None) -> list[Line]:
    """Return measures of a model on the rows of a table, the confusion matrix and a table of thresholds, as rows."""
    problems = Problems()
    found = problems.attempt(lambda: table_model.read(db, model))
    table = problems.attempt(lambda: catalog.readable_table(db, "source_table", source_table))
    features = problems.attempt(lambda: of_table(db, row_type(db, found.value), table.value))
    problems.attempt(lambda: require_target(db, found.value, table.value))
    problems.stop()
    outputs = outputs_of(db, found.value, table.value, features.value)
    return list(lines(found.value, outputs))


def require_target(db: Database, model: TableModel, table: Relation) -> None:
    """Raise unless a table has the column that is predicted."""
    if model.dependent_varname not in catalog.columns(db, table):
        raise UsageError(
            "source_table",
            f'table "{table.name}" has no {listed([model.dependent_varname])}, which the model predicts',
            sqlstate=UNDEFINED_COLUMN,
        )


def lines(model: TableModel, outputs: Outputs) -> Iterator[Line]:
    """Yield the rows of an evaluation: first the measures, then the confusion matrix, then the thresholds."""
    yield _line(METRIC, name="rows", value=float(len(outputs.truth)))
    if model.is_number:
        yield from _measures(metrics.of_numbers(outputs.truth, outputs.found))
        return
    answered = outputs.answered(model)
    yield from _measures(metrics.of_classes(outputs.truth, outputs.found, answered))
    yield from _confusion(model.class_values or (), metrics.confusion(outputs.truth, answered, outputs.found.shape[1]))
    if outputs.found.shape[1] == 2:
        yield from _thresholds(model, outputs.truth == 1, outputs.found[:, 1].astype(np.float64))


def _measures(found: dict[str, metrics.Measured]) -> Iterator[Line]:
    for name, measured in found.items():
        yield _line(METRIC, name=name, value=measured.value, constant=measured.constant)


def _confusion(classes: Sequence[str | None], counts: np.ndarray) -> Iterator[Line]:
    for actual, predicted in np.ndindex(counts.shape):
        if counts[actual, predicted] or len(classes) <= _SHOWN_IN_FULL:
            count = int(counts[actual, predicted])
            yield _line(CONFUSION, actual=classes[actual], predicted=classes[predicted], rows=count)


def _thresholds(model: TableModel, positive: np.ndarray, probability: np.ndarray) -> Iterator[Line]:
    known = {*_THRESHOLDS, *(() if model.threshold is None else (model.threshold,))}
    for each in sorted(known):
        at = metrics.at_threshold(positive, probability, each)
        yield _line(
            THRESHOLD, threshold=at.threshold, rows=at.rows, precision=at.precision, recall=at.recall, f1=at.f1,
        )  # fmt: skip


# The columns of what automl_evaluate returns.
_COLUMNS = ("part", "name", "value", "constant", "actual", "predicted", "rows", "threshold", "precision", "recall", "f1")


def _line(part: str, **values: object) -> Line:
    return {**dict.fromkeys(_COLUMNS), "part": part, **values}


def outputs_of(
    db: CallerDatabase, model: TableModel, table: Relation, features: str, where: str = "true", weight: str = "1"
) -> Outputs:
    """Return what a model gives for the rows of a table whose target is known, and what is true.

    Args:
        features: the SQL of the features of the row that is called `ROW`.
        where: the SQL of the condition under which a row counts.
        weight: the SQL of how much it counts.

    Raises:
        UsageError: there is no such row.
    """
    truth = truth_of(db, model, table)
    known = f"{truth} IS NOT NULL AND ({where})"
    _require_rows(db, model, table, known)
    about = f"ARRAY[{truth}, ({weight})::pg_catalog.text]"
    with features_view(db, table, features, {_ABOUT: about}, known) as (view, vector):
        source = source_of(db, view, _ABOUT, quoted(vector))
        network = replace(network_of(db, model), dependent=_FOUND)
        output = Name(catalog.temporary(db, "source_table", _OUTPUTS), "pg_temp")
        selection = RAW if model.is_number else TOLD_APART
        with settings(db, AS_WRITTEN):  # the truth
            write(db, ColumnsPrediction(network, source, output, selection, written=Written(selection)))
    return _taken(db, model, output)


def truth_of(db: Database, model: TableModel, table: Relation) -> str:
    """Return the SQL of the target of a row, as text: of a number the number, of a class its value as training has it.

    Texts do not go through the type of training, which would cut them to a class, or refuse them.
    """
    column = f"{ROW}.{quoted(model.dependent_varname)}"
    there = catalog.columns(db, table)[model.dependent_varname]
    if model.is_number:
        through = "::pg_catalog.numeric" if there == MONEY else ""
        return f"{column}{through}::pg_catalog.float8::pg_catalog.text"
    target = row_type(db, model).target
    if target is not None and target.is_text:
        return f"{column}{'::pg_catalog.bpchar' if target.held.type == _PADDED else ''}::pg_catalog.text"
    trained = next(each.type for each in model.columns if each.name == model.dependent_varname)
    return f"({column if there == trained else f'{column}::{model.target_type}'})::pg_catalog.text"


def _require_rows(db: Database, model: TableModel, table: Relation, known: str) -> None:
    if not db.execute(f"SELECT 1 AS one FROM {table.sql} AS {ROW} WHERE {known} LIMIT 1"):
        raise UsageError("source_table", f'table "{table.name}" has no row with a {model.dependent_varname}')


def _taken(db: CallerDatabase, model: TableModel, output: Name) -> Outputs:
    """Read the outputs that were written, and drop their table."""
    query = f"SELECT {_ABOUT}, madlib.automl_native({_FOUND}) AS outputs FROM {output.sql}"
    parts = [_part(model, rows) for rows in db.stream(query, rows=_ROWS)]
    db.execute(f"DROP TABLE {output.sql}")
    truth, found, weights = (np.concatenate(each) for each in zip(*parts, strict=True))
    known = truth >= 0 if not model.is_number else np.isfinite(truth)
    _say_unknown(db, model, int((~known).sum()), len(known))
    return Outputs(truth[known], found[known], weights[known])


def _part(model: TableModel, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    columns = 1 if model.is_number else len(model.class_values or ())
    outputs = native(b"".join(row["outputs"] for row in rows), len(rows), columns)
    truths, weights = zip(*(row[_ABOUT] for row in rows), strict=True)
    found = in_unit(model, outputs[:, 0]) if model.is_number else outputs
    return truths_of(model, truths), found, np.array(list(map(float, weights)))


def truths_of(model: TableModel, truths: Sequence[str]) -> np.ndarray:
    """Return what is true of rows, from its text: the number of the class, -1 for one that is not known; or the number."""
    if model.is_number:
        return np.array(list(map(float, truths)))
    number = {value: place for place, value in enumerate(model.class_values or ())}
    return np.array([number.get(truth, -1) for truth in truths], np.int64)


def native(wire: bytes, rows: int, columns: int) -> np.ndarray:
    """Return the `automl_native` of rows of `real[]` as (rows, columns)."""
    found = array_bytes.arrays(wire, (rows, columns), _FLOAT4, np.float32)
    if found is None:
        raise AutomlError(f"the rows are no arrays of {columns} numbers each", sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE)
    return found


def in_unit(model: TableModel, outputs: np.ndarray) -> np.ndarray:
    """Return predicted numbers in their own unit, within the range of training, as `predicted.number` has them."""
    values = outputs.astype(np.float64) * float(model.target_scale or 1) + float(model.target_center or 0)
    return np.clip(values, model.target_low, model.target_high)


def _say_unknown(db: CallerDatabase, model: TableModel, unknown: int, rows: int) -> None:
    """Tell of rows that are left out."""
    what = "finite number" if model.is_number else "class that training had"
    if unknown == rows:
        raise UsageError("source_table", f"must have rows whose {model.dependent_varname} is a {what}")
    if unknown:
        db.warning(f"{unknown} of {rows} rows are left out: their {model.dependent_varname} is no {what}")
