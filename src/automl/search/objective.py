"""What ranks trials: the loss, or a metric that every configuration has, of one of the two tables.

A scheduler is told a score, of which the lower is the better: the value of an objective that is better small, the negative of
one that is better large. Whoever shows it shows the value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from automl.errors import UsageError
from automl.search.directions import Direction, Range, direction_of, one_name, range_of, range_of_loss
from automl.search.literals import Call, call_of
from automl.search.orders import compile_order
from automl.search.pairs import AUTOML_PARAMS
from automl.search.parameters import CompileParams
from automl.search.steering import Wanted
from keras_seg.protocol import keras_names
from keras_seg.protocol.orders import TRAINING, VALIDATION
from keras_seg.protocol.spelling import did_you_mean

LOSS = "loss"
_PREFIXES = {"training_": TRAINING, "train_": TRAINING, "validation_": VALIDATION, "val_": VALIDATION}


@dataclass(frozen=True)
class Objective:
    """What ranks trials.

    Attributes:
        name: "loss", or a metric as it was asked for.
        dataset: "training" or "validation".
        direction: which values are better.
    """

    name: str
    dataset: str
    direction: Direction = Direction.MIN

    def place(self, compiled: CompileParams) -> int | None:
        """Return which of the metrics of a configuration it is, from 0; None for the loss."""
        return None if self.name == LOSS else _places(self.name, compiled.all_metrics)[0]

    def score(self, value: float) -> float:
        """Return what a value is worth, the lower the better; or of such a score the value."""
        return value if self.direction is Direction.MIN else -value

    @property
    def shown(self) -> str:
        """As sentences name it: `validation accuracy`."""
        return f"{self.dataset} {self.name}"

    def __str__(self) -> str:
        """As it can be asked for again: `max:validation_accuracy`."""
        return f"{self.direction}:{self.dataset}_{self.name}"


def scales(compiled: Iterable[CompileParams]) -> tuple[str, ...]:
    """Return the losses of configurations that cannot be compared, each with its factor, as they are called."""
    found: dict[tuple[str, float], str] = {}
    for each in compiled:
        factor = compile_order(each).loss_weight
        shown = each.loss if factor == 1 else f"{factor:g} * {each.loss}"
        found.setdefault((keras_names.one_name("loss", each.loss), factor), shown)
    return tuple(found.values())


def resolve(
    wanted: Wanted,
    compiled: Iterable[CompileParams],
    dataset: str,
    argument: str = AUTOML_PARAMS,
    key: str = '"objective"',
    example: str = "For example: objective=max:my_metric",
) -> Objective:
    """Return the objective that is meant.

    Args:
        wanted: as it was written. A name behind `training_` or `validation_` (or `val_`) is that of the table.
        compiled: the compile parameters of configurations that stand for all.
        dataset: whose values rank where nothing else is said: "validation" where there is a validation table.
        argument, key: where it was written, for errors.
        example: how to say which values are better.

    Raises:
        UsageError: there is no such metric, not in every configuration, or several; there is no such table; or nobody knows
            which of its values are better.
    """
    lists = list(dict.fromkeys(each.all_metrics for each in compiled))
    name, table = _without_table(wanted.name, lists)
    problem = partial(_problem, argument, key, wanted)
    if table == VALIDATION and dataset == TRAINING:
        raise problem("is of the validation table, and there is none", "Give validation_table a packed table.")
    if name != LOSS:
        _require_one(name, lists, problem)
    direction = wanted.direction or (Direction.MIN if name == LOSS else direction_of(_written(name, lists)))
    if direction is None:
        rule = f"must say which values of {name} are better, the small or the large ones"
        raise problem(rule, example)
    return Objective(name, table or dataset, direction)


def require_reachable(
    target: float, objective: Objective, compiled: Iterable[CompileParams], functions: Container[str] = ()
) -> None:
    """Raise unless the objective can have a value, and need not be that good: a share of rows is no percentage, no error is
    below 0, and none has an accuracy of less than 0.

    Args:
        target: the value.
        compiled: the compile parameters of configurations that stand for all.
        functions: the names of custom functions, about whose values nobody knows anything.
    """
    for found in dict.fromkeys(_range(objective, each, functions) for each in compiled):
        rules = _rules(found, objective.direction)
        if not all(holds(target, bound) for _, bound, holds in rules):
            rule = " and ".join(f"{word} {bound:g}" for word, bound, _ in rules)
            hint = f"It is a share: {target / 100:g} for {target:g} percent." if found.is_share and 1 < target <= 100 else None
            raise UsageError(AUTOML_PARAMS, f'"target" must be {rule} for {objective.name}', target, hint=hint)


def _range(objective: Objective, compiled: CompileParams, functions: Container[str]) -> Range:
    """Return the values that the objective can have of a configuration."""
    place = objective.place(compiled)
    written = compiled.loss if place is None else compiled.all_metrics[place]
    if written in functions:
        return Range()
    return range_of_loss(written, compile_order(compiled).loss_weight) if place is None else range_of(written)


def _rules(found: Range, direction: Direction) -> list[tuple[str, float, Callable[[float, float], bool]]]:
    """Return what a target must be: a value that there can be, and not one that every value is as good as."""
    large = direction is Direction.MAX
    least = ("above", found.least, operator.gt) if large else ("at least", found.least, operator.ge)
    most = ("at most", found.most, operator.le) if large else ("below", found.most, operator.lt)
    return [(word, bound, holds) for word, bound, holds in (least, most) if bound is not None]


def _without_table(name: str, lists: Sequence[Sequence[str]]) -> tuple[str, str | None]:
    """Return a name without the table before it, and the table; a metric may be called so itself."""
    if not any(_places(name, metrics) for metrics in lists):
        for prefix, table in _PREFIXES.items():
            if name.lower().startswith(prefix):
                return _spelled(name[len(prefix) :]), table
    return _spelled(name), None


def _spelled(name: str) -> str:
    return LOSS if name.lower() == LOSS else name


def _require_one(name: str, lists: Sequence[Sequence[str]], problem: Callable[[str, str | None], UsageError]) -> None:
    """Raise unless each list of metrics has the one that is meant, once."""
    known = list(dict.fromkeys(metric for metrics in lists for metric in metrics))
    for metrics in lists:
        found = _places(name, metrics)
        if len(found) == 1:
            continue
        if len(found) > 1:
            which = ", ".join(metrics[each] for each in found)
            raise problem(f"must be one metric, and {name} can be {which}", "Write it as the metric is written.")
        if not any(_places(name, others) for others in lists):
            rule = f"must be one of {', '.join([LOSS, *known])}"
            raise problem(rule, did_you_mean(name, [LOSS, *known]).removeprefix("; ").capitalize() or None)
        raise problem(f"must be a metric of every configuration; one has the metrics {list(metrics)}", None)


def _problem(argument: str, key: str, wanted: Wanted, rule: str, hint: str | None) -> UsageError:
    return UsageError(argument, f"{key} {rule}", wanted.name, hint=hint)


def _written(name: str, lists: Sequence[Sequence[str]]) -> str:
    return lists[0][_places(name, lists[0])[0]]


# --- which metric a name means ------------------------------------------------------------------------------------------


def _places(name: str, metrics: Sequence[str]) -> list[int]:
    """Return the places of the metrics that a name can mean: by the whole text, by their argument `name`, or by their class."""
    sought = call_of(name)
    if sought is None:
        return []
    read = [Call(name) if call is None else call for name, call in ((each, call_of(each)) for each in metrics)]
    ways: list[Callable[[Call], bool]] = [
        lambda call: _is_same(call, sought) and _arguments(call) == _arguments(sought),
        lambda call: str(dict(call.keywords).get("name")).lower() == name.lower(),
        lambda call: _is_same(call, sought) and not sought.keywords,
    ]
    found = ([place for place, call in enumerate(read) if means(call)] for means in ways)
    return next((places for places in found if places), [])


def _is_same(one: Call, other: Call) -> bool:
    """Whether two metrics are the same but for their arguments, whichever of its names is written."""
    return one_name(one.name) == one_name(other.name)


def _arguments(call: Call) -> list[tuple[str, str]]:
    return sorted((key, repr(value)) for key, value in call.keywords)
