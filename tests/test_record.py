"""The record of a run: what is written, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from automl.errors import OperatorError, RunDeleted
from automl.training.curves import Evaluation
from automl.training.record import RunRecord
from automl.training.rows import Anchor, Call, Checkpoint, End, NewTrial, Progress, RunStatus, Standing, TrialStatus, Where
from automl.training.states import Allowance

CALL = Call("hyperband", "R=9", "min:training_loss", "train", "made", "{}", "0", 1, 1, 2)
WHERE = Where("sessions", 2, 123, automl_params="R=9", time_from=0.0)
FAILED = End(None, None, None, RunStatus.FAILED, "no space left on device", "{}")
CANCELLED = End(None, None, None, RunStatus.CANCELLED, "canceling statement", "{}")
HOURLY = 2**40
STATE = "INSERT INTO madlib.automl_checkpoint_versions"

Statements = Sequence[tuple[str, tuple[object, ...]]]


def state(trial: int, content: bytes, visits: int = 1) -> Checkpoint:
    return Checkpoint(trial, iteration=1, visits=visits, state=content)


def opened(journal: Memory, memory: int, *, durable: bool = True, hourly: int = HOURLY) -> RunRecord:
    """A record of a run that has begun."""
    record = RunRecord(journal, memory, hourly, durable=durable)
    record.begin(CALL, WHERE, lambda run: None)
    return record


class Memory:
    """A journal that keeps states, and the texts of its statements. What is posted is written at once, or when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.written: list[str] = []
        self.values: list[tuple[object, ...]] = []
        self.states: dict[tuple[object, ...], object] = {}
        self.holds = False  # whether somebody is in the way
        self.posted: tuple[Statements, Callable[[], None]] | None = None

    def execute(self, sql: str, *values: object) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if "nextval" in sql:
            return [{"run_id": 1}]
        return [{"state": self.states[values[1:]]}] if values[1:] in self.states else []

    def post(self, statements: Statements, written: Callable[[], None]) -> None:
        assert self.posted is None
        self.posted = statements, written
        self.poll()

    def poll(self) -> bool:
        if self.posted is not None and not self.holds:
            (statements, written), self.posted = self.posted, None
            self._write(statements)
            written()
        return self.posted is None

    def finish(self, patience: float = 0) -> None:
        if not self.poll():
            raise OperatorError("the record cannot be written")

    def leave(self, statements: Statements, seconds: float) -> None:
        self.posted = None
        self._write(statements)

    def _write(self, statements: Statements) -> None:
        for text, values in statements:
            self.written.append(" ".join(text.split()))
            self.values.append(values)
            if STATE in text:
                for row in zip(*[iter(values)] * 6, strict=True):
                    _run, trial, _iteration, visits, content, part = row
                    self.states[trial, visits, part] = content


class FullDisk(Memory):
    """A journal that has no room for states."""

    def post(self, statements: Statements, written: Callable[[], None]) -> None:
        if any(STATE in text for text, _ in statements):
            raise OSError("no space left on device")
        super().post(statements, written)


def test_a_state_comes_back_from_memory_or_from_the_table_and_a_new_trial_has_none() -> None:
    journal = Memory()
    record = opened(journal, memory=10, durable=False)
    assert record.state_of(1) is None
    record.put(state(1, b"first!"))
    record.put(state(2, b"second"))
    assert list(journal.states) == [(1, 1, 0)]
    assert (record.state_of(1), record.state_of(2), record.state_of(3)) == (b"first!", b"second", None)
    assert [text.split()[1] for text in journal.asked] == [
        "pg_catalog.nextval('madlib.automl_run_log_run_id_seq')",
        "state",  # the one that is not in memory
    ]


