"""Forms that are not read, told by their content, each with what makes one that is read of it."""

from __future__ import annotations

import re

_JSON = "damo report damon --json prints what can be read"
_FORMS = (
    (
        re.compile(r"nr_kdamonds|kdamonds/\d+/contexts|/sys/kernel/mm/damon"),
        f"writes DAMON's files in sysfs: run it, then {_JSON}",
    ),
    (
        re.compile(r"^kdamond \d", re.MULTILINE),
        f"is what damo prints for people: {_JSON}",
    ),
    (
        re.compile(r"\bdamo(?:\.py)?\s+(?:reclaim|lru_sort|module)\b"),
        "sets a module by damo: run it, then grep . /sys/module/damon_reclaim/parameters/* prints "
        "what can be read (of DAMON_LRU_SORT: damon_lru_sort)",
    ),
    (
        re.compile(r"/sys/kernel/debug/damon"),
        "writes DAMON's files in debugfs: keep only the numbers, a line for each scheme",
    ),
)


def remedy(text: str) -> str | None:
    r"""Say what a text is and what can be read instead; None if it is of no known form.

    >>> remedy("kdamond 0\\\\n    state: on\\\\n")
    'is what damo prints for people: damo report damon --json prints what can be read'
    """
    for pattern, message in _FORMS:
        if pattern.search(text):
            return message
    return None
