"""The registry of methods, and that a method is one file and one line of it: here a toy method, which runs and is resumed."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from automl.database.names import Name
from automl.errors import UsageError
from automl.search import methods
from automl.search.methods import METHODS, Method, find_method
from automl.search.scheduler import MethodColumn, Plan, Scheduler, Step, Task
from automl.search.space import Configuration, Space
from automl.training.request import Outputs, Search
from automl.training.search_tables import SearchTables
from test_replay import PARTITIONS, SEED, SPACE, Caller, Record, World, request_of

# --- a method, as its file would have it --------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneByOneParams:
    """Random configurations, of which each begins when the one before it has ended."""

    trials: int = 3

    max_iterations = 2
    max_iterations_are = "the iterations of a trial"

    def plan(self, space: Space, seed: int, partitions: int) -> Plan:
        return OneByOnePlan(space.sample(self.trials, seed))


@dataclass(frozen=True)
class OneByOnePlan:
    configurations: tuple[Configuration, ...]

    max_iterations = 2

    @property
    def planned_trials(self) -> int:
        return len(self.configurations)

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.configurations

    def scheduler(self) -> Scheduler:
        return OneByOne(self.configurations)


class OneByOne:
    def __init__(self, configurations: tuple[Configuration, ...]) -> None:
        self.count, self.iterations = len(configurations), 2 * len(configurations)
        self._rest = iter(tuple(enumerate(configurations, 1)))

    def start(self) -> Step:
        return self._next()

    def report(self, trial: int, loss: float | None) -> Step:
        return self._next()

    def _next(self) -> Step:
        trials = tuple(trial for trial in (next(self._rest, None),) if trial is not None)
        return Step(trials, tuple(Task(number, 2, place={"turn": 10 * number}) for number, _ in trials))


def parse_params(given: Mapping[str, str]) -> OneByOneParams:
    return OneByOneParams(**{key: int(value) for key, value in given.items()})


ONE_BY_ONE = Method("one_by_one", ("trials",), parse_params, (MethodColumn("turn", "integer"),))


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods of those that there are, whichever else there are."""
    monkeypatch.setattr(methods, "METHODS", {name: METHODS[name] for name in ("hyperband", "hyperopt")})


@pytest.fixture
def registered(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """These two, and the toy method."""
    monkeypatch.setattr(methods, "METHODS", {**methods.METHODS, ONE_BY_ONE.name: ONE_BY_ONE})


# --- what the rest makes of it ------------------------------------------------------------------------------------------


def world(seed: int) -> World:
    plan = find_method(" One_By_One ").read("trials=4")[0].plan(SPACE, SEED, PARTITIONS)
    return World(request_of(plan, None, 2**20), random.Random(seed))


@pytest.mark.usefixtures("registered")
def test_a_new_method_runs_and_its_columns_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    run = world(1)
    assert run.go(monkeypatch)
    assert {trial: json.loads(row["place"]) for (trial,), row in run.record.trials.items()} == {
        1: {"turn": 10},
        2: {"turn": 20},
        3: {"turn": 30},
        4: {"turn": 40},
    }


@pytest.mark.usefixtures("registered")
def test_a_new_method_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = world(1), world(2)
    assert whole.go(monkeypatch)
    assert not stopped.go(monkeypatch, stop=5)
    assert stopped.go(monkeypatch, resumed=True)
    assert stopped.found.trials == whole.found.trials


class Written(Caller):
    """A caller's session that keeps what it is told to do."""

    def __init__(self) -> None:
        super().__init__(Record())
        self.statements: list[str] = []

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        self.statements.append(sql)
        return [defaultdict(bool)]  # this is no Greenplum


def made(method: Method) -> Iterator[str]:
    """The statements that make the tables of a search by a method."""
    name = Name("m", "public")
    outputs = Outputs("m", "m_info", "s", name, name, name, name, name)
    db, request = Written(), world(1).request
    summary = {"num_classes": 3, "dependent_vartype": "text", "normalizing_const": 1.0}
    training = replace(request.training, summary=summary)
    search = Search(outputs, method.name, "", method.columns, None)
    SearchTables(replace(request, training=training), search).reserve(db)  # type: ignore[arg-type]
    return (statement for statement in db.statements if "CREATE TABLE" in statement and "loss_type" in statement)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("method", "columns"),
    [
        (METHODS["hyperband"], '"metrics_iters" integer[], "s" integer, "i" integer)'),
        (METHODS["hyperopt"], '"metrics_iters" integer[])'),
        (ONE_BY_ONE, '"metrics_iters" integer[], "turn" integer)'),
    ],
    ids=lambda value: value.name if isinstance(value, Method) else "",
)
def test_the_info_table_has_the_columns_of_the_method(method: Method, columns: str) -> None:
    (info,) = made(method)
    assert info.endswith(columns)


# --- looking one up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "name"), [(None, "hyperband"), ("hyperband", "hyperband"), (" HyperOpt ", "hyperopt"), ("HYPERBAND", "hyperband")]
)
def test_methods_are_found_in_any_case(value: str | None, name: str) -> None:
    assert find_method(value).name == name


@pytest.mark.usefixtures("two")
def test_an_unknown_method_is_told_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"^automl_method: must be 'hyperband' or 'hyperopt', got 'grid'$"):
        find_method("grid")


@pytest.mark.usefixtures("registered")
def test_a_new_method_is_named_to_those_who_look_for_another() -> None:
    with pytest.raises(UsageError, match=r"^automl_method: must be 'hyperband', 'hyperopt' or 'one_by_one', got ''$"):
        find_method("")
