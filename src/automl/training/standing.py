"""How far a run is, for whoever watches it from another session: looked at about once a second, and when something has ended.

What remains is reckoned from the visits that were made. Trials that train, or wait to, have their own pace; what may follow
from their losses has the mean. Sessions share all of it, but the longest way is gone by one trial alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import itemgetter

from automl.cluster.hopper import Hopper, Layout, Leg
from automl.search.scheduler import OpenEnded, Scheduler
from automl.search.steering import Steering
from automl.training.rows import Standing
from automl.training.under_way import TrialsUnderWay
from keras_seg.protocol.orders import VisitReport

RANKED = 100  # trials that a run names as its best: what a leaderboard shows without a look at all of them
_EVERY = 1.0  # seconds
_SHARE = 50  # and at least this many times as long as a look takes


class Watch:
    """Looks at a run.

    Args:
        taken: returns how many decisions were taken.
        clock: tells the time in seconds.

    Attributes:
        until: when its time is over, as the clock tells it; None for never.
        memory: MB of the largest session.
    """

    def __init__(
        self,
        trials: TrialsUnderWay,
        hopper: Hopper,
        scheduler: Scheduler,
        layout: Layout,
        steering: Steering,
        taken: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials = trials
        self._hopper = hopper
        self._scheduler = scheduler
        self._layout = layout
        self._steering = steering
        self._taken = taken
        self._clock = clock
        self._origin = self._begun = self._next = clock()
        self._rows = self._iterations = self._stops = 0
        self.until: float | None = None
        self.memory = 0

    def begins(self, origin: float, time_from: float = 0.0) -> None:
        """Note that training begins.

        Args:
            origin: when it would have begun if it had not been interrupted.
            time_from: seconds after that, from which on its time counts.
        """
        self._origin, self._begun = origin, self._clock()
        # One that is to take so many decisions takes as long as that takes.
        if self._steering.max_time is not None and self._steering.decisions is None:
            self.until = origin + time_from + self._steering.max_time

    def set_out(self, leg: Leg) -> None:
        """Note that a trial sets out."""
        self._iterations += leg.iterations
        self._stops += leg.stops(self._layout)

    def trained(self, report: VisitReport) -> None:
        """Note the rows that a visit has trained on, and what memory its session has."""
        self._rows += report.rows
        self.memory = max(self.memory, report.memory_mb)

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self._clock() >= self._next

    @property
    def count(self) -> int | None:
        """How many trials there will be; None where only a budget says so."""
        count, most = self._scheduler.count, self._steering.max_trials
        if most is not None:
            return min(count, most * self._steering.tries.count)
        return None if self._is_endless else count

    @property
    def told(self) -> str:
        """Which part of its iterations the run has made, or of a budget that ends it before, for people."""
        share, part = self._nearest_end
        return f"{share:.0%} {part}"

    @property
    def share(self) -> float:
        """The same as a number, from 0 to 1."""
        return self._nearest_end[0]

    def standing(self, sessions: int, *, decided: bool = False) -> Standing:
        """Return how far the run is.

        Args:
            sessions: that train.
            decided: whether trials count as they were at the last decision about each.
        """
        begin = self._clock()
        standing = Standing(
            trials=self.count,
            done=min(self._trials.done, self.count or self._trials.done),
            running=self._hopper.running,
            share=self.share,
            rows_per_second=self._rows / max(begin - self._begun, 1e-3),
            elapsed=begin - self._origin,
            remaining=self._remaining(sessions),
            ranking=self._trials.ranking(RANKED, decided=decided),
        )
        self._next = begin + max(_EVERY, _SHARE * (self._clock() - begin))
        return standing

    @property
    def _is_endless(self) -> bool:
        return isinstance(self._scheduler, OpenEnded) and self._scheduler.endless

    @property
    def _nearest_end(self) -> tuple[float, str]:
        """How far the run is on its way to the end that it will come to first, and what that is a part of."""
        ways = [(self._trials.iterations / max(1, self._scheduler.iterations), "of all iterations done")]
        if self._steering.decisions is not None:
            ways.append((self._taken() / self._steering.decisions, "of the decisions taken"))
        if self.until is not None and self._steering.max_time is not None:
            ways.append((1 - (self.until - self._clock()) / self._steering.max_time, "of the time is over"))
        share, part = max(ways, key=itemgetter(0))
        return min(1.0, share), part

    @property
    def _planned(self) -> float:
        """How many iterations there will be: of so many of the trials that are tried, as large a part of all."""
        count, all_of_them = self.count, self._scheduler.count
        return self._scheduler.iterations * (count / max(1, all_of_them) if count is not None else 1)

    def _remaining(self, sessions: int) -> float | None:
        """Return the seconds that are left: of its time, or what lies before its trials, whichever ends first."""
        left = None if self.until is None else max(0.0, self.until - self._clock())
        outlook = self._hopper.outlook
        if outlook is None or (self._is_endless and left is not None):
            return left
        later = max(0.0, self._planned - self._iterations) * self._stops / max(1, self._iterations)
        seconds = max(outlook.longest, (outlook.seconds + later * outlook.per_stop) / max(1, sessions))
        return seconds if left is None else min(seconds, left)
