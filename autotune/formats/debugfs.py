"""Schemes as DAMON's debugfs file ``schemes`` took them: lines of 7 or 18 numbers.

::

    size min max, accesses min max (samples), age min max (aggregations), action
    [, quota ms bytes reset-interval-ms, weights size accesses age,
    watermarks metric interval-us high mid low (permille)]

The intervals are not in the file. The counts are read in DAMON's usual intervals.

Source: mm/damon/dbgfs.c and include/linux/damon.h of Linux 5.15 to 6.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from autotune.damon.damos import UNLIMITED, AccessPattern, Action, Range, Scheme, Weights
from autotune.damon.kernel_units import ULONG_MAX
from autotune.damon.monitoring import Intervals
from autotune.errors import InputError, Where
from autotune.formats import damo_notation as notation
from autotune.formats.warn import Warn, ignore
from autotune.units import format_duration

_ACTIONS = (
    Action.WILLNEED,
    Action.COLD,
    Action.PAGEOUT,
    Action.HUGEPAGE,
    Action.NOHUGEPAGE,
    Action.STAT,
)
"""The actions by their number in debugfs."""

_COUNTS = (7, 18)
_UINT_MAX = 2**32 - 1


def is_debugfs(text: str) -> bool:
    """Say whether a text has lines of numbers only, as many as debugfs takes."""
    rows = [words for _, words in _rows(text)]
    return bool(rows) and all(len(row) in _COUNTS and _are_numbers(row) for row in rows)


def loads(text: str, source: Path | str, warn: Warn = ignore) -> tuple[Scheme, ...]:
    """Read schemes.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.
        warn: Called with one line that says in which intervals the counts are read.

    Raises:
        InputError: If a line is no scheme; the message names the first such line.

    >>> loads("4096 18446744073709551615 0 0 50 4294967295 2", "f")[0].pattern.age_us
    Range(min=5000000, max=inf)
    """
    intervals = Intervals()
    schemes = []
    for number, words in _rows(text):
        try:
            schemes.append(_scheme([int(word) for word in words], intervals))
        except ValueError as error:
            raise InputError(str(error), Where(source, number)) from error
    warn(
        f"{source}: has numbers as debugfs took them: ages and accesses are read as counts of "
        f"{format_duration(intervals.aggregation_us)} and {format_duration(intervals.sampling_us)}"
    )
    return tuple(schemes)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(text.split("\n"), start=1):
        words = row.split()
        if words and not words[0].startswith("#"):
            yield number, words


def _are_numbers(words: list[str]) -> bool:
    return all(word.isascii() and word.isdecimal() and len(word) <= 20 for word in words)


def _scheme(numbers: list[int], intervals: Intervals) -> Scheme:
    smallest, largest, low, high, youngest, oldest, action = numbers[:7]
    if action >= len(_ACTIONS):
        raise ValueError(f"action {action}: debugfs has 0 to {len(_ACTIONS) - 1}")
    pattern = AccessPattern(
        size_bytes=Range(smallest, largest if largest < ULONG_MAX else UNLIMITED),
        access_rate=Range(
            low / intervals.samples, high / intervals.samples if high < _UINT_MAX else UNLIMITED
        ),
        age_us=Range(
            youngest * intervals.aggregation_us,
            oldest * intervals.aggregation_us if oldest < _UINT_MAX else UNLIMITED,
        ),
    )
    if len(numbers) == min(_COUNTS):
        return Scheme(action=_ACTIONS[action], pattern=pattern)
    time_ms, size_bytes, reset_ms, *weights = numbers[7:13]
    metric, interval_us, *marks = numbers[13:]
    if metric > 1:
        raise ValueError(f"watermarks' metric {metric}: debugfs has 0 (none) and 1 (free memory)")
    high_mark, mid_mark, low_mark = map(Decimal, marks)
    return Scheme(
        action=_ACTIONS[action],
        pattern=pattern,
        quota=notation.to_quota(
            time_us=time_ms * 1000,
            size_bytes=size_bytes if size_bytes < ULONG_MAX else UNLIMITED,
            reset_interval_us=reset_ms * 1000 if reset_ms < ULONG_MAX else UNLIMITED,
            weights=Weights(size=weights[0], access_rate=weights[1], age=weights[2]),
        ),
        watermarks=notation.to_watermarks(
            interval_us=interval_us,
            high_permille=high_mark,
            mid_permille=mid_mark,
            low_permille=low_mark,
        )
        if metric
        else None,
    )
