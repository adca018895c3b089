"""How much a search may do. What somebody asks for is held against these numbers when it is read, before anything is trained.

Bounds that the sessions keep as well stand in `keras_seg.protocol.limits`.
"""

from __future__ import annotations

# How long it may train, and how much it may try.
MOST_ITERATIONS = 1_000_000  # of a task: R of Hyperband, num_iterations of others
MOST_CONFIGURATIONS = 100_000  # of a search, or of a table of configurations that is generated
MOST_SECONDS = 366 * 86400  # that a search may be given
MOST_TRIES = 100  # of each configuration
MOST_FOLDS = 1024  # as many as a table has partitions

# How long texts may be.
LONGEST_TEXT = 100_000  # characters of parameters: the parser's memory grows with the text
LONGEST_PATH = 1000  # characters of a folder for TensorBoard
LARGEST_INTEGER = 2**31 - 1  # what SQL's INTEGER holds

# How long it may look for a configuration that it has not tried.
REDRAWS = 1000  # duplicates in a row after which drawing gives up
ENUMERABLE = 200_000  # configurations of a discrete space that may be listed to find those which drawing missed
REPROPOSALS = 20  # proposals that were tried before, after which a configuration is drawn at random
