"""The record of a run: what is written, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from automl.store import Store


class FullDisk:
    """A journal that has no room for checkpoints."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return [{"run_id": 1}]

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        texts = [text for text, _ in statements]
        if any("INSERT INTO madlib.automl_checkpoints" in text for text in texts):
            raise OSError("no space left on device")
        self.written += texts


def test_what_is_written_is_not_written_again_where_a_checkpoint_fails() -> None:
    journal = FullDisk()
    store = Store(journal, memory=2**20, durable=True)
    store.begin({"method": "hyperband"})
    store.trials([(1, 1, "", "", None, None)])
    store.put(1, b"state", 1, 1)
    with pytest.raises(OSError, match="no space left"):
        store.flush(now=True)
    store.end("failed", None, "no space left on device", "{}")
    assert len([text for text in journal.written if "INSERT INTO madlib.automl_trials" in text]) == 1
