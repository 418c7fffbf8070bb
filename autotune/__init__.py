"""Finds, for a user's own program, the few DAMOS schemes worth having."""

__version__ = "0.1.0"
