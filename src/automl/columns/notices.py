"""What the caller is told of a table before anything is made of it: what may be meant otherwise than it is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator

from automl.columns.arguments import as_identifier
from automl.columns.script import Plan
from automl.columns.source import Role
from automl.columns.splitting import Part
from automl.columns.target import MOST_INTEGERS
from automl.database.names import as_typed, literal


def notices(plan: Plan) -> Iterator[str]:
    """Yield what is told."""
    yield from (each.notice for each in plan.treated if each.notice is not None)
    yield from _of_few_numbers(plan)
    yield from _of_time(plan)
    yield from _of_a_name(plan)


def _of_few_numbers(plan: Plan) -> Iterator[str]:
    """Yield that a target of a few whole numbers, in a type of fractions, is not taken for classes."""
    target, column = plan.target, plan.target.column
    if target.classes is not None or column.forced:
        return
    (measured,) = plan.found.measures[column.name]
    if measured.distinct <= MOST_INTEGERS and bool((measured.known % 1 == 0).all()):
        types = literal(json.dumps({column.name: "category"}, ensure_ascii=False))
        yield (
            f'column "{column.name}" is predicted as a number, as one of type {column.shown} is, though it has'
            f" {measured.distinct} different values, all of them whole: if these are classes, say column_types := {types}"
        )


def _of_time(plan: Plan) -> Iterator[str]:
    """Yield how many rows have no time, and that none is left to test on."""
    time = plan.asked.source.of_role(Role.TIME)
    if time is None:
        return
    missing = plan.found.measures[time.name][0].missing
    if missing:
        yield f'{missing} rows have no "{time.name}": they are to train on, as if they came before all others'
    if not plan.rows.get(Part.TEST):
        yield (
            f'no row is left to test on: none has a "{time.name}" behind that of the rows to validate on. A column that tells'
            " more moments apart leaves a tenth"
        )


def _of_a_name(plan: Plan) -> Iterator[str]:
    """Yield that the name of the model is that of a column, which goes before the function."""
    model, source = plan.asked.model, plan.asked.source
    if plan.asked.functions and any(column.name == model.table for column in source.columns):
        call = f"{as_identifier(model)}(r)"
        yield (
            f'the model has the name of a column of "{source.relation.name}": r.{as_typed(model.table)} is the column, and'
            f" {call} the prediction"
        )
