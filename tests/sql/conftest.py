"""Fixtures of the tests that search and predict; see fix_search."""

from fix_search import quick, searched

__all__ = ["quick", "searched"]
