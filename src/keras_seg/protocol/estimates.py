"""What training takes of memory, at least: both sides compare it with what is free, a session before it gives any out.

Only what grows with a network is counted, and of that what is taken for sure: what TensorFlow takes by itself is taken by
then, and what a batch takes in the layers nobody knows before. So a small network needs next to nothing, and is never refused.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What trains on one host at the same time.

    Attributes:
        sessions: that train there.
        resting: bytes of states that may rest there in memory.
    """

    sessions: int
    resting: int


@dataclass(frozen=True)
class Footprint:
    """What of a trial takes memory: bytes of its weights, and of its state, which holds them too."""

    weights: int
    state: int

    @property
    def session(self) -> int:
        """Bytes that a session takes which trains it: the state, gradients and what an update computes; or a state that
        comes while the last one is there."""
        return max(self.state + 3 * self.weights, 2 * self.state)

    def sessions(self, trials: int, load: Load) -> int:
        """Return how many sessions train such trials at the same time."""
        return max(1, min(trials, load.sessions))

    def needed(self, trials: int, load: Load) -> int:
        """Return the bytes that so many such trials take: in the sessions, and where they rest."""
        resting = max(self.state, min(load.resting, trials * self.state))
        return self.sessions(trials, load) * self.session + resting


@dataclass(frozen=True)
class Shortage:
    """Memory that is missing.

    Attributes:
        name: what people call the network.
        footprint: of one trial of it.
        trials: that there are.
        free: bytes of memory.
    """

    name: str
    footprint: Footprint
    trials: int
    free: int
