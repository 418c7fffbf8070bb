"""Quotas: how many bytes a scheme may try in a charge window, and which regions go first.

Source: ``damos_adjust_quota``, ``damos_set_effective_quota`` and ``damon_feed_loop_next_input`` of
Linux 6.12.
"""

from __future__ import annotations

from typing import Any

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.damon.regions import Regions
from autotune.backends.simulator.damon.schemes import (
    SOME_MEM_PSI,
    UNREACHED,
    Schemes,
    matches,
    score,
)
from autotune.damon.kernel_rules import GOAL_REACHED, MAX_SCORE, PAGE_BYTES, UNMEASURED_BYTES_A_MS


@compiled
def next_steering(allowed: int, reached: int) -> int:
    """What the goals allow in the next window, in 1/10000 of a byte.

    Args:
        allowed: What the goals allowed in the last window, in 1/10000 of a byte.
        reached: How far the goals were reached in the last window; 10000 is exactly.
    """
    if reached == GOAL_REACHED:
        return allowed
    if reached >= 2 * GOAL_REACHED:
        return GOAL_REACHED
    distance = abs(reached - GOAL_REACHED)
    change = allowed // GOAL_REACHED * distance
    if allowed < UNREACHED // GOAL_REACHED:
        change = allowed * distance // GOAL_REACHED
    if reached > GOAL_REACHED:
        return max(allowed - change, GOAL_REACHED)
    return min(UNREACHED, allowed + change)


@compiled
def _reached(schemes: Schemes, number: int, stalled_us: float) -> int:
    """How far the best reached goal is reached; *stalled_us* is the workload's stall time so far."""
    furthest = 0
    for i in range(len(schemes.goals)):
        goal = schemes.goals[i]
        if goal.scheme != number:
            continue
        current = goal.current
        if goal.metric == SOME_MEM_PSI:
            current = int(stalled_us - goal.before_us)
            goal.before_us = stalled_us
        if current < UNREACHED // GOAL_REACHED:
            reached = current * GOAL_REACHED // goal.target
        else:
            reached = current // max(1, goal.target // GOAL_REACHED)
        furthest = max(furthest, reached)
    return furthest


@compiled
def _allowance(schemes: Schemes, number: int, stalled_us: float) -> int:
    """How many bytes a window that begins now allows."""
    scheme = schemes.items[number]
    if scheme.quota_ms == 0 and scheme.goals == 0:
        return scheme.quota_bytes
    allowed = UNREACHED
    if scheme.goals > 0:
        scheme.steered = next_steering(
            max(scheme.steered, GOAL_REACHED), _reached(schemes, number, stalled_us)
        )
        allowed = scheme.steered // GOAL_REACHED
    if scheme.quota_ms > 0:
        rate = UNMEASURED_BYTES_A_MS
        if scheme.spent_ns > 0:
            rate = max(1, int(scheme.spent_bytes * 1e6 / scheme.spent_ns))
        if scheme.quota_ms < UNREACHED // rate:
            allowed = min(allowed, rate * scheme.quota_ms)
        allowed = max(PAGE_BYTES, allowed)
    return min(scheme.quota_bytes, allowed) if scheme.quota_bytes > 0 else allowed


@compiled
def has_quota(scheme: Any) -> bool:
    """Whether anything limits the scheme."""
    return scheme.quota_ms > 0 or scheme.quota_bytes > 0 or scheme.goals > 0


@inlined
def _note_allowance(scheme: Any) -> None:
    """Keep the smallest and the largest window."""
    if scheme.least_allowed == 0 or scheme.allowed < scheme.least_allowed:
        scheme.least_allowed = scheme.allowed
    scheme.most_allowed = max(scheme.most_allowed, scheme.allowed)


@compiled
def adjust_quota(
    schemes: Schemes,
    number: int,
    regions: Regions,
    now_us: float,
    stalled_us: float,
    samples: int,
    aggregation_us: int,
) -> None:
    """Begin a new charge window if it is time, and find the lowest score of regions that fit in.

    The first window has no limit, unless the reset interval is 0.

    Args:
        schemes: All schemes.
        number: Index of the scheme.
        regions: All regions.
        now_us: Time on the coarse clock.
        stalled_us: How long the workload has waited for memory so far.
        samples: Ticks of an aggregation.
        aggregation_us: Length of an aggregation.
    """
    scheme = schemes.items[number]
    if not has_quota(scheme):
        return
    if scheme.window_us < 0.0:
        scheme.window_us = now_us
    if now_us >= scheme.window_us + scheme.reset_us:
        if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
            scheme.quota_exceeds += 1
        scheme.windows += 1
        if scheme.allowed > 0 and scheme.charged > scheme.allowed - PAGE_BYTES:
            scheme.full_windows += 1
        scheme.spent_bytes += scheme.charged
        scheme.window_us = now_us
        scheme.charged = 0
        scheme.allowed = _allowance(schemes, number, stalled_us)
        _note_allowance(scheme)
    if scheme.allowed == 0:
        return
    sizes = schemes.sizes
    for index in range(len(sizes)):
        sizes[index] = 0
    for index in range(regions.totals[0].regions):
        region = regions.items[index]
        if matches(scheme, region):
            sizes[score(scheme, region, samples, aggregation_us)] += region.end - region.start
    lowest, covered = MAX_SCORE, sizes[MAX_SCORE]
    while lowest > 0 and covered < scheme.allowed:
        lowest -= 1
        covered += sizes[lowest]
    scheme.lowest_score = lowest
