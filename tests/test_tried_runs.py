"""Runs with several tries of each configuration: what they deliver, wherever they were stopped, and what their record says."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from automl.database.dialect import Greenplum6, PostgreSQL
from automl.errors import UsageError
from automl.search.directions import Direction
from automl.search.objective import Objective
from automl.search.steering import Keep, Steering
from automl.search.tries import TriesPlan
from automl.training.folds import require_folds
from automl.training.request import Request
from test_replay import ANYWHERE, ASTRAY, CLUSTERS, LOSS_RANKS, PLANS, World, packed, request_of

TWICE, FOLDS = Steering(trials_per_config=2), Steering(folds=2)
FAILS = frozenset(((5, 1), (2, 2)))


def tried(
    name: str, steering: Steering, objective: Objective = LOSS_RANKS, memory: int = 2**20, partitions: int = 2
) -> Request:
    """A search with several tries; where these are folds, of a table with so many partitions."""
    plan, frequency = PLANS[name]
    asked = request_of(TriesPlan(plan, steering.tries), frequency, memory, objective, steering)
    if steering.folds is None:
        return asked
    return replace(asked, validation=None, training=replace(packed("train"), partitions=partitions))


def ended(
    monkeypatch: pytest.MonkeyPatch, request: Request, seed: int = 1, reaches: Any = ANYWHERE, fails: Any = FAILS
) -> World:
    world = World(request, random.Random(seed), reaches, fails, astray=ASTRAY)
    assert world.go(monkeypatch)
    return world


@pytest.mark.parametrize(
    ("reaches", "crash"), [(ANYWHERE, True), (CLUSTERS["Greenplum"], False)], ids=["crashed", "cancelled on segments"]
)
@pytest.mark.parametrize("steering", [TWICE, FOLDS], ids=["tries", "folds"])
@pytest.mark.parametrize("name", ["hyperband, often", "asha, tpe", "stopped"])
def test_a_run_that_was_stopped_anywhere_ends_as_if_it_had_not_been(
    monkeypatch: pytest.MonkeyPatch, name: str, steering: Steering, reaches: Sequence[frozenset[int] | None], crash: bool
) -> None:
    whole = ended(monkeypatch, tried(name, steering), reaches=reaches)
    for stop in range(5, whole.visits, 79):
        request = tried(name, steering, memory=1 if stop % 2 else 2**20)
        world = World(request, random.Random(stop), reaches, FAILS, astray=ASTRAY)
        if world.go(monkeypatch, stop=stop, crash=crash):
            continue
        assert world.go(monkeypatch, resumed=True)
        assert world.found.trials == whole.found.trials
        assert world.record.curves == whole.record.curves
        assert outcome(world) == outcome(whole)


def outcome(world: World) -> list[dict[str, Any]]:
    """What the record says of the trials in the end, and of the run."""
    left_out = ("seconds", "n", "kept")
    trials = [
        {key: value for key, value in row.items() if key not in left_out} for _, row in sorted(world.record.trials.items())
    ]
    best = ("best_mst_key", "best_loss", "best_objective", "best_standard_error", "status", "bits", "decisions")
    return [*trials, {key: world.record.run[key] for key in best}]


@pytest.mark.parametrize("steering", [TWICE, replace(FOLDS, keep=Keep.BEST)], ids=["tries", "folds, the best kept"])
@pytest.mark.parametrize("budget", [{"decisions": 5}, {"max_trials": 3}, {"patience": 2}, {"target": 0.4}], ids=repr)
@pytest.mark.parametrize("name", ["hyperband, often", "asha"])
def test_a_budget_counts_configurations_and_delivers_the_same_whatever_the_timing(
    monkeypatch: pytest.MonkeyPatch, name: str, budget: dict[str, Any], steering: Steering
) -> None:
    request = tried(name, replace(steering, **budget))
    first = ended(monkeypatch, request)
    assert len(first.found.trials) % 2 == 0
    assert max(first.found.trials) <= 2 * budget.get("max_trials", 99)
    assert first.record.run["decisions"] <= budget.get("decisions", 99)
    for seed, reaches in ((2, (None,) * 9), (3, CLUSTERS["Greenplum"])):
        again = ended(monkeypatch, request, seed, reaches)
        assert again.found.trials == first.found.trials
        assert outcome(again)[-1] == outcome(first)[-1]


@pytest.mark.parametrize(
    "steering", [TWICE, Steering(folds=3), Steering(folds=2, trials_per_config=2)], ids=["two", "three", "four"]
)
@pytest.mark.parametrize("objective", [LOSS_RANKS, Objective("mae", "validation", Direction.MAX)], ids=["loss", "metric"])
def test_the_record_has_the_means_of_the_tries_and_the_best_try_of_the_best(
    monkeypatch: pytest.MonkeyPatch, steering: Steering, objective: Objective
) -> None:
    world = ended(monkeypatch, tried("hyperband, often", steering, objective, partitions=5), fails=frozenset(((5, 1),)))
    count = steering.tries.count
    configurations: dict[int, list[dict[str, Any]]] = {}
    for (number,), row in sorted(world.record.trials.items()):
        at = (number - 1) // count + 1
        place = json.loads(row["place"])
        assert (place["configuration"], place["try"]) == (at, number - (at - 1) * count)
        configurations.setdefault(at, []).append(row)
    means = {}
    for at, rows in configurations.items():
        own = [row["try_objective"] for row in rows]
        if None in own:
            assert {(row["objective"], row["standard_error"]) for row in rows} == {(None, None)}
            continue
        if all(map(math.isfinite, own)):
            means[at] = statistics.mean(own)
            error = statistics.stdev(own) / count**0.5
            assert all(row["objective"] == pytest.approx(means[at], rel=1e-12) for row in rows)
            assert all(row["standard_error"] == pytest.approx(error, rel=1e-9) for row in rows)
    assert len(means) < len(configurations)
    better = max if objective.direction is Direction.MAX else min
    best = better(means, key=lambda at: means[at])
    number = better(configurations[best], key=lambda row: row["try_objective"])["mst_key"]
    run = world.record.run
    assert (run["best_mst_key"], run["best_objective"]) == (number, pytest.approx(means[best], rel=1e-12))
    assert run["best_standard_error"] == configurations[best][0]["standard_error"]
    assert run["ranking"][0] == number
    ranked = [(each - 1) // count + 1 for each in run["ranking"]]  # one for each configuration
    assert sorted(ranked) == sorted(configurations)
    for leader, at in zip(run["ranking"], ranked, strict=True):
        found = {row["mst_key"]: row["try_objective"] for row in configurations[at]}
        assert found[leader] is None or None not in found.values()
    assert any(f"mst_key {number}, mean latest validation" in line and "standard error" in line for line in world.said)


@pytest.mark.parametrize(
    ("dialect", "hint"), [(PostgreSQL(), "SET keras_automl.partitions = 3 and pack"), (Greenplum6(), "a segment that has some")]
)
def test_there_are_no_more_folds_than_partitions(dialect: PostgreSQL | Greenplum6, hint: str) -> None:
    db: Any = SimpleNamespace(dialect=dialect)
    require_folds(db, 2, packed("train"), validated=False)
    with pytest.raises(UsageError, match=r'"folds" must be at most .* of "public\.train", 2, got 3') as error:
        require_folds(db, 3, packed("train"), validated=False)
    assert hint in str(error.value.hint)


def test_what_is_held_out_is_validated_and_the_rest_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ended(monkeypatch, tried("tpe", Steering(folds=3), partitions=5), fails=frozenset())
    trained: dict[int, set[int | None]] = {}
    validated: dict[int, set[int | None]] = {}
    for number, stop in world.stops:
        which = trained if not hasattr(stop, "dataset") or stop.dataset == "training" else validated
        which.setdefault(number, set()).add(stop.partition)
    assert [validated[number] for number in (1, 2, 3, 4)] == [{0, 3}, {1, 4}, {2}, {0, 3}]
    assert all(trained[number] == set(range(5)) - validated[number] for number in trained)
