"""Ladders: brackets of rungs, and who goes on from one rung to the next (Li et al. 2018, Algorithm 1, the inner loop).

A bracket is one run of successive halving. Which brackets there are, and what their rungs are, a method says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rung:
    """One round of one bracket.

    Attributes:
        bracket: s; the bracket with the largest s begins with the most configurations.
        round: i, from 0.
        configurations: n_i, how many compete in it.
        iterations: r_i, how many iterations each of them trains in it.
        offset: iterations on the page's axis (`metrics_iters`) that lie before it.
    """

    bracket: int
    round: int
    configurations: int
    iterations: int
    offset: int


@dataclass(frozen=True)
class Assignment:
    """A trial is to train for the iterations of a rung."""

    trial: int
    rung: Rung


@dataclass(frozen=True)
class Progress:
    """What a report has led to; nothing while others of its rung still train.

    Attributes:
        assignments: what is to be trained now: the survivors, in their next rung.
        finished: the rung that is complete now.
        ranking: its trials, the best first.
    """

    assignments: tuple[Assignment, ...] = ()
    finished: Rung | None = None
    ranking: tuple[int, ...] = ()


def allotted(rungs: Sequence[Rung], trials: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Give the brackets their trials: the largest bracket the first ones, and so on.

    Where there are fewer than planned, the brackets that begin with the longest runs are filled first: of the four
    configurations of a small space three train for R iterations from the start, where the largest bracket would leave three of
    four after its first round.

    Returns:
        The trials by bracket; with fewer than planned, the largest brackets get fewer or none.
    """
    members, left = {}, tuple(trials)
    for rung in sorted(rungs, key=lambda rung: rung.bracket):
        if rung.round == 0:
            at = max(0, len(left) - rung.configurations)
            members[rung.bracket], left = left[at:], left[:at]
    return dict(sorted(members.items(), reverse=True))


class Ladder:
    """Decides who goes on (Li et al. 2018, Algorithm 1, the inner loop). Only survivors of a round compete in the next one.

    Args:
        planned: the rungs of all brackets.
        members: the trials of each bracket, at most as many as planned. With fewer a round has the room that is planned for
            it, so that more of them go on; a bracket with none vanishes.
    """

    def __init__(self, planned: Sequence[Rung], members: Mapping[int, Sequence[int]]) -> None:
        room = {rung.bracket: rung.configurations for rung in planned if rung.round == 0}
        if any(len(trials) > room.get(s, 0) for s, trials in members.items()):
            raise ValueError(f"more trials than planned: {members}")
        self._brackets = {
            s: _Bracket(tuple(rung for rung in planned if rung.bracket == s), tuple(trials))
            for s, trials in sorted(members.items(), reverse=True)
            if trials
        }
        self._bracket_of = {trial: bracket for bracket in self._brackets.values() for trial in bracket.competing}

    @property
    def iterations(self) -> int:
        """Iterations that its trials make, all together, if none of them fails."""
        return sum(bracket.iterations for bracket in self._brackets.values())

    def start(self) -> tuple[Assignment, ...]:
        """Return the first round of every bracket."""
        return tuple(assignment for bracket in self._brackets.values() for assignment in bracket.assignments())

    def report(self, trial: int, loss: float | None) -> Progress:
        """Tell the loss of a trial at the end of its rung.

        Losses rank ascending, NaN after them; ties by the number of the trial.

        Args:
            trial: its number; it must be training.
            loss: None for a trial that failed, which is never promoted, not even where there is room.
        """
        if trial not in self._bracket_of:
            raise ValueError(f"trial {trial} is not on the ladder")
        return self._bracket_of[trial].report(trial, loss)

    def iterations_after(self, rung: Rung) -> int:
        """Return how many iterations a trial that is promoted every time has before it after `rung`."""
        later = self._brackets[rung.bracket].rungs[rung.round + 1 :]
        return sum(each.iterations for each in later)


@dataclass
class _Bracket:
    """One run of successive halving: its rungs, the trials that compete in the current one, and the losses known of them."""

    rungs: tuple[Rung, ...]
    competing: tuple[int, ...]
    round: int = 0
    losses: dict[int, float | None] = field(default_factory=dict)
    iterations: int = field(init=False)

    def __post_init__(self) -> None:
        self.iterations = sum(min(len(self.competing), rung.configurations) * rung.iterations for rung in self.rungs)

    def assignments(self) -> tuple[Assignment, ...]:
        return tuple(Assignment(trial, self.rungs[self.round]) for trial in self.competing)

    def report(self, trial: int, loss: float | None) -> Progress:
        if trial not in self.competing or trial in self.losses:
            raise ValueError(f"trial {trial} is not training")
        self.losses[trial] = loss
        return Progress() if len(self.losses) < len(self.competing) else self._next_round()

    def _next_round(self) -> Progress:
        finished, ranking = self.rungs[self.round], _ranked(self.losses)
        self.competing = self._survivors(ranking)
        self.losses = {}
        if not self.competing:
            return Progress((), finished, ranking)
        self.round += 1
        return Progress(self.assignments(), finished, ranking)

    def _survivors(self, ranking: Sequence[int]) -> tuple[int, ...]:
        """Return who goes on: the best, as many as the next round has room for; never one that failed."""
        if self.round + 1 == len(self.rungs):
            return ()
        room = self.rungs[self.round + 1].configurations
        return tuple([trial for trial in ranking if self.losses[trial] is not None][:room])


def _ranked(losses: Mapping[int, float | None]) -> tuple[int, ...]:
    return tuple(sorted(losses, key=lambda trial: rank(losses[trial], trial)))


def rank(loss: float | None, trial: int) -> tuple[int, float, int]:
    """Return what trials are ordered by: numbers, then what is none (NaN, minus infinity), then None; ties by number."""
    if loss is None or math.isnan(loss) or loss == -math.inf:
        return (2 if loss is None else 1), 0.0, trial
    return 0, loss, trial
