"""Milliseconds of automl_leaderboard and automl_progress over the record of a long search: 10,000 trials by default.

    python bench/watching.py [TRIALS]

The record is written here as a search writes it: five states and five evaluations of each trial, and two thousand words of how
far the run is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import Connection, in_turn, run, schema, spread, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from fix_record import FILL, RUN, STANDINGS

TRIALS = 10_000
ROUNDS = 100


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    with schema("bench_watching") as connection:
        number = written(connection, trials)
        views = ("automl_leaderboard", "automl_progress")
        seen = {name: lambda name=name: run(connection, f"TABLE madlib.{name}") for name in views}
        in_turn(seen, 1)
        seconds = in_turn(seen, ROUNDS)
        table(
            f"Looking at a run of {trials:,} trials, {ROUNDS} times in turn",
            [(f"TABLE madlib.{name}", spread(seconds[name], "ms", 1000)) for name in views],
        )
        run(connection, "DELETE FROM madlib.automl_runs WHERE run_id = %s", number)


def written(connection: Connection, trials: int) -> int:
    """Write the record of a search and return its number."""
    ((number,),) = run(connection, RUN)
    with connection.cursor() as cursor:
        for text in (FILL, STANDINGS):
            cursor.execute(text, {"run": number, "trials": trials})
    run(connection, "ANALYZE")
    return int(number)


if __name__ == "__main__":
    main()
