"""What is said on a session to have a piece of work done: one statement, or several where a state is too large for one.

A conversation is a generator: it yields statements, is sent the answer of each, and returns the answer of the whole. So every
kind of cluster can hold it in its own way: one waits for each answer, another serves other sessions meanwhile.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from automl.cluster.interface import PUT, TAKE, VISIT, Work
from keras_seg.protocol.parts import PART

_LENGTH = struct.Struct("<I")


class Statement(NamedTuple):
    """A statement with its parameters."""

    sql: str
    values: tuple[object, ...]


Conversation = Generator[Statement, Any, Any]


def conversation(work: Work, at: str = "") -> Conversation:
    """Return what is said for a piece of work; of a visit the answer is (report, state).

    Args:
        at: the end of each statement, which says where it runs.
    """
    return _visit(at, *work.values) if work.sql == VISIT else _one(work, at)


def held(talk: Conversation, answer: Callable[[Statement], Any]) -> Any:
    """Hold a conversation to its end, one statement after the other, and return its answer.

    Args:
        answer: has a statement done and returns its answer.
    """
    statement = next(talk)
    while True:
        try:
            statement = talk.send(answer(statement))
        except StopIteration as end:
            return end.value


def _one(work: Work, at: str) -> Conversation:
    return (yield Statement(work.sql + at, work.values))


def _visit(where: str, order: object, state: Any) -> Conversation:
    at = 0
    while state is not None and len(state) - at > PART:
        yield Statement(PUT + where, (state[at : at + PART], at == 0))
        at += PART
    answer = yield Statement(VISIT + where, (order, state[at:] if at else state))
    (length,) = _LENGTH.unpack_from(answer)
    report = json.loads(answer[_LENGTH.size : _LENGTH.size + length])
    first = answer[_LENGTH.size + length :]
    return report, (yield from _rest(where, first, report.get("bytes", 0)))


def _rest(where: str, first: bytes, size: int) -> Generator[Statement, Any, bytes | bytearray]:
    """Take the parts of a state of `size` bytes that follow the first one."""
    if len(first) == size:
        return first
    whole = bytearray(size)
    at = 0
    part = first
    while True:
        whole[at : at + len(part)] = part
        at += len(part)
        if at >= size or not part:
            return whole
        part = yield Statement(TAKE + where, ())
