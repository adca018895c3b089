"""Prediction in the caller's own session, without TensorFlow: what takes less time than TensorFlow's import would."""

from __future__ import annotations

from automl.database.session import CallerDatabase
from automl.prediction.batches import batches, insert
from automl.prediction.trained_model import Prediction
from keras_seg.protocol.answers import digest_of
from keras_seg.protocol.limits import MOST_WEIGHTS
from keras_seg.protocol.predictions import opened_outputs


def run(db: CallerDatabase, prediction: Prediction) -> bool:
    """Predict the rows and write them to the output table, if they are to be predicted here; return whether that was so.

    That hangs on the network and the number of rows alone: the same call gives the same numbers each time.
    """
    if prediction.hosts is not None or len(prediction.model.definition.weights or b"") > MOST_WEIGHTS:
        return False
    model = prediction.model.packed
    if not _is_ready(db, prediction, model):
        return False
    for ids, features in batches(db, prediction):
        row = db.execute(
            "SELECT madlib.automl_outputs($1::bytea, $2::bytea, $3::integer, $4::boolean) AS outputs",
            digest_of(model),
            features,
            len(ids),
            prediction.selection.raw,
        )[0]
        outputs = opened_outputs(row["outputs"])
        prediction.require_fit(outputs.shape[1:])
        insert(db, prediction, ids, outputs)
    return True


def _is_ready(db: CallerDatabase, prediction: Prediction, model: bytes) -> bool:
    source = prediction.source
    asked = "SELECT madlib.automl_ready($1::bytea, $2::integer[], $3::bigint) AS ready"
    return bool(db.execute(asked, model, list(source.shape), source.rows)[0]["ready"])
