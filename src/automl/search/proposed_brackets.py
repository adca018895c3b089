"""Hyperband whose later brackets are proposed from what earlier ones have found.

Source: Falkner, Klein, Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018, section 3. The
first bracket is drawn at random. The next one begins when the one before it has come to a round with fewer configurations than
can train at the same time: sessions would be idle then. It is proposed from the rounds that were complete by then, of the
brackets before it; so what it is proposed from is part of the plan and does not hang on who was faster. Its configurations are
proposed as sessions become free for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from automl.search.ladder import Assignment, Ladder, Progress, Rung
from automl.search.ladder_steps import step_of, task_of, turn_of
from automl.search.sampling import Proposals, Standings, Tpe
from automl.search.scheduler import Step, Turn
from automl.search.space import Configuration, Space


class ProposedBrackets:
    """The scheduler of such a search.

    Args:
        rungs: of all brackets.
        members: the numbers of the trials of each bracket.
        space: what may be tried.
        seed: of the search.
        window: how many trials can train at the same time.
    """

    endless = False

    def __init__(
        self, rungs: Sequence[Rung], members: Mapping[int, Sequence[int]], space: Space, seed: int, window: int
    ) -> None:
        self._ladder = Ladder(rungs, members)
        self._members = {s: tuple(trials) for s, trials in members.items() if trials}
        self._waiting = deque(sorted(self._members, reverse=True))  # brackets that have not begun
        self._to_propose: deque[int] = deque()
        self._first: dict[int, Assignment] = {}  # what each trial trains first
        self._bracket = 0  # the last that has begun
        self._window = window
        self._proposals = Proposals(space, seed, lambda: Tpe(space.axes))
        self._standings = Standings(space, self._proposals)
        self._tried: dict[int, Configuration] = {}
        self._scores: dict[int, float | None] = {}

    @property
    def count(self) -> int:
        return sum(map(len, self._members.values()))

    @property
    def iterations(self) -> int:
        return self._ladder.iterations

    def start(self) -> Step:
        self._proposals.begin()
        self._first = {each.trial: each for each in self._ladder.start()}
        self._next_bracket()
        steps = [self.more() for _ in tuple(self._to_propose)]
        return Step(
            tuple(trial for step in steps for trial in step.trials), tuple(task for step in steps for task in step.tasks)
        )

    def report(self, trial: int, loss: float | None) -> Step:
        return step_of(self._ladder, self._reported(trial, loss))

    @property
    def horizon(self) -> Turn | None:
        return turn_of(self._first[self._to_propose[0]]) if self._to_propose else None

    def more(self) -> Step:
        if not self._to_propose:
            return Step()
        number = self._to_propose.popleft()
        point = self._standings.point(number)
        if point is None:
            return self._without(number)
        self._proposals.take(point)
        self._tried[number] = point.configuration
        return Step(((number, point.configuration),), (task_of(self._ladder, self._first[number]),))

    def _without(self, number: int) -> Step:
        """Go on without a trial for which there is no configuration: it counts as one that failed."""
        return step_of(self._ladder, self._reported(number, None))

    def _reported(self, trial: int, loss: float | None) -> Progress:
        progress = self._ladder.report(trial, loss)
        self._scores[trial] = loss
        finished = progress.finished
        if finished is not None and finished.bracket == self._bracket:
            for each in (each for each in progress.ranking if each in self._tried):
                self._standings.learn(self._tried[each], finished.iterations, self._scores[each])
            if len(progress.assignments) < self._window:
                self._next_bracket()
        return progress

    def _next_bracket(self) -> None:
        """Begin the next bracket, if there is one; what is found in those before it from now on is not looked at."""
        if self._waiting:
            self._bracket = self._waiting.popleft()
            self._to_propose += self._members[self._bracket]
