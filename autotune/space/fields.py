"""The fields of a scheme under the names that files and columns use, such as `pattern.min_age`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.errors import nearest
from autotune.units import (
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_share,
    parse_size,
)

Value: TypeAlias = int | float | str
"""Value of a parameter: microseconds, bytes, a fraction, a count, or the word of a switch."""

_WINDOW_US = 1_000_000
_WATERMARKS_INTERVAL_US = 5_000_000


def _parse_count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise ValueError(f"'{text}' is not a count: write a whole number, as in 300")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A kind of number.

    Attributes:
        suffix: Suffix of the names of columns of such numbers.
        whole: Whether such a number is always whole.
        parse: Reads a number with its unit; raises ValueError.
        format: Writes a number so that `parse` reads it back.
        example: A number as it is written.
        larger_example: A larger one.
    """

    suffix: str
    whole: bool
    parse: Callable[[str], int | float]
    format: Callable[[int | float], str]
    example: str
    larger_example: str


DURATION = Quantity(
    suffix="_us",
    whole=True,
    parse=parse_duration,
    format=lambda number: format_duration(int(number)),
    example="100ms",
    larger_example="10s",
)
SIZE = Quantity(
    suffix="_bytes",
    whole=True,
    parse=parse_size,
    format=lambda number: format_size(int(number)),
    example="64M",
    larger_example="1G",
)
SHARE = Quantity(
    suffix="",
    whole=False,
    parse=parse_share,
    format=format_share,
    example="5%",
    larger_example="20%",
)
COUNT = Quantity(
    suffix="", whole=True, parse=_parse_count, format=str, example="300", larger_example="900"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeField:
    """One field.

    Attributes:
        quantity: Kind of number.
        least: Smallest value that makes sense.
        most: Largest value that makes sense.
        open_ended: Whether the value may also be `max`, which means no limit.
    """

    quantity: Quantity
    least: float = 0
    most: float = UNLIMITED
    open_ended: bool = False

    def parse(self, text: str) -> int | float:
        """Read a value with its unit.

        Raises:
            ValueError: If the text is no such value, or the value is outside the bounds.

        >>> FIELDS["pattern.min_age"].parse("100ms")
        100000
        >>> FIELDS["quota.time"].parse("0")
        Traceback (most recent call last):
        ValueError: 0 is below 1ms, the least here
        """
        if self.open_ended and text == "max":
            return UNLIMITED
        value = self.quantity.parse(text)
        if value < self.least:
            raise ValueError(f"{text} is below {self.format(self.least)}, the least here")
        if value > self.most:
            raise ValueError(f"{text} is above {self.format(self.most)}, the most here")
        return value

    def format(self, value: int | float) -> str:
        """Write a value with its unit."""
        return "max" if value == UNLIMITED else self.quantity.format(value)


_RATE = SchemeField(quantity=SHARE, most=1)
_WEIGHT = SchemeField(quantity=COUNT, most=(1 << 32) - 1)

FIELDS: Mapping[str, SchemeField] = MappingProxyType(
    {
        "pattern.min_size": SchemeField(quantity=SIZE),
        "pattern.max_size": SchemeField(quantity=SIZE, open_ended=True),
        "pattern.min_access_rate": _RATE,
        "pattern.max_access_rate": SchemeField(quantity=SHARE, most=1, open_ended=True),
        "pattern.min_age": SchemeField(quantity=DURATION),
        "pattern.max_age": SchemeField(quantity=DURATION, open_ended=True),
        # Less than these quotas would be 0 in the kernel's units, which means no limit.
        "quota.time": SchemeField(quantity=DURATION, least=1_000),
        "quota.size": SchemeField(quantity=SIZE, least=4_096),
        "quota.reset_interval": SchemeField(quantity=DURATION),
        "quota.weights.size": _WEIGHT,
        "quota.weights.access_rate": _WEIGHT,
        "quota.weights.age": _WEIGHT,
        "watermarks.interval": SchemeField(quantity=DURATION),
        "watermarks.high": _RATE,
        "watermarks.mid": _RATE,
        "watermarks.low": _RATE,
        "apply_interval": SchemeField(quantity=DURATION),
        "target_nid": SchemeField(quantity=COUNT, most=1023),
    }
)
"""Every field that a search space can fix or vary."""


def _upper(values: Mapping[str, int | float], name: str) -> int | float:
    return values.get(name, UNLIMITED)


def _quota(values: Mapping[str, int | float]) -> Quota | None:
    if "quota.time" not in values and "quota.size" not in values:
        return None
    return Quota(
        time_us=int(values["quota.time"]) if "quota.time" in values else None,
        size_bytes=int(values["quota.size"]) if "quota.size" in values else None,
        reset_interval_us=int(values.get("quota.reset_interval", _WINDOW_US)),
        weights=Weights(
            size=int(values.get("quota.weights.size", 0)),
            access_rate=int(values.get("quota.weights.access_rate", 0)),
            age=int(values.get("quota.weights.age", 0)),
        ),
    )


def _watermarks(values: Mapping[str, int | float]) -> Watermarks | None:
    levels = ("watermarks.high", "watermarks.mid", "watermarks.low")
    if not any(name in values for name in (*levels, "watermarks.interval")):
        return None
    if missing := [name for name in levels if name not in values]:
        raise ValueError(f"{missing[0]} is missing: watermarks need high, mid and low")
    return Watermarks(
        interval_us=int(values.get("watermarks.interval", _WATERMARKS_INTERVAL_US)),
        high=values["watermarks.high"],
        mid=values["watermarks.mid"],
        low=values["watermarks.low"],
    )


def build_scheme(action: Action, values: Mapping[str, int | float]) -> Scheme:
    """Make a scheme of the fields that are given. A range without given bounds has no bounds.

    The scheme has a quota if `quota.time` or `quota.size` is given. The quota's reset interval is 1 s by
    default. The scheme has watermarks if a field of the watermarks is given. Their interval is 5 s by
    default.

    Args:
        action: Action of the scheme.
        values: Values by the names of `FIELDS`, in microseconds, bytes, fractions and counts.

    Raises:
        ValueError: If the fields don't fit together; the message names one.

    >>> scheme = build_scheme(Action.PAGEOUT, {"pattern.min_age": 5_000_000, "quota.size": 1 << 20})
    >>> scheme.pattern.age_us, scheme.quota.reset_interval_us
    (Range(min=5000000, max=inf), 1000000)
    """
    return Scheme(
        action=action,
        pattern=AccessPattern(
            size_bytes=Range(
                int(values.get("pattern.min_size", 0)), _upper(values, "pattern.max_size")
            ),
            access_rate=Range(
                float(values.get("pattern.min_access_rate", 0.0)),
                _upper(values, "pattern.max_access_rate"),
            ),
            age_us=Range(int(values.get("pattern.min_age", 0)), _upper(values, "pattern.max_age")),
        ),
        quota=_quota(values),
        watermarks=_watermarks(values),
        apply_interval_us=int(values.get("apply_interval", 0)),
        target_nid=int(values["target_nid"]) if "target_nid" in values else None,
    )


_UNTUNED: Mapping[str, str] = MappingProxyType(
    {
        "quota.goals": "goals of quotas can't be tuned here: tune quota.size or quota.time",
        "monitoring": "intervals and regions can't be tuned here: fix them in the workload file, under "
        "the key 'monitoring'",
        "filters": "filters can't be tuned here: leave them out",
    }
)
"""What DAMON has and no field stands for, by how its names begin."""


def no_field(name: str, known: Iterable[str] = FIELDS) -> str:
    """Say why there is no field of a name, and what to do.

    >>> no_field("pattern.min_agee")
    "there is no such field: did you mean 'pattern.min_age'?"
    >>> no_field("quota.goals.some_mem_psi_us")
    "goals of quotas can't be tuned here: tune quota.size or quota.time"
    """
    for beginning, reason in _UNTUNED.items():
        if f"{name}.".startswith(f"{beginning}."):
            return reason
    return f"there is no such field: {nearest(name, known)}"
