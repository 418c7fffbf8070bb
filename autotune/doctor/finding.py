"""What the checks of this machine found, and which backends can be used."""

from __future__ import annotations

import enum
import re
from dataclasses import asdict, dataclass
from typing import Any


class State(enum.Enum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        name: What was looked at.
        state: How the check came out.
        found: What the check found.
        fix: What to do about it; empty if nothing is needed.
        blocks: Backends that can't be used because of this finding.
    """

    name: str
    state: State
    found: str
    fix: str = ""
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """All findings, and what follows from them.

    Attributes:
        findings: In the order of the checks.
    """

    findings: tuple[Finding, ...]

    def obstacles(self) -> dict[str, tuple[str, ...]]:
        """Give the names of the findings that block each backend; empty for a usable backend."""
        return {
            backend: tuple(item.name for item in self.findings if backend in item.blocks)
            for backend in ("simulator", "vm", "host")
        }

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "checks": [
                {name: value for name, value in asdict(item).items() if name != "blocks"}
                | {"state": item.state.value}
                for item in self.findings
            ],
            "backends": {
                backend: {"usable": not names, "obstacles": list(names)}
                for backend, names in self.obstacles().items()
            },
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check says.

    Attributes:
        state: How the check came out.
        found: What the check found.
        fix: What to do about it; empty if nothing is needed.
        hinders: Whether the answer blocks the backends that need what was checked. An answer with the
            state MISSING always blocks them.
    """

    state: State
    found: str
    fix: str = ""
    hinders: bool = False


def what_and_remedy(message: str) -> tuple[str, str]:
    """Split an error's message at the last colon outside brackets; without it the remedy is empty.

    >>> what_and_remedy("it: is not there: install it (Debian: apt-get install it)")
    ('it: is not there', 'install it (Debian: apt-get install it)')
    >>> what_and_remedy("it is not there")
    ('it is not there', '')
    """
    match = re.fullmatch(r"(.*): ((?:\([^()]*\)|[^()])*)", message, re.DOTALL)
    return (match[1], match[2]) if match else (message, "")
