"""What the tables of a trained model say: which model is meant, its network, its classes."""

from __future__ import annotations

from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.session import CallerDatabase, Database
from automl.database.settings import AS_WRITTEN, settings
from automl.errors import UsageError
from automl.prediction.trained_model import KEY, Model
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.predictions import OneOutput


def model_of(db: CallerDatabase, model_table: str | None, mst_key: int | None, say: bool = True) -> Model:
    """Return a trained model of a model table.

    Args:
        mst_key: of the model; None for the one that there is, or the best of a search.
        say: whether the caller is told which one that is.
    """
    table = catalog.readable_table(db, "model_table", model_table)
    catalog.require_column(db, "model_table", table, "model_weights", "model_arch")
    summary = companion(db, table, "_summary")
    catalog.require_column(db, "model_table", summary, "dependent_varname", "class_values", "normalizing_const")
    key = keys_of(db, table, mst_key, say)
    definition = definition_of(db, table, key, mst_key)
    # Summaries of other makers may not have these columns; then there are classes.
    there = catalog.columns(db, summary)
    no_classes = "num_classes IS NULL" if "num_classes" in there else "false"
    arrays = "dependent_vartype::text LIKE '%[]'" if "dependent_vartype" in there else "false"
    with settings(db, AS_WRITTEN):  # classes, of which a session keeps the texts, whatever it is set to later
        about = db.execute(
            "SELECT dependent_varname, class_values::text[] AS class_values, normalizing_const,"
            f" class_values IS NULL AND {no_classes} AS no_classes, {arrays} AS arrays FROM {summary.sql} LIMIT 1"
        )[0]
    element = catalog.column_type(db, summary, "class_values").element
    values = about["class_values"]
    tells_classes = not about["no_classes"] and (values is None or len(values) == 2)
    return Model(
        definition,
        about["dependent_varname"],
        element.sql if element and values is not None else "pg_catalog.int4",
        None if values is None else tuple(values),
        float(about["normalizing_const"]),
        is_number=bool(about["no_classes"] and not about["arrays"]),
        is_array=bool(about["no_classes"] and about["arrays"]),
        one_output=_one_output(db, table, key) if tells_classes else OneOutput.PROBABILITY,
    )


def definition_of(db: Database, table: Relation, key: int | None, mst_key: int | None) -> Definition:
    """Return the network of a model, with its weights.

    Args:
        key: of the model, as `keys_of` gives it.
        mst_key: as the caller gave it, for problems.

    Raises:
        UsageError: it was not trained.
    """
    row = db.execute(f"SELECT model_weights, model_arch::text AS architecture FROM {table.sql} WHERE {row_of(key)}")[0]
    if row["model_weights"] is None:
        raise UsageError("mst_key", "must be a model that has been trained; this one failed", mst_key)
    return Definition(KEY, row["architecture"], row["model_weights"])


def row_of(key: int | None) -> str:
    """Return the condition that selects the row of a model, in its table and in the one that `suffix_of` names."""
    return "true" if key is None else f"mst_key = {key}"


def suffix_of(key: int | None) -> str:
    """Return the suffix of the table that says how a model was trained."""
    return "_summary" if key is None else "_info"


def _one_output(db: Database, table: Relation, key: int | None) -> OneOutput:
    """Return what one output stands for by the loss that a model was trained with; a probability where nothing tells it.

    Raises:
        UsageError: 42501 if the caller may not read what tells it.
    """
    name = table.name.with_suffix(suffix_of(key))
    if not catalog.exists(db, name):
        return OneOutput.PROBABILITY
    about = catalog.find_table(db, "model_table", name)
    if "loss_type" not in catalog.columns(db, about):
        return OneOutput.PROBABILITY
    catalog.require_select(db, "model_table", about, *(("loss_type",) if key is None else ("loss_type", "mst_key")))
    rows = db.execute(f"SELECT loss_type::text AS loss FROM {about.sql} WHERE {row_of(key)}")
    return OneOutput.under(rows[0]["loss"] or "" if rows else "")


# What ranks the trials of a search, the lower the better, from the summary table and a row of the info table.
_LOSS = "CASE WHEN (SELECT validation_table FROM {summary}) IS NULL THEN training_loss_final ELSE validation_loss_final END"
_SCORE = "CASE WHEN (SELECT objective FROM {summary}) LIKE 'max:%' THEN - {column} ELSE {column} END"


def keys_of(db: CallerDatabase, table: Relation, mst_key: int | None, say: bool = True) -> int | None:
    """Return the mst_key of the model to use in a model table; None in that of madlib_keras_fit, which has one model.

    Of a search it is the best one, unless another one is given.
    """
    if "mst_key" not in catalog.columns(db, table):
        if mst_key is not None:
            raise UsageError("mst_key", f'must be left out: "{table.name}" holds one model', mst_key)
        return None
    keys = [row["mst_key"] for row in db.execute(f"SELECT mst_key FROM {table.sql} ORDER BY 1")]
    if mst_key is None and len(keys) != 1:
        best = _best(db, table, len(keys))
        if say:
            db.notice(f'mst_key {best} is used, the best of the {len(keys)} models of "{table.name}"')
        return best
    if mst_key is not None and mst_key not in keys:
        raise UsageError("mst_key", f'must be one of table "{table.name}", which has {keys}', mst_key)
    return int(keys[0] if mst_key is None else mst_key)


def _best(db: Database, table: Relation, count: int) -> int:
    """Return the mst_key of the best model of a search, as its selection table was filled."""
    query = best_query(db, table)
    found = db.execute(query) if query else []
    if not found:
        info = table.name.with_suffix("_info")
        raise UsageError(
            "mst_key",
            f'must say which of the {count} models of "{table.name}" to use',
            None,
            hint=f"SELECT mst_key, compile_params, training_loss_final FROM {info.sql} ORDER BY training_loss_final",
        )
    return int(found[0]["mst_key"])


def best_query(db: Database, table: Relation) -> str | None:
    """Return the query that gives the mst_key of the best model; None where no search has filled the table."""
    query = ranking_query(db, table)
    return query and f"{query} LIMIT 1"


def ranking_query(db: Database, table: Relation) -> str | None:
    """Return the query that gives the mst_key of each model that has a value, the best first; None as `best_query`."""
    info, summary = table.name.with_suffix("_info"), table.name.with_suffix("_summary")
    if not catalog.exists(db, info) or "automl_method" not in (
        columns := catalog.columns(db, companion(db, table, "_summary"))
    ):
        return None
    score = (_SCORE if "objective" in columns else _LOSS).format(column="objective", summary=summary.sql)
    several = "objective" in columns and "try_objective" in catalog.columns(db, companion(db, table, "_info"))
    # The tries of a configuration have its mean, and the best of them stands for it.
    ties = ("configuration", _SCORE.format(column="try_objective", summary=summary.sql)) if several else ()
    return (
        f"SELECT mst_key FROM {info.sql} WHERE {score} NOT IN ('NaN', 'Infinity', '-Infinity')"
        f" ORDER BY {', '.join((score, *ties, 'mst_key'))}"
    )


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
