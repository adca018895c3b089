"""What automl_train is called with: read, checked once and frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automl.columns.presets import find_preset
from automl.columns.source import Source, Uses, read_source
from automl.database import catalog
from automl.database.catalog import Relation
from automl.database.names import Name, as_typed, column_names, table_name
from automl.database.session import Database, session_random
from automl.errors import Problems, UsageError
from automl.search.limits import MOST_SECONDS

LEAST_BUDGET = 5.0  # seconds
_BUDGET, _PRESET = timedelta(minutes=10), "good"
_LARGEST_SEED = 2**31 - 1
_SUFFIXES = ("_packed_val_summary",)  # the longest of those that are made of the model's name
_COMPANIONS = ("", "_info", "_summary", "_columns")  # tables that stay
# What the searches of presets are called with, which `params` puts others in the place of.
TEXTS = ("compile_params_grid", "fit_params_grid", "automl_method", "automl_params", "name", "description")
INTEGERS = ("metrics_compute_frequency", "averaged", "decisions")
BOOLEANS = ("use_gpus", "use_caching", "keep_tables")


@dataclass(frozen=True)
class Arguments:
    """The arguments of automl_train, as they come, in their order."""

    source_table: str | None
    model: str | None
    dependent_varname: str | None
    independent_varname: str | None = "*"
    exclude: str | None = None
    id_col: str | None = None
    objective: str | None = None
    budget: str | timedelta | None = _BUDGET
    preset: str | None = _PRESET
    random_state: int | None = None
    time_col: str | None = None
    split_col: str | None = None
    weight_col: str | None = None
    column_types: str | None = None
    params: str | None = None
    dry_run: bool | None = False
    functions: bool | None = True


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        given_source: the table, as it was typed.
        source: the table with its columns.
        model: the name of the model table, with its schema.
        budget: seconds for everything.
        seed: from which the split and the search are drawn.
        params: what the search is called with instead of what the preset says.
        zone: the time zone of the session.
    """

    given_source: str
    source: Source
    given_model: str
    model: Name
    objective: str | None
    budget: float
    preset: str
    seed: int
    params: Mapping[str, Any]
    zone: str
    dry_run: bool
    functions: bool


def parse(db: Database, given: Arguments) -> Asked:
    """Check the arguments and return what is asked for.

    Raises:
        AutomlError: all problems found, together.
    """
    problems = Problems()
    attempt = problems.attempt
    relation = attempt(lambda: catalog.readable_table(db, "source_table", given.source_table))
    model = attempt(lambda: _model(db, given.model))
    uses = attempt(lambda: _uses(db, relation.value, given))
    source = attempt(lambda: read_source(db, relation.value, uses.value))
    budget = attempt(lambda: _budget(db, given.budget))
    preset = attempt(lambda: _preset(given.preset))
    seed = attempt(lambda: _seed(db, given.random_state))
    params = attempt(lambda: _params(given.params))
    problems.stop()
    return Asked(
        given_source=str(given.source_table).strip(),
        source=source.value,
        given_model=str(given.model).strip(),
        model=model.value,
        objective=given.objective.strip() if given.objective and given.objective.strip() else None,
        budget=budget.value,
        preset=preset.value,
        seed=seed.value,
        params=params.value,
        zone=str(db.execute("SELECT pg_catalog.current_setting('TimeZone') AS zone")[0]["zone"]),
        dry_run=bool(given.dry_run),
        functions=given.functions is not False,
    )


def _model(db: Database, value: str | None) -> Name:
    name = table_name("model", value, suffixes=_SUFFIXES)
    return catalog.require_absent(db, "model", *(name.with_suffix(suffix) for suffix in _COMPANIONS))[0]


