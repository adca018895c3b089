"""Seeds that are given, seeds that are drawn, and streams; literal, because what users' random_state means hangs on them."""

from __future__ import annotations

import pytest

from automl.search import seeds


def never() -> float:
    raise AssertionError


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (42, 42), (2**31 - 1, 2**31 - 1), (-1, 2**32 - 1)])
def test_a_seed_that_is_given_is_the_seed(given: int, expected: int) -> None:
    assert seeds.given_or_drawn(given, never) == given
    assert seeds.of_a_run(given, never) == expected


@pytest.mark.parametrize(("drawn", "seed"), [(0.0, 0), (0.5, 2**30), (1 - 2**-53, 2**31 - 1)])
def test_one_that_is_not_given_is_drawn_and_fits_into_an_integer(drawn: float, seed: int) -> None:
    assert seeds.given_or_drawn(None, lambda: drawn) == seeds.of_a_run(None, lambda: drawn) == seed


def test_streams_are_what_they_are() -> None:
    assert seeds.generator(42, seeds.CONFIGURATIONS).integers(1000, size=4).tolist() == [74, 467, 182, 46]
    assert seeds.derived(42, seeds.PROPOSALS, 3, 0) == 1036121023


def test_streams_and_signs_differ() -> None:
    assert len({seeds.derived(seed, stream) for seed in (1, -1) for stream in (1, 2)}) == 4
