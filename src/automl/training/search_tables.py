"""The tables that the caller asked for, made in the caller's own transaction: they appear with its commit, or not at all.

They are made, empty, before the search begins, so that nobody can take their names while it runs, and filled when it is over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from automl import __version__
from automl.database.names import Name, quoted
from automl.database.session import CallerDatabase, Database
from automl.models import custom_functions
from automl.search.scheduler import MethodColumn, Task
from automl.training.history import Evaluation
from automl.training.request import Request, Search
from automl.training.trials import Trial
from keras_seg.protocol import state as codec

_MODELS = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_weights bytea, model_arch json)"
_SELECTION = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_id integer, compile_params text, fit_params text)"
_SELECTION_SUMMARY = "CREATE TABLE {name} (model_arch_table varchar, object_table varchar)"


@dataclass
class Curve:
    """What is known of a trial so far.

    Attributes:
        evaluations: in the order of their iterations.
        iteration: the last one made.
        hops: visits that trained: how often its state has changed.
        seconds: that sessions have spent on it.
        error: why it failed, if it did.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    iteration: int = 0
    hops: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def loss(self) -> float | None:
        """The latest loss that ranks; None for a trial that failed or has not been evaluated."""
        return self.evaluations[-1].loss if self.evaluations and self.error is None else None


@dataclass(frozen=True)
class Result:
    """A trial at the end of the search: the last task that it had, and its curve."""

    trial: Trial
    task: Task
    curve: Curve


StateOf = Callable[[int], bytes | None]


class Tables(Protocol):
    """The tables of one call."""

    def reserve(self, db: CallerDatabase) -> None:
        """Make them, empty."""

    def fill(self, db: CallerDatabase, results: Sequence[Result], started: str, state_of: StateOf) -> None:
        """Write what was found into them.

        Args:
            started: when training began, as `now` gives it.
            state_of: gives the state of a trial by its mst_key, or None if it has none.
        """


@dataclass(frozen=True)
class SearchTables:
    """The five tables of a search."""

    request: Request
    search: Search

    def reserve(self, db: CallerDatabase) -> None:
        out = self.search.outputs
        make_models(db, out.model)
        create(db, out.info, self._info, key="mst_key")
        create(db, out.summary, self._summary)
        db.execute(_SELECTION.format(name=out.selection.sql))
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
        return (*CONFIGURATION, *TRAINED, *map(_of_method, self.search.columns))

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
        )


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


def make_models(db: Database, name: Name) -> None:
    """Make a model table, empty."""
    db.execute(_MODELS.format(name=name.sql))
    db.execute(f"ALTER TABLE {name.sql} ALTER COLUMN model_weights SET STORAGE EXTERNAL")


def weights_of(result: Result, state_of: StateOf) -> bytes | None:
    """Return the weights of a trial; None if it failed before it had any."""
    state = state_of(result.trial.mst_key)
    return None if state is None else codec.weights(state)


def _write_model(db: Database, name: Name, request: Request, result: Result, state_of: StateOf) -> int | None:
    """Write a row of the model table; return the bytes of its weights."""
    weights = weights_of(result, state_of)
    architecture = request.architectures[result.trial.configuration.model_id].architecture
    key = result.trial.mst_key
    db.execute(f"INSERT INTO {name.sql} VALUES ($1::integer, $2::bytea, $3::json)", key, weights, architecture)
    return None if weights is None else len(weights)


# --- columns ------------------------------------------------------------------------------------------------------------

Source = TypeVar("Source")


@dataclass(frozen=True)
class Column(Generic[Source]):
    """A column of an output table: what it is called, and where its value comes from.

    Attributes:
        kind: its type in SQL.
        of: takes the value from what a row is made of.
        comes_as: the type that the value has on its way, where that is not `kind`.
    """

    name: str
    kind: str
    of: Callable[[Source], Any]
    comes_as: str | None = None


def create(db: Database, name: Name, columns: Sequence[Column[Any]], key: str | None = None) -> None:
    """Make a table of these columns."""
    kinds = (f"{quoted(each.name)} {each.kind}{' PRIMARY KEY' if each.name == key else ''}" for each in columns)
    db.execute(f"CREATE TABLE {name.sql} ({', '.join(kinds)})" + ("" if key else db.dialect.distributed_by()))


def insert(db: Database, name: Name, columns: Sequence[Column[Source]], source: Source) -> None:
    """Write one row into a table that has these columns."""
    names = ", ".join(quoted(each.name) for each in columns)
    values = ", ".join(
        f"${at}::{each.kind if each.comes_as is None else f'{each.comes_as}::{each.kind}'}"
        for at, each in enumerate(columns, 1)
    )
    db.execute(f"INSERT INTO {name.sql} ({names}) SELECT {values}", *(each.of(source) for each in columns))


@dataclass(frozen=True)
class Line:
    """What a row of the info table is made of: a trial at its end, and the bytes of its weights, None if it has none."""

    result: Result
    size: int | None

    @property
    def trial(self) -> Trial:
        return self.result.trial

    @property
    def evaluations(self) -> list[Evaluation]:
        return self.result.curve.evaluations