def test_a_large_state_is_rows_of_several_parts() -> None:
    journal = Memory()
    record = opened(journal, memory=1, durable=False)
    large, exact = bytes(range(256)) * 2**15 + b"rest", b"e" * 2**22  # 8 MB and a little, and one part
    for trial, content in enumerate((large, exact, b"little", b"last"), 1):
        record.put(state(trial, content))
    assert {key: len(part) for key, part in journal.states.items()} == {  # type: ignore[arg-type]
        (1, 1, 0): 2**22, (1, 1, 1): 2**22, (1, 1, 2): 4, (2, 1, 0): 2**22, (3, 1, 0): 6,
    }  # fmt: skip
    assert [record.state_of(trial) for trial in (1, 2, 3)] == [large, exact, b"little"]


def test_a_state_that_an_earlier_version_wrote_as_one_row_is_read() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record._states.recall([Anchor(1, iteration=2, visits=3)])
    journal.states[1, 3, 0] = b"s" * 2**23
    assert record.state_of(1) == b"s" * 2**23
    del journal.states[1, 3, 0]
    with pytest.raises(RunDeleted):
        record.state_of(1)


def test_a_later_state_stands_beside_the_one_before_and_is_the_one_that_is_read() -> None:
    journal = Memory()
    record = opened(journal, memory=10, durable=False)
    for visits in (1, 2):
        record.put(state(1, b"state%d" % visits, visits))
        record.put(state(2, b"other%d" % visits, visits))
    assert sorted(journal.states) == [(1, 1, 0), (1, 2, 0), (2, 1, 0)]
    assert record.state_of(1) == b"state2"


def count(journal: Memory, start: str) -> int:
    return len([text for text in journal.written if text.startswith(start)])


def test_what_is_written_is_not_written_again_where_a_checkpoint_fails() -> None:
    journal = FullDisk()
    record = opened(journal, memory=2**20)
    record.trials([NewTrial(1, 1, "", "")])
    record.flush(now=True)
    record.put(state(1, b"state"))
    with pytest.raises(OSError, match="no space left"):
        record.flush(now=True)
    record.break_off(FAILED)
    assert count(journal, "INSERT INTO madlib.automl_configurations") == 1
    assert journal.values[-2][10] == "failed"


def order(journal: Memory) -> list[str]:
    """What was written, in its order: metrics, checkpoints, progress."""
    words = {"INSERT INTO madlib.automl_metrics": "metrics", STATE: "checkpoint",
             "INSERT INTO madlib.automl_trial_states": "progress"}  # fmt: skip
    return [name for text in journal.written for start, name in words.items() if text.startswith(start)]


def test_metrics_are_written_before_the_checkpoints_behind_them_and_these_with_a_failure() -> None:
    journal = Memory()
    record = opened(journal, memory=10, hourly=0)  # nothing is written but what must be
    for trial in (1, 2):  # the second state drives the first one out of memory
        record.put(state(trial, b"state!"))
        record.evaluated(trial, Evaluation(1, 0.1, (0.5, ()), None))
    assert order(journal) == ["metrics", "checkpoint"]
    record.settle(2)
    record.progress(Progress(2, TrialStatus.FAILED, {}, 1, None, 0.1, "ValueError"))
    record.flush(now=True)
    assert order(journal) == ["metrics", "checkpoint", "metrics", "progress", "checkpoint"]
    together = journal.written[-4:]
    assert together[0].startswith("SELECT 1 / pg_catalog.count(*)")  # one transaction, which begins so


def test_a_record_that_was_not_opened_is_not_closed() -> None:
    journal = Memory()
    RunRecord(journal, memory=10, hourly=HOURLY, durable=True).break_off(FAILED)
    assert journal.written == []


def test_a_run_that_is_cancelled_while_its_row_is_on_its_way_has_it_written_with_the_last_word() -> None:
    journal = Memory()
    record = RunRecord(journal, memory=10, hourly=HOURLY, durable=True)
    journal.holds = True
    with pytest.raises(OperatorError):
        record.begin(CALL, WHERE, lambda run: None)
    record.break_off(CANCELLED)
    assert [text.split()[2] for text in journal.written[:2]] == ["madlib.automl_calls", "madlib.automl_states"]
    assert (journal.values[0][:1], journal.values[1][10]) == ((1,), "cancelled")


