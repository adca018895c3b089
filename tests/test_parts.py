"""Large states in parts: what is cut comes together again, and an exchange about a visit says no more than it must."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from automl.cluster.orders import VisitWork
from automl.cluster.statements import OPEN, PUT, TAKE, VISIT, Call, Function, exchange, opening, run_to_end
from keras_seg.protocol import parts
from keras_seg.protocol.orders import CompileOrder, FitOrder, SessionSetup, VisitOrder, VisitReport
from keras_seg.protocol.parts import PART

ORDER = VisitOrder("m", CompileOrder("SGD", {}, "mse"), FitOrder(), (1, 1), ())

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


def test_what_arrives_without_a_last_part_is_dropped() -> None:
    arriving = parts.Arriving()
    arriving.add(b"of a statement that never came")
    assert arriving.complete(None) is None
    assert arriving.complete(b"whole") == b"whole"
    arriving.add(b"a")
    assert arriving.complete(b"") == b"a"


class Session:
    """A session that answers a visit with the state it got, as `keras_seg.transition` does."""

    def __init__(self, longer: int = 0) -> None:
        self.said: list[Function] = []
        self._arriving = parts.Arriving()
        self._leaving: Iterator[bytes] = iter(())
        self._longer = longer

    def answer(self, call: Call) -> Any:
        self.said.append(call.function)
        if call.function is PUT:
            part, first = call.values
            assert isinstance(part, bytes)
            if first:
                self._arriving.begin()
            self._arriving.add(part)
            return ""
        if call.function is TAKE:
            return next(self._leaving, b"")
        assert call.function is VISIT
        order, last = call.values
        assert order == ORDER.to_json()
        assert last is None or isinstance(last, bytes)
        state = bytes(self._arriving.complete(last) or b"") + b"+" * self._longer
        self._leaving = parts.cut([state])
        return parts.envelope(VisitReport(size=len(state), rows=7).to_json(), next(self._leaving, b""))


def visit(state: bytes | None, session: Session) -> Any:
    return run_to_end(exchange(VisitWork(ORDER, state)), session.answer)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 5])
def test_a_state_of_any_size_goes_there_and_back(size: int) -> None:
    state = (bytes(range(251)) * (size // 251 + 1))[:size]
    session = Session()
    report, back = visit(state or None, session)
    assert report.rows == 7
    assert bytes(back) == state
    assert session.said.count(VISIT) == 1
    assert session.said.count(PUT) == session.said.count(TAKE) == max(0, -(-size // PART) - 1)


def test_a_small_state_is_one_call() -> None:
    session = Session()
    visit(b"state", session)
    assert session.said == [VISIT]


def test_a_state_that_grows_is_taken_whole() -> None:
    _, back = visit(b"x" * PART, Session(longer=PART))
    assert bytes(back) == b"x" * PART + b"+" * PART


def test_opening_a_session_is_one_call_with_its_answer() -> None:
    setup = SessionSetup(threads=2)
    calls = opening(setup)
    assert next(calls) == (OPEN, (setup.to_json(),))
    with pytest.raises(StopIteration) as end:
        calls.send("answer")
    assert end.value.value == "answer"
