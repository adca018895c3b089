"""The table of contents of the fixtures, and the order of the tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("cluster_contract")
pytest_plugins = ["fix_db", "fix_search", "fix_cluster"]


LONGEST = ("sql/test_sessions.py", "sql/test_resume.py", "sql/test_docs.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that end what others do on the server run last: some fixtures keep a session for several files.

    The longest files come first, so that no process begins one when the other has nothing left to do.
    """
    items.sort(
        key=lambda item: (item.get_closest_marker("alone") is not None, not item.nodeid.partition("::")[0].endswith(LONGEST))
    )
