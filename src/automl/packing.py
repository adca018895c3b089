"""The preprocessors: a table of rows becomes a packed table of buffers, each a few MB of numbers in one bytea.

A packed table has the layout of Apache MADlib: `<independent>` (native float32, row-major), `<dependent>` (native int16, or
float32 for soft labels), the shape of each, and `buffer_id`. Rows are numbered at random (training) or as they lie
(validation), cut into buffers of even size, and become bytes by one call a buffer: no row passes through Python on its own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automl.catalog import (
    ColumnType,
    Relation,
    column_type,
    find_table,
    readable_table,
    require_absent,
    require_column,
    settings,
    whole_setting,
)
from automl.database import CallerDatabase, Database
from automl.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    UsageError,
)
from automl.labels import (
    INT16,
    NUMBERS,
    Labels,
    comparable,
    encoded_type,
    requested_classes,
    through_integer,
    training_labels,
    unnested,
    validation_labels,
)
from automl.names import LONGEST_NAME, Name, column_names, quoted, table_name
from automl.packed import ALL_SEGMENTS, SUFFIX, Summary, braces, read, write_summary

PARTITIONS = "keras_automl.partitions"
MOST_PARTITIONS = 1024
DEFAULT_BUFFER_VALUES = 16 * 2**20  # 64 MB of float32; on its way a buffer takes about eight times that
MOST_BUFFER_BYTES = 1_000_000_000  # of a buffer on its way; PostgreSQL's limit of a value is 1 GiB
_MOST_DIMENSIONS = 6  # MAXDIM of PostgreSQL

# The rows arrive in groups because they are sorted, so only one buffer is in memory at a time; and in the same order each time.
_IN_ORDER = {
    "enable_hashagg": "off",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "extra_float_digits": "3",
}


@dataclass(frozen=True)
class Layout:
    """How rows are cut into buffers.

    Attributes:
        rows: number of rows.
        partitions: parts that stay together; buffers are dealt out to them in turn.
        buffers: number of buffers.
    """

    rows: int
    partitions: int
    buffers: int

    @property
    def buffer_size(self) -> int:
        """Rows of the largest buffer; the others have at most one less."""
        return -(-self.rows // self.buffers)


@dataclass(frozen=True)
class Packing:
    """One table to be packed, everything checked.

    Attributes:
        source: the table.
        independent: name of the column of features.
        features: type of that column.
        shape: shape that every array of features must have.
        labels: how the dependent variable is packed.
        normalizing_const: divisor of the features.
        layout: the buffers.
        shuffled: whether rows are taken in random order.
    """

    source: Relation
    independent: str
    features: ColumnType
    shape: tuple[int, ...]
    labels: Labels
    normalizing_const: float
    layout: Layout
    shuffled: bool


def training_preprocessor_dl(
    db: CallerDatabase,
    source_table: str | None,
    output_table: str | None,
    dependent_varname: str | None,
    independent_varname: str | None,
    buffer_size: int | None = None,
    normalizing_const: float | None = 1.0,
    num_classes: int | str | list[int | None] | None = None,
    distribution_rules: str | None = None,
) -> None:
    """Pack a table to train on, its rows in random order (the same after the same `setseed`).

    Args:
        db: the caller's session.
        source_table: table of the rows.
        output_table: new packed table; `<output_table>_summary` is made beside it.
        dependent_varname: column of the labels: a scalar with distinct classes, or an array of numbers.
        independent_varname: column of the features: arrays of numbers, all of one shape.
        buffer_size: rows a buffer at most; by default a partition is one buffer, as long as that stays below 64 MB.
        normalizing_const: positive divisor of the features.
        num_classes: length of the one-hot rows, at least the number of classes found, which is the default.
        distribution_rules: for Greenplum; recorded.
    """
    source = readable_table(db, "source_table", source_table)
    outputs = _outputs(db, output_table)
    dependent, independent = _variables(db, source, dependent_varname, independent_varname)
    classes, divisor = requested_classes(num_classes), _divisor(normalizing_const)
    rules = _distribution_rules(db, distribution_rules)
    kind = _features(db, source, independent)
    shape = _first_shape(db, source, independent)
    labels = training_labels(db, source, dependent, classes)
    layout = _layout(db, source, shape, labels, buffer_size)
    packing = Packing(source, independent, kind, shape, labels, divisor, layout, shuffled=True)
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
        buffer_size: rows a buffer at most.
        distribution_rules: for Greenplum; recorded.
    """
    source = readable_table(db, "source_table", source_table)
    outputs = _outputs(db, output_table)
    dependent, independent = _variables(db, source, dependent_varname, independent_varname)
    training = read(db, "training_preprocessor_table", training_preprocessor_table)
    rules = _distribution_rules(db, distribution_rules)
    kind = _features(db, source, independent)
    labels = validation_labels(db, source, dependent, training)
    layout = _layout(db, source, training.x_shape, labels, buffer_size)
    divisor = float(training.summary["normalizing_const"])
    packing = Packing(source, independent, kind, training.x_shape, labels, divisor, layout, shuffled=False)
    _pack(db, packing, outputs, (_typed(source_table), _typed(output_table), rules))


