"""What is to be trained: arguments read and checked once, then frozen. What stands behind a request trusts its types."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from automl.cluster.opening import SessionNeeds
from automl.cluster.resources import Resources, available, hosts_of_training, require_cache
from automl.data import packed_table
from automl.data.class_weights import ClassWeights, class_weights
from automl.data.packed_table import PackedTable
from automl.database import catalog
from automl.database.names import Name, table_name
from automl.database.session import CallerDatabase, Database, session_random
from automl.errors import Problems, UsageError
from automl.hosts.assignment import Host
from automl.hosts.machine import Machine
from automl.models import architectures, custom_functions
from automl.models.compile_names import require_known
from automl.models.custom_functions import FunctionTable
from automl.search import seeds
from automl.search.methods import EndlessParams, Params, find_method
from automl.search.monitors import require_monitored
from automl.search.objective import LOSS, Objective, require_reachable, resolve, scales
from automl.search.pairs import AUTOML_PARAMS
from automl.search.parameters import parse_compile_params, parse_fit_params
from automl.search.scheduler import MethodColumn, Plan
from automl.search.space import COMPILE, FIT, Configuration, Space
from automl.search.space_arguments import MODELS, parse_space
from automl.search.steering import Keep, Steering
from automl.search.stopping import StoppingPlan
from automl.search.tries import Tries
from automl.search.varied import varied
from automl.training.folds import require_folds, several
from automl.training.row_check import require_fit
from keras_seg.protocol.orders import TRAINING, VALIDATION, Definition, Part

_ARGUMENTS = {
    Part.ARCHITECTURE: "model_arch_table",
    Part.ROWS: "model_id_list",
    Part.COMPILE: "compile_params_grid",
    Part.FIT: "fit_params_grid",
}


@dataclass(frozen=True)
class Outputs:
    """The tables that a search makes, and the names that the caller gave."""

    given_model: str
    given_info: str
    given_selection: str
    model: Name
    info: Name
    summary: Name
    selection: Name
    selection_summary: Name


@dataclass(frozen=True)
class Origin:
    """What a run that goes on keeps from before, and its arguments do not say: another one would give other bits.

    Attributes:
        seed: from which all randomness derives.
        threads: of TensorFlow in each session.
    """

    seed: int
    threads: int


@dataclass(frozen=True)
class WarmStart:
    """Trained weights that trials begin from (warm start).

    Attributes:
        query: gives `model_weights` of the trial whose number it takes as $1.
        trials: the numbers of those that have some.
        fingerprint: another one says that the weights may be others.
    """

    query: str
    trials: frozenset[int]
    fingerprint: str

    def weights(self, db: Database, trial: int) -> bytes:
        """Return the weights that a trial begins from that has some."""
        return bytes(db.execute(self.query, trial)[0]["model_weights"])


@dataclass(frozen=True)
class Request:
    """What is to be trained, whichever function was called.

    Attributes:
        model: name of the model table.
        architecture_table: as it was typed.
        architectures: by model id.
        plan: what is tried, for how long.
        method, params: as they go into the record.
        seed: from which all randomness derives; drawn if the caller gave none.
        class_weights: how classes can be given weights.
        frequency: metrics are computed every so many iterations; None for the end of each task (a round of Hyperband).
        name, description: free text.
        hosts: for each session the host that it trains on, where it is to train on a GPU; on PostgreSQL one for all.
        functions: the table of custom functions, if there is one.
        warm_start: weights to begin from, but for those of the library.
        steering: what is kept, and when a trial or the search ends.
        objective: what ranks trials.
        arguments: by which argument of the function that was called each part came that a session can find fault with.
        goes_on: whether what it is trained on stays, so that a run that has ended early can go on.
        at_least_one: whether its time ends it only when a trial is as far as to be compared with others.
    """

    training: PackedTable
    validation: PackedTable | None
    model: Name
    architecture_table: str
    architectures: dict[int, Definition]
    plan: Plan
    method: str
    params: str
    objective: Objective
    seed: int
    class_weights: ClassWeights
    frequency: int | None
    name: str | None
    description: str | None
    caching: bool
    resources: Resources
    hosts: tuple[Host, ...] | None = None
    functions: FunctionTable | None = None
    warm_start: WarmStart | None = None
    steering: Steering = field(default_factory=Steering)
    arguments: Mapping[Part, str] = field(default_factory=lambda: _ARGUMENTS)
    goes_on: bool = True
    at_least_one: bool = False

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The names of the parameters that tell its configurations apart."""
        return varied(self.plan.probe_configurations())

    @cached_property
    def keeps_best(self) -> bool:
        """Whether the tables may get another state of a trial than its last one."""
        fits = (parse_fit_params(each.fit_params) for each in self.plan.probe_configurations())
        return self.steering.keep is Keep.BEST or any(fit.called_back.restores for fit in fits)

    @property
    def tries(self) -> Tries:
        """How often each configuration is tried, and on which rows."""
        return self.steering.tries

    def turns(self, trial: int) -> int:
        """Return how many partitions a trial trains on."""
        return self.training.partitions - len(self.tries.held_out(trial, self.training.partitions))

    @property
    def datasets(self) -> dict[str, PackedTable]:
        """The packed tables by the names that sessions know them by; what trials hold out is of the training table."""
        validation = self.validation if self.tries.folds is None else self.training
        return {TRAINING: self.training} if validation is None else {TRAINING: self.training, VALIDATION: validation}


