"""The forms in which a scheme can be written."""

from __future__ import annotations

import enum


class Form(enum.Enum):
    """A form in which a scheme can be written."""

    DAMOS = "damos"
    """One-line text."""
    SCHEMES = "schemes"
    """damo's list of schemes, for `damo start --schemes`."""
    KDAMONDS = "kdamonds"
    """damo's full form, for `damo start FILE`."""
    ARGS = "args"
    """A damo command line."""
    MODULE = "module"
    """Parameters of DAMON_RECLAIM or DAMON_LRU_SORT."""
