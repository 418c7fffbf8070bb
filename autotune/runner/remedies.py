"""What helps a program that failed, told from what it printed.

A program that ran for years on a desk or a server may miss something where it is measured: a window, a
terminal, the network, root's rights. Most say so, each in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

NO_INPUT: Final = (
    "its standard input is empty: if it reads that, use 'shell: true' and a command with '<FILE'"
)

_REMEDIES: Final = (
    (
        r"\bdisplay\b.*\b(open|connect|found|set)|(open|connect to|no) (the )?(X )?display|\$?DISPLAY\b",
        "it wants to open a window, and there is no display: start it in a mode without a window",
    ),
    (
        r"not a (tty|terminal)|tty get|inappropriate ioctl|opening terminal|\bTERM\b|"
        r"(stdin|standard input).* (tty|terminal)",
        "it wants a terminal, and there is none: start it in a mode that needs none (as top -b)",
    ),
    (
        r"name resolution|could ?n[o']t resolve|network is unreachable|name or service not known|"
        r"EAI_AGAIN|getaddrinfo|ENETUNREACH|UnknownHost|unknown host",
        "it wants the network: start what it talks to as a part of the workload, and name localhost "
        "(a micro-VM has no other network)",
    ),
    (
        r"address (is )?already in use|EADDRINUSE",
        "two programs want one port: give one of them another port",
    ),
    (
        r"no space left|ENOSPC|disk is full",
        "its files find no room: make them smaller, or, in a micro-VM, where files lie in half of the "
        "memory, raise vm.memory",
    ),
    (
        r"locale",
        "set LANG=C.UTF-8 in the command (env LANG=C.UTF-8 ...), or install the locale",
    ),
    (
        r"(must|needs? to|should) be (run (as|by) )?root|are you root|requires? root|superuser|"
        r"permission denied|operation not permitted|EACCES|EPERM",
        "the workload runs as an ordinary user: use ports from 1024 on and files that this user may "
        "write, as in /tmp",
    ),
)
"""Regular expressions of what programs print, whatever the case, and what helps. The first counts."""


def remedy_for(lines: Iterable[str]) -> str | None:
    """Give what helps a program that failed; None if that is not known.

    Args:
        lines: The last lines that it printed.

    >>> remedy_for(["bind() failed", "Error: listen EADDRINUSE: address already in use :::80"])
    'two programs want one port: give one of them another port'
    """
    printed = list(lines)
    for pattern, remedy in _REMEDIES:
        if any(re.search(pattern, line, re.IGNORECASE) for line in printed):
            return remedy
    return None
