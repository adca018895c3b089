"""automl_train: from a table of ordinary columns to a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import groupby

from automl.columns import answer, ensemble, functions, held_out, script, table_model
from automl.columns.answer import Delivered, Line
from automl.columns.arguments import Arguments, Asked, as_identifier, parse
from automl.columns.features_sql import Vector
from automl.columns.inquiry import Inquiry, inquiry
from automl.columns.kinds import Kind
from automl.columns.leaks import suspects, without_copies
from automl.columns.maker import Maker, open_maker
from automl.columns.notices import notices
from automl.columns.presets import SearchArguments, search_arguments
from automl.columns.script import MARK, Plan
from automl.columns.source import Role, Source
from automl.columns.splitting import Part, splitting
from automl.columns.statistics import Statistics, gather
from automl.columns.target import Target, may_be_classes, require_possible, target_of, type_of
from automl.columns.treatments import Treated, treat
from automl.database import catalog
from automl.database.names import Name, as_typed, literal
from automl.database.session import CallerDatabase
from automl.database.transaction import has_written
from automl.errors import DUPLICATE_TABLE, UsageError
from automl.training import run
from automl.training.readable import require_readable
from automl.training.results import Made
from automl.training.search import search

_ARGUMENT = "independent_varname"


def automl_train(db: CallerDatabase, *arguments: object) -> list[Line]:
    """Make a model of a table, and return ten lines about it; or the statements that would make it."""
    written = has_written(db)
    asked = parse(db, Arguments(*arguments))  # type: ignore[arg-type]  # SQL has checked their types
    require_possible(asked.source.target)
    plan = planned(db, asked)
    searched = _search_arguments(plan)
    require_readable(script.search_call(plan, searched))
    if asked.dry_run:
        return [answer.line(step.name, step.sql) for step in script.script(plan, searched)]
    _require_free(db, plan)
    with open_maker(db, asked.source.relation, written=written) as maker:
        return list(_Training(db, plan, maker).lines())


def planned(db: CallerDatabase, asked: Asked) -> Plan:
    """Look at the table, and say what is to be made of it.

    Raises:
        UsageError: there is nothing to learn, or nothing to learn from.
    """
    source = asked.source
    _require_numeric_weight(source)
    split = splitting(source, asked.seed, strata=may_be_classes(source.target))
    about = inquiry(source, split, asked.zone)
    found = gather(db, about)
    target = replace(target_of(source, found), type=type_of(db, source.relation, source.target.name))
    treated = _treated(db, about, found, target)
    used = Vector(tuple(each for each in treated if each.treatment is not None))
    _require_features(treated)
    plan = Plan(
        asked,
        found,
        split,
        target,
        dict(about.readings),
        tuple(treated),
        used,
        about.usable,
        source.relation.sql,
        db.dialect.distributed_by(),
        db.dialect.parallel(db, asks=False),
    )
    functions.require_none_like_a_column(db, _functions(plan), source.relation)
    _say(db, plan)
    return plan


def _treated(db: CallerDatabase, about: Inquiry, found: Statistics, target: Target) -> list[Treated]:
    source, classes = about.source, target.classes is not None
    each = [treat(column, found, about.readings[column.name]) for column in source.candidates]
    treated = without_copies(source, found, each)
    for name in suspects(source, found, treated, classes=classes):
        db.warning(
            f'column "{name}" gives "{source.target.name}" by itself: if it is known only after that, leave it out'
            f" (exclude := {literal(as_typed(name))})"
        )
    return treated


def _require_features(treated: list[Treated]) -> None:
    if any(each.treatment for each in treated):
        return
    why = "; ".join(f"{as_typed(each.column.name)}: {each.reason}" for each in treated[:10])
    raise UsageError(_ARGUMENT, f"no column tells anything: {why}" if why else "no column is left to learn from")


def _say(db: CallerDatabase, plan: Plan) -> None:
    for each in notices(plan):
        db.notice(each)
    if plan.target.strangers:
        named = ", ".join(plan.target.strangers[:5])
        db.warning(f"rows are left out whose class no row to train on has: {named}")


def _require_numeric_weight(source: Source) -> None:
    weight = source.of_role(Role.WEIGHT)
    if weight is not None and weight.kind is not Kind.NUMBER:
        raise UsageError("weight_col", f'column "{weight.name}" must hold numbers, it is {weight.shown}')


def _search_arguments(plan: Plan, elapsed: float = 0.0) -> SearchArguments:
    """Return what is searched in the time that is left when so many seconds of it are over."""
    asked = plan.asked
    layout = plan.vector.layout(plan.target.outputs, classes=plan.target.classes is not None)
    return search_arguments(
        asked.preset, layout, plan.found.train, plan.found.validation, asked.budget, asked.objective, asked.seed, elapsed
    )


def _require_free(db: CallerDatabase, plan: Plan) -> None:
    """Raise if a table or view on the way is there and is none that an earlier call has left, or a function."""
    names = plan.names
    functions.require_free(db, _functions(plan), plan.asked.source.relation)
    there = [name for name in names.tables if catalog.exists(db, name)]
    rows = (
        catalog.exists(db, names.named("_rows"))
        and db.execute(
            "SELECT pg_catalog.obj_description(($1::text)::regclass::oid, 'pg_class') AS comment", names.named("_rows").sql
        )[0]["comment"]
    )
    if there and rows != f"{MARK} {names.model}":
        raise UsageError(
            "model",
            f'table "{there[0]}" already exists, which is needed on the way',
            hint=f"Drop it first ({there[0].sql}) or choose another name.",
            sqlstate=DUPLICATE_TABLE,
        )


def _functions(plan: Plan) -> dict[Name, str | None]:
    """Return what the functions return that are made, by their names."""
    made = functions.results(plan.names.model, plan.target.type, classes=plan.target.classes is not None)
    return made if plan.asked.functions else {plan.features_function: made[plan.features_function]}


class _Training:
    """A plan that is carried out.

    Args:
        maker: makes the tables that are searched on.
    """

    def __init__(self, db: CallerDatabase, plan: Plan, maker: Maker) -> None:
        self._db = db
        self._plan = plan
        self._maker = maker

    def lines(self) -> list[Line]:
        """Carry it out, and return what is told of it."""
        try:
            searched = self._prepare()
            return self._apart(lambda: self._finish(*self._search(searched)))
        except BaseException:
            self._maker.clear([*script.dropping(self._plan.names), self._without_function])
            raise

    @property
    def _without_function(self) -> str:
        return f"DROP FUNCTION IF EXISTS {self._plan.features_function.sql}({self._plan.row_type})"

    def _prepare(self) -> SearchArguments:
        """Make what is searched on; what an earlier call has left goes."""
        plan = self._plan
        for name, statement in zip(plan.names.tables, script.dropping(plan.names), strict=True):
            if catalog.exists(self._db, name):
                self._maker.make(statement)
        searched = _search_arguments(plan, self._db.elapsed)
        for name, steps in groupby(script.preparing(plan, searched), lambda step: step.name):
            self._make(name, [step.sql for step in steps])
        return searched

    def _make(self, name: str, statements: Sequence[str]) -> None:
        """Make what the steps of a name make; a table or a function, and the comment by which it is known, at one moment."""
        if name in script.TOGETHER:
            self._maker.make(*statements)
        elif name != "settings":  # which the maker has
            for statement in statements:
                self._maker.make(statement)

    def _apart(self, work: Callable[[], list[Line]]) -> list[Line]:
        """Do something so that no locks are left if it fails: another session drops then what it was done with."""
        if not self._maker.commits:
            return work()
        with self._db.subtransaction():
            return work()

    def _search(self, searched: SearchArguments) -> tuple[Made, int]:
        """Search, and average the best; return the run and the model that is delivered: the best of all, as in the script."""
        given = script.search_call(self._plan, searched)
        request, tables = search(self._db, given)
        stays = bool(self._plan.asked.params.get("keep_tables"))
        made = run.execute(self._db, replace(request, goes_on=stays, at_least_one=True), tables, asdict(given))
        most = script.averaged(self._plan, searched)
        if most > 1:
            ensemble.automl_ensemble(self._db, as_identifier(self._plan.asked.model), None, most)
        return made, int(self._db.execute(script.best_sql(self._plan, searched))[0]["mst_key"])

    def _finish(self, made: Made, key: int) -> list[Line]:
        """Write what is known of the model, and look at it with rows that it was not trained on."""
        plan = self._plan
        for step in script.writing(plan, str(key)):
            self._db.execute(step.sql)
        model = table_model.read(self._db, as_identifier(plan.asked.model))
        rows = catalog.find_table(self._db, "model", plan.names.named("_rows"))
        validation, test = (held_out.measures(self._db, model, rows, part) for part in (Part.VALIDATION, Part.TEST))
        delivered = self._delivered(made, key)
        for step in script.tidying(plan):
            self._db.execute(step.sql)
        return list(answer.lines(plan, delivered, validation, test))

    def _delivered(self, made: Made, key: int) -> Delivered:
        info, nets = (self._plan.names.named(suffix).sql for suffix in ("_info", "_nets"))
        row = self._db.execute(
            f"SELECT compile_params, fit_params, (SELECT n.name FROM {nets} n WHERE n.model_id = i.model_id) AS network,"
            f" (SELECT pg_catalog.count(*) FROM {info}) AS trials FROM {info} i WHERE mst_key = $1::integer",
            key,
        )[0]
        return Delivered(
            key,
            row["trials"],
            row["network"] or "the mean of the best",
            f"{row['compile_params']}, {row['fit_params']}",
            made.end.decisions,
            self._db.elapsed,
        )
