"""What is said on a session of Greenplum: statements prepared once and executed, with their values as literals."""

from __future__ import annotations

from automl.cluster.interface import DEFINE, KEEP, TAKE, Work
from automl.cluster.prepared import Execution
from automl.cluster.statements import Conversation, Statement, conversation

LARGE = bytes(100_000)


def quote(text: bytes) -> bytes:
    """A literal as a server with standard strings reads it."""
    return b"'" + text.replace(b"'", b"''") + b"'"


def hold(talk: Conversation) -> tuple[list[Statement], object]:
    """Hold a conversation, answering each statement with its number from 1; return what was said, and the last answer."""
    said = [next(talk)]
    while True:
        try:
            said.append(talk.send(len(said)))
        except StopIteration as end:
            return said, end.value


def define(*values: object) -> Conversation:
    return conversation(Work(None, DEFINE, values))


def test_a_statement_is_prepared_when_it_is_said_first() -> None:
    execution = Execution(quote)
    assert hold(execution.of(define("net", "{}", None))) == (
        [
            Statement(f"PREPARE automl_define_0 AS {DEFINE}", ()),
            Statement("EXECUTE automl_define_0 ('net', '{}', NULL)", ()),
        ],
        2,
    )
    assert hold(execution.of(define("it's", "{}", b"\x01'"))) == (
        [Statement("EXECUTE automl_define_0 ('it''s', '{}', '\\x0127')", ())],
        1,
    )


def test_what_is_large_is_kept_on_the_coordinator_first() -> None:
    execution = Execution(quote)
    hold(execution.of(define("net", "{}", None)))
    assert hold(execution.of(define("net", "{}", LARGE))) == (
        [
            Statement(KEEP, (LARGE,)),
            Statement("EXECUTE automl_define_0 ('net', '{}', madlib.automl_kept())", ()),
        ],
        2,
    )


def test_a_statement_without_values() -> None:
    said, _ = hold(Execution(quote).of(conversation(Work(None, TAKE, ()))))
    assert said[-1] == Statement("EXECUTE automl_take_0", ())


def test_a_conversation_of_several_statements_gets_its_own_answers() -> None:
    def talk() -> Conversation:
        first = yield Statement("SELECT 1", ())
        second = yield Statement("SELECT 1", ())
        return first, second

    said, answer = hold(Execution(quote).of(talk()))
    assert [statement.sql for statement in said] == ["PREPARE automl_0 AS SELECT 1", "EXECUTE automl_0", "EXECUTE automl_0"]
    assert answer == (2, 3)
