"""What each column of the source is worth to a model: how much worse it predicts if the column's values change rows.

Permutation importance (Breiman 2001), of columns as they are in the table, whatever each becomes in the vector: what belongs to
one is permuted together. Which places of the vector those are is seen, not known: each column has a number from 1 on, and for
each bit of it the features are made once more, with the columns whose number has that bit taken from the row before. A place
that changes somewhere belongs to the column whose number has exactly the bits of those rounds. So it takes eleven statements
for 1,600 columns, and nobody else to say what lies where.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from automl.columns import metrics, table_model
from automl.columns.evaluate import in_unit, native, require_target, truth_of, truths_of
from automl.columns.predict import INTERPRETED, network_of
from automl.columns.rows import ROW, RowType, row_of_table, row_type
from automl.columns.table_model import TableModel
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import literal, quoted
from automl.database.session import CallerDatabase
from automl.database.settings import AS_WRITTEN, settings
from automl.errors import FEATURE_NOT_SUPPORTED, Problems, UsageError
from keras_seg.protocol.answers import digest_of
from keras_seg.protocol.predictions import opened_outputs

_SAMPLE = "keras_automl_sample"
_BEFORE = '"the row before"'
_REPEATS, _MOST_REPEATS = 5, 1000
_ROWS, _MOST_ROWS = 1000, 1_000_000
_LOOK, _LONG = 1.0, 90.0  # seconds: after so many it is known how many it will take, and is said if these are more
_FETCHED = 1000  # rows, which are objects of Python for a while
Line = tuple[str, float, float | None, str]


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows whose features are known.

    Attributes:
        truth: of each row the number of its class, or its number.
        features: (rows, places).
        columns: the number of the column of each place, from 1; 0 where all rows are the same.
    """

    truth: np.ndarray
    features: np.ndarray
    columns: np.ndarray

    def permuted(self, column: int, order: np.ndarray) -> np.ndarray:
        """Return the features with the values of a column in another order."""
        places = self.columns == column
        features = self.features.copy()
        features[:, places] = self.features[order][:, places]
        return features


def automl_importance(
    db: CallerDatabase,
    model: str | None,
    source_table: str | None,
    repeats: int | None = _REPEATS,
    sample_size: int | None = _ROWS,
    random_state: int | None = 0,
) -> list[Line]:
    """Return what each column is worth: its name, how much worse the model predicts without it, the standard error of that,
    and the measure that it is told in."""
    problems = Problems()
    found = problems.attempt(lambda: table_model.read(db, model))
    table = problems.attempt(lambda: catalog.readable_table(db, "source_table", source_table))
    rows = problems.attempt(lambda: row_type(db, found.value))
    row = problems.attempt(lambda: row_of_table(db, rows.value, table.value))
    problems.attempt(lambda: require_target(db, found.value, table.value))
    times = problems.attempt(lambda: _whole("repeats", repeats, _REPEATS, _MOST_REPEATS))
    most = problems.attempt(lambda: _whole("sample_size", sample_size, _ROWS, _MOST_ROWS))
    problems.stop()
    seed = random_state or 0
    with settings(db, INTERPRETED):
        _take(db, found.value, table.value, row.value, most.value, seed)
        sample = _sample(db, found.value, rows.value)
    db.execute(f"DROP TABLE pg_temp.{_SAMPLE}")
    return _lines(db, found.value, sample, times.value, np.random.default_rng(abs(seed)))


def _whole(argument: str, value: int | None, default: int, most: int) -> int:
    if value is None:
        return default
    if not 1 <= value <= most:
        raise UsageError(argument, f"must be a whole number from 1 to {most}", value)
    return value


def _take(db: CallerDatabase, model: TableModel, table: Relation, row: str, most: int, seed: int) -> None:
    """Copy a sample of the rows whose target is known, each as a row of the source: those of the same seed are the same."""
    catalog.temporary(db, "source_table", _SAMPLE)
    truth = truth_of(db, model, table)
    drawn = f"pg_catalog.md5('{seed} ' || {ROW}::pg_catalog.text)"
    classes = ", ".join(literal(value) for value in model.class_values or () if value is not None)
    known = f"{truth} IS NOT NULL" if model.is_number else f"{truth} = ANY (ARRAY[{classes}]::pg_catalog.text[])"
    chosen = f"SELECT {row} AS source, {truth} AS truth, {drawn} AS drawn FROM {table.sql} AS {ROW} WHERE {known}"
    made = (
        f"CREATE TEMPORARY TABLE {_SAMPLE} AS SELECT pg_catalog.row_number() OVER (ORDER BY drawn)::integer AS place,"
        f" source, truth FROM ({chosen} ORDER BY drawn LIMIT {most}) AS q" + db.dialect.distributed_by("place")
    )
    with settings(db, AS_WRITTEN):  # the truth, and what is drawn
        db.execute(made)


