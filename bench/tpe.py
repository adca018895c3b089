"""The page's Hyperopt example from call to result, and Optuna's TPE driving Keras, in turn, imports included."""

from __future__ import annotations

import tempfile
from pathlib import Path

from common import in_turn, page_hyperopt, page_tables, peer, ratio, save_iris, schema, spread, table

ROUNDS = 3


def main() -> None:
    with schema("bench_hyperopt") as connection, tempfile.TemporaryDirectory() as folder:
        page_tables(connection)
        data = Path(folder) / "iris.npz"
        save_iris(connection, data)
        seconds = in_turn(
            {"ours": lambda: page_hyperopt(connection), "peer": lambda: peer("optuna_tpe", str(data), "iris", "1")}, ROUNDS
        )
        table(
            f"TPE on iris, 20 trials of 10 iterations, {ROUNDS} rounds in turn",
            [
                ("madlib_keras_automl, from call to result: the first round", spread(seconds["ours"][:1])),
                ("likewise, those that follow", spread(seconds["ours"][1:])),
                ("Optuna's TPE with Keras, from start to result", spread(seconds["peer"])),
                ("faster by, in the first round, which imports TensorFlow", ratio(seconds["peer"][:1], seconds["ours"][:1])),
                ("faster by, in those that follow", ratio(seconds["peer"][1:], seconds["ours"][1:])),
            ],
        )


if __name__ == "__main__":
    main()
