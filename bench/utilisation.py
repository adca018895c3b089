"""The share of their time that simulated sessions work, by method and number of sessions; needs no server.

    python bench/utilisation.py [--R 81] [--seeds 5] [--sessions 1 2 4 8 16 32 64]

What a trial costs is spread lognormally (sigma 0.8), and known to nobody beforehand. A finite plan is over when its last trial
is, so the longest way of one trial bounds what many sessions can be of use for: behind the share stands the most that is
possible in any order, because of that. ASHA begins with as many configurations as Hyperband, which is a third of its
iterations (R=81) with a longest way as long; and with as many as come to Hyperband's iterations. Under a time budget Hyperband
begins again when it is over, and ASHA goes on with new trials. The time is what three Hyperbands would take in the mean if no
session were ever idle.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from common import asha_configurations

from automl.cluster.hopper import Layout
from automl.search.asha import AshaParams
from automl.search.hyperband import HyperbandParams
from automl.search.hyperopt import HyperoptParams
from automl.search.methods import Params
from automl.search.sampling import SAMPLERS
from automl.search.scheduler import Plan
from automl.search.space_arguments import parse_space

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from simulated import ScheduledSearch, Simulation, lognormal_cost

SESSIONS = 1, 2, 4, 8, 16, 32, 64
ETA = 3
SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
MEAN = 1.38  # seconds of a stop: exp(sigma^2 / 2)
Of = Callable[[int, int], Plan]  # seed and partitions to the plan of a search
Share = tuple[float, float]  # of their time that sessions work, and the most that is possible


def main() -> None:
    parser = argparse.ArgumentParser(description="The share of their time that simulated sessions work.")
    parser.add_argument("--R", type=int, default=81)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sessions", type=int, nargs="*", default=list(SESSIONS))
    given = parser.parse_args()
    seeds = range(1, given.seeds + 1)
    rows: dict[str, Callable[[int, int], Share]] = {name: partial(finite, plan) for name, plan in plans(given.R).items()}
    rows |= {name: partial(bounded, given.R) for name, bounded in budgets().items()}
    print(f"\n### Share of their time that simulated sessions work, R={given.R}, eta={ETA}, median of {given.seeds} seeds\n")
    print("| sessions |" + "".join(f" {sessions} |" for sessions in given.sessions))
    print("|---|" + "---|" * len(given.sessions))
    for name, of in rows.items():
        found = [shown([of(seed, sessions) for seed in seeds]) for sessions in given.sessions]
        print(f"| {name} | {' | '.join(found)} |", flush=True)


def plans(R: int) -> dict[str, Of]:
    """Return the finite plans by their names."""
    epochs = HyperbandParams(R, ETA).plan(SPACE, 0, 1).scheduler().iterations
    named: dict[str, Params] = {
        "Hyperband": HyperbandParams(R, ETA),
        "Hyperband, sampler=tpe": HyperbandParams(R, ETA, sampler="tpe"),
        "ASHA, as many configurations": AshaParams(R, ETA),
        "ASHA, as many configurations, sampler=tpe": AshaParams(R, ETA, sampler="tpe"),
        "ASHA, as many iterations": AshaParams(R, ETA, asha_configurations(R, ETA, epochs)),
        "ASHA, as many iterations, sampler=tpe": AshaParams(R, ETA, asha_configurations(R, ETA, epochs), "tpe"),
        "Hyperopt, as many iterations, rand": HyperoptParams(max(1, epochs // R), R, "rand"),
        "Hyperopt, as many iterations, tpe": HyperoptParams(max(1, epochs // R), R),
    }
    return {name: partial(params.plan, SPACE) for name, params in named.items()}


def budgets() -> dict[str, Callable[[int, int, int], Share]]:
    """Return the searches under a time budget, which take R, a seed and the sessions."""
    return {
        f"{name} under a time budget{'' if sampler == 'random' else ', sampler=tpe'}": partial(search, sampler)
        for sampler in SAMPLERS
        for name, search in (("Hyperband again and again", looped), ("ASHA", endless))
    }


def simulated(plan: Plan, seed: int, sessions: int, seconds: float = float("inf")) -> Simulation:
    """Return what was done of a plan; new trials begin for so many seconds."""
    simulation = Simulation(Layout((("training", 1),)), (None,) * sessions, lognormal_cost(seed))
    ScheduledSearch(plan.scheduler(), simulation, lambda trial, iteration: hash((seed, trial, iteration)) % 1000, seconds).run()
    return simulation


def finite(plan: Of, seed: int, sessions: int) -> Share:
    """Return the share of a finite plan; as many trials can train at the same time as there are sessions."""
    simulation = simulated(plan(seed, sessions), seed, sessions)
    busy = simulation.total / (sessions * simulation.now)
    return busy, busy / simulation.utilisation


def looped(sampler: str, R: int, seed: int, sessions: int) -> Share:
    """Return the share of Hyperbands one after the other, within a time."""
    now, work, seconds = 0.0, 0.0, budget(R, sessions)
    for number in range(1000):
        plan = HyperbandParams(R, ETA, sampler=sampler).plan(SPACE, number, sessions)
        simulation = simulated(plan, 1000 * seed + number, sessions)
        work += _within(simulation, seconds - now)
        now += simulation.now
        if now >= seconds:
            break
    return work / (sessions * seconds), 1.0


def endless(sampler: str, R: int, seed: int, sessions: int) -> Share:
    """Return the share of ASHA that goes on with new trials, within a time."""
    plan, seconds = AshaParams(R, ETA, sampler=sampler).without_end().plan(SPACE, seed, sessions), budget(R, sessions)
    return _within(simulated(plan, seed, sessions, seconds), seconds) / (sessions * seconds), 1.0


def budget(R: int, sessions: int) -> float:
    """Return the seconds of a search under a time budget."""
    return 3 * MEAN * HyperbandParams(R, ETA).plan(SPACE, 0, 1).scheduler().iterations / sessions


def _within(simulation: Simulation, seconds: float) -> float:
    return sum(min(event.end, seconds) - event.begin for event in simulation.past if event.begin < seconds)


def shown(shares: Sequence[Share]) -> str:
    """Return the median share, and behind it the most that is possible where that is less than all."""
    busy, most = (statistics.median(each) for each in zip(*shares, strict=True))
    return f"{busy:.2f}" if most > 0.995 else f"{busy:.2f} of {most:.2f}"


if __name__ == "__main__":
    main()
