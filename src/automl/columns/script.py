"""The statements that lead from a table to a model: each can be executed by itself, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from automl.columns.arguments import Asked, as_identifier
from automl.columns.columns_table import columns_sql, summary_sql, value_sql
from automl.columns.features_sql import Vector, comment_sql, function_sql
from automl.columns.kinds import Reading, as_text, field_of
from automl.columns.presets import SearchArguments
from automl.columns.source import Role, SourceColumn
from automl.columns.splitting import DRAW, Part, Splitting
from automl.columns.statistics import Statistics
from automl.columns.table_model import FEATURES, Column
from automl.columns.target import Target
from automl.columns.treatments import Treated
from automl.database.names import Name, as_typed, literal, quoted
from automl.database.settings import AS_WRITTEN
from automl.search.methods import find_method
from automl.search.pairs import AUTOML_PARAMS, split_pairs
from automl.search.steering import MAX_TIME, Wanted
from automl.training.request import Arguments as SearchCall

DECISIONS, OBJECTIVE = "decisions", "objective"  # keys of `automl_params`
MARK = "rows of madlib.automl_train, which it replaces in its next call for"  # the comment on its tables
TOGETHER = ("features", "rows")  # steps whose statements take effect together


@dataclass(frozen=True)
class Step:
    """A statement of the script, and what it is for."""

    name: str
    sql: str


@dataclass(frozen=True)
class Names:
    """What is made of the name of a model, beside the tables that stay; and the columns of the table of rows.

    Attributes:
        weight, copies: there where rows have a weight.
    """

    model: Name
    identity: str
    part: str
    features: str
    weight: str
    copies: str

    @classmethod
    def of(cls, model: Name, target: str) -> Names:
        """Return the names of a model; no column is called as the one that is predicted."""
        found: list[str] = []
        for name in ("id", "part", "features", "weight", "copies"):
            while name in (target, f"{target}_shape") or f"{name}_shape" == target:
                name += "_"
            found.append(name)
        return cls(model, *found)

    def named(self, suffix: str) -> Name:
        """Return the model's name with a suffix."""
        return self.model.with_suffix(suffix)

    @property
    def tables(self) -> tuple[Name, ...]:
        """The tables and views that do not stay, in the order in which they can be dropped."""
        return tuple(map(self.named, (*_VIEWS, *_TABLES)))


_VIEWS = ("_rows_train", "_rows_val")
_TABLES = ("_packed", "_packed_summary", "_packed_val", "_packed_val_summary", "_nets", "_best", "_best_summary", "_rows")


