"""What is said on a session to have one piece of work done, in calls of the extension's functions: one call, or several where a
state is too large for one.

An exchange is a generator: it yields calls, is sent the answer of each, and returns the answer of the whole. So every kind of
cluster can have it in its own way: one waits for each answer, another serves other sessions meanwhile; one writes a call as
a SELECT, another as a SELECT from the row of one buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from automl.cluster.orders import CheckWork, ExportWork, ImportWork, Order, PredictionWork, VisitWork
from automl.errors import RowGone
from keras_seg.protocol import parts
from keras_seg.protocol.definitions import Definition
from keras_seg.protocol.file_orders import FileReport
from keras_seg.protocol.orders import CheckReport, SessionSetup, VisitReport
from keras_seg.protocol.parts import Raw
from keras_seg.protocol.predictions import opened_outputs

Said = TypeVar("Said")


@dataclass(frozen=True)
class Function:
    """An internal function of the extension that a session calls.

    Attributes:
        name: in the schema of the extension.
        types: SQL types of its arguments.
    """

    name: str
    types: tuple[str, ...] = ()

    def sql(self, *arguments: str) -> str:
        """Return the expression that calls it.

        Args:
            arguments: expressions; parameters from $1 on where there are none.
        """
        given = arguments or tuple(f"${number}::{kind}" for number, kind in enumerate(self.types, 1))
        return f"madlib.{self.name}({', '.join(given)})"

    def select(self, *arguments: str) -> str:
        """Return the statement that calls it; its one column is `answer`."""
        return f"SELECT {self.sql(*arguments)} AS answer"


OPEN = Function("automl_open", ("text",))
DEFINE = Function("automl_define", ("text", "text", "bytea"))
CHECK = Function("automl_check", ("text",))
PUT = Function("automl_put", ("bytea", "boolean"))
VISIT = Function("automl_visit", ("text", "bytea"))
TAKE = Function("automl_take")
PREDICT = Function("automl_predict_batch", ("text", "bytea", "integer"))
TO_FILE = Function("automl_to_file", ("text",))
FROM_FILE = Function("automl_from_file", ("bytea",))
CLOSE = Function("automl_close")
REST = Function("automl_rest")
KEEP = Function("automl_keep", ("bytea",))
KEPT = Function("automl_kept")


class Call(NamedTuple):
    """A call of a function with its arguments."""

    function: Function
    values: tuple[object, ...] = ()


class Statement(NamedTuple):
    """A statement with its parameters.

    Attributes:
        name: what it is called where statements have names.
    """

    sql: str
    values: tuple[object, ...] = ()
    name: str = "automl"


Exchange = Generator[Said, Any, Any]


def exchange(order: Order) -> Exchange[Call]:
    """Return what is said for a piece of work, and what makes its answer of the session's."""
    match order:
        case VisitWork():
            return _visit(order)
        case CheckWork():
            return _check(order)
        case PredictionWork():
            return _predict(order)
        case ExportWork():
            return _reported(Call(TO_FILE, (order.order.to_json(),)))
        case ImportWork():
            return _import(order)


def opening(setup: SessionSetup) -> Exchange[Call]:
    """Return what is said to get a session ready; the answer is what the session says about itself, as JSON."""
    return (yield Call(OPEN, (setup.to_json(),)))


def defining(definition: Definition) -> Exchange[Call]:
    """Return what is said to let orders name an architecture."""
    last = yield from _all_but_last(definition.weights)
    yield Call(DEFINE, (definition.key, definition.architecture, last))


def spelled(calls: Exchange[Call], spell: Callable[[Call], Statement]) -> Exchange[Statement]:
    """Return an exchange in statements, given how a call is written as one.

    Raises:
        RowGone: a call has no answer.
    """
    call = next(calls)
    while True:
        answer = yield spell(call)
        if answer is None:
            raise RowGone
        try:
            call = calls.send(answer)
        except StopIteration as end:
            return end.value


def selected(call: Call, at: str = "") -> Statement:
    """Return a call as a statement.

    Args:
        at: the end of the statement, which says where it runs.
    """
    return Statement(call.function.select() + at, call.values, call.function.name)


def run_to_end(calls: Exchange[Said], answer: Callable[[Said], Any]) -> Any:
    """Have an exchange to its end, one call after the other, and return its answer.

    Args:
        answer: has a call done and returns its answer.
    """
    said = next(calls)
    while True:
        try:
            said = calls.send(answer(said))
        except StopIteration as end:
            return end.value


def _check(work: CheckWork) -> Exchange[Call]:
    return CheckReport.from_json((yield Call(CHECK, (work.order.to_json(),))))


def _predict(work: PredictionWork) -> Exchange[Call]:
    return opened_outputs((yield Call(PREDICT, (work.key, work.rows, work.count))))


def _visit(work: VisitWork) -> Exchange[Call]:
    last = yield from _all_but_last(work.state)
    answer = yield Call(VISIT, (work.order.to_json(), last))
    text, first = parts.opened(answer)
    report = VisitReport.from_json(text)
    return report, (yield from _rest(first, report.size))


def _import(work: ImportWork) -> Exchange[Call]:
    last = yield from _all_but_last(work.file)
    return (yield from _reported(Call(FROM_FILE, (last,))))


def _reported(call: Call) -> Exchange[Call]:
    """Have a file or weights made, and take the parts of them."""
    text, first = parts.opened((yield call))
    report = FileReport.from_json(text)
    return report, (yield from _rest(first, report.size))


def _all_but_last(value: Raw | None) -> Generator[Call, Any, Raw | None]:
    """Bring all parts of a value but the last, and return that."""
    at = 0
    while value is not None and len(value) - at > parts.PART:
        yield Call(PUT, (value[at : at + parts.PART], at == 0))
        at += parts.PART
    return value[at:] if value is not None and at else value


def _rest(first: bytes, size: int) -> Generator[Call, Any, bytes | bytearray]:
    """Take the parts of a state of `size` bytes that follow the first one."""
    if len(first) == size:
        return first
    whole = bytearray(size)
    at, part = 0, first
    while True:
        whole[at : at + len(part)] = part
        at += len(part)
        if at >= size or not part:
            return whole
        part = yield Call(TAKE)
