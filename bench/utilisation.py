"""The share of their time that simulated sessions work, by method and number of sessions; needs no server.

    python bench/utilisation.py [--R 81] [--seeds 5]

What a trial costs is spread lognormally (sigma 0.8), and known to nobody beforehand. A finite plan is over when its last trial
is; under a time budget Hyperband begins again when it is over, and ASHA goes on with new trials. The time is what three
Hyperbands would take in the mean if no session were ever idle.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from common import table

from automl.cluster.hopper import Layout
from automl.search.asha import AshaParams
from automl.search.hyperband import HyperbandParams
from automl.search.hyperopt import HyperoptParams
from automl.search.scheduler import Plan
from automl.search.space_arguments import parse_space

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from simulated import ScheduledSearch, Simulation, lognormal_cost

SESSIONS = 1, 2, 4, 8, 16, 32, 64
ETA = 3
SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
Of = Callable[[int, int], Plan]  # seed and partitions to the plan of a search


def main() -> None:
    parser = argparse.ArgumentParser(description="The share of their time that simulated sessions work.")
    parser.add_argument("--R", type=int, default=81)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sessions", type=int, nargs="*", default=list(SESSIONS))
    given = parser.parse_args()
    R, seeds = given.R, range(1, given.seeds + 1)
    epochs = HyperbandParams(R, ETA).plan(SPACE, 0, 1).scheduler().iterations
    finite: dict[str, Of] = {
        "Hyperband": lambda seed, window: HyperbandParams(R, ETA).plan(SPACE, seed, window),
        "Hyperband, sampler=tpe": lambda seed, window: HyperbandParams(R, ETA, sampler="tpe").plan(SPACE, seed, window),
        "ASHA": lambda seed, window: AshaParams(R, ETA).plan(SPACE, seed, window),
        "ASHA, sampler=tpe": lambda seed, window: AshaParams(R, ETA, sampler="tpe").plan(SPACE, seed, window),
        "Hyperopt, tpe": lambda seed, window: HyperoptParams(max(1, epochs // R), R).plan(SPACE, seed, window),
    }
    for sessions in given.sessions:
        rows = [
            (f"{name}, a finite plan", _shown([busy(plan, seed, sessions) for seed in seeds])) for name, plan in finite.items()
        ]
        seconds = 3 * 1.38 * epochs / sessions  # exp(sigma^2 / 2) a stop
        rows.append(("Hyperband, again and again", _shown([looped(R, seed, sessions, seconds) for seed in seeds])))
        rows.append(("ASHA under a time budget", _shown([endless(R, seed, sessions, seconds) for seed in seeds])))
        table(f"Share of their time that {sessions} simulated sessions work, R={R}, eta={ETA}, {given.seeds} seeds", rows)


def simulated(plan: Plan, seed: int, sessions: int, seconds: float = float("inf")) -> Simulation:
    """Return what was done of a plan; new trials begin for so many seconds."""
    simulation = Simulation(Layout((("training", 1),)), (None,) * sessions, lognormal_cost(seed))
    ScheduledSearch(plan.scheduler(), simulation, lambda trial, iteration: hash((seed, trial, iteration)) % 1000, seconds).run()
    return simulation


def busy(plan: Of, seed: int, sessions: int) -> float:
    """Return the share of a finite plan; as many trials can train at the same time as there are sessions."""
    simulation = simulated(plan(seed, sessions), seed, sessions)
    return simulation.total / (sessions * simulation.now)


def looped(R: int, seed: int, sessions: int, seconds: float) -> float:
    """Return the share of Hyperbands one after the other, within a time."""
    now = work = 0.0
    for number in range(1000):
        simulation = simulated(HyperbandParams(R, ETA).plan(SPACE, number, sessions), 1000 * seed + number, sessions)
        work += _within(simulation, seconds - now)
        now += simulation.now
        if now >= seconds:
            break
    return work / (sessions * seconds)


def endless(R: int, seed: int, sessions: int, seconds: float) -> float:
    """Return the share of ASHA that goes on with new trials, within a time."""
    plan = AshaParams(R, ETA).without_end().plan(SPACE, seed, sessions)
    return _within(simulated(plan, seed, sessions, seconds), seconds) / (sessions * seconds)


def _within(simulation: Simulation, seconds: float) -> float:
    return sum(min(event.end, seconds) - event.begin for event in simulation.past if event.begin < seconds)


def _shown(shares: list[float]) -> str:
    return f"{statistics.median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"


if __name__ == "__main__":
    main()
