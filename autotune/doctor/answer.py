"""What a check says, which `autotune.doctor.examine` makes a finding of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autotune.doctor.finding import State


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check says.

    Attributes:
        state: How it is.
        found: What is there.
        fix: What to do about it; empty if nothing is needed.
        hinders: Blocks the backends that need what was looked at, as `State.MISSING` always does.
    """

    state: State
    found: str
    fix: str = ""
    hinders: bool = False


def what_and_remedy(message: str) -> tuple[str, str]:
    """Split an error's message at the last colon that is not in brackets; no remedy without one.

    >>> what_and_remedy("it: is not there: install it (Debian: apt-get install it)")
    ('it: is not there', 'install it (Debian: apt-get install it)')
    >>> what_and_remedy("it is not there")
    ('it is not there', '')
    """
    match = re.fullmatch(r"(.*): ((?:\([^()]*\)|[^()])*)", message, re.DOTALL)
    return (match[1], match[2]) if match else (message, "")