def session_needs(request: Request) -> SessionNeeds:
    """Return what the sessions need that train it."""
    definitions = {definition.key: definition for definition in request.architectures.values()}
    return SessionNeeds(
        request.datasets,
        tuple(definitions.values()),
        request.resources,
        caching=request.caching,
        hosts=request.hosts,
        functions=request.functions,
    )


@dataclass(frozen=True)
class Search:
    """What a search puts into its tables beside what it finds.

    Attributes:
        outputs: the tables.
        method, params: as they go into the summary table.
        columns: of the info table that the method has for itself.
        random_state: as it was given.
    """

    outputs: Outputs
    method: str
    params: str
    columns: tuple[MethodColumn, ...]
    random_state: int | None


@dataclass(frozen=True)
class Arguments:
    """The arguments of madlib_keras_automl, as they come, in their order."""

    source_table: str | None
    model_output_table: str | None
    model_arch_table: str | None
    model_selection_table: str | None
    model_id_list: Sequence[int | None] | None
    compile_params_grid: str | None
    fit_params_grid: str | None
    automl_method: str | None = "hyperband"
    automl_params: str | None = None
    random_state: int | None = None
    object_table: str | None = None
    use_gpus: bool | None = False
    validation_table: str | None = None
    metrics_compute_frequency: int | None = None
    name: str | None = None
    description: str | None = None
    use_caching: bool | None = False


def parse(db: CallerDatabase, given: Arguments, machine: Machine, origin: Origin | None = None) -> tuple[Request, Search]:
    """Check everything that can be checked without Keras and return the request, and what is special to a search.

    Args:
        machine: what the server's machine carries: the defaults of the settings.
        origin: of the run that these arguments are from, if it is to go on.

    Raises:
        AutomlError: all problems found, together.
    """
    problems = Problems()
    attempt = problems.attempt
    method = attempt(lambda: find_method(given.automl_method))
    read = attempt(lambda: method.value.read(given.automl_params))
    params = attempt(lambda: read.value[0])
    frequency = attempt(lambda: _frequency(given, params.value))
    space = attempt(lambda: parse_space(given.model_id_list, given.compile_params_grid, given.fit_params_grid))
    outputs = attempt(lambda: _outputs(db, given))
    training = attempt(lambda: packed_table.read(db, "source_table", given.source_table))
    validation = attempt(lambda: validation_table(db, given.validation_table, training.or_none))
    ids = space.value.model_ids if space.passed else ()
    models = attempt(lambda: architectures.read(db, "model_arch_table", given.model_arch_table, ids))
    functions = attempt(lambda: custom_functions.find(db, given.object_table))
    probes = attempt(lambda: space.value.probe_configurations())
    attempt(lambda: require_known(COMPILE, probes.value, functions.value))
    attempt(lambda: require_fit(MODELS, probes.value, models.value, training.value, functions.value))
    attempt(lambda: require_folds(db, read.value[1].folds, training.value, validated=given.validation_table is not None))
    folds = read.passed and read.value[1].folds is not None
    dataset = VALIDATION if folds or given.validation_table is not None else TRAINING
    objective = attempt(lambda: objective_of(read.value[1], probes.value, dataset))
    attempt(lambda: _require_reachable(read.value[1].target, objective.value, probes.value, functions.value))
    most = attempt(lambda: evaluations(params.value.max_iterations, frequency.value))
    attempt(lambda: _require_patience(read.value[1], most.value))
    attempt(lambda: _require_callbacks(probes.value, most.value, validation=dataset == VALIDATION))
    weights = attempt(lambda: class_weights(db, training.value, _class_weights_of(space.value)))
    hosts = attempt(lambda: hosts_of_training(db, given.use_gpus, training.or_none))
    resources = available(db, machine, hosts.or_none, origin.threads if origin else None)
    cached = attempt(lambda: [training.value, training.value if folds else validation.or_none] if given.use_caching else [])
    attempt(lambda: require_cache(db, cached.value, resources))
    problems.stop()
    seed = origin.seed if origin else seeds.of_a_run(given.random_state, lambda: session_random(db))
    request = Request(
        training=training.value,
        validation=validation.value,
        model=outputs.value.model,
        architecture_table=str(given.model_arch_table).strip(),
        architectures=models.value,
        plan=db.away(lambda: _plan(*read.value, space.value, seed, training.value.partitions, frequency.value)),
        method=method.value.name,
        params=given.automl_params or str(params.value),
        objective=objective.value,
        seed=seed,
        class_weights=weights.value,
        frequency=frequency.value,
        name=given.name,
        description=given.description,
        caching=bool(given.use_caching),
        resources=resources,
        hosts=hosts.value,
        functions=functions.value,
        steering=read.value[1],
    )
    called = given.automl_method or method.value.name
    return request, Search(outputs.value, called, request.params, method.value.columns, given.random_state)


