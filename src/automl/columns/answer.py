"""The ten lines that people get."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from automl.columns.arguments import as_identifier
from automl.columns.metrics import Measured
from automl.columns.script import DECISIONS, Plan
from automl.columns.source import Role
from automl.columns.splitting import Part
from automl.database.names import as_typed, literal

_SHOWN = 12  # columns, or classes
_MAIN, _SECOND = {True: "log_loss", False: "rmse"}, {True: "accuracy", False: "r2"}
_WORDS = {"log_loss": "log loss", "rmse": "RMSE", "accuracy": "accuracy", "r2": "R2"}

Line = dict[str, str]


@dataclass(frozen=True)
class Delivered:
    """What has become of a search.

    Attributes:
        trials: how many models it has come to.
        network: of the model that is delivered, in words.
        parameters: that it was trained with.
    """

    key: int
    trials: int
    network: str
    parameters: str
    decisions: int | None
    seconds: float


def lines(plan: Plan, delivered: Delivered, validation: Mapping[str, Measured], test: Mapping[str, Measured]) -> Iterator[Line]:
    """Yield the lines."""
    classes = plan.target.classes is not None
    yield line("rows", _rows(plan))
    yield line("columns", _columns(plan))
    yield line("columns dropped", _dropped(plan))
    yield line("target", _target(plan))
    yield line(
        "best configuration", f"mst_key {delivered.key} of {delivered.trials}: {delivered.network}; {delivered.parameters}"
    )
    yield line("validation", _worth(validation, classes))
    yield line("test", _worth(test, classes) or _no_test(plan))
    yield line("seconds", f"{delivered.seconds:.1f}")
    yield line("decisions", _decisions(plan, delivered))
    yield line("to predict", _call(plan))


_PARTS = {Part.TRAIN: "to train on", Part.VALIDATION: "to validate", Part.TEST: "to test"}


def line(name: str, value: str) -> Line:
    """Return a line as a row."""
    return {"name": name, "value": value}


def _rows(plan: Plan) -> str:
    """Return how many rows are for what, and how many for nothing."""
    rows = plan.rows
    told = f"{sum(rows.values())}: " + ", ".join(f"{rows.get(part, 0)} {what}" for part, what in _PARTS.items())
    target, weight = as_typed(plan.target.column.name), plan.asked.source.of_role(Role.WEIGHT)
    nothing = f"have no {target}" if weight is None else f"have no {target}, or no {as_typed(weight.name)} above 0"
    strange = sum(plan.found.rows.values()) - sum(rows.values())
    left = {nothing: plan.found.left_out, f"have a {target} that no row to train on has": strange}
    return "; ".join([told, *(f"{count} more are left out, which {why}" for why, count in left.items() if count)])


def _columns(plan: Plan) -> str:
    used = sum(each.treatment is not None for each in plan.treated)
    return f"{used} of {len(plan.asked.source.columns)}, as {plan.vector.width} numbers"


def _dropped(plan: Plan) -> str:
    """Return which columns are no features, and why."""
    named = {each.column.name: each.reason for each in plan.treated if each.treatment is None}
    excluded = {each.name: str(each.role) for each in plan.asked.source.columns if each.role not in (Role.FEATURE, Role.TARGET)}
    return _listed([f"{as_typed(name)} ({why})" for name, why in {**excluded, **named}.items()]) or "none"


def _target(plan: Plan) -> str:
    target = plan.target
    name = as_typed(target.column.name)
    if target.classes is None:
        return f"{name}: a number from {target.low:g} to {target.high:g}"
    shares = sorted(target.classes.items(), key=lambda each: (-each[1], each[0]))
    told = _listed([f"{value} {100 * count / plan.found.train:.3g} %" for value, count in shares])
    return f"{name}: {target.outputs} classes, {told}"


def _listed(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _worth(found: Mapping[str, Measured], classes: bool) -> str:
    """Return the measures that count, each beside that of a constant guess; nothing where there are no rows."""
    if not found:
        return ""
    return "; ".join(_measured(_WORDS[name], found[name]) for name in (_MAIN[classes], _SECOND[classes]))


def _no_test(plan: Plan) -> str:
    time = plan.asked.source.of_role(Role.TIME)
    return "no rows" if time is None else f"no rows: none has a {as_typed(time.name)} behind that of the rows to validate on"


def _measured(name: str, measured: Measured) -> str:
    values = [None if each is None else f"{each:.5g}" for each in (measured.value, measured.constant)]
    return f"{name} {values[0]} (constant guess {values[1]})"


def _decisions(plan: Plan, delivered: Delivered) -> str:
    if delivered.decisions is None:
        return "none"
    params = json.dumps({**plan.asked.params, DECISIONS: delivered.decisions}, ensure_ascii=False)
    return f"{delivered.decisions}; the same again: random_state := {plan.asked.seed}, params := {literal(params)}"


def _call(plan: Plan) -> str:
    source, model = plan.asked.source.relation.name, plan.asked.model
    if plan.asked.functions:
        return f"SELECT r.*, {as_identifier(model)}(r) FROM {as_identifier(source)} r"
    return f"SELECT madlib.automl_predict('{as_identifier(model)}', '{as_identifier(source)}', 'predicted')"
