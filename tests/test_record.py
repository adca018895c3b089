"""The record of a run: what is written, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from automl.training.history import Evaluation
from automl.training.record import Store

RUN = {"method": "hyperband"}


class Memory:
    """A journal that keeps checkpoints, and the texts of its statements."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.written: list[str] = []
        self.states: dict[object, object] = {}

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        self.asked.append(sql)
        return [{"run_id": 1}] if "madlib.automl_runs" in sql else [{"state": self.states[values[1]]}]

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        self.written += [text for text, _ in statements]
        for text, values in statements:
            if "INSERT INTO madlib.automl_checkpoints" in text:
                _run, trial, _iteration, _visits, state = values
                self.states[trial] = state


class FullDisk(Memory):
    """A journal that has no room for checkpoints."""

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        if any("INSERT INTO madlib.automl_checkpoints" in text for text, _ in statements):
            raise OSError("no space left on device")
        super().batch(statements)


def test_a_state_comes_back_from_memory_or_from_the_table_and_a_new_trial_has_none() -> None:
    journal = Memory()
    store = Store(journal, memory=10, durable=False)
    store.begin(RUN)
    assert store.get(1) is None
    store.put(1, b"first!", 1, 1)
    store.put(2, b"second", 1, 1)
    assert list(journal.states) == [1]
    assert (store.get(1), store.get(2), store.get(3)) == (b"first!", b"second", None)
    assert [text.split()[0] for text in journal.asked] == ["INSERT", "SELECT"]  # for the one state that is not in memory


def test_what_is_written_is_not_written_again_where_a_checkpoint_fails() -> None:
    journal = FullDisk()
    store = Store(journal, memory=2**20, durable=True)
    store.begin(RUN)
    store.trials([(1, 1, "", "", {})])
    store.put(1, b"state", 1, 1)
    with pytest.raises(OSError, match="no space left"):
        store.flush(now=True)
    store.end("failed", None, "no space left on device", "{}")
    assert len([text for text in journal.written if "INSERT INTO madlib.automl_trials" in text]) == 1


def order(journal: Memory) -> list[str]:
    """What was written, in its order: metrics, checkpoints, progress."""
    words = {"INSERT INTO madlib.automl_metrics": "metrics", "INSERT INTO madlib.automl_checkpoints": "checkpoint",
             "UPDATE madlib.automl_trials t": "progress"}  # fmt: skip
    return [name for text in journal.written for start, name in words.items() if text.startswith(start)]


def test_metrics_are_written_before_the_checkpoints_behind_them_and_those_before_a_failure() -> None:
    journal = Memory()
    store = Store(journal, memory=10, durable=True)
    store.begin(RUN)
    for trial in (1, 2):  # the second state drives the first one out of memory
        store.put(trial, b"state!", 1, 1)
        store.evaluated(trial, Evaluation(1, 0.1, (0.5, ()), None))
    assert order(journal) == ["metrics", "checkpoint"]
    store.settle(2)
    store.progress(2, "failed", {}, 1, None, 0.1, "ValueError")
    store.flush(now=True)
    assert order(journal) == ["metrics", "checkpoint", "metrics", "checkpoint", "progress"]


def test_a_record_that_was_not_opened_is_not_closed() -> None:
    journal = Memory()
    store = Store(journal, memory=10, durable=True)
    store.end("failed", None, "too early", "{}")
    assert journal.written == []
