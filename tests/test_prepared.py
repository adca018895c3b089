"""What is said on a session of Greenplum: statements prepared once and executed, with their values as literals."""

from __future__ import annotations

from automl.cluster.prepared import Execution
from automl.cluster.statements import DEFINE, TAKE, Call, Exchange, Function, Statement, selected

LARGE = bytes(100_000)


def quote(text: bytes) -> bytes:
    """A literal as a server with standard strings reads it."""
    return b"'" + text.replace(b"'", b"''") + b"'"


def said_in(exchange: Exchange[Statement]) -> tuple[list[Statement], object]:
    """Have an exchange, answering each statement with its number from 1; return what was said, and the last answer."""
    said = [next(exchange)]
    while True:
        try:
            said.append(exchange.send(len(said)))
        except StopIteration as end:
            return said, end.value


def calling(function: Function, *values: object) -> Exchange[Statement]:
    return (yield selected(Call(function, values)))


def test_a_statement_is_prepared_when_it_is_said_first() -> None:
    execution = Execution(quote)
    assert said_in(execution.of(calling(DEFINE, "net", "{}", None))) == (
        [
            Statement("PREPARE automl_define_0 AS SELECT madlib.automl_define($1::text, $2::text, $3::bytea) AS answer"),
            Statement("EXECUTE automl_define_0 ('net', '{}', NULL)"),
        ],
        2,
    )
    assert said_in(execution.of(calling(DEFINE, "it's", "{}", b"\x01'"))) == (
        [Statement("EXECUTE automl_define_0 ('it''s', '{}', '\\x0127')")],
        1,
    )


def test_what_is_large_is_kept_on_the_coordinator_first() -> None:
    execution = Execution(quote)
    said_in(execution.of(calling(DEFINE, "net", "{}", None)))
    assert said_in(execution.of(calling(DEFINE, "net", "{}", LARGE))) == (
        [
            Statement("SELECT madlib.automl_keep($1::bytea) AS answer", (LARGE,)),
            Statement("EXECUTE automl_define_0 ('net', '{}', madlib.automl_kept())"),
        ],
        2,
    )


def test_a_statement_without_values() -> None:
    said, _ = said_in(Execution(quote).of(calling(TAKE)))
    assert said[-1] == Statement("EXECUTE automl_take_0")


def test_an_exchange_of_several_statements_gets_its_own_answers() -> None:
    def exchange() -> Exchange[Statement]:
        first = yield Statement("SELECT 1")
        second = yield Statement("SELECT 1")
        return first, second

    said, answer = said_in(Execution(quote).of(exchange()))
    assert [statement.sql for statement in said] == ["PREPARE automl_0 AS SELECT 1", "EXECUTE automl_0", "EXECUTE automl_0"]
    assert answer == (2, 3)
