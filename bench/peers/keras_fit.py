"""Trials trained by `keras.fit`, one after the other in one process with all cores.

    python -m peers.keras_fit TRIALS.json DATA.npz

TRIALS.json is a list of {"architecture", "learning_rate", "batch_size", "epochs"}; DATA.npz holds x and y. Prints seconds of
training alone; the imports are in the seconds of the process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np


def main(trials: str, path: str) -> None:
    data = np.load(path)
    begin = time.perf_counter()
    for trial in json.loads(Path(trials).read_text()):
        model = keras.models.model_from_json(trial["architecture"])
        model.compile(keras.optimizers.Adam(trial["learning_rate"]), "categorical_crossentropy", metrics=["accuracy"])
        model.fit(data["x"], data["y"], batch_size=trial["batch_size"], epochs=trial["epochs"], verbose=0)
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main(*sys.argv[1:])
