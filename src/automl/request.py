"""The arguments of a search: read and checked once, then frozen. What stands behind a request trusts its types."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from automl import architectures, catalog, dataset, packed
from automl.cluster import Machine
from automl.cluster.base import Definition
from automl.database import Database
from automl.errors import FEATURE_NOT_SUPPORTED, INSUFFICIENT_RESOURCES, AutomlError, UsageError, together
from automl.names import Name, table_name
from automl.packed import PackedTable
from automl.search import hyperband, proposals
from automl.search.hyperband import HyperbandParams
from automl.search.proposals import HyperoptParams
from automl.search.scheduler import Plan
from automl.search.space import Space

Checked = TypeVar("Checked")
Params = HyperbandParams | HyperoptParams
METHODS: Mapping[str, Callable[[str | None], Params]] = {
    "hyperband": hyperband.parse_params,
    "hyperopt": proposals.parse_params,
}
_MB = 2**20


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
class Resources:
    """What a search may use.

    Attributes:
        sessions: how many sessions train at the same time, at most.
        threads: threads of TensorFlow a session.
        memory: bytes of resting states in the coordinator's memory.
        cache: bytes of decoded rows in the memory of all sessions together.
    """

    sessions: int
    threads: int
    memory: int
    cache: int


@dataclass(frozen=True)
class Request:
    """A search, ready to be planned.

    Attributes:
        method: hyperband or hyperopt.
        method_given, params_given: as they go into the summary table.
        params: of the method.
        plan: what is tried, for how long.
        seed: from which all randomness derives; drawn if the caller gave none.
        frequency: metrics are computed every so many iterations; None for the end of each task (a round of Hyperband).
    """

    training: PackedTable
    validation: PackedTable | None
    outputs: Outputs
    architecture_table: str
    architectures: dict[int, Definition]
    method: str
    method_given: str
    params: Params
    params_given: str
    plan: Plan
    random_state: int | None
    seed: int
    frequency: int | None
    name: str | None
    description: str | None
    caching: bool
    resources: Resources

    @property
    def tables(self) -> tuple[PackedTable, ...]:
        """The packed tables: training, and validation if there is one."""
        return (self.training,) if self.validation is None else (self.training, self.validation)

    @property
    def datasets(self) -> dict[str, PackedTable]:
        """The packed tables by the names that sessions know them by."""
        return dict(zip(("training", "validation"), self.tables, strict=False))


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


def parse(db: Database, given: Arguments, machine: Machine) -> Request:
    """Check everything that can be checked without Keras and return the request.

    Args:
        machine: what the server's machine carries: the defaults of the settings.

    Raises:
        AutomlError: all problems found, together.
    """
    _not_there_yet(given)
    problems: list[AutomlError] = []

    def attempt(check: Callable[[], Checked]) -> Checked | None:
        try:
            return check()
        except AutomlError as problem:
            problems.append(problem)
            return None

    method = attempt(lambda: _method(given.automl_method))
    params = attempt(lambda: METHODS[method](given.automl_params)) if method else None
    frequency = attempt(lambda: _frequency(given.metrics_compute_frequency, params)) if params else None
    space = attempt(lambda: Space.parse(given.model_id_list, given.compile_params_grid, given.fit_params_grid))
    outputs = attempt(lambda: _outputs(db, given))
    training = attempt(lambda: packed.read(db, "source_table", given.source_table))
    validation = attempt(lambda: _validation(db, given.validation_table, training))
    models = attempt(
        lambda: architectures.read(db, "model_arch_table", given.model_arch_table, space.model_ids if space else ())
    )
    if space is not None and training is not None:
        attempt(lambda: _require_classes(space, training))
    resources = _resources(db, machine)
    if given.use_caching and training is not None:
        attempt(lambda: _require_cache(db, [training, validation], resources))
    if problems:
        raise together(problems)
    assert method and params and space and outputs and training and models is not None
    seed = secrets.randbelow(2**31) if given.random_state is None else given.random_state % 2**32
    return Request(
        training=training,
        validation=validation,
        outputs=outputs,
        architecture_table=str(given.model_arch_table).strip(),
        architectures=models,
        method=method,
        method_given=given.automl_method or method,
        params=params,
        params_given=given.automl_params or str(params),
        plan=params.plan(space, seed, training.partitions),
        random_state=given.random_state,
        seed=seed,
        frequency=frequency,
        name=given.name,
        description=given.description,
        caching=bool(given.use_caching),
        resources=resources,
    )


def _not_there_yet(given: Arguments) -> None:
    for argument, value, what in (
        ("object_table", given.object_table, "custom functions are"),
        ("use_gpus", given.use_gpus, "training on GPUs is"),
    ):
        if value:
            rule = f"{what} not there yet in this version; leave it out"
            raise UsageError(argument, rule, value, sqlstate=FEATURE_NOT_SUPPORTED)


def _method(value: str | None) -> str:
    method = "hyperband" if value is None else value.strip().lower()
    if method not in METHODS:
        raise UsageError("automl_method", "must be 'hyperband' or 'hyperopt'", value)
    return method


def _frequency(value: int | None, params: Params) -> int | None:
    if value is not None and not 1 <= value <= params.longest:
        rule = f"must be from 1 to {params.longest}, {params.longest_of}, or NULL"
        raise UsageError("metrics_compute_frequency", rule, value)
    return value


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
    given_info = f'{as_given[:-1]}_info"' if as_given.endswith('"') else f"{as_given}_info"
    return Outputs(as_given, given_info, str(given.model_selection_table).strip(), *names, *others)


def _validation(db: Database, value: str | None, training: PackedTable | None) -> PackedTable | None:
    if value is None:
        return None
    validation = packed.read(db, "validation_table", value)
    if training is not None:
        packed.same_shape(training, validation)
    return validation


def _require_classes(space: Space, training: PackedTable) -> None:
    """Raise if classes are to have weights, and there are none."""
    weights = dict(space.fit_params).get("class_weight")
    if training.is_number and weights is not None and any(weights.extremes):
        rule = f'"class_weight" must be left out: "{training.dependent}" is a number, which has no classes'
        raise UsageError("fit_params_grid", rule)


def _resources(db: Database, machine: Machine) -> Resources:
    return Resources(
        sessions=catalog.whole_setting(db, "keras_automl.sessions", machine.sessions, 0, 256),
        threads=catalog.whole_setting(db, "keras_automl.threads", 1, 1, 256),
        memory=catalog.whole_setting(db, "keras_automl.state_memory_mb", 128, 1, 1_000_000) * _MB,
        cache=catalog.whole_setting(db, "keras_automl.cache_memory_mb", machine.memory // 2 // _MB, 1, 100_000_000) * _MB,
    )


def _require_cache(db: Database, tables: Sequence[PackedTable | None], resources: Resources) -> None:
    """Raise unless the decoded rows fit into the memory of the sessions, each of which may come to hold all of them."""
    one = sum(dataset.decoded_bytes(db, table) for table in tables if table is not None)
    sessions = max(1, resources.sessions)
    if one * sessions > resources.cache:
        raise UsageError(
            "use_caching",
            f"needs {one // _MB} MB in each of {sessions} sessions, and keras_automl.cache_memory_mb allows"
            f" {resources.cache // _MB} MB together",
            True,
            hint="Leave it out, lower keras_automl.sessions, or raise keras_automl.cache_memory_mb.",
            sqlstate=INSUFFICIENT_RESOURCES,
        )
