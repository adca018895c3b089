"""Prediction of a row that comes as an object of JSON: of another relation, or of none.

What asks for it is one statement, which a session keeps prepared as long as the model, and the table that it was trained on,
are as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from automl.columns import table_model
from automl.columns.predicted import asked, number, of_features, probabilities
from automl.columns.rows import RowType, listed, of_json, row_type
from automl.columns.table_model import SUMMARY, TableModel
from automl.database.names import literal
from automl.database.session import CallerDatabase, Prepared
from automl.errors import UNDEFINED_COLUMN, UsageError
from automl.prediction.one_row import VERSION
from keras_seg.protocol.latest import Latest

_SIZE = 1  # of what is kept; how many there are is what is bounded


@dataclass(frozen=True)
class Asking:
    """How a model is asked for a row.

    Attributes:
        answer: the statement that asks, with the row as $1: what is missing in it, and the answer.
        version: the statement that tells whether it is still the same; None where nothing does.
        seen: what that has told.
    """

    answer: Prepared
    version: Prepared | None
    seen: tuple[str, ...] | None

    @property
    def is_current(self) -> bool:
        """Whether the model is what it was."""
        return self.version is not None and self.seen is not None and self.version.column() == self.seen

    def ask(self, row: str) -> str | None:
        """Return the answer for a row.

        Raises:
            UsageError: it has not all the columns that the model takes.
        """
        missing, found = self.answer.row(row)
        if missing is None:
            raise UsageError("source_row", "must be an object of JSON, with the columns of a row by their names")
        if missing:
            raise UsageError(
                "source_row",
                f"must have {listed(missing)}",
                hint="What is not known can be null.",
                sqlstate=UNDEFINED_COLUMN,
            )
        return None if found is None else str(found)


Open = Callable[[str | None, str | None], Asking]


class KeptAskings:
    """The models that a session has asked last for rows of JSON."""

    def __init__(self) -> None:
        self._known: Latest[Asking] = Latest()

    def get(self, open_model: Open, model: str | None, pred_type: str | None) -> Asking:
        """Return how a model is asked, as it is now."""
        key = (model, pred_type)
        kept = self._known.get(key)
        if kept is None or not kept.is_current:
            self._known.drop(key)
            kept = self._known.put(key, open_model(model, pred_type), _SIZE)
        return kept


def kept_askings(db: CallerDatabase) -> KeptAskings:
    """Return room for the models that a session asks."""
    return KeptAskings()


def open_model(db: CallerDatabase, model: str | None, pred_type: str | None = "response") -> Asking:
    """Prepare the statement that asks a model for a row."""
    begun = table_model.read(db, model)
    version = _version(db, begun, row_type(db, begun))
    # The version first: what is written between the statements shows as another one.
    seen = version.column() if version else None
    found = table_model.read(db, model)
    rows = row_type(db, found)
    answered = _answer(rows.typed(found), rows.features("q.row"), (pred_type or "response").strip().lower())
    return Asking(db.prepared(_statement(rows, answered)), version, seen)


def _statement(rows: RowType, answered: str) -> str:
    """Return the statement that gives the answer, and the names of the columns that are missing: NULL for no object.

    The row is a column of a subquery, so that the planner puts the expression of the features in the place of their function.
    So is what is given, so that it never pays to plan again for its value.
    """
    names = ", ".join(literal(field.name) for field in rows.needed)
    needed = f"pg_catalog.unnest(ARRAY[{names}]::pg_catalog.text[]) AS needed (name)"
    missing = f"ARRAY(SELECT name FROM {needed} WHERE NOT pg_catalog.jsonb_exists(given, name))"
    given = "SELECT $1::pg_catalog.jsonb AS given OFFSET 0"
    looked = (
        f"SELECT given, CASE pg_catalog.jsonb_typeof(given) WHEN 'object' THEN {missing} END AS missing"
        f" FROM ({given}) AS g OFFSET 0"
    )
    row = of_json(rows, "m.given")
    made = f"SELECT missing, CASE WHEN missing = '{{}}' THEN {row} END AS row FROM ({looked}) AS m OFFSET 0"
    return f"SELECT missing, CASE WHEN missing = '{{}}' THEN ({answered})::pg_catalog.text END AS answer FROM ({made}) AS q"


def _answer(model: TableModel, features: str, pred_type: str) -> str:
    types = ("response", "value") if model.is_number else ("response", "prob", "value")
    if pred_type not in types:
        rule = f"must be {', '.join(map(literal, types[:-1]))} or 'value' for a row"
        raise UsageError("pred_type", rule, pred_type)
    if pred_type == "response":
        return of_features(model, features)
    if pred_type == "prob":
        return probabilities(model, features)
    outputs = asked(model, "value", features)
    return number(model, outputs) if model.is_number else outputs


def _version(db: CallerDatabase, model: TableModel, rows: RowType) -> Prepared | None:
    """Return the statement that tells the version of a model, of the type of the rows that it takes and of its features
    function; None where nothing does."""
    if db.dialect.segmented:
        return None
    summary = f"SELECT {VERSION} FROM {model.name.with_suffix(SUMMARY).sql} LIMIT 1"
    source = f"SELECT {VERSION} FROM pg_catalog.pg_class WHERE oid = {rows.source.oid}"
    function = literal(f"{rows.function}({rows.source.sql})")
    features = f"SELECT {VERSION} FROM pg_catalog.pg_proc WHERE oid = {function}::pg_catalog.regprocedure"
    versions = ", ".join(f"({each})::text" for each in (summary, source, features))
    return db.prepared(f"SELECT ROW({literal(model.given)}::regclass::oid, {versions})::text AS version")
