"""Large states in parts: what is cut comes together again, and a conversation about a visit says no more than it must."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from automl.cluster.interface import OPEN, PUT, TAKE, VISIT, Work
from automl.cluster.statements import conversation, held
from keras_seg.protocol import parts
from keras_seg.protocol.parts import PART

PIECES: list[list[bytes]] = [[], [b""], [b"abc"], [b"abcdef"], [b"ab", b"", b"cdefgh", b"i"], [b"abc", b"def", b"ghi"]]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("pieces", PIECES)
def test_parts_are_full_but_for_the_last_and_hold_everything_in_order(pieces: list[bytes], size: int) -> None:
    cut = list(parts.cut(pieces, size))
    assert b"".join(cut) == b"".join(pieces)
    assert all(len(part) == size for part in cut[:-1])
    assert all(cut)
    assert parts.total(pieces) == len(b"".join(pieces))


def test_pieces_are_counted_in_bytes_whatever_they_hold() -> None:
    numbers = memoryview(struct.pack("<3i", 1, 2, 3)).cast("i")
    assert parts.total([numbers]) == 12
    assert b"".join(parts.cut([numbers], 5)) == numbers.tobytes()


def test_what_arrives_is_complete_with_its_last_part_and_then_forgotten() -> None:
    arriving = parts.Arriving()
    assert arriving.complete(None) is None
    assert arriving.complete(b"whole") == b"whole"
    arriving.add(b"lost with its session's statement")
    arriving.begin()
    arriving.add(b"a")
    arriving.add(b"b")
    assert arriving.complete(b"c") == b"abc"
    assert arriving.complete(None) is None


def test_both_sides_cut_alike() -> None:
    assert PART == parts.PART


class Session:
    """A session that answers a visit with the state it got, as `keras_seg.transition` does."""

    def __init__(self, longer: int = 0) -> None:
        self.said: list[str] = []
        self._arriving = parts.Arriving()
        self._leaving: Iterator[bytes] = iter(())
        self._longer = longer

    def answer(self, sql: str, values: tuple[Any, ...]) -> Any:
        self.said.append(sql)
        if sql == PUT:
            part, first = values
            if first:
                self._arriving.begin()
            self._arriving.add(part)
            return ""
        if sql == TAKE:
            return next(self._leaving, b"")
        assert sql == VISIT
        state = bytes(self._arriving.complete(values[1]) or b"") + b"+" * self._longer
        report = json.dumps({"bytes": len(state), "rows": 7}).encode()
        self._leaving = parts.cut([state])
        return struct.pack("<I", len(report)) + report + next(self._leaving, b"")


def talk(work: Work, session: Session) -> Any:
    return held(conversation(work), lambda statement: session.answer(*statement))


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 5])
def test_a_state_of_any_size_goes_there_and_back(size: int) -> None:
    state = (bytes(range(251)) * (size // 251 + 1))[:size]
    session = Session()
    report, back = talk(Work("task", VISIT, ("{}", state or None)), session)
    assert report["rows"] == 7
    assert bytes(back) == state
    assert session.said.count(VISIT) == 1
    assert session.said.count(PUT) == session.said.count(TAKE) == max(0, -(-size // PART) - 1)


def test_a_small_state_is_one_statement() -> None:
    session = Session()
    talk(Work("task", VISIT, ("{}", b"state")), session)
    assert session.said == [VISIT]


def test_a_state_that_grows_is_taken_whole() -> None:
    _, back = talk(Work("task", VISIT, ("{}", b"x" * PART)), Session(longer=PART))
    assert bytes(back) == b"x" * PART + b"+" * PART


def test_other_work_is_one_statement_with_its_answer() -> None:
    talking = conversation(Work("task", OPEN, ("{}",)))
    assert next(talking) == (OPEN, ("{}",))
    with pytest.raises(StopIteration) as end:
        talking.send("answer")
    assert end.value.value == "answer"
