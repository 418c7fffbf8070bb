"""Rounds schemes to the kernel's units.

The kernel counts accesses in samples, ages in aggregation intervals, quotas in milliseconds and
watermarks in permille. Bounds are rounded inwards, so that a scheme never selects more. If nothing is
left between two bounds, that is an error. `on_grid` gives the scheme that the kernel will really run, in
physical units: export, print and compare this scheme.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from autotune.damon.damos import UNLIMITED, AccessPattern, Quota, Range, Scheme, Watermarks
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals
from autotune.units import (
    DURATION_UNITS,
    format_duration,
    format_share,
    format_size,
    rounded_down,
)

ULONG_MAX = 2**64 - 1
UINT_MAX = 2**32 - 1

_SNAP = 1e-9
"""A count that is nearer than this to a whole number means the whole number: fractions such as 1/3 have
no exact spelling. A billionth of a sample does not make a scheme select more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelScheme:
    """The numbers of a scheme as the kernel takes them, for one set of intervals.

    Attributes:
        sz: Bounds on the size, in bytes, whole pages.
        nr_accesses: Bounds on the count, in samples an aggregation interval.
        age: Bounds on the age, in aggregation intervals.
        quota_ms: Time quota in milliseconds; 0 is no time quota.
        quota_bytes: Size quota in bytes, whole pages; 0 is no size quota.
        reset_interval_ms: Length of a charge window, in milliseconds.
        watermarks: Interval in microseconds, then high, mid and low in permille; None if there are none.
    """

    sz: tuple[int, int]
    nr_accesses: tuple[int, int]
    age: tuple[int, int]
    quota_ms: int
    quota_bytes: int
    reset_interval_ms: int
    watermarks: tuple[int, int, int, int] | None


def _up(value: float) -> int:
    whole = round(value)
    return whole if abs(value - whole) <= _SNAP else math.ceil(value)


def _down(value: float) -> int:
    whole = round(value)
    return whole if abs(value - whole) <= _SNAP else math.floor(value)


