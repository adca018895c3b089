"""A packed table, read for a search: rows in buffers, buffers in partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl import catalog
from automl.catalog import Relation
from automl.database import Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from automl.names import quoted
from automl.packed import SUFFIX, Summary, read_summary


@dataclass(frozen=True)
class Dataset:
    """What a search needs to know of a packed table.

    Attributes:
        argument: the SQL argument that named it.
        given: its name as the caller wrote it.
        relation: the table.
        summary: what stands beside it.
        class_type: SQL type of one class value.
        x_shape: shape of one row of the independent variable.
        labels: width of one row of the dependent variable.
    """

    argument: str
    given: str
    relation: Relation
    summary: Summary
    class_type: str
    x_shape: tuple[int, ...]
    labels: int

    @property
    def query(self) -> str:
        """The statement that gives the buffers of partition $1, in their order."""
        x, y = quoted(self.summary.independent_varname), quoted(self.summary.dependent_varname)
        x_shape = quoted(self.summary.independent_varname + "_shape")
        y_shape = quoted(self.summary.dependent_varname + "_shape")
        return (
            f"SELECT {x} AS x, {x_shape} AS x_shape, {y} AS y, {y_shape} AS y_shape FROM {self.relation.sql}"
            f" WHERE buffer_id % {self.summary.partitions} = $1 ORDER BY buffer_id"
        )

    @property
    def fingerprint(self) -> str:
        """A statement whose result tells whether two sessions see the same rows."""
        version = "ctid::text || ' ' || xmin::text" if self.relation.kind in ("r", "m") else "''"
        return (
            "SELECT pg_catalog.count(*)::text || ' ' || coalesce(pg_catalog.md5(pg_catalog.string_agg("
            f"buffer_id::text || ' ' || {version}, ',' ORDER BY buffer_id)), '') AS fingerprint FROM {self.relation.sql}"
        )


def read(db: Database, argument: str, value: str | None) -> Dataset:
    """Return the packed table that an argument names.

    Raises:
        UsageError: it is missing, empty, not readable or not packed.
    """
    relation = catalog.readable_table(db, argument, value)
    summary = read_summary(db, argument, value)
    beside = catalog.find_table(db, argument, relation.name.with_suffix(SUFFIX))
    class_type = catalog.column_type(db, beside, "class_values").element
    x_shape, labels = _shapes(db, argument, relation, summary)
    return Dataset(
        argument, str(value).strip(), relation, summary, class_type.sql if class_type else "text", x_shape, labels
    )


def require_alike(training: Dataset, validation: Dataset) -> None:
    """Raise unless the validation table was packed like the training table."""
    for what, ours, theirs in (
        ("rows of the independent variable must have the shape", list(training.x_shape), list(validation.x_shape)),
        ("the number of classes must be", training.labels, validation.labels),
        ("normalizing_const must be", training.summary.normalizing_const, validation.summary.normalizing_const),
        ("class values must be", training.summary.class_values, validation.summary.class_values),
    ):
        if ours != theirs:
            raise UsageError(
                validation.argument,
                f'table "{validation.relation.name}" must be packed like "{training.relation.name}": {what} {ours!r}',
                theirs,
                hint=f"Pack it with validation_preprocessor_dl(..., '{training.given}').",
            )


def _shapes(db: Database, argument: str, relation: Relation, summary: Summary) -> tuple[tuple[int, ...], int]:
    x, y = quoted(f"{summary.independent_varname}_shape"), quoted(f"{summary.dependent_varname}_shape")
    found: Sequence[dict[str, list[int]]] = db.execute(
        f"SELECT DISTINCT {x}[2:8] AS x_shape, {y}[2:8] AS y_shape FROM {relation.sql}"
    )
    if len(found) != 1 or not found[0]["x_shape"]:
        raise UsageError(
            argument,
            f'table "{relation.name}" must hold buffers whose rows have one shape, it has {len(found)}',
            hint="Pack the rows anew with training_preprocessor_dl.",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    return tuple(found[0]["x_shape"]), (found[0]["y_shape"] or [1])[0]