def _plan(params: Params, steering: Steering, space: Space, seed: int, partitions: int, every: int | None) -> Plan:
    """Return the plan of a search; of one that ends with its time, the plan without an end if its method has one."""
    if steering.max_time is not None and isinstance(params, EndlessParams):
        params = params.without_end()
    plan = params.plan(space, seed, partitions)
    if steering.stop is not None and every is not None:
        plan = StoppingPlan(plan, steering.stop.kept, every, partitions)
    return several(plan, steering)


def _frequency(given: Arguments, params: Params) -> int | None:
    """Return `metrics_compute_frequency`, which must lie within the iterations of the longest task."""
    return computed_every(given.metrics_compute_frequency, params.max_iterations, params.max_iterations_are)


def computed_every(value: int | None, iterations: int, iterations_are: str) -> int | None:
    """Check `metrics_compute_frequency` against the iterations of the longest task."""
    if value is not None and not 1 <= value <= iterations:
        raise UsageError("metrics_compute_frequency", f"must be from 1 to {iterations}, {iterations_are}, or NULL", value)
    return value


def objective_of(steering: Steering, probes: Iterable[Configuration], dataset: str) -> Objective:
    """Return what ranks the trials of configurations that stand for all."""
    compiled = [parse_compile_params(each.compile_params) for each in probes]
    objective = resolve(steering.objective, compiled, dataset)
    if objective.name == LOSS and len(different := scales(compiled)) > 1:
        named = ", ".join(different)
        raise UsageError(
            COMPILE,
            f"trials cannot be ranked by losses on different scales: {named}",
            hint="Say in automl_params what ranks them, as in objective=accuracy, or make one call for each of them.",
        )
    return objective


def _require_reachable(
    target: float | None, objective: Objective, probes: Iterable[Configuration], functions: FunctionTable | None
) -> None:
    """Raise unless trials of configurations that stand for all can come to a target, if there is one."""
    if target is not None:
        compiled = [parse_compile_params(each.compile_params) for each in probes]
        require_reachable(target, objective, compiled, frozenset() if functions is None else functions.functions)


def evaluations(iterations: int, frequency: int | None) -> int:
    """Return how often a task of so many iterations is evaluated."""
    return math.ceil(iterations / (frequency or iterations))


def _require_patience(steering: Steering, most: int) -> None:
    """Raise unless trials are evaluated often enough for what may end them on their way."""
    if steering.stop is not None and most == 1:
        raise UsageError(
            AUTOML_PARAMS,
            '"stop" compares trials at evaluations within a task, and the longest task is evaluated once',
            hint="Give metrics_compute_frequency a number, or a smaller one.",
        )
    if steering.trial_patience is not None and steering.trial_patience >= most:
        times = "once" if most == 1 else f"{most} times"
        raise UsageError(
            AUTOML_PARAMS,
            f'"trial_patience" must be less than the evaluations of the longest task, which is evaluated {times}',
            steering.trial_patience,
            hint="Lower it, or give metrics_compute_frequency a number, or a smaller one.",
        )


def _require_callbacks(probes: Iterable[Configuration], most: int, *, validation: bool) -> None:
    """Raise unless the callbacks of configurations that stand for all have something to look at."""
    fits = [parse_fit_params(each.fit_params) for each in probes]
    compiled = [parse_compile_params(each.compile_params) for each in probes]
    require_monitored(FIT, fits, compiled, most, validation=validation)


def _outputs(db: Database, given: Arguments) -> Outputs:
    model = table_name("model_output_table", given.model_output_table, suffixes=("_info", "_summary"))
    selection = table_name("model_selection_table", given.model_selection_table, suffixes=("_summary",))
    names = catalog.require_absent(db, "model_output_table", model, model.with_suffix("_info"), model.with_suffix("_summary"))
    others = catalog.require_absent(db, "model_selection_table", selection, selection.with_suffix("_summary"))
    shared = set(names) & set(others)
    if shared:
        raise UsageError(
            "model_selection_table", f'must not name the same table as model_output_table: "{min(map(str, shared))}"'
        )
    as_given = str(given.model_output_table).strip()
    return Outputs(as_given, info_as_typed(as_given), str(given.model_selection_table).strip(), *names, *others)


def info_as_typed(model: str) -> str:
    """Return the name of the info table as the caller would type it, who typed the name of the model table so."""
    return f'{model[:-1]}_info"' if model.endswith('"') else f"{model}_info"


def validation_table(db: Database, value: str | None, training: PackedTable | None) -> PackedTable | None:
    """Read the validation table, if there is one; its rows must fit the model of the training table."""
    if value is None:
        return None
    validation = packed_table.read(db, "validation_table", value)
    if training is not None:
        packed_table.same_shape(training, validation)
    return validation


def _class_weights_of(space: Space) -> list[tuple[str, object]]:
    """Return the weights that some configuration of a space gives to classes, with the argument that they came in."""
    weights = dict(space.fit_params).get("class_weight")
    return [] if weights is None else [("fit_params_grid", each) for each in weights.extremes]
