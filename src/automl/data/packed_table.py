"""The summary beside a packed table: written by the preprocessors, read by whoever trains on the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from automl.database.catalog import ColumnType, Relation, column_type, columns, exists, find_table, require_select
from automl.database.names import Name, quoted, table_name
from automl.database.session import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from keras_seg.protocol.variables import Variable, Variables

SUFFIX = "_summary"
ALL_SEGMENTS = "all_segments"


@dataclass(frozen=True)
class Summary:
    """What a packed table holds; one row of `<packed table>_summary`.

    Attributes:
        source_table: the table that was packed, as it was typed.
        output_table: the packed table, as it was typed.
        dependent_varname: name of the column of labels, exactly as the catalog spells it; likewise the next.
        independent_varname: name of the column of features.
        dependent_vartype: type of the labels in the source.
        class_values: the classes as text in the order of the one-hot columns, NULL for unused ones at the end; a first
            NULL is a class. None if the labels were encoded already, or are numbers to be predicted.
        buffer_size: rows of the largest buffer.
        normalizing_const: what the features were divided by.
        num_classes: length of a row of labels; None if a row is one number, or an array of several dimensions, to be predicted.
        distribution_rules: as it was typed.
        partitions: number of parts that stay together; a buffer is in part `buffer_id` modulo this.
        dependent_dtype: int16 or float32, the numbers that the labels are packed as.
    """

    source_table: str
    output_table: str
    dependent_varname: str
    independent_varname: str
    dependent_vartype: str
    class_values: tuple[str | None, ...] | None
    buffer_size: int
    normalizing_const: float
    num_classes: int | None
    distribution_rules: str
    partitions: int
    dependent_dtype: str


def write_summary(db: Database, name: Name, summary: Summary, class_type: ColumnType | None, segments: Sequence[int]) -> None:
    """Make the summary table with its one row.

    Args:
        class_type: the type of one class value.
        segments: the numbers of those that have rows; none on PostgreSQL.
    """
    of_classes = f"{class_type.sql if class_type else 'text'}[]"
    # The page's text names the column after the variable, its example does not: both are there.
    db.execute(
        f"CREATE TABLE {name.sql} (source_table text, output_table text, dependent_varname text, independent_varname text,"
        f" dependent_vartype text, {quoted(summary.dependent_varname + '_class_values')} {of_classes},"
        f" class_values {of_classes}, buffer_size integer, normalizing_const real, num_classes integer,"
        " distribution_rules text, __internal_gpu_config__ text, partitions integer, dependent_dtype text)"
        + db.dialect.distributed_by()
    )
    db.execute(
        f"INSERT INTO {name.sql} VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text[]::{of_classes},"
        f" $6::text[]::{of_classes}, $7::integer, $8::real, $9::integer, $10::text, $11::text, $12::integer, $13::text)",
        summary.source_table,
        summary.output_table,
        summary.dependent_varname,
        summary.independent_varname,
        summary.dependent_vartype,
        None if summary.class_values is None else list(summary.class_values),
        summary.buffer_size,
        summary.normalizing_const,
        summary.num_classes,
        summary.distribution_rules,
        _chosen(summary.distribution_rules, segments),
        summary.partitions,
        summary.dependent_dtype,
    )


def _chosen(rules: str, segments: Sequence[int]) -> str:
    """Return what MADlib calls the GPU configuration: the segments that were chosen, as an array is written, or all of them."""
    if not segments or rules == ALL_SEGMENTS:
        return ALL_SEGMENTS
    return f"{{{','.join(map(str, segments))}}}"


@dataclass(frozen=True)
class PackedTable:
    """A packed table that is there and complete.

    Attributes:
        given: its name, as it was typed.
        relation: the table.
        variables: what one row consists of: the features, and the labels.
        partitions: number of parts that stay together; a buffer is in part `buffer_id` modulo this.
        class_values: the classes as text in the order of the one-hot columns; None if the labels were encoded already, or
            are numbers.
        class_type: type of one class value.
        summary: the row of the summary table, all of it.
    """

    given: str
    relation: Relation
    variables: Variables
    partitions: int
    class_values: tuple[str | None, ...] | None
    class_type: ColumnType
    summary: dict[str, Any]

    @property
    def independent(self) -> str:
        """The column of features."""
        return self.variables.input.column

    @property
    def dependent(self) -> str:
        """The column of labels."""
        return self.labels.column

    @property
    def labels(self) -> Variable:
        """What stands in one row of labels."""
        return self.variables.labels

    @property
    def is_number(self) -> bool:
        """Whether the dependent variable is a number to be predicted, and has no classes."""
        return self.class_values is None and self.summary["num_classes"] is None and self.labels.shape == (1,)

    @property
    def levels(self) -> tuple[str | None, ...]:
        """The classes that occur, without the unused ones at the end, which are NULL; a first NULL is a class."""
        values = self.class_values or ()
        used = max((number for number, value in enumerate(values) if value is not None), default=0) + 1
        return values[:used]

    @property
    def class_values_type(self) -> str:
        """The SQL of the type of one class value."""
        return self.class_type.sql


def read(db: Database, argument: str, value: str | None) -> PackedTable:
    """Return a packed table with what its summary says.

    Args:
        db: the session.
        argument: the SQL argument that names the packed table.
        value: its name, as it was typed.

    Raises:
        UsageError: the table is missing, was not packed, or its summary is missing, or one of them is not readable.
    """
    relation = find_table(db, argument, table_name(argument, value))
    require_select(db, argument, relation)
    summary = _summary_of(db, argument, relation)
    row = _only_row(db, argument, relation, summary)
    dependent, independent = str(row["dependent_varname"]), str(row["independent_varname"])
    _require_packed(db, argument, relation, independent, dependent)
    values = db.execute(f"SELECT class_values::text[] AS class_values FROM {summary.sql}")[0]["class_values"]
    of_values = column_type(db, summary, "class_values")
    return PackedTable(
        given=str(value).strip(),
        relation=relation,
        variables=Variables(
            (Variable(independent, _shape(db, argument, relation, independent), "float32"),),
            Variable(dependent, _shape(db, argument, relation, dependent), row["dependent_dtype"], values is not None),
        ),
        partitions=row["partitions"],
        class_values=None if values is None else tuple(values),
        class_type=of_values.element or of_values,
        summary=row,
    )


def same_shape(training: PackedTable, validation: PackedTable) -> None:
    """Raise unless the rows of both tables fit the same model."""
    x, other_x = training.variables.input.shape, validation.variables.input.shape
    y, other_y = training.labels.shape, validation.labels.shape
    if x != other_x:
        raise _unlike(training, validation, f"features of shape {braces(x)}", braces(other_x))
    if y != other_y:
        wanted, found = lengths(y, other_y)
        raise _unlike(training, validation, f"labels of {wanted}", found)


def _unlike(training: PackedTable, validation: PackedTable, wanted: str, found: str) -> UsageError:
    return UsageError(
        "validation_table",
        f'table "{validation.relation.name}" must have {wanted} as "{training.relation.name}" has, not {found}',
        hint="Make it with madlib.validation_preprocessor_dl from the training table.",
    )


def lengths(wanted: Sequence[int], found: Sequence[int]) -> tuple[str, str]:
    """Return how the shape that labels must have, and another one, are told of.

    >>> lengths((3,), (2,)), lengths((3,), (2, 2))
    (('length 3', '2'), ('shape {3}', '{2,2}'))
    """
    if len(wanted) == len(found) == 1:
        return f"length {wanted[0]}", str(found[0])
    return f"shape {braces(wanted)}", braces(found)


def braces(shape: Iterable[int]) -> str:
    """A shape as PostgreSQL writes it.

    >>> braces((28, 28, 1))
    '{28,28,1}'
    """
    return "{" + ",".join(str(size) for size in shape) + "}"


def _summary_of(db: Database, argument: str, relation: Relation) -> Relation:
    name = relation.name.with_suffix(SUFFIX)
    if not exists(db, name):
        raise _not_packed(argument, relation, f'has no summary table "{name}" beside it')
    summary = find_table(db, argument, name)
    require_select(db, argument, summary)
    there = columns(db, summary)
    missing = [field.name for field in fields(Summary) if field.name not in there]
    if missing:
        raise _not_packed(argument, relation, f'has a summary table without the column "{missing[0]}"')
    return summary


def _only_row(db: Database, argument: str, relation: Relation, summary: Relation) -> dict[str, Any]:
    rows = db.execute(f"SELECT * FROM {summary.sql} LIMIT 2")
    if len(rows) != 1:
        raise _not_packed(argument, relation, f'must have one row in its summary table "{summary.name}"')
    return rows[0]


def _require_packed(db: Database, argument: str, relation: Relation, *variables: str) -> None:
    there = columns(db, relation)
    for variable in variables:
        if there.get(variable) != "bytea" or there.get(f"{variable}_shape") != "integer[]":
            raise _not_packed(argument, relation, f'has no packed column "{variable}"')


def _shape(db: Database, argument: str, relation: Relation, variable: str) -> tuple[int, ...]:
    """Return the shape of one row of a variable."""
    rows = db.execute(f"SELECT {quoted(variable + '_shape')} AS shape FROM {relation.sql} LIMIT 1")
    if not rows:
        raise UsageError(argument, f'table "{relation.name}" is empty')
    return tuple(rows[0]["shape"][1:])


def _not_packed(argument: str, relation: Relation, problem: str) -> UsageError:
    return UsageError(
        argument,
        f'table "{relation.name}" {problem}',
        hint="Make it with madlib.training_preprocessor_dl or madlib.validation_preprocessor_dl.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )
