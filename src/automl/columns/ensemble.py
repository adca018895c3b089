"""The best models of a search as one: their mean, a row of the model table like any other.

Which of them, is decided greedily on the validation rows: first the best, then whichever makes the loss of the mean the lowest,
as long as it gets lower.

Source: Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004, section 2; without
replacement, so that each is one of a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl.columns.networks import is_of_columns, mean_of
from automl.data import packed_table
from automl.data.packed_queries import count_rows
from automl.data.packed_table import PackedTable
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import quoted
from automl.database.session import CallerDatabase, Database
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, UsageError
from automl.prediction.evaluate import Trained, compile_params, scores_of, trained
from automl.prediction.model_tables import companion, model_of, ranking_query
from automl.search.literals import call_of
from keras_seg.protocol.answers import digest_of
from keras_seg.protocol.limits import MOST_WEIGHTS
from keras_seg.protocol.orders import Scores
from keras_seg.protocol.predictions import opened_outputs

CANDIDATES = 12  # the best so many are looked at
MOST = 10  # models of a mean
_LEAST_PROBABLE = 1e-7  # as Keras has it
_ROWS = 4096  # of validation, about, on which it is decided


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model that may be one of those averaged.

    Attributes:
        key: its mst_key.
        outputs: for the rows on which it is decided (rows, outputs).
    """

    key: int
    architecture: str
    weights: bytes
    outputs: np.ndarray


def automl_ensemble(
    db: CallerDatabase, model_table: str | None, validation_table: str | None = None, most: int | None = 3
) -> int:
    """Average the best models of a search and add their mean to its tables; return its mst_key, or that of the best alone.

    Args:
        validation_table: packed rows that the models were not trained on; None for those of the search.
        most: models of the mean.
    """
    table = catalog.readable_table(db, "model_table", model_table)
    if most is None or not 1 <= most <= MOST:
        raise UsageError("most", f"must be an integer from 1 to {MOST}", most)
    keys = _ranked(db, table)
    validation = packed_table.read(db, "validation_table", validation_table or _validation_of(db, table))
    if most == 1 or len(keys) == 1:
        return keys[0]
    chosen = _chosen(db, table, keys[:CANDIDATES], validation, most)
    if len(chosen) == 1:
        db.info(f"mst_key {keys[0]} alone is better on {validation.given} than its mean with any other model")
        return keys[0]
    return _add(db, table, chosen, validation)


def chosen_greedily(outputs: Sequence[np.ndarray], labels: np.ndarray, classes: bool, most: int) -> list[int]:
    """Return which outputs have a mean with a low loss, in the order in which they were chosen.

    Args:
        outputs: (rows, outputs) each, the best first.
        labels: (rows, outputs): of classes 1 in the place of each row's own, or what is left of that where they are smoothed.
        classes: whether these are probabilities, compared by crossentropy; else numbers, by their squared error.
    """
    taken, total = [0], outputs[0].astype(np.float64)
    lowest = _loss(total, labels, classes)
    while len(taken) < min(most, len(outputs)):
        losses = {
            place: _loss((total + each) / (len(taken) + 1), labels, classes)
            for place, each in enumerate(outputs)
            if place not in taken
        }
        best = min(losses, key=lambda place: losses[place])
        if losses[best] >= lowest:
            break
        taken.append(best)
        total, lowest = total + outputs[best], losses[best]
    return taken


def _loss(outputs: np.ndarray, labels: np.ndarray, classes: bool) -> float:
    if not classes:
        return float(np.mean((outputs - labels) ** 2))
    shares = outputs / outputs.sum(1, keepdims=True)
    return float(-np.mean((labels * np.log(np.maximum(shares, _LEAST_PROBABLE))).sum(1)))


def smoothed(labels: np.ndarray, loss: str) -> np.ndarray:
    """Return the labels of classes (rows, classes) as a loss has them, which may smooth them."""
    call = call_of(loss)
    share = dict(call.keywords).get("label_smoothing", 0.0) if call is not None else 0.0
    return labels * (1 - share) + share / labels.shape[1] if isinstance(share, float) else labels


