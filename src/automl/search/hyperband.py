"""Hyperband: which brackets there are, and how many configurations train for how many iterations in each round.

Source: Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
Optimization", JMLR 18(185), 2018, section 3, Algorithm 1. A bracket s is one run of successive halving: many configurations
with few iterations, of which the best 1/eta go on with eta times as many. The brackets differ in where they begin between many
and few; they do not depend on each other, so all of them start at once. All arithmetic is on integers: a floating-point
logarithm takes 243 for less than the fifth power of 3.

For R=9, eta=3, configurations x iterations, over the iterations of the page's axis (`metrics_iters`):

                  1        2..4     5..13
    bracket 2     9 x 1    3 x 3    1 x 9
    bracket 1              3 x 3    1 x 9
    bracket 0                       3 x 9
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.errors import NULL_VALUE_NOT_ALLOWED, UsageError, together
from automl.search.ladder import Ladder, Rung, allotted
from automl.search.ladder_steps import COLUMNS, step_of, task_of
from automl.search.limits import MOST_CONFIGURATIONS, MOST_ITERATIONS
from automl.search.pairs import AUTOML_PARAMS, INTEGER
from automl.search.proposed_brackets import ProposedBrackets
from automl.search.sampling import PROPOSED, RANDOM, SAMPLERS
from automl.search.scheduler import Plan, Scheduler, Step
from automl.search.space import Configuration, Space

__all__ = ["COLUMNS", "KEYS", "HyperbandParams", "largest_bracket", "parse_params", "schedule", "schedule_params"]


# --- the plan -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HyperbandParams:
    """The parameters of Hyperband, as on the page.

    Attributes:
        R: iterations that a configuration may get in one round.
        eta: of eta configurations in a round, one goes on.
        skip_last: rounds left out at the end of every bracket.
        brackets: those that are run; None for all. The paper found that the one that explores most is often the best.
        sampler: where the configurations of later brackets come from: random or tpe.
    """

    R: int = 6
    eta: int = 3
    skip_last: int = 0
    brackets: tuple[int, ...] | None = None
    sampler: str = RANDOM

    max_iterations_are = "the iterations of the longest round"

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The plan."""
        rungs = schedule(self.R, self.eta, self.skip_last)
        return tuple(rung for rung in rungs if self.brackets is None or rung.bracket in self.brackets)

    @property
    def configurations(self) -> int:
        """How many configurations the plan begins with, over all brackets."""
        return sum(rung.configurations for rung in self.rungs if rung.round == 0)

    @property
    def max_iterations(self) -> int:
        """Iterations of the longest round."""
        return max(rung.iterations for rung in self.rungs)

    def plan(self, space: Space, seed: int, partitions: int) -> Plan:
        """Return the plan of a search in `space`."""
        return HyperbandPlan(self, space, seed, partitions)

    def __str__(self) -> str:
        brackets = "" if self.brackets is None else f", brackets={_shown(self.brackets)}"
        sampler = "" if self.sampler == RANDOM else f", sampler={self.sampler}"
        return f"R={self.R}, eta={self.eta}, skip_last={self.skip_last}{brackets}{sampler}"


def _shown(brackets: Sequence[int]) -> str:
    return f"({', '.join(map(str, brackets))})"


