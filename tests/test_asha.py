"""ASHA: its parameters, who goes on, and that the same search comes out whoever is faster."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest

from automl.cluster.hopper import Layout
from automl.errors import AutomlError
from automl.search.asha import AshaParams
from automl.search.methods import find_method
from automl.search.parameters import parse_compile_params
from automl.search.retirement import Retired
from automl.search.rungs import Entry, Rungs
from automl.search.scheduler import Milestone, Step, Task
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space
from simulated import ScheduledSearch, Simulation, lognormal_cost, restless_cost

SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
SIX = parse_space([1], "{'loss': ['mse'], 'optimizer': ['Adam', 'Nadam', 'SGD']}", "{'batch_size': [4, 8]}")
LAYOUT = Layout((("training", 2),))


def loss(trial: int, iteration: int) -> float:
    """A loss that falls with the iterations, noisily."""
    return random.Random(trial).random() + random.Random(f"{trial} {iteration}").random() / iteration


def half_fail(trial: int, iteration: int) -> float | None:
    return None if random.Random(f"{trial}, {iteration}").random() < 0.5 else loss(trial, iteration)


# --- parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, AshaParams(6, 3, None, "random")),
        ("R=9, ETA=2", AshaParams(9, 2, None, "random")),
        ("num_configs=7, Sampler='TPE'", AshaParams(6, 3, 7, "tpe")),
    ],
)
def test_each_parameter_has_a_default(text: str | None, expected: AshaParams) -> None:
    assert find_method("asha").read(text)[0] == expected


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        (AshaParams(), "R=6, eta=3, num_configs=5, sampler=random"),
        (AshaParams(9, 3), "R=9, eta=3, num_configs=15, sampler=random"),
        (AshaParams(9, 3, sampler="tpe").without_end(), "R=9, eta=3, sampler=tpe"),
        (AshaParams(9, 3, 4).without_end(), "R=9, eta=3, num_configs=4, sampler=random"),
    ],
)
def test_parameters_are_shown_as_they_are_written(params: AshaParams, shown: str) -> None:
    assert str(params) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R=2", '"R" must be an integer of at least eta (3), got 2'),
        ("eta=1", "\"eta\" must be an integer of at least 2, got '1'"),
        ("R=x", "\"R\" must be an integer from eta to 1000000, got 'x'"),
        ("num_configs=0", "\"num_configs\" must be an integer from 1 to 100000, got '0'"),
        ("sampler=grid", "\"sampler\" must be 'random' or 'tpe', got 'grid'"),
        ("R=1000000, eta=2", '"num_configs" must be an integer from 1 to 100000, got 1049736'),
    ],
)
def test_parameters_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(AutomlError) as error:
        find_method("asha").read(text)
    assert error.value.message == f"automl_params: {message}"


def test_an_unknown_key_has_a_close_one() -> None:
    with pytest.raises(AutomlError, match=r'"sample" is not one of R, eta, num_configs, sampler, .*; did you mean "sampler"'):
        find_method("asha").read("sample=tpe")


def test_the_rungs_are_those_of_the_largest_bracket() -> None:
    assert [(rung.iterations, rung.offset) for rung in AshaParams(81, 3).rungs] == [
        (1, 0), (3, 1), (9, 4), (27, 13), (81, 40),
    ]  # fmt: skip


# --- who goes on --------------------------------------------------------------------------------------------------------


def test_the_best_of_the_pool_goes_on_at_each_third_retirement() -> None:
    rungs = Rungs(3, 3)
    for trial in range(1, 10):
        rungs.enter(trial)
    scores = {1: 0.5, 2: 0.1, 3: 0.9, 4: 0.4, 5: 0.8, 6: 0.3, 7: 0.7, 8: 0.6, 9: 0.2}
    told = [rungs.report(trial, 0, scores[trial]) for trial in (3, 2, 9, 1, 6, 5, 4, 8, 7)]
    # 1 to 3 have retired with the end of 1, 4 to 6 with that of 4, the rest with that of 7.
    assert told == [[], [], [], [Entry(2, 1, 3)], [], [], [Entry(6, 1, 6)], [], [Entry(9, 1, 9)]]
    assert rungs.report(9, 1, 0.3) == rungs.report(6, 1, 0.2) == []
    assert rungs.report(2, 1, 0.25) == [Entry(6, 2, 9)]


def test_one_that_failed_never_goes_on_and_one_without_a_number_does_last() -> None:
    rungs = Rungs(2, 2)
    for trial in range(1, 7):
        rungs.enter(trial)
    told = [rungs.report(trial, 0, score) for trial, score in enumerate([None, None, float("nan"), None, 0.5, 0.6], 1)]
    assert told == [[], [], [], [Entry(3, 1, 4)], [], [Entry(5, 1, 6)]]


def test_somebody_reaches_the_top_where_there_are_few() -> None:
    rungs = Rungs(3, 3)
    for trial in (1, 2, 3, 4):
        rungs.enter(trial)
    assert rungs.close() == []
    assert [rungs.report(trial, 0, float(trial)) for trial in (1, 2, 3, 4)] == [[], [], [Entry(1, 1, 3)], []]
    assert rungs.report(1, 1, 1.0) == [Entry(1, 2, 4)]
    assert rungs.report(1, 2, 1.0) == []


# --- the scheduler ------------------------------------------------------------------------------------------------------


def test_steps_as_a_run_gets_them() -> None:
    scheduler = AshaParams(3, 3, 4).plan(SPACE, 0, 2).scheduler()
    step = scheduler.start()
    assert [number for number, _ in step.trials] == [1, 2, 3, 4]
    assert step.tasks[2] == Task(3, 1, 0, 3, {"i": 0}, (5, 0), (0, -3))
    assert scheduler.report(2, 0.1) == Step()
    assert scheduler.report(1, 0.2) == Step(milestone=Milestone("2 of 4 configurations", "gone on: 0 to i=1"))
    # With a window of 2 trial 3 stands at 5 and what its end has brought up at 3 + 2 * 3.
    assert scheduler.report(3, 0.3).tasks == (Task(2, 3, 1, 0, {"i": 1}, (9, 1), (1, -3)),)
    with pytest.raises(ValueError, match="trial 3 is not training"):
        scheduler.report(3, 0.3)
    assert scheduler.report(4, None).milestone == Milestone("4 of 4 configurations", "gone on: 1 to i=1")
    assert scheduler.report(2, 0.1) == Step()


def test_a_small_space_is_tried_as_a_whole() -> None:
    for params in (AshaParams(9, 3), AshaParams(9, 3).without_end(), AshaParams(9, 3, sampler="tpe")):
        scheduler = params.plan(SIX, 0, 2).scheduler()
        assert scheduler.count == 6
        search = ScheduledSearch(scheduler, Simulation(LAYOUT, (None,) * 3), loss)
        search.run()
        assert len(set(search.trials.values())) == 6
        assert max(each.task.iterations for each in search.retired) == 9


# --- the same search whoever is faster ----------------------------------------------------------------------------------


Made = set[tuple[int, int, float | None]]  # trial, rung, score
Score = Callable[[int, int], float | None]


def reference(configurations: int, rungs: Sequence[tuple[int, int]], eta: int, score: Score) -> Made:
    """Which trial trains in which rung, by the words of the rule, rung after rung, each of them looked at as a whole."""
    sequence = list(range(1, configurations + 1))
    made: Made = set()
    for number, (iterations, offset) in enumerate(rungs):
        scores = {trial: score(trial, offset + iterations) for trial in sequence}
        made |= {(trial, number, scores[trial]) for trial in sequence}
        ranked = [trial for _, trial in sorted((each, trial) for trial, each in scores.items() if each is not None)]
        above: list[int] = []
        for group in range(eta, len(sequence) + 1, eta):
            above += [trial for trial in ranked if trial in sequence[:group] and trial not in above][:1]
        sequence = above or ranked[:1]
    return made


@pytest.mark.parametrize("score", [loss, half_fail])
@pytest.mark.parametrize("sessions", [1, 2, 64])
def test_who_goes_on_is_what_the_rule_says_whoever_is_faster(sessions: int, score: Callable[[int, int], float | None]) -> None:
    expected = reference(60, [(1, 0), (3, 1), (9, 4), (27, 13)], 3, score)
    orders = set()
    for seed in range(4):
        scheduler = AshaParams(27, 3, 60).plan(SPACE, 1, 4).scheduler()
        search = ScheduledSearch(scheduler, Simulation(LAYOUT, (None,) * sessions, restless_cost(seed)), score)
        search.run()
        assert {(each.task.trial, each.task.place["i"], each.score) for each in search.ended} == expected
        orders.add(tuple((each.task.trial, each.task.place["i"]) for each in search.retired))
    assert len(orders) == 1
    assert len(next(iter(orders))) == len(expected)


def prefix(params: AshaParams, sessions: int, seed: int, seconds: float) -> list[Retired]:
    """What has retired of a search without end, which begins no more trials after so many seconds."""
    simulation = Simulation(LAYOUT, (None,) * sessions, lognormal_cost(seed))
    search = ScheduledSearch(params.plan(SPACE, 3, 4).scheduler(), simulation, loss, seconds)
    search.run()
    assert max(search.trials) > 20
    return search.retired


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_that_is_ended_is_a_prefix_of_one_that_is_not(sampler: str) -> None:
    params = AshaParams(9, 3, 40 if sampler == "tpe" else None, sampler).without_end()
    whole = prefix(params, 1, 0, 600.0)
    for sessions, seed in ((1, 1), (2, 2), (8, 3), (64, 4)):
        found = prefix(params, sessions, seed, 600.0 / sessions)
        assert found[: len(whole)] == whole[: len(found)]


def test_a_search_without_end_keeps_sessions_busy() -> None:
    simulation = Simulation(LAYOUT, (None,) * 8, lognormal_cost(1))
    search = ScheduledSearch(AshaParams(27, 3).without_end().plan(SPACE, 3, 8).scheduler(), simulation, loss, 400.0)
    search.run()
    busy = sum(min(event.end, 400.0) - event.begin for event in simulation.past if event.begin < 400.0)
    assert busy / (8 * 400.0) > 0.99


def rate(configuration: Configuration) -> float:
    """The distance of the learning rate from 0.01, in decades."""
    return abs(math.log10(parse_compile_params(configuration.compile_params).optimizer_params["lr"]) + 2)


def proposed(sessions: int, seed: int) -> list[Configuration]:
    """What a search by TPE tries."""
    simulation = Simulation(LAYOUT, (None,) * sessions, restless_cost(seed))
    scheduler = AshaParams(9, 3, 45, "tpe").plan(SPACE, 5, 4).scheduler()
    search = ScheduledSearch(scheduler, simulation, lambda trial, iteration: rate(search.trials[trial]) + 1 / iteration)
    search.run()
    return [search.trials[trial] for trial in sorted(search.trials)]


def test_tpe_proposes_the_same_whoever_is_faster_and_learns() -> None:
    tried = proposed(1, 1)
    assert tried == proposed(3, 2) == proposed(64, 3)
    late = sorted(rate(each) for number, each in enumerate(tried, 1) if number > 20 and number % 3)
    assert late[len(late) // 2] < 0.35  # at random it is 0.5


def test_one_in_three_is_drawn_at_random() -> None:
    drawn = sorted(rate(each) for number, each in enumerate(proposed(1, 1), 1) if number % 3 == 0)
    assert 0.3 < drawn[len(drawn) // 2] < 0.7
