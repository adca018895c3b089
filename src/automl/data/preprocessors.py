"""The preprocessors: a table of rows becomes a packed table of buffers, each a few MB of numbers in one bytea.

A packed table has the layout of Apache MADlib: `<independent>` (native float32, row-major), `<dependent>` (native int16, or
float32 for soft labels and numbers), the shape of each, and `buffer_id`. Rows are numbered at random (training) or as they lie
(validation), cut into buffers of even size, and become bytes by one call a buffer: no row passes through Python on its own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from automl.data import distribution
from automl.data.labels import (
    INT16,
    NUMBERS,
    Labels,
    comparable,
    encoded_type,
    equals,
    requested_classes,
    through_integer,
    training_labels,
    unnested,
    validation_labels,
)
from automl.data.packed_table import SUFFIX, Summary, braces, read, write_summary
from automl.database.catalog import (
    ColumnType,
    Relation,
    column_type,
    readable_table,
    require_absent,
    require_column,
    settings,
    temporary,
    whole_setting,
)
from automl.database.dialect import KEY, distributed_by, keys
from automl.database.names import LONGEST_NAME, Name, column_names, quoted, table_name
from automl.database.session import CallerDatabase, Database
from automl.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    OBJECT_NOT_IN_PREREQUISITE_STATE,
    UsageError,
)

PARTITIONS = "keras_automl.partitions"
MOST_PARTITIONS = 1024
DEFAULT_BUFFER_VALUES = 16 * 2**20  # 64 MB of float32; on its way a buffer takes about six times that
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
        segments: numbers of the segments that get a partition each; none on PostgreSQL.
    """

    source: Relation
    independent: str
    features: ColumnType
    shape: tuple[int, ...]
    labels: Labels
    normalizing_const: float
    layout: Layout
    shuffled: bool
    segments: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """The segment of each partition; none on PostgreSQL."""
        return self.segments[: self.layout.partitions]


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
        dependent_varname: column of the labels: a scalar with distinct classes, a number to be predicted (real, double
            precision or numeric), or an array of numbers.
        independent_varname: column of the features: arrays of numbers, all of one shape.
        buffer_size: rows a buffer at most; by default a partition is one buffer, as long as that stays below 64 MB.
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
        buffer_size: rows a buffer at most.
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
    _create(db, table, packing)
    with settings(db, _IN_ORDER):
        if packing.segments:
            _spread(db, table, packing)
        else:
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


