"""The summary beside a packed table: written by the preprocessors, read by whoever trains on the table."""

from __future__ import annotations

from dataclasses import dataclass

from automl.catalog import ColumnType, columns, exists, find_table, require_select
from automl.database import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from automl.names import Name, quoted, table_name

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
            NULL is a class. None if the labels were encoded already.
        buffer_size: rows of the largest buffer.
        normalizing_const: what the features were divided by.
        num_classes: length of a row of labels.
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
    num_classes: int
    distribution_rules: str
    partitions: int
    dependent_dtype: str

    @property
    def levels(self) -> tuple[str | None, ...]:
        """The classes that occur, without the unused ones at the end."""
        values = self.class_values or ()
        used = max((number for number, value in enumerate(values) if value is not None), default=0) + 1
        return values[:used]


def write_summary(db: Database, name: Name, summary: Summary, class_type: ColumnType | None) -> None:
    """Make the summary table with its one row; `class_type` is the type of one class value."""
    of_classes = f"{class_type.sql if class_type else 'text'}[]"
    # The page's text names the column after the variable, its example does not: both are there.
    db.execute(
        f"CREATE TABLE {name.sql} (source_table text, output_table text, dependent_varname text, independent_varname text,"
        f" dependent_vartype text, {quoted(summary.dependent_varname + '_class_values')} {of_classes},"
        f" class_values {of_classes}, buffer_size integer, normalizing_const real, num_classes integer,"
        " distribution_rules text, __internal_gpu_config__ text, partitions integer, dependent_dtype text)"
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
        ALL_SEGMENTS,
        summary.partitions,
        summary.dependent_dtype,
    )


def read_summary(db: Database, argument: str, value: str | None) -> Summary:
    """Return the summary of a packed table.

    Args:
        db: the session.
        argument: the SQL argument that names the packed table.
        value: its name, as it was typed.

    Raises:
        UsageError: the table is missing, was not packed, or its summary is missing, or one of them is not readable.
    """
    name = table_name(argument, value)
    packed = find_table(db, argument, name)
    require_select(db, argument, packed)
    beside = packed.name.with_suffix(SUFFIX)
    if not exists(db, beside):
        raise _not_packed(argument, packed.name, f'has no summary table "{beside}" beside it')
    summary = find_table(db, argument, beside)
    require_select(db, argument, summary)
    wanted = [field for field in Summary.__dataclass_fields__ if field != "class_values"]
    missing = [column for column in (*wanted, "class_values") if column not in columns(db, summary)]
    if missing:
        raise _not_packed(argument, packed.name, f'has a summary table without the column "{missing[0]}"')
    rows = db.execute(f"SELECT {', '.join(wanted)}, class_values::text[] AS class_values FROM {summary.sql} LIMIT 2")
    if len(rows) != 1:
        raise _not_packed(argument, packed.name, "must have one row in its summary table")
    row = rows[0]
    row["class_values"] = None if row["class_values"] is None else tuple(row["class_values"])
    result = Summary(**row)
    _require_packed(db, argument, packed.name, result)
    return result


def _require_packed(db: Database, argument: str, name: Name, summary: Summary) -> None:
    there = columns(db, find_table(db, argument, name))
    for variable in (summary.independent_varname, summary.dependent_varname):
        if there.get(variable) != "bytea" or there.get(f"{variable}_shape") != "integer[]":
            raise _not_packed(argument, name, f'has no packed column "{variable}"')


def _not_packed(argument: str, name: Name, problem: str) -> UsageError:
    return UsageError(
        argument,
        f'table "{name}" {problem}',
        hint="Make it with madlib.training_preprocessor_dl or madlib.validation_preprocessor_dl.",
        sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
    )
