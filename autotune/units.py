"""Reads and writes text with a unit. All other modules have plain numbers.

Sizes are in bytes (units are 1024-based), durations in microseconds, shares are fractions from 0 to 1.
The `format_` functions are exact: the `parse_` functions read their text back as an equal number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

SIZE_UNITS: Mapping[str, int] = MappingProxyType(
    {unit: 1024**power for power, unit in enumerate("BKMGTPE")}
)
DURATION_UNITS: Mapping[str, int] = MappingProxyType(
    {
        "us": 1,
        "ms": 1_000,
        "s": 1_000_000,
        "m": 60_000_000,
        "h": 3_600_000_000,
        "d": 86_400_000_000,
    }
)
_MOST = 2**64 - 1
"""The most bytes or microseconds that the kernel can hold."""

_SIZES: Mapping[str, int] = MappingProxyType(
    {"B": 1}
    | {
        unit + suffix: factor
        for unit, factor in SIZE_UNITS.items()
        if unit != "B"
        for suffix in ("", "i", "B", "iB")
    }
)
_DURATION_ALIASES = MappingProxyType({"sec": "s", "min": "m"})
_NUMBER = re.compile(r"\s*([0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)\s*([A-Za-z%]*)\s*")


def _split(text: str) -> tuple[Decimal, str] | None:
    match = _NUMBER.fullmatch(text)
    return (Decimal(match[1].replace(",", "")), match[2]) if match else None


def parse_size(text: str) -> int:
    """Read a size in bytes.

    Raises:
        ValueError: If the text is not a number with a unit, or not a whole number of bytes, or too
            large for the kernel.

    >>> parse_size("64MiB"), parse_size("4K"), parse_size("1.5G"), parse_size("0")
    (67108864, 4096, 1610612736, 0)
    """
    parts = _split(text)
    if parts is None or (parts[1] not in _SIZES and not (parts[1] == "" and parts[0] == 0)):
        raise ValueError(
            f"'{text}' is not a size: write a number and one of B, K, M, G, T, as in 64M"
        )
    size = parts[0] * _SIZES.get(parts[1], 1)
    if size != int(size):
        raise ValueError(f"'{text}' is not a whole number of bytes")
    if size > _MOST:
        raise ValueError(f"'{text}' is too large: write {rounded_down(_MOST, SIZE_UNITS)} at most")
    return int(size)


def parse_duration(text: str) -> int:
    """Read a duration in microseconds.

    Raises:
        ValueError: If the text is not a number with a unit, or not a whole number of microseconds, or
            too large for the kernel.

    >>> parse_duration("100ms"), parse_duration("7.3s"), parse_duration("2 min")
    (100000, 7300000, 120000000)
    """
    parts = _split(text)
    unit = _DURATION_ALIASES.get(parts[1], parts[1]) if parts else ""
    if parts is None or (unit not in DURATION_UNITS and not (unit == "" and parts[0] == 0)):
        raise ValueError(
            f"'{text}' is not a duration: write a number and one of us, ms, s, m, h, d, as in 100ms"
        )
    duration = parts[0] * DURATION_UNITS.get(unit, 1)
    if duration != int(duration):
        raise ValueError(f"'{text}' is not a whole number of microseconds")
    if duration > _MOST:
        raise ValueError(
            f"'{text}' is too large: write {rounded_down(_MOST, DURATION_UNITS)} at most"
        )
    return int(duration)


def parse_share(text: str) -> float:
    """Read a share as a fraction.

    Raises:
        ValueError: If the text is not a number with a percent sign.

    >>> parse_share("5%"), parse_share("0.3 %"), parse_share("200%")
    (0.05, 0.003, 2.0)
    """
    parts = _split(text)
    if parts is None or (parts[1] != "%" and not (parts[1] == "" and parts[0] == 0)):
        raise ValueError(f"'{text}' is not a share: write a number and %, as in 5%")
    return float(parts[0] / 100)


def _in_largest_exact(number: int, units: Mapping[str, int], space: str) -> str:
    unit = max((unit for unit in units if number % units[unit] == 0), key=lambda u: units[u])
    return f"{number // units[unit]}{space}{unit}"


def format_size(size_bytes: int) -> str:
    """Write a size exactly, in the largest unit that leaves a whole number.

    >>> format_size(4096), format_size(64 << 20), format_size(4097), format_size(0)
    ('4K', '64M', '4097B', '0B')
    """
    return "0B" if size_bytes == 0 else _in_largest_exact(size_bytes, SIZE_UNITS, "")


def format_duration(duration_us: int, *, space: str = "") -> str:
    """Write a duration exactly, in the largest unit that leaves a whole number.

    >>> format_duration(10_000_000), format_duration(7_300_000), format_duration(0)
    ('10s', '7300ms', '0us')
    """
    return (
        f"0{space}us"
        if duration_us == 0
        else _in_largest_exact(duration_us, DURATION_UNITS, space)
    )


def rounded_down(number: int, units: Mapping[str, int]) -> str:
    """Write a size or a duration as a whole number of the largest unit that it holds.

    >>> rounded_down(429_496_729_500_000, DURATION_UNITS), rounded_down(2**64 - 1, SIZE_UNITS)
    ('4971d', '15E')
    """
    unit = max((unit for unit in units if units[unit] <= number), key=lambda u: units[u])
    return f"{number // units[unit]}{unit}"


def format_share(share: float, *, space: str = "") -> str:
    """Write a fraction as a percentage, exactly.

    >>> format_share(0.05), format_share(0.07), format_share(1 / 3)
    ('5%', '7%', '33.33333333333333%')
    """
    percent = (Decimal(repr(share)) * 100).normalize()
    return f"{percent:f}{space}%"


def gib(size_bytes: int) -> str:
    """Give a size in GiB.

    >>> gib(3 << 29)
    '1.5 GiB'
    """
    return f"{size_bytes / (1 << 30):.1f} GiB"


def percent(fraction: float) -> str:
    """Write a fraction for people, as a percentage with two decimals.

    >>> percent(0.43271), percent(-0.00004)
    ('43.27 %', '0.00 %')
    """
    rounded = round(fraction * 100, 2) + 0.0
    return f"{rounded:.2f} %"


def megabytes(size: float) -> str:
    """Write a size for people, in MiB.

    >>> megabytes(104_857_600.0)
    '100.0 MiB'
    """
    return f"{size / (1 << 20):.1f} MiB"
