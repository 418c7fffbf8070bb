"""The notations of damo: how it writes a size, a time, a rate, a share.

Values are text, or, in JSON, also plain numbers. ``min`` and ``max`` mean that there is no bound. A
number without a unit is in the unit of its field. A number that does not fit in the kernel's 64 bits
also means that there is no bound: older files write ``max`` so.

Source: damo 3.4.3, read and tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import mul
from types import MappingProxyType
from typing import TypeVar

from autotune.damon.damos import UNLIMITED, Quota, QuotaGoal, Watermarks, Weights
from autotune.damon.kernel_units import ULONG_MAX
from autotune.units import (
    DURATION_UNITS,
    SIZE_UNITS,
    format_duration,
    format_share,
    format_size,
    rounded_down,
)

T = TypeVar("T")
N = TypeVar("N", int, float)

SIZE = "write bytes, or a number and one of K, M, G, T, as in 64M"
TIME = "write a number and one of ns, us, ms, s, m, h, d, as in 100ms"

_LARGEST = Decimal(10**30)
"""Larger than every number that means something, and small enough to compute with.

A larger number is read as this one.
"""

MOST_TIME = rounded_down(ULONG_MAX, DURATION_UNITS)
MOST_SIZE = rounded_down(ULONG_MAX, SIZE_UNITS)
"""The most that the kernel's 64 bits hold, in whole units."""

MOST_RATE = "100%"

_NUMBER = r"(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2}(?![0-9A-Za-z]))?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([A-Za-z%]*)\s*")
_SIZES: Mapping[str, Decimal] = MappingProxyType(
    {"": Decimal(1), "B": Decimal(1)}
    | {
        unit + suffix: Decimal(factor)
        for unit, factor in SIZE_UNITS.items()
        if unit != "B"
        for suffix in ("", "B", "iB")
    }
)
_TIMES_US: Mapping[str, Decimal] = MappingProxyType(
    {"ns": Decimal("0.001")} | {unit: Decimal(factor) for unit, factor in DURATION_UNITS.items()}
)
_PERCENT: Mapping[str, Decimal] = MappingProxyType({"": Decimal(1), "%": Decimal(1)})
_PERMILLE: Mapping[str, Decimal] = MappingProxyType({"": Decimal(1), "%": Decimal(10)})
_BASIS_POINTS: Mapping[str, Decimal] = MappingProxyType({"": Decimal(1), "%": Decimal(100)})
_PLAIN: Mapping[str, Decimal] = MappingProxyType({"": Decimal(1)})


