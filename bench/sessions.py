"""Two sessions against one, and the share of the sessions' time that goes into training and evaluation: a CNN on digits."""

from __future__ import annotations

import tempfile
from pathlib import Path

from common import Connection, in_turn, ratio, run, schema, spread, table
from digits import TRIALS, cnn, digits_tables, search

ROUNDS, ITERATIONS = 3, 6
_LAST_RUN = "(SELECT max(run_id) FROM madlib.automl_runs)"
# From the first order to the last answer: what comes before is the import of TensorFlow, the same for any number of sessions.
_SPENT = f"""SELECT sum(t.seconds), r.sessions, (SELECT max(elapsed) FROM madlib.automl_metrics m WHERE m.run_id = r.run_id)
    FROM madlib.automl_trials t JOIN madlib.automl_runs r USING (run_id) WHERE run_id = {_LAST_RUN}
    GROUP BY r.run_id, r.sessions"""


def main() -> None:
    with schema("bench_sessions") as connection, tempfile.TemporaryDirectory() as folder:
        digits_tables(connection, {"CNN": cnn().to_json()}, Path(folder) / "digits.npz")
        trained: dict[int, list[float]] = {1: [], 2: []}
        shares: dict[int, list[float]] = {1: [], 2: []}

        def searched(sessions: int) -> None:
            share, seconds = spent(connection, sessions)
            trained[sessions].append(seconds)
            shares[sessions].append(share)

        whole = in_turn({"one": lambda: searched(1), "two": lambda: searched(2)}, ROUNDS)
        table(
            f"{TRIALS} trials of a CNN on digits, {ITERATIONS} iterations, {ROUNDS} rounds in turn",
            [
                ("one session, from the first order to the last answer", spread(trained[1])),
                ("two sessions, likewise", spread(trained[2])),
                ("two sessions train faster by", ratio(trained[1], trained[2])),
                ("from call to result, import included: one session", spread(whole["one"])),
                ("from call to result, import included: two sessions", spread(whole["two"])),
                ("share of the sessions' time in visits (training, evaluation), one session", spread(shares[1], "%", 100)),
                ("share of the sessions' time in visits (training, evaluation), two sessions", spread(shares[2], "%", 100)),
            ],
        )


def spent(connection: Connection, sessions: int) -> tuple[float, float]:
    """Search; return the share of the sessions' time that was spent on trials, and how long the training took."""
    run(connection, f"SET keras_automl.sessions = {sessions}")
    search(connection, 1, ITERATIONS)
    ((busy, opened, seconds),) = run(connection, _SPENT)
    return busy / (opened * seconds), seconds


if __name__ == "__main__":
    main()
