"""How the guest tells its facts: one line each on the console."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

PREFIX = "facts: "

Facts: TypeAlias = dict[str, Any]


def read_facts(console: str) -> dict[str, Facts]:
    """The facts of each scenario that told some."""
    found: dict[str, Facts] = {}
    for line in console.splitlines():
        _, prefix, text = line.partition(PREFIX)
        if prefix:
            found |= json.loads(text)
    return found
