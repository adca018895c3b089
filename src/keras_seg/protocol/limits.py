"""Bounds that both sides keep: the coordinator for the sake of a better message, a session because any role can call it."""

from __future__ import annotations

MOST_CLASS = 1_000_000  # class number that may have a weight: each number below it takes memory in a session
MOST_THREADS = 256  # of TensorFlow in a session
MOST_BYTES = 2**30 - 2**10  # of one value of PostgreSQL, which holds a little less than 1 GB
SESSION_BYTES = 2**30  # of memory that a session should find free; TensorFlow alone takes about 600 MB
MOST_WEIGHTS = 2**26  # bytes of those that are computed without TensorFlow: they are in memory several times on their way
