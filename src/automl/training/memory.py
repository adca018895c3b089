"""The error that says that what is to be trained has no room in memory, and which setting would give it some."""

from __future__ import annotations

from collections.abc import Sequence

from automl.errors import INSUFFICIENT_RESOURCES, UsageError
from keras_seg.protocol.estimates import Load, Shortage

_MB = 2**20


class OutOfMemory(UsageError):
    """What is to be trained needs more memory than is free.

    Args:
        argument: by which the networks came.
        found: the networks for which it does not reach.
        load: what was to train at the same time.
        fixed: whether each session has a partition of its own, so that no setting makes them fewer.
    """

    def __init__(self, argument: str, found: Sequence[Shortage], load: Load, *, fixed: bool) -> None:
        worst = max(found, key=lambda each: each.footprint.needed(each.trials, load))
        needed, sessions = worst.footprint.needed(worst.trials, load), worst.footprint.sessions(worst.trials, load)
        super().__init__(
            argument,
            f"training {worst.name} takes at least {_mb(needed)} MB of memory in {_counted(sessions)},"
            f" and {worst.free // _MB} MB are free",
            hint=_remedy(worst, load, fixed=fixed),
            sqlstate=INSUFFICIENT_RESOURCES,
        )


def _remedy(worst: Shortage, load: Load, *, fixed: bool) -> str:
    """Return the settings with which it would fit, or what else can be done."""
    fewer = [count for count in range(1, load.sessions) if _fits(worst, Load(count, load.resting))]
    if fewer and not fixed:
        return f"SET keras_automl.sessions = {fewer[-1]}"
    session, state = worst.footprint.session, worst.footprint.state
    resting = (worst.free - session) // _MB
    if resting * _MB >= state and not fixed:
        one = "SET keras_automl.sessions = 1; " if load.sessions > 1 else ""
        return f"{one}SET keras_automl.state_memory_mb = {resting}"
    return f"Free memory of the server: a session that trains takes {_mb(session)} MB, and a trial that rests {_mb(state)} MB."


def _fits(shortage: Shortage, load: Load) -> bool:
    return shortage.footprint.needed(shortage.trials, load) <= shortage.free


def _mb(size: int) -> int:
    return -(-size // _MB)


def _counted(sessions: int) -> str:
    return f"{sessions} session{'s' if sessions > 1 else ''}"
