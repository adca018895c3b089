"""The tables of madlib_keras_fit_multiple_model and madlib_keras_fit.

A warm start writes into the tables that are there, so that views on them and privileges stay. Nobody else may write to them
meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automl.database import catalog
from automl.database.names import Name
from automl.database.session import CallerDatabase
from automl.training.columns import (
    CONFIGURATION,
    TRAINED,
    Column,
    Line,
    Times,
    about,
    classes,
    create,
    fixed,
    functions_of,
    insert,
    kept,
    make_models,
    sources,
    variables,
)
from automl.training.request import Request, info_as_typed
from automl.training.results import Result, StateOf, now, weights_of


@dataclass(frozen=True)
class ModelTables:
    """The three tables of several models.

    Attributes:
        given_model, given_selection: the names of the model table and of the model selection table as they were typed.
        model, info, summary: the tables.
    """

    request: Request
    given_model: str
    given_selection: str
    model: Name
    info: Name
    summary: Name

    @property
    def _warm(self) -> bool:
        return self.request.warm_start is not None

    @property
    def names(self) -> tuple[Name, ...]:
        return ()  # it trains all that it was given, or fails

    def reserve(self, db: CallerDatabase) -> None:
        if self._warm:
            _take(db, self.model, ["mst_key", "model_weights", "model_arch"])
            _take(db, self.info, [column.name for column in self._info])
            _take(db, self.summary, [column.name for column in self._summary(())])
            return
        make_models(db, self.model)
        create(db, self.info, self._info, key="mst_key")
        create(db, self.summary, self._summary(()))

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        if self._warm:
            db.execute(f"DELETE FROM {self.info.sql}")
            db.execute(f"DELETE FROM {self.summary.sql}")
            keys = [result.trial.number for result in results]
            db.execute(f"DELETE FROM {self.model.sql} WHERE NOT mst_key = ANY ($1::integer[])", keys)
        for result in results:
            insert(db, self.info, self._info, Line(result, self._write(db, result, state_of)))
        insert(db, self.summary, self._summary(results), (started, now(db)))

    def _write(self, db: CallerDatabase, result: Result, state_of: StateOf) -> int | None:
        """Write a model; return the bytes of its weights. One that failed in a warm start keeps the weights that it had."""
        key, weights = result.trial.number, weights_of(result, state_of)
        if self._warm and weights is None:
            rows = db.execute(
                f"SELECT pg_catalog.octet_length(model_weights) AS size FROM {self.model.sql} WHERE mst_key = $1::integer", key
            )
            if rows:
                return None if rows[0]["size"] is None else int(rows[0]["size"])
        db.execute(f"DELETE FROM {self.model.sql} WHERE mst_key = $1::integer", key)
        architecture = self.request.architectures[result.trial.configuration.model_id].architecture
        db.execute(
            f"INSERT INTO {self.model.sql} (mst_key, model_weights, model_arch) VALUES ($1::integer, $2::bytea, $3::json)",
            key,
            weights,
            architecture,
        )
        return None if weights is None else weights.size

    @property
    def _info(self) -> tuple[Column[Line], ...]:
        return (*CONFIGURATION, *TRAINED, *kept(self.request))

    def _summary(self, results: Sequence[Result]) -> tuple[Column[Times], ...]:
        request = self.request
        return (
            *sources(request),
            fixed("model", "text", self.given_model),
            fixed("model_info", "text", info_as_typed(self.given_model)),
            *variables(request),
            fixed("model_arch_table", "text", request.architecture_table),
            fixed("model_selection_table", "text", self.given_selection),
            functions_of(request),
            *_iterations(request),
            fixed("warm_start", "boolean", self._warm),
            *about(request),
            *classes(request),
            fixed("metrics_iters", "integer[]", _evaluated(results)),
        )


@dataclass(frozen=True)
class SingleTables:
    """The two tables of one model."""

    request: Request
    given_model: str
    model: Name
    summary: Name

    @property
    def _warm(self) -> bool:
        return self.request.warm_start is not None

    @property
    def names(self) -> tuple[Name, ...]:
        return ()  # it trains all that it was given, or fails

    def reserve(self, db: CallerDatabase) -> None:
        if self._warm:
            _take(db, self.model, ["model_weights", "model_arch"])
            _take(db, self.summary, [column.name for column in self._summary])
            return
        db.execute(f"CREATE TABLE {self.model.sql} (model_weights bytea, model_arch json){db.dialect.distributed_by()}")
        db.execute(f"ALTER TABLE {self.model.sql} ALTER COLUMN model_weights SET STORAGE EXTERNAL")
        create(db, self.summary, self._summary)

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        (result,) = results
        weights = weights_of(result, state_of)
        if self._warm:
            db.execute(f"DELETE FROM {self.model.sql}")
            db.execute(f"DELETE FROM {self.summary.sql}")
        (definition,) = self.request.architectures.values()
        db.execute(
            f"INSERT INTO {self.model.sql} (model_weights, model_arch) VALUES ($1::bytea, $2::json)",
            weights,
            definition.architecture,
        )
        line = Line(result, None if weights is None else weights.size)
        insert(db, self.summary, self._summary, _Ending(line, (started, now(db))))

    @property
    def _summary(self) -> tuple[Column[_Ending], ...]:
        request = self.request
        return (
            *sources(request),
            fixed("model", "text", self.given_model),
            *variables(request),
            fixed("model_arch_table", "text", request.architecture_table),
            *(_of_line(column) for column in CONFIGURATION if column.name != "mst_key"),
            functions_of(request),
            *_iterations(request),
            fixed("warm_start", "boolean", self._warm),
            *(_of_times(column) for column in about(request)),
            *classes(request),
            *(_of_line(column) for column in (*TRAINED, *kept(request))),
        )


@dataclass(frozen=True)
class _Ending:
    """What the row of the summary of one model is made of."""

    line: Line
    times: Times


def _of_line(column: Column[Line]) -> Column[_Ending]:
    return Column(column.name, column.kind, lambda ending: column.of(ending.line), column.comes_as)


def _of_times(column: Column[Times]) -> Column[_Ending]:
    return Column(column.name, column.kind, lambda ending: column.of(ending.times), column.comes_as)


def _iterations(request: Request) -> tuple[Column[Any], ...]:
    return (
        fixed("num_iterations", "integer", request.plan.max_iterations),
        fixed("metrics_compute_frequency", "integer", request.frequency or request.plan.max_iterations),
    )


def _evaluated(results: Sequence[Result]) -> list[int] | None:
    """Return the iterations after which metrics were computed: the same for all trials that came to their end."""
    curves = [[each.iteration for each in result.curve.evaluations] for result in results]
    return max(curves, key=len, default=None) or None


def _take(db: CallerDatabase, name: Name, columns: Sequence[str]) -> None:
    """Take a table over from an earlier training: it must have the columns, and nobody else writes to it until the end."""
    catalog.require_column(db, "warm_start", catalog.find_table(db, "warm_start", name), *columns)
    db.execute(f"LOCK TABLE {name.sql} IN SHARE ROW EXCLUSIVE MODE")
