"""The page's Hyperband search by KerasTuner: same rows, same networks, same ranges, R=9 and eta=3.

    python -m peers.kerastuner_hyperband DATA.npz

DATA.npz holds x, y, x_test, y_test. Prints the best validation loss. Everything a run needs is in its seconds: the imports too.
"""

from __future__ import annotations

import os
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import keras_tuner
import numpy as np


def build(hp: keras_tuner.HyperParameters) -> keras.Model:
    """One or two hidden layers of 10; Adam or RMSprop with a learning rate from 0.001 to 0.1, as on the page."""
    hidden = hp.Choice("model", [2, 3])
    layers = [keras.layers.Dense(10, activation="relu") for _ in range(hidden)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, activation="softmax")])
    optimizers = {"Adam": keras.optimizers.Adam, "RMSprop": keras.optimizers.RMSprop}
    optimizer = optimizers[hp.Choice("optimizer", list(optimizers))]
    rate = hp.Float("lr", 0.001, 0.1, sampling="log")
    model.compile(optimizer=optimizer(learning_rate=rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


class Search(keras_tuner.Hyperband):  # type: ignore[misc]  # it has no annotations
    """KerasTuner's Hyperband, which has to be told that the batch size is searched too."""

    def run_trial(self, trial: object, *args: object, **kwargs: object) -> object:
        batch_size = trial.hyperparameters.Choice("batch_size", [4, 8])  # type: ignore[attr-defined]
        return super().run_trial(trial, *args, **{**kwargs, "batch_size": batch_size})


def main(path: str) -> None:
    data = np.load(path)
    with tempfile.TemporaryDirectory() as folder:
        tuner = Search(build, "val_loss", max_epochs=9, factor=3, seed=1, directory=folder, project_name="page", overwrite=True)
        tuner.search(data["x"], data["y"], validation_data=(data["x_test"], data["y_test"]), verbose=0)
        best = tuner.oracle.get_best_trials(1)[0]
    print(best.score)


if __name__ == "__main__":
    main(sys.argv[1])
