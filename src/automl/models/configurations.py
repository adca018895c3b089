"""Model selection tables: configurations to train, generated from grids or loaded one by one, and read for training."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, table_name
from automl.database.session import CallerDatabase, Database, session_random
from automl.errors import NULL_VALUE_NOT_ALLOWED, Problems, UsageError
from automl.models import architectures, custom_functions
from automl.models.compile_names import optimizers_of, require_optimizers
from automl.models.custom_functions import FunctionTable
from automl.search import seeds
from automl.search.limits import MOST_CONFIGURATIONS
from automl.search.parameters import parse_compile_params, parse_fit_params
from automl.search.space import Configuration, Space
from automl.search.space_arguments import model_ids, parse_space
from keras_seg.protocol.keras_names import without_module

_ARGUMENT = "model_selection_table"
_COLUMNS = ("mst_key", "model_id", "compile_params", "fit_params")
_SUMMARY_COLUMNS = ("model_arch_table", "object_table")
_TYPES = ("grid", "random")


# --- making them --------------------------------------------------------------------------------------------------------


def generate_model_configs(
    db: CallerDatabase,
    model_arch_table: str | None,
    model_selection_table: str | None,
    model_id_list: Sequence[int | None] | None,
    compile_params_grid: str | None,
    fit_params_grid: str | None,
    search_type: str | None = "grid",
    num_configs: int | None = None,
    random_state: int | None = None,
    object_table: str | None = None,
) -> None:
    """Write configurations into a model selection table: all that the grids span, or some drawn at random.

    The table is made if it does not exist; if it does they are added to it, but for those that it has already.
    """
    problems = Problems()
    kind = problems.attempt(lambda: _search_type(search_type))
    space = problems.attempt(lambda: parse_space(model_id_list, compile_params_grid, fit_params_grid))
    count = problems.attempt(lambda: _count(kind.value, num_configs, random_state))
    problems.attempt(lambda: _require_grid(space.value) if kind.value == "grid" else None)
    ids = space.value.model_ids if space.passed else ()
    problems.attempt(lambda: architectures.read(db, "model_arch_table", model_arch_table, ids))
    table = problems.attempt(lambda: table_name(_ARGUMENT, model_selection_table, suffixes=("_summary",)))
    present = problems.attempt(lambda: _present(db, table.value))
    problems.attempt(lambda: require_optimizers("compile_params_grid", _optimizers(space.value)))
    objectives = _objectives(space.value) if space.passed else []
    functions = problems.attempt(lambda: _functions(db, object_table, present.or_none, "compile_params_grid", objectives))
    problems.stop()
    name, there = _appendable(db, table.value, present.value, str(model_arch_table).strip(), functions.value)
    if kind.value == "grid":
        _add(db, name, _everything(db, space.value, there))
    else:
        _add(db, name, _drawn(db, space.value, count.value, random_state, there))


def load_model_selection_table(
    db: CallerDatabase,
    model_arch_table: str | None,
    model_selection_table: str | None,
    model_id_list: Sequence[int | None] | None,
    compile_params_list: Sequence[str | None] | None,
    fit_params_list: Sequence[str | None] | None,
    object_table: str | None = None,
) -> None:
    """Write every combination of models, compile and fit parameters into a new model selection table."""
    problems = Problems()
    compiled = problems.attempt(lambda: _different("compile_params_list", compile_params_list, parse_compile_params))
    fits = problems.attempt(lambda: _different("fit_params_list", fit_params_list, parse_fit_params))
    ids = problems.attempt(lambda: model_ids(model_id_list))
    problems.attempt(lambda: architectures.read(db, "model_arch_table", model_arch_table, ids.or_none or ()))
    table = problems.attempt(lambda: table_name(_ARGUMENT, model_selection_table, suffixes=("_summary",)))
    params = [parse_compile_params(text) for text in compiled.or_none or ()]
    problems.attempt(lambda: require_optimizers("compile_params_list", optimizers_of(params)))
    objectives = [each for one in params for each in custom_functions.objectives_of(one)]
    functions = problems.attempt(lambda: _functions(db, object_table, None, "compile_params_list", objectives))
    problems.stop()
    name = _make(db, table.value, str(model_arch_table).strip(), functions.value)
    combined = product(ids.value, compiled.value, fits.value)
    _add(db, name, (Configuration(number, text, fit) for number, text, fit in combined))


def _search_type(value: str | None) -> str:
    given = "grid" if value is None else value.strip().lower()
    found = next((kind for kind in _TYPES if kind.startswith(given)), None)
    if not given or found is None:
        raise UsageError("search_type", "must be 'grid' or 'random'", value)
    return found


def _everything(db: CallerDatabase, space: Space, there: Container[Configuration]) -> list[Configuration]:
    """Return all configurations of a space but for those that are there."""
    wanted = db.away(space.everything)
    fresh = [each for each in wanted if each not in there]
    if len(fresh) < len(wanted):
        db.notice(f"{len(wanted) - len(fresh)} of {len(wanted)} configurations are in the table already")
    return fresh


def _drawn(
    db: CallerDatabase, space: Space, count: int, random_state: int | None, there: set[Configuration]
) -> list[Configuration]:
    """Return `count` configurations drawn from a space, fewer if it holds fewer that are not there."""
    seed = seeds.given_or_drawn(random_state, lambda: session_random(db))
    fresh = [point.configuration for point in db.away(lambda: space.sample_points(count, seed, there))]
    if len(fresh) < count:
        db.notice(f"the search space holds {len(fresh)} different configurations where {count} are asked for")
    return fresh


def _count(kind: str, num_configs: int | None, random_state: int | None) -> int:
    """Return how many configurations are drawn; 0 where none are, because all are taken."""
    problems = Problems()
    if kind == "random" and (num_configs is None or not 1 <= num_configs <= MOST_CONFIGURATIONS):
        rule = f"must be a number from 1 to {MOST_CONFIGURATIONS} for search_type 'random'"
        state = {"sqlstate": NULL_VALUE_NOT_ALLOWED} if num_configs is None else {}
        problems.add(UsageError("num_configs", rule, num_configs, **state))
    for argument, value in (("num_configs", num_configs), ("random_state", random_state)):
        if kind == "grid" and value is not None:
            problems.add(UsageError(argument, "must be NULL for search_type 'grid', which takes all configurations", value))
    problems.stop()
    return num_configs or 0


def _require_grid(space: Space) -> None:
    problems = Problems()
    for argument, key in space.ranges:
        rule = f"\"{key}\" must be a list of values for search_type 'grid', not a range to draw from"
        problems.add(UsageError(argument, rule, hint="Use search_type 'random', or list the values."))
    if space.size is not None and space.size > MOST_CONFIGURATIONS:
        rule = f"must span at most {MOST_CONFIGURATIONS} configurations"
        problems.add(UsageError("compile_params_grid", rule, space.size, hint="Use search_type 'random'."))
    problems.stop()


def _objectives(space: Space) -> list[tuple[str, str]]:
    """Return what the losses and metrics of a grid name, as `custom_functions.require_names` takes it."""
    given: dict[str, Any] = {key: dimension.extremes for key, dimension in space.compile_params}
    losses = [("loss", without_module(str(loss))) for loss in given.get("loss", ())]
    lists = (*given.get("metrics", ()), *given.get("weighted_metrics", ()))
    return [*losses, *(("metric", without_module(str(name))) for names in lists for name in names or ())]


def _optimizers(space: Space) -> list[tuple[str, tuple[str, ...]]]:
    """Return the optimizers that a grid names, as `require_optimizers` takes them."""
    entries = [(each, tuple(key for key, _ in each.params)) for each in space.optimizers]
    return [(without_module(str(name)), keys) for each, keys in entries for name in each.names.values]


def _different(argument: str, texts: Sequence[str | None] | None, parse: Callable[[str | None, str], object]) -> list[str]:
    """Return the texts of different meaning, as they came: of several with one meaning the last."""
    if not texts:
        state = {"sqlstate": NULL_VALUE_NOT_ALLOWED} if texts is None else {}
        raise UsageError(argument, "must have at least one text of parameters", texts, **state)
    if any(isinstance(text, list) for text in texts):
        raise UsageError(argument, "must be an array of one dimension, a text of parameters for each element", texts)
    problems = Problems()
    found: dict[str, str] = {}
    for number, text in enumerate(texts, 1):
        parsed = problems.attempt(partial(parse, text, f"{argument}: element {number}"))
        found[repr(parsed.or_none)] = str(text)
    problems.stop()
    return list(found.values())


# --- the table ----------------------------------------------------------------------------------------------------------


def _present(db: Database, table: Name) -> ModelSelection | None:
    """Return the model selection that a table of this name holds; None if there is no such table."""
    return read(db, table.sql, parsed=False) if catalog.exists(db, table) else None


def _functions(
    db: Database,
    object_table: str | None,
    present: ModelSelection | None,
    argument: str,
    objectives: Sequence[tuple[str, str]],
) -> FunctionTable | None:
    """Return the table of custom functions, which has what `argument` names beside what Keras has; None if there is none.

    Args:
        present: a selection that is added to; its table is taken if none is given.
    """
    given = custom_functions.find(db, object_table)
    has = None if present is None else present.functions
    if given and has and given != has:
        raise UsageError("object_table", f'must be "{has.name}", as for the configurations that are there', object_table)
    custom_functions.require_names(argument, objectives, given or has)
    return given or has


def _appendable(
    db: CallerDatabase, table: Name, present: ModelSelection | None, architecture_table: str, functions: FunctionTable | None
) -> tuple[Name, set[Configuration]]:
    """Return the table to add to, made if it is not there, and the configurations that it has."""
    if present is None:
        return _make(db, table, architecture_table, functions), set()
    if present.architecture_table != architecture_table:
        rule = f'must be "{present.architecture_table}", as for the configurations that "{table}" has'
        raise UsageError("model_arch_table", rule, architecture_table)
    if functions != present.functions:
        summary = present.relation.name.with_suffix("_summary")
        db.execute(f"UPDATE {summary.sql} SET object_table = $1::varchar", custom_functions.typed(functions))
    return present.relation.name, {configuration for _, configuration in present.trials}


def _make(db: CallerDatabase, table: Name, architecture_table: str, functions: FunctionTable | None) -> Name:
    name, summary = catalog.require_absent(db, _ARGUMENT, table, table.with_suffix("_summary"))
    db.execute(
        f"CREATE TABLE {name.sql} (mst_key serial PRIMARY KEY, model_id integer, compile_params varchar, fit_params varchar)"
        + db.dialect.keyed
    )
    db.execute(f"CREATE TABLE {summary.sql} (model_arch_table varchar, object_table varchar){db.dialect.distributed_by()}")
    db.execute(
        f"INSERT INTO {summary.sql} VALUES ($1::varchar, $2::varchar)", architecture_table, custom_functions.typed(functions)
    )
    return name


def _add(db: CallerDatabase, name: Name, configurations: Iterable[Configuration]) -> None:
    for each in configurations:
        db.execute(
            f"INSERT INTO {name.sql} (model_id, compile_params, fit_params) VALUES ($1::integer, $2::varchar, $3::varchar)",
            each.model_id,
            each.compile_params,
            each.fit_params,
        )


# --- reading it ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelSelection:
    """What a model selection table holds.

    Attributes:
        trials: its configurations by mst_key, ascending.
        architecture_table: the library of their architectures, as it was typed.
        functions: the table of custom functions that they may use, if there is one.
    """

    given: str
    relation: Relation
    trials: tuple[tuple[int, Configuration], ...]
    architecture_table: str
    functions: FunctionTable | None


def read(db: Database, value: str | None, *, parsed: bool = True) -> ModelSelection:
    """Return a model selection table.

    Args:
        value: its name, as it was typed.
        parsed: whether its parameters must be readable and its keys there and different.

    Raises:
        UsageError: the table or its summary is missing, or not one of ours.
        AutomlError: problems of its rows, all of them.
    """
    relation = catalog.find_table(db, _ARGUMENT, table_name(_ARGUMENT, value))
    catalog.require_select(db, _ARGUMENT, relation)
    catalog.require_column(db, _ARGUMENT, relation, *_COLUMNS)
    summary = catalog.find_table(db, _ARGUMENT, relation.name.with_suffix("_summary"))
    catalog.require_select(db, _ARGUMENT, summary)
    catalog.require_column(db, _ARGUMENT, summary, *_SUMMARY_COLUMNS)
    tables = db.execute(f"SELECT DISTINCT model_arch_table::text AS name, object_table::text AS object FROM {summary.sql}")
    if len(tables) != 1 or tables[0]["name"] is None:
        raise UsageError(_ARGUMENT, f'table "{summary.name}" must name one library of architectures, it names {len(tables)}')
    functions = custom_functions.find(db, tables[0]["object"], f"{_ARGUMENT}: object_table")
    rows = db.execute(f"SELECT {', '.join(_COLUMNS)} FROM {relation.sql} ORDER BY mst_key")
    trials = tuple((row["mst_key"], Configuration(row["model_id"], row["compile_params"], row["fit_params"])) for row in rows)
    if parsed:
        _require_readable(relation, trials)
    return ModelSelection(str(value).strip(), relation, trials, tables[0]["name"], functions)


def _require_readable(relation: Relation, trials: Sequence[tuple[int, Configuration]]) -> None:
    problems = Problems()
    if not trials:
        problems.add(UsageError(_ARGUMENT, f'table "{relation.name}" is empty'))
    keys = [key for key, _ in trials]
    if None in keys or len(set(keys)) < len(keys):
        problems.add(UsageError(_ARGUMENT, f'column mst_key of table "{relation.name}" must hold different numbers'))
    for key, each in trials:
        if each.model_id is None:
            problems.add(UsageError(_ARGUMENT, f"mst_key {key}: model_id must not be NULL"))
        where = f"{_ARGUMENT}: mst_key {key}"
        problems.attempt(partial(parse_compile_params, each.compile_params, f"{where}: compile_params"))
        problems.attempt(partial(parse_fit_params, each.fit_params, f"{where}: fit_params"))
    problems.stop()
