"""What is predicted: classes, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from automl.columns.inquiry import MOST_CLASSES
from automl.columns.kinds import FLOATS, INTEGERS, Kind, Reading, field_of
from automl.columns.source import Role, Source, SourceColumn
from automl.columns.splitting import Part
from automl.columns.statistics import Statistics
from automl.database.catalog import Relation
from automl.database.session import Database
from automl.database.settings import settings
from automl.errors import DATATYPE_MISMATCH, FEATURE_NOT_SUPPORTED, UsageError, shown

MOST_INTEGERS = 20  # different values of a target of integers, up to which each is a class
LEAST_ROWS = 10
_ARGUMENT = "dependent_varname"
_TAKEN = ("prob", "rank", "buffer_id", "__dist_key__")  # names of columns beside it, in predictions and packed tables
_COMPARABLE = "SNBDET"  # categories of types whose values can be classes
_SHOWN = 5


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        classes: rows of training by class, in the order of the classes as texts; None where a number is predicted.
        center, scale: mean and standard deviation of that number.
        low, high: its range.
        type: of the column, with its length or precision.
        strangers: classes that no training row has.
    """

    column: SourceColumn
    type: str = ""
    classes: Mapping[str, int] | None = None
    center: float | None = None
    scale: float | None = None
    low: float | None = None
    high: float | None = None
    strangers: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def is_packed_as_number(self) -> bool:
        """Whether the preprocessors take the column for a number to be predicted unless they are told otherwise."""
        return self.column.type.name in (*FLOATS, "numeric")

    def label(self, read: Reading) -> str:
        """Return the SQL of what is trained on, of the row that is called `r`."""
        if self.classes is not None:
            return field_of(self.column.name)
        standardised = f"(({read.measures[0][1]}) - ({self.center!r})) / {self.scale!r}"
        return f"({standardised} + 1 - 1)"  # what is too close to 0 for a real becomes 0


def type_of(db: Database, relation: Relation, column: str) -> str:
    """Return the type of a column, with its length or precision, as it is called under any search path."""
    with settings(db, {"search_path": "pg_catalog"}):
        rows = db.execute(
            "SELECT pg_catalog.format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute"
            " WHERE attrelid = ($1::bigint)::oid AND attname = $2::text AND NOT attisdropped",
            relation.oid,
            column,
        )
    return str(rows[0]["type"])


def require_possible(column: SourceColumn) -> None:
    """Raise unless a column can be predicted, as far as its name and type tell."""
    if column.name in _TAKEN:
        raise UsageError(
            _ARGUMENT,
            f'column "{column.name}" has the name of a column that stands beside it in tables of predictions or packed rows',
            hint="Give it another name in a view, and train on that.",
            sqlstate=FEATURE_NOT_SUPPORTED,
        )
    if (column.type.category not in _COMPARABLE and column.type.name != "uuid") or column.type.name == "money":
        raise UsageError(
            _ARGUMENT,
            f'column "{column.name}" must be a number, or have a type whose values are classes; it is {column.shown}',
            hint="Cast it to text, or to numeric, in a view, and train on that.",
            sqlstate=DATATYPE_MISMATCH,
        )


def may_be_classes(column: SourceColumn) -> bool:
    """Return whether the values of a column may be classes, as far as its type tells."""
    return column.kind is not Kind.NUMBER or column.type.name in INTEGERS


def target_of(source: Source, found: Statistics) -> Target:
    """Return what is predicted.

    Raises:
        UsageError: there is too little to learn from.
    """
    _require_rows(source, found)
    target = _number(source.target, found) if _is_number(source.target, found) else _classes(source.target, found)
    _require_parts(source, found)
    return target


def _is_number(column: SourceColumn, found: Statistics) -> bool:
    if column.kind is not Kind.NUMBER:
        return False
    return column.forced or not may_be_classes(column) or found.distinct > MOST_INTEGERS


def _require_rows(source: Source, found: Statistics) -> None:
    """Raise unless there are some rows, none of them of a part that there is not, or of a weight that cannot be."""
    total, weight, least = sum(found.rows.values()), source.of_role(Role.WEIGHT), found.least_weight
    strange = [each for each in found.rows if each not in tuple(Part)]
    if strange:
        values = ", ".join(shown(each, 40) for each in sorted(strange, key=str)[:_SHOWN])
        raise UsageError("split_col", f"must have the values train, validation and test in every row, found {values}")
    if total < LEAST_ROWS:
        rule = f'table "{source.relation.name}" must have at least {LEAST_ROWS} rows with a value of "{source.target.name}"'
        weighted = f' and a weight above 0 in "{weight.name}"' if weight is not None else ""
        raise UsageError("source_table", f"{rule}{weighted}, it has {total}")
    if weight is not None and least is not None and least < 0:
        raise UsageError("weight_col", f'column "{weight.name}" must hold numbers of at least 0', least)
    if not found.train:
        raise UsageError("split_col", "must have the value train in some rows")


def _require_parts(source: Source, found: Statistics) -> None:
    """Raise unless there are rows to validate."""
    if found.rows.get(Part.VALIDATION):
        return
    if source.of_role(Role.SPLIT) is not None:
        raise UsageError("split_col", "must have the value validation in some rows")
    time = source.of_role(Role.TIME)
    if time is not None:
        raise UsageError(
            "time_col",
            f'column "{time.name}" tells too few moments apart: no row is left to validate on, the tenth before the last one',
            hint="Name a column that tells more of them apart, or say the part of each row by split_col.",
        )
    raise UsageError(
        "source_table", "must have more rows: of a class of fewer than 5 all are to train on, and none is left to validate"
    )


def _number(column: SourceColumn, found: Statistics) -> Target:
    (measured,) = found.measures[column.name]
    scale = float(np.std(measured.known)) if len(measured.known) else 0.0
    if not scale > 0:
        raise _one_value(column)
    return Target(column, center=float(np.mean(measured.known)), scale=scale, low=measured.low, high=measured.high)


def _classes(column: SourceColumn, found: Statistics) -> Target:
    if found.distinct > MOST_CLASSES:
        rule = f'column "{column.name}" must have at most {MOST_CLASSES} classes, it has {found.distinct}'
        raise UsageError(_ARGUMENT, rule)
    training = {value: parts[Part.TRAIN] for value, parts in found.classes.items() if Part.TRAIN in parts}
    if len(training) < 2:
        raise _one_value(column)
    if len(training) == found.train > 2:
        raise UsageError(_ARGUMENT, f'each row has a value of its own of column "{column.name}": these are no classes')
    strangers = tuple(sorted(value for value in found.classes if value not in training))
    return Target(column, classes={value: training[value] for value in sorted(training)}, strangers=strangers)


def _one_value(column: SourceColumn) -> UsageError:
    return UsageError(_ARGUMENT, f'column "{column.name}" has one value in all rows to train on: there is nothing to learn')
