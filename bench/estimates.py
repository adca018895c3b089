"""What automl_plan tells before a search beside what that takes, on iris and digits: seconds, bytes and memory of a session,
and how often that was in the range; and what keeping the best iteration costs.

`python bench/estimates.py 5` takes medians of five. Every call opens its sessions, and so imports TensorFlow.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import Connection, in_turn, page_tables, ratio, run, schema, spread, table
from digits import cnn, digits_tables, mlp

ROUNDS = 3
_CALL = """SELECT {what} FROM madlib.{function}('{source}', 'found', '{nets}', 'best', ARRAY[1, 2],
    $${{'loss': ['categorical_crossentropy'], 'metrics': ['accuracy'],
        'optimizer_params_list': [{{'optimizer': ['Adam', 'SGD'], 'lr': [0.001, 0.1, 'log']}}]}}$$,
    $${{'batch_size': [16, 32], 'epochs': [1]}}$$, 'hyperband', '{params}', 1{more})"""
_TOLD = """seconds, at_least, at_most, bytes, bytes_at_least, bytes_at_most, memory_mb, memory_mb_at_least, memory_mb_at_most"""
_TOOK = "SELECT seconds, bytes, memory_mb FROM madlib.automl_runs ORDER BY run_id DESC LIMIT 1"
_MADE = "found, found_info, found_summary, best, best_summary"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with schema("bench_estimates") as connection, tempfile.TemporaryDirectory() as folder:
        run(connection, "SET keras_automl.keep_sessions = 0")
        page_tables(connection)
        digits_tables(connection, {"CNN": cnn().to_json(), "MLP": mlp().to_json()}, Path(folder) / "digits.npz")
        estimates(connection, "iris", "iris_train_packed", "model_arch_library", "R=27, eta=3, skip_last=1", rounds)
        estimates(connection, "digits", "packed", "nets", "R=9, eta=3", rounds)
        keeping(connection, rounds)


@dataclass(frozen=True)
class Figure:
    """What was told of a search before, with its range, and what it was."""

    told: float
    least: float
    most: float
    was: float

    @property
    def error(self) -> float:
        """How far what was told is off, in percent."""
        return 100 * (self.told / self.was - 1)

    @property
    def in_range(self) -> bool:
        """Whether it was in the range."""
        return self.least <= self.was <= self.most


def estimates(connection: Connection, name: str, source: str, nets: str, params: str, rounds: int) -> None:
    """Print how far what was told before a search is from what it took."""
    found = [told_and_taken(connection, source, nets, params) for _ in range(rounds)]
    seconds, written, memory = zip(*found, strict=True)
    table(
        f"A search on {name} ({params}) and what automl_plan had told, {rounds} rounds",
        [
            ("seconds that it took", spread([each.was for each in seconds])),
            ("seconds that were told", spread([each.told for each in seconds])),
            ("seconds told, against taken", compared(seconds)),
            ("bytes told, against written", compared(written)),
            ("MB of the largest session", spread([each.was for each in memory], "MB")),
            ("MB told, against those of the largest session", compared(memory)),
        ],
    )


def told_and_taken(connection: Connection, source: str, nets: str, params: str) -> list[Figure]:
    """Plan a search, make it, and return seconds, bytes and MB of both."""
    plan = _CALL.format(what=_TOLD, function="automl_plan", source=source, nets=nets, params=params, more="")
    run(connection, f"DROP TABLE IF EXISTS {_MADE}")
    ((*told,),) = run(connection, f"{plan} WHERE part = 'all'")
    search(connection, source, nets, params)
    (took,) = run(connection, _TOOK)
    ranges = zip(told[::3], told[1::3], told[2::3], took, strict=True)
    return [Figure(*each) for each in ranges]


def compared(figures: Sequence[Figure]) -> str:
    """Return how far what was told is off, and how often the range had it."""
    held = sum(each.in_range for each in figures)
    return f"{spread([each.error for each in figures], '%')}; {held} of {len(figures)} in the range"


def keeping(connection: Connection, rounds: int) -> None:
    """Print what it costs to keep the best iteration of each trial, with an evaluation after each."""
    params, written = "R=9, eta=3", {}

    def searched(keep: str) -> None:
        search(connection, "packed", "nets", f"{params}, keep={keep}", ", metrics_compute_frequency := 1")
        written[keep] = run(connection, _TOOK)[0][1]

    seconds = in_turn({"best": lambda: searched("best"), "last": lambda: searched("last")}, rounds)
    table(
        f"A search on digits ({params}), evaluated after each iteration, {rounds} rounds in turn",
        [
            ("keep=last", spread(seconds["last"])),
            ("keep=best", spread(seconds["best"])),
            ("longer by", ratio(seconds["best"], seconds["last"])),
            ("written by keep=best, against keep=last", f"{written['best'] / written['last']:.1f} times"),
        ],
    )


def search(connection: Connection, source: str, nets: str, params: str, more: str = "") -> None:
    run(connection, f"DROP TABLE IF EXISTS {_MADE}")
    call = _CALL.format(what="*", function="madlib_keras_automl", source=source, nets=nets, params=params, more=more)
    run(connection, call)


if __name__ == "__main__":
    main()
