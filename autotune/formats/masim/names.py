"""Names and numbers that masim's configuration files can hold.

Source: masim.c of masim, github.com/damonitor/masim.
"""

from __future__ import annotations

import re
from typing import Final

INT_MAX: Final = 2**31 - 1
"""The largest number, sizes excepted, that masim reads correctly: a C int."""
SIZE_MAX: Final = 2**63 - 1
"""The largest size that masim reads correctly, in bytes."""
NAME_BYTES: Final = 255
"""The longest name of a region, in bytes of UTF-8."""
BLANKS: Final = " \t"
"""What separates numbers; within a name they are a part of it."""


def check_region_name(name: str) -> None:
    """Check the name of a region.

    Raises:
        ValueError: If masim can't read it.
    """
    if not name or name.startswith("#") or re.search(r"[,\r\n]", name):
        raise ValueError(
            f"region name {name!r}: it must have a character, no comma or line end, and no # first"
        )
    if len(name.encode()) > NAME_BYTES:
        raise ValueError(
            f"region name '{name}' has {len(name.encode())} bytes: masim takes {NAME_BYTES}"
        )


def check_phase_name(name: str) -> None:
    """Check the name of a phase.

    Raises:
        ValueError: If masim can't read it.
    """
    if not name.strip(BLANKS) or name.startswith("#") or re.search(r"[\r\n]", name):
        raise ValueError(
            f"phase name {name!r}: it must have more than blanks, no line end, and no # first"
        )


def check_data_file(name: str) -> None:
    """Check the name of a file that fills a region.

    Raises:
        ValueError: If masim can't read it.
    """
    if not name or re.search(r"[\s,]", name):
        raise ValueError(f"data file '{name}': it must be one word; write none if there is none")
