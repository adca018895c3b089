"""Prediction in sessions: the caller's session reads the rows and sends them out in batches, each as it is ready for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from automl.cluster.interface import Cluster, Outcome, ask
from automl.cluster.opening import open_sessions
from automl.cluster.orders import CheckWork, PredictionWork, Setup, Work
from automl.cluster.resources import available
from automl.database.session import CallerDatabase
from automl.errors import OperatorError
from automl.hosts.assignment import of_sessions
from automl.hosts.machine import this_machine
from automl.prediction.batches import batches, insert
from automl.prediction.trained_model import KEY, Prediction
from keras_seg.protocol.orders import CheckOrder, CheckReport, NetworkCheck

_ROWS_A_SESSION = 200_000  # one more session is worth the seconds of its start


def run(db: CallerDatabase, prediction: Prediction) -> None:
    """Predict the rows and write them to the output table."""
    cluster, well = _open(db, prediction), False
    try:
        _require_fit(cluster, prediction)
        for ids, outputs in _predicted(db, cluster, prediction):
            insert(db, prediction, ids, outputs)
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
    waiting_batches = batches(db, prediction)
    waiting: dict[int, Sequence[str | None]] = {}
    number, more = 0, True
    while more or waiting:
        for session in cluster.idle() if more else ():
            batch = next(waiting_batches, None)
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


def _outputs(outcome: Outcome, prediction: Prediction) -> np.ndarray:
    if outcome.lost:
        text = str(outcome.lost)
        raise OperatorError(f"the session that predicts failed: {text.splitlines()[0]}")
    outputs: np.ndarray = outcome.answer
    prediction.require_fit(outputs.shape[1:])
    return outputs
