"""The dependent variable: its classes, or the encoding that it has already.

A scalar is one-hot encoded over its distinct values, unless its type holds fractions: such a column is a number to be
predicted, packed as one float32. An array of numbers is taken as encoded: class indicators or other integers as int16, soft
labels as float32. One of several dimensions is what a network gives in that shape: an image, an output for each time step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from automl.data.packed_table import PackedTable, lengths
from automl.data.shapes import first_shape
from automl.data.unfit_rows import Wanted, as_wide, through_integer
from automl.database.catalog import ColumnType, Relation, column_type
from automl.database.names import as_typed, quoted
from automl.database.session import CallerDatabase, Database
from automl.database.settings import settings
from automl.errors import DATATYPE_MISMATCH, UsageError, shown

INT16, FLOAT32 = "int16", "float32"
MOST_CLASSES = 65_536
MANY_CLASSES = 50  # of numbers: from here on, or from a tenth of the rows on, rather a number is to be predicted
NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric", "boolean")
FRACTIONS = ("real", "double precision", "numeric")
_ARGUMENT = "dependent_varname"
_EXACT = {"extra_float_digits": "3"}  # floats go through text and come back the same
_COMPARABLE = "SNBDET"  # strings, numbers, booleans, dates, enumerations, intervals
_SHOWN = 10
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class Labels:
    """How the dependent variable is packed.

    Attributes:
        column: its name.
        type: its type.
        levels: the classes as text, in order; a NULL is a class and comes first. None if it is encoded already, or a number.
        level_type: type that the levels have; on validation that of the training table.
        shape: of the values in a packed row.
        dtype: int16 or float32.
    """

    column: str
    type: ColumnType
    levels: tuple[str | None, ...] | None
    level_type: ColumnType | None
    shape: tuple[int, ...]
    dtype: str

    @property
    def class_values(self) -> tuple[str | None, ...] | None:
        """The levels, filled up with NULL to the number of classes."""
        return None if self.levels is None else self.levels + (None,) * (self.shape[0] - len(self.levels))

    @property
    def is_number(self) -> bool:
        """Whether it is a number to be predicted."""
        return self.levels is None and self.type.element is None

    @property
    def num_classes(self) -> int | None:
        """The number of values in a packed row; None for a number, or an array of several dimensions, to be predicted."""
        return None if self.is_number or len(self.shape) > 1 else self.shape[0]


def training_labels(db: Database, source: Relation, column: str, num_classes: int | None) -> Labels:
    """Return how the labels of a training table are packed.

    Args:
        num_classes: makes classes also of a column of fractions.

    Raises:
        UsageError: the type has no classes, there are too many, or more than `num_classes`; or a number is missing.
    """
    kind = column_type(db, source, column)
    if kind.element is not None:
        shape = _encoded_shape(db, source, column, kind)
        if num_classes is not None and (num_classes,) != shape:
            rule = f'the length of the arrays in column "{column}", {shape[0]}' if len(shape) == 1 else "left out for arrays"
            raise UsageError("num_classes", f"must be {rule}", num_classes)
        return Labels(column, kind, None, None, shape, _encoded_dtype(db, source, column, kind.element))
    if num_classes is None and kind.name in FRACTIONS:
        return _number(db, source, column, kind)
    found = levels(db, source, column, kind)
    if num_classes is not None and num_classes < len(found):
        raise UsageError(
            "num_classes",
            f'must be at least {len(found)}, the number of distinct values in column "{column}"',
            num_classes,
        )
    return Labels(column, kind, found, kind, (num_classes or len(found),), INT16)


def validation_labels(db: Database, source: Relation, column: str, training: PackedTable) -> Labels:
    """Return how the labels of a validation table are packed: with the classes of the training table.

    Raises:
        UsageError: a class that training has not seen, or labels of another kind.
    """
    kind = column_type(db, source, column)
    if training.is_number and kind.name in NUMBERS and kind.name != "boolean":
        return _number(db, source, column, kind)
    if training.is_number or (kind.element is None) != (training.class_values is not None):
        raise _unlike_training(column, kind, training)
    if kind.element is not None:
        shape = _encoded_shape(db, source, column, kind)
        if shape != training.labels.shape:
            wanted, found = lengths(training.labels.shape, shape)
            rule = f'arrays in column "{column}" must have {wanted} as in {training.given}, found {found}'
            raise UsageError(_ARGUMENT, rule)
        return Labels(column, kind, None, None, shape, _encoded_dtype(db, source, column, kind.element))
    level_type = training.class_type
    if kind.category != level_type.category or (kind.category == "E" and kind.sql != level_type.sql):
        raise _unlike_training(column, kind, training)
    labels = Labels(column, kind, training.levels, level_type, training.labels.shape, INT16)
    _require_known(db, source, labels, training)
    return labels


def _number(db: Database, source: Relation, column: str, kind: ColumnType) -> Labels:
    wanted = Wanted(_ARGUMENT, source, column, kind)
    if db.execute(f"SELECT 1 AS one FROM {source.sql} WHERE {wanted.unfit} LIMIT 1"):
        problem = wanted.problem(db)
        if problem is not None:
            raise problem
    return Labels(column, kind, None, None, (1,), FLOAT32)


def levels(db: Database, source: Relation, column: str, kind: ColumnType) -> tuple[str | None, ...]:
    """Return the distinct values of a column as text, in the order that Python sorts them in: NULL, then text by code point,
    numbers by size (NaN last), false before true, dates in time."""
    if kind.category not in _COMPARABLE and kind.name != "uuid":
        raise UsageError(
            _ARGUMENT,
            f'column "{column}" must have a type whose values are classes, or be an array of numbers; it is {kind.name}',
            hint="Cast it to text in a view and pack that.",
            sqlstate=DATATYPE_MISMATCH,
        )
    order = 'found.level::text COLLATE "C"' if kind.category in "SE" else "found.level"
    with settings(db, _EXACT):
        rows = db.execute(
            f"SELECT found.level::text AS level FROM (SELECT DISTINCT {quoted(column)} AS level FROM {source.sql}"
            f" LIMIT {MOST_CLASSES + 1}) AS found ORDER BY {order} NULLS FIRST"
        )
    if len(rows) > MOST_CLASSES:
        raise UsageError(_ARGUMENT, f'column "{column}" must not have more than {MOST_CLASSES} distinct values')
    return tuple(row["level"] for row in rows)


def requested_classes(value: str | None) -> int | None:
    """Read `num_classes`: the text of a number, or of an array with one element."""
    match = re.fullmatch(r"\s*(\{\s*)?(\d{1,9}|null)\s*(?(1)\})\s*", "null" if value is None else value, re.IGNORECASE)
    if match and match.group(2).lower() == "null":
        return None
    number = int(match.group(2)) if match else 0
    if not 1 <= number <= MOST_CLASSES:
        rule = f"must be one number of classes from 1 to {MOST_CLASSES}, as in 10 or ARRAY[10]"
        raise UsageError("num_classes", rule, number if match else value)
    return number


def remark(db: CallerDatabase, labels: Labels, rows: int, requested: int | None) -> None:
    """Say what is odd about the classes of a training table, unless the caller has said how many there are.

    Args:
        rows: how many the table has.
        requested: `num_classes`.
    """
    column, levels = labels.column, labels.levels
    if levels is None or requested is not None:
        return
    if len(levels) == 1:
        db.warning(f'column "{column}" has only one class, {shown(levels[0], 40)}: a model can learn nothing of it')
    elif len(levels) >= min(MANY_CLASSES, rows / 10) and all(level is None or _NUMBER.fullmatch(level) for level in levels):
        name, many = as_typed(column), f"{len(levels)} distinct values in {rows} rows"
        db.notice(
            f'column "{column}" ({labels.type.name}) has {many}, and each becomes a class; to predict a number, pack a view'
            f" with {name}::real AS {name}"
        )


def encoded_type(dtype: str) -> str:
    """Return the SQL type of arrays that are packed as `dtype`."""
    return "smallint[]" if dtype == INT16 else "real[]"


def _encoded_shape(db: Database, source: Relation, column: str, kind: ColumnType) -> tuple[int, ...]:
    """Return the shape of the first array that is not empty, which the others must have as well."""
    if kind.element is None or kind.element.name not in NUMBERS:
        raise UsageError(
            _ARGUMENT,
            f'column "{column}" must be an array of numbers if it is an array, it is {kind.name}',
            sqlstate=DATATYPE_MISMATCH,
        )
    shape = first_shape(db, source, column)
    if shape is None:
        raise UsageError(_ARGUMENT, f'column "{column}" must not hold only NULL or empty arrays')
    return shape


def _encoded_dtype(db: Database, source: Relation, column: str, element: ColumnType) -> str:
    name = f"{quoted(column)}{through_integer(element)}"
    number, wide = as_wide(f"pg_catalog.unnest({name})", element)
    soft = db.execute(
        f"SELECT 1 AS one FROM (SELECT {number} AS value FROM {source.sql}) AS each WHERE value <> pg_catalog.floor(value)"
        f" OR pg_catalog.abs(value) > 32767::{wide} LIMIT 1"
    )
    return FLOAT32 if soft else INT16


def _require_known(db: Database, source: Relation, labels: Labels, training: PackedTable) -> None:
    with settings(db, _EXACT):
        rows = db.execute(
            f"SELECT value.level::text AS level FROM (SELECT DISTINCT {comparable(labels, quoted(labels.column))} AS level"
            f" FROM {source.sql}) AS value WHERE NOT (value.level IS NULL AND $2::boolean) AND NOT EXISTS (SELECT 1 FROM"
            f" {unnested(labels)} AS known(level) WHERE known.level {equals(labels)} value.level)"
            f" ORDER BY value.level NULLS FIRST LIMIT {_SHOWN + 1}",
            list(labels.levels or ()),
            labels.levels is not None and labels.levels[0] is None,
        )
    if rows:
        raise UsageError(
            _ARGUMENT,
            f'classes of column "{labels.column}" must be a subset of those of {training.given}'
            f" ({_listed(training.levels)}), found {_listed([row['level'] for row in rows])}",
        )


def comparable(labels: Labels, expression: str) -> str:
    """Return the SQL of a label so that it compares with the levels as these among themselves."""
    other_string = labels.level_type is not None and labels.type.category == "S" and labels.type.sql != labels.level_type.sql
    return f"{expression}::{labels.level_type.sql}" if other_string and labels.level_type else expression


def unnested(labels: Labels) -> str:
    """Return the SQL that makes rows of the levels, which come as the parameter $1."""
    kind = labels.level_type.sql if labels.level_type else "text"
    return f"pg_catalog.unnest($1::text[]::{kind}[])"


def equals(labels: Labels) -> str:
    """Return the operator that tells whether two levels are the same, with its schema: on the search path of the caller can
    stand another one that fits the type better."""
    kind = labels.level_type
    return f"OPERATOR({'pg_catalog' if kind is None or kind.category == 'E' else kind.schema}.=)"


def _unlike_training(column: str, kind: ColumnType, training: PackedTable) -> UsageError:
    return UsageError(
        _ARGUMENT,
        f'column "{column}" must have the type that {training.given} was packed with,'
        f" {training.summary['dependent_vartype']}; it is {kind.name}",
        sqlstate=DATATYPE_MISMATCH,
    )


def _listed(values: Sequence[str | None]) -> str:
    more = ", ..." if len(values) > _SHOWN else ""
    return ", ".join(shown(value, 40) for value in values[:_SHOWN]) + more
