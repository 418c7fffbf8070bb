"""Settings of every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: no example has a time limit of its own.
settings.register_profile("autotune", deadline=None)
settings.load_profile("autotune")
