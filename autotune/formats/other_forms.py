"""Forms that are not read, told by their content, each with what makes one that is read of it."""

from __future__ import annotations

import re

_JSON = "damo report damon --json prints what can be read"
_FORMS = (
    (
        re.compile(r"\A(?:\s*(?://|#)[^\n]*\n|\s*/\*.*?\*/)+\s*[\[{]", re.DOTALL),
        "has comments, and JSON has none: remove them",
    ),
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


_ROW = re.compile(r"^\s*[\"']?(?:[0-9]|(?:min|max|null)\b)", re.MULTILINE)
"""How a row of the one-line text begins, be it right or wrong."""


def remedy(text: str) -> str | None:
    r"""Say what a text is and what can be read instead; None if it may be one-line text.

    >>> remedy("kdamond 0\\\\n    state: on\\\\n")
    'is what damo prints for people: damo report damon --json prints what can be read'
    """
    for pattern, message in _FORMS:
        if pattern.search(text):
            return message
    content = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    if content.strip() and not _ROW.search(content):
        return "is no scheme in a form that is known: write one as in 4K max 0 0 10s max pageout"
    return None
