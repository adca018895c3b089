"""Training configurations that are given: madlib_keras_fit_multiple_model and madlib_keras_fit.

Both are a request with a fixed list of trials; the run, the sessions and the record are those of a search.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from automl.cluster.resources import Resources, available, hosts_of_training, require_cache
from automl.data import packed_table
from automl.data.class_weights import class_weights
from automl.data.packed_queries import versions
from automl.data.packed_table import PackedTable
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, table_name
from automl.database.session import CallerDatabase, Database, session_random
from automl.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, Attempt, Problems, UsageError
from automl.hosts.assignment import Host
from automl.hosts.machine import this_machine
from automl.models import architectures, configurations, custom_functions
from automl.models.compile_names import require_known
from automl.models.configurations import ModelSelection
from automl.search import seeds
from automl.search.limits import MOST_ITERATIONS
from automl.search.monitors import require_monitored
from automl.search.objective import LOSS, Objective
from automl.search.parameters import CompileParams, FitParams, parse_compile_params, parse_fit_params
from automl.search.scheduler import ListPlan
from automl.search.space import Configuration
from automl.training import run
from automl.training.fit_tables import ModelTables, SingleTables
from automl.training.request import (
    Origin,
    Request,
    WarmStart,
    computed_every,
    evaluations,
    validation_table,
)
from automl.training.row_check import require_fit
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.orders import TRAINING, VALIDATION, Part

_SELECTION = "model_selection_table"
_LIBRARY = f"{_SELECTION}: model_arch_table"  # where a selection names its library, for errors
_ONLY = 1  # the number of the trial of madlib_keras_fit


@dataclass(frozen=True)
class MultipleArguments:
    """The arguments of madlib_keras_fit_multiple_model, as they come, in their order."""

    source_table: str | None
    model_output_table: str | None
    model_selection_table: str | None
    num_iterations: int | None
    use_gpus: bool | None = False
    validation_table: str | None = None
    metrics_compute_frequency: int | None = None
    warm_start: bool | None = False
    name: str | None = None
    description: str | None = None
    use_caching: bool | None = False


@dataclass(frozen=True)
class SingleArguments:
    """The arguments of madlib_keras_fit, as they come, in their order."""

    source_table: str | None
    model: str | None
    model_arch_table: str | None
    model_id: int | None
    compile_params: str | None
    fit_params: str | None
    num_iterations: int | None
    use_gpus: bool | None = False
    validation_table: str | None = None
    metrics_compute_frequency: int | None = None
    warm_start: bool | None = False
    name: str | None = None
    description: str | None = None
    object_table: str | None = None


def madlib_keras_fit_multiple_model(db: CallerDatabase, *arguments: Any) -> None:
    """Train every configuration of a model selection table and make the tables of the models."""
    given = MultipleArguments(*arguments)
    run.execute(db, *several(db, given), asdict(given))


def madlib_keras_fit(db: CallerDatabase, *arguments: Any) -> None:
    """Train one model and make its tables."""
    given = SingleArguments(*arguments)
    run.execute(db, *one(db, given), asdict(given))


def several(db: CallerDatabase, given: MultipleArguments, origin: Origin | None = None) -> tuple[Request, ModelTables]:
    """Check the arguments of madlib_keras_fit_multiple_model and return what is to be trained, and the tables to be made.

    Args:
        origin: of the run that these arguments are from, if it is to go on.
    """
    problems = Problems()
    selection = problems.attempt(lambda: configurations.read(db, given.model_selection_table))
    models = problems.attempt(lambda: _models(db, selection.value))
    chosen = problems.attempt(lambda: [each for _, each in selection.value.trials])
    problems.attempt(lambda: require_known(_SELECTION, chosen.value, selection.value.functions))
    suffixes, warm = ("_info", "_summary"), bool(given.warm_start)
    names = problems.attempt(lambda: _output(db, "model_output_table", given.model_output_table, suffixes, warm))
    common = _common(db, given, problems, origin)
    functions = problems.attempt(lambda: selection.value.functions)
    problems.attempt(lambda: require_fit(_SELECTION, chosen.value, models.value, common.training.value, functions.value))
    weights = problems.attempt(lambda: class_weights(db, common.training.value, _class_weights_of(selection.value)))
    problems.stop()
    _require_callbacks(selection.value, common)  # which are read without a fault by now
    trials, model = selection.value.trials, names.value[0]
    request = Request(
        model=model,
        architecture_table=selection.value.architecture_table,
        architectures=models.value,
        plan=ListPlan(trials, common.iterations.value),
        method="fit_multiple",
        caching=bool(given.use_caching),
        functions=selection.value.functions,
        warm_start=_warm_start(db, model, frozenset(key for key, _ in trials)) if given.warm_start else None,
        arguments={
            Part.ARCHITECTURE: _LIBRARY,
            Part.ROWS: _SELECTION,
            Part.COMPILE: _SELECTION,
            Part.FIT: _SELECTION,
        },
        class_weights=weights.value,
        **common.fields(db, given, origin),
    )
    return request, ModelTables(request, str(given.model_output_table).strip(), selection.value.given, *names.value)


def one(db: CallerDatabase, given: SingleArguments, origin: Origin | None = None) -> tuple[Request, SingleTables]:
    """Check the arguments of madlib_keras_fit and return what is to be trained, and the tables to be made.

    Args:
        origin: as for `several`.
    """
    problems = Problems()
    compiled = problems.attempt(lambda: parse_compile_params(given.compile_params))
    fit = problems.attempt(lambda: parse_fit_params(given.fit_params))
    model_id = problems.attempt(lambda: _model_id(given.model_id))
    ids = (model_id.value,) if model_id.passed else ()
    models = problems.attempt(lambda: architectures.read(db, "model_arch_table", given.model_arch_table, ids, "model_id"))
    functions = problems.attempt(lambda: custom_functions.find(db, given.object_table))
    only = [Configuration(model_id.or_none or 0, str(given.compile_params), "")] if compiled.passed else []
    problems.attempt(lambda: require_known("compile_params", only, functions.value))
    names = problems.attempt(lambda: _output(db, "model", given.model, ("_summary",), bool(given.warm_start)))
    common = _common(db, given, problems, origin)
    problems.attempt(lambda: common.require_callbacks("fit_params", fit.value, compiled.value))
    problems.attempt(lambda: require_fit("model_id", only, models.value, common.training.value, functions.value))
    weights = problems.attempt(lambda: class_weights(db, common.training.value, [("fit_params", fit.value.class_weight)]))
    problems.stop()
    configuration = Configuration(model_id.value, str(given.compile_params), str(given.fit_params))
    request = Request(
        model=names.value[0],
        architecture_table=str(given.model_arch_table).strip(),
        architectures=models.value,
        plan=ListPlan(((_ONLY, configuration),), common.iterations.value),
        method="fit",
        caching=False,
        functions=functions.value,
        warm_start=_only_warm_start(db, names.value[0]) if given.warm_start else None,
        arguments={
            Part.ARCHITECTURE: "model_arch_table",
            Part.ROWS: "model_id",
            Part.COMPILE: "compile_params",
            Part.FIT: "fit_params",
        },
        class_weights=weights.value,
        **common.fields(db, given, origin),
    )
    return request, SingleTables(request, str(given.model).strip(), *names.value)


def _require_callbacks(selection: ModelSelection, common: _Common) -> None:
    """Raise unless the callbacks of each configuration have something to look at."""
    problems = Problems()
    for key, each in selection.trials:
        fit = parse_fit_params(each.fit_params)
        if fit.called_back.monitoring:
            where, compiled = f"{_SELECTION}: mst_key {key}: fit_params", parse_compile_params(each.compile_params)
            problems.attempt(partial(common.require_callbacks, where, fit, compiled))
    problems.stop()


def _class_weights_of(selection: ModelSelection) -> list[tuple[str, object]]:
    """Return the weights that the configurations give to classes, each with where it stands."""
    return [
        (f"model_selection_table: mst_key {key}: fit_params", parse_fit_params(each.fit_params).class_weight)
        for key, each in selection.trials
        if each.fit_params
    ]


def _models(db: Database, selection: ModelSelection) -> dict[int, Definition]:
    ids = sorted({each.model_id for _, each in selection.trials})
    return architectures.read(db, _LIBRARY, selection.architecture_table, ids, "model_selection_table")


# --- the arguments that both have ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Common:
    """What became of the arguments that both functions have."""

    iterations: Attempt[int]
    frequency: Attempt[int | None]
    training: Attempt[PackedTable]
    validation: Attempt[PackedTable | None]
    hosts: Attempt[tuple[Host, ...] | None]
    resources: Resources

    def require_callbacks(self, argument: str, fit: FitParams, compiled: CompileParams) -> None:
        """Raise unless the callbacks of a configuration have something to look at."""
        most, validated = evaluations(self.iterations.value, self.frequency.value), self.validation.value is not None
        require_monitored(argument, [fit], [compiled], most, validation=validated)

    def fields(self, db: Database, given: MultipleArguments | SingleArguments, origin: Origin | None) -> dict[str, Any]:
        """Return what they become in the request."""
        return {
            "training": self.training.value,
            "validation": self.validation.value,
            "params": f"num_iterations={self.iterations.value}",
            "objective": Objective(LOSS, TRAINING if self.validation.value is None else VALIDATION),
            "seed": origin.seed if origin else seeds.of_a_run(None, lambda: session_random(db)),
            "frequency": self.frequency.value,
            "name": given.name,
            "description": given.description,
            "resources": self.resources,
            "hosts": self.hosts.value,
        }


def _common(db: Database, given: MultipleArguments | SingleArguments, problems: Problems, origin: Origin | None) -> _Common:
    """Check the arguments that both functions have."""
    iterations = problems.attempt(lambda: _iterations(given.num_iterations))
    every = given.metrics_compute_frequency
    frequency = problems.attempt(lambda: computed_every(every, iterations.value, "the value of num_iterations"))
    training = problems.attempt(lambda: packed_table.read(db, "source_table", given.source_table))
    validation = problems.attempt(lambda: validation_table(db, given.validation_table, training.or_none))
    hosts = problems.attempt(lambda: hosts_of_training(db, given.use_gpus, training.or_none))
    resources = available(db, this_machine(), hosts.or_none, origin.threads if origin else None)
    if getattr(given, "use_caching", False):
        problems.attempt(lambda: require_cache(db, [training.value, validation.or_none], resources))
    return _Common(iterations, frequency, training, validation, hosts, resources)


def _iterations(value: int | None) -> int:
    if value is None or not 1 <= value <= MOST_ITERATIONS:
        raise UsageError("num_iterations", f"must be an integer from 1 to {MOST_ITERATIONS}", value)
    return value


def _model_id(value: int | None) -> int:
    if value is None:
        raise UsageError("model_id", "must be the id of a model", value)
    return value


# --- where it goes, and where it begins ---------------------------------------------------------------------------------


def _output(db: Database, argument: str, value: str | None, suffixes: tuple[str, ...], warm: bool) -> tuple[Name, ...]:
    """Return the output tables with their schema: new ones, or for a warm start those that are there."""
    first = table_name(argument, value, suffixes=suffixes)
    names = (first, *(first.with_suffix(suffix) for suffix in suffixes))
    if not warm:
        return catalog.require_absent(db, argument, *names)
    missing = [name for name in names if not catalog.exists(db, name)]
    if missing:
        raise UsageError(
            "warm_start",
            f'needs the tables of an earlier training, and there is no "{missing[0]}"',
            True,
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
        )
    return tuple(catalog.find_table(db, argument, name).name for name in names)


def _warm_start(db: Database, model: Name, keys: frozenset[int]) -> WarmStart:
    relation = _model_table(db, model, "mst_key")
    rows = db.execute(f"SELECT mst_key FROM {relation.sql} WHERE model_weights IS NOT NULL")
    query = f"SELECT model_weights FROM {relation.sql} WHERE mst_key = $1::integer"
    return WarmStart(query, keys & frozenset(row["mst_key"] for row in rows), _fingerprint(db, relation))


def _only_warm_start(db: Database, model: Name) -> WarmStart:
    relation = _model_table(db, model)
    rows = db.execute(f"SELECT 1 AS one FROM {relation.sql} WHERE model_weights IS NOT NULL LIMIT 2")
    if len(rows) != 1:
        raise UsageError("warm_start", f'needs one model with weights in table "{relation.name}"', True)
    query = f"SELECT model_weights FROM {relation.sql} WHERE $1::integer = {_ONLY}"
    return WarmStart(query, frozenset({_ONLY}), _fingerprint(db, relation))


def _fingerprint(db: Database, relation: Relation) -> str:
    """Return what tells whether two calls begin from the same weights: who wrote them where, which is read in no time."""
    of_row, of_table = versions(relation)
    row = f"{of_row} || ' ' || pg_catalog.octet_length(model_weights)::text"
    told = f"{of_table}coalesce(pg_catalog.string_agg({row}, ',' ORDER BY {row}), '')"
    return str(db.execute(f"SELECT pg_catalog.md5({told}) AS fingerprint FROM {relation.sql}")[0]["fingerprint"])


def _model_table(db: Database, model: Name, *columns: str) -> Relation:
    relation = catalog.find_table(db, "warm_start", model)
    catalog.require_select(db, "warm_start", relation)
    catalog.require_column(db, "warm_start", relation, "model_weights", "model_arch", *columns)
    return relation
