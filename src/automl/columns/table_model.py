"""A model of ordinary columns, as its tables tell of it: `<model>`, `<model>_summary` and `<model>_columns`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from automl.database.catalog import Relation, columns, exists, readable_table, require_select
from automl.database.names import Name, quoted
from automl.database.session import Database, Row
from automl.database.settings import AS_WRITTEN, settings
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError

COLUMNS, SUMMARY, INFO, FEATURES = "_columns", "_summary", "_info", "_features"  # what its tables and functions end in
_HINT = "Make it with madlib.automl_train."


@dataclass(frozen=True)
class Column:
    """A column of the table that a model was trained on; a row of `<model>_columns`.

    Attributes:
        position: its place among the columns, from 1.
        type: as `format_type` writes it.
        role: feature, target, id, split, time, weight, excluded or dropped.
        treatment: number, boolean, one_hot, codes, hashed, date, timestamp, time, interval, array or set; None where it is no
            feature.
        null_share: of the training rows; None where nobody looked.
        distinct_values: among the training rows, NULL not counted; None where nobody counted.
        becomes: the same for people.
        center, scale: (x - center) / scale is what becomes of a number.
        vocabulary: the values that have codes, in the order of these.
        places: in the vector, from 1: of its numbers, its flags and its codes, which stand apart.
        first: the first of them.
        width: how many they are.
        reason: why it was dropped.
    """

    position: int
    name: str
    type: str
    role: str
    treatment: str | None = None
    null_share: float | None = None
    distinct_values: int | None = None
    becomes: str | None = None
    center: float | None = None
    scale: float | None = None
    vocabulary: tuple[str, ...] | None = None
    first: int | None = None
    width: int | None = None
    places: tuple[int, ...] | None = None
    reason: str | None = None


# The types of the columns of that table, in their order.
COLUMN_TYPES = {
    "position": "integer",
    "name": "text",
    "type": "text",
    "role": "text",
    "treatment": "text",
    "null_share": "double precision",
    "distinct_values": "bigint",
    "becomes": "text",
    "center": "double precision",
    "scale": "double precision",
    "vocabulary": "text[]",
    "first": "integer",
    "width": "integer",
    "places": "integer[]",
    "reason": "text",
}

# Those that the summary of a search gets, behind its own; its `source_table` becomes the table of the columns.
SUMMARY_TYPES = {
    "features_function": "text",
    "id_col": "text",
    "target_type": "text",
    "target_center": "double precision",
    "target_scale": "double precision",
    "target_low": "double precision",
    "target_high": "double precision",
    "threshold": "double precision",
    "time_zone": "text",
    "split_rule": "text",
    "preset": "text",
    "chosen": "integer",
    "train_rows": "bigint",
    "validation_rows": "bigint",
    "test_rows": "bigint",
    "columns_random_state": "integer",
}


@dataclass(frozen=True)
class TableModel:
    """A model of columns.

    Attributes:
        given: its name, as it was typed.
        relation: the model table.
        columns: of the source, in their order.
        dependent_varname: the target.
        class_values: its classes as text, in the order of the outputs; None for a number that is predicted.
        source_table: the table that it was trained on, as an identifier with its schema.
        features_function: makes the vector of a row of the source; an identifier with its schema.
        id_col: the column that tells rows apart; None if there is none.
        target_type: of the target, as `format_type` writes it.
        target_center, target_scale: an output is (target - center) / scale, where a number is predicted.
        target_low, target_high: the range that it has among the training rows.
        threshold: of two classes: from which probability of the second one on the response is that one.
        time_zone: in which moments were taken apart.
        split_rule: for people: which rows are of which part.
        chosen: the `mst_key` that is delivered.
        train_rows, validation_rows, test_rows: how many rows each part had.
        columns_random_state: from which the split and the search were drawn.
    """

    given: str
    relation: Relation
    columns: tuple[Column, ...]
    dependent_varname: str
    class_values: tuple[str | None, ...] | None
    source_table: str
    features_function: str
    id_col: str | None
    target_type: str
    target_center: float | None
    target_scale: float | None
    target_low: float | None
    target_high: float | None
    threshold: float | None
    time_zone: str
    split_rule: str
    preset: str
    chosen: int
    train_rows: int
    validation_rows: int
    test_rows: int
    columns_random_state: int

    @property
    def is_number(self) -> bool:
        """Whether a number is predicted, and no classes."""
        return self.class_values is None

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that the vector is made of."""
        return tuple(column for column in self.columns if column.role == "feature")

    @property
    def name(self) -> Name:
        """The name of the model table."""
        return self.relation.name


def read(db: Database, model: str | None, argument: str = "model") -> TableModel:
    """Return a model of columns.

    Args:
        model: the name of its table, as it was typed.
        argument: the SQL argument that it came in.

    Raises:
        UsageError: the table is missing, or not readable, or it is no model of columns.
    """
    relation = readable_table(db, argument, model)
    summary = _companion(db, argument, relation, SUMMARY, ("dependent_varname", "source_table", "class_values", *SUMMARY_TYPES))
    about = _companion(db, argument, relation, COLUMNS, tuple(COLUMN_TYPES))
    with settings(db, AS_WRITTEN):  # classes, which have any type
        rows = db.execute(
            "SELECT dependent_varname, source_table, class_values::text[] AS class_values,"
            f" {', '.join(map(quoted, SUMMARY_TYPES))} FROM {summary.sql} LIMIT 2"
        )
    if len(rows) != 1:
        raise _no_model(argument, relation, f'must have one row in its table "{summary.name}"')
    columns_of = db.execute(f"SELECT {', '.join(map(quoted, COLUMN_TYPES))} FROM {about.sql} ORDER BY position")
    return TableModel(
        given=str(model).strip(),
        relation=relation,
        columns=tuple(map(_column, columns_of)),
        **{**rows[0], "class_values": _tuple(rows[0]["class_values"])},
    )


def _companion(db: Database, argument: str, model: Relation, suffix: str, needed: tuple[str, ...]) -> Relation:
    """Return a table beside the model table, which must have these columns."""
    name = model.name.with_suffix(suffix)
    if not exists(db, name):
        raise _no_model(argument, model, f'has no table "{name}" beside it')
    found = readable_table(db, argument, name.sql)
    require_select(db, argument, found)
    there = columns(db, found)
    missing = [each for each in needed if each not in there]
    if missing:
        raise _no_model(argument, model, f'has no column "{missing[0]}" in the table "{name}" beside it')
    return found


def _column(row: Row) -> Column:
    known = {each.name for each in fields(Column)}
    arrays = {name: _tuple(row[name]) for name in ("vocabulary", "places")}
    return Column(**{**{name: row[name] for name in known}, **arrays})


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _no_model(argument: str, model: Relation, problem: str) -> UsageError:
    return UsageError(
        argument,
        f'table "{model.name}" is no model of columns: it {problem}',
        hint=_HINT,
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )
