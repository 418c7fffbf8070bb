"""DAMOS: one pass of the schemes over the regions, region by region, within their quotas.

Source: ``kdamond_apply_schemes``, ``damon_do_apply_schemes``, ``damos_apply_scheme`` and
``damos_skip_charged_region`` of Linux 6.12.
"""

from __future__ import annotations

import math
from typing import Any

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.damon.actions import act
from autotune.backends.simulator.damon.quotas import adjust_quota
from autotune.backends.simulator.damon.regions import Regions, cut
from autotune.backends.simulator.damon.schemes import (
    ADDR,
    STAT,
    Schemes,
    matches,
    score,
)
from autotune.backends.simulator.world import World, is_over, stalled_us
from autotune.damon.kernel_rules import PAGE_BYTES, PROCESS_BYTES


@inlined
def skip_to_resume(scheme: Any, regions: Regions, index: int) -> bool:
    """Whether the region lies before the address at which the scheme goes on.

    A region that holds this address is cut there, and its upper part is visited next.
    """
    if scheme.resume == 0:
        return False
    region = regions.items[index]
    if region.end <= scheme.resume:
        if index == regions.totals[0].regions - 1:
            scheme.resume = 0
        return True
    if region.start < scheme.resume:
        size = (scheme.resume - region.start) // PAGE_BYTES * PAGE_BYTES
        if size == 0:
            if region.end - region.start <= PAGE_BYTES:
                return True
            size = PAGE_BYTES
        if cut(regions, index, size):
            scheme.resume = 0
            return True
    scheme.resume = 0
    return False


@compiled
def is_filtered(schemes: Schemes, number: int, regions: Regions, index: int) -> bool:
    """Whether a filter that looks at addresses keeps the scheme from the region.

    A region partly inside a filter's range is cut at the bound of the range; the region's lower part is
    judged now, and its upper part next.
    """
    for i in range(len(schemes.filters)):
        item = schemes.filters[i]
        if item.scheme != number:
            continue
        if item.kind == ADDR:
            region = regions.items[index]
            low, high = item.start // PAGE_BYTES * PAGE_BYTES, item.end // PAGE_BYTES * PAGE_BYTES
            inside = low <= region.start < high
            if region.start < low < region.end:
                cut(regions, index, low - region.start)
            elif inside and high < region.end:
                cut(regions, index, high - region.start)
        else:
            inside = item.start == regions.items[index].start // PROCESS_BYTES
        if inside == (item.matching == 1):
            return True
    return False


@compiled
def _try(schemes: Schemes, number: int, regions: Regions, index: int, world: World) -> None:
    """Apply the scheme to a region, or to the part of it that its quota still allows."""
    scheme, region, clock = schemes.items[number], regions.items[index], world.clock[0]
    size = region.end - region.start
    if scheme.allowed > 0 and scheme.charged + size > scheme.allowed:
        keep = (scheme.allowed - scheme.charged) // PAGE_BYTES * PAGE_BYTES
        # Without room for one more region, the quota counts as used up.
        if keep == 0 or not cut(regions, index, keep):
            scheme.tried_regions += 1
            return
    if is_filtered(schemes, number, regions, index):
        return
    size = region.end - region.start
    before = clock.now_us // clock.jiffy_us
    applied = act(scheme, world, region.start, region.end)
    jiffies = clock.now_us // clock.jiffy_us - before
    scheme.spent_ns += int(jiffies * clock.jiffy_us * 1000)
    scheme.charged += size
    if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
        scheme.resume = region.end
    if scheme.action != STAT:
        region.age = 0
    scheme.tried_regions += 1
    scheme.tried_bytes += size
    scheme.applied_regions += 1 if applied > 0 else 0
    scheme.applied_bytes += applied


@inlined
def _takes(scheme: Any, regions: Regions, index: int, samples: int, aggregation_us: int) -> bool:
    """Whether the running pass applies the scheme to the region."""
    if scheme.due == 0 or scheme.active == 0:
        return False
    if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
        return False
    if skip_to_resume(scheme, regions, index) or not matches(scheme, regions.items[index]):
        return False
    return (
        scheme.allowed == 0
        or score(scheme, regions.items[index], samples, aggregation_us) >= scheme.lowest_score
    )


@compiled
def apply_schemes(
    schemes: Schemes, regions: Regions, world: World, tick: int, samples: int, aggregation_us: int
) -> None:
    """Make one pass over all regions, in address order, with the schemes that are due.

    A pass also visits the regions that it cuts off. Time passes while a scheme works.
    """
    working = False
    for row in range(len(schemes.items)):
        scheme = schemes.items[row]
        scheme.due = 1 if tick >= scheme.next_apply else 0
        if scheme.due == 1 and scheme.active == 1:
            working = True
            # Windows are counted in jiffies.
            now_us = world.clock[0].now_us // world.clock[0].jiffy_us * world.clock[0].jiffy_us
            adjust_quota(schemes, row, regions, now_us, stalled_us(world), samples, aggregation_us)
    if not working:
        return
    index = 0
    while index < regions.totals[0].regions and not is_over(world):
        for row in range(len(schemes.items)):
            if _takes(schemes.items[row], regions, index, samples, aggregation_us):
                _try(schemes, row, regions, index, world)
        index += 1
    for row in range(len(schemes.items)):
        if schemes.items[row].due == 1:
            schemes.items[row].next_apply = tick + schemes.items[row].apply_ticks


@compiled
def look_at_watermarks(schemes: Schemes, free_permille: int) -> float:
    """Turn schemes on and off by the share of memory that is free.

    Returns:
        How long the kdamond has to wait before it looks at the watermarks again, in microseconds: 0
        while a scheme is active, or if there is no scheme.
    """
    wait_us = math.inf
    for row in range(len(schemes.items)):
        scheme = schemes.items[row]
        if scheme.high >= 0:
            if free_permille > scheme.high or free_permille < scheme.low:
                scheme.active = 0
            elif free_permille < scheme.mid:
                scheme.active = 1
        wait_us = min(wait_us, 0.0 if scheme.active == 1 else scheme.look_us)
    return wait_us if len(schemes.items) > 0 else 0.0