# --- what the tables say ------------------------------------------------------------------------------------------------


def _ranked(db: Database, table: Relation) -> list[int]:
    """Return the mst_keys of a search, the best first."""
    query = ranking_query(db, table)
    keys = [] if query is None else [int(row["mst_key"]) for row in db.execute(query)]
    if not keys:
        raise UsageError("model_table", f'must be the model table of a search, "{table.name}" has no model that was ranked')
    return keys


def _validation_of(db: Database, table: Relation) -> str:
    summary = companion(db, table, "_summary")
    name = db.execute(f"SELECT validation_table::text AS name FROM {summary.sql} LIMIT 1")[0]["name"]
    if name is None:
        rule = "must be given: the search had none, and the rows that it was trained on do not tell"
        raise UsageError("validation_table", rule, sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE)
    return str(name)


# --- the choice ---------------------------------------------------------------------------------------------------------


def _chosen(db: CallerDatabase, table: Relation, keys: Sequence[int], validation: PackedTable, most: int) -> list[Candidate]:
    """Return those of the models whose mean is the best, of those that are computed without TensorFlow."""
    rows, labels = _rows(db, validation)
    candidates = [each for key in keys if (each := _candidate(db, table, key, validation, rows, labels)) is not None]
    if not candidates or candidates[0].key != keys[0]:
        return [Candidate(keys[0], "", b"", np.zeros(0))]
    classes = validation.labels.one_hot
    labels = smoothed(labels, compile_params(db, table, keys[0]).loss) if classes else labels
    return [candidates[place] for place in chosen_greedily([each.outputs for each in candidates], labels, classes, most)]


def _rows(db: CallerDatabase, validation: PackedTable) -> tuple[bytes, np.ndarray]:
    """Return features, and labels (rows, values), of some rows of each buffer."""
    x, y = validation.variables.input, validation.labels
    share = min(1.0, _ROWS / max(1, count_rows(db, validation)))
    features, labels = [], []
    columns = f"{quoted(x.column)} AS x, {quoted(y.column)} AS y"
    for (row,) in db.stream(f"SELECT {columns} FROM {validation.relation.sql} ORDER BY buffer_id"):
        of_buffer = np.frombuffer(row["y"], y.dtype).reshape(-1, y.size)
        count = max(1, round(share * len(of_buffer)))
        labels.append(of_buffer[:count].astype(np.float64))
        features.append(row["x"][: 4 * count * x.size])
    return b"".join(features), np.concatenate(labels)


def _candidate(
    db: CallerDatabase, table: Relation, key: int, validation: PackedTable, rows: bytes, labels: np.ndarray
) -> Candidate | None:
    """Return a model with its outputs; None where numpy does not compute them, or they are no probabilities or numbers."""
    model = model_of(db, table.name.sql, key, say=False)
    if not is_of_columns(model.definition.architecture):
        rule = f'must be a search over networks of madlib.automl_train; mst_key {key} of "{table.name}" has another one'
        raise UsageError("model_table", rule)
    weights = bytes(model.definition.weights or b"")
    packed = model.packed
    asked = "SELECT madlib.automl_ready($1::bytea, $2::integer[], 1) AS ready"
    if len(weights) > MOST_WEIGHTS or not db.execute(asked, packed, list(validation.variables.input.shape))[0]["ready"]:
        return None
    computed = "SELECT madlib.automl_outputs($1::bytea, $2::bytea, $3::integer, true) AS outputs"
    outputs = opened_outputs(db.execute(computed, digest_of(packed), rows, len(labels))[0]["outputs"])
    if outputs.shape != labels.shape or not np.isfinite(outputs).all():
        return None
    return Candidate(key, model.definition.architecture, weights, outputs)


# --- the mean as a model ------------------------------------------------------------------------------------------------


