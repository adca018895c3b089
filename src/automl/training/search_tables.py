"""The tables that the caller asked for, made in the caller's own transaction: they appear with its commit, or not at all.

They are made, empty, before the search begins, so that nobody can take their names while it runs, and filled when it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.database.names import Name
from automl.database.session import CallerDatabase, Database
from automl.models import custom_functions
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
    of_method,
    ranked,
    ranking,
    sources,
    tried,
    variables,
)
from automl.training.request import Request, Search
from automl.training.results import Result, StateOf, best, now, weights_of

_SELECTION = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_id integer, compile_params text, fit_params text){keyed}"
_SELECTION_SUMMARY = "CREATE TABLE {name} (model_arch_table varchar, object_table varchar)"


@dataclass(frozen=True)
class SearchTables:
    """The five tables of a search."""

    request: Request
    search: Search

    @property
    def names(self) -> tuple[Name, ...]:
        out = self.search.outputs
        return out.model, out.info, out.summary, out.selection, out.selection_summary

    def reserve(self, db: CallerDatabase) -> None:
        out = self.search.outputs
        make_models(db, out.model)
        create(db, out.info, self._info, key="mst_key")
        create(db, out.summary, self._summary)
        db.execute(_SELECTION.format(name=out.selection.sql, keyed=db.dialect.keyed))
        db.execute(_SELECTION_SUMMARY.format(name=out.selection_summary.sql) + db.dialect.distributed_by())

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        out = self.search.outputs
        for result in results:
            size = _write_model(db, out.model, self.request, result, state_of)
            insert(db, out.info, self._info, Line(result, size))
        insert(db, out.summary, self._summary, (started, now(db)))
        _selection(db, self.request, self.search, best(results))

    @property
    def _info(self) -> tuple[Column[Line], ...]:
        request = self.request
        methods = map(of_method, self.search.columns)
        return (*CONFIGURATION, *TRAINED, *methods, *tried(request), *ranked(request), *kept(request))

    @property
    def _summary(self) -> tuple[Column[Times], ...]:
        """The columns of the summary table, in the page's order."""
        request, search, out = self.request, self.search, self.search.outputs
        return (
            *sources(request),
            fixed("model", "text", out.given_model),
            fixed("model_info", "text", out.given_info),
            *variables(request),
            fixed("model_arch_table", "text", request.architecture_table),
            fixed("model_selection_table", "text", out.given_selection),
            fixed("automl_method", "text", search.method),
            fixed("automl_params", "text", search.params),
            fixed("random_state", "text", None if search.random_state is None else str(search.random_state)),
            functions_of(request),
            fixed("use_gpus", "boolean", request.hosts is not None),
            fixed("metrics_compute_frequency", "integer", request.frequency or request.plan.max_iterations),
            *about(request),
            *classes(request),
            *ranking(request),
        )


def _write_model(db: Database, name: Name, request: Request, result: Result, state_of: StateOf) -> int | None:
    """Write a row of the model table; return the bytes of its weights."""
    weights = weights_of(result, state_of)
    architecture = request.architectures[result.trial.configuration.model_id].architecture
    key = result.trial.number
    db.execute(f"INSERT INTO {name.sql} VALUES ($1::integer, $2::bytea, $3::json)", key, weights, architecture)
    return None if weights is None else weights.size


def _selection(db: CallerDatabase, request: Request, search: Search, result: Result | None) -> None:
    """Write the best configuration into the selection table, if there is one, and what belongs to it into its summary."""
    if result is not None:
        configuration = result.trial.configuration
        db.execute(
            f"INSERT INTO {search.outputs.selection.sql} VALUES ($1::integer, $2::integer, $3::text, $4::text)",
            result.trial.number,
            configuration.model_id,
            configuration.compile_params,
            configuration.fit_params,
        )
    summary = search.outputs.selection_summary.sql
    functions = custom_functions.typed(request.functions)
    db.execute(f"INSERT INTO {summary} VALUES ($1::varchar, $2::varchar)", request.architecture_table, functions)
