"""Searches by others that drive Keras, one a seed: same rows, networks, ranges and epochs as ours.

    python -m peers.searches optuna|keras_tuner DATA.npz PROBLEM SEEDS R EPOCHS

DATA.npz holds x, y, x_test, y_test. `optuna` is Optuna's TPE with its HyperbandPruner, which stops after EPOCHS epochs of all
trials; `keras_tuner` is KerasTuner's Hyperband, one round of its brackets. R are the most epochs of a trial. Prints a line of
JSON for each seed from 1: the best validation loss, seconds (without the imports) and epochs.

Of each trial the loss after its last epoch counts, as with ours. KerasTuner ranks by the best epoch of a round, and goes on
from the weights of that one: it is left to that, but its `score`, which is that of the best epoch, is not what is compared.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from peers.problems import OPTIMIZERS, PROBLEMS, RATES, Problem

ETA = 3
Data = dict[str, np.ndarray]


def main(method: str, path: str, name: str, seeds: str, most: str, epochs: str) -> None:
    data, search = dict(np.load(path)), {"optuna": optuna_search, "keras_tuner": keras_tuner_search}[method]
    for seed in range(1, int(seeds) + 1):
        keras.utils.set_random_seed(seed)
        begin = time.perf_counter()
        loss, made = search(PROBLEMS[name], data, seed, int(most), int(epochs))
        print(json.dumps([loss, time.perf_counter() - begin, made]), flush=True)


def network(problem: Problem, data: Data, choose: Callable[[str, list[Any]], Any], rate: float) -> keras.Model:
    """Return a compiled network, as its parameters are chosen."""
    hidden = problem.networks[choose("model", list(range(len(problem.networks))))]
    optimizer = getattr(keras.optimizers, choose("optimizer", list(OPTIMIZERS)))
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    head = keras.layers.Dense(data["y"].shape[1], activation="softmax")
    model = keras.Sequential([keras.Input(data["x"].shape[1:]), *layers, head])
    model.compile(optimizer=optimizer(learning_rate=rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def optuna_search(problem: Problem, data: Data, seed: int, most: int, epochs: int) -> tuple[float, int]:
    """Search by Optuna; return the best loss of a trial's last epoch, and how many epochs were made."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal made
        rate = trial.suggest_float("lr", *RATES, log=True)
        model = network(problem, data, trial.suggest_categorical, rate)
        size, test = trial.suggest_categorical("batch_size", problem.batch_sizes), (data["x_test"], data["y_test"])
        for epoch in range(1, most + 1):
            history = model.fit(data["x"], data["y"], size, 1, verbose=0, validation_data=test)
            loss, made = float(history.history["val_loss"][0]), made + 1
            trial.report(loss, epoch)
            if made >= epochs:
                trial.study.stop()
                break
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    pruner = optuna.pruners.HyperbandPruner(1, most, ETA)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    study.optimize(objective)
    last = [trial.intermediate_values[max(trial.intermediate_values)] for trial in study.trials if trial.intermediate_values]
    return min(last), made


def keras_tuner_search(problem: Problem, data: Data, seed: int, most: int, epochs: int) -> tuple[float, int]:
    """Search by KerasTuner; return the best loss of a trial's last epoch, and how many epochs were made."""
    import keras_tuner

    made: list[int] = []
    losses: dict[tuple[tuple[str, Any], ...], float] = {}  # of each configuration, after its last round

    class Model(keras_tuner.HyperModel):  # type: ignore[misc]  # it has no annotations
        def build(self, hp: Any) -> keras.Model:
            return network(problem, data, hp.Choice, hp.Float("lr", *RATES, sampling="log"))

        def fit(self, hp: Any, model: keras.Model, *given: Any, **others: Any) -> Any:
            made.append(others["epochs"] - others.get("initial_epoch", 0))
            history = model.fit(*given, batch_size=hp.Choice("batch_size", list(problem.batch_sizes)), **others)
            configuration = tuple(sorted((name, value) for name, value in hp.values.items() if not name.startswith("tuner/")))
            losses[configuration] = float(history.history["val_loss"][-1])
            return history

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Hyperband(
            Model(), "val_loss", max_epochs=most, factor=ETA, seed=seed, directory=folder, project_name="search"
        )
        tuner.search(data["x"], data["y"], validation_data=(data["x_test"], data["y_test"]), verbose=0)
    return min(losses.values()), sum(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
