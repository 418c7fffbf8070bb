"""From measurements to costs: closed forms over pairs of runs.

Everything is CPU time, so that the result is equal whether or not kdamond and workload share a CPU. With

- T ticks of the kdamond in a run, each of which checks n regions,
- K seconds of its CPU and W seconds of the workload's,

monitoring alone takes ``K = T (tick + check n)`` and ``W = accesses access + T disturbance``; a scheme
adds ``pages out pageout + pages left scan`` to K, and ``faults fault`` to W. Only `wake` is elapsed
time: a run takes ``T (sleep + wake) + turns K``. On a shared CPU, a turn of the workload follows each
turn of the kdamond, and is as long. Samples are taken while the kdamond sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotune.backends.simulator.machine_costs import QUARTER
from autotune.calibration.experiments import (
    INTERVALS,
    TICKS_A_COUNT,
    Plan,
)
from autotune.damon.damos import SchemeStats
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.errors import RunError
from autotune.experiment.measurement import Measurement
from autotune.units import format_share

_SLEEP_S = INTERVALS.sampling_us / 1e6

_LEAST_RISE = 0.05
"""For a line through two kinds of pages, the fractions that they are compressed to differ by so much."""


def solve(
    measured: Mapping[str, Measurement], plan: Plan, *, shares_cpu: bool
) -> dict[str, float]:
    """Solve for all costs.

    A cost may come out negative if noise is larger than the cost; such a cost is 0.

    Args:
        measured: By the names of the plan's experiments, and "huge_random".
        plan: What was run.
        shares_cpu: Whether kdamond and workload share one CPU.

    Returns:
        Each cost by its field of `Machine`, in the unit of the field.

    Raises:
        RunError: If a run did not show what it was made to show.
    """
    turns = 2.0 if shares_cpu else 1.0
    access_s = _access_s(measured["unmonitored"])
    monitored = _solve_monitoring(
        measured["few_regions"], measured["many_regions"], plan, access_s, turns
    )
    paged_out, tried_again, scattered, incompressible = (
        _Reclaim.of(measured[name], monitored, name, turns)
        for name in ("paged_out", "tried_again", "scattered", "incompressible")
    )
    pageout_s, scan_s = _two_unknowns(
        (paged_out.pages_out, paged_out.pages_left, paged_out.kdamond_s),
        (tried_again.pages_out, tried_again.pages_left, tried_again.kdamond_s),
    )
    if scan_s < 0.0:
        pageout_s, scan_s = paged_out.kdamond_s / paged_out.pages_out, 0.0
    fault_s, scattered_fault_s, incompressible_fault_s = (
        _fault_s(measured[name], reclaim, monitored)
        for name, reclaim in (
            ("paged_out", paged_out),
            ("scattered", scattered),
            ("incompressible", incompressible),
        )
    )
    empty, filled = _compressed(measured, "paged_out"), _compressed(measured, "scattered")
    reach = _reach(empty, filled)
    once, twice = measured["touched_once"], measured["touched_twice"]
    touch_s = (once.workload_cpu_s - twice.workload_cpu_s) / plan.touched_pages
    return {
        "sequential_access_ns": access_s * 1e9,
        "random_access_ns": _access_s(measured["random"]) * 1e9,
        "huge_random_access_ns": _access_s(measured["huge_random"]) * 1e9,
        "fault_us": _cost_us(fault_s),
        "quarter_fault_us": _cost_us(fault_s + reach * (scattered_fault_s - fault_s)),
        "incompressible_fault_us": _cost_us(incompressible_fault_s),
        "stalled_fraction": _stalled(measured["paged_out"], fault_s),
        "first_touch_us": _cost_us(touch_s),
        "pageout_us": _cost_us(pageout_s),
        "quarter_pageout_us": _cost_us(
            pageout_s + reach * (scattered.pageout_s(scan_s) - pageout_s)
        ),
        "incompressible_pageout_us": _cost_us(incompressible.pageout_s(scan_s)),
        "scan_us": _cost_us(scan_s),
        "check_us": _cost_us(monitored.check_s),
        "tick_us": _cost_us(monitored.tick_s),
        "disturbance_us": _cost_us(monitored.disturbance_s),
        "compressed_fraction": empty,
        "wake_us": _cost_us(monitored.wake_s if shares_cpu else 0.0),
        "sample_us": _cost_us(_sample_s(measured["few_regions"]) if shares_cpu else 0.0),
    }


def _cost_us(seconds: float) -> float:
    return max(0.0, seconds) * 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Monitored:
    """What monitoring costs, and how the ticks went in the run with few regions.

    Attributes:
        tick_s: One wake-up.
        check_s: The check of one region.
        disturbance_s: What a wake-up costs the workload.
        access_s: One access of a sweep.
        work_s: CPU time of the kdamond a tick, in the run with few regions.
        period_s: From one tick to the next, in the run with few regions.
        wake_s: The part of `period_s` that is neither sleep nor turns for work.
    """

    tick_s: float
    check_s: float
    disturbance_s: float
    access_s: float
    work_s: float
    period_s: float
    wake_s: float


def _solve_monitoring(
    few: Measurement, many: Measurement, plan: Plan, access_s: float, turns: float
) -> _Monitored:
    tried_few, tried_many = _tried(few, "few_regions"), _tried(many, "many_regions")
    # The monitored size is known only roughly, but the number of regions is a whole number.
    counts = tried_few.tried_bytes / plan.mapped_bytes
    regions = max(1, round(tried_few.tried_regions / counts))
    mapped_bytes = tried_few.tried_bytes * regions / tried_few.tried_regions
    many_regions = tried_many.tried_regions * mapped_bytes / tried_many.tried_bytes
    ticks_few = _ticks(few, tried_few.tried_bytes / mapped_bytes, turns)
    period_s, work_few_s = few.runtime_s / ticks_few, _kdamond_s(few) / ticks_few
    wake_s = max(0.0, period_s - turns * work_few_s - _SLEEP_S)
    ticks_many = _ticks(many, tried_many.tried_bytes / mapped_bytes, turns, wake_s)
    work_many_s = _kdamond_s(many) / ticks_many
    check_s = max(0.0, (work_many_s - work_few_s) / (many_regions - regions))
    disturbances_s = few.workload_cpu_s - access_s * (few.work_done or 0.0)
    return _Monitored(
        tick_s=max(0.0, work_few_s - check_s * regions),
        check_s=check_s,
        disturbance_s=max(0.0, disturbances_s / ticks_few),
        access_s=access_s,
        work_s=work_few_s,
        period_s=period_s,
        wake_s=wake_s,
    )


def _tried(run: Measurement, name: str) -> SchemeStats:
    stats = run.scheme_stats
    if stats is None or stats.tried_regions == 0:
        raise RunError(f"calibration: run '{name}': DAMON tried no region: see that it works here")
    return stats


def _kdamond_s(run: Measurement) -> float:
    return run.kdamond_cpu * run.runtime_s


def _ticks(run: Measurement, counts: float, turns: float, wake_s: float = 0.0) -> float:
    """Count the ticks of a run that is only monitored.

    The statistics count the ticks up to the last count. How many ticks followed is known from the time
    that turns don't take. If this time gives an impossible number, the guess is half of the ticks from
    one count to the next.
    """
    least = round(counts) * TICKS_A_COUNT
    ticks = (run.runtime_s - turns * _kdamond_s(run)) / (_SLEEP_S + wake_s)
    if least <= ticks <= least + TICKS_A_COUNT:
        return ticks
    return least + TICKS_A_COUNT / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reclaim:
    """What a scheme that pages out did.

    Attributes:
        pages_out: Pages paged out.
        pages_left: Pages tried, and left as they were: out already, or in use.
        kdamond_s: CPU time for all these pages, without monitoring.
        ticks: Ticks of the kdamond.
    """

    pages_out: float
    pages_left: float
    kdamond_s: float
    ticks: float

    def pageout_s(self, scan_s: float) -> float:
        """Give the time for each page paged out, without the time for looking at pages left."""
        return (self.kdamond_s - scan_s * self.pages_left) / self.pages_out

    @classmethod
    def of(cls, run: Measurement, monitored: _Monitored, name: str, turns: float) -> _Reclaim:
        """Subtract the cost of monitoring from a run.

        The kdamond does not tick while it pages out.

        Raises:
            RunError: If no page went out.
        """
        pages_out = run.swap_out_bytes / PAGE_BYTES
        if not pages_out:
            raise RunError(
                f"calibration: run '{name}': no page was swapped out: see that there is swap"
            )
        share = monitored.work_s / monitored.period_s
        monitoring_s = share * run.runtime_s
        kdamond_s = max(0.0, (_kdamond_s(run) - monitoring_s) / (1.0 - turns * share))
        tried = _tried(run, name).tried_bytes / PAGE_BYTES
        return cls(
            pages_out=pages_out,
            pages_left=max(0.0, tried - pages_out),
            kdamond_s=kdamond_s,
            ticks=max(0.0, run.runtime_s - turns * kdamond_s) / monitored.period_s,
        )


def _fault_s(run: Measurement, reclaim: _Reclaim, monitored: _Monitored) -> float:
    """Give the CPU time of the workload for each page that came back."""
    pages_in = run.swap_in_bytes / PAGE_BYTES
    if not pages_in:
        raise RunError("calibration: no page came back from swap: see that nothing else uses it")
    accesses_s = monitored.access_s * (run.work_done or 0.0)
    disturbances_s = monitored.disturbance_s * reclaim.ticks
    return (run.workload_cpu_s - accesses_s - disturbances_s) / pages_in


def _stalled(run: Measurement, fault_s: float) -> float:
    """The fraction of the faults' time that the kernel counts as waiting; 0 if it counts nothing."""
    faults_s = fault_s * run.swap_in_bytes / PAGE_BYTES
    return min(1.0, run.memory_pressure_some_s / faults_s) if faults_s > 0.0 else 0.0


