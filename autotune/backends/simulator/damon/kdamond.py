"""The kdamond's main loop over a playing workload, tick by tick.

Source: ``kdamond_fn`` of Linux 6.12, step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws
from autotune.backends.simulator.damon.applying import apply_schemes, look_at_watermarks
from autotune.backends.simulator.damon.regions import (
    Regions,
    age,
    merge,
    reset,
    split,
    three_ranges,
    total_bytes,
    update_ranges,
)
from autotune.backends.simulator.damon.schemes import Schemes, is_like, matches
from autotune.backends.simulator.memory.pages import pool_bytes
from autotune.backends.simulator.source import (
    begin_tick,
    beyond_sleep_us,
    count_hits,
    end_tick,
    forget_ticks,
)
from autotune.backends.simulator.world import (
    World,
    disturb,
    is_over,
    pass_time,
    take_turn,
    wait,
)
from autotune.damon.kernel_rules import PAGE_BYTES

_HRTIMER_LIMIT_US = 20_000


class Settings(NamedTuple):
    """What the user sets for the kdamond, in the kernel's units.

    Attributes:
        sampling_us: Sampling interval.
        aggregation_us: Aggregation interval.
        update_us: Interval of range updates.
        min_regions: Lower bound on regions.
        max_regions: Upper bound on regions.
        timeout_us: When the run is given up.
        fixed: Whether the user gave the ranges, which then never change.
    """

    sampling_us: int
    aggregation_us: int
    update_us: int
    min_regions: int
    max_regions: int
    timeout_us: float
    fixed: bool


@inlined
def sleep_us(sampling_us: int, now_us: float, jiffy_us: float) -> float:
    """How long a sleep of the sampling interval takes: a long sleep ends with a jiffy."""
    if sampling_us <= _HRTIMER_LIMIT_US:
        return float(sampling_us)
    jiffies = now_us // jiffy_us + -(-sampling_us // jiffy_us) + 1
    return jiffies * jiffy_us - now_us


@compiled
def _note_working_set(regions: Regions, tally: Any) -> None:
    size = 0
    for i in range(regions.totals[0].regions):
        if regions.items[i].hits > 0:
            size += regions.items[i].end - regions.items[i].start
    tally.wss = size
    tally.wss_sum += size
    tally.aggregations += 1


@compiled
def note_regions(regions: Regions, schemes: Schemes, tally: Any) -> None:
    """Keep the oldest, the hottest and the largest region, and for each scheme how near it came.

    Once a scheme has matched, no more is noted for it.
    """
    for i in range(regions.totals[0].regions):
        region: Any = regions.items[i]
        tally.oldest = max(tally.oldest, region.age)
        tally.hottest = max(tally.hottest, region.hits)
        tally.largest = max(tally.largest, region.end - region.start)
        tally.hit_bytes_sum += region.hits * (region.end - region.start)
    for row in range(len(schemes.items)):
        scheme = schemes.items[row]
        if scheme.matched == 1:
            continue
        for i in range(regions.totals[0].regions):
            if is_like(scheme, regions.items[i]):
                scheme.oldest = max(scheme.oldest, regions.items[i].age)
            if matches(scheme, regions.items[i]):
                scheme.matched = 1


@compiled
def _free_permille(world: World) -> int:
    used = world.memory.counters[0].resident + pool_bytes(world.memory) // PAGE_BYTES
    total = world.clock[0].memory_pages
    return max(0, total - used) * 1000 // total


@compiled
def run_ticks(world: World, checked: int, sampling_us: int, most: int) -> int:
    """Run up to *most* sampling intervals: prepare *checked* regions, sleep, check.

    The ticks end early when the workload ends, even within an interval, and when the window is full.

    Returns:
        How many intervals were begun.
    """
    clock, progress = world.clock[0], world.source.progress[0]
    work_us = clock.tick_us + clock.check_us * checked
    # On a shared CPU, the scheduler first gives the workload a turn, as long as the kdamond's work was.
    late_us = clock.wake_us + work_us if clock.shared == 1 else 0.0
    # A recording says how long ticks were there, whatever kept the kdamond.
    recorded_us = beyond_sleep_us(world.source)
    if clock.shared == 1 and recorded_us >= 0.0:
        late_us = max(0.0, recorded_us - work_us)
    for number in range(most):
        begin_tick(world.source)
        pass_time(world, late_us + sleep_us(sampling_us, clock.now_us, clock.jiffy_us))
        end_tick(world.source, world.memory)
        disturb(world, clock.disturbance_us)
        if is_over(world):
            return number + 1
        if clock.shared == 1:
            take_turn(world, work_us)
        else:
            began_us = clock.now_us
            pass_time(world, work_us)
            clock.busy_us += clock.now_us - began_us
        if is_over(world) or progress.full == 1:
            return number + 1
    return most


@compiled
def count(regions: Regions, world: World, samples: int, draws: Draws) -> int:
    """Count the window's hits, and begin a new window; returns the most hits of any region."""
    missed_chance = world.clock[0].missed_chance
    most = count_hits(world.source, world.memory, regions, samples, missed_chance, draws)
    forget_ticks(world.source)
    return most


