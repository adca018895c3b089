"""The preprocessors: a table of rows becomes a packed table of buffers, each a few MB of numbers in one bytea.

A packed table has the layout of Apache MADlib: `<independent>` (native float32, row-major), `<dependent>` (native int16, or
float32 for soft labels and numbers), the shape of each, and `buffer_id`. Rows are numbered at random (training) or as they lie
(validation), cut into buffers of even size, and become bytes by one call per buffer: no row passes through Python on its own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence

from automl.data import distribution, packing_segments, packing_sql
from automl.data.labels import NUMBERS, Labels, remark, requested_classes, training_labels, validation_labels
from automl.data.packed_table import SUFFIX, Summary, braces, read, write_summary
from automl.data.packing_sql import Layout, Packing, layout
from automl.data.shapes import first_shape
from automl.data.unfit_rows import Wanted
from automl.database.catalog import ColumnType, Relation, column_type, one_column, readable_table, require_absent
from automl.database.dialect import KEY
from automl.database.names import LONGEST_NAME, Name, quoted, table_name
from automl.database.session import CallerDatabase, Database
from automl.database.settings import PARTITIONS, read_setting, settings
from automl.errors import (
    DATATYPE_MISMATCH,
    NUMERIC_VALUE_OUT_OF_RANGE,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    UsageError,
)

DEFAULT_BUFFER_VALUES = 16 * 2**20  # 64 MB of float32; on its way a buffer takes about six times that
MOST_BUFFER_BYTES = 1_000_000_000  # of a buffer on its way; PostgreSQL's limit of a value is 1 GiB

# The rows arrive in groups because they are sorted, so only one buffer is in memory at a time; and in the same order each time.
_IN_ORDER = {
    "enable_hashagg": "off",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "extra_float_digits": "3",
}


def training_preprocessor_dl(
    db: CallerDatabase,
    source_table: str | None,
    output_table: str | None,
    dependent_varname: str | None,
    independent_varname: str | None,
    buffer_size: int | None = None,
    normalizing_const: float | None = 1.0,
    num_classes: str | None = None,
    distribution_rules: str | None = None,
) -> None:
    """Pack a table to train on, its rows in random order (the same after the same `setseed`).

    Args:
        db: the caller's session.
        source_table: table of the rows.
        output_table: new packed table; `<output_table>_summary` is made beside it.
        dependent_varname: column of the labels: a scalar with distinct classes, a number to be predicted (real, double
            precision or numeric), or an array of numbers.
        independent_varname: column of the features: arrays of numbers, all of one shape.
        buffer_size: rows per buffer at most; by default a partition is one buffer, as long as that stays below 64 MB.
        normalizing_const: positive divisor of the features.
        num_classes: length of the one-hot rows, at least the number of classes found, which is the default; makes classes
            also of a column of fractions.
        distribution_rules: which segments of Greenplum get rows: 'all_segments', 'gpu_segments', or a table of dbids.
    """
    source = readable_table(db, "source_table", source_table)
    outputs = _outputs(db, output_table)
    dependent, independent = _variables(db, source, dependent_varname, independent_varname)
    classes, divisor = requested_classes(num_classes), _divisor(normalizing_const)
    rules, segments = distribution.read(db, distribution_rules)
    kind = _features(db, source, independent)
    shape = _first_shape(db, source, independent)
    labels = training_labels(db, source, dependent, classes)
    layout = _layout(db, source, shape, labels, buffer_size, len(segments))
    remark(db, labels, layout.rows, classes)
    packing = Packing(source, independent, kind, shape, labels, divisor, layout, True, segments)
    _pack(db, packing, outputs, (_typed(source_table), _typed(output_table), rules))


def validation_preprocessor_dl(
    db: CallerDatabase,
    source_table: str | None,
    output_table: str | None,
    dependent_varname: str | None,
    independent_varname: str | None,
    training_preprocessor_table: str | None,
    buffer_size: int | None = None,
    distribution_rules: str | None = None,
) -> None:
    """Pack a table to validate on, as `training_preprocessor_table` was packed: same classes, shape and divisor.

    Args:
        db: the caller's session.
        source_table: table of the rows, which keep their order.
        output_table: new packed table; `<output_table>_summary` is made beside it.
        dependent_varname: column of the labels, which may have another name than in training.
        independent_varname: column of the features, likewise.
        training_preprocessor_table: a table that `training_preprocessor_dl` has made.
        buffer_size: rows per buffer at most.
        distribution_rules: as for training.
    """
    source = readable_table(db, "source_table", source_table)
    outputs = _outputs(db, output_table)
    dependent, independent = _variables(db, source, dependent_varname, independent_varname)
    training = read(db, "training_preprocessor_table", training_preprocessor_table)
    rules, segments = distribution.read(db, distribution_rules)
    kind = _features(db, source, independent)
    labels = validation_labels(db, source, dependent, training)
    layout = _layout(db, source, training.variables.input.shape, labels, buffer_size, len(segments))
    divisor = float(training.summary["normalizing_const"])
    packing = Packing(source, independent, kind, training.variables.input.shape, labels, divisor, layout, False, segments)
    _pack(db, packing, outputs, (_typed(source_table), _typed(output_table), rules))


def _pack(db: Database, packing: Packing, outputs: tuple[Name, Name], typed: tuple[str, str, str]) -> None:
    """Make the packed table and its summary."""
    labels, (table, summary) = packing.labels, outputs
    packing_sql.create(db, table, packing)
    _insert(db, table, packing)
    _require_packed(db, table, packing)
    source_text, output_text, rules = typed
    write_summary(
        db,
        summary,
        Summary(
            source_table=source_text,
            output_table=output_text,
            dependent_varname=labels.column,
            independent_varname=packing.independent,
            dependent_vartype=labels.type.name,
            class_values=labels.class_values,
            buffer_size=packing.layout.buffer_size,
            normalizing_const=packing.normalizing_const,
            num_classes=labels.num_classes,
            distribution_rules=rules,
            partitions=packing.layout.partitions,
            dependent_dtype=labels.dtype,
        ),
        labels.level_type,
        packing.places,
    )


def _insert(db: Database, table: Name, packing: Packing) -> None:
    """Pack the rows into the table."""
    insert = packing_segments.insert if packing.segments else packing_sql.insert
    try:
        with settings(db, _IN_ORDER):
            insert(db, table, packing)
    except Exception as error:  # the driver's own class
        if getattr(error, "sqlstate", None) == NUMERIC_VALUE_OUT_OF_RANGE:
            _require_fit(db, packing)
        raise


def _require_packed(db: Database, table: Name, packing: Packing) -> None:
    """Tell what is wrong with the rows, if a buffer could not be packed."""
    x, y = quoted(packing.independent), quoted(packing.labels.column)
    failed = db.execute(f"SELECT 1 AS one FROM {table.sql} WHERE {x} IS NULL OR {y} IS NULL LIMIT 1")
    if failed:
        _require_fit(db, packing)
        raise UsageError(
            "source_table",
            f'rows of "{packing.source.name}" changed while they were packed',
            hint="Call again when nobody writes to the table.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )


def _require_fit(db: Database, packing: Packing) -> None:
    """Raise an error that tells the rows that cannot be packed, if there are such rows."""
    for wanted in _wanted(packing):
        problem = wanted.problem(db)
        if problem is not None:
            raise problem


def _wanted(packing: Packing) -> Iterator[Wanted]:
    """Yield what must be in the columns of the source, but for that of classes, where anything may be."""
    source, labels = packing.source, packing.labels
    yield Wanted("independent_varname", source, packing.independent, packing.features, packing.shape, packing.normalizing_const)
    if labels.levels is None:
        shape = None if labels.is_number else labels.shape
        yield Wanted("dependent_varname", source, labels.column, labels.type, shape)


def _outputs(db: Database, value: str | None) -> tuple[Name, Name]:
    name = table_name("output_table", value, suffixes=(SUFFIX,))
    table, summary = require_absent(db, "output_table", name, name.with_suffix(SUFFIX))
    return table, summary


def _variables(db: Database, source: Relation, dependent: str | None, independent: str | None) -> tuple[str, str]:
    y = _variable(db, source, "dependent_varname", dependent)
    x = _variable(db, source, "independent_varname", independent)
    if x == y:
        raise UsageError("independent_varname", "must be another column than dependent_varname", independent)
    made = [x, y, f"{x}_shape", f"{y}_shape", "buffer_id", KEY]
    twice = [name for name in made if made.count(name) > 1]
    if twice:
        raise UsageError(
            "independent_varname",
            f'columns "{x}" and "{y}" would make two columns "{twice[0]}" in the packed table',
            hint="Rename one of them in a view and pack that.",
        )
    return y, x


def _variable(db: Database, source: Relation, argument: str, value: str | None) -> str:
    name = one_column(db, argument, source, value)
    suffix = "_class_values" if argument == "dependent_varname" else "_shape"
    if len((name + suffix).encode()) > LONGEST_NAME:
        raise UsageError(argument, f'must leave room for "{name}{suffix}" in {LONGEST_NAME} bytes', value)
    return name


def _divisor(value: float | None) -> float:
    if value is None:
        return 1.0
    if not (math.isfinite(value) and value > 0):
        raise UsageError("normalizing_const", "must be greater than 0", value)
    return value


def _features(db: Database, source: Relation, column: str) -> ColumnType:
    kind = column_type(db, source, column)
    if kind.element is None or kind.element.name not in NUMBERS:
        raise UsageError(
            "independent_varname",
            f'column "{column}" must be an array of numbers, it is {kind.name}',
            hint="Columns of numbers become an array in a view: CREATE VIEW v AS SELECT ARRAY[a, b] AS features, label FROM t",
            sqlstate=DATATYPE_MISMATCH,
        )
    return kind


def _first_shape(db: Database, source: Relation, column: str) -> tuple[int, ...]:
    """Return the shape of the first array that is not empty, which the others must have as well."""
    shape = first_shape(db, source, column)
    if shape is None:
        raise UsageError("independent_varname", f'column "{column}" must not hold only NULL or empty arrays')
    return shape


def _layout(
    db: Database, source: Relation, shape: Sequence[int], labels: Labels, requested: int | None, segments: int
) -> Layout:
    if requested is not None and requested <= 0:
        raise UsageError("buffer_size", "must be at least 1", requested)
    rows = int(db.execute(f"SELECT pg_catalog.count(*) AS rows FROM {source.sql}")[0]["rows"])
    values = max(math.prod(shape), math.prod(labels.shape))
    partitions = segments or read_setting(db, PARTITIONS, os.cpu_count() or 1)
    cut = layout(rows, partitions, max(1, DEFAULT_BUFFER_VALUES // values), requested)
    # A row on its way is an array as it lies in memory: 12 bytes, 8 for each dimension, and its numbers (array_bytes.py).
    most = MOST_BUFFER_BYTES // (12 + 8 * max(len(shape), len(labels.shape)) + 4 * values)
    if cut.buffer_size > most:
        raise UsageError(
            "buffer_size" if most else "independent_varname",
            f"must be at most {most} for features of shape {braces(shape)}, so that a buffer stays below 1 GB",
            cut.buffer_size,
        )
    return cut


def _typed(value: str | None) -> str:
    return (value or "").strip()
