"""The tables that the caller asked for, made in the caller's own transaction: they appear with its commit, or not at all.

They are made, empty, before the search begins, so that nobody can take their names while it runs, and filled when it is over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from automl import __version__
from automl.database import CallerDatabase, Database
from automl.names import quoted
from automl.plan import Trial
from automl.request import Request
from automl.store import Evaluation
from keras_seg import state as codec

_MODELS = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_weights bytea, model_arch json)"
_INFO = """CREATE TABLE {name} (
    mst_key integer PRIMARY KEY, model_id integer, compile_params text, fit_params text, model_type text,
    model_size double precision, metrics_elapsed_time double precision[], metrics_type text[], loss_type text,
    training_metrics_final double precision, training_loss_final double precision, training_metrics double precision[],
    training_loss double precision[], validation_metrics_final double precision, validation_loss_final double precision,
    validation_metrics double precision[], validation_loss double precision[], metrics_iters integer[], s integer, i integer)"""
_INFO_ROW = """INSERT INTO {name} VALUES ($1::integer, $2::integer, $3::text, $4::text, 'madlib_keras',
    $5::double precision, $6::double precision[], $7::text[], $8::text, $9::double precision, $10::double precision,
    $11::double precision[], $12::double precision[], $13::double precision, $14::double precision,
    $15::double precision[], $16::double precision[], $17::integer[], $18::integer, $19::integer)"""
_SELECTION = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_id integer, compile_params text, fit_params text)"
_SELECTION_SUMMARY = "CREATE TABLE {name} (model_arch_table varchar, object_table varchar)"


@dataclass
class Curve:
    """What is known of a trial so far.

    Attributes:
        evaluations: in the order of their iterations.
        iteration: the last one made.
        visits: how many visits it has made.
        seconds: that sessions have spent on it.
        error: why it failed, if it did.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    iteration: int = 0
    visits: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def loss(self) -> float | None:
        """The latest loss that ranks; None for a trial that failed or has not been evaluated."""
        return self.evaluations[-1].loss if self.evaluations and self.error is None else None


@dataclass(frozen=True)
class Result:
    """A trial at the end of the search: its bracket, the last round it was in, its curve."""

    trial: Trial
    bracket: int
    round: int
    curve: Curve


def reserve(db: CallerDatabase, request: Request) -> None:
    """Make the five tables of a search, empty."""
    out = request.outputs
    db.execute(_MODELS.format(name=out.model.sql))
    db.execute(f"ALTER TABLE {out.model.sql} ALTER COLUMN model_weights SET STORAGE EXTERNAL")
    db.execute(_INFO.format(name=out.info.sql))
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind, _ in _summary_columns(request, "", ""))
    db.execute(f"CREATE TABLE {out.summary.sql} ({columns})")
    db.execute(_SELECTION.format(name=out.selection.sql))
    db.execute(_SELECTION_SUMMARY.format(name=out.selection_summary.sql))


def fill(
    db: CallerDatabase, request: Request, results: Sequence[Result], started: str, state_of: Callable[[int], bytes | None]
) -> None:
    """Write what a search has found into its tables.

    Args:
        started: when it began to train, as `now` gives it.
        state_of: gives the state of a trial by its mst_key, or None if it has none.
    """
    sizes = _models(db, request, results, state_of)
    for result in results:
        db.execute(_INFO_ROW.format(name=request.outputs.info.sql), *_info_row(result, sizes[result.trial.mst_key]))
    _summary(db, request, started)
    _selection(db, request, best(results))


def best(results: Sequence[Result]) -> Result:
    """Return the trial with the lowest loss; NaN and failed ones last, ties by mst_key."""

    def rank(result: Result) -> tuple[bool, bool, float, int]:
        loss = result.curve.loss
        nothing, diverged = loss is None, loss is not None and math.isnan(loss)
        return nothing, diverged, 0.0 if loss is None or diverged else loss, result.trial.mst_key

    return min(results, key=rank)


def now(db: Database) -> str:
    """Return the time in whole seconds, as the summary tables write it."""
    return str(db.execute("SELECT pg_catalog.date_trunc('second', pg_catalog.clock_timestamp())::timestamp::text AS t")[0]["t"])