def _create(db: Database, table: Name, packing: Packing) -> None:
    x, y = quoted(packing.independent), quoted(packing.labels.column)
    key = f"{KEY} integer, " if packing.segments else ""
    db.execute(
        f"CREATE TABLE {table.sql} ({key}{x} bytea, {y} bytea, {quoted(packing.independent + '_shape')} integer[],"
        f" {quoted(packing.labels.column + '_shape')} integer[], buffer_id integer)"
        + (distributed_by(db, KEY) if packing.segments else "")
    )
    # Before the first row, and no compression: packed numbers hardly shrink, and trying to costs more than writing them.
    for column in (x, y):
        db.execute(f"ALTER TABLE {table.sql} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def _insert(db: Database, table: Name, packing: Packing) -> None:
    """Pack the rows as they come: the subquery sorts them."""
    rows = f"SELECT * FROM ({_labelled(packing, _numbered(packing))}) AS labelled ORDER BY buffer_id, place"
    columns = _buffer_columns(packing, "")
    db.execute(
        f"INSERT INTO {table.sql} SELECT {columns}, buffer_id FROM ({rows}) AS ordered GROUP BY buffer_id",
        list(packing.labels.levels or ()),
        packing.normalizing_const,
    )


def _spread(db: Database, table: Name, packing: Packing) -> None:
    """Pack the rows on Greenplum, where each step runs on all segments.

    The rows are copied (a view has no `gp_segment_id`), numbered on each segment, sent to the segment of their partition, and
    packed there.
    """
    rows, placed = temporary(db, "output_table", "keras_automl_rows"), temporary(db, "output_table", "keras_automl_placed")
    x, y = quoted(packing.independent), quoted(packing.labels.column)
    db.execute(
        f"CREATE TEMPORARY TABLE {rows} AS SELECT {x} AS x, {comparable(packing.labels, y)} AS y FROM {packing.source.sql}"
        " DISTRIBUTED RANDOMLY"
    )
    sizes = db.execute(
        f"SELECT gp_segment_id AS segment, pg_catalog.count(*) AS rows FROM pg_temp.{rows} GROUP BY 1 ORDER BY 1"
    )
    numbered = _interleaved(f"pg_temp.{rows}", {row["segment"]: row["rows"] for row in sizes}, packing.shuffled)
    key = f"(ARRAY[{_numbers(keys(db, packing.places))}])[buffer_id % {packing.layout.partitions} + 1]"
    levels = list(packing.labels.levels or ())
    db.execute(
        f"CREATE TEMPORARY TABLE {placed} AS SELECT {key} AS {KEY}, * FROM ({_labelled(packing, numbered)}) AS labelled"
        f" DISTRIBUTED BY ({KEY})",
        levels,
    )
    db.execute(
        f"INSERT INTO {table.sql} SELECT {KEY}, {_buffer_columns(packing, ' ORDER BY place')}, buffer_id"
        f" FROM pg_temp.{placed} WHERE $1::text[] IS NOT NULL GROUP BY {KEY}, buffer_id",
        levels,
        packing.normalizing_const,
    )
    db.execute(f"DROP TABLE pg_temp.{rows}, pg_temp.{placed}")


def _numbered(packing: Packing) -> str:
    """The rows x and y, each with its place from 0 on."""
    return (
        f"SELECT {quoted(packing.independent)} AS x, {comparable(packing.labels, quoted(packing.labels.column))} AS y,"
        f" pg_catalog.row_number() OVER ({'ORDER BY pg_catalog.random()' if packing.shuffled else ''}) - 1 AS place"
        f" FROM {packing.source.sql}"
    )


def _interleaved(rows: str, sizes: Mapping[int, int], shuffled: bool) -> str:
    """The rows x and y, each with its place, as a merge of the segments in proportion to their sizes.

    No row has to go anywhere for it: the i-th of n rows of a segment stands at (2i - 1) / 2n of the way, and how many rows of
    another segment stand before that point is arithmetic. So every buffer has rows of all segments.
    """
    before = " + ".join(
        f"((2 * i - 1) * {count}::bigint + n - (segment <= {segment})::integer) / (2 * n)" for segment, count in sizes.items()
    )
    size = " ".join(f"WHEN {segment} THEN {count}::bigint" for segment, count in sizes.items())
    return (
        f"SELECT x, y, {before} AS place FROM (SELECT x, y, gp_segment_id AS segment, CASE gp_segment_id {size} END AS n,"
        f" pg_catalog.row_number() OVER (PARTITION BY gp_segment_id {'ORDER BY pg_catalog.random()' if shuffled else ''}) AS i"
        f" FROM {rows}) AS ranked"
    )


def _labelled(packing: Packing, numbered: str) -> str:
    """The rows with their place and buffer: x, and the class number if there are classes, else y."""
    labels, cut = packing.labels, packing.layout
    # Rows that others add meanwhile go to the last buffer.
    buffer = f"place, LEAST(place * {cut.buffers} / {cut.rows}, {cut.buffers - 1})::integer AS buffer_id"
    if labels.levels is None:
        # Statements take $1 whether they need it or not.
        return f"SELECT x, y, {buffer} FROM ({numbered}) AS numbered WHERE $1::text[] IS NOT NULL"
    of_null = "0" if labels.levels[0] is None else "NULL"
    return (
        f"SELECT x, CASE WHEN y IS NULL THEN {of_null} ELSE number - 1 END::integer AS class, {buffer}"
        f" FROM ({numbered}) AS numbered LEFT JOIN {unnested(labels)} WITH ORDINALITY AS known(level, number)"
        f" ON level {equals(labels)} y"
    )


def _buffer_columns(packing: Packing, order: str) -> str:
    """What a buffer is made of its rows: both variables and both shapes."""
    x_shape = f"ARRAY[pg_catalog.count(*)::integer, {_numbers(packing.shape)}]"
    y_shape = f"ARRAY[pg_catalog.count(*)::integer, {packing.labels.width}]"
    features = _joined(f"madlib.automl_native({_as_real(packing)})", order)
    return (
        f"madlib.automl_pack_features({features}, {x_shape}, $2::real), {_packed_labels(packing.labels, y_shape, order)},"
        f" {x_shape}, {y_shape}"
    )


def _packed_labels(labels: Labels, shape: str, order: str) -> str:
    if labels.levels is not None:
        return f"madlib.automl_pack_classes({_joined('pg_catalog.int4send(class)', order)}, {shape})"
    row = "ARRAY[y]" if labels.is_number else f"y{_through_integer(labels.type)}"
    sent = _joined(f"madlib.automl_native({row}::{encoded_type(labels.dtype)})", order)
    return (
        f"madlib.automl_pack_encoded({sent}, {shape})"
        if labels.dtype == INT16
        else f"madlib.automl_pack_features({sent}, {shape}, 1)"
    )


def _joined(expression: str, order: str) -> str:
    return f"pg_catalog.string_agg({expression}, ''::bytea{order})"


def _as_real(packing: Packing) -> str:
    return f"x{_through_integer(packing.features)}::real[]"


def _through_integer(kind: ColumnType) -> str:
    return through_integer(kind.element) if kind.element else ""


def _require_packed(db: Database, table: Name, packing: Packing) -> None:
    """Raise what is wrong with the rows, if a buffer could not be packed."""
    labels = packing.labels
    x, y = quoted(packing.independent), quoted(labels.column)
    failed = db.execute(
        f"SELECT COALESCE(pg_catalog.bool_or({x} IS NULL), false) AS x,"
        f" COALESCE(pg_catalog.bool_or({y} IS NULL), false) AS y FROM {table.sql}"
    )[0]
    if failed["x"]:
        _explain(db, "independent_varname", packing.source, packing.independent, packing.shape)
    if failed["y"] and labels.levels is None and not labels.is_number:
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
        f"CASE WHEN {name} IS NULL THEN 'NULL' WHEN pg_catalog.array_ndims({name}) IS NULL THEN 'an empty array'"
        f" WHEN {_shape_sql(name)} <> '{braces(shape)}' THEN 'shape ' || {_shape_sql(name)}"
        f" WHEN EXISTS (SELECT 1 FROM pg_catalog.unnest({name}) AS value WHERE value IS NULL) THEN 'a NULL element' END"
    )
    rows = db.execute(
        f"SELECT problem, pg_catalog.count(*) AS rows, pg_catalog.min(place) AS first FROM (SELECT {problem} AS problem,"
        f" pg_catalog.row_number() OVER () AS place FROM {source.sql}) AS looked_at WHERE problem IS NOT NULL"
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
    rows = db.execute(
        f"SELECT {_shape_sql(name)} AS shape FROM {source.sql} WHERE pg_catalog.array_ndims({name}) IS NOT NULL LIMIT 1"
    )
    if not rows:
        raise UsageError("independent_varname", f'column "{column}" must not hold only NULL or empty arrays')
    return tuple(int(size) for size in rows[0]["shape"].strip("{}").split(","))


def _layout(
    db: Database, source: Relation, shape: Sequence[int], labels: Labels, requested: int | None, segments: int
) -> Layout:
    if requested is not None and requested <= 0:
        raise UsageError("buffer_size", "must be at least 1", requested)
    rows = int(db.execute(f"SELECT pg_catalog.count(*) AS rows FROM {source.sql}")[0]["rows"])
    values = max(math.prod(shape), labels.width)
    partitions = segments or whole_setting(db, PARTITIONS, os.cpu_count() or 1, 1, MOST_PARTITIONS)
    cut = layout(rows, partitions, max(1, DEFAULT_BUFFER_VALUES // values), requested)
    most = MOST_BUFFER_BYTES // (12 + 8 * len(shape) + 4 * values)  # see keras_seg/protocol/array_bytes.py
    if cut.buffer_size > most:
        raise UsageError(
            "buffer_size" if most else "independent_varname",
            f"must be at most {most} for features of shape {braces(shape)}, so that a buffer stays below 1 GB",
            cut.buffer_size,
        )
    return cut


def _shape_sql(name: str) -> str:
    """The shape of an array as text, such as {28,28,1}; lower bounds do not matter."""
    sizes = ", ".join(f"pg_catalog.array_length({name}, {dimension})" for dimension in range(1, _MOST_DIMENSIONS + 1))
    return f"'{{' || pg_catalog.array_to_string(ARRAY[{sizes}], ',') || '}}'"


def _numbers(shape: Iterable[int]) -> str:
    return ", ".join(str(size) for size in shape)


def _typed(value: str | None) -> str:
    return (value or "").strip()
