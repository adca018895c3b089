"""The rows of a table in batches, on their way to a network, and what comes out of it on its way into a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from automl.database.names import quoted
from automl.database.session import CallerDatabase, Row
from automl.prediction.trained_model import Prediction, WrongRow
from keras_seg.protocol import array_bytes
from keras_seg.protocol.predictions import Block, NoClass, batch_rows, blocks

# Of several arrays unnest is no function but grammar, which knows it by this one name and is not led by the search path.
_BLOCK = "unnest($2::text[], $3::integer[], $4::text[], $5::integer[]) AS q(i, c, o, r)"


def batches(db: CallerDatabase, prediction: Prediction) -> Iterator[tuple[Sequence[str | None], bytes]]:
    """Yield (ids as text, features as float32, divided by `normalizing_const`).

    Raises:
        WrongRow: a row cannot be predicted.
    """
    source = prediction.source
    query = f"SELECT {quoted(source.id_column)}::text AS id, {source.native} AS x FROM {source.table.sql}"
    for rows in db.stream(query, rows=batch_rows(source.values)):
        yield [row["id"] for row in rows], _features(rows, prediction)


def _features(rows: Sequence[Row], prediction: Prediction) -> bytes:
    missing = next((row for row in rows if row["x"] is None), None)
    packed = None
    if missing is None:
        joined = b"".join(row["x"] for row in rows)
        packed = array_bytes.features(joined, (len(rows), *prediction.source.shape), prediction.model.normalizing_const)
    if packed is None:
        raise WrongRow(prediction.source, (missing or rows[0])["id"])
    return packed


def insert(db: CallerDatabase, prediction: Prediction, ids: Sequence[str | None], outputs: np.ndarray) -> None:
    """Write what is selected of the outputs (rows, ...) of a batch.

    Raises:
        UsageError: a row has NaN, which tells no class.
    """
    try:
        for block in blocks(ids, outputs, prediction.selection):
            _insert(db, prediction, block)
    except NoClass as problem:
        raise prediction.no_class(problem.row) from None


def _insert(db: CallerDatabase, prediction: Prediction, block: Block) -> None:
    ids, classes, outputs, ranks, _ = (None if column is None else list(column) for column in block)
    db.execute(prediction.insert(_BLOCK), prediction.class_values, ids, classes, outputs, ranks)
