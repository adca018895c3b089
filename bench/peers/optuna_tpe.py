"""Searches by Optuna's TPE driving Keras, one a seed: same rows, networks, ranges, trials and epochs as ours.

    python -m peers.optuna_tpe DATA.npz PROBLEM SEEDS

DATA.npz holds x, y, x_test, y_test. PROBLEM is iris (the page's Hyperopt example) or digits. Prints the best validation loss of
each seed from 1. Everything a run needs is in its seconds: the imports too.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import optuna

TRIALS = 20
OPTIMIZERS = {"Adam": keras.optimizers.Adam, "RMSprop": keras.optimizers.RMSprop}


@dataclass(frozen=True)
class Problem:
    """What is searched: units of the hidden layers of each network, batch sizes, epochs of a trial."""

    networks: tuple[tuple[int, ...], ...]
    batch_sizes: tuple[int, ...]
    epochs: int


PROBLEMS = {
    "iris": Problem(((10, 10), (10, 10, 10)), (4, 8), 10),
    "digits": Problem(((32,), (64,)), (32, 64), 5),
}


def main(path: str, name: str, seeds: str) -> None:
    data = dict(np.load(path))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for seed in range(1, int(seeds) + 1):
        keras.utils.set_random_seed(seed)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(lambda trial: validation_loss(trial, PROBLEMS[name], data), n_trials=TRIALS)
        print(study.best_value, flush=True)


def validation_loss(trial: optuna.Trial, problem: Problem, data: dict[str, np.ndarray]) -> float:
    """Train one configuration and return its validation loss after the last epoch."""
    hidden = problem.networks[trial.suggest_categorical("model", range(len(problem.networks)))]
    optimizer = OPTIMIZERS[trial.suggest_categorical("optimizer", list(OPTIMIZERS))]
    rate = trial.suggest_float("lr", 0.001, 0.1, log=True)
    batch_size = trial.suggest_categorical("batch_size", problem.batch_sizes)
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    head = keras.layers.Dense(data["y"].shape[1], activation="softmax")
    model = keras.Sequential([keras.Input(data["x"].shape[1:]), *layers, head])
    model.compile(optimizer=optimizer(learning_rate=rate), loss="categorical_crossentropy", metrics=["accuracy"])
    test = (data["x_test"], data["y_test"])
    history = model.fit(data["x"], data["y"], batch_size, problem.epochs, verbose=0, validation_data=test)
    return float(history.history["val_loss"][-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
