"""The ladder of Hyperband: its plan against the page's tables, its parameters, and who goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from automl.errors import AutomlError
from automl.search import steering
from automl.search.hyperband import HyperbandParams, largest_bracket, schedule, schedule_params
from automl.search.ladder import Assignment, Ladder, Rung, allotted
from automl.search.methods import METHODS, Params

# --- the plan -----------------------------------------------------------------------------------------------------------

PLANS = {  # (R, eta, skip_last): (s, [(n_i, r_i), ...])
    (81, 3, 0): [
        (4, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),
        (3, [(27, 3), (9, 9), (3, 27), (1, 81)]),
        (2, [(9, 9), (3, 27), (1, 81)]),
        (1, [(6, 27), (2, 81)]),
        (0, [(5, 81)]),
    ],
    (9, 3, 0): [(2, [(9, 1), (3, 3), (1, 9)]), (1, [(3, 3), (1, 9)]), (0, [(3, 9)])],
    (9, 3, 1): [(2, [(9, 1), (3, 3)]), (1, [(3, 3)])],
    (9, 3, 2): [(2, [(9, 1)])],
    (6, 3, 0): [(1, [(3, 2), (1, 6)]), (0, [(2, 6)])],
    (5, 5, 0): [(1, [(5, 1), (1, 5)]), (0, [(2, 5)])],
    (5, 5, 1): [(1, [(5, 1)])],
    (2, 2, 0): [(1, [(2, 1), (1, 2)]), (0, [(2, 2)])],
    (10, 3, 0): [(2, [(9, 1), (3, 3), (1, 10)]), (1, [(3, 3), (1, 10)]), (0, [(3, 10)])],
    (100, 4, 0): [
        (3, [(64, 2), (16, 6), (4, 25), (1, 100)]),
        (2, [(16, 6), (4, 25), (1, 100)]),
        (1, [(8, 25), (2, 100)]),
        (0, [(4, 100)]),
    ],
    (49, 7, 0): [(2, [(49, 1), (7, 7), (1, 49)]), (1, [(7, 7), (1, 49)]), (0, [(3, 49)])],
    (343, 7, 0): [
        (3, [(343, 1), (49, 7), (7, 49), (1, 343)]),
        (2, [(49, 7), (7, 49), (1, 343)]),
        (1, [(14, 49), (2, 343)]),
        (0, [(4, 343)]),
    ],
    (243, 3, 0): [
        (5, [(243, 1), (81, 3), (27, 9), (9, 27), (3, 81), (1, 243)]),
        (4, [(81, 3), (27, 9), (9, 27), (3, 81), (1, 243)]),
        (3, [(27, 9), (9, 27), (3, 81), (1, 243)]),
        (2, [(18, 27), (6, 81), (2, 243)]),
        (1, [(9, 81), (3, 243)]),
        (0, [(6, 243)]),
    ],
    (1000, 10, 0): [
        (3, [(1000, 1), (100, 10), (10, 100), (1, 1000)]),
        (2, [(100, 10), (10, 100), (1, 1000)]),
        (1, [(20, 100), (2, 1000)]),
        (0, [(4, 1000)]),
    ],
    (729, 9, 0): [
        (3, [(729, 1), (81, 9), (9, 81), (1, 729)]),
        (2, [(81, 9), (9, 81), (1, 729)]),
        (1, [(18, 81), (2, 729)]),
        (0, [(4, 729)]),
    ],
}


@pytest.mark.parametrize("params", PLANS, ids=str)
def test_schedule(params: tuple[int, int, int]) -> None:
    planned = [(s, i, n, r) for s, rounds in PLANS[params] for i, (n, r) in enumerate(rounds)]
    assert [(rung.bracket, rung.round, rung.configurations, rung.iterations) for rung in schedule(*params)] == planned


@pytest.mark.parametrize(
    ("R", "eta", "last"), [(729, 3, [1, 1, 1, 1, 2, 3, 7]), (343, 7, [1, 1, 2, 4]), (729, 9, [1, 1, 2, 4])]
)
def test_the_last_round_of_a_bracket_is_never_empty(R: int, eta: int, last: list[int]) -> None:
    rungs = schedule(R, eta, 0)
    assert [rung.configurations for rung in rungs if rung.round == rung.bracket] == last


@pytest.mark.parametrize(
    ("params", "offsets"),
    [
        ((9, 3, 0), [0, 1, 4, 1, 4, 4]),
        ((9, 3, 1), [0, 1, 1]),
        ((6, 3, 0), [0, 2, 2]),
        ((81, 3, 0), [0, 1, 4, 13, 40, 1, 4, 13, 40, 4, 13, 40, 13, 40, 40]),
        ((100, 4, 0), [0, 2, 8, 33, 2, 8, 33, 8, 33, 33]),
    ],
)
def test_offsets_on_the_axis_of_the_page(params: tuple[int, int, int], offsets: list[int]) -> None:
    assert [rung.offset for rung in schedule(*params)] == offsets


@pytest.mark.parametrize(
    ("R", "eta", "s_max"), [(243, 3, 5), (242, 3, 4), (1000, 10, 3), (999, 10, 2), (81, 3, 4), (2, 2, 1), (3, 2, 1)]
)
def test_largest_bracket_takes_no_logarithm(R: int, eta: int, s_max: int) -> None:
    assert largest_bracket(R, eta) == s_max


def test_rounding_is_half_up() -> None:
    # 5 * 2 / 4 = 2.5 and 5 / 4 = 1.25
    assert [rung.iterations for rung in schedule(5, 2, 0) if rung.bracket == 2] == [1, 3, 5]


@pytest.mark.parametrize(
    ("text", "count"), [("R=81", 128), ("R=9", 15), (None, 5), ("R=5,eta=5", 7), ("R=5,eta=5,skip_last=1", 5)]
)
def test_configurations(text: str | None, count: int) -> None:
    params = parse_params(text)
    assert isinstance(params, HyperbandParams)
    assert params.configurations == count


# --- the parameters -----------------------------------------------------------------------------------------------------


OF_EVERY_METHOD = ", ".join(steering.KEYS)


def parse_params(text: str | None) -> Params:
    return METHODS["hyperband"].read(text)[0]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (None, HyperbandParams(6, 3, 0)),
        ("", HyperbandParams(6, 3, 0)),
        ("  ", HyperbandParams(6, 3, 0)),
        ("R=9, eta=3, skip_last=0", HyperbandParams(9, 3, 0)),
        ("R=9", HyperbandParams(9, 3, 0)),
        ("skip_last=1", HyperbandParams(6, 3, 1)),
        ("eta=2", HyperbandParams(6, 2, 0)),
        (" r = 16 ,ETA=4,\nSkip_Last=2", HyperbandParams(16, 4, 2)),
        ("R=+9", HyperbandParams(9, 3, 0)),
    ],
)
def test_parse_params(text: str | None, params: HyperbandParams) -> None:
    assert parse_params(text) == params


def test_params_print_as_the_page_writes_them() -> None:
    assert str(parse_params("r=9")) == "R=9, eta=3, skip_last=0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("eta=1", 'automl_params: "eta" must be an integer of at least 2, got 1'),
        ("eta=-3", 'automl_params: "eta" must be an integer of at least 2, got -3'),
        ("eta=2.5", "automl_params: \"eta\" must be an integer of at least 2, got '2.5'"),
        ("R=nine", "automl_params: \"R\" must be an integer of at least eta, got 'nine'"),
        ("R=1_000", "automl_params: \"R\" must be an integer of at least eta, got '1_000'"),
        ("R=2", 'automl_params: "R" must be an integer of at least eta (3), got 2'),
        ("R=0, eta=2", 'automl_params: "R" must be an integer of at least eta (2), got 0'),
        ("skip_last=-1", 'automl_params: "skip_last" must be an integer from 0 to 1, got -1'),
        ("R=9, skip_last=3", 'automl_params: "skip_last" must be an integer from 0 to 2, got 3'),
        ("R=1000001, eta=1000000", 'automl_params: "R" must be at most 1000000, got 1000001'),
        (
            "R=65536, eta=2",
            'automl_params: "R" must plan at most 100000 configurations, and plans 131397 configurations with eta=2, got 65536',
        ),
        (
            "etta=2",
            f'automl_params: "etta" is not one of R, eta, skip_last, brackets, sampler, {OF_EVERY_METHOD}; did you mean "eta"?',
        ),
        (
            "num_configs=20",
            f'automl_params: "num_configs" is not one of R, eta, skip_last, brackets, sampler, {OF_EVERY_METHOD}',
        ),
        ("R=9, r=9", 'automl_params: "R" must be given once'),
        ("R=9,", "automl_params: must be key=value pairs separated by commas, got 'R=9,'"),
        ("R", "automl_params: must be key=value pairs separated by commas, got 'R'"),
        ("R==9", "automl_params: must be key=value pairs separated by commas, got 'R==9'"),
        (
            "R=x, eta=y",
            "2 problems were found:\n"
            "  automl_params: \"R\" must be an integer of at least eta, got 'x'\n"
            "  automl_params: \"eta\" must be an integer of at least 2, got 'y'",
        ),
    ],
)
def test_params_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(AutomlError) as error:
        parse_params(text)
    assert (error.value.message, error.value.sqlstate) == (message, "22023")


@pytest.mark.parametrize(
    ("given", "message", "sqlstate"),
    [
        ((None, 3, 0), "R: must be an integer of at least eta, got NULL", "22004"),
        ((9, None, 0), "eta: must be an integer of at least 2, got NULL", "22004"),
        ((9, 3, None), "skip_last: must be an integer of at least 0, got NULL", "22004"),
        ((9, 1, 0), "eta: must be an integer of at least 2, got 1", "22023"),
        ((2, 3, 0), "R: must be an integer of at least eta (3), got 2", "22023"),
        ((81, 3, 5), "skip_last: must be an integer from 0 to 4, got 5", "22023"),
    ],
)
def test_arguments_of_hyperband_schedule(given: tuple[int | None, int | None, int | None], message: str, sqlstate: str) -> None:
    with pytest.raises(AutomlError) as error:
        schedule_params(*given)
    assert (error.value.message, error.value.sqlstate) == (message, sqlstate)


def test_arguments_of_hyperband_schedule_that_keep_the_rules() -> None:
    assert schedule_params(9, 3, 1) == HyperbandParams(9, 3, 1)


# --- the promoter -------------------------------------------------------------------------------------------------------

NINE = HyperbandParams(9, 3, 0)
KEYS = range(1, 16)


def ladder(params: HyperbandParams = NINE, keys: range = KEYS) -> Ladder:
    return Ladder(params.rungs, allotted(params.rungs, keys))


def report(ladder: Ladder, losses: Mapping[int, float | None]) -> tuple[Assignment, ...]:
    """Report all losses; only the last one may finish the rung."""
    *others, last = losses
    for key in others:
        assert ladder.report(key, losses[key]).finished is None
    return ladder.report(last, losses[last]).assignments


def test_brackets_get_their_keys_as_on_the_page() -> None:
    assert allotted(NINE.rungs, KEYS) == {2: (1, 2, 3, 4, 5, 6, 7, 8, 9), 1: (10, 11, 12), 0: (13, 14, 15)}


def test_all_brackets_start_at_once() -> None:
    first = {2: Rung(2, 0, 9, 1, 0), 1: Rung(1, 0, 3, 3, 1), 0: Rung(0, 0, 3, 9, 4)}
    assert ladder().start() == (
        *(Assignment(key, first[2]) for key in range(1, 10)),
        *(Assignment(key, first[1]) for key in (10, 11, 12)),
        *(Assignment(key, first[0]) for key in (13, 14, 15)),
    )


def test_the_best_third_goes_on() -> None:
    climbing = ladder()
    losses = {1: 0.9, 2: 0.8, 3: 0.1, 4: 0.7, 5: 0.3, 6: 0.6, 7: 0.2, 8: 0.5, 9: 0.4}
    assert report(climbing, losses) == tuple(Assignment(key, Rung(2, 1, 3, 3, 1)) for key in (3, 7, 5))
    assert report(climbing, {5: 0.1, 3: 0.2, 7: 0.3}) == (Assignment(5, Rung(2, 2, 1, 9, 4)),)
    assert report(climbing, {5: 0.05}) == ()


def test_progress_tells_what_a_round_came_to() -> None:
    climbing = ladder()
    for key, loss in ((10, 0.3), (12, 0.1)):
        assert climbing.report(key, loss).ranking == ()
    progress = climbing.report(11, 0.2)
    assert progress.finished == Rung(1, 0, 3, 3, 1)
    assert progress.ranking == (12, 11, 10)
    last = climbing.report(12, 0.1)
    assert (last.finished, last.ranking, last.assignments) == (Rung(1, 1, 1, 9, 4), (12,), ())


def test_only_survivors_of_a_round_compete_in_the_next() -> None:
    # 4 had the fourth best loss of the first round; what it had is better than what the survivors have now, and stays without.
    climbing = ladder()
    report(climbing, {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5, 6: 0.6, 7: 0.7, 8: 0.8, 9: 0.9})
    assert report(climbing, {1: 5.0, 2: 6.0, 3: 7.0}) == (Assignment(1, Rung(2, 2, 1, 9, 4)),)


def test_ties_go_to_the_smaller_key() -> None:
    climbing = ladder()
    assert report(climbing, {12: 0.5, 11: 0.5, 10: 0.5}) == (Assignment(10, Rung(1, 1, 1, 9, 4)),)


def test_nan_ranks_after_every_number_and_failures_after_nan() -> None:
    climbing = ladder()
    for key, loss in {1: None, 2: math.nan, 3: math.inf, 4: 1.0, 5: None, 6: -math.inf, 7: -1.0, 8: 2.0}.items():
        climbing.report(key, loss)
    progress = climbing.report(9, 0.0)
    assert progress.ranking == (7, 9, 4, 8, 3, 2, 6, 1, 5)
    assert [assignment.trial for assignment in progress.assignments] == [7, 9, 4]


def test_failed_trials_are_never_promoted() -> None:
    climbing = ladder()
    losses: dict[int, float | None] = dict.fromkeys(range(1, 10))
    assert [assignment.trial for assignment in report(climbing, losses | {4: 0.5, 6: math.nan})] == [4, 6]
    assert report(climbing, {4: None, 6: None}) == ()


def test_a_bracket_of_failures_ends() -> None:
    climbing = ladder()
    for key in (10, 11):
        climbing.report(key, None)
    progress = climbing.report(12, None)
    assert progress.finished == Rung(1, 0, 3, 3, 1)
    assert (progress.assignments, progress.ranking) == ((), (10, 11, 12))


def test_iterations_after_a_rung() -> None:
    climbing = ladder()
    assert [climbing.iterations_after(rung) for rung in NINE.rungs] == [12, 9, 0, 9, 0, 0]


def test_skip_last_ends_brackets_early() -> None:
    climbing = ladder(HyperbandParams(9, 3, 1), range(1, 13))
    assert report(climbing, {10: 0.1, 11: 0.2, 12: 0.3}) == ()


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        (15, [(2, 9), (2, 3), (2, 1), (1, 3), (1, 1), (0, 3)]),
        (14, [(2, 8), (2, 3), (2, 1), (1, 3), (1, 1), (0, 3)]),
        (8, [(2, 2), (2, 2), (2, 1), (1, 3), (1, 1), (0, 3)]),
        (5, [(1, 2), (1, 1), (0, 3)]),
        (4, [(1, 1), (1, 1), (0, 3)]),
        (2, [(0, 2)]),
        (0, []),
    ],
)
def test_fewer_configurations_than_planned_train_for_longer(count: int, rounds: list[tuple[int, int]]) -> None:
    climbing = ladder(keys=range(1, count + 1))
    going, finished = list(climbing.start()), []
    while going:
        progress = climbing.report(going.pop(0).trial, 0.1)
        going += progress.assignments
        finished += [(progress.finished, len(progress.ranking))] if progress.finished else []
    by_bracket = sorted(finished, key=lambda each: (-each[0].bracket, each[0].round))
    assert [(rung.bracket, trials) for rung, trials in by_bracket] == rounds


def test_of_four_configurations_three_train_for_all_iterations_at_once_and_one_in_two_rounds() -> None:
    climbing = ladder(keys=range(1, 5))
    assert climbing.start() == (
        Assignment(1, Rung(1, 0, 3, 3, 1)),
        *(Assignment(key, Rung(0, 0, 3, 9, 4)) for key in (2, 3, 4)),
    )
    assert climbing.report(1, 0.9).assignments == (Assignment(1, Rung(1, 1, 1, 9, 4)),)


def test_a_ladder_without_trials_has_nothing_to_train() -> None:
    assert ladder(keys=range(0)).start() == ()


@pytest.mark.parametrize(("key", "message"), [(99, "trial 99 is not on the ladder"), (2, "trial 2 is not training")])
def test_reports_that_cannot_be(key: int, message: str) -> None:
    climbing = ladder()
    climbing.report(2, 0.1)
    with pytest.raises(ValueError, match=message):
        climbing.report(key, 0.1)


def test_more_trials_than_planned() -> None:
    with pytest.raises(ValueError, match="more trials than planned"):
        Ladder(NINE.rungs, {0: (1, 2, 3, 4)})
