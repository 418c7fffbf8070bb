"""How long a request took, as load generators print it: a number, with its unit or without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

LATENCY_UNITS: Mapping[str, float] = MappingProxyType({"us": 1e-6, "ms": 1e-3, "s": 1.0})
"""The units that a workload may name, in seconds."""

_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "us": "us",
        "usec": "us",
        "usecs": "us",
        "\N{MICRO SIGN}s": "us",
        "\N{GREEK SMALL LETTER MU}s": "us",
        "microseconds": "us",
        "ms": "ms",
        "msec": "ms",
        "msecs": "ms",
        "milliseconds": "ms",
        "s": "s",
        "sec": "s",
        "secs": "s",
        "seconds": "s",
    }
)
_TIME = re.compile(r"\s*(?P<number>[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)\s*(?P<unit>[^\W\d_]*)\s*")


def read_latency_s(text: str, unit: str | None = None) -> float:
    """Read a time.

    Args:
        text: A number, and its unit if it has one.
        unit: The unit of a number without one, of `LATENCY_UNITS`; None if numbers have units.

    Returns:
        The time in seconds.

    Raises:
        ValueError: If the text is no such time, or no unit is known.

    >>> read_latency_s("12.5ms"), read_latency_s("1,250 usec"), read_latency_s("3.911", "ms")
    (0.0125, 0.00125, 0.003911)
    >>> read_latency_s("3.911")
    Traceback (most recent call last):
    ValueError: '3.911' has no unit: let the group match the unit too, or add latency_unit: ms
    """
    match = _TIME.fullmatch(text)
    written = match["unit"].lower() if match else ""
    if match is None or (written and written not in _WRITTEN):
        raise ValueError(
            f"'{text}' is no time: let the group match a number, with us, ms or s or without"
        )
    unit = _WRITTEN.get(written, unit)
    if unit is None:
        raise ValueError(
            f"'{text}' has no unit: let the group match the unit too, or add latency_unit: ms"
        )
    # Multiplied and divided by whole numbers, decimal fractions stay as exact as they were.
    return float(match["number"].replace(",", "")) / round(1.0 / LATENCY_UNITS[unit])
