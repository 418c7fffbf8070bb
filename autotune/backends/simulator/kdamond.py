"""The kdamond's main loop over a playing workload: one tick after the other.

Source: ``kdamond_fn`` of Linux 6.12, step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.memory import ABSENT, PAGE, SWAPPED, Memory, area_of, pool_bytes
from autotune.backends.simulator.player import ended, touched, unwatch, watch
from autotune.backends.simulator.records import INT, Records, make_records
from autotune.backends.simulator.regions import Regions, age, merge, reset, split, total_bytes
from autotune.backends.simulator.schemes import apply_schemes, look_at_watermarks
from autotune.backends.simulator.world import World, pass_time, record, work_at_once

_HRTIMER_LIMIT_US = 20_000
_SAMPLED_BITS = 1 << 32
_SAMPLED = {
    "area": INT,  # of the sampled page; -1 where nothing can be accessed
    "page": INT,  # counted within the area
}


class Settings(NamedTuple):
    """What the kdamond is told, in the kernel's units.

    Attributes:
        sampling_us: Sampling interval.
        aggregation_us: Aggregation interval.
        update_us: Interval of range updates.
        min_regions: Lower bound on regions.
        max_regions: Upper bound on regions.
        start_us: When DAMON is turned on.
        timeout_us: When the run is given up.
    """

    sampling_us: int
    aggregation_us: int
    update_us: int
    min_regions: int
    max_regions: int
    start_us: float
    timeout_us: float


def make_sampled(regions: Regions) -> Records:
    """Room for one sampled page a region."""
    return make_records(_SAMPLED, len(regions.items))


@compiled
def _sleep_us(sampling_us: int, clock: Any) -> float:
    """How long a sleep of the sampling interval takes: long ones end with a jiffy."""
    if sampling_us <= _HRTIMER_LIMIT_US:
        return float(sampling_us)
    jiffies = clock.now_us // clock.jiffy_us + -(-sampling_us // clock.jiffy_us) + 1
    return jiffies * clock.jiffy_us - clock.now_us


@compiled
def draw_samples(
    regions: Regions, memory: Memory, sampled: Records, rng: np.random.Generator
) -> None:
    """One page of each region, uniformly; of regions above 4 GiB only what 32 bits reach."""
    for i in range(regions.totals[0].regions):
        region, sample = regions.items[i], sampled[i]
        size = region.end - region.start
        reach = size % _SAMPLED_BITS if size % _SAMPLED_BITS != 0 else _SAMPLED_BITS
        address = region.start + int(rng.random() * reach)
        sample.area = area_of(memory, address)
        if sample.area >= 0:
            area = memory.areas[sample.area]
            sample.page = (address - area.start) // PAGE
            if memory.state[area.first + sample.page] == ABSENT:
                sample.area = -1


@compiled
def check(
    regions: Regions, world: World, sampled: Records, samples: int, rng: np.random.Generator
) -> int:
    """Count what was accessed since the samples were drawn; the most hits of all regions."""
    missed_chance = world.clock[0].missed_chance
    swept, spans = world.player.swept, world.player.progress[0].spans
    most = 0
    for i in range(regions.totals[0].regions):
        region, area, page = regions.items[i], sampled[i].area, sampled[i].page
        hit = 0
        # `touched` answers all of this; what is cheap to see is seen here, since it is so often asked.
        there = area >= 0 and world.memory.state[world.memory.areas[area].first + page] != SWAPPED
        if there and (
            swept[area] == 1
            or (spans > 0 and touched(world.player, world.memory, area, page, rng))
        ):
            hit = 1
        if hit == 1 and missed_chance > 0.0 and rng.random() < missed_chance:
            hit = 0
        region.moving += 10_000 * hit - region.last * 10_000 // samples
        region.hits += hit
        most = max(most, region.hits)
    return most


@compiled
def _note_working_set(regions: Regions, recording: Any) -> None:
    size = 0
    for i in range(regions.totals[0].regions):
        if regions.items[i].hits > 0:
            size += regions.items[i].end - regions.items[i].start
    recording.wss = size
    recording.wss_sum += size
    recording.aggregations += 1


@compiled
def _free_permille(world: World) -> int:
    used = world.memory.counters[0].resident + pool_bytes(world.memory) // PAGE
    total = world.clock[0].memory_pages
    return max(0, total - used) * 1000 // total


@compiled
def _tick(
    world: World,
    regions: Regions,
    sampled: Records,
    settings: Settings,
    samples: int,
    rng: np.random.Generator,
) -> int:
    """One sampling interval: prepare, sleep, check; the most hits of all regions."""
    clock, recording = world.clock[0], world.recording[0]
    draw_samples(regions, world.memory, sampled, rng)
    watch(world.player)
    pass_time(world, _sleep_us(settings.sampling_us, clock))
    most = check(regions, world, sampled, samples, rng)
    unwatch(world.player)
    checked = regions.totals[0].regions
    recording.checks += checked
    recording.ticks += 1
    world.player.progress[0].owed_us += clock.disturbance_us * checked
    work_at_once(world, clock.tick_us + clock.check_us * checked)
    return most


@compiled
def aggregate(regions: Regions, most: int, samples: int, limit: int, max_regions: int) -> None:
    """Age and merge: hits are alike up to a tenth of the *most* that any region has."""
    age(regions, most // 10)
    merge(regions, most // 10, samples, limit, max_regions)


@compiled
def run(
    world: World,
    regions: Regions,
    sampled: Records,
    schemes: Records,
    settings: Settings,
    rng: np.random.Generator,
) -> None:
    """Play the workload to its end or the timeout, with DAMON on from ``settings.start_us``."""
    clock = world.clock[0]
    record(world)
    pass_time(world, min(settings.start_us, settings.timeout_us))
    samples = settings.aggregation_us // settings.sampling_us
    update_ticks = settings.update_us // settings.sampling_us
    tick, next_aggregation, next_update = 0, samples, update_ticks
    limit = max(PAGE, total_bytes(regions) // settings.min_regions)
    while not ended(world.player) and clock.now_us < settings.timeout_us:
        wait_us = look_at_watermarks(schemes, _free_permille(world))
        if wait_us > 0.0:
            pass_time(world, min(wait_us, settings.timeout_us - clock.now_us))
            continue
        most = _tick(world, regions, sampled, settings, samples, rng)
        if ended(world.player):
            break  # the measured part is over, and with it the kdamond's target
        tick += 1
        aggregated = tick >= next_aggregation
        if aggregated:
            aggregate(regions, most, samples, limit, settings.max_regions)
        apply_schemes(schemes, regions, world, tick, samples, settings.aggregation_us)
        if aggregated:
            next_aggregation += samples
            _note_working_set(regions, world.recording[0])
            reset(regions)
            split(regions, settings.max_regions, rng)
        if tick >= next_update:
            next_update += update_ticks
            limit = max(PAGE, total_bytes(regions) // settings.min_regions)
