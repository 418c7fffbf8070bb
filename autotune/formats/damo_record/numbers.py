"""Numbers as damo writes them in recordings: JSON numbers, text with commas, or text with units.

There may be millions of them, and most are plain numbers: so these are looked for first.

Source: damo 3.4.3, read and tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autotune.formats.damo_notation import count, whole_size, whole_time_us


def whole(value: Any) -> int:
    """Read a whole number: a JSON number, or digits with commas.

    Raises:
        ValueError: If it is something else.

    >>> whole(4096), whole("4,096")
    (4096, 4096)
    """
    return value if type(value) is int else _digits(value, count)


def size(value: Any) -> int:
    """Read a size or an address in bytes: a whole number, or text with a unit.

    Raises:
        ValueError: If it is something else.

    >>> size("4,096"), size("4 KiB")
    (4096, 4096)
    """
    return value if type(value) is int else _digits(value, whole_size)


def time_ns(value: Any) -> int:
    """Read a time in nanoseconds: a whole number, or text with a unit.

    Raises:
        ValueError: If it is something else.

    >>> time_ns("5,000"), time_ns("5 us")
    (5000, 5000)
    """
    return value if type(value) is int else _digits(value, _with_unit_ns)


def percentage(value: Any) -> float:
    """Read a percentage: a JSON number, or text with or without its sign.

    Raises:
        ValueError: If it is something else, or out of range.

    >>> percentage("12.5%")
    12.5
    """
    if isinstance(value, str):
        value = float(value.removesuffix("%"))
    if not isinstance(value, int | float) or not 0 <= value < 1000:
        raise ValueError(f"{value} is no percentage")
    return float(value)


def _digits(value: Any, otherwise: Callable[[Any], int]) -> int:
    if isinstance(value, str) and (digits := value.replace(",", "")).isdecimal():
        return int(digits)
    return otherwise(value)


def _with_unit_ns(value: Any) -> int:
    return whole_time_us(value) * 1000 if isinstance(value, str) else count(value)
