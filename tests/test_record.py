"""The record of a run: what is written, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from automl.errors import RunDeleted
from automl.training.curves import Evaluation
from automl.training.record import RunRecord
from automl.training.rows import Call, Checkpoint, End, NewTrial, Progress, RunStatus, TrialStatus, Where

CALL = Call("hyperband", "R=9", "train", "made", "{}", "0", 1, 1, 2)
WHERE = Where("sessions", 2, 123)
FAILED = End(None, None, RunStatus.FAILED, "no space left on device", "{}")


def state(trial: int, content: bytes) -> Checkpoint:
    return Checkpoint(trial, iteration=1, visits=1, state=content)


def opened(journal: Memory, memory: int, *, durable: bool = True, has_foreign_keys: bool = True) -> RunRecord:
    """A record of a run that has begun."""
    record = RunRecord(journal, memory, durable=durable, has_foreign_keys=has_foreign_keys)
    record.begin(CALL, WHERE)
    return record


class Memory:
    """A journal that keeps checkpoints, and the texts of its statements."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.written: list[str] = []
        self.states: dict[tuple[object, ...], object] = {}

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if "madlib.automl_runs" in sql:
            return [{"run_id": 1}]
        return [{"state": self.states[values[1:]]}] if values[1:] in self.states else []

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        self.written += [text for text, _ in statements]
        for text, values in statements:
            if "INSERT INTO madlib.automl_checkpoints" in text:
                for row in zip(*[iter(values)] * 6, strict=True):
                    _run, trial, _iteration, _visits, state, part = row
                    self.states[trial, part] = state


class FullDisk(Memory):
    """A journal that has no room for checkpoints."""

    def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        if any("INSERT INTO madlib.automl_checkpoints" in text for text, _ in statements):
            raise OSError("no space left on device")
        super().batch(statements)


def test_a_state_comes_back_from_memory_or_from_the_table_and_a_new_trial_has_none() -> None:
    journal = Memory()
    record = opened(journal, memory=10, durable=False)
    assert record.state_of(1) is None
    record.put(state(1, b"first!"))
    record.put(state(2, b"second"))
    assert list(journal.states) == [(1, 0)]
    assert (record.state_of(1), record.state_of(2), record.state_of(3)) == (b"first!", b"second", None)
    assert [text.split()[0] for text in journal.asked] == ["INSERT", "SELECT"]  # for the one state that is not in memory


def test_a_large_state_is_rows_of_several_parts() -> None:
    journal = Memory()
    record = opened(journal, memory=1, durable=False)
    large, exact = bytes(range(256)) * 2**15 + b"rest", b"e" * 2**22  # 8 MB and a little, and one part
    for trial, content in enumerate((large, exact, b"little", b"last"), 1):
        record.put(state(trial, content))
    assert {key: len(part) for key, part in journal.states.items()} == {  # type: ignore[arg-type]
        (1, 0): 2**22, (1, 1): 2**22, (1, 2): 4, (2, 0): 2**22, (3, 0): 6,
    }  # fmt: skip
    assert [record.state_of(trial) for trial in (1, 2, 3)] == [large, exact, b"little"]


def test_a_state_that_an_earlier_version_wrote_as_one_row_is_read() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record._states.recall([1])
    journal.states[1, 0] = b"s" * 2**23
    assert record.state_of(1) == b"s" * 2**23
    del journal.states[1, 0]
    with pytest.raises(RunDeleted):
        record.state_of(1)


def test_what_is_written_is_not_written_again_where_a_checkpoint_fails() -> None:
    journal = FullDisk()
    record = opened(journal, memory=2**20)
    record.trials([NewTrial(1, 1, "", "", {})])
    record.put(state(1, b"state"))
    with pytest.raises(OSError, match="no space left"):
        record.flush(now=True)
    record.end(FAILED)
    assert len([text for text in journal.written if "INSERT INTO madlib.automl_trials" in text]) == 1


def order(journal: Memory) -> list[str]:
    """What was written, in its order: metrics, checkpoints, progress."""
    words = {"INSERT INTO madlib.automl_metrics": "metrics", "INSERT INTO madlib.automl_checkpoints": "checkpoint",
             "UPDATE madlib.automl_trials t": "progress"}  # fmt: skip
    return [name for text in journal.written for start, name in words.items() if text.startswith(start)]


def test_metrics_are_written_before_the_checkpoints_behind_them_and_those_before_a_failure() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    for trial in (1, 2):  # the second state drives the first one out of memory
        record.put(state(trial, b"state!"))
        record.evaluated(trial, Evaluation(1, 0.1, (0.5, ()), None))
    assert order(journal) == ["metrics", "checkpoint"]
    record.settle(2)
    record.progress(Progress(2, TrialStatus.FAILED, {}, 1, None, 0.1, "ValueError"))
    record.flush(now=True)
    assert order(journal) == ["metrics", "checkpoint", "metrics", "checkpoint", "progress"]