def schedule(R: int, eta: int, skip_last: int) -> tuple[Rung, ...]:
    """Return the rungs of all brackets, the largest bracket first, then by round.

    Round i of bracket s has n_i configurations for r_i iterations each, of n configurations in the bracket's first round:

        n   = floor((s_max + 1) / (s + 1)) * eta^s    as many that each bracket trains for about as many iterations in all
        n_i = floor(n / eta^i)                        of eta configurations one goes on
        r_i = R * eta^(i - s), rounded half up        so the last round, i = s, has R

    The page rounds the factor of n down first, the paper rounds the product up: bracket 3 of R=81 has 27 configurations here
    and 34 there. No round is empty: n is at least eta^s, so n_s is at least 1.

    Args:
        R: most iterations of a configuration in a round, at least eta.
        eta: factor from round to round, at least 2.
        skip_last: rounds left out at the end of every bracket, from 0 to s_max; brackets of as few rounds vanish.
    """
    s_max = largest_bracket(R, eta)
    # r_i is R * eta^d / eta^s_max with d = s_max - s + i; rungs with equal d lie side by side on the page's axis.
    budgets = [_rounded(R * eta**d, eta**s_max) for d in range(s_max - skip_last + 1)]
    begin = [(s_max + 1) // (s + 1) * eta**s for s in range(s_max + 1)]
    return tuple(
        Rung(s, i, begin[s] // eta**i, budgets[s_max - s + i], sum(budgets[: s_max - s + i]))
        for s in range(s_max, skip_last - 1, -1)
        for i in range(s - skip_last + 1)
    )


def largest_bracket(R: int, eta: int) -> int:
    """Return s_max, the largest s with eta^s <= R.

    >>> largest_bracket(243, 3)
    5
    """
    s = 0
    while eta ** (s + 1) <= R:
        s += 1
    return s


def _rounded(numerator: int, denominator: int) -> int:
    """Divide and round half up, floor(a / b + 1 / 2) without fractions; at least 1."""
    return max(1, (2 * numerator + denominator) // (2 * denominator))


# --- the parameters -----------------------------------------------------------------------------------------------------

_RULES = {
    "R": "must be an integer of at least eta",
    "eta": "must be an integer of at least 2",
    "skip_last": "must be an integer of at least 0",
}
_OTHER_RULES = {
    "brackets": "must be brackets, each once, as in (4, 3)",
    "sampler": f"must be {' or '.join(map(repr, SAMPLERS))}",
}
KEYS = (*_RULES, *_OTHER_RULES)
_BRACKETS = re.compile(r"\d{1,3}(?:[\s,]+\d{1,3})*")
Complaint = Callable[[str, str, object], UsageError]


def parse_params(given: Mapping[str, str]) -> HyperbandParams:
    """Read what `automl_params` gives Hyperband: `R=9, eta=3, skip_last=0`, each key with the page's default (6, 3, 0).

    Raises:
        UsageError: a value out of range.
        AutomlError: several of these at once.
    """
    wrong = [
        _in_params(key, _RULES[key], value) for key, value in given.items() if key in _RULES and not INTEGER.fullmatch(value)
    ]
    brackets, sampler = _brackets(given.get("brackets")), given.get("sampler", RANDOM).strip("'\"").lower()
    if brackets is not None and (not brackets or len(set(brackets)) < len(brackets)):
        wrong.append(_in_params("brackets", _OTHER_RULES["brackets"], given["brackets"]))
    if sampler not in SAMPLERS:
        wrong.append(_in_params("sampler", _OTHER_RULES["sampler"], given["sampler"]))
    if wrong:
        raise together(wrong)
    params = replace(HyperbandParams(brackets=brackets, sampler=sampler), **_integers(given))
    return _checked(params, _in_params)


def _integers(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: int(given[key]) for key in _RULES if given.get(key) is not None}


def _brackets(text: str | None) -> tuple[int, ...] | None:
    """Read `4`, `4 3` or `(4, 3)`; nothing if it cannot be read."""
    if text is None:
        return None
    inner = text.strip("'\"").strip()
    inner = inner[1:-1].strip() if inner[:1] + inner[-1:] in ("()", "[]") else inner
    return tuple(map(int, re.findall(r"\d+", inner))) if _BRACKETS.fullmatch(inner) else ()


def schedule_params(R: int | None, eta: int | None, skip_last: int | None) -> HyperbandParams:
    """Check the arguments of `hyperband_schedule`.

    Raises:
        UsageError: one of them is NULL or out of range.
        AutomlError: several are NULL.
    """
    given = {"R": R, "eta": eta, "skip_last": skip_last}
    missing = [UsageError(key, _RULES[key], None, sqlstate=NULL_VALUE_NOT_ALLOWED) for key in given if given[key] is None]
    if missing:
        raise together(missing)
    return _checked(replace(HyperbandParams(), **_integers(given)), UsageError)


def _in_params(key: str, rule: str, value: object) -> UsageError:
    shown = int(value) if isinstance(value, str) and INTEGER.fullmatch(value) else value
    return UsageError(AUTOML_PARAMS, f'"{key}" {rule}', shown)


def _checked(params: HyperbandParams, complaint: Complaint) -> HyperbandParams:
    """Return the parameters if they keep their rules."""
    R, eta, skip_last = params.R, params.eta, params.skip_last
    if eta < 2:
        raise complaint("eta", _RULES["eta"], eta)
    if eta > R:
        raise complaint("R", f"{_RULES['R']} ({eta})", R)
    if MOST_ITERATIONS < R:
        raise complaint("R", f"must be at most {MOST_ITERATIONS}", R)
    s_max = largest_bracket(R, eta)
    if not 0 <= skip_last <= s_max:
        raise complaint("skip_last", f"must be an integer from 0 to {s_max}", skip_last)
    if params.brackets is not None and not all(skip_last <= s <= s_max for s in params.brackets):
        raise complaint("brackets", f"must be brackets from {skip_last} to {s_max}", _shown(params.brackets))
    if params.configurations > MOST_CONFIGURATIONS:
        planned = f"{params.configurations} configurations with eta={eta}"
        raise complaint("R", f"must plan at most {MOST_CONFIGURATIONS} configurations, and plans {planned}", R)
    return params


# --- the scheduler ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HyperbandPlan:
    """Hyperband in a search space: configurations drawn at random before anything is trained, or proposed for later brackets.

    Attributes:
        window: how many trials can train at the same time.
    """

    params: HyperbandParams
    space: Space
    seed: int
    window: int

    @property
    def planned_trials(self) -> int:
        return self.params.configurations

    @property
    def max_iterations(self) -> int:
        return self.params.max_iterations

    def probe_configurations(self) -> tuple[Configuration, ...]:
        return self.space.probe_configurations()

    def scheduler(self) -> Scheduler:
        if self.params.sampler == PROPOSED and self.space.axes:  # or there is nothing to choose
            trials = range(1, self.space.count(self.planned_trials) + 1)
            members = allotted(self.params.rungs, tuple(trials))
            return ProposedBrackets(self.params.rungs, members, self.space, self.seed, self.window)
        return HyperbandScheduler(self.params, self.space.sample(self.planned_trials, self.seed))


class HyperbandScheduler:
    """The scheduler of Hyperband: the ladder, over numbered configurations.

    Args:
        params: the plan.
        configurations: at most as many as planned; number 1 is the first.
    """

    def __init__(self, params: HyperbandParams, configurations: Sequence[Configuration]) -> None:
        self._trials = tuple(enumerate(configurations, 1))
        self._ladder = Ladder(params.rungs, allotted(params.rungs, [trial for trial, _ in self._trials]))

    @property
    def count(self) -> int:
        return len(self._trials)

    @property
    def iterations(self) -> int:
        return self._ladder.iterations

    def start(self) -> Step:
        return Step(self._trials, tuple(task_of(self._ladder, each) for each in self._ladder.start()))

    def report(self, trial: int, loss: float | None) -> Step:
        return step_of(self._ladder, self._ladder.report(trial, loss))