def _quantity(value: object, units: Mapping[str, Decimal], kind: str, remedy: str) -> Decimal:
    shown = f"'{value}'" if isinstance(value, str) else str(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        if (number := Decimal(value)) >= 0:
            return min(number, _LARGEST) * units[""]
    elif isinstance(value, str):
        parts = list(_QUANTITY.finditer(text := value.strip()))
        whole = "".join(part[0] for part in parts) == text
        # Only a time may have several parts, each with its unit: "1 m 30 s".
        several = len(parts) > 1 and "ns" in units and all(part[2] for part in parts)
        if whole and (several or len(parts) == 1) and all(part[2] in units for part in parts):
            numbers = [min(Decimal(part[1].replace(",", "")), _LARGEST) for part in parts]
            factors = [units[part[2]] for part in parts]
            return sum(map(mul, numbers, factors), Decimal(0))
    raise ValueError(f"{shown} is not {kind}: {remedy}")


def _bound(value: object, read: Callable[[], Decimal]) -> Decimal | None:
    """Read ``min`` as 0, and ``max`` or a number that the kernel can't hold as None."""
    if value in ("min", "max"):
        return Decimal(0) if value == "min" else None
    number = read()
    return number if number < ULONG_MAX else None


def size(value: object) -> int | float:
    """Read a size in bytes; parts of a byte are dropped.

    >>> size("1.5 GiB"), size("4K"), size(1024), size("1,024"), size("max")
    (1610612736, 4096, 1024, 1024, inf)
    """
    number = _bound(value, lambda: _quantity(value, _SIZES, "a size", SIZE))
    return UNLIMITED if number is None else int(number)


def _time(value: object, plain_us: int) -> int | float:
    units = {**_TIMES_US, "": Decimal(plain_us)}
    number = _bound(value, lambda: _quantity(value, units, "a time", TIME))
    if number is None:
        return UNLIMITED
    if number != int(number):
        raise ValueError(f"'{value}' is not a whole number of microseconds")
    return int(number)


def time_us(value: object) -> int | float:
    """Read a time in microseconds; a plain number counts microseconds.

    >>> time_us("1 m 30 s"), time_us("7.3s"), time_us(5000), time_us("max")
    (90000000, 7300000, 5000, inf)
    """
    return _time(value, 1)


def time_in_ms(value: object) -> int | float:
    """Read a time in microseconds; a plain number counts milliseconds.

    >>> time_in_ms("10 ms"), time_in_ms(10)
    (10000, 10000)
    """
    return _time(value, 1000)


def rate(value: object) -> float:
    """Read an access rate as a fraction; a plain number is in percent.

    >>> rate("5 %"), rate(80), rate("0.05"), rate("max")
    (0.05, 0.8, 0.0005, inf)
    """
    number = _bound(
        value,
        lambda: _quantity(value, _PERCENT, "an access rate", "write percent, from 0 to 100"),
    )
    return UNLIMITED if number is None else float(number / 100)


def permille(value: object) -> Decimal:
    """Read a share in permille; with a percent sign it is in percent.

    >>> permille(300), permille("30 %"), permille("0.3 %")
    (Decimal('300'), Decimal('300'), Decimal('3.0'))
    """
    return _quantity(value, _PERMILLE, "a share", "write permille, or percent with a % sign")


def _whole(number: Decimal, value: object) -> int:
    if number != int(number):
        raise ValueError(f"'{value}' is not a whole number")
    return int(number)


def count(value: object) -> int:
    """Read a whole number.

    >>> count("1,000"), count(7)
    (1000, 7)
    """
    return _whole(_quantity(value, _PLAIN, "a number", "write digits only"), value)


def weight(value: object) -> int:
    """Read a weight in whole permille.

    >>> weight("30 %"), weight(7)
    (300, 7)
    """
    return _whole(permille(value), value)


def basis_points(value: object) -> int:
    """Read a share in whole basis points; with a percent sign it is in percent.

    >>> basis_points("99.7%"), basis_points(5010)
    (9970, 5010)
    """
    number = _quantity(value, _BASIS_POINTS, "a share", "write basis points, or percent with a %")
    return _whole(number, value)


def boolean(value: object) -> bool:
    """Read yes or no.

    Raises:
        ValueError: If it is neither.

    >>> boolean(True), boolean("N")
    (True, False)
    """
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    if word in {"y", "yes", "true"}:
        return True
    if word in {"n", "no", "false"}:
        return False
    raise ValueError(f"'{value}' is neither true nor false: write one of these")


def limited(number: N, value: object, most: str) -> N:
    """Give *number* for a field that must have a limit.

    Args:
        number: The number that was read.
        value: What it was read from.
        most: The largest number, for the message.

    Raises:
        ValueError: If *number* is `UNLIMITED`.
    """
    if number == UNLIMITED:
        if value == "max":
            raise ValueError("'max' is for upper bounds and reset intervals: write a number")
        shown = f"'{value}'" if isinstance(value, str) else str(value)
        raise ValueError(f"{shown} is too large: write {most} at most")
    return number


def whole_time_us(value: object) -> int:
    """Read a time in microseconds that can't be ``max``; a plain number counts microseconds."""
    return int(limited(time_us(value), value, MOST_TIME))


def whole_size(value: object) -> int:
    """Read a size in bytes that can't be ``max``."""
    return int(limited(size(value), value, MOST_SIZE))


def least_rate(value: object) -> float:
    """Read an access rate as a fraction that can't be ``max``; a plain number is in percent."""
    return limited(rate(value), value, MOST_RATE)


def to_quota(
    *,
    time_us: int | float,
    size_bytes: int | float,
    reset_interval_us: int | float,
    weights: Weights,
    goals: tuple[QuotaGoal, ...] = (),
) -> Quota | None:
    """Make a quota; 0 and `UNLIMITED` are no limit. Give None if there is neither limit nor goal."""
    time = int(time_us) if 0 < time_us < UNLIMITED else None
    size = int(size_bytes) if 0 < size_bytes < UNLIMITED else None
    if time is None and size is None and not goals:
        return None
    return Quota(
        time_us=time,
        size_bytes=size,
        reset_interval_us=reset_interval_us,
        weights=weights,
        goals=goals,
    )


def to_watermarks(
    *, interval_us: int, high_permille: Decimal, mid_permille: Decimal, low_permille: Decimal
) -> Watermarks:
    """Make watermarks from permille."""
    return Watermarks(
        interval_us=interval_us,
        high=float(high_permille / 1000),
        mid=float(mid_permille / 1000),
        low=float(low_permille / 1000),
    )


def size_text(size_bytes: int | float) -> str:
    """Write a size or ``max``; reading it gives the same number.

    >>> size_text(4096), size_text(UNLIMITED)
    ('4K', 'max')
    """
    return "max" if size_bytes == UNLIMITED else format_size(int(size_bytes))


def time_text(time_us: int | float, *, space: str = "") -> str:
    """Write a time or ``max``; reading it gives the same number.

    >>> time_text(7_300_000), time_text(10_000_000, space=" "), time_text(UNLIMITED)
    ('7300ms', '10 s', 'max')
    """
    return "max" if time_us == UNLIMITED else format_duration(int(time_us), space=space)


def rate_text(fraction: float, *, space: str = "") -> str:
    """Write an access rate in percent; no bound is 200 %.

    Not ``max``: for some intervals damo turns ``max`` into a number whose lower 32 bits are 0, and the
    kernel keeps only these bits. Not 100 %: kernels before 6.7 may count one access more than there are
    samples.

    >>> rate_text(0.05), rate_text(UNLIMITED, space=" ")
    ('5%', '200 %')
    """
    return format_share(2.0 if fraction == UNLIMITED else fraction, space=space)


def permille_number(fraction: float) -> int | str:
    """Write a share as a whole number of permille, or, if it is no whole number, in percent.

    >>> permille_number(0.4), permille_number(0.0005)
    (400, '0.05 %')
    """
    exact = Decimal(repr(fraction)) * 1000
    return int(exact) if exact == int(exact) else format_share(fraction, space=" ")