def _access_s(run: Measurement) -> float:
    if not run.work_done:
        raise RunError("calibration: a pattern made no accesses: see that it can run here")
    return run.workload_cpu_s / run.work_done


def _sample_s(run: Measurement) -> float:
    """Give the time that a sample takes on the only CPU, from a workload that never rests."""
    used_s = run.workload_cpu_s + _kdamond_s(run)
    return (run.runtime_s - used_s) / len(run.series.time_s)


def _compressed(measured: Mapping[str, Measurement], name: str) -> float:
    """Room of a swapped page in the pool, a fraction, when most are out: later the pool has holes."""
    series = measured[name].series
    before = series.pool_bytes[0]
    swapped, pool = max(zip(series.swap_bytes, series.pool_bytes, strict=True))
    fraction = (pool - before) / swapped if swapped else 0.0
    return min(1.0, max(0.0, fraction))


def _reach(empty: float, filled: float) -> float:
    """Distance from almost empty pages to a quarter, over the distance to the filled pages."""
    if empty + _LEAST_RISE > min(filled, QUARTER):
        raise RunError(
            f"calibration: swap compressed almost empty pages to {format_share(round(empty, 3))}, and "
            f"others to {format_share(round(filled, 3))}: see that nothing else swaps, and that swap is "
            "in zram"
        )
    return (QUARTER - empty) / (filled - empty)


def _two_unknowns(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float]:
    """Solve ``a x + b y = c`` twice, for x and y.

    >>> _two_unknowns((1.0, 1.0, 3.0), (1.0, -1.0, 1.0))
    (2.0, 1.0)
    """
    (a, b, c), (d, e, f) = first, second
    determinant = a * e - b * d
    if determinant == 0.0:
        raise RunError("calibration: two runs were alike that should differ: see that DAMON works")
    return (c * e - b * f) / determinant, (a * f - c * d) / determinant