@compiled
def aggregate(regions: Regions, most: int, samples: int, limit: int, max_regions: int) -> None:
    """Age and merge regions. Hits count as alike if they differ by a tenth of *most* or less.

    *most* is the number of hits of the region that has the most.
    """
    age(regions, most // 10)
    merge(regions, most // 10, samples, limit, max_regions)


@compiled
def size_limit(regions: Regions, min_regions: int) -> int:
    """How large merging may make a region."""
    return max(PAGE_BYTES, total_bytes(regions) // min_regions)


@compiled
def _next_apply(schemes: Schemes, tick: int, otherwise: int) -> int:
    """The tick of the next pass; *otherwise* if no pass comes before that tick."""
    soonest = otherwise
    for row in range(len(schemes.items)):
        soonest = min(soonest, max(tick + 1, schemes.items[row].next_apply))
    return soonest


@compiled
def _has_watermarks(schemes: Schemes) -> bool:
    gated = False
    for row in range(len(schemes.items)):
        gated |= schemes.items[row].high >= 0
    return gated


@compiled
def run(
    world: World,
    regions: Regions,
    schemes: Schemes,
    settings: Settings,
    draws: Draws,
) -> None:
    """Play the workload to its end or the timeout, with DAMON on from now on.

    Hits are counted only when they are needed: at the end of an aggregation, and before a pass.
    """
    clock = world.clock[0]
    samples = settings.aggregation_us // settings.sampling_us
    update_ticks = settings.update_us // settings.sampling_us
    tick, next_aggregation, next_update = 0, samples, update_ticks
    limit, gated = size_limit(regions, settings.min_regions), _has_watermarks(schemes)
    next_pass = _next_apply(schemes, tick, next_aggregation)
    changes = world.memory.counters[0].changes
    while not is_over(world) and clock.now_us < settings.timeout_us:
        if gated:
            wait_us = look_at_watermarks(schemes, _free_permille(world))
            if wait_us > 0.0:
                wait(world, min(wait_us, settings.timeout_us - clock.now_us))
                continue
        ahead = 1 if gated else max(1, min(next_aggregation, next_update, next_pass) - tick)
        tick += run_ticks(world, regions.totals[0].regions, settings.sampling_us, ahead)
        if is_over(world):
            break  # the measured part is over: the kdamond's target has ended
        aggregated, updated = tick >= next_aggregation, tick >= next_update
        if not (aggregated or updated or tick >= next_pass):
            if world.source.progress[0].full == 1:
                count(regions, world, samples, draws)
            continue
        most = count(regions, world, samples, draws)
        if aggregated:
            aggregate(regions, most, samples, limit, settings.max_regions)
            note_regions(regions, schemes, world.tally[0])
        apply_schemes(schemes, regions, world, tick, samples, settings.aggregation_us)
        if aggregated:
            next_aggregation += samples
            _note_working_set(regions, world.tally[0])
            reset(regions)
            split(regions, settings.max_regions, draws)
        if updated:
            next_update += update_ticks
            if world.memory.counters[0].changes != changes and not settings.fixed:
                changes = world.memory.counters[0].changes
                found = three_ranges(world.memory, regions.ranges)
                if found > 0:
                    update_ranges(regions, regions.ranges[:found])
            limit = size_limit(regions, settings.min_regions)
        next_pass = _next_apply(schemes, tick, next_aggregation)
