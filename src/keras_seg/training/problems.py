"""What is wrong with compile parameters."""

from __future__ import annotations


class CompileProblem(ValueError):
    """A compile parameter that Keras does not know or take; the message says which, and what is close to it."""