def _add(db: CallerDatabase, table: Relation, chosen: Sequence[Candidate], validation: PackedTable) -> int:
    """Add the mean of models to the tables of their search; return its mst_key, or that of the best if it is better.

    They were chosen by some rows, and by their loss. What counts is all rows, and what ranks the search.
    """
    best, told = trained(db, table.name.sql, chosen[0].key), ", ".join(str(each.key) for each in chosen)
    architecture = mean_of({f"mst_key_{each.key}": each.architecture for each in chosen})
    weights = b"".join(each.weights for each in chosen)
    mean = Trained(architecture, weights, best.compiled, best.functions)
    scores, alone = (scores_of(db, model, validation) for model in (mean, best))
    ranking = _ranking(db, table, chosen[0].key)
    if ranking.worth(scores) >= ranking.worth(alone):
        db.info(f"mst_key {chosen[0].key} alone is better on {validation.given} than the mean of {told}")
        return chosen[0].key
    key = int(db.execute(f"SELECT pg_catalog.max(mst_key) + 1 AS key FROM {table.sql}")[0]["key"])
    db.execute(f"INSERT INTO {table.sql} VALUES ($1::integer, $2::bytea, $3::json)", key, weights, architecture)
    _describe(db, table, chosen[0].key, key, len(weights), scores, ranking.value(scores))
    db.info(f"mst_key {key} is the mean of {told}: validation loss {scores.loss:.6g}")
    return key


def _describe(db: Database, table: Relation, best: int, key: int, size: int, scores: Scores, objective: float | None) -> None:
    """Write the row of the info table: that of the best of them, with what is known of the mean in its place."""
    info = companion(db, table, "_info")
    known = {
        "mst_key": ("$2::integer", key),
        "model_size": ("$3::double precision", size / 1024),
        "validation_loss_final": ("$4::double precision", scores.loss),
        "validation_metrics_final": ("$5::double precision", scores.metrics[0] if scores.metrics else None),
        "objective": ("$6::double precision", objective),
    }
    same = ("compile_params", "fit_params", "model_type", "metrics_type", "loss_type")
    there = [name for name in catalog.columns(db, info) if name in (*known, *same)]
    values = [known[name][0] if name in known else quoted(name) for name in there]
    db.execute(
        f"INSERT INTO {info.sql} ({', '.join(map(quoted, there))}) SELECT {', '.join(values)} FROM {info.sql}"
        " WHERE mst_key = $1::integer AND ($6::double precision IS NULL OR true)",
        best,
        *(value for _, value in known.values()),
    )


@dataclass(frozen=True)
class _Ranking:
    """What ranks the models of a search.

    Attributes:
        objective: as its summary has it, `max:validation_accuracy`; None for the loss.
        metrics: of its models, by name.
    """

    objective: str | None
    metrics: Sequence[str]

    def value(self, scores: Scores) -> float | None:
        """Return what the objective is on validation rows; None where it is the loss, or of other rows."""
        _, validation, name = (self.objective or "").partition("validation_")
        if not validation:
            return None
        return scores.metrics[self.metrics.index(name)] if name in self.metrics else scores.loss

    def worth(self, scores: Scores) -> tuple[float, float]:
        """Return what tells models apart, the lower the better: the objective, and of those that are equal the loss."""
        value = self.value(scores)
        largest = (self.objective or "").startswith("max:")
        return (0.0 if value is None else -value if largest else value), scores.loss


def _ranking(db: Database, table: Relation, key: int) -> _Ranking:
    summary, info = companion(db, table, "_summary"), companion(db, table, "_info")
    asked = "objective" in catalog.columns(db, summary)
    objective = db.execute(f"SELECT objective FROM {summary.sql} LIMIT 1")[0]["objective"] if asked else None
    metrics = db.execute(f"SELECT metrics_type FROM {info.sql} WHERE mst_key = $1::integer", key)[0]["metrics_type"]
    return _Ranking(objective, metrics or ())
