"""Prediction with a trained model, as SQL calls it: the arguments, and what the model's tables say."""

from __future__ import annotations

from automl.data.labels import NUMBERS
from automl.data.shapes import first_shape
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import DATATYPE_MISMATCH, NUMERIC_VALUE_OUT_OF_RANGE, UsageError
from automl.hosts import gpus
from automl.hosts.assignment import Host
from automl.prediction import in_sessions, on_segments
from automl.prediction.trained_model import KEY, Model, OtherShape, Prediction, Source, WrongRow
from keras_seg.protocol.orders import Definition
from keras_seg.protocol.predictions import OneOutput, OutputSelection


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
    model = _model(db, model_table, mst_key)
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
    source = _source(db, test_table, id_col, independent_varname)
    (output,) = catalog.require_absent(db, "output_table", table_name("output_table", output_table))
    prediction = Prediction(model, source, output, selection, hosts)
    prediction.create(db)
    run = on_segments.run if db.dialect.segmented else in_sessions.run
    try:
        run(db, prediction)
    except Exception as error:  # the driver's own class
        if isinstance(error, WrongRow | OtherShape) or getattr(error, "sqlstate", None) == NUMERIC_VALUE_OUT_OF_RANGE:
            _require_fit(db, prediction)
        raise


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


def _model(db: CallerDatabase, model_table: str | None, mst_key: int | None) -> Model:
    table = catalog.readable_table(db, "model_table", model_table)
    catalog.require_column(db, "model_table", table, "model_weights", "model_arch")
    summary = companion(db, table, "_summary")
    catalog.require_column(db, "model_table", summary, "dependent_varname", "class_values", "normalizing_const")
    key = keys_of(db, table, mst_key)
    where = "true" if key is None else f"mst_key = {key}"
    row = db.execute(f"SELECT model_weights, model_arch::text AS architecture FROM {table.sql} WHERE {where}")[0]
    if row["model_weights"] is None:
        raise UsageError("mst_key", "must be a model that has been trained; this one failed", mst_key)
    # Summaries of other makers may not have these columns; then there are classes.
    there = catalog.columns(db, summary)
    no_classes = "num_classes IS NULL" if "num_classes" in there else "false"
    arrays = "dependent_vartype::text LIKE '%[]'" if "dependent_vartype" in there else "false"
    about = db.execute(
        "SELECT dependent_varname, class_values::text[] AS class_values, normalizing_const,"
        f" class_values IS NULL AND {no_classes} AS no_classes, {arrays} AS arrays FROM {summary.sql} LIMIT 1"
    )[0]
    element = catalog.column_type(db, summary, "class_values").element
    values = about["class_values"]
    tells_classes = not about["no_classes"] and (values is None or len(values) == 2)
    return Model(
        Definition(KEY, row["architecture"], row["model_weights"]),
        about["dependent_varname"],
        element.sql if element and values is not None else "pg_catalog.int4",
        None if values is None else tuple(values),
        float(about["normalizing_const"]),
        is_number=bool(about["no_classes"] and not about["arrays"]),
        is_array=bool(about["no_classes"] and about["arrays"]),
        one_output=_one_output(db, table, key) if tells_classes else OneOutput.PROBABILITY,
    )


def _one_output(db: Database, table: Relation, key: int | None) -> OneOutput:
    """Return what one output stands for by the loss that a model was trained with; a probability where nothing tells it.

    Raises:
        UsageError: 42501 if the caller may not read what tells it.
    """
    name = table.name.with_suffix("_summary" if key is None else "_info")
    if not catalog.exists(db, name):
        return OneOutput.PROBABILITY
    about = catalog.find_table(db, "model_table", name)
    if "loss_type" not in catalog.columns(db, about):
        return OneOutput.PROBABILITY
    catalog.require_select(db, "model_table", about, *(("loss_type",) if key is None else ("loss_type", "mst_key")))
    where = "true" if key is None else f"mst_key = {key}"
    rows = db.execute(f"SELECT loss_type::text AS loss FROM {about.sql} WHERE {where}")
    return OneOutput.under(rows[0]["loss"] or "" if rows else "")


# What ranks the trials of a search, the lower the better, from the summary table and a row of the info table.
_LOSS = "CASE WHEN (SELECT validation_table FROM {summary}) IS NULL THEN training_loss_final ELSE validation_loss_final END"
_OBJECTIVE = "CASE WHEN (SELECT objective FROM {summary}) LIKE 'max:%' THEN - objective ELSE objective END"


def keys_of(db: CallerDatabase, table: Relation, mst_key: int | None) -> int | None:
    """Return the mst_key of the model to use in a model table; None in that of madlib_keras_fit, which has one model.

    Of a search it is the best one, unless another one is given.
    """
    if "mst_key" not in catalog.columns(db, table):
        if mst_key is not None:
            raise UsageError("mst_key", f'must be left out: "{table.name}" holds one model', mst_key)
        return None
    keys = [row["mst_key"] for row in db.execute(f"SELECT mst_key FROM {table.sql} ORDER BY 1")]
    if mst_key is None and len(keys) != 1:
        return _best(db, table, len(keys))
    if mst_key is not None and mst_key not in keys:
        raise UsageError("mst_key", f'must be one of table "{table.name}", which has {keys}', mst_key)
    return int(keys[0] if mst_key is None else mst_key)


def _best(db: CallerDatabase, table: Relation, count: int) -> int:
    """Return the mst_key of the best model of a search, as its selection table was filled, and say which one that is."""
    info, summary = table.name.with_suffix("_info"), table.name.with_suffix("_summary")
    found = []
    if catalog.exists(db, info) and "automl_method" in (columns := catalog.columns(db, companion(db, table, "_summary"))):
        score = (_OBJECTIVE if "objective" in columns else _LOSS).format(summary=summary.sql)
        found = db.execute(
            f"SELECT mst_key FROM (SELECT mst_key, {score} AS score FROM {info.sql}) q"
            " WHERE score NOT IN ('NaN', 'Infinity', '-Infinity') ORDER BY score, mst_key LIMIT 1"
        )
    if not found:
        raise UsageError(
            "mst_key",
            f'must say which of the {count} models of "{table.name}" to use',
            None,
            hint=f"SELECT mst_key, compile_params, training_loss_final FROM {info.sql} ORDER BY training_loss_final",
        )
    db.notice(f'mst_key {found[0]["mst_key"]} is used, the best of the {count} models of "{table.name}"')
    return int(found[0]["mst_key"])


def companion(db: Database, table: Relation, suffix: str) -> Relation:
    """Return a table that belongs to a model table: its summary, or its info table."""
    name = table.name.with_suffix(suffix)
    if not catalog.exists(db, name):
        raise UsageError(
            "model_table",
            f'table "{table.name}" has no table "{name}" beside it',
            hint="Give the model table of a search, or of one of the fit functions.",
        )
    return catalog.readable_table(db, "model_table", name.sql)


def _source(db: CallerDatabase, test_table: str | None, id_col: str | None, independent: str | None) -> Source:
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
