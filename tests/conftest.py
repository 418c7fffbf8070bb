"""How properties are searched for counterexamples.

The test command draws the same examples every time, so that it passes or fails by the code alone.
``pytest --hypothesis-profile=search`` draws new ones, and more of them.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeat", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeat")
