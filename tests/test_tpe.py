"""Hyperopt: its parameters, the order in which trials are proposed, and that TPE learns; without a database."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from automl.errors import AutomlError
from automl.search import steering
from automl.search.hyperopt import HyperoptParams, TpePlan
from automl.search.methods import METHODS, Params
from automl.search.parameters import parse_compile_params
from automl.search.scheduler import Milestone, Scheduler, Step
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space

COMPILE = """{'loss': ['mse'], 'metrics': ['mae'], 'optimizer_params_list': [
    {'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']},
    {'optimizer': ['SGD', 'RMSprop'], 'lr': [0.001, 0.1, 'log'], 'momentum': [0.9, 0.99, 'log_near_one']}]}"""
FIT = "{'batch_size': [4, 64, 'log'], 'epochs': [1, 2]}"
SPACE = parse_space([1, 2], COMPILE, FIT)
SIX = parse_space([1], "{'loss': ['mse'], 'optimizer': ['Adam', 'Nadam', 'SGD']}", "{'batch_size': [4, 8]}")

Loss = Callable[[Configuration], float | None]


def rate(configuration: Configuration) -> float:
    """The distance of the learning rate from 0.01, in decades."""
    return abs(math.log10(parse_compile_params(configuration.compile_params).optimizer_params["lr"]) + 2)


def finish(
    scheduler: Scheduler, loss: Loss, pick: Callable[[int], int] = lambda count: 0
) -> tuple[dict[int, Configuration], list[Milestone]]:
    """Report trials until none is left; `pick` says which of those under way is next."""
    step = scheduler.start()
    trials, milestones, going = dict(step.trials), [], [task.trial for task in step.tasks]
    while going:
        key = going.pop(pick(len(going)))
        step = scheduler.report(key, loss(trials[key]))
        trials.update(step.trials)
        going += [task.trial for task in step.tasks]
        milestones += [step.milestone] if step.milestone else []
    return trials, milestones


# --- parameters ---------------------------------------------------------------------------------------------------------


OTHERS = ", ".join(steering.KEYS)


def parse_params(text: str | None) -> Params:
    return METHODS["hyperopt"].read(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, HyperoptParams(20, 5, "tpe")),
        ("", HyperoptParams(20, 5, "tpe")),
        ("num_configs=7", HyperoptParams(7, 5, "tpe")),
        ("algorithm=rand", HyperoptParams(20, 5, "rand")),
        ("NUM_ITERATIONS = 3 ,Algorithm=TPE", HyperoptParams(20, 3, "tpe")),
        ("algorithm='Rand', num_configs=1, num_iterations=1", HyperoptParams(1, 1, "rand")),
    ],
)
def test_every_parameter_has_the_default_of_the_page(text: str | None, expected: HyperoptParams) -> None:
    assert parse_params(text) == expected


def test_parameters_are_shown_as_they_are_written() -> None:
    assert str(HyperoptParams()) == "num_configs=20, num_iterations=5, algorithm=tpe"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_configs=0", "\"num_configs\" must be an integer from 1 to 100000, got '0'"),
        ("num_configs=2.5", "\"num_configs\" must be an integer from 1 to 100000, got '2.5'"),
        ("num_configs=100001", "\"num_configs\" must be an integer from 1 to 100000, got '100001'"),
        ("num_iterations=-1", "\"num_iterations\" must be an integer from 1 to 1000000, got '-1'"),
        ("algorithm=atpe", "\"algorithm\" must be 'tpe' or 'rand', got 'atpe'"),
        (
            "num_config=2",
            f'"num_config" is not one of num_configs, num_iterations, algorithm, {OTHERS}; did you mean "num_configs"?',
        ),
        ("R=9", f'"R" is not one of num_configs, num_iterations, algorithm, {OTHERS}'),
        ("num_configs=2, Num_Configs=3", '"num_configs" must be given once'),
        ("num_configs", "must be key=value pairs separated by commas, got 'num_configs'"),
    ],
)
def test_parameters_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(AutomlError) as error:
        parse_params(text)
    assert error.value.message == f"automl_params: {message}"


def test_all_problems_of_the_parameters_are_told_at_once() -> None:
    with pytest.raises(AutomlError) as error:
        parse_params("num_configs=0, algorithm=x")
    assert error.value.message.splitlines()[0] == "2 problems were found:"


# --- who is proposed when -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "starts"), [(1, 1), (3, 1), (8, 2), (20, 5), (40, 10), (1000, 10)])
def test_tpe_begins_within_the_first_trials(wanted: int, starts: int) -> None:
    assert TpePlan(wanted, 1, 2, SPACE, 0).starts == starts


def test_the_trials_of_the_beginning_come_at_once_and_each_later_one_as_soon_as_it_may() -> None:
    scheduler = TpePlan(planned_trials=6, max_iterations=3, window=2, space=SPACE, seed=0).scheduler()

    def keys(step: Step) -> list[int]:
        assert [key for key, _ in step.trials] == [task.trial for task in step.tasks]
        assert all((task.iterations, task.offset, task.place) == (3, 0, {}) for task in step.tasks)
        return [task.trial for task in step.tasks]

    # One trial at random; trial 2 knows none, trial 3 the first, trial 4 the first two.
    assert keys(scheduler.start()) == [1, 2]
    assert keys(scheduler.report(2, 0.5)) == []
    assert keys(scheduler.report(1, 0.4)) == [3, 4]
    assert keys(scheduler.report(3, 0.3)) == [5]
    assert keys(scheduler.report(5, 0.3)) == []
    assert keys(scheduler.report(4, 0.3)) == [6]
    assert keys(scheduler.report(6, 0.3)) == []


@pytest.mark.parametrize("window", [1, 2, 3, 8])
def test_the_trials_do_not_depend_on_the_order_of_reports(window: int) -> None:
    plan = TpePlan(20, 1, window, SPACE, 7)
    first, _ = finish(plan.scheduler(), rate)
    last, _ = finish(plan.scheduler(), rate, lambda count: count - 1)
    drawn = random.Random(3)
    mixed, _ = finish(plan.scheduler(), rate, drawn.randrange)
    assert list(first) == [*range(1, 21)]
    assert first == last == mixed
    assert len(set(first.values())) == 20


def test_a_seed_gives_the_same_trials_and_0_is_one() -> None:
    runs = [tuple(finish(TpePlan(8, 1, 2, SPACE, seed).scheduler(), rate)[0].values()) for seed in (0, 0, 1, 2)]
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


def _bad_at_1(bad: float | None, configuration: Configuration) -> float | None:
    return bad if configuration.model_id == 1 else rate(configuration)


def test_failed_trials_and_losses_that_are_no_numbers_count_as_the_worst() -> None:
    results: list[float | None] = [None, math.nan, math.inf]
    runs = [finish(TpePlan(12, 1, 2, SPACE, 7).scheduler(), partial(_bad_at_1, bad))[0] for bad in results]
    assert runs[0] == runs[1] == runs[2]


def test_global_generators_are_left_alone() -> None:
    before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    finish(TpePlan(10, 1, 2, SPACE, 7).scheduler(), rate)
    assert (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()) == before


def test_a_trial_cannot_report_twice_or_before_it_trains() -> None:
    scheduler = TpePlan(6, 1, 2, SPACE, 0).scheduler()
    scheduler.start()
    scheduler.report(1, 0.1)
    for key in (1, 6, 0):
        with pytest.raises(ValueError, match=f"trial {key} is not training"):
            scheduler.report(key, 0.1)


@pytest.mark.parametrize(("wanted", "expected"), [(3, [1, 2, 3]), (20, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]), (25, [3, 6, 9])])
def test_milestones_come_about_ten_times(wanted: int, expected: Sequence[int]) -> None:
    _, milestones = finish(TpePlan(wanted, 4, 2, SPACE, 0).scheduler(), rate)
    told = [f"{count} of {wanted} trials" for count in expected]
    assert [milestone.name for milestone in milestones][: len(told)] == told
    assert milestones[-1] == Milestone(f"{wanted} of {wanted} trials", "4 iterations each")


# --- small spaces -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["tpe", "rand"])
@pytest.mark.parametrize(("wanted", "there"), [(1, 1), (5, 5), (6, 6), (7, 6), (500, 6)])
def test_a_small_space_is_exhausted_without_duplicates(algorithm: str, wanted: int, there: int) -> None:
    scheduler = HyperoptParams(wanted, 1, algorithm).plan(SIX, 0, 2).scheduler()
    assert scheduler.count == there
    trials, _ = finish(scheduler, lambda each: float(len(each.compile_params)))
    assert len(set(trials.values())) == len(trials) == there


def test_a_space_without_a_choice() -> None:
    only = parse_space([1], "{'loss': ['mse']}", "{'epochs': [1]}")
    trials, _ = finish(HyperoptParams(20, 1).plan(only, 0, 2).scheduler(), lambda each: 1.0)
    assert trials == {1: Configuration(1, "optimizer='RMSprop()',loss='mse'", "epochs=1")}


def test_a_range_of_few_numbers_is_exhausted_as_well() -> None:
    next_one = math.nextafter(0.1, 1)
    grid = f"{{'loss': ['mse'], 'optimizer_params_list': [{{'lr': [0.1, {next_one!r}, 'linear']}}]}}"
    trials, milestones = finish(TpePlan(8, 1, 2, parse_space([1], grid, "{'epochs': [1]}"), 0).scheduler(), lambda each: 1.0)
    assert len(trials) == 2
    assert milestones[-1].name == "2 of 2 trials"


def test_random_search_is_what_hyperband_draws() -> None:
    trials, _ = finish(HyperoptParams(9, 1, "rand").plan(SPACE, 4, 2).scheduler(), lambda each: 1.0)
    assert tuple(trials.values()) == SPACE.sample(9, 4)


# --- learning -----------------------------------------------------------------------------------------------------------


def test_tpe_finds_better_ones_than_chance() -> None:
    # The same 20 trials; the sum over seeds of the lowest losses, which chance misses by far.
    found = {
        algorithm: [
            min(map(rate, finish(HyperoptParams(20, 1, algorithm).plan(SPACE, seed, 2).scheduler(), rate)[0].values()))
            for seed in range(20)
        ]
        for algorithm in ("tpe", "rand")
    }
    assert sum(found["tpe"]) < 0.7 * sum(found["rand"])


def test_within_the_default_trials_tpe_turns_to_the_better_half() -> None:
    # A choice that decides everything: of the trials after the beginning most take the better value.
    def by_model(each: Configuration) -> float:
        return float(each.model_id)

    later = [
        [each.model_id for each in finish(TpePlan(20, 1, 2, SPACE, seed).scheduler(), by_model)[0].values()][8:]
        for seed in range(10)
    ]
    assert sum(models.count(1) for models in later) > 0.65 * sum(map(len, later))
