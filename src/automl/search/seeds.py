"""Where randomness comes from: one seed a search, and streams of it that do not touch each other.

A seed that is given is taken as it is, and 0 is one. A seed that is not given is drawn from the random() of the session that
calls, whichever function it calls: so `setseed()` before the call repeats what the function makes, and without it everybody
gets something else. The seed of a run stands in its record either way.

    stream 1    the configurations that are drawn from a search space
    stream 2    what Hyperopt proposes: (2, number of the trial, attempt)

Draws of different streams, or of different places in one, have nothing to do with each other, so what one part of a search
draws does not depend on how much another part has drawn before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CONFIGURATIONS, PROPOSALS = 1, 2
_DRAWN = 2**31  # a seed that is drawn is less: whoever reads it in the record can give it as random_state, an INTEGER
_OF_A_RUN = 2**32  # the seed of a run is less: the sessions derive 32-bit seeds from it


def given_or_drawn(given: int | None, draw: Callable[[], float]) -> int:
    """Return the seed that was given, or else a new one.

    Args:
        given: `random_state`; None where there is none, or the function has no such argument.
        draw: the session's random(): from 0 to below 1.
    """
    return int(draw() * _DRAWN) if given is None else given


def of_a_run(given: int | None, draw: Callable[[], float]) -> int:
    """Return the seed that was given, or else a new one, as a run keeps it: a negative one by its 32 bits without the sign."""
    return given_or_drawn(given, draw) % _OF_A_RUN


def generator(seed: int, *stream: int) -> np.random.Generator:
    """Return the generator of a stream."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, stream)))


def derived(seed: int, *stream: int) -> int:
    """Return the seed that a stream begins with, for a library that takes one."""
    return int(_sequence(seed, stream).generate_state(1)[0])


def _sequence(seed: int, stream: tuple[int, ...]) -> np.random.SeedSequence:
    """Numpy's sequences take no sign; 64 bits keep any two SQL numbers apart."""
    return np.random.SeedSequence(seed % 2**64, spawn_key=stream)
