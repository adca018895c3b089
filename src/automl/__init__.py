"""Automated search over Keras models, from the coordinator's side."""

__version__ = "0.1.0"
