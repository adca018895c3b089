"""Proposing configurations from the losses of others (Bergstra et al. 2013, TPE), for every method that learns on the way.

hyperopt, the package, is imported in this file only, and when a search needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from automl.search import seeds
from automl.search.limits import REPROPOSALS
from automl.search.space import BRANCH, Axis, Configuration, Coordinates, Point, Space

History = Sequence[tuple[Coordinates, float]]  # of the trials so far, in their order; infinite for failed and pending ones
RANDOM, PROPOSED = "random", "tpe"  # where configurations come from
SAMPLERS = (RANDOM, PROPOSED)
_DRAWN = 3  # every third configuration is drawn at random where others are proposed


class Sampler(Protocol):
    """Proposes where in the space to try next."""

    def propose(self, seed: int, history: History) -> Coordinates:
        """Return the coordinates of a point, from those of earlier trials and their losses: infinite for the worst."""


class Proposals:
    """Configurations that no trial had before.

    Args:
        space: what may be tried.
        seed: of the search.
        sampler: makes what proposes; called when the search begins.

    Attributes:
        tried: the configurations of the trials, in their order, with their coordinates.
    """

    def __init__(self, space: Space, seed: int, sampler: Callable[[], Sampler]) -> None:
        self.tried: dict[Configuration, Coordinates] = {}
        self._space = space
        self._search = seed
        self._make_sampler = sampler

    def begin(self) -> None:
        """Get ready to propose."""
        self._sampler = self._make_sampler()

    def take(self, point: Point) -> None:
        """Note what the next trial tries."""
        self.tried[point.configuration] = self._space.coordinates(point)

    def proposed(self, number: int, history: History) -> Point | None:
        """Return a new point: the sampler's, or one drawn at random where it keeps to what was tried before.

        None where there is no other, which is known beforehand unless a range holds a handful of numbers only.

        Args:
            number: of the trial that it is for.
        """
        for attempt in range(REPROPOSALS):
            point = self._space.at(self._sampler.propose(self._seed(number, attempt), history))
            if point.configuration not in self.tried:
                return point
        return self.drawn(number)

    def drawn(self, number: int) -> Point | None:
        """Return a new point that is drawn at random; None where there is none."""
        return next(iter(self._space.sample_points(1, self._seed(number, REPROPOSALS), self.tried)), None)

    def _seed(self, number: int, attempt: int) -> int:
        return seeds.derived(self._search, seeds.PROPOSALS, number, attempt)


class Standings:
    """Proposes from trials some of which have trained for longer than others (after Falkner, Klein, Hutter 2018, BOHB).

    Scores after more iterations and after fewer cannot be compared. But who has come farther was better than those who were
    left behind: so trials rank by how far they have come, then by their scores, and TPE is told their ranks. (Optuna's TPE
    ranks trials that were pruned so.) One configuration in three is drawn at random, as in BOHB, so that short trainings that
    mislead can do no more harm than that.

    Args:
        space: what may be tried.
        proposals: what has been tried there.
    """

    def __init__(self, space: Space, proposals: Proposals) -> None:
        self._proposals = proposals
        self._enough = len(space.axes) + 2  # as BOHB has it: one more than the dimensions, and one to tell it from
        self._known: dict[Configuration, tuple[int, float]] = {}

    def learn(self, configuration: Configuration, iterations: int, score: float | None) -> None:
        """Note the score of a trial, in place of the one that it had earlier.

        Args:
            iterations: of the task at whose end it has that.
            score: the lower the better; None if it failed.
        """
        worst = score is None or not math.isfinite(score)
        self._known[configuration] = (0, math.inf) if worst or score is None else (-iterations, score)

    def point(self, number: int, pending: Sequence[Configuration] = ()) -> Point | None:
        """Return a new point; None where there is none.

        Args:
            number: of the trial that it is for.
            pending: configurations of which nothing is known yet, which count as the worst: there TPE need not look again.
        """
        if len(self._known) < self._enough or number % _DRAWN == 0:
            return self._proposals.drawn(number)
        return self._proposals.proposed(
            number, [*self._history(), *((self._proposals.tried[each], math.inf) for each in pending)]
        )

    def _history(self) -> History:
        ranks: dict[tuple[int, float], int] = {}
        for rank, known in enumerate(sorted(self._known.values())):
            ranks.setdefault(known, rank)  # of equals that of the first
        return [
            (self._proposals.tried[each], ranks[known] if math.isfinite(known[1]) else math.inf)
            for each, known in self._known.items()
        ]


# --- hyperopt, the package ----------------------------------------------------------------------------------------------


class Tpe:
    """Proposes points where good trials lie denser than bad ones (Bergstra, Bardenet, Bengio, Kégl 2011, section 4).

    hyperopt sees choices by their number and ranges by their quantile, so one distribution serves every scale: in quantiles all
    of them are uniform. It is asked for one proposal at a time from a history that is handed over again, and keeps nothing.

    Args:
        axes: of the space.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._hyperopt = _package()
        self._domain = self._hyperopt.base.Domain(None, _expression(self._hyperopt.hp, axes), pass_expr_memo_ctrl=False)

    def propose(self, seed: int, history: History) -> Coordinates:
        """Return the coordinates of a point to try; no global generator is touched."""
        trials = self._hyperopt.Trials()
        trials._trials = [self._document(number, *trial) for number, trial in enumerate(history, 1)]
        suggest = self._hyperopt.tpe.suggest
        (proposed,) = suggest([len(history) + 1], self._domain, trials, seed, n_startup_jobs=0, verbose=False)
        # hyperopt's numbers are numpy's.
        return {label: values[0].item() for label, values in proposed["misc"]["vals"].items() if len(values)}

    def _document(self, number: int, coordinates: Coordinates, loss: float) -> dict[str, Any]:
        """Return a trial as hyperopt writes it down."""
        labels = self._domain.params
        return {
            "tid": number,
            "state": self._hyperopt.JOB_STATE_DONE,
            "result": {"status": self._hyperopt.STATUS_OK, "loss": loss},
            "misc": {
                "tid": number,
                "idxs": {label: [number] if label in coordinates else [] for label in labels},
                "vals": {label: [coordinates[label]] if label in coordinates else [] for label in labels},
            },
        }


def _package() -> Any:
    """Return hyperopt, which is imported when a search needs it: that takes a second."""
    import hyperopt

    return hyperopt


def _expression(hp: Any, axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the space in hyperopt's terms: the axes of a branch are there only where the branch is chosen."""
    shared = {axis.label: _node(hp, axis) for axis in axes if axis.branch is None and axis.label != BRANCH}
    branches = next((axis.size or 0 for axis in axes if axis.label == BRANCH), 0)
    own = [{axis.label: _node(hp, axis) for axis in axes if axis.branch == branch} for branch in range(branches)]
    return {**shared, BRANCH: hp.choice(BRANCH, own)} if own else shared


def _node(hp: Any, axis: Axis) -> Any:
    return hp.uniform(axis.label, 0, 1) if axis.size is None else hp.randint(axis.label, axis.size)