def _uses(db: Database, relation: Relation, given: Arguments) -> Uses:
    """Return which columns are named for what; each must be there, and be named for one thing."""
    problems = Problems()
    attempt = problems.attempt
    target = attempt(lambda: catalog.one_column(db, "dependent_varname", relation, given.dependent_varname))
    features = attempt(lambda: _features(db, relation, given.independent_varname))
    excluded = attempt(lambda: _listed(db, "exclude", relation, given.exclude))
    named = {
        argument: attempt(lambda argument=argument: _optional(db, argument, relation, getattr(given, argument)))  # type: ignore[misc]
        for argument in ("id_col", "split_col", "time_col", "weight_col")
    }
    types = attempt(lambda: _types(db, relation, given.column_types))
    problems.stop()
    several = [target.value, *(each.value for each in named.values() if each.value is not None)]
    for argument, column in (("dependent_varname", target.value), *((name, each.value) for name, each in named.items())):
        if column is not None and several.count(column) > 1:
            raise UsageError(argument, "must be another column than those that other arguments name", column)
    if given.split_col is not None and given.time_col is not None and named["split_col"].value and named["time_col"].value:
        raise UsageError("time_col", "must be left out where split_col says which rows are of which part", given.time_col)
    if features.value is not None and target.value in features.value:
        raise UsageError("independent_varname", "must not name the column that is predicted", target.value)
    if target.value in excluded.value:
        raise UsageError("exclude", "must not name the column that is predicted", target.value)
    return Uses(
        target.value,
        features.value,
        excluded.value,
        id=named["id_col"].value,
        split=named["split_col"].value,
        time=named["time_col"].value,
        weight=named["weight_col"].value,
        types=types.value,
    )


def _features(db: Database, relation: Relation, value: str | None) -> tuple[str, ...] | None:
    if value is None or value.strip() in ("", "*"):
        return None
    return _listed(db, "independent_varname", relation, value)


def _listed(db: Database, argument: str, relation: Relation, value: str | None) -> tuple[str, ...]:
    if value is None or not value.strip():
        return ()
    names = column_names(argument, value)
    catalog.require_column(db, argument, relation, *names)
    return tuple(names)


def _optional(db: Database, argument: str, relation: Relation, value: str | None) -> str | None:
    return catalog.one_column(db, argument, relation, value) if value and value.strip() else None


def _types(db: Database, relation: Relation, value: str | None) -> dict[str, str]:
    """Read `column_types`: {"zip": "category", "note": "exclude"}."""
    given = _object("column_types", value)
    catalog.require_column(db, "column_types", relation, *given)
    for name, word in given.items():
        if not isinstance(word, str):
            raise UsageError(f'column_types: "{name}"', "must be the name of a kind of columns", word)
    return {name: word.strip().lower() for name, word in given.items()}


def _budget(db: Database, value: str | timedelta | None) -> float:
    if value is None or isinstance(value, timedelta):
        return (value or _BUDGET).total_seconds()
    sql = "SELECT pg_catalog.date_part('epoch', ($1::text)::interval) AS seconds"
    seconds = float(db.execute(sql, value)[0]["seconds"])
    if not LEAST_BUDGET <= seconds <= MOST_SECONDS:
        rule = f"must be from {LEAST_BUDGET:g} seconds to {MOST_SECONDS // 86400} days"
        raise UsageError("budget", rule, value)
    return seconds


def _preset(value: str | None) -> str:
    find_preset(value or _PRESET)
    return (value or _PRESET).strip().lower()


def _seed(db: Database, value: int | None) -> int:
    if value is None:
        return int(session_random(db) * _LARGEST_SEED)
    if value < 0:
        raise UsageError("random_state", "must be an integer of at least 0", value)
    return value


def _params(value: str | None) -> dict[str, Any]:
    """Read `params`: {"automl_method": "random", "keep_tables": true}."""
    given = _object("params", value)
    for name, setting in given.items():
        kind = str if name in TEXTS else int if name in INTEGERS else bool if name in BOOLEANS else None
        if kind is None:
            known = ", ".join((*TEXTS, *INTEGERS, *BOOLEANS))
            raise UsageError("params", f"must have keys among {known}", name)
        if not isinstance(setting, kind) or (kind is int and (isinstance(setting, bool) or int(setting) < 1)):
            what = {str: "a text", int: "an integer of at least 1", bool: "true or false"}[kind]
            raise UsageError(f'params: "{name}"', f"must be {what}", setting)
    return given


def _object(argument: str, value: str | None) -> dict[str, Any]:
    found = json.loads(value) if value is not None else {}
    if not isinstance(found, dict):
        raise UsageError(argument, 'must be a JSON object, such as {"name": "value"}', found)
    return found


def as_identifier(name: Name) -> str:
    """Return a name as one types it, with its schema: for texts that people read, and that SQL reads too."""
    typed = as_typed(name.table)
    return typed if name.schema is None else f"{as_typed(name.schema)}.{typed}"
