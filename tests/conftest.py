"""The table of contents of the fixtures, and the order of the tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("cluster_contract")
pytest_plugins = ["fix_db", "fix_search", "fix_cluster", "fix_own_server"]


# The files that take longest, as --durations=0 tells of them when it is summed up.
LONGEST = ["docs", "hostile_text", "custom", "crashes", "automl", "nothing_lost", "fit", "madlib_surprises", "resume"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that end what others do on the server run last: some fixtures keep a session for several files.

    The longest files come first, so that no process begins one when the other has nothing left to do.
    """
    items.sort(key=lambda item: (item.get_closest_marker("alone") is not None, _turn(item)))


def _turn(item: pytest.Item) -> int:
    """The place of a test's file among the longest; of the others, one that stands behind them."""
    name = item.path.stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