def test_a_record_that_was_not_opened_is_not_closed() -> None:
    journal = Memory()
    RunRecord(journal, memory=10, durable=True, has_foreign_keys=True).end(FAILED)
    assert journal.written == []


class Deleted(Memory):
    """A journal whose run somebody has deleted."""

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return super().execute(sql, *values) if sql.startswith("INSERT") else []


def test_without_foreign_keys_the_run_is_looked_for_before_rows_are_written() -> None:
    journal = Deleted()
    record = opened(journal, memory=10, has_foreign_keys=False)
    record.flush(now=True)  # nothing to write
    record.trials([NewTrial(1, 1, "", "", {})])
    with pytest.raises(RunDeleted):
        record.flush(now=True)
    assert journal.written == []


def test_with_foreign_keys_nothing_is_asked() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record.trials([NewTrial(1, 1, "", "", {})])
    record.flush(now=True)
    assert [text.split()[0] for text in journal.asked] == ["INSERT"]
    assert len(journal.written) == 1


# --- statements ---------------------------------------------------------------------------------------------------------


def test_the_statements_of_a_record() -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    class Listening(Memory):
        def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
            asked.append((" ".join(sql.split()), values))
            return super().execute(sql, *values)

        def batch(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
            asked.extend((" ".join(text.split()), values) for text, values in statements)

    record = opened(Listening(), memory=10)
    record.trials([NewTrial(3, 1, "c", "f", {"s": 2, "i": 0}), NewTrial(4, 1, "c", "f", {})])
    record.evaluated(3, Evaluation(1, 0.1, (0.5, (0.9,)), (0.6, (0.8, 0.7))))
    record.progress(Progress(3, TrialStatus.RUNNING, {"s": 2, "i": 1}, 1, 0.6, 0.2, None))
    record.end(End(3, 0.6, RunStatus.CANCELLED, "canceling statement", "{}"))
    assert asked == [
        (
            "INSERT INTO madlib.automl_runs (method, params, source_table, model_output_table, arguments, inputs, random_state,"
            " threads, partitions, executor, sessions, backend) VALUES ($1::text, $2::text, $3::text, $4::text, $5::text,"
            " $6::text, $7::bigint, $8::integer, $9::integer, $10::text, $11::integer, $12::integer) RETURNING run_id",
            ("hyperband", "R=9", "train", "made", "{}", "0", 1, 1, 2, "sessions", 2, 123),
        ),
        (
            "INSERT INTO madlib.automl_trials (run_id, mst_key, model_id, compile_params, fit_params, place) VALUES"
            " ($1::bigint, $2::integer, $3::integer, $4::text, $5::text, $6::json),"
            " ($7::bigint, $8::integer, $9::integer, $10::text, $11::text, $12::json)",
            (1, 3, 1, "c", "f", '{"s": 2, "i": 0}', 1, 4, 1, "c", "f", "{}"),
        ),
        (
            "INSERT INTO madlib.automl_metrics (run_id, mst_key, iteration, elapsed, training_loss, training_metrics,"
            " validation_loss, validation_metrics) VALUES ($1::bigint, $2::integer, $3::integer, $4::double precision,"
            " $5::double precision, $6::double precision[], $7::double precision, $8::double precision[])",
            (1, 3, 1, 0.1, 0.5, [0.9], 0.6, [0.8, 0.7]),
        ),
        (
            "UPDATE madlib.automl_trials t SET status = v.status, place = v.place, iteration = v.iteration, loss = v.loss,"
            " seconds = v.seconds, error = v.error FROM (VALUES ($1::bigint, $2::integer, $3::text, $4::json, $5::integer,"
            " $6::double precision, $7::double precision, $8::text)) v (run_id, mst_key, status, place, iteration, loss,"
            " seconds, error) WHERE t.run_id = v.run_id AND t.mst_key = v.mst_key",
            (1, 3, "running", '{"s": 2, "i": 1}', 1, 0.6, 0.2, None),
        ),
        (
            "UPDATE madlib.automl_runs SET finished = pg_catalog.clock_timestamp(), best_mst_key = $2::integer, best_loss ="
            " $3::double precision, status = $4::text, error = $5::text, versions = $6::text WHERE run_id = $1::bigint",
            (1, 3, 0.6, "cancelled", "canceling statement", "{}"),
        ),
        (
            "UPDATE madlib.automl_trials SET status = 'stopped' WHERE run_id = $1::bigint AND status IN ('waiting', 'running')",
            (1,),
        ),
    ]


def test_many_rows_are_several_statements() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record.trials([NewTrial(trial, 1, "", "", {}) for trial in range(1, 202)])
    record.flush(now=True)
    assert [text.count("::text") for text in journal.written] == [200, 200, 2]
