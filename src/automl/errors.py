"""Errors, split by who must act: the caller, one trial, or the operator.

A usage error names the argument, the rule and the value that came, and where there is one the remedy:

    automl_params: "eta" must be an integer of at least 2, got 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from keras_seg.protocol.sqlstates import DATATYPE_MISMATCH as DATATYPE_MISMATCH
from keras_seg.protocol.sqlstates import DUPLICATE_COLUMN as DUPLICATE_COLUMN
from keras_seg.protocol.sqlstates import DUPLICATE_FUNCTION as DUPLICATE_FUNCTION
from keras_seg.protocol.sqlstates import DUPLICATE_OBJECT as DUPLICATE_OBJECT
from keras_seg.protocol.sqlstates import DUPLICATE_TABLE as DUPLICATE_TABLE
from keras_seg.protocol.sqlstates import EXTERNAL_ROUTINE_EXCEPTION as EXTERNAL_ROUTINE_EXCEPTION
from keras_seg.protocol.sqlstates import FEATURE_NOT_SUPPORTED as FEATURE_NOT_SUPPORTED
from keras_seg.protocol.sqlstates import INSUFFICIENT_PRIVILEGE as INSUFFICIENT_PRIVILEGE
from keras_seg.protocol.sqlstates import INSUFFICIENT_RESOURCES as INSUFFICIENT_RESOURCES
from keras_seg.protocol.sqlstates import INVALID_FUNCTION_DEFINITION as INVALID_FUNCTION_DEFINITION
from keras_seg.protocol.sqlstates import INVALID_PARAMETER_VALUE as INVALID_PARAMETER_VALUE
from keras_seg.protocol.sqlstates import INVALID_SCHEMA_NAME as INVALID_SCHEMA_NAME
from keras_seg.protocol.sqlstates import NULL_VALUE_NOT_ALLOWED as NULL_VALUE_NOT_ALLOWED
from keras_seg.protocol.sqlstates import NUMERIC_VALUE_OUT_OF_RANGE as NUMERIC_VALUE_OUT_OF_RANGE
from keras_seg.protocol.sqlstates import OBJECT_IN_USE as OBJECT_IN_USE
from keras_seg.protocol.sqlstates import OBJECT_NOT_IN_PREREQUISITE_STATE as OBJECT_NOT_IN_PREREQUISITE_STATE
from keras_seg.protocol.sqlstates import READ_ONLY_TRANSACTION as READ_ONLY_TRANSACTION
from keras_seg.protocol.sqlstates import UNDEFINED_COLUMN as UNDEFINED_COLUMN
from keras_seg.protocol.sqlstates import UNDEFINED_OBJECT as UNDEFINED_OBJECT
from keras_seg.protocol.sqlstates import UNDEFINED_TABLE as UNDEFINED_TABLE

Checked = TypeVar("Checked")

_NOTHING = object()


class AutomlError(Exception):
    """Anything that ends the call with a message for a person.

    Args:
        message: what happened, in one sentence.
        sqlstate: the five characters that clients switch on.
        hint: what to do about it.
    """

    def __init__(self, message: str, *, sqlstate: str = EXTERNAL_ROUTINE_EXCEPTION, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.hint = hint


class UsageError(AutomlError):
    """The caller must act: an argument breaks a rule.

    Args:
        argument: the name of the SQL argument, or the path into it (`compile_params_grid: "lr"`).
        rule: what it must be, as the rest of a sentence that starts with the argument.
        value: the value that came, shown with `repr`; left out when it says nothing.
        hint: the remedy.
        sqlstate: 22023 (invalid parameter value) unless a closer one is known.
    """

    def __init__(
        self,
        argument: str,
        rule: str,
        value: object = _NOTHING,
        *,
        hint: str | None = None,
        sqlstate: str = INVALID_PARAMETER_VALUE,
    ) -> None:
        came = "" if value is _NOTHING else f", got {shown(value)}"
        super().__init__(f"{argument}: {rule}{came}", sqlstate=sqlstate, hint=hint)


class OperatorError(AutomlError):
    """The operator must act: something is not installed, not reachable or broken."""


class RunDeleted(AutomlError):
    """The record of a run was deleted while the run was under way."""

    def __init__(self) -> None:
        super().__init__(
            "the run was deleted from madlib.automl_runs while it was under way",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="Delete runs that are not alive, and cancel others first.",
        )


class RowGone(AutomlError):
    """A statement ran nowhere: the row at which a session works, where it lies on a segment, was deleted meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "rows of a packed table were deleted while they were read; nothing has been made",
            sqlstate=OBJECT_NOT_IN_PREREQUISITE_STATE,
            hint="Call the function again.",
        )


class SeveralErrors(AutomlError):
    """Several problems of one call.

    Attributes:
        problems: each of them.
    """

    def __init__(self, problems: Sequence[AutomlError], message: str, hint: str | None) -> None:
        super().__init__(message, sqlstate=problems[0].sqlstate, hint=hint)
        self.problems = tuple(problems)


def together(found: Sequence[AutomlError]) -> AutomlError:
    """One error that reports all problems found, each on its own line, with the SQLSTATE of the first."""
    problems = [each for error in found for each in (error.problems if isinstance(error, SeveralErrors) else (error,))]
    if len(problems) == 1:
        return problems[0]
    lines = "\n".join(f"  {problem.message}" for problem in problems)
    hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
    return SeveralErrors(problems, f"{len(problems)} problems were found:\n{lines}", " ".join(hints) or None)


class Unanswered(LookupError):
    """Somebody asked for the value of a check that failed."""


class Attempt(Generic[Checked]):
    """What came of a check that `Problems.attempt` made.

    Args:
        answer: what it returned; nothing if it failed.
    """

    def __init__(self, *answer: Checked) -> None:
        self._answer = answer

    @property
    def passed(self) -> bool:
        """Whether the check raised no problem."""
        return bool(self._answer)

    @property
    def value(self) -> Checked:
        """What the check returned; behind `Problems.stop()` every check has passed."""
        if not self._answer:
            raise Unanswered
        return self._answer[0]

    @property
    def or_none(self) -> Checked | None:
        """What the check returned, None if it failed."""
        return self._answer[0] if self._answer else None


class Problems:
    """Gathers what is wrong with a call, so that all of it is reported together.

    >>> problems = Problems()
    >>> size = problems.attempt(lambda: int("3"))
    >>> half = problems.attempt(lambda: size.value / 2)
    >>> problems.stop()
    >>> half.value
    1.5
    """

    def __init__(self) -> None:
        self._found: list[AutomlError] = []

    def add(self, problem: AutomlError) -> None:
        self._found.append(problem)

    def attempt(self, check: Callable[[], Checked]) -> Attempt[Checked]:
        """Make a check, and note the problem if it raises one.

        A check that asks for the value of one that failed is left out: what it would have said is not known.
        """
        try:
            return Attempt(check())
        except Unanswered:
            return Attempt()
        except AutomlError as problem:
            self._found.append(problem)
            return Attempt()

    def stop(self) -> None:
        """Raise everything found, if anything was."""
        if self._found:
            raise together(self._found)


def shown(value: object, limit: int = 200) -> str:
    """`repr` of a value for an error message, cut after `limit` characters; NULL as SQL writes it."""
    if value is None:
        return "NULL"
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
