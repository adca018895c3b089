"""Prediction in sessions: the caller's session reads the rows and sends them out in batches, each as it is ready for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from automl.cluster.interface import Cluster, Outcome, ask
from automl.cluster.opening import open_sessions
from automl.cluster.orders import CheckWork, PredictionWork, Setup, Work
from automl.cluster.resources import available
from automl.database.names import quoted
from automl.database.session import CallerDatabase, Row
from automl.errors import OperatorError
from automl.hosts.assignment import of_sessions
from automl.hosts.machine import this_machine
from automl.prediction.trained_model import KEY, Prediction, WrongRow
from keras_seg.protocol import array_bytes
from keras_seg.protocol.orders import CheckOrder, CheckReport, NetworkCheck
from keras_seg.protocol.predictions import Block, batch_rows, blocks

_ROWS_A_SESSION = 200_000  # one more session is worth the seconds of its start
# Of several arrays unnest is no function but grammar, which knows it by this one name and is not led by the search path.
_BLOCK = "unnest($2::text[], $3::integer[], $4::text[], $5::integer[]) AS q(i, c, o, r)"


def run(db: CallerDatabase, prediction: Prediction) -> None:
    """Predict the rows and write them to the output table."""
    cluster, well = _open(db, prediction), False
    try:
        _require_fit(cluster, prediction)
        for ids, outputs in _predicted(db, cluster, prediction):
            for block in blocks(ids, outputs, prediction.selection):
                _insert(db, prediction, block)
        well = True
    finally:
        cluster.close(well=well)


def _open(db: CallerDatabase, prediction: Prediction) -> Cluster:
    resources = available(db, this_machine(), prediction.hosts)
    count = min(resources.sessions, 1 + prediction.source.rows // _ROWS_A_SESSION)
    gpus = of_sessions(prediction.hosts, count)
    common = replace(prediction.setup, threads=resources.threads)
    setup = Setup(common, gpus, (prediction.model.definition,))
    return open_sessions(db, setup, count, "keras_automl predict", "the prediction")


def _require_fit(cluster: Cluster, prediction: Prediction) -> None:
    report: CheckReport = ask(cluster, CheckWork(CheckOrder((NetworkCheck(prediction.model.called, KEY),))))
    if report.problems:
        raise prediction.unfit(report.problems[0])


def _predicted(
    db: CallerDatabase, cluster: Cluster, prediction: Prediction
) -> Iterator[tuple[Sequence[str | None], np.ndarray]]:
    """Yield (ids as text, outputs (rows, ...)) of batches, as the sessions finish them."""
    batches = _batches(db, prediction)
    waiting: dict[int, Sequence[str | None]] = {}
    number, more = 0, True
    while more or waiting:
        for session in cluster.idle() if more else ():
            batch = next(batches, None)
            if batch is None:
                more = False
                break
            ids, features = batch
            number += 1
            waiting[number] = ids
            cluster.begin(session, Work(number, PredictionWork(KEY, features, len(ids))))
        if more or waiting:
            for outcome in cluster.wait():
                yield waiting.pop(outcome.task), _outputs(outcome, prediction)


def _batches(db: CallerDatabase, prediction: Prediction) -> Iterator[tuple[Sequence[str | None], bytes]]:
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


def _outputs(outcome: Outcome, prediction: Prediction) -> np.ndarray:
    if outcome.lost:
        text = str(outcome.lost)
        raise OperatorError(f"the session that predicts failed: {text.splitlines()[0]}")
    outputs: np.ndarray = outcome.answer
    prediction.require_fit(outputs.shape[1:])
    return outputs


def _insert(db: CallerDatabase, prediction: Prediction, block: Block) -> None:
    ids, classes, outputs, ranks, _ = (None if column is None else list(column) for column in block)
    db.execute(prediction.insert(_BLOCK), prediction.class_values, ids, classes, outputs, ranks)
