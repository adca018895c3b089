"""How low the validation loss comes by each method at an equal number of epochs, with others beside it, over seeds.

    python bench/quality.py [--seeds 10] [--R 9] [--problems iris digits wine breast_cancer] [--alone]

All train the same rows, networks and ranges: scikit-learn's sets, a fifth of each for validation. Hyperband says how many
epochs there are (72 for R=9, eta=3), and the others get as many. The loss of a trial is that after its last epoch, for ours,
Optuna and KerasTuner alike. Seconds are from call to result: of ours with the import of TensorFlow in each session, of the
others without it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn.datasets
from common import Connection, asha_configurations, peer, run, schema, spread, table
from peers.problems import OPTIMIZERS, PROBLEMS, RATES

from automl.search.hyperband import HyperbandParams

ETA = 3
_SEARCH = """SELECT madlib.madlib_keras_automl('rows_packed', 'found', 'nets', 'best', %s, %s, %s, %s, %s, %s, NULL, FALSE,
    'test_packed')"""
_MADE = "found, found_info, found_summary, best, best_summary"


@dataclass(frozen=True)
class Found:
    """What a search of one seed has found: the best validation loss, in so many seconds and epochs."""

    loss: float
    seconds: float
    epochs: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--R", type=int, default=9)
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--alone", action="store_true", help="without the others")
    given = parser.parse_args()
    for problem in given.problems:
        with schema("bench_quality") as connection, tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data.npz"
            save(connection, problem, data)
            compare(connection, problem, data, given.seeds, given.R, alone=given.alone)


def methods(R: int) -> dict[str, tuple[str, str]]:
    """Return our contestants: each method with its parameters, for about as many epochs."""
    params = HyperbandParams(R, ETA)
    epochs = sum(rung.configurations * rung.iterations for rung in params.rungs)
    asha = f"R={R}, eta={ETA}, num_configs={asha_configurations(R, ETA, epochs)}"
    return {
        "Hyperband": ("hyperband", f"R={R}, eta={ETA}"),
        "Hyperband, sampler=tpe": ("hyperband", f"R={R}, eta={ETA}, sampler=tpe"),
        "ASHA": ("asha", asha),
        "ASHA, sampler=tpe": ("asha", f"{asha}, sampler=tpe"),
        "Hyperopt": ("hyperopt", f"num_configs={max(1, epochs // R)}, num_iterations={R}"),
    }


def max_bracket(R: int) -> int:
    """Return the bracket that begins with the most configurations."""
    return HyperbandParams(R, ETA).rungs[0].bracket


def compare(connection: Connection, problem: str, data: Path, seeds: int, R: int, *, alone: bool) -> None:
    """Print what each has found of a problem."""
    found = {
        name: [search(connection, problem, *method, seed) for seed in range(1, seeds + 1)]
        for name, method in methods(R).items()
    }
    if not alone:
        epochs = sum(rung.configurations * rung.iterations for rung in HyperbandParams(R, ETA).rungs)
        for name, other in (("Optuna's TPE, HyperbandPruner", "optuna"), ("KerasTuner's Hyperband", "keras_tuner")):
            lines = peer("searches", other, str(data), problem, str(seeds), str(R), str(epochs)).splitlines()
            found[name] = [Found(*json.loads(line)) for line in lines]
    table(f"Best validation loss on {problem}, R={R}, {seeds} seeds", [(name, shown(each)) for name, each in found.items()])


def shown(found: list[Found]) -> str:
    """Return the figures of one contestant."""
    losses, seconds = spread([each.loss for each in found], ""), spread([each.seconds for each in found])
    return f"{losses}; {seconds}; {spread([each.epochs for each in found], 'epochs')}"


def search(connection: Connection, problem: str, method: str, params: str, seed: int) -> Found:
    """Search with a seed."""
    entries = ", ".join(f"{{'optimizer': ['{name}'], 'lr': [{RATES[0]}, {RATES[1]}, 'log']}}" for name in OPTIMIZERS)
    compiled = f"{{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'], 'optimizer_params_list': [{entries}]}}"
    fit = f"{{'batch_size': {list(PROBLEMS[problem].batch_sizes)}, 'epochs': [1]}}"
    run(connection, f"DROP TABLE IF EXISTS {_MADE}")
    begin = time.perf_counter()
    run(connection, _SEARCH, list(range(1, len(PROBLEMS[problem].networks) + 1)), compiled, fit, method, params, seed)
    seconds = time.perf_counter() - begin
    ((loss,),) = run(connection, "SELECT min(validation_loss_final) FROM found_info")
    return Found(float(loss), seconds, made(connection, method, params))


def made(connection: Connection, method: str, params: str) -> int:
    """Return how many epochs the trials of a search have made."""
    if method == "hyperopt":
        ((epochs,),) = run(connection, "SELECT sum(array_length(metrics_iters, 1)) * max(metrics_iters[1]) FROM found_info")
        return int(epochs)
    R = int(params.split("R=")[1].split(",")[0])
    rungs = [rung for rung in HyperbandParams(R, ETA).rungs if method == "hyperband" or rung.bracket == max_bracket(R)]
    bracket = "s" if method == "hyperband" else str(max_bracket(R))
    places = run(connection, f"SELECT {bracket}, i FROM found_info")
    return sum(rung.iterations for s, i in places for rung in rungs if rung.bracket == s and rung.round <= i)


def save(connection: Connection, problem: str, path: Path) -> None:
    """Make packed tables of a set of scikit-learn's, a fifth of it for validation, load the networks, save the rows."""
    bunch = getattr(sklearn.datasets, f"load_{problem}")()
    test = np.arange(len(bunch.target)) % 5 == 0
    x = ((bunch.data - bunch.data[~test].mean(0)) / (bunch.data[~test].std(0) + 1e-9)).astype(np.float32)
    y = np.eye(bunch.target.max() + 1, dtype=np.float32)[bunch.target]
    np.savez(path, x=x[~test], y=y[~test], x_test=x[test], y_test=y[test])
    for name, which in (("rows", ~test), ("test", test)):
        run(connection, f"CREATE TABLE {name} (x real[], class text)")
        rows = zip(x[which].tolist(), (f"class {each:02}" for each in bunch.target[which]), strict=True)
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s)", list(rows))
    run(connection, "SELECT madlib.training_preprocessor_dl('rows', 'rows_packed', 'class', 'x')")
    run(connection, "SELECT madlib.validation_preprocessor_dl('test', 'test_packed', 'class', 'x', 'rows_packed')")
    for hidden in PROBLEMS[problem].networks:
        run(connection, "SELECT madlib.load_keras_model('nets', %s::json)", network(hidden, x.shape[1], y.shape[1]))


def network(hidden: tuple[int, ...], inputs: int, classes: int) -> str:
    """Return the JSON of a network."""
    layers = [{"units": units, "activation": "relu"} for units in hidden] + [{"units": classes, "activation": "softmax"}]
    layers[0]["batch_input_shape"] = [None, inputs]
    return json.dumps({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": layer} for layer in layers]})


if __name__ == "__main__":
    main()
