"""Warnings about when a scheme acts: its apply interval and its watermarks."""

from __future__ import annotations

from autotune.lint.case import SNAP, Case
from autotune.lint.warning import Code, Found
from autotune.units import format_duration, format_share


def apply_interval(case: Case) -> Found:
    """Warn of passes that come at other times than the scheme asks for, or too early."""
    asked_us, intervals = case.scheme.apply_interval_us, case.monitoring.intervals
    if asked_us and asked_us != case.apply_us:
        yield (
            Code.APPLY_ROUNDS,
            f"apply interval {format_duration(asked_us)} is no whole number of samples "
            f"({format_duration(intervals.sampling_us)}): it lasts "
            f"{format_duration(case.apply_us)}, write that",
        )
    if 0 < asked_us < intervals.aggregation_us:
        yield (
            Code.APPLY_SHORT,
            f"apply interval {format_duration(asked_us)} is shorter than the aggregation interval "
            f"({format_duration(intervals.aggregation_us)}), within which ages stand still and "
            "counts are guesses: give 0 or a multiple of that",
        )


def watermarks(case: Case) -> Found:
    """Warn of watermarks that are rounded, and of watermarks between which free memory never lies."""
    asked, grid, kernel = case.scheme.watermarks, case.grid.watermarks, case.kernel.watermarks
    if asked is None or grid is None or kernel is None:
        return
    for name in ("high", "mid", "low"):
        wanted, taken = getattr(asked, name), getattr(grid, name)
        if abs(wanted - taken) > SNAP:
            yield (
                Code.WATERMARKS_UNALIGNED,
                f"watermark {name} {format_share(wanted)} is no whole permille: write "
                f"{format_share(taken)}, which is the same",
            )
    _, high, _, low = kernel
    if high == 0 or low == 1000:
        yield (
            Code.WATERMARKS_NEVER,
            f"free memory is never between watermarks low {format_share(grid.low)} and high "
            f"{format_share(grid.high)}, where alone the scheme is active: raise high, or lower low",
        )