def test_a_run_is_kept_before_anybody_sees_it() -> None:
    journal = Memory()
    kept: list[tuple[int, list[str]]] = []
    record = RunRecord(journal, memory=10, hourly=HOURLY, durable=True)
    record.begin(CALL, WHERE, lambda run: kept.append((run, list(journal.written))))
    assert kept == [(1, [])]


# --- while somebody is in the way ---------------------------------------------------------------------------------------


def test_training_goes_on_while_somebody_is_in_the_way_and_nothing_is_lost() -> None:
    journal = Memory()
    record = opened(journal, memory=2**20)
    journal.holds = True
    for visits in (1, 2, 3):
        record.put(state(1, b"state%d" % visits, visits))
        record.evaluated(1, Evaluation(visits, 0.1, (0.5, ()), None))
        record.flush(now=True)
    assert order(journal) == []
    journal.holds = False
    record.flush()
    record.flush()
    assert [key for key in journal.states if key[0] == 1] == [(1, 1, 0), (1, 3, 0)]  # the one between was replaced meanwhile
    assert order(journal) == ["metrics", "checkpoint", "metrics", "checkpoint"]


def test_a_state_leaves_memory_when_it_has_been_written_and_the_run_ends_when_memory_is_full() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    journal.holds = True
    record.put(state(1, b"first!"))
    with pytest.raises(OperatorError):
        record.put(state(2, b"second"))
    assert journal.states == {}
    with pytest.raises(OperatorError):
        record.state_of(1)  # which is being written, and the next one would not fit beside it
    journal.holds = False
    assert record.state_of(1) == b"first!"
    assert list(journal.states.values()) == [b"first!"]


def test_a_small_state_is_there_while_it_is_written() -> None:
    journal = Memory()
    record = opened(journal, memory=100)
    record.put(state(1, b"first!"))
    journal.holds = True
    record.flush(now=True)
    assert journal.posted is not None
    assert record.state_of(1) == b"first!"


def test_a_cancelled_run_writes_no_state_any_more_and_a_failed_one_all() -> None:
    for end, expected in ((CANCELLED, []), (FAILED, [(1, 1, 0), (2, 1, 0)])):
        journal = Memory()
        record = opened(journal, memory=2**20, hourly=0)
        for trial in (1, 2):
            record.put(state(trial, b"state"))
        record.break_off(end)
        assert list(journal.states) == expected
        assert (journal.written[-2].split()[2], journal.values[-2][10]) == ("madlib.automl_states", end.status)


def test_bytes_an_hour_are_bounded() -> None:
    now = [0.0]
    allowance = Allowance(3600, lambda: now[0])
    written = 0
    for second in range(2 * 3600):
        now[0] = second
        if allowance.reaches:
            allowance.spend(50)
            written += 50
    assert 2 * 3600 <= written <= 2 * 3600 + 180 + 50  # some minutes' worth ahead
    assert not Allowance(0).reaches


def test_the_table_of_states_is_tidied_when_much_was_written() -> None:
    journal = Memory()
    record = opened(journal, memory=2**30)
    assert count(journal, "SELECT madlib.automl_tidy()") == 1  # at its beginning
    for visits in range(1, 11):
        record.put(state(1, b"s" * 2**20, visits))
        record.flush(now=True)
    record.flush(now=True)
    assert count(journal, "SELECT madlib.automl_tidy()") == 1 + 2  # each time after three MB, an eighth of 17 MB


# --- statements ---------------------------------------------------------------------------------------------------------


def inserted(name: str, columns: str, kinds: str, key: str, rows: int = 1) -> str:
    """The statement that adds rows that are not there."""
    names, types = columns.split(), kinds.split()
    each = [
        "(" + ", ".join(f"${row * len(types) + at}::{kind.replace('_', ' ')}" for at, kind in enumerate(types, 1)) + ")"
        for row in range(rows)
    ]
    same = " AND ".join(f"t.{column} = v.{column}" for column in key.split())
    return (
        f"INSERT INTO madlib.automl_{name} ({', '.join(names)}) SELECT * FROM (VALUES {', '.join(each)}) v ({', '.join(names)})"
        f" WHERE NOT EXISTS (SELECT 1 FROM madlib.automl_{name} t WHERE {same})"
    )