def _models(
    db: CallerDatabase, request: Request, results: Sequence[Result], state_of: Callable[[int], bytes | None]
) -> dict[int, int | None]:
    """Write the weights; return their sizes in bytes."""
    name = request.outputs.model.sql
    sizes: dict[int, int | None] = {}
    for result in results:
        trial = result.trial
        state = state_of(trial.mst_key)
        weights = None if state is None else codec.weights(state)
        sizes[trial.mst_key] = None if weights is None else len(weights)
        architecture = request.architectures[trial.configuration.model_id].architecture
        db.execute(f"INSERT INTO {name} VALUES ($1::integer, $2::bytea, $3::json)", trial.mst_key, weights, architecture)
    return sizes


def _info_row(result: Result, size: int | None) -> tuple[object, ...]:
    trial, evaluations = result.trial, result.curve.evaluations
    configuration = trial.configuration
    training = [each.training for each in evaluations]
    validation = [each.validation for each in evaluations if each.validation is not None]
    return (
        trial.mst_key,
        configuration.model_id,
        configuration.compile_params,
        configuration.fit_params,
        None if size is None else size / 1024,
        [each.elapsed for each in evaluations] or None,
        list(trial.compiled.all_metrics) or None,
        trial.compiled.loss,
        *_finals(training),
        *_arrays(training),
        *_finals(validation),
        *_arrays(validation),
        [each.iteration for each in evaluations] or None,
        result.bracket,
        result.round,
    )


Scores = Sequence[tuple[float, tuple[float, ...]]]


def _finals(scores: Scores) -> tuple[float | None, float | None]:
    """Return the final (metric, loss); of several metrics the first stands in the tables."""
    if not scores:
        return None, None
    loss, metrics = scores[-1]
    return (metrics[0] if metrics else None), loss


def _arrays(scores: Scores) -> tuple[list[float] | None, list[float] | None]:
    """Return the curves (metric, loss)."""
    metrics = [metrics[0] for _, metrics in scores if metrics]
    return metrics or None, [loss for loss, _ in scores] or None


def _summary(db: CallerDatabase, request: Request, started: str) -> None:
    columns = list(_summary_columns(request, started, now(db)))
    # Class values come as text; the table keeps them as what they are.
    select = ", ".join(
        f"${at}::text[]::{kind}" if kind.endswith("[]") else f"${at}::{kind}" for at, (_, kind, _) in enumerate(columns, 1)
    )
    db.execute(f"INSERT INTO {request.outputs.summary.sql} SELECT {select}", *(value for _, _, value in columns))


def _summary_columns(request: Request, started: str, ended: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (name, type, value) of the summary table's columns, in the page's order."""
    training, out = request.training, request.outputs
    values = None if training.class_values is None else list(training.class_values)
    class_type = f"{training.class_values_type}[]"
    yield "source_table", "text", training.given
    yield "validation_table", "text", None if request.validation is None else request.validation.given
    yield "model", "text", out.given_model
    yield "model_info", "text", out.given_info
    yield "dependent_varname", "text", training.dependent
    yield "independent_varname", "text", training.independent
    yield "model_arch_table", "text", request.architecture_table
    yield "model_selection_table", "text", out.given_selection
    yield "automl_method", "text", request.method_given
    yield "automl_params", "text", request.params_given
    yield "random_state", "text", None if request.random_state is None else str(request.random_state)
    yield "object_table", "text", None
    yield "use_gpus", "boolean", False
    yield "metrics_compute_frequency", "integer", request.frequency or max(rung.iterations for rung in request.params.rungs)
    yield "name", "text", request.name
    yield "description", "text", request.description
    yield "start_training_time", "timestamp", started
    yield "end_training_time", "timestamp", ended
    yield "madlib_version", "text", f"keras_automl {__version__}"
    yield "num_classes", "integer", training.summary["num_classes"]
    yield "class_values", class_type, values
    yield f"{training.dependent}_class_values", class_type, values
    yield "dependent_vartype", "text", training.summary["dependent_vartype"]
    yield "normalizing_const", "real", training.summary["normalizing_const"]


def _selection(db: CallerDatabase, request: Request, result: Result) -> None:
    configuration = result.trial.configuration
    db.execute(
        f"INSERT INTO {request.outputs.selection.sql} VALUES ($1::integer, $2::integer, $3::text, $4::text)",
        result.trial.mst_key,
        configuration.model_id,
        configuration.compile_params,
        configuration.fit_params,
    )
    summary = request.outputs.selection_summary.sql
    db.execute(f"INSERT INTO {summary} VALUES ($1::varchar, NULL)", request.architecture_table)
