"""How far a run is, for whoever watches it from another session: looked at about once a second, and when something has ended.

What remains is reckoned from the visits that were made. Trials that train, or wait to, have their own pace; what may follow
from their losses has the mean. Sessions share all of it, but the longest way is gone by one trial alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from automl.cluster.hopper import Hopper, Layout, Leg
from automl.search.scheduler import Scheduler
from automl.training.rows import Standing
from automl.training.under_way import TrialsUnderWay

RANKED = 100  # trials that a run names as its best: what a leaderboard shows without a look at all of them
_EVERY = 1.0  # seconds
_SHARE = 50  # and at least this many times as long as a look takes


class Watch:
    """Looks at a run.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        trials: TrialsUnderWay,
        hopper: Hopper,
        scheduler: Scheduler,
        layout: Layout,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials = trials
        self._hopper = hopper
        self._scheduler = scheduler
        self._layout = layout
        self._clock = clock
        self._begun = self._next = clock()
        self._rows = self._iterations = self._stops = 0

    def begins(self) -> None:
        """Note that training begins."""
        self._begun = self._clock()

    def set_out(self, leg: Leg) -> None:
        """Note that a trial sets out."""
        self._iterations += leg.iterations
        self._stops += leg.stops(self._layout)

    def trained(self, rows: int) -> None:
        """Note rows that a visit has trained on."""
        self._rows += rows

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self._clock() >= self._next

    @property
    def share(self) -> float:
        """Which part of its iterations the run has made, from 0 to 1."""
        return self._trials.visits / (self._layout.training * max(1, self._scheduler.iterations))

    def standing(self, elapsed: float, sessions: int) -> Standing:
        """Return how far the run is.

        Args:
            elapsed: seconds that it has trained.
            sessions: that train.
        """
        begin = self._clock()
        standing = Standing(
            trials=self._scheduler.count,
            done=len(self._trials) - self._hopper.trials,
            running=self._hopper.running,
            share=min(1.0, self.share),
            rows_per_second=self._rows / max(begin - self._begun, 1e-3),
            elapsed=elapsed,
            remaining=self._remaining(sessions),
            ranking=self._trials.ranking(RANKED),
        )
        self._next = begin + max(_EVERY, _SHARE * (self._clock() - begin))
        return standing

    def _remaining(self, sessions: int) -> float | None:
        outlook = self._hopper.outlook
        if outlook is None:
            return None
        later = max(0, self._scheduler.iterations - self._iterations) * self._stops / max(1, self._iterations)
        return max(outlook.longest, (outlook.seconds + later * outlook.per_stop) / max(1, sessions))