def test_the_statements_of_a_record() -> None:
    journal = Memory()
    record = opened(journal, memory=10, durable=False)
    record.trials([NewTrial(3, 1, "c", "f", varied={"lr": 0.1}), NewTrial(4, 1, "c", "f")])
    record.evaluated(3, Evaluation(1, 0.1, (0.5, (0.9,)), (0.6, (0.8, 0.7))), 0.8)
    record.progress(Progress(3, TrialStatus.RUNNING, {"s": 2, "i": 1}, 1, 0.6, 0.2, None, 0.8))
    record.flush(now=True)
    record.stands(Standing(trials=4, done=1, running=(3, 4), share=0.5, rows_per_second=9.0, elapsed=2.0, ranking=[3]), 5)
    record.announce()
    record.break_off(End(3, 0.6, 0.9, RunStatus.CANCELLED, "canceling statement", "{}", best_standard_error=0.05))
    nothing, standing = (None,) * 8, (4, 1, [3, 4], 0.5, 9.0, 2.0, None, [3])
    there = "SELECT 1 / pg_catalog.count(*) AS there FROM madlib.automl_calls WHERE run_id = $1::bigint"
    said = inserted(
        "states", "run_id executor sessions backend automl_params time_from"
        " best_mst_key best_loss best_objective best_standard_error status error versions"
        " decisions ended_by tables bits seconds bytes memory_mb"
        " trials done running share rows_per_second elapsed remaining ranking n",
        "bigint text integer integer text double_precision integer double_precision double_precision double_precision"
        " text text text"
        " bigint text text text double_precision bigint integer"
        " integer integer integer[] double_precision double_precision double_precision double_precision integer[] bigint",
        "run_id n",
    )  # fmt: skip
    assert list(zip(journal.written, journal.values, strict=True)) == [
        (
            inserted(
                "calls",
                "run_id estimated_seconds estimated_bytes estimated_memory_mb"
                " method params objective source_table model_output_table arguments inputs random_state threads"
                " partitions",
                "bigint double_precision bigint integer text text text text text text text bigint integer integer", "run_id",
            ),
            (1, None, None, None, "hyperband", "R=9", "min:training_loss", "train", "made", "{}", "0", 1, 1, 2),
        ),
        (said, (1, "sessions", 2, 123, "R=9", 0.0, None, None, None, None, "running", *(None,) * 9, *nothing, 1)),
        (there, (1,)),
        (
            inserted(
                "configurations", "run_id mst_key model_id compile_params fit_params varied",
                "bigint integer integer text text json", "run_id mst_key", rows=2,
            ),
            (1, 3, 1, "c", "f", '{"lr": 0.1}', 1, 4, 1, "c", "f", None),
        ),
        (
            inserted(
                "metrics",
                "run_id mst_key iteration elapsed training_loss training_metrics validation_loss validation_metrics objective",
                "bigint integer integer double_precision double_precision double_precision[] double_precision"
                " double_precision[] double_precision",
                "run_id mst_key iteration",
            ),
            (1, 3, 1, 0.1, 0.5, [0.9], 0.6, [0.8, 0.7], 0.8),
        ),
        (
            inserted(
                "trial_states",
                "run_id mst_key status place iteration loss seconds error objective best_iteration try_objective standard_error"
                " kept n",
                "bigint integer text json integer double_precision double_precision text double_precision integer"
                " double_precision double_precision integer[] bigint", "run_id mst_key n",
            ),
            (1, 3, "running", '{"s": 2, "i": 1}', 1, 0.6, 0.2, None, 0.8, None, None, None, [], 2),
        ),
        (there, (1,)),
        (
            said,
            (1, "sessions", 2, 123, "R=9", 0.0, 3, 0.6, 0.9, 0.05, "cancelled", "canceling statement", "{}",
             5, *(None,) * 6, *standing, 3),
        ),
        ("SELECT pg_catalog.pg_notify('automl', $1::text) AS news", ("1",)),
    ]  # fmt: skip