def _list(values: Iterable[Any]) -> list[Any] | None:
    return list(values) or None


def _last(values: Sequence[Any] | None) -> Any:
    return values[-1] if values else None


def _losses(dataset: str) -> Callable[[Line], list[float] | None]:
    return lambda line: _list(scores[0] for scores in _scores(line, dataset))


def _metrics(dataset: str) -> Callable[[Line], list[float] | None]:
    """Of several metrics the first stands in the tables."""
    return lambda line: _list(scores[1][0] for scores in _scores(line, dataset) if scores[1])


def _scores(line: Line, dataset: str) -> list[tuple[float, tuple[float, ...]]]:
    return [scores for each in line.evaluations if (scores := getattr(each, dataset)) is not None]


def _curves(dataset: str) -> tuple[Column[Line], ...]:
    losses, metrics = _losses(dataset), _metrics(dataset)
    return (
        Column(f"{dataset}_metrics_final", _REAL, lambda line: _last(metrics(line))),
        Column(f"{dataset}_loss_final", _REAL, lambda line: _last(losses(line))),
        Column(f"{dataset}_metrics", _REALS, metrics),
        Column(f"{dataset}_loss", _REALS, losses),
    )


_REAL, _REALS = "double precision", "double precision[]"
CONFIGURATION: tuple[Column[Line], ...] = (
    Column("mst_key", "integer", lambda line: line.trial.mst_key),
    Column("model_id", "integer", lambda line: line.trial.configuration.model_id),
    Column("compile_params", "text", lambda line: line.trial.configuration.compile_params),
    Column("fit_params", "text", lambda line: line.trial.configuration.fit_params),
)
TRAINED: tuple[Column[Line], ...] = (
    Column("model_type", "text", lambda line: "madlib_keras"),
    Column("model_size", _REAL, lambda line: None if line.size is None else line.size / 1024),
    Column("metrics_elapsed_time", _REALS, lambda line: _list(each.elapsed for each in line.evaluations)),
    Column("metrics_type", "text[]", lambda line: _list(line.trial.compiled.all_metrics)),
    Column("loss_type", "text", lambda line: line.trial.compiled.loss),
    *_curves("training"),
    *_curves("validation"),
    Column("metrics_iters", "integer[]", lambda line: _list(each.iteration for each in line.evaluations)),
)


def _of_method(column: MethodColumn) -> Column[Line]:
    """A column that a method has for itself."""
    return Column(column.name, column.kind, lambda line: line.result.task.place.get(column.name))


Times = tuple[str, str]  # when training began and ended


def fixed(name: str, kind: str, value: object, comes_as: str | None = None) -> Column[Any]:
    """A column whose value is known before anything is trained."""
    return Column(name, kind, lambda _: value, comes_as)


def sources(request: Request) -> tuple[Column[Any], ...]:
    """The columns that name the packed tables."""
    return (
        fixed("source_table", "text", request.training.given),
        fixed("validation_table", "text", None if request.validation is None else request.validation.given),
    )


def variables(request: Request) -> tuple[Column[Any], ...]:
    """The columns that name the variables."""
    return (
        fixed("dependent_varname", "text", request.training.dependent),
        fixed("independent_varname", "text", request.training.independent),
    )


def functions_of(request: Request) -> Column[Any]:
    """The column that names the table of custom functions."""
    return fixed("object_table", "text", custom_functions.typed(request.functions))


def about(request: Request) -> tuple[Column[Times], ...]:
    """The columns that tell of the call: its name, when it was, what ran."""
    return (
        fixed("name", "text", request.name),
        fixed("description", "text", request.description),
        Column("start_training_time", "timestamp", lambda times: times[0]),
        Column("end_training_time", "timestamp", lambda times: times[1]),
        fixed("madlib_version", "text", f"keras_automl {__version__}"),
    )


def classes(request: Request) -> tuple[Column[Any], ...]:
    """The columns that tell what the model predicts."""
    training = request.training
    values = None if training.class_values is None else list(training.class_values)
    kind = f"{training.class_values_type}[]"
    return (
        fixed("num_classes", "integer", training.summary["num_classes"]),
        # Class values come as text; the table keeps them as what they are.
        fixed("class_values", kind, values, "text[]"),
        fixed(f"{training.dependent}_class_values", kind, values, "text[]"),
        fixed("dependent_vartype", "text", training.summary["dependent_vartype"]),
        fixed("normalizing_const", "real", training.summary["normalizing_const"]),
    )


def _selection(db: CallerDatabase, request: Request, search: Search, result: Result) -> None:
    configuration = result.trial.configuration
    db.execute(
        f"INSERT INTO {search.outputs.selection.sql} VALUES ($1::integer, $2::integer, $3::text, $4::text)",
        result.trial.mst_key,
        configuration.model_id,
        configuration.compile_params,
        configuration.fit_params,
    )
    summary = search.outputs.selection_summary.sql
    functions = custom_functions.typed(request.functions)
    db.execute(f"INSERT INTO {summary} VALUES ($1::varchar, $2::varchar)", request.architecture_table, functions)
