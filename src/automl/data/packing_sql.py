"""The statements that pack rows: numbered, put into buffers, and each buffer made bytes by one call.

What is special to rows that lie on segments stands in `packing_segments`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from automl.data.labels import INT16, Labels, comparable, encoded_type, equals, unnested
from automl.data.unfit_rows import through_integer
from automl.database.catalog import ColumnType, Relation
from automl.database.dialect import KEY
from automl.database.names import Name, quoted
from automl.database.session import Database


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
    # As many for each partition as hold all rows: -(-a // b) is a / b rounded up.
    each = -(-rows // (size * partitions))
    return Layout(rows, partitions, min(partitions * each, rows))


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


def create(db: Database, table: Name, packing: Packing) -> None:
    """Make the packed table, empty."""
    x, y = quoted(packing.independent), quoted(packing.labels.column)
    key = f"{KEY} integer, " if packing.segments else ""
    db.execute(
        f"CREATE TABLE {table.sql} ({key}{x} bytea, {y} bytea, {quoted(packing.independent + '_shape')} integer[],"
        f" {quoted(packing.labels.column + '_shape')} integer[], buffer_id integer)" + db.dialect.distributed_by(KEY)
    )
    # Before the first row, and no compression: packed numbers hardly shrink, and trying to costs more than writing them.
    for column in (x, y):
        db.execute(f"ALTER TABLE {table.sql} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def insert(db: Database, table: Name, packing: Packing) -> None:
    """Pack the rows as they come: the subquery sorts them."""
    rows = f"SELECT * FROM ({labelled(packing, _numbered(packing))}) AS labelled ORDER BY buffer_id, place"
    columns = buffer_columns(packing, "")
    db.execute(
        f"INSERT INTO {table.sql} SELECT {columns}, buffer_id FROM ({rows}) AS ordered GROUP BY buffer_id",
        list(packing.labels.levels or ()),
        packing.normalizing_const,
    )


def _numbered(packing: Packing) -> str:
    """The rows x and y, each with its place from 0 on."""
    return (
        f"SELECT {quoted(packing.independent)} AS x, {comparable(packing.labels, quoted(packing.labels.column))} AS y,"
        f" pg_catalog.row_number() OVER ({'ORDER BY pg_catalog.random()' if packing.shuffled else ''}) - 1 AS place"
        f" FROM {packing.source.sql}"
    )


def labelled(packing: Packing, numbered: str) -> str:
    """The rows with their place and buffer: x, and the class number if there are classes, else y.

    Args:
        numbered: the query of the rows x and y, each with its place.
    """
    labels, cut = packing.labels, packing.layout
    # Buffer b takes the places from b / buffers of the way on, so no two differ by more than one row. Rows that others add
    # meanwhile go to the last buffer.
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


def buffer_columns(packing: Packing, order: str) -> str:
    """What a buffer is made of its rows: both variables and both shapes.

    Args:
        order: the order of the rows, for the aggregates; none where they come in it.
    """
    x_shape = f"ARRAY[pg_catalog.count(*)::integer, {numbers(packing.shape)}]"
    y_shape = f"ARRAY[pg_catalog.count(*)::integer, {numbers(packing.labels.shape)}]"
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


def numbers(shape: Iterable[int]) -> str:
    """Numbers as the elements of an ARRAY."""
    return ", ".join(str(size) for size in shape)
