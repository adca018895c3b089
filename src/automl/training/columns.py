"""The columns of the tables that callers ask for: what each is called, and where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from automl import __version__
from automl.database.names import Name, quoted
from automl.database.session import Database
from automl.models import custom_functions
from automl.search.scheduler import MethodColumn
from automl.search.steering import Wanted
from automl.training.curves import Evaluation, Scores
from automl.training.request import Request
from automl.training.results import Result
from automl.training.trials import Trial
from keras_seg.protocol.orders import TRAINING, VALIDATION

_MODELS = "CREATE TABLE {name} (mst_key integer PRIMARY KEY, model_weights bytea, model_arch json){keyed}"

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
    db.execute(f"CREATE TABLE {name.sql} ({', '.join(kinds)})" + (db.dialect.keyed if key else db.dialect.distributed_by()))


def insert(db: Database, name: Name, columns: Sequence[Column[Source]], source: Source) -> None:
    """Write one row into a table that has these columns."""
    names = ", ".join(quoted(each.name) for each in columns)
    values = ", ".join(
        f"${at}::{each.kind if each.comes_as is None else f'{each.comes_as}::{each.kind}'}"
        for at, each in enumerate(columns, 1)
    )
    db.execute(f"INSERT INTO {name.sql} ({names}) SELECT {values}", *(each.of(source) for each in columns))


def make_models(db: Database, name: Name) -> None:
    """Make a model table, empty."""
    db.execute(_MODELS.format(name=name.sql, keyed=db.dialect.keyed))
    db.execute(f"ALTER TABLE {name.sql} ALTER COLUMN model_weights SET STORAGE EXTERNAL")


@dataclass(frozen=True)
class Line:
    """What a row of the info table is made of: a trial at its end, and the bytes of its weights, None if it has none."""

    result: Result
    size: int | None

    @property
    def trial(self) -> Trial:
        return self.result.trial

    @property
    def delivered(self) -> Evaluation | None:
        return self.result.curve.delivered

    @property
    def evaluations(self) -> list[Evaluation]:
        return self.result.curve.evaluations


def _list(values: Iterable[Any]) -> list[Any] | None:
    return list(values) or None


def _losses(evaluations: Iterable[Evaluation | None], dataset: str) -> list[float] | None:
    return _list(scores[0] for scores in _scores(evaluations, dataset))


def _metrics(evaluations: Iterable[Evaluation | None], dataset: str) -> list[float] | None:
    """Of several metrics the first stands in the tables."""
    return _list(scores[1][0] for scores in _scores(evaluations, dataset) if scores[1])


def _scores(evaluations: Iterable[Evaluation | None], dataset: str) -> list[Scores]:
    return [scores for each in evaluations if (scores := getattr(each, dataset, None)) is not None]


def _curves(dataset: str) -> tuple[Column[Line], ...]:
    """The final values are those of the weights that the model table gets."""
    return (
        Column(f"{dataset}_metrics_final", _REAL, lambda line: _only(_metrics([line.delivered], dataset))),
        Column(f"{dataset}_loss_final", _REAL, lambda line: _only(_losses([line.delivered], dataset))),
        Column(f"{dataset}_metrics", _REALS, lambda line: _metrics(line.evaluations, dataset)),
        Column(f"{dataset}_loss", _REALS, lambda line: _losses(line.evaluations, dataset)),
    )


def _only(values: list[float] | None) -> float | None:
    return values[0] if values else None


_REAL, _REALS = "double precision", "double precision[]"
CONFIGURATION: tuple[Column[Line], ...] = (
    Column("mst_key", "integer", lambda line: line.trial.number),
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
    *_curves(TRAINING),
    *_curves(VALIDATION),
    Column("metrics_iters", "integer[]", lambda line: _list(each.iteration for each in line.evaluations)),
)


_BEST_ITERATION: Column[Line] = Column(
    "best_iteration", "integer", lambda line: None if line.result.curve.best is None else line.result.curve.best.iteration
)


_TRIED: tuple[Column[Line], ...] = (
    Column("configuration", "integer", lambda line: line.trial.place["configuration"]),
    Column("try", "integer", lambda line: line.trial.place["try"]),
    Column("try_objective", _REAL, lambda line: line.result.curve.value),
    Column("standard_error", _REAL, lambda line: line.result.standard_error),
)


def ranked(request: Request) -> tuple[Column[Line], ...]:
    """The column that says what a trial is worth, where it was asked for."""
    asked = request.steering.objective != Wanted() or request.tries.several
    return (Column("objective", _REAL, lambda line: line.result.value),) if asked else ()


def ranking(request: Request) -> tuple[Column[Any], ...]:
    """The column that says what that is, and which values are better: `max:validation_accuracy`."""
    return tuple(fixed(each.name, "text", str(request.objective)) for each in ranked(request))


def tried(request: Request) -> tuple[Column[Line], ...]:
    """The columns of one of several tries: whose it is, and what it has come to by itself beside the mean of all."""
    return _TRIED if request.tries.several else ()


def kept(request: Request) -> tuple[Column[Line], ...]:
    """The column that says which iteration the weights are from, where that need not be the last one."""
    return (_BEST_ITERATION,) if request.keeps_best else ()


def of_method(column: MethodColumn) -> Column[Line]:
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
