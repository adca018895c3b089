"""The page's Hyperband example from call to result, and the same search by KerasTuner, in turn, imports included."""

from __future__ import annotations

import tempfile
from pathlib import Path

from common import in_turn, page_search, page_tables, peer, ratio, run, save_iris, schema, spread, table

ROUNDS = 3


def main() -> None:
    with schema("bench_hyperband") as connection, tempfile.TemporaryDirectory() as folder:
        page_tables(connection)
        data = Path(folder) / "iris.npz"
        save_iris(connection, data)
        seconds = in_turn(
            {"ours": lambda: page_search(connection), "peer": lambda: peer("kerastuner_hyperband", str(data))}, ROUNDS
        )
        hops = run(
            connection,
            "SELECT sum(seconds) FROM madlib.automl_trials WHERE run_id = (SELECT max(run_id) FROM madlib.automl_runs)",
        )
        table(
            f"Hyperband on iris, R=9, eta=3 (15 configurations), {ROUNDS} rounds in turn",
            [
                ("madlib_keras_automl, from call to result: the first round", spread(seconds["ours"][:1])),
                ("likewise, those that follow", spread(seconds["ours"][1:])),
                ("KerasTuner's Hyperband, from start to result", spread(seconds["peer"])),
                ("faster by, in the first round, which imports TensorFlow", ratio(seconds["peer"][:1], seconds["ours"][:1])),
                ("faster by, in those that follow", ratio(seconds["peer"][1:], seconds["ours"][1:])),
                ("seconds of all hops of the last search, over its sessions", f"{float(hops[0][0]):.2f} s"),
            ],
        )


if __name__ == "__main__":
    main()