def test_many_rows_are_several_statements() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record.trials([NewTrial(trial, 1, "", "") for trial in range(1, 202)])
    record.flush(now=True)
    assert [text.count("::text") for text in journal.written[-3:]] == [200, 200, 2]


# --- states that are kept -----------------------------------------------------------------------------------------------


def kept_marks(journal: Memory) -> list[tuple[int, list[int]]]:
    """What the record said of states that are kept: (trial, after how many visits each was)."""
    rows = [values for text, values in zip(journal.written, journal.values, strict=True) if "automl_trial_states" in text]
    return [(row[1], row[-2]) for values in rows for row in zip(*[iter(values)] * 14, strict=True)]


def running(trial: int, iteration: int) -> Progress:
    return Progress(trial, TrialStatus.RUNNING, {}, iteration, 0.5, 0.1, None)


def test_a_state_that_is_kept_stays_beside_the_latest_one_in_memory_and_in_the_table() -> None:
    journal = Memory()
    record = opened(journal, memory=2**20)
    record.put(state(1, b"best", 2))
    assert record.keep(1, [2]) == set()
    record.put(state(1, b"later", 4))
    assert (record.state_of(1), record.state_of(1, 2)) == (b"later", b"best")
    record.flush(now=True)
    assert journal.states == {(1, 2, 0): b"best", (1, 4, 0): b"later"}
    assert record.keep(1, [4]) == set()
    assert record.keep(1, [2]) == {2}  # it was let go


def test_a_state_that_is_kept_leaves_memory_like_others() -> None:
    journal = Memory()
    record = opened(journal, memory=10)
    record.put(state(1, b"best..", 2))
    record.keep(1, [2])
    record.put(state(1, b"later.", 4))
    assert list(journal.states) == [(1, 2, 0)]
    assert (record.state_of(1, 2), record.state_of(1)) == (b"best..", b"later.")
    record.put(state(1, b"latest", 6))
    assert record.state_of(1, 2) == b"best.."


def test_a_state_is_said_to_be_kept_with_its_own_writing_and_the_one_before_until_then() -> None:
    """What nobody says is kept may be tidied away, and a run that is resumed goes on from the latest state."""
    journal = Memory()
    record = opened(journal, memory=2**20)
    record.put(state(1, b"one", 1))
    record.keep(1, [1])
    record.progress(running(1, 1))
    record.flush(now=True)
    record._states._allowance = Allowance(0)
    record.put(state(1, b"two", 2))
    record.keep(1, [2])
    record.progress(running(1, 2))
    record.flush(now=True)  # states may not be written now
    assert (list(journal.states), kept_marks(journal)) == ([(1, 1, 0)], [(1, [1]), (1, [1])])
    record._states._allowance = Allowance(HOURLY)
    record.put(state(1, b"three", 3))
    record.flush(now=True)
    assert (list(journal.states), kept_marks(journal)[2:]) == ([(1, 1, 0), (1, 2, 0), (1, 3, 0)], [(1, [2])])


def test_what_is_kept_is_written_with_the_latest_state_of_a_trial_that_failed() -> None:
    journal = Memory()
    record = opened(journal, memory=2**20, hourly=0)
    record.put(state(1, b"best", 2))
    record.keep(1, [2])
    record.put(state(1, b"later", 3))
    record.settle(1)
    record.flush(now=True)
    assert list(journal.states) == [(1, 2, 0), (1, 3, 0)]


def test_a_run_that_goes_on_has_the_states_that_were_kept() -> None:
    journal = Memory()
    journal.states = {(1, 2, 0): b"best", (1, 5, 0): b"later"}
    record = opened(journal, memory=2**20)
    record._states.recall([Anchor(1, 5, 5), Anchor(1, 2, 2)])
    assert record.keep(1, [2]) == set()
    assert (record.state_of(1), record.state_of(1, 2)) == (b"later", b"best")
    assert record.keep(1, [3]) == {3}
