"""Hyperband with some of its brackets, and with brackets that are proposed from others."""

from __future__ import annotations

import math

import pytest

from automl.cluster.hopper import Layout
from automl.errors import AutomlError
from automl.search.hyperband import HyperbandParams
from automl.search.methods import find_method
from automl.search.parameters import parse_compile_params
from automl.search.proposed_brackets import ProposedBrackets
from automl.search.scheduler import Step
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space
from simulated import ScheduledSearch, Simulation, restless_cost

SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
SIX = parse_space([1], "{'loss': ['mse'], 'optimizer': ['Adam', 'Nadam', 'SGD']}", "{'batch_size': [4, 8]}")
ONE = parse_space([1], "{'loss': ['mse'], 'optimizer': ['Adam']}", "{'batch_size': [4]}")
LAYOUT = Layout((("training", 2),))


# --- parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("brackets=2", HyperbandParams(brackets=(2,))),
        ("brackets=(1, 0)", HyperbandParams(brackets=(1, 0))),
        ("brackets=[0 1], sampler=TPE", HyperbandParams(brackets=(0, 1), sampler="tpe")),
        ("sampler='random'", HyperbandParams()),
    ],
)
def test_parameters(text: str, expected: HyperbandParams) -> None:
    R9 = f"R=9, {text}"
    found, _ = find_method("hyperband").read(R9)
    assert (found.brackets, found.sampler) == (expected.brackets, expected.sampler)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R=9, brackets=3", "\"brackets\" must be brackets from 0 to 2, got '(3)'"),
        ("R=9, skip_last=1, brackets=(2, 0)", "\"brackets\" must be brackets from 1 to 2, got '(2, 0)'"),
        ("brackets=all", "\"brackets\" must be brackets, each once, as in (4, 3), got 'all'"),
        ("brackets=(1, 1)", "\"brackets\" must be brackets, each once, as in (4, 3), got '(1, 1)'"),
        ("sampler=rand", "\"sampler\" must be 'random' or 'tpe', got 'rand'"),
    ],
)
def test_parameters_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(AutomlError) as error:
        find_method("hyperband").read(text)
    assert error.value.message == f"automl_params: {message}"


def test_they_are_shown_where_they_are_not_those_of_the_page() -> None:
    assert str(HyperbandParams(9, 3, 0, (2, 1), "tpe")) == "R=9, eta=3, skip_last=0, brackets=(2, 1), sampler=tpe"


def test_some_brackets_are_those_of_the_whole_and_stand_where_they_did() -> None:
    rungs = HyperbandParams(9, 3, brackets=(2, 0)).rungs
    found = [(rung.bracket, rung.round, rung.configurations, rung.iterations, rung.offset) for rung in rungs]
    assert found == [(2, 0, 9, 1, 0), (2, 1, 3, 3, 1), (2, 2, 1, 9, 4), (0, 0, 3, 9, 4)]
    assert HyperbandParams(9, 3, brackets=(2, 0)).configurations == 12


# --- who is proposed when -----------------------------------------------------------------------------------------------


def scheduler(window: int, params: HyperbandParams = HyperbandParams(9, 3, sampler="tpe"), seed: int = 1) -> ProposedBrackets:  # noqa: B008
    made = params.plan(SPACE, seed, window).scheduler()
    assert isinstance(made, ProposedBrackets)
    return made


def test_the_next_bracket_begins_when_sessions_would_be_idle() -> None:
    """Bracket 2 has 9 configurations, then 3, then 1; with a window of 2 the last round has too few."""
    search = scheduler(window=2)
    assert [number for number, _ in search.start().trials] == [*range(1, 10)]
    for trial in range(1, 10):
        step = search.report(trial, trial / 10)
    assert [task.trial for task in step.tasks] == [1, 2, 3]
    assert search.horizon is None
    assert search.more() == Step()
    for trial in (1, 2, 3):
        step = search.report(trial, trial / 10)
    assert [task.trial for task in step.tasks] == [1]
    assert search.horizon == (-1, 0, 10)
    assert [search.more().trials[0][0] for _ in range(3)] == [10, 11, 12]
    assert search.horizon is None
    assert search.more() == Step()


def rate(configuration: Configuration) -> float:
    """The distance of the learning rate from 0.01, in decades."""
    return abs(math.log10(parse_compile_params(configuration.compile_params).optimizer_params["lr"]) + 2)


def tried(sessions: int, seed: int, window: int = 4) -> list[Configuration]:
    """What a search tries."""
    simulation = Simulation(LAYOUT, (None,) * sessions, restless_cost(seed))
    made = scheduler(window, HyperbandParams(27, 3, sampler="tpe"))
    search = ScheduledSearch(made, simulation, lambda trial, iteration: rate(search.trials[trial]) + 1 / iteration)
    search.run()
    return [search.trials[trial] for trial in sorted(search.trials)]


def test_the_same_is_proposed_whoever_is_faster_and_it_learns() -> None:
    alone = tried(1, 1)
    assert alone == tried(3, 2) == tried(64, 3)
    assert len(alone) == HyperbandParams(27, 3).configurations
    late = sorted(rate(each) for number, each in enumerate(alone, 1) if number > 27 and number % 3)
    assert late[len(late) // 2] < 0.35  # at random it is 0.5


@pytest.mark.parametrize(("space", "count"), [(SIX, 6), (ONE, 1)])
def test_a_small_space_is_tried_as_a_whole(space: object, count: int) -> None:
    made = HyperbandParams(9, 3, sampler="tpe").plan(space, 1, 2).scheduler()  # type: ignore[arg-type]
    assert made.count == count
    search = ScheduledSearch(made, Simulation(LAYOUT, (None,) * 3), lambda trial, iteration: float(trial))
    search.run()
    assert len(set(search.trials.values())) == count
