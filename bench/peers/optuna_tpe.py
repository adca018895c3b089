"""The page's Hyperopt search by Optuna's TPE driving Keras: same rows, networks and ranges, 20 trials of 10 epochs.

    python -m peers.optuna_tpe DATA.npz

DATA.npz holds x, y, x_test, y_test. Prints the best validation loss. Everything a run needs is in its seconds: the imports too.
"""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import optuna

TRIALS, EPOCHS = 20, 10
OPTIMIZERS = {"Adam": keras.optimizers.Adam, "RMSprop": keras.optimizers.RMSprop}


def main(path: str, seed: str = "1") -> None:
    data = np.load(path)
    keras.utils.set_random_seed(int(seed))
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> float:
        hidden = trial.suggest_categorical("model", [2, 3])
        layers = [keras.layers.Dense(10, activation="relu") for _ in range(hidden)]
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, activation="softmax")])
        rate = trial.suggest_float("lr", 0.001, 0.1, log=True)
        optimizer = OPTIMIZERS[trial.suggest_categorical("optimizer", list(OPTIMIZERS))](learning_rate=rate)
        model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
        batch_size = trial.suggest_categorical("batch_size", [4, 8])
        test = (data["x_test"], data["y_test"])
        history = model.fit(data["x"], data["y"], batch_size, EPOCHS, verbose=0, validation_data=test)
        return float(history.history["val_loss"][-1])

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=int(seed)))
    study.optimize(objective, n_trials=TRIALS)
    print(study.best_value)


if __name__ == "__main__":
    main(*sys.argv[1:])
