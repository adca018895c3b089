"""Prediction with a trained model, as SQL calls it: the arguments, and what the model's tables say."""

from __future__ import annotations

from automl.data.labels import NUMBERS
from automl.data.shapes import first_shape
from automl.database import catalog
from automl.database.names import table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import DATATYPE_MISMATCH, NUMERIC_VALUE_OUT_OF_RANGE, UsageError
from automl.hosts import gpus
from automl.hosts.assignment import Host
from automl.prediction import in_caller, in_sessions, on_segments
from automl.prediction.model_tables import model_of
from automl.prediction.trained_model import Model, OtherShape, Prediction, Source, WrongRow
from keras_seg.protocol.predictions import OutputSelection


def madlib_keras_predict(
    db: CallerDatabase,
    model_table: str | None,
    test_table: str | None,
    id_col: str | None,
    independent_varname: str | None,
    output_table: str | None,
    pred_type: str | int | float | None = "prob",
    use_gpus: bool | None = False,
    mst_key: int | None = None,
) -> None:
    """Predict the rows of `test_table` and make `output_table`: id, dependent variable, `prob`, `rank` if asked for; or id and
    the value, if the model predicts a number."""
    selection = parse_pred_type(pred_type)
    model = model_of(db, model_table, mst_key)
    if not model.has_classes:
        selection = _without_classes(model, pred_type)
    hosts = gpus.hosts_of_sessions(db) if use_gpus else None
    predict_with(db, model, test_table, id_col, independent_varname, output_table, selection, hosts)


def predict_with(
    db: CallerDatabase,
    model: Model,
    test_table: str | None,
    id_col: str | None,
    independent_varname: str | None,
    output_table: str | None,
    selection: OutputSelection,
    hosts: tuple[Host, ...] | None,
) -> None:
    """Predict the rows of a table with a model and write what the selection takes.

    Args:
        hosts: where it runs, if it is to run on GPUs.
    """
    source = source_of(db, test_table, id_col, independent_varname)
    (output,) = catalog.require_absent(db, "output_table", table_name("output_table", output_table))
    write(db, Prediction(model, source, output, selection, hosts))


def write(db: CallerDatabase, prediction: Prediction) -> None:
    """Make the output table of a prediction and fill it."""
    prediction.create(db)
    try:
        _run(db, prediction)
    except Exception as error:  # the driver's own class
        if isinstance(error, WrongRow | OtherShape) or getattr(error, "sqlstate", None) == NUMERIC_VALUE_OUT_OF_RANGE:
            _require_fit(db, prediction)
        raise


def _run(db: CallerDatabase, prediction: Prediction) -> None:
    if db.dialect.segmented:
        on_segments.run(db, prediction)
    elif not in_caller.run(db, prediction):
        in_sessions.run(db, prediction)


def _require_fit(db: Database, prediction: Prediction) -> None:
    """Raise an error that tells the rows that cannot be predicted, if there are such rows."""
    usual = prediction.source.usual(db)
    problem = None if usual is None else usual.wanted(prediction.model.normalizing_const).problem(db)
    if problem is not None:
        raise problem


def parse_pred_type(value: str | int | float | None) -> OutputSelection:
    """Return what `pred_type` asks for: 'prob' (NULL too), 'response', 'value', a number of classes, or a threshold.

    >>> parse_pred_type("response")
    OutputSelection(most=1, above=None, ranked=False)
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "prob"):
        return OutputSelection()
    if isinstance(value, str) and value.strip().lower() == "response":
        return OutputSelection(most=1, ranked=False)
    if isinstance(value, str) and value.strip().lower() == "value":
        return OutputSelection(ranked=False, raw=True)
    if isinstance(value, int) and value >= 1:
        return OutputSelection(most=value)
    if isinstance(value, float) and 0 <= value < 1:
        return OutputSelection(above=value)
    raise UsageError(
        "pred_type",
        "must be 'prob', 'response', 'value', a whole number of at least 1, or a threshold from 0 to below 1",
        value,
    )


def _without_classes(model: Model, pred_type: str | int | float | None) -> OutputSelection:
    """Return the selection for a model that predicts a number or an array: one value a row, whatever text asks for it."""
    if isinstance(pred_type, int | float):
        what = "an array" if model.is_array else "a number"
        rule = f"must be 'response', or be left out: this model predicts {what}, which has no classes"
        raise UsageError("pred_type", rule, pred_type)
    return OutputSelection(ranked=False, raw=True)


def source_of(db: CallerDatabase, test_table: str | None, id_col: str | None, independent: str | None) -> Source:
    """Return the rows of a table to predict, by the columns that tell them apart and that hold their features."""
    table = catalog.readable_table(db, "test_table", test_table)
    id_column = catalog.one_column(db, "id_col", table, id_col)
    features = catalog.one_column(db, "independent_varname", table, independent)
    kind = catalog.column_type(db, table, features)
    if kind.element is None or kind.element.name not in NUMBERS:
        raise UsageError(
            "independent_varname",
            f'column "{features}" of table "{table.name}" must be an array of numbers, it is {kind.name}',
            hint="Predict on rows that are not packed.",
            sqlstate=DATATYPE_MISMATCH,
        )
    rows = int(db.execute(f"SELECT pg_catalog.count(*) AS n FROM {table.sql}")[0]["n"])
    shape = first_shape(db, table, features) or ()
    return Source(table, id_column, catalog.column_type(db, table, id_column), features, kind, rows, shape)
