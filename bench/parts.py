"""What each part of automl_train gives: searches of as many decisions with one part less, judged by the test part.

    python bench/parts.py [SETS [DECISIONS]]                 as in: python bench/parts.py ames,hpc_data 40

Left out, one at a time: the piecewise-linear vectors of numbers (each number is clipped, and stays one), the members (one
network), the best iteration (`keep=last`), and the mean of the best models (the best alone).
"""

from __future__ import annotations

import json
import sys
import time

from columns import Table, load, predicted, shown, table
from common import Connection, run, schema

SEARCH = "R=27, eta=3, sampler=tpe, objective=loss, keep={}, trial_patience=12"
AS_IT_IS, LAST = SEARCH.format("best"), SEARCH.format("last")
# By name: what is otherwise in the preset, what is kept of a trial, how many models are averaged.
PARTS = {
    "all": ({}, AS_IT_IS, 3),
    "no vectors of numbers": ({"bins": 1, "embedding": 1}, AS_IT_IS, 3),
    "no members": ({"members": 1}, AS_IT_IS, 3),
    "the last iteration": ({}, LAST, 3),
    "no mean": ({}, AS_IT_IS, 1),
}
# The caller's session chooses the networks, so the preset is changed there.
PRESET = """DO $$
import dataclasses, json
from automl.columns import presets
given = vars(presets).setdefault('as_shipped', presets.PRESETS['good'])
presets.PRESETS = {**presets.PRESETS, 'good': dataclasses.replace(given, **json.loads('%s'))}
$$ LANGUAGE plpython3u"""


def main(sets: str = "ames,hpc_data", decisions: str = "40") -> None:
    print(f"| set | by | {' | '.join(PARTS)} |")
    print("|---" * (2 + len(PARTS)) + "|")
    for name in sets.split(","):
        data = table(name)
        print(f"| {name} | {'log loss' if data.classes else 'RMSE'} |", end="", flush=True)
        with schema("bench_parts") as connection:
            load(connection, data)
            run(connection, "SELECT madlib.automl_load()")
            for number, part in enumerate(PARTS):
                print(f" {cell(connection, data, f'part_{number}', part, int(decisions))} |", end="", flush=True)
        print(flush=True)


def cell(connection: Connection, data: Table, model: str, part: str, decisions: int) -> str:
    """Return what a search without a part reaches, and its seconds."""
    preset, search, averaged = PARTS[part]
    begin = time.perf_counter()
    run(connection, PRESET % json.dumps(preset))
    run(
        connection,
        "SELECT * FROM madlib.automl_train('sample', %s, %s, id_col := 'id', budget := '1 hour', random_state := 1,"
        " split_col := 'part', params := %s)",
        model,
        f'"{data.target}"',
        json.dumps({"automl_params": f"{search}, decisions={decisions}", "averaged": averaged}),
    )
    seconds = time.perf_counter() - begin
    return f"{shown(data.error(predicted(connection, data, model)))} ({seconds:.0f} s)"


if __name__ == "__main__":
    main(*sys.argv[1:])
