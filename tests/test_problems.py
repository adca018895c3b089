"""Gathering what is wrong with a call."""

from __future__ import annotations

import pytest

from automl.errors import AutomlError, Problems, Unanswered, UsageError


def broken() -> int:
    raise UsageError("eta", "must be at least 2", 1)


def test_checks_that_pass_have_their_values() -> None:
    problems = Problems()
    one = problems.attempt(lambda: 1)
    two = problems.attempt(lambda: one.value + 1)
    nothing = problems.attempt(lambda: None)
    problems.stop()
    assert (one.value, two.value, nothing.value) == (1, 2, None)
    assert one.passed and nothing.passed


def test_what_needs_a_check_that_failed_is_left_out() -> None:
    problems = Problems()
    eta = problems.attempt(broken)
    ladder = problems.attempt(lambda: 81 // eta.value)
    other = problems.attempt(lambda: "seen")
    assert (eta.passed, ladder.passed, other.passed) == (False, False, True)
    assert (eta.or_none, ladder.or_none, other.or_none) == (None, None, "seen")
    with pytest.raises(AutomlError, match=r"^eta: must be at least 2, got 1$"):
        problems.stop()


def test_all_problems_are_one_error() -> None:
    problems = Problems()
    problems.attempt(broken)
    problems.add(UsageError("R", "must be a power of eta", 10, hint="Use 9."))
    with pytest.raises(AutomlError) as caught:
        problems.stop()
    assert caught.value.message == (
        "2 problems were found:\n  eta: must be at least 2, got 1\n  R: must be a power of eta, got 10"
    )
    assert (caught.value.sqlstate, caught.value.hint) == ("22023", "Use 9.")


def test_the_value_of_a_check_that_failed_is_never_had() -> None:
    with pytest.raises(Unanswered):
        _ = Problems().attempt(broken).value
