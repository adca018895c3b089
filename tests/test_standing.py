"""How far a run is: which parameters tell trials apart, and what is reckoned from the visits that were made."""

from __future__ import annotations

import pytest

from automl.cluster.hopper import Hopper, Layout, Leg
from automl.search.scheduler import ListScheduler
from automl.search.space import Configuration
from automl.search.steering import Steering
from automl.search.varied import varied
from automl.training.standing import Watch
from automl.training.under_way import TrialsUnderWay

LAYOUT = Layout((("training", 2),))


def test_what_differs_between_configurations_or_is_there_in_some_only() -> None:
    configurations = [
        Configuration(1, "optimizer='Adam(lr=0.01)',loss='mse'", "batch_size=8,epochs=1"),
        Configuration(1, "optimizer='SGD(lr=0.01,momentum=0.9)',loss='mse'", "batch_size=16"),
    ]
    assert varied(configurations) == ("optimizer", "batch_size", "momentum")
    assert varied(configurations[:1]) == ()


def test_an_architecture_a_schedule_and_a_list_can_differ() -> None:
    configurations = [
        Configuration(1, "optimizer='Adam(lr=0.1)',loss='mse',metrics=['mae']", "batch_size=8"),
        Configuration(
            2, "optimizer='Adam(lr=ExponentialDecay(0.1, 100, 0.9))',loss='mse',metrics=['mae','mse']", "batch_size=8"
        ),
    ]
    assert varied(configurations) == ("model_id", "lr", "metrics")


def leg(trial: int, iterations: int) -> Leg:
    return Leg(trial, "program", 1, iterations, frozenset((iterations,)))


def test_nothing_is_known_before_a_visit_without_compiling() -> None:
    hopper = Hopper(LAYOUT, [None])
    hopper.add(leg(1, 2))
    assert hopper.outlook is None
    assert hopper.next_visit(0) is not None
    assert (hopper.trials, hopper.running) == (1, (1,))
    hopper.arrived(0, 9.0)
    assert hopper.outlook is None
    assert hopper.running == ()


def test_what_lies_ahead_has_the_pace_of_each_trial_and_the_mean_where_that_is_not_known() -> None:
    hopper = Hopper(LAYOUT, [None])
    for trial in (1, 2):
        hopper.add(leg(trial, 3))  # of six stops that train and two that evaluate
    for seconds in (9.0, 1.0):  # the first compiles
        visit = hopper.next_visit(0)
        assert visit is not None
        assert visit.trial == 1
        hopper.arrived(0, seconds)
    outlook = hopper.outlook
    assert outlook is not None
    assert (outlook.per_stop, outlook.longest) == (1.0, 8.0)
    assert outlook.seconds == 6.0 + 8.0


def test_its_time_counts_from_where_it_was_given() -> None:
    steering = Steering(max_time=60.0)
    watch = Watch(
        TrialsUnderWay(), Hopper(LAYOUT, [None]), ListScheduler((), 1), LAYOUT, steering, lambda: 0, clock=lambda: 530.0
    )
    watch.begins(500.0)  # it has trained for half a minute
    assert (watch.until, watch.share) == (560.0, 0.5)
    watch.begins(500.0, 15.0)
    assert (watch.until, watch.share) == (575.0, 0.25)


@pytest.mark.parametrize(
    ("steering", "told"),
    [
        (Steering(), "0% of all iterations done"),
        (Steering(max_time=100.0), "20% of the time is over"),
        (Steering(patience=2, max_time=100.0), "20% of the time is over"),
        (Steering(decisions=5), "40% of the decisions taken"),
    ],
)
def test_it_tells_of_the_end_that_is_nearest(steering: Steering, told: str) -> None:
    clock = iter((500.0, 500.0, 520.0))  # as it is made, as it begins, and then
    scheduler = ListScheduler(((1, Configuration(1, "a", "b")),), 4)
    watch = Watch(
        TrialsUnderWay(), Hopper(LAYOUT, [None]), scheduler, LAYOUT, steering, lambda: 2, clock=lambda: next(clock, 520.0)
    )
    watch.begins(500.0)
    assert watch.told == told
