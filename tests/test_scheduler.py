"""What a run sees of a method: steps of trials and tasks, whichever method it is."""

from __future__ import annotations

from automl.search.hyperband import HyperbandParams
from automl.search.scheduler import ListPlan, Milestone, Step, Task
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space

SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")


def test_hyperband_in_steps() -> None:
    plan = HyperbandParams(R=3, eta=3).plan(SPACE, 0, 2)
    assert (plan.planned_trials, plan.max_iterations) == (5, 3)
    scheduler = plan.scheduler()
    assert scheduler.count == 5
    step = scheduler.start()
    assert step.trials == tuple(enumerate(SPACE.sample(5, 0), 1))
    assert step.tasks == (
        Task(1, 1, 0, 3, {"s": 1, "i": 0}, (-1, 0, 1)),
        Task(2, 1, 0, 3, {"s": 1, "i": 0}, (-1, 0, 2)),
        Task(3, 1, 0, 3, {"s": 1, "i": 0}, (-1, 0, 3)),
        Task(4, 3, 1, 0, {"s": 0, "i": 0}, (0, 0, 4)),
        Task(5, 3, 1, 0, {"s": 0, "i": 0}, (0, 0, 5)),
    )
    assert scheduler.report(1, 0.3) == scheduler.report(4, 0.1) == scheduler.report(2, None) == Step()
    assert scheduler.report(3, 0.2) == Step(
        (), (Task(3, 3, 1, 0, {"s": 1, "i": 1}, (-1, 1, 3)),), Milestone("bracket s=1, round i=0", "3 x 1 iterations")
    )
    assert scheduler.report(3, 0.1) == Step((), (), Milestone("bracket s=1, round i=1", "1 x 3 iterations"))
    assert scheduler.report(5, 0.2) == Step((), (), Milestone("bracket s=0, round i=0", "2 x 3 iterations"))


def test_a_list_trains_as_it_stands() -> None:
    trials = ((7, Configuration(1, "a", "b")), (9, Configuration(2, "a", "b")), (12, Configuration(1, "a", "b")))
    plan = ListPlan(trials, 4)
    assert (plan.planned_trials, plan.max_iterations, plan.probe_configurations()) == (3, 4, (trials[0][1], trials[1][1]))
    scheduler = plan.scheduler()
    assert scheduler.start() == Step(trials, (Task(7, 4), Task(9, 4), Task(12, 4)))
    assert scheduler.report(9, 0.1) == Step((), (), Milestone("1 of 3 trials", "4 iterations each"))


def test_coordinates_lead_back_to_the_point() -> None:
    grid = """{'loss': ['mse', 'mae'], 'optimizer_params_list': [
        {'optimizer': ['Adam', 'SGD'], 'lr': [0.001, 0.1, 'log'], 'amsgrad': [True, 1, 1.0]},
        {'optimizer': ['SGD'], 'momentum': [0.9, 0.99, 'log_near_one'], 'lr': [0.1, 0.2, 'linear']}]}"""
    space = parse_space([3, 5], grid, "{'batch_size': [4, 64, 'log'], 'epochs': [1, 9, 'linear']}")
    for point in space.sample_points(200, 1):
        again = space.at(space.coordinates(point))
        assert (again.model_id, again.branch, again.optimizer) == (point.model_id, point.branch, point.optimizer)
        assert (again.compile_params, again.fit_params) == (point.compile_params, point.fit_params)
        for (key, value), (other, found) in zip(point.optimizer_params, again.optimizer_params, strict=True):
            assert key == other
            assert repr(value) == repr(found) or abs(float(str(value)) - float(str(found))) < 1e-12


def test_axes_are_the_dimensions_that_leave_a_choice() -> None:
    space = parse_space(
        [3], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.1, 0.2], 'rho': [0.8]}]}", "{'epochs': [1, 2]}"
    )
    assert [(axis.label, axis.size, axis.branch) for axis in space.axes] == [
        ("fit_params_grid.epochs", 2, None),
        ("0.lr", 2, None),
    ]


def test_the_number_of_configurations_is_known_beforehand() -> None:
    entries = "{'optimizer': ['SGD'], 'lr': [0.1]}, {'optimizer': ['SGD'], 'lr': [0.1, 0.2]}"
    space = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [" + entries + "]}", "{'epochs': [1]}")
    assert [space.count(wanted) for wanted in (1, 2, 3, 100)] == [1, 2, 2, 2]
    assert SPACE.count(100) == 100