def _size(bounds: Range[int]) -> tuple[int, int]:
    # Regions are whole pages, so that nothing between two multiples of a page can match.
    low = -(-bounds.min // PAGE_BYTES) * PAGE_BYTES
    if bounds.max == UNLIMITED:
        return low, ULONG_MAX
    high = int(bounds.max) // PAGE_BYTES * PAGE_BYTES
    if low > high:
        raise ValueError(
            f"size_bytes from {format_size(bounds.min)} to {format_size(int(bounds.max))} holds no "
            f"whole number of pages ({format_size(PAGE_BYTES)}): widen it"
        )
    return low, high


def _age(bounds: Range[int], intervals: Intervals) -> tuple[int, int]:
    unit = intervals.aggregation_us
    low = -(-bounds.min // unit)
    # The kernel keeps 32 bits of an age.
    high = UINT_MAX if bounds.max == UNLIMITED else min(int(bounds.max) // unit, UINT_MAX)
    if low > UINT_MAX:
        raise ValueError(
            f"age_us.min is {format_duration(bounds.min)}: that is more than the kernel can count "
            f"in aggregation intervals of {format_duration(unit)}: write "
            f"{rounded_down(UINT_MAX * unit, DURATION_UNITS)} at most"
        )
    if low > high:
        raise ValueError(
            f"age_us from {format_duration(bounds.min)} to {format_duration(int(bounds.max))} holds "
            f"no multiple of the aggregation interval ({format_duration(unit)}): widen it"
        )
    return low, high


def _nr_accesses(bounds: Range[float], intervals: Intervals) -> tuple[int, int]:
    samples = intervals.samples
    low = _up(bounds.min * samples)
    high = samples if bounds.max == UNLIMITED else _down(bounds.max * samples)
    if high >= samples:
        # No limit is written as twice the number of samples. Damo is told 200 %, and rounds only after
        # doubling: so this doubles before it rounds.
        high = 2 * intervals.aggregation_us // intervals.sampling_us
    if low > high:
        raise ValueError(
            f"access_rate from {format_share(bounds.min)} to {format_share(bounds.max)} holds no "
            f"whole number of samples at {samples} samples an aggregation interval: widen it"
        )
    return low, high


def _quota(quota: Quota) -> tuple[int, int, int]:
    time_ms = 0 if quota.time_us is None else quota.time_us // 1000
    if quota.time_us is not None and time_ms == 0:
        raise ValueError(
            f"quota time_us is {format_duration(quota.time_us)}: the kernel counts milliseconds, and "
            "reads 0 as no limit; give 1ms or more"
        )
    size = 0 if quota.size_bytes is None else quota.size_bytes // PAGE_BYTES * PAGE_BYTES
    if quota.size_bytes is not None and size == 0:
        raise ValueError(
            f"quota size_bytes is {quota.size_bytes}: that is less than a page, and the kernel reads "
            f"0 as no limit; give {PAGE_BYTES}B or more"
        )
    reset = (
        ULONG_MAX
        if quota.reset_interval_us == UNLIMITED
        else -(-int(quota.reset_interval_us) // 1000)
    )
    return time_ms, size, reset


def _watermarks(watermarks: Watermarks) -> tuple[int, int, int, int]:
    high, mid = _down(watermarks.high * 1000), _down(watermarks.mid * 1000)
    low = _up(watermarks.low * 1000)
    if low > mid:
        raise ValueError(
            f"watermarks mid {watermarks.mid} and low {watermarks.low}: no whole permille lies "
            "between them; move them apart"
        )
    return watermarks.interval_us, high, mid, low


def to_kernel(scheme: Scheme, intervals: Intervals) -> KernelScheme:
    """Round *scheme* inwards to what the kernel counts.

    Raises:
        ValueError: If nothing is left between two bounds, or a limit would round to "no limit".

    >>> from autotune.damon.damos import Action
    >>> pattern = AccessPattern(age_us=Range(1_050_000, 2_050_000), access_rate=Range(0.05, 0.12))
    >>> counted = to_kernel(Scheme(action=Action.PAGEOUT, pattern=pattern), Intervals())
    >>> counted.age, counted.nr_accesses
    ((11, 20), (1, 2))
    """
    pattern = scheme.pattern
    time_ms, quota_bytes, reset_ms = (0, 0, 0) if scheme.quota is None else _quota(scheme.quota)
    return KernelScheme(
        sz=_size(pattern.size_bytes),
        nr_accesses=_nr_accesses(pattern.access_rate, intervals),
        age=_age(pattern.age_us, intervals),
        quota_ms=time_ms,
        quota_bytes=quota_bytes,
        reset_interval_ms=reset_ms,
        watermarks=None if scheme.watermarks is None else _watermarks(scheme.watermarks),
    )


def _rate(count: int, samples: int) -> float:
    """Give the fraction of *count* samples, such that damo gets *count* back.

    Damo computes ``int(percent * samples / 100)`` in floating point, and loses a sample for some exact
    fractions (5 of 19). It divides text with a percent sign by 100 and multiplies it again, and loses a
    sample for further fractions (29 of 100). So this gives the next float that survives both ways. It
    differs from the exact fraction by less than `_SNAP`.
    """
    rate = count / samples
    while _as_damo_counts(rate, samples) < count:
        rate = math.nextafter(rate, math.inf)
    return rate


def _as_damo_counts(rate: float, samples: int) -> int:
    percent = float(format_share(rate)[:-1])
    return min(int(number * samples / 100) for number in (percent, percent / 100.0 * 100))


def on_grid(scheme: Scheme, intervals: Intervals) -> Scheme:
    """Give the scheme that the kernel will really run, in physical units.

    The scheme never selects more than *scheme*. A reader that truncates, as damo does, gets from it the
    numbers that `to_kernel` gives. A scheme that is on the grid already is not changed.

    Raises:
        ValueError: If nothing is left between two bounds, or a limit would round to "no limit".
    """
    kernel = to_kernel(scheme, intervals)
    pattern, unit, samples = scheme.pattern, intervals.aggregation_us, intervals.samples
    rate = pattern.access_rate
    quota = scheme.quota
    if quota is not None:
        quota = replace(
            quota,
            time_us=kernel.quota_ms * 1000 or None,
            size_bytes=kernel.quota_bytes or None,
            reset_interval_us=UNLIMITED
            if quota.reset_interval_us == UNLIMITED
            else kernel.reset_interval_ms * 1000,
        )
    watermarks = scheme.watermarks
    if watermarks is not None and kernel.watermarks is not None:
        interval_us, high, mid, low = kernel.watermarks
        watermarks = Watermarks(
            interval_us=interval_us, high=high / 1000, mid=mid / 1000, low=low / 1000
        )
    return replace(
        scheme,
        pattern=AccessPattern(
            size_bytes=Range(
                kernel.sz[0],
                UNLIMITED if pattern.size_bytes.max == UNLIMITED else kernel.sz[1],
            ),
            access_rate=Range(
                _rate(kernel.nr_accesses[0], samples),
                UNLIMITED if rate.max == UNLIMITED else _rate(kernel.nr_accesses[1], samples),
            ),
            age_us=Range(
                kernel.age[0] * unit,
                # No age is above what the kernel keeps.
                UNLIMITED if kernel.age[1] == UINT_MAX else kernel.age[1] * unit,
            ),
        ),
        quota=quota,
        watermarks=watermarks,
    )
