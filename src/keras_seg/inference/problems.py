"""What cannot be computed here."""

from __future__ import annotations


class NeedsTensorFlow(Exception):
    """A network has something that is computed with TensorFlow only; the message names the layer and what it is."""


class UnfitRow(ValueError):
    """Numbers of a row are not what a network takes; the message says which."""
