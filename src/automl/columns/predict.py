"""Prediction of the rows of a table with a model of columns: as madlib_keras_predict does it, in the label's own type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from automl.columns import table_model
from automl.columns.predicted import NUMBER, answer, has_threshold, number, probability
from automl.columns.rows import ROW, listed, of_table, row_type
from automl.columns.table_model import TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, quoted, table_name
from automl.database.session import CallerDatabase, Database
from automl.database.settings import settings
from automl.errors import NULL_VALUE_NOT_ALLOWED, UNDEFINED_COLUMN, Problems, UsageError
from automl.prediction.model_tables import model_of
from automl.prediction.predict import parse_pred_type, source_of, write
from automl.prediction.trained_model import Model, Prediction
from keras_seg.protocol.predictions import OutputSelection

RAW = OutputSelection(ranked=False, raw=True)
TOLD_APART = OutputSelection(ranked=False, raw=True, told_apart=True)
_RESPONSE = OutputSelection(most=1, ranked=False)
_VIEW = "keras_automl_features"
INTERPRETED = {"jit": "off"}  # to compile the features of very many columns takes minutes, in which nothing can be cancelled
_OUTPUTS = "o::real[]"  # of a row, as `Prediction.raw_value` has them


@dataclass(frozen=True)
class Written:
    """What is written of a row.

    Attributes:
        selection: of the outputs.
        type: of what is made of them as they are, with the columns behind it.
        value: the SQL of it.
        others: the names of the columns behind it.
    """

    selection: OutputSelection
    type: str = "real[]"
    value: str = _OUTPUTS
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnsPrediction(Prediction):
    """A prediction that makes of the outputs what a model of columns answers."""

    written: Written

    @property
    def others(self) -> tuple[str, ...]:
        return self.written.others if self.selection.raw else super().others

    @property
    def raw_type(self) -> str:
        return self.written.type

    @property
    def raw_value(self) -> str:
        return self.written.value


def automl_predict(
    db: CallerDatabase,
    model: str | None,
    source_table: str | None,
    output_table: str | None,
    pred_type: str | int | float | None = "response",
    id_col: str | None = None,
) -> None:
    """Predict the rows of a table of ordinary columns and make `output_table`: the id, what is predicted, and `prob`, with
    `rank` where several classes are asked for."""
    problems = Problems()
    found = problems.attempt(lambda: table_model.read(db, model))
    table = problems.attempt(lambda: _table(db, source_table))
    output = problems.attempt(lambda: catalog.require_absent(db, "output_table", table_name("output_table", output_table)))
    identity = problems.attempt(lambda: _id_column(db, found.value, table.value, id_col))
    rows = problems.attempt(lambda: row_type(db, found.value))
    features = problems.attempt(lambda: of_table(db, rows.value, table.value))
    problems.attempt(lambda: _written(found.value, pred_type))
    problems.stop()
    typed, (name,) = rows.value.typed(found.value), output.value
    network, written = network_of(db, typed), _written(typed, pred_type)
    columns = {identity.value: f"{ROW}.{quoted(identity.value)}"}
    with features_view(db, table.value, features.value, columns) as (view, vector):
        source = source_of(db, view, quoted(identity.value), quoted(vector))
        write(db, ColumnsPrediction(network, source, name, written.selection, written=written))


def network_of(db: CallerDatabase, model: TableModel) -> Model:
    """Return the network that a model of columns delivers, which predicts its target under the target's own name."""
    network = model_of(db, model.name.sql, model.chosen, say=False)
    return replace(network, dependent=model.dependent_varname, class_type=model.target_type)


@contextmanager
def features_view(
    db: Database, table: Relation, features: str, columns: Mapping[str, str], where: str = "true"
) -> Iterator[tuple[str, str]]:
    """Give the rows of a table with their features: the name of a temporary view, and of its column of these.

    Args:
        table: the rows, of which each is called `ROW`.
        features: the SQL of the features of one.
        columns: the other columns of the view by their names, as SQL.
        where: the SQL of the condition under which a row is in it.
    """
    name = catalog.temporary(db, "source_table", _VIEW)
    vector = next(each for each in ("features", "features_of_row") if each not in columns)
    selected = ", ".join(f"{value} AS {quoted(column)}" for column, value in {**columns, vector: features}.items())
    db.execute(f"CREATE TEMPORARY VIEW {name} AS SELECT {selected} FROM {table.sql} AS {ROW} WHERE {where}")
    with settings(db, INTERPRETED):
        yield Name(name, "pg_temp").sql, vector
    db.execute(f"DROP VIEW pg_temp.{name}")


def _table(db: Database, source_table: str | None) -> Relation:
    try:
        return catalog.readable_table(db, "source_table", source_table)
    except UsageError as problem:
        if (source_table or "").lstrip().startswith("{"):
            problem.hint = "A row of JSON needs its type: madlib.automl_predict('model', '{...}'::jsonb)."
        raise


def _written(model: TableModel, pred_type: str | int | float | None) -> Written:
    selection = parse_pred_type("response" if pred_type is None else pred_type)
    if model.is_number:
        if selection.raw:
            return Written(RAW, NUMBER, number(model, _OUTPUTS))
        if isinstance(pred_type, int | float):
            raise _no_classes(pred_type)
        return Written(RAW, model.target_type, answer(model, _OUTPUTS))
    if selection == _RESPONSE and has_threshold(model):
        value = f"{answer(model, _OUTPUTS)}, {probability(model, _OUTPUTS)}"
        return Written(TOLD_APART, f"{model.target_type}, prob real", value, ("prob",))
    return Written(selection)


def _no_classes(pred_type: float) -> UsageError:
    rule = "must be 'response' or 'value', or be left out: this model predicts a number, which has no classes"
    return UsageError("pred_type", rule, pred_type)


def _id_column(db: Database, model: TableModel, table: Relation, id_col: str | None) -> str:
    """Return the column that tells the rows of a table apart: the one that is named, else that of the training."""
    if id_col is not None:
        return catalog.one_column(db, "id_col", table, id_col)
    call = f"SELECT t.*, {model.name.sql}(t) FROM {model.source_table} AS t"
    if model.id_col is None:
        raise UsageError(
            "id_col",
            f'must name a column of table "{table.name}" that tells its rows apart: the training had none',
            hint=f"Without one: {call}",
            sqlstate=NULL_VALUE_NOT_ALLOWED,
        )
    if model.id_col not in catalog.columns(db, table):
        raise UsageError(
            "id_col",
            f'must name a column of table "{table.name}" that tells its rows apart: it has no {listed([model.id_col])},'
            " which did so in training",
            hint=f"It has {listed(catalog.columns(db, table))}.",
            sqlstate=UNDEFINED_COLUMN,
        )
    return model.id_col
