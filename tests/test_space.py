"""The search space: what grids span, drawing from it, and what every slip is told."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from automl.errors import AutomlError, UsageError
from automl.search.dimensions import Choice, Uniform
from automl.search.parameters import parse_compile_params, parse_fit_params
from automl.search.space import Configuration, OptimizerSpace, Point, Space
from automl.search.space_arguments import parse_space

PAGE_COMPILE = """
{'loss': ['categorical_crossentropy'],
'optimizer_params_list': [
{'optimizer': ['SGD'], 'lr': [0.0001, 0.001, 'log'], 'momentum': [0.95, 0.99, 'log_near_one']},
{'optimizer': ['Adam'], 'lr': [0.01, 0.1, 'log'], 'decay': [1e-6, 1e-4, 'log']}],
'metrics': ['accuracy']
}
"""
PAGE_FIT = "{'batch_size': [32, 64, 128, 256],\n'epochs': [10, 20, 30]\n}"
LOSS = "{'loss': ['mse']}"
FIT = "{'batch_size': [8]}"


def optimizer_space(*keys: str) -> Space:
    """The space of one entry of `optimizer_params_list` with these keys."""
    return parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{" + ", ".join(keys) + "}]}", FIT)


# --- reading ------------------------------------------------------------------------------------------------------------


def test_the_grids_of_the_page() -> None:
    assert parse_space([2, 1], PAGE_COMPILE, PAGE_FIT) == Space(
        model_ids=(1, 2),
        optimizers=(
            OptimizerSpace(
                Choice(("SGD",)),
                (("lr", Uniform(0.0001, 0.001, "log")), ("momentum", Uniform(0.95, 0.99, "log_near_one"))),
            ),
            OptimizerSpace(Choice(("Adam",)), (("lr", Uniform(0.01, 0.1, "log")), ("decay", Uniform(1e-6, 1e-4, "log")))),
        ),
        compile_params=(("loss", Choice(("categorical_crossentropy",))), ("metrics", Choice((["accuracy"],)))),
        fit_params=(("batch_size", Choice((32, 64, 128, 256))), ("epochs", Choice((10, 20, 30)))),
    )


@pytest.mark.parametrize(
    ("grid", "names"),
    [
        ("{'loss': ['mse']}", ("RMSprop",)),
        ("{'loss': ['mse'], 'optimizer': ['SGD', 'adam']}", ("SGD", "adam")),
        ("{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.1]}]}", ("RMSprop",)),
        ("{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD', 'AdamW'], 'lr': [0.1]}]}", ("SGD", "AdamW")),
    ],
)
def test_optimizers(grid: str, names: tuple[str, ...]) -> None:
    (optimizer,) = parse_space([1], grid, FIT).optimizers
    assert optimizer.names == Choice(names)


@pytest.mark.parametrize(
    ("key", "values", "dimension"),
    [
        ("lr", "[0.1, 0.01]", Choice((0.1, 0.01))),
        ("lr", "[0.1]", Choice((0.1,))),
        ("lr", "[0, 1, 'linear']", Uniform(0, 1, "linear")),
        ("lr", "[0.01, 0.1, 'log']", Uniform(0.01, 0.1, "log")),
        ("momentum", "[0, 0.9, 'log_near_one']", Uniform(0, 0.9, "log_near_one")),
        ("clipnorm", "[0.9, None]", Choice((0.9, None))),
        ("clipnorm", "[1, 1.0, True]", Choice((1, 1.0, True))),
        ("nesterov", "[True, False, True]", Choice((True, False))),
        ("name", "['a', 'b']", Choice(("a", "b"))),
        ("lr", "['ExponentialDecay(0.1, 100, 0.9)', 0.1]", Choice(("ExponentialDecay(0.1, 100, 0.9)", 0.1))),
        ("gradient_accumulation_steps", "[1, 4, 'linear']", Uniform(1, 4, "linear", integer=True)),
    ],
)
def test_values_of_an_optimizer(key: str, values: str, dimension: Choice | Uniform) -> None:
    (optimizer,) = optimizer_space(f"'{key}': {values}").optimizers
    assert repr(optimizer.params) == repr(((key, dimension),))  # repr tells 1 from True


@pytest.mark.parametrize(
    ("values", "dimension"),
    [
        ("['accuracy']", Choice((["accuracy"],))),
        ("['accuracy', 'AUC']", Choice((["accuracy"], ["AUC"]))),
        ("[['accuracy', 'AUC'], 'mae']", Choice((["accuracy", "AUC"], ["mae"]))),
        ("[None, 'accuracy']", Choice((None, ["accuracy"]))),
        ("[[]]", Choice(([],))),
    ],
)
def test_values_of_metrics(values: str, dimension: Choice) -> None:
    space = parse_space([1], "{'loss': ['mse'], 'metrics': " + values + "}", FIT)
    assert dict(space.compile_params)["metrics"] == dimension


@pytest.mark.parametrize(
    ("grid", "dimension"),
    [
        ("{'batch_size': [8, 64, 'log']}", Uniform(8, 64, "log", integer=True)),
        ("{'epochs': [1, 5, 'linear']}", Uniform(1, 5, "linear", integer=True)),
        ("{'shuffle': [True, False]}", Choice((True, False))),
        ("{'class_weight': [{0: 1, 1: 2.5}, None]}", Choice(({0: 1, 1: 2.5}, None))),
        ("{'steps_per_epoch': [None, 10]}", Choice((None, 10))),
    ],
)
def test_values_of_fit_params(grid: str, dimension: Choice | Uniform) -> None:
    ((_, found),) = parse_space([1], LOSS, grid).fit_params
    assert found == dimension


# --- dimensions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dimension", "quantile", "value"),
    [
        (Uniform(1.0, 3.0, "linear"), 0.25, 1.5),
        (Uniform(0.001, 0.1, "log"), 0.5, 0.01),
        (Uniform(0.9, 0.99, "log_near_one"), 0.5, 0.968377223398316),
        (Uniform(0.001, 0.1, "log"), 0.0, 0.001),
        (Uniform(0.9, 0.99, "log_near_one"), 0.999999999999, 0.99),
        (Choice(("a", "b", "c")), 0.34, "b"),
        (Choice(("a", "b", "c")), 0.999999999999, "c"),
    ],
)
def test_value_at_a_quantile(dimension: Choice | Uniform, quantile: float, value: object) -> None:
    assert dimension.at(quantile) == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        (Uniform(1, 4, "linear", integer=True), [1, 1, 2, 2, 3, 3, 4, 4]),
        (Uniform(1, 4, "log", integer=True), [1, 1, 1, 1, 2, 2, 3, 4]),
    ],
)
def test_integers_stay_integers_and_reach_both_bounds(dimension: Uniform, values: list[int]) -> None:
    found = [dimension.at(quantile) for quantile in (0.0, 0.125, 0.25, 0.42, 0.5, 0.65, 0.8, 0.999999999999)]
    assert found == values
    assert {type(value) for value in found} == {int}


@pytest.mark.parametrize("dimension", [Uniform(0.001, 0.1, "log"), Uniform(0.95, 0.99, "log_near_one"), Uniform(-1e308, 1e308)])
@pytest.mark.parametrize("quantile", [0.0, 2**-53, 0.5, 1 - 2**-53])
def test_values_stay_within_their_bounds(dimension: Uniform, quantile: float) -> None:
    assert dimension.low <= dimension.at(quantile) <= dimension.high


def test_a_continuum_cannot_be_listed() -> None:
    with pytest.raises(ValueError, match="is a continuum"):
        Uniform(0.0, 1.0).all()


# --- size and points ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_ids", "compile_grid", "fit_grid", "size"),
    [
        ([1, 2], PAGE_COMPILE, PAGE_FIT, None),
        ([1], LOSS, FIT, 1),
        ([1, 2], "{'loss': ['mse', 'mae'], 'optimizer': ['SGD', 'Adam']}", "{'batch_size': [8, 16, 32]}", 24),
        ([1], LOSS, "{'batch_size': [8, 64, 'log'], 'epochs': [1, 2]}", 114),
        (
            [1, 2],
            "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['SGD', 'Adam'], 'lr': [0.1, 0.2]}, {'rho': [0.9]}]}",
            FIT,
            10,
        ),
    ],
)
def test_size(model_ids: list[int], compile_grid: str, fit_grid: str, size: int | None) -> None:
    assert parse_space(model_ids, compile_grid, fit_grid).size == size


def test_points_are_all_combinations() -> None:
    space = parse_space([1, 2], "{'loss': ['mse'], 'optimizer': ['SGD', 'Adam']}", FIT)
    others = ((("loss", "mse"),), (("batch_size", 8),))
    assert list(space.points()) == [
        Point(1, 0, "SGD", (), *others),
        Point(2, 0, "SGD", (), *others),
        Point(1, 0, "Adam", (), *others),
        Point(2, 0, "Adam", (), *others),
    ]


# --- sampling -----------------------------------------------------------------------------------------------------------


def test_a_configuration_reads_as_on_the_page() -> None:
    compile_grid = "{'loss': ['mse'], 'optimizer_params_list': [{'optimizer': ['Adam'], 'lr': [0.01]}], 'metrics': ['mae']}"
    (configuration,) = parse_space([7], compile_grid, "{'batch_size': [4], 'epochs': [1]}").sample(1, 0)
    assert configuration == Configuration(7, "optimizer='Adam(lr=0.01)',loss='mse',metrics=['mae']", "batch_size=4,epochs=1")


def test_every_draw_is_readable_and_within_its_bounds() -> None:
    drawn = parse_space([1, 2], PAGE_COMPILE, PAGE_FIT).sample(300, 7)
    assert len(drawn) == len(set(drawn)) == 300
    for configuration in drawn:
        params, fit = parse_compile_params(configuration.compile_params), parse_fit_params(configuration.fit_params)
        low, high = {"SGD": (0.0001, 0.001), "Adam": (0.01, 0.1)}[params.optimizer]
        assert low <= params.optimizer_params["lr"] <= high
        assert (fit.batch_size, fit.epochs) in {(size, epochs) for size in (32, 64, 128, 256) for epochs in (10, 20, 30)}


def test_every_value_gets_its_share() -> None:
    drawn = parse_space([1, 2], PAGE_COMPILE, PAGE_FIT).sample(1200, 3)
    shares = Counter(parse_fit_params(configuration.fit_params).batch_size for configuration in drawn)
    assert {size: 240 <= count <= 360 for size, count in shares.items()} == {32: True, 64: True, 128: True, 256: True}


@pytest.mark.parametrize("seed", [0, 1, -1, 2**31 - 1])
def test_a_seed_gives_the_same_configurations(seed: int) -> None:
    space = parse_space([1, 2], PAGE_COMPILE, PAGE_FIT)
    assert space.sample(15, seed) == space.sample(15, seed)


def test_seeds_differ_and_0_is_one() -> None:
    space = parse_space([1, 2], PAGE_COMPILE, PAGE_FIT)
    assert len({space.sample(5, seed) for seed in (0, 1, -1, 2, 2**31 - 1, -(2**31))}) == 6


def test_a_seed_gives_these_configurations() -> None:
    # Literal, so that a change of the order or the kind of draws is seen: it would change what users' random_state means.
    space = parse_space([1, 2], "{'loss': ['mse'], 'optimizer': ['SGD', 'Adam']}", "{'batch_size': [2, 64, 'log']}")
    assert space.sample(4, 42) == (
        Configuration(1, "optimizer='SGD()',loss='mse'", "batch_size=2"),
        Configuration(1, "optimizer='Adam()',loss='mse'", "batch_size=36"),
        Configuration(1, "optimizer='Adam()',loss='mse'", "batch_size=10"),
        Configuration(1, "optimizer='SGD()',loss='mse'", "batch_size=27"),
    )


def test_more_configurations_begin_with_the_same() -> None:
    space = parse_space([1, 2], PAGE_COMPILE, PAGE_FIT)
    assert space.sample(20, 5)[:15] == space.sample(15, 5)


def test_a_sequence_begins_with_what_a_sample_of_a_continuum_has_and_ends_with_all_of_a_small_space() -> None:
    continuum = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.1, 0.2, 'linear']}]}", FIT)
    assert tuple(point.configuration for point in islice(continuum.sequence(3), 9)) == continuum.sample(9, 3)
    small = parse_space([1, 2], "{'loss': ['mse', 'mae'], 'optimizer': ['Adam', 'SGD']}", FIT)
    found = [point.configuration for point in small.sequence(3)]
    assert len(found) == 8
    assert set(found) == set(small.everything())


def test_a_small_space_is_exhausted() -> None:
    space = parse_space([1, 2], LOSS, "{'batch_size': [8, 16]}")
    drawn = space.sample(15, 1)
    assert sorted((each.model_id, each.fit_params) for each in drawn) == [
        (1, "batch_size=16"),
        (1, "batch_size=8"),
        (2, "batch_size=16"),
        (2, "batch_size=8"),
    ]


def test_a_small_space_comes_in_an_order_of_its_seed() -> None:
    space = parse_space(list(range(1, 21)), LOSS, FIT)
    orders = {tuple(each.model_id for each in space.sample(50, seed)) for seed in (1, 2, 3)}
    assert len(orders) == 3


def test_no_duplicates_where_almost_all_are_asked_for() -> None:
    drawn = parse_space(list(range(1, 21)), LOSS, "{'batch_size': [1, 50, 'linear']}").sample(999, 4)
    assert len(drawn) == len(set(drawn)) == 999


def test_entries_that_overlap_give_no_duplicates() -> None:
    entries = "{'optimizer': ['SGD'], 'lr': [0.1]}, {'optimizer': ['SGD'], 'lr': [0.1, 0.2]}"
    space = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [" + entries + "]}", FIT)
    assert {each.compile_params for each in space.sample(3, 0)} == {
        "optimizer='SGD(lr=0.1)',loss='mse'",
        "optimizer='SGD(lr=0.2)',loss='mse'",
    }
    assert len(space.sample(2, 0)) == 2


def test_a_rare_branch_is_found_where_draws_miss_it() -> None:
    # Half of the draws fall on one configuration, most of the others on few; all are found nevertheless.
    entries = "{'optimizer': ['SGD']}, {'optimizer': ['Adam'], 'gradient_accumulation_steps': [1, 3000, 'log']}"
    space = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [" + entries + "]}", FIT)
    assert len(set(space.sample(3000, 0))) == 3000


def test_values_keep_their_types() -> None:
    keys = ("'optimizer': ['SGD']", "'clipnorm': [None]", "'momentum': [1]", "'name': ['x']")
    (configuration,) = optimizer_space(*keys).sample(1, 0)
    assert configuration.compile_params == "optimizer=\"SGD(clipnorm=None,momentum=1,name='x')\",loss='mse'"


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_ids", "message", "sqlstate"),
    [
        (None, "model_id_list: must be a list of model ids, got NULL", "22004"),
        ([], "model_id_list: must have at least one model id, got []", "22023"),
        ([1, None], "model_id_list: must not hold NULL, got [1, None]", "22004"),
        ([3, 1, 3, 2, 1], "model_id_list: must have each model id once; repeated: 1, 3", "22023"),
        ([[1, 2]], "model_id_list: must be a list of model ids, got [[1, 2]]", "22023"),
    ],
)
def test_model_ids_that_break_a_rule(model_ids: list[int | None] | None, message: str, sqlstate: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_space(model_ids, LOSS, FIT)
    assert (error.value.message, error.value.sqlstate) == (message, sqlstate)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{}", " must be a dict with one key at least, got {}"),
        ("'Adam'", " must be a dict with one key at least, got 'Adam'"),
        ("{'lr': 0.1}", ': "lr" must be a list of values, got 0.1'),
        ("{'lr': []}", ': "lr" must have at least one value, got []'),
        ("{'learning rate': [1]}", ": keys must be names of parameters, got 'learning rate'"),
        ("{'optimizer': ['SGD(lr=0.1)']}", ": \"optimizer\" must be the name of an optimizer, got 'SGD(lr=0.1)'"),
        ("{'optimizer': [None]}", ': "optimizer" must be the name of an optimizer, got NULL'),
        ("{'lr': [0.1, 'log']}", ": \"lr\" must be [low, high, scale] to be drawn from a distribution, got [0.1, 'log']"),
        (
            "{'lr': ['log', 0.1, 1]}",
            ": \"lr\" must be [low, high, scale] to be drawn from a distribution, got ['log', 0.1, 1]",
        ),
        (
            "{'lr': [1, 2, 'lag']}",
            ': "lr" must have one of the scales linear, log, log_near_one, not \'lag\'; did you mean "log"?',
        ),
        ("{'lr': [0.1, 0.01, 'log']}", ": \"lr\" must have a lower bound below its upper bound, got [0.1, 0.01, 'log']"),
        ("{'lr': [0.1, 0.1, 'log']}", ": \"lr\" must have a lower bound below its upper bound, got [0.1, 0.1, 'log']"),
        ("{'lr': [0, 0.1, 'log']}", ': "lr" must have a lower bound above 0 on the scale "log", got [0, 0.1, \'log\']'),
        (
            "{'momentum': [0.9, 1, 'log_near_one']}",
            ': "momentum" must have bounds from 0 to below 1 on the scale "log_near_one", got [0.9, 1, \'log_near_one\']',
        ),
        (
            "{'momentum': [-0.1, 0.9, 'log_near_one']}",
            ': "momentum" must have bounds from 0 to below 1 on the scale "log_near_one", got [-0.1, 0.9, \'log_near_one\']',
        ),
        ("{'rho': [False, True, 'linear']}", ': "rho" must have finite numbers as bounds, got False'),
        ("{'rho': [0, 1e999, 'linear']}", ': "rho" must have finite numbers as bounds, got inf'),
        ("{'rho': [None, 1, 'linear']}", ': "rho" must have finite numbers as bounds, got NULL'),
        (
            "{'lr': [None]}",
            ": \"lr\" must be a number or a schedule such as 'ExponentialDecay(0.1, 100, 0.9)', got NULL",
        ),
        ("{'rho': [[0.9]]}", ': "rho" must be a number, True, False, None or text, got [0.9]'),
    ],
)
def test_optimizer_entries_that_break_a_rule(entry: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [" + entry + "]}", FIT)
    assert error.value.message == f'compile_params_grid: "optimizer_params_list" entry 1{message}'


@pytest.mark.parametrize(
    ("grid", "message", "hint"),
    [
        (
            "{'metrics': ['mae']}",
            'compile_params_grid: "loss" is required',
            "For example: 'loss': ['categorical_crossentropy']",
        ),
        ("{'loss': 'mse'}", "compile_params_grid: \"loss\" must be a list of values, got 'mse'", "Write a list: ['mse']."),
        ("{'loss': ['mse', 2]}", 'compile_params_grid: "loss" must be the name of a loss, got 2', None),
        (
            "{'loss': ['mse'], 'metric': ['mae']}",
            'compile_params_grid: "metric" is not one of optimizer, optimizer_params_list, loss, metrics, loss_weights,'
            ' weighted_metrics, sample_weight_mode; did you mean "metrics"?',
            None,
        ),
        (
            "{'loss': ['mse'], 'lr': [0.1]}",
            'compile_params_grid: "lr" is not one of optimizer, optimizer_params_list, loss, metrics, loss_weights,'
            " weighted_metrics, sample_weight_mode",
            "Parameters of an optimizer stand in \"optimizer_params_list\": [{'optimizer': ['SGD'], 'lr': [...]}]",
        ),
        (
            "{'loss': ['mse'], 'optimizer': ['SGD'], 'optimizer_params_list': [{'lr': [0.1]}]}",
            'compile_params_grid: "optimizer" must stand in the entries of "optimizer_params_list", not beside them,'
            " got ['SGD']",
            None,
        ),
        (
            "{'loss': ['mse'], 'metrics': [5]}",
            'compile_params_grid: "metrics" must be a list of names of metrics, or None, got 5',
            None,
        ),
    ],
)
def test_compile_grids_that_break_a_rule(grid: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as error:
        parse_space([1], grid, FIT)
    assert (error.value.message, error.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("{'batch_size': [0]}", 'fit_params_grid: "batch_size" must be an integer of at least 1, got 0'),
        ("{'batch_size': [8, '16', 32]}", "fit_params_grid: \"batch_size\" must be an integer of at least 1, got '16'"),
        ("{'batch_size': [8.0]}", 'fit_params_grid: "batch_size" must be an integer of at least 1, got 8.0'),
        ("{'batch_size': [0, 8, 'linear']}", 'fit_params_grid: "batch_size" must be an integer of at least 1, got 0'),
        ("{'batch_size': [1.5, 8, 'linear']}", 'fit_params_grid: "batch_size" must have integers as bounds, got 1.5'),
        (
            "{'initial_epoch': [0, 2], 'epochs': [2, 5]}",
            'fit_params_grid: "initial_epoch" must be less than the smallest "epochs", 2, got 2',
        ),
        ("{'initial_epoch': [1]}", 'fit_params_grid: "initial_epoch" must be less than the smallest "epochs", 1, got 1'),
        (
            "{'batchsize': [8]}",
            'fit_params_grid: "batchsize" is not one of batch_size, epochs, verbose, shuffle, class_weight, initial_epoch,'
            ' steps_per_epoch, callbacks; did you mean "batch_size"?',
        ),
        ("{}", "fit_params_grid: must be a dict of lists in Python's notation, with one key at least, got '{}'"),
        (None, "fit_params_grid: must be a dict of lists in Python's notation, got NULL"),
    ],
)
def test_fit_grids_that_break_a_rule(grid: str | None, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_space([1], LOSS, grid)
    assert error.value.message == message


def test_the_callbacks_of_the_page() -> None:
    space = parse_space([1], LOSS, """{'callbacks': ['[TensorBoard(log_dir="/tmp/logs/fit")]'], 'batch_size': [8]}""")
    (configuration,) = space.sample(1, 0)
    board = parse_fit_params(configuration.fit_params).board
    assert board is not None
    assert board.log_dir == "/tmp/logs/fit"
    with pytest.raises(UsageError, match=r'^fit_params_grid: "callbacks" must be .*, got .*ModelCheckpoint') as error:
        parse_space([1], LOSS, """{'callbacks': ['[ModelCheckpoint("x")]'], 'batch_size': [8]}""")
    assert error.value.sqlstate == "0A000"


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(AutomlError) as error:
        parse_space([], "{'metrics': ['mae'], 'optimizer_params_list': [{'lr': [0, 1, 'log']}]}", "{'epochs': 1, 'size': [2]}")
    assert error.value.message.splitlines() == [
        "5 problems were found:",
        "  model_id_list: must have at least one model id, got []",
        '  compile_params_grid: "loss" is required',
        '  compile_params_grid: "optimizer_params_list" entry 1: "lr" must have a lower bound above 0 on the scale "log",'
        " got [0, 1, 'log']",
        '  fit_params_grid: "epochs" must be a list of values, got 1',
        '  fit_params_grid: "size" is not one of batch_size, epochs, verbose, shuffle, class_weight, initial_epoch,'
        " steps_per_epoch, callbacks",
    ]


def test_probe_configurations_hold_every_model_every_listed_value_and_both_bounds() -> None:
    space = parse_space(
        [2, 1],
        "{'loss': ['mse'], 'metrics': ['accuracy', 'AUC', 'mae'],"
        " 'optimizer_params_list': [{'optimizer': ['Adam', 'Nadam'], 'lr': [0.1, 0.2, 'linear']}, {'optimizer': ['SGD']}]}",
        "{'batch_size': [4, 8]}",
    )
    assert space.probe_configurations() == (
        Configuration(1, "optimizer='Adam(lr=0.1)',loss='mse',metrics=['accuracy']", "batch_size=4"),
        Configuration(2, "optimizer='Nadam(lr=0.2)',loss='mse',metrics=['AUC']", "batch_size=8"),
        Configuration(1, "optimizer='Adam(lr=0.1)',loss='mse',metrics=['mae']", "batch_size=4"),
        Configuration(1, "optimizer='SGD()',loss='mse',metrics=['accuracy']", "batch_size=4"),
        Configuration(2, "optimizer='SGD()',loss='mse',metrics=['AUC']", "batch_size=8"),
        Configuration(1, "optimizer='SGD()',loss='mse',metrics=['mae']", "batch_size=4"),
    )
