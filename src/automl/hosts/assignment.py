"""Which session trains on which GPU: decided from what the hosts have, before any session is opened. No SQL in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """A host on which sessions train.

    Attributes:
        name: of the host.
        gpus: its GPUs, as a session is told of them.
    """

    name: str
    gpus: tuple[str, ...]


def assign_gpus(hosts: Sequence[Host]) -> tuple[str, ...]:
    """Return the GPU of each session: the sessions of a host take its GPUs in turn.

    A session trains on one GPU. Where a host has fewer than sessions they are shared, none by two sessions more than another;
    TensorFlow then takes memory as it needs it and not all at once. Where it has more, the last ones stay idle.

    Args:
        hosts: for each session the host that it trains on; each has a GPU.

    >>> one, two = Host("one", ("a", "b")), Host("two", ("c",))
    >>> assign_gpus([one, two, one, one])
    ('a', 'c', 'b', 'a')
    """
    taken: Counter[str] = Counter()
    gpus = []
    for host in hosts:
        gpus.append(host.gpus[taken[host.name] % len(host.gpus)])
        taken[host.name] += 1
    return tuple(gpus)


def of_sessions(hosts: Sequence[Host] | None, count: int) -> tuple[str, ...]:
    """Return the GPU of each of `count` sessions; none if they are not to use any.

    Args:
        hosts: of the sessions, or one for all of them.
    """
    if not hosts:
        return ()
    return assign_gpus(list(hosts) * max(1, count) if len(hosts) == 1 else hosts)


def hosts_without_gpu(hosts: Sequence[Host]) -> tuple[str, ...]:
    """Return the names of the hosts that have no GPU, each once."""
    return tuple(dict.fromkeys(host.name for host in hosts if not host.gpus))


def default_sessions(host: Host, sessions: int) -> int:
    """Return how many sessions are opened on a host unless a setting says otherwise: one per GPU, and `sessions` at most.

    Each further session would take some hundred MB of a GPU's memory before it holds anything.
    """
    return max(1, min(sessions, len(host.gpus)))