def layout(rows: int, partitions: int, largest: int, requested: int | None) -> Layout:
    """Cut rows into buffers of even size, the same number for each partition.

    Args:
        rows: number of rows.
        partitions: number of partitions.
        largest: rows of a buffer at most, if none were requested.
        requested: rows of a buffer at most.

    >>> layout(120, 2, 1000, None)
    Layout(rows=120, partitions=2, buffers=2)
    >>> layout(17, 1, 1000, 5).buffer_size
    5
    """
    partitions = min(partitions, rows)
    size = min(requested, rows) if requested else min(largest, -(-rows // partitions))
    each = -(-rows // (size * partitions))
    return Layout(rows, partitions, min(partitions * each, rows))


def _pack(db: Database, packing: Packing, outputs: tuple[Name, Name], typed: tuple[str, str, str]) -> None:
    """Make the packed table and its summary."""
    labels, (table, summary) = packing.labels, outputs
    _create(db, table, packing.independent, labels.column)
    with settings(db, _IN_ORDER):
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
            num_classes=labels.width,
            distribution_rules=rules,
            partitions=packing.layout.partitions,
            dependent_dtype=labels.dtype,
        ),
        labels.level_type,
    )


def _create(db: Database, table: Name, independent: str, dependent: str) -> None:
    x, y = quoted(independent), quoted(dependent)
    db.execute(
        f"CREATE TABLE {table.sql} ({x} bytea, {y} bytea, {quoted(independent + '_shape')} integer[],"
        f" {quoted(dependent + '_shape')} integer[], buffer_id integer)"
    )
    # Before the first row, and no compression: packed numbers hardly shrink, and trying to costs more than writing them.
    for column in (x, y):
        db.execute(f"ALTER TABLE {table.sql} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def _insert(db: Database, table: Name, packing: Packing) -> None:
    labels = packing.labels
    x_shape = f"ARRAY[count(*)::integer, {_numbers(packing.shape)}]"
    y_shape = f"ARRAY[count(*)::integer, {labels.width}]"
    sql = (
        f"INSERT INTO {table.sql} SELECT"
        f" madlib.automl_pack_features({_joined(f'array_send({_as_real(packing)})')}, {x_shape}, $2::real),"
        f" {_packed_labels(labels, y_shape)}, {x_shape}, {y_shape}, buffer_id"
        f" FROM ({_rows(packing)}) AS ordered GROUP BY buffer_id"
    )
    db.execute(sql, list(labels.levels or ()), packing.normalizing_const)


def _rows(packing: Packing) -> str:
    """The rows in the order they are packed in, each with its buffer: x, y and, if there are classes, the class number."""
    labels, cut = packing.labels, packing.layout
    numbered = (
        f"SELECT {quoted(packing.independent)} AS x, {comparable(labels, quoted(labels.column))} AS y,"
        f" row_number() OVER ({'ORDER BY random()' if packing.shuffled else ''}) - 1 AS place FROM {packing.source.sql}"
    )
    # Rows that others add meanwhile go to the last buffer.
    buffer = f"LEAST(place * {cut.buffers} / {cut.rows}, {cut.buffers - 1})::integer AS buffer_id"
    if labels.levels is None:
        # Statements take $1 whether they need it or not.
        return f"SELECT x, y, {buffer} FROM ({numbered}) AS numbered WHERE $1::text[] IS NOT NULL ORDER BY buffer_id, place"
    of_null = "0" if labels.levels[0] is None else "NULL"
    return (
        f"SELECT x, CASE WHEN y IS NULL THEN {of_null} ELSE number - 1 END::integer AS class, {buffer}"
        f" FROM ({numbered}) AS numbered LEFT JOIN {unnested(labels)} WITH ORDINALITY AS known(level, number) ON level = y"
        " ORDER BY buffer_id, place"
    )


def _packed_labels(labels: Labels, shape: str) -> str:
    if labels.levels is not None:
        return f"madlib.automl_pack_classes({_joined('int4send(class)')}, {shape})"
    sent = _joined(f"array_send(y{_through_integer(labels.type)}::{encoded_type(labels.dtype)})")
    return (
        f"madlib.automl_pack_encoded({sent}, {shape})"
        if labels.dtype == INT16
        else f"madlib.automl_pack_features({sent}, {shape}, 1)"
    )


def _joined(expression: str) -> str:
    return f"string_agg({expression}, ''::bytea)"


def _as_real(packing: Packing) -> str:
    return f"x{_through_integer(packing.features)}::real[]"


def _through_integer(kind: ColumnType) -> str:
    return through_integer(kind.element) if kind.element else ""


def _require_packed(db: Database, table: Name, packing: Packing) -> None:
    """Raise what is wrong with the rows, if a buffer could not be packed."""
    labels = packing.labels
    x, y = quoted(packing.independent), quoted(labels.column)
    failed = db.execute(
        f"SELECT COALESCE(bool_or({x} IS NULL), false) AS x, COALESCE(bool_or({y} IS NULL), false) AS y FROM {table.sql}"
    )[0]
    if failed["x"]:
        _explain(db, "independent_varname", packing.source, packing.independent, packing.shape)
    if failed["y"] and labels.levels is None:
        _explain(db, "dependent_varname", packing.source, labels.column, (labels.width,))
    if failed["x"] or failed["y"]:
        raise UsageError(
            "source_table",
            f'rows of "{packing.source.name}" changed while they were packed',
            hint="Call again when nobody writes to the table.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )


def _explain(db: Database, argument: str, source: Relation, column: str, shape: Sequence[int]) -> None:
    """Raise an error that tells the rows whose array is missing or not of this shape, if there are such rows."""
    name = quoted(column)
    problem = (
        f"CASE WHEN {name} IS NULL THEN 'NULL' WHEN array_ndims({name}) IS NULL THEN 'an empty array'"
        f" WHEN {_shape_sql(name)} <> '{braces(shape)}' THEN 'shape ' || {_shape_sql(name)}"
        f" WHEN EXISTS (SELECT 1 FROM unnest({name}) AS value WHERE value IS NULL) THEN 'a NULL element' END"
    )
    rows = db.execute(
        f"SELECT problem, count(*) AS rows, min(place) AS first FROM (SELECT {problem} AS problem,"
        f" row_number() OVER () AS place FROM {source.sql}) AS looked_at WHERE problem IS NOT NULL"
        " GROUP BY problem ORDER BY first LIMIT 5"
    )
    if rows:
        found = ", ".join(f"{row['problem']} in {row['rows']} rows (first in row {row['first']})" for row in rows)
        raise UsageError(
            argument,
            f'every value of column "{column}" must be an array of shape {braces(shape)} without NULL, found {found}',
            hint="Correct these rows, or pack a view that leaves them out.",
        )


def _outputs(db: Database, value: str | None) -> tuple[Name, Name]:
    name = table_name("output_table", value, suffixes=(SUFFIX,))
    table, summary = require_absent(db, "output_table", name, name.with_suffix(SUFFIX))
    return table, summary


def _variables(db: Database, source: Relation, dependent: str | None, independent: str | None) -> tuple[str, str]:
    y = _variable(db, source, "dependent_varname", dependent)
    x = _variable(db, source, "independent_varname", independent)
    if x == y:
        raise UsageError("independent_varname", "must be another column than dependent_varname", independent)
    made = [x, y, f"{x}_shape", f"{y}_shape", "buffer_id"]
    twice = [name for name in made if made.count(name) > 1]
    if twice:
        raise UsageError(
            "independent_varname",
            f'columns "{x}" and "{y}" would make two columns "{twice[0]}" in the packed table',
            hint="Rename one of them in a view and pack that.",
        )
    return y, x


def _variable(db: Database, source: Relation, argument: str, value: str | None) -> str:
    names = column_names(argument, value)
    if len(names) != 1:
        raise UsageError(argument, "must name one column", value, sqlstate=FEATURE_NOT_SUPPORTED)
    require_column(db, argument, source, names[0])
    suffix = "_class_values" if argument == "dependent_varname" else "_shape"
    if len((names[0] + suffix).encode()) > LONGEST_NAME:
        raise UsageError(argument, f'must leave room for "{names[0]}{suffix}" in {LONGEST_NAME} bytes', value)
    return names[0]


def _divisor(value: float | None) -> float:
    if value is None:
        return 1.0
    if not (math.isfinite(value) and value > 0):
        raise UsageError("normalizing_const", "must be greater than 0", value)
    return value


def _distribution_rules(db: Database, value: str | None) -> str:
    """Check the rules, which only mean something where there are segments, and return them as they will be recorded."""
    text = (value or "").strip()
    if text.lower() in ("", ALL_SEGMENTS, "gpu_segments"):
        return text.lower() or ALL_SEGMENTS
    table = find_table(db, "distribution_rules", table_name("distribution_rules", text))
    require_column(db, "distribution_rules", table, "dbid")
    return text


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
    name = quoted(column)
    rows = db.execute(f"SELECT {_shape_sql(name)} AS shape FROM {source.sql} WHERE array_ndims({name}) IS NOT NULL LIMIT 1")
    if not rows:
        raise UsageError("independent_varname", f'column "{column}" must not hold only NULL or empty arrays')
    return tuple(int(size) for size in rows[0]["shape"].strip("{}").split(","))


def _layout(db: Database, source: Relation, shape: Sequence[int], labels: Labels, requested: int | None) -> Layout:
    if requested is not None and requested <= 0:
        raise UsageError("buffer_size", "must be at least 1", requested)
    rows = int(db.execute(f"SELECT count(*) AS rows FROM {source.sql}")[0]["rows"])
    values = max(math.prod(shape), labels.width)
    partitions = whole_setting(db, PARTITIONS, os.cpu_count() or 1, 1, MOST_PARTITIONS)
    cut = layout(rows, partitions, max(1, DEFAULT_BUFFER_VALUES // values), requested)
    most = MOST_BUFFER_BYTES // (12 + 8 * len(shape) + 8 * values)  # see keras_seg/wire.py
    if cut.buffer_size > most:
        raise UsageError(
            "buffer_size" if most else "independent_varname",
            f"must be at most {most} for features of shape {braces(shape)}, so that a buffer stays below 1 GB",
            cut.buffer_size,
        )
    return cut


def _shape_sql(name: str) -> str:
    """The shape of an array as text, such as {28,28,1}; lower bounds do not matter."""
    sizes = ", ".join(f"array_length({name}, {dimension})" for dimension in range(1, _MOST_DIMENSIONS + 1))
    return f"'{{' || array_to_string(ARRAY[{sizes}], ',') || '}}'"


def _numbers(shape: Iterable[int]) -> str:
    return ", ".join(str(size) for size in shape)


def _typed(value: str | None) -> str:
    return (value or "").strip()
