"""What a slowdown by CPU time leaves out: time that the work takes beside the workload's CPU time.

On a machine with one CPU, `slowdown` counts the workload's own CPU time only. That says nothing of a
program that waits, and much of a program that hardly uses the CPU.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotune.experiment.measurement import Measurement
from autotune.objective.metrics import SlowdownName

FAR = 0.05
"""Time may grow by this fraction of the baseline's more than CPU time does, without a word."""
FAR_SHARE = 0.5
"""So may time that grows by this fraction of the slowdown more than CPU time does."""
LITTLE_CPU_S = 1.0
"""With less CPU time, the start of a program and each second of faults are a large share of it."""
LITTLE_USE = 0.05
"""A workload that uses less than this fraction of a CPU waits nearly all of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerTime:
    """The time that equal work took longer than in the baseline, in seconds, and what took it.

    Attributes:
        before_s: What the baseline's work took.
        cpu_before_s: What the baseline used of a CPU for it.
        longer_s: What the work took more.
        own_s: What the workload used more of a CPU; 0 if it used less.
        kdamond_s: What the kdamond used of a CPU.
    """

    before_s: float
    cpu_before_s: float
    longer_s: float
    own_s: float
    kdamond_s: float

    @property
    def waited_s(self) -> float:
        """What neither the workload nor the kdamond used of the one CPU; at least 0."""
        return max(0.0, self.longer_s - self.own_s - self.kdamond_s)

    @property
    def is_far(self) -> bool:
        """Whether the time grew by far more than the CPU time."""
        if self.before_s <= 0.0 or self.cpu_before_s <= 0.0:
            return False
        slowdown = self.own_s / self.cpu_before_s
        return self.longer_s / self.before_s - slowdown > max(FAR, FAR_SHARE * slowdown)


def longer_time(pairs: Sequence[tuple[Measurement, Measurement]]) -> LongerTime:
    """Give what took the time, on average.

    Args:
        pairs: Measurements with their baselines, one of each seed, of equal work or of counted work.
    """
    parts = [_longer_time(measured, baseline) for measured, baseline in pairs]
    return LongerTime(
        **{
            name: statistics.fmean(getattr(part, name) for part in parts)
            for name in LongerTime.__slots__
        }
    )


def _longer_time(measured: Measurement, baseline: Measurement) -> LongerTime:
    work = 1.0
    if measured.work_done and baseline.work_done:
        work = baseline.work_done / measured.work_done
    return LongerTime(
        before_s=baseline.runtime_s,
        cpu_before_s=baseline.workload_cpu_s,
        longer_s=work * measured.runtime_s - baseline.runtime_s,
        own_s=max(0.0, work * measured.workload_cpu_s - baseline.workload_cpu_s),
        kdamond_s=work * measured.runtime_s * measured.kdamond_cpu,
    )


def waited(
    figures: Mapping[str, float],
    pairs: Sequence[tuple[Measurement, Measurement]],
    *,
    slowdown: SlowdownName,
) -> str | None:
    """Say that the workload waited for longer, which `slowdown` does not count; None if it did not.

    Args:
        figures: Metrics by name, of which ``wall_slowdown`` and ``slowdown`` count.
        pairs: Measurements with their baselines, one of each seed.
        slowdown: The formula for `slowdown` on this backend.

    >>> from autotune.testing import measurement
    >>> measured = measurement(runtime_s=16.0, workload_cpu_s=9.9, kdamond_cpu=0.05)
    >>> print(waited(
    ...     {"wall_slowdown": 0.6, "slowdown": 0.1},
    ...     [(measured, measurement(runtime_s=10.0, workload_cpu_s=9.0))],
    ...     slowdown="own_cpu_slowdown",
    ... ))
    wall_slowdown is 60.00%, and slowdown 10.00%: of 6.00 s that the work took longer, the kdamond used \
0.80 s of the CPU and the workload 0.90 s; for 4.30 s it waited, for memory or another process, which \
slowdown does not count: bound the time as well, as with wall_slowdown <= 5% under constraints
    """
    told = _told(figures, slowdown)
    if told is None:
        return None
    time = longer_time(pairs)
    if not time.is_far or time.waited_s <= FAR * time.before_s:
        return None
    return (
        f"{told}: {_parts(time)}; for {time.waited_s:.2f} s it waited, for memory or another process, "
        "which slowdown does not count: bound the time as well, as with wall_slowdown <= 5% under "
        "constraints"
    )


def kdamond_on_one_cpu(
    figures: Mapping[str, float],
    pairs: Sequence[tuple[Measurement, Measurement]],
    *,
    slowdown: SlowdownName,
) -> str | None:
    """Say that the work took longer since the kdamond had the one CPU; None if that is little.

    Args:
        figures: Metrics by name, of which ``wall_slowdown`` and ``slowdown`` count.
        pairs: Measurements with their baselines, one of each seed.
        slowdown: The formula for `slowdown` on this backend.
    """
    told = _told(figures, slowdown)
    if told is None or waited(figures, pairs, slowdown=slowdown):
        return None
    time = longer_time(pairs)
    if not time.is_far:
        return None
    return (
        f"{told}: {_parts(time)}: where a machine has a CPU to spare for the kdamond, slowdown counts; "
        "where it has not, wall_slowdown and cpu_use do"
    )


def little_cpu(baseline: Measurement, *, slowdown: SlowdownName) -> str | None:
    """Say that a slowdown is a share of little CPU time; None if there is enough, or it is of time.

    Args:
        baseline: Its CPU time and run time count.
        slowdown: The formula for `slowdown` on this backend.

    >>> from autotune.testing import measurement
    >>> baseline = measurement(runtime_s=24.0, workload_cpu_s=0.234)
    >>> print(little_cpu(baseline, slowdown="own_cpu_slowdown"))
    slowdown is a share of the 0.23 s of CPU time that the baseline used in 24.00 s, so that little \
looks like much: go by wall_slowdown, a share of all the time, or let the workload do more work
    """
    used_s = baseline.workload_cpu_s
    if slowdown == "wall_slowdown" or used_s <= 0.0:
        return None
    if used_s >= max(LITTLE_CPU_S, LITTLE_USE * baseline.runtime_s):
        return None
    return (
        f"slowdown is a share of the {used_s:.2f} s of CPU time that the baseline used in "
        f"{baseline.runtime_s:.2f} s, so that little looks like much: go by wall_slowdown, a share of "
        "all the time, or let the workload do more work"
    )


def _told(figures: Mapping[str, float], slowdown: SlowdownName) -> str | None:
    """Name both figures; None if they are the same, or unknown."""
    if slowdown == "wall_slowdown" or not {"wall_slowdown", "slowdown"} <= figures.keys():
        return None
    return (
        f"wall_slowdown is {figures['wall_slowdown']:.2%}, and slowdown {figures['slowdown']:.2%}"
    )


def _parts(time: LongerTime) -> str:
    return (
        f"of {time.longer_s:.2f} s that the work took longer, the kdamond used "
        f"{time.kdamond_s:.2f} s of the CPU and the workload {time.own_s:.2f} s"
    )