@dataclass(frozen=True)
class Plan:
    """All that is known before anything is made.

    Attributes:
        readings: of the target and the weight, by name.
        usable: the condition for a row that counts, as it was asked about.
        distributed: gives the end of a CREATE TABLE.
        parallel: what a CREATE FUNCTION says of parallel plans.
    """

    asked: Asked
    found: Statistics
    splitting: Splitting
    target: Target
    readings: dict[str, Reading]
    treated: tuple[Treated, ...]
    vector: Vector
    usable: str
    row_type: str
    distributed: str
    parallel: str

    @property
    def names(self) -> Names:
        """The names of what is made."""
        return Names.of(self.asked.model, self.target.column.name)

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each part has, without those of classes that no row to train on has."""
        strange = [self.found.classes[value] for value in self.target.strangers]
        return {part: count - sum(each.get(part, 0) for each in strange) for part, count in self.found.rows.items()}

    @property
    def features_function(self) -> Name:
        """The function that makes a vector of a row."""
        return self.asked.model.with_suffix(FEATURES)


def preparing(plan: Plan, search: SearchArguments) -> list[Step]:
    """Return the statements that make what is searched on."""
    names = plan.names
    settings = {**AS_WRITTEN, "TimeZone": plan.asked.zone}
    held = ", ".join(f"pg_catalog.set_config({literal(name)}, {literal(value)}, false)" for name, value in settings.items())
    rows = names.named("_rows")
    return [
        Step("settings", f"SELECT {held}"),
        Step("features", function_sql(plan.features_function, plan.row_type, plan.vector, plan.parallel)),
        Step("features", comment_sql(plan.features_function, plan.row_type)),
        Step("rows", _rows_sql(plan)),
        Step("rows", f"COMMENT ON TABLE {rows.sql} IS {literal(f'{MARK} {names.model}')}"),
        Step("rows", _view_sql(plan, "_rows_train", Part.TRAIN)),
        Step("rows", _view_sql(plan, "_rows_val", Part.VALIDATION)),
        Step("order", f"SELECT pg_catalog.setseed({plan.asked.seed % 1_000_003 / 1_000_003!r})"),
        Step("pack", _training_sql(plan)),
        Step("pack", _validation_sql(plan)),
        *(Step("network", _network_sql(plan, each.text, each.name)) for each in search.architectures),
    ]


def searching(plan: Plan, search: SearchArguments) -> Step:
    """Return the statement that searches."""
    given = search_call(plan, search)
    usual = {each.name: each.default for each in fields(SearchCall)}
    named = {each: value for each in usual if (value := getattr(given, each)) != usual[each]}
    arguments = ",\n    ".join(f"{name} := {_argument(value)}" for name, value in named.items())
    return Step("search", f"SELECT madlib.madlib_keras_automl(\n    {arguments})")


def averaging(plan: Plan, search: SearchArguments) -> list[Step]:
    """Return the statement that averages the best models, if that is asked for."""
    most = averaged(plan, search)
    call = f"SELECT madlib.automl_ensemble({_given(plan.asked.model)}, NULL, {most})"
    return [Step("ensemble", call)] if most > 1 else []


def averaged(plan: Plan, search: SearchArguments) -> int:
    """Return how many of the best models are averaged at most."""
    return int(plan.asked.params.get("averaged", search.averaged))


def writing(plan: Plan, chosen: str) -> list[Step]:
    """Return the statements that write what is known of the model, and drop what does not stay.

    Args:
        chosen: the SQL of the `mst_key` that is delivered.
    """
    asked, model = plan.asked, plan.asked.model
    summary = summary_sql(model.with_suffix("_summary"), asked.source.relation.sql, _summary(plan, chosen))
    columns = columns_sql(model.with_suffix("_columns"), about_columns(plan), plan.distributed)
    two = plan.target.classes is not None and len(plan.target.classes) == 2
    threshold = f"SELECT madlib.automl_threshold({_given(model)}, {_given(plan.names.named('_rows'))})"
    return [
        *(Step("summary", sql) for sql in summary),
        *(Step("columns", sql) for sql in columns),
        *([Step("threshold", threshold)] if two else []),
        *([Step("functions", f"SELECT madlib.automl_functions({_given(model)})")] if asked.functions else []),
    ]


def tidying(plan: Plan) -> list[Step]:
    """Return the statements that drop what does not stay."""
    return [Step("tidy", sql) for sql in dropping(plan.names)] if not plan.asked.params.get("keep_tables") else []


def dropping(names: Names) -> list[str]:
    """Return the statements that drop what does not stay, where it is there."""
    kinds = ["VIEW"] * len(_VIEWS) + ["TABLE"] * len(_TABLES)
    return [f"DROP {kind} IF EXISTS {name.sql}" for kind, name in zip(kinds, names.tables, strict=True)]


def search_call(plan: Plan, search: SearchArguments) -> SearchCall:
    """Return what madlib_keras_automl is called with."""
    names, params = plan.names, plan.asked.params
    given = SearchCall(
        source_table=as_identifier(names.named("_packed")),
        model_output_table=as_identifier(names.model),
        model_arch_table=as_identifier(names.named("_nets")),
        model_selection_table=as_identifier(names.named("_best")),
        model_id_list=list(range(1, 1 + len(search.architectures))),
        compile_params_grid=search.compile_params_grid,
        fit_params_grid=search.fit_params_grid,
        automl_method=search.automl_method,
        automl_params=_params(plan, search),
        random_state=search.random_state,
        validation_table=as_identifier(names.named("_packed_val")),
        metrics_compute_frequency=search.metrics_compute_frequency,
    )
    known = {each.name for each in fields(SearchCall)} - {AUTOML_PARAMS}
    return replace(given, **{name: value for name, value in params.items() if name in known})


def _params(plan: Plan, search: SearchArguments) -> str:
    """Return `automl_params`: those of the caller, or of the preset; with what other arguments say."""
    given, decisions = plan.asked.params.get(AUTOML_PARAMS), plan.asked.params.get(DECISIONS)
    pairs = split_pairs(AUTOML_PARAMS, search.automl_params if given is None else given)
    if plan.asked.objective is not None and all(key.lower() != OBJECTIVE for key, _ in pairs):
        pairs.append((OBJECTIVE, search.ranked))
    if decisions is not None:  # in the place of a time
        pairs = [(key, value) for key, value in pairs if key.lower() not in (DECISIONS, MAX_TIME)]
        pairs.append((DECISIONS, str(decisions)))
    return ", ".join(f"{key}={value}" for key, value in pairs)


# What rows are put in order by; those of the same hash, because their key tells them not apart, by all that is made of them.
_PLACE = 'h COLLATE "C", divided.features, divided.y::text COLLATE "C"'


# --- rows ---------------------------------------------------------------------------------------------------------------


def _rows_sql(plan: Plan) -> str:
    """The table of all rows: what each is for, its vector and its target, in the order of a hash."""
    names, source, split, y = plan.names, plan.asked.source, plan.splitting, plan.target.column.name
    called = {"part": names.part, "features": names.features, "y": y, **_weights(plan)}
    weight = source.of_role(Role.WEIGHT)
    w = "" if weight is None else f", {plan.readings[weight.name].guarded(0)} AS w"
    return (
        f"CREATE TABLE {names.named('_rows').sql} AS\n"
        f"SELECT row_number() OVER (ORDER BY {_PLACE}) AS {quoted(names.identity)},"
        f" {', '.join(f'{value} AS {quoted(column)}' for value, column in called.items())} FROM (\n"
        f"    SELECT *, {split.part(plan.found.cuts)} AS part FROM (\n"
        f"        SELECT {split.reads},\n"
        f"            {plan.features_function.sql}(r.*) AS features, {field_of(y)} AS y{w}\n"
        f"        FROM {source.relation.sql} AS r WHERE {_usable(plan)}\n"
        f"    ) AS hashed\n"
        f") AS divided ORDER BY {_PLACE}{plan.distributed}"
    )


def _weights(plan: Plan) -> dict[str, str]:
    """The SQL of the weight of a row, and of how often it stands among those that are packed, by what these are called.

    That is its weight beside the mean of its part; of a fraction the hash decides.
    """
    if plan.asked.source.of_role(Role.WEIGHT) is None:
        return {}
    copies = f"floor(w / avg(w) OVER (PARTITION BY part) + {DRAW})::integer"
    return {"w": plan.names.weight, copies: plan.names.copies}


def _usable(plan: Plan) -> str:
    """The condition for a row that is of use."""
    if not plan.target.strangers:
        return plan.usable
    column, values = plan.target.column, ", ".join(map(literal, plan.target.strangers))
    return f"{plan.usable} AND {as_text(column.name, column.type)} NOT IN ({values})"


def _view_sql(plan: Plan, suffix: str, part: Part) -> str:
    names, y = plan.names, plan.target.column.name
    label = plan.target.label(plan.readings[y])
    weighted = plan.asked.source.of_role(Role.WEIGHT) is not None
    copies = f" CROSS JOIN LATERAL generate_series(1, r.{quoted(names.copies)}) AS again" if weighted else ""
    return (
        f"CREATE VIEW {names.named(suffix).sql} AS SELECT r.{quoted(names.features)}, {label} AS {quoted(y)}"
        f" FROM {names.named('_rows').sql} AS r{copies} WHERE r.{quoted(names.part)} = '{part}'"
    )


def _training_sql(plan: Plan) -> str:
    given = ", ".join(map(_given, (plan.names.named("_rows_train"), plan.names.named("_packed"))))
    classes = plan.target.is_packed_as_number and plan.target.classes is not None
    counted = f", num_classes := '{plan.target.outputs}'" if classes else ""
    return f"SELECT madlib.training_preprocessor_dl({given}, {_variables(plan)}{counted})"


def _validation_sql(plan: Plan) -> str:
    given = ", ".join(map(_given, (plan.names.named("_rows_val"), plan.names.named("_packed_val"))))
    return f"SELECT madlib.validation_preprocessor_dl({given}, {_variables(plan)}, {_given(plan.names.named('_packed'))})"


def _variables(plan: Plan) -> str:
    return ", ".join(literal(as_typed(name)) for name in (plan.target.column.name, plan.names.features))


def _network_sql(plan: Plan, text: str, name: str) -> str:
    return f"SELECT madlib.load_keras_model({_given(plan.names.named('_nets'))}, {literal(text)}, NULL::bytea, {literal(name)})"


def _given(name: Name) -> str:
    return literal(as_identifier(name))


def _argument(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, list):
        return f"ARRAY{value!r}"
    return value_sql(value)


# --- what is written ----------------------------------------------------------------------------------------------------


def about_columns(plan: Plan) -> list[Column]:
    """Return the rows of the table of columns."""
    treated = {each.column.name: each for each in plan.treated}
    places = plan.vector.places()
    return [_about(plan, column, treated.get(column.name), places.get(column.name)) for column in plan.asked.source.columns]


def _about(plan: Plan, column: SourceColumn, treated: Treated | None, places: tuple[int, ...] | None) -> Column:
    begun = Column(column.position, column.name, column.shown, str(column.role))
    if column.role is Role.TARGET:
        target = plan.target
        becomes = (
            f"({column.name} - mean) / standard deviation" if target.classes is None else f"one of {target.outputs} classes"
        )
        return replace(begun, distinct_values=plan.found.distinct if target.classes else None, becomes=becomes,
                       center=target.center, scale=target.scale)  # fmt: skip
    if treated is None:
        return begun
    return replace(
        begun,
        role=str(Role.FEATURE if treated.treatment else Role.DROPPED),
        treatment=treated.treatment,
        null_share=treated.null_share,
        distinct_values=treated.distinct,
        becomes=treated.becomes,
        center=treated.center,
        scale=treated.scale,
        vocabulary=treated.vocabulary,
        first=places[0] if places else None,
        width=len(places) if places else None,
        places=places,
        reason=treated.reason,
    )


def _summary(plan: Plan, chosen: str) -> dict[str, str]:
    """Return the SQL of each column that the summary gets."""
    asked, target, rows = plan.asked, plan.target, plan.rows
    identity = asked.source.of_role(Role.ID)
    values: dict[str, object] = {
        "features_function": plan.features_function.sql,
        "id_col": identity.name if identity else None,
        "target_type": target.type,
        "target_center": target.center,
        "target_scale": target.scale,
        "target_low": target.low,
        "target_high": target.high,
        "threshold": None,
        "time_zone": asked.zone,
        "split_rule": plan.splitting.rule,
        "preset": asked.preset,
        "train_rows": rows.get(Part.TRAIN, 0),
        "validation_rows": rows.get(Part.VALIDATION, 0),
        "test_rows": rows.get(Part.TEST, 0),
        "columns_random_state": asked.seed,
    }
    return {"chosen": chosen, **{name: value_sql(value) for name, value in values.items()}}


def script(plan: Plan, search: SearchArguments) -> Iterator[Step]:
    """Yield the whole script."""
    yield from preparing(plan, search)
    yield searching(plan, search)
    yield from averaging(plan, search)
    yield from writing(plan, best_sql(plan, search))
    yield from tidying(plan)


def best_sql(plan: Plan, search: SearchArguments) -> str:
    """Return the SQL of the `mst_key` of the best model of a search."""
    info, summary = (plan.asked.model.with_suffix(suffix).sql for suffix in ("_info", "_summary"))
    by = "validation_loss_final"
    call = search_call(plan, search)
    if find_method(call.automl_method).read(call.automl_params)[1].objective != Wanted():
        by = f"CASE WHEN (SELECT objective FROM {summary}) LIKE 'max:%' THEN - objective ELSE objective END, {by}"
    return f"SELECT mst_key FROM {info} ORDER BY {by}, mst_key LIMIT 1"
