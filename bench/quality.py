"""How low the validation loss comes with our TPE and with Optuna's driving Keras: the best of 20 trials, over ten seeds.

Both train the same rows for as many epochs: the page's Hyperopt example on iris, and small networks on scikit-learn's digits.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from common import EXAMPLES, Connection, page_tables, peer, run, save_iris, schema, spread, table
from sklearn.datasets import load_digits

SEEDS = 10
_DIGITS = """DROP TABLE IF EXISTS automl_output, automl_output_info, automl_output_summary, automl_mst_table,
        automl_mst_table_summary;
    SELECT madlib.madlib_keras_automl('digits_packed', 'automl_output', 'nets', 'automl_mst_table', ARRAY[1, 2],
    $${'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'], 'optimizer_params_list': [
        {'optimizer': ['Adam'], 'lr': [0.001, 0.1, 'log']}, {'optimizer': ['RMSprop'], 'lr': [0.001, 0.1, 'log']}]}$$,
    $${'batch_size': [32, 64], 'epochs': [1]}$$, 'hyperopt', 'num_configs=20, num_iterations=5',
    NULL, -- random state
    NULL, FALSE, 'digits_test_packed')"""


def main() -> None:
    with schema("bench_quality") as connection, tempfile.TemporaryDirectory() as folder:
        page_tables(connection)
        iris, digits = Path(folder) / "iris.npz", Path(folder) / "digits.npz"
        save_iris(connection, iris)
        save_digits(connection, digits)
        page = (EXAMPLES / "hyperopt.sql").read_text().split("\\echo == The search")[1].split("\\echo")[0]
        compare(connection, "iris", page, iris)
        compare(connection, "digits", _DIGITS, digits)


def compare(connection: Connection, problem: str, search: str, data: Path) -> None:
    """Print the best validation losses over the seeds."""
    ours = [best_loss(connection, search, seed) for seed in range(1, SEEDS + 1)]
    theirs = [float(line) for line in peer("optuna_tpe", str(data), problem, str(SEEDS)).splitlines()]
    better = sum(one < other for one, other in zip(sorted(ours), sorted(theirs), strict=True))
    table(
        f"Best validation loss of 20 trials on {problem}, {SEEDS} seeds",
        [
            ("madlib_keras_automl, TPE", spread(ours, "")),
            ("Optuna's TPE with Keras, as many epochs", spread(theirs, "")),
            ("ours is lower, sorted against sorted", f"{better} of {SEEDS}"),
        ],
    )


def best_loss(connection: Connection, search: str, seed: int) -> float:
    """Search with a seed and return the lowest validation loss."""
    run(connection, search.replace("NULL, -- random state", f"{seed},"))
    ((loss,),) = run(connection, "SELECT min(validation_loss_final) FROM automl_output_info")
    return float(loss)


def save_digits(connection: Connection, path: Path) -> None:
    """Make packed tables of scikit-learn's digits, a fifth of them for validation, load the networks, save the rows."""
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), np.eye(10, dtype=np.float32)[digits.target]
    test = np.arange(len(x)) % 5 == 0
    np.savez(path, x=x[~test], y=y[~test], x_test=x[test], y_test=y[test])
    for name, which in (("digits", ~test), ("digits_test", test)):
        run(connection, f"CREATE TABLE {name} (image real[], digit integer)")
        rows = zip(digits.data[which].tolist(), digits.target[which].tolist(), strict=True)
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s)", list(rows))
    run(connection, "SELECT madlib.training_preprocessor_dl('digits', 'digits_packed', 'digit', 'image', NULL, 16)")
    run(
        connection,
        "SELECT madlib.validation_preprocessor_dl('digits_test', 'digits_test_packed', 'digit', 'image', 'digits_packed')",
    )
    for units in (32, 64):
        hidden = {"units": units, "activation": "relu", "batch_input_shape": [None, 64]}
        layers = [hidden, {"units": 10, "activation": "softmax"}]
        network = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": layer} for layer in layers]}
        run(connection, "SELECT madlib.load_keras_model('nets', %s::json)", json.dumps(network))


if __name__ == "__main__":
    main()