def _sample(db: CallerDatabase, model: TableModel, rows: RowType) -> Sample:
    """Read the sample, and find out which place of the vector is whose."""
    truths = [row["truth"] for row in db.execute(f"SELECT truth FROM pg_temp.{_SAMPLE} ORDER BY place")]
    if not truths:
        raise UsageError("source_table", f"must have rows with a {model.dependent_varname} that training had")
    numbers = {column.name: number for number, column in enumerate(model.features, 1)}
    features = _features(db, rows, frozenset())
    columns = np.zeros(features.shape[1], np.int64)
    for bit in range(len(numbers).bit_length()):
        shifted = {name for name, number in numbers.items() if number >> bit & 1}
        columns += (_features(db, rows, shifted) != features).any(axis=0).astype(np.int64) << bit
    return Sample(truths_of(model, truths), features, columns)


def _features(db: CallerDatabase, rows: RowType, shifted: Collection[str]) -> np.ndarray:
    """Return the features of the sample (rows, places).

    Args:
        shifted: the columns that are taken from another row: the one before, the last one after the first.
    """
    row = rows.row(lambda field: f"({_BEFORE if field.name in shifted else ROW}.source).{quoted(field.name)}")
    count = f"(SELECT pg_catalog.count(*)::integer FROM pg_temp.{_SAMPLE})"
    query = (
        f"SELECT {rows.features('made')} AS x, place FROM (SELECT {row} AS made, {ROW}.place FROM pg_temp.{_SAMPLE} AS {ROW}"
        f" JOIN pg_temp.{_SAMPLE} AS {_BEFORE} ON {_BEFORE}.place = {ROW}.place % {count} + 1 OFFSET 0) AS q"
    )
    wanted = f"SELECT madlib.automl_native(x) AS x, pg_catalog.array_length(x, 1) AS width FROM ({query} OFFSET 0) AS q"
    parts = [
        native(b"".join(row["x"] for row in fetched), len(fetched), fetched[0]["width"])
        for fetched in db.stream(f"{wanted} ORDER BY place", rows=_FETCHED)
    ]
    return np.concatenate(parts)


def _lines(db: CallerDatabase, model: TableModel, sample: Sample, repeats: int, generator: np.random.Generator) -> list[Line]:
    network = _Ready(db, model, sample.features.shape[1])
    before = _losses(model, sample.truth, network.outputs(sample.features))
    lines, pace = [], _Pace(db, len(model.features))
    for number, column in enumerate(model.features, 1):
        pace.goes_on(number - 1)
        after = np.zeros_like(before)
        for _ in range(repeats if (sample.columns == number).any() else 0):
            features = sample.permuted(number, generator.permutation(len(before)))
            after += _losses(model, sample.truth, network.outputs(features)) / repeats
        worth = _worth(model, before, after if (sample.columns == number).any() else before)
        lines.append((column.name, *worth, "rmse" if model.is_number else "log_loss"))
    return sorted(lines, key=lambda line: -line[1])


class _Pace:
    """Says once how long it will take, where that is long.

    Args:
        columns: how many there are.
    """

    def __init__(self, db: CallerDatabase, columns: int) -> None:
        self._db = db
        self._columns = columns
        self._begun = time.monotonic()
        self._said = False

    def goes_on(self, done: int) -> None:
        """Hear that so many columns are done."""
        seconds = time.monotonic() - self._begun
        if self._said or done == 0 or seconds < _LOOK:
            return
        self._said = True
        whole = seconds * self._columns / done
        if whole > _LONG:
            self._db.notice(
                f"the importance of {self._columns} columns takes about {whole / 60:.0f} min:"
                " a smaller sample_size, or fewer repeats, take less"
            )


def _losses(model: TableModel, truth: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the loss of each row: the squared error of a number, the log loss of a class."""
    if model.is_number:
        squares: np.ndarray = (in_unit(model, outputs[:, 0]) - truth) ** 2
        return squares
    return metrics.log_losses(truth, outputs)


def _worth(model: TableModel, before: np.ndarray, after: np.ndarray) -> tuple[float, float | None]:
    """Return by how much a measure rises, and the standard error of that over the rows.

    That of a root is by its derivative: a row moves sqrt(m) by its square / (2 sqrt(m)).
    """
    rise, moved = after.mean() - before.mean(), after - before
    if model.is_number:
        roots = [max(float(np.sqrt(each.mean())), np.finfo(float).tiny) for each in (after, before)]
        rise, moved = roots[0] - roots[1], after / (2 * roots[0]) - before / (2 * roots[1])
    error = float(moved.std(ddof=1) / np.sqrt(len(moved))) if len(moved) > 1 else None
    return float(rise), error


class _Ready:
    """A network that computes in the caller's session, without TensorFlow."""

    def __init__(self, db: CallerDatabase, model: TableModel, width: int) -> None:
        self._db = db
        packed = network_of(db, model).packed
        asked = "SELECT madlib.automl_ready($1::bytea, $2::integer[], 1) AS ready"
        if not db.execute(asked, packed, [width])[0]["ready"]:
            rule = "must be a model that is computed without TensorFlow, and takes as many numbers as the features have"
            raise UsageError("model", rule, model.given, sqlstate=FEATURE_NOT_SUPPORTED)
        self._digest = digest_of(packed)

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Return the outputs (rows, outputs) of rows."""
        asked = "SELECT madlib.automl_outputs($1::bytea, $2::bytea, $3::integer, true) AS outputs"
        row = self._db.execute(asked, self._digest, features.tobytes(), len(features))[0]
        return opened_outputs(row["outputs"]).reshape(len(features), -1)
