"""A small plan of each method that decides in the order of its plan, and the losses of a simulated search."""

from __future__ import annotations

import random

from automl.cluster.hopper import Layout
from automl.search.asha import AshaParams
from automl.search.hyperband import HyperbandParams
from automl.search.hyperopt import HyperoptParams
from automl.search.scheduler import Plan
from automl.search.space_arguments import parse_space

SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
LAYOUT = Layout((("training", 2),))
PLANS: dict[str, Plan] = {
    "hyperband": HyperbandParams(9, 3).plan(SPACE, 1, 2),
    "hyperband, tpe": HyperbandParams(4, 2, sampler="tpe").plan(SPACE, 1, 2),
    "tpe": HyperoptParams(10, 3).plan(SPACE, 1, 2),
    "asha": AshaParams(9, 3, 15).plan(SPACE, 1, 2),
    "asha, tpe": AshaParams(4, 2, 10, "tpe").plan(SPACE, 1, 2),
}


def loss(trial: int, iteration: int) -> float:
    """Return what falls from iteration to iteration, give or take, to what each trial comes to."""
    return random.Random(trial).random() + random.Random(f"{trial} {iteration}").random() / iteration
