from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Range, Scheme, Watermarks
from autotune.damon.monitoring import Monitoring
from autotune.experiment.conditions import Conditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.testing import prcl
from tests.backends.simulator.scene import MACHINE

MIB = 1 << 20
HALF_IDLE = Pattern(
    regions=(
        PatternRegion(name="warm", size_bytes=32 * MIB),
        PatternRegion(name="idle", size_bytes=32 * MIB),
    ),
    phases=(
        Phase(
            name="all",
            duration_us=5_000_000,
            accesses=(Access(region=0, random=False, stride_bytes=4096, weight=1),),
        ),
    ),
)


def measured(*schemes: Scheme, swap_bytes: int = 1 << 30, **fields: object) -> Measurement:
    machine = replace(MACHINE, swap_bytes=swap_bytes)
    experiment = Experiment(workload=HALF_IDLE, monitoring=Monitoring(), schemes=schemes)
    return Simulator(machine).run(replace(experiment, **fields), seed=0)  # type: ignore[arg-type]  # any field


def met(*schemes: Scheme, swap_bytes: int = 1 << 30, **fields: object) -> Conditions:
    found = measured(*schemes, swap_bytes=swap_bytes, **fields).conditions
    assert found is not None
    return found


def test_a_baseline_meets_nothing() -> None:
    assert measured(monitoring=None).conditions is None


def test_idle_memory_is_as_old_as_the_run_and_hot_memory_always_accessed() -> None:
    found = met()

    assert found.monitored_s == pytest.approx(5.0, abs=0.01)
    assert found.aggregations == 49
    assert found.oldest_age_us == 4_900_000
    assert found.highest_access_rate == 1.0
    assert found.largest_region_bytes is not None
    assert 3 * MIB < found.largest_region_bytes < 32 * MIB
    assert (found.swap_total_bytes, found.swap_full_from_s) == (1 << 30, None)
    assert found.free_low == found.free_high == pytest.approx(1 - (64 + 8) / 1024, abs=0.001)


def test_without_an_aggregation_nothing_was_seen() -> None:
    found = met(prcl(), start_after_us=4_950_000)

    assert found.aggregations == 0
    assert found.oldest_age_us is found.highest_access_rate is found.mean_access_rate is None
    assert found.schemes[0].matched is None


def test_a_scheme_is_told_how_near_it_came() -> None:
    hot = Scheme(action=Action.STAT, pattern=AccessPattern(access_rate=Range(1.0)))
    old, young, warm = met(prcl(min_age_us=60_000_000), prcl(min_age_us=2_000_000), hot).schemes

    assert (old.matched, young.matched, warm.matched) == (False, True, True)
    assert old.stats.tried_bytes == 0 < young.stats.tried_bytes
    # From then on the second scheme pages out, and makes memory young again.
    assert old.oldest_age_us is not None
    assert 2_000_000 <= old.oldest_age_us < 5_000_000
    assert young.oldest_age_us == 2_000_000


def test_of_a_quota_the_smallest_and_the_largest_window_are_kept() -> None:
    [found] = met(prcl(min_age_us=1_000_000, size_bytes=MIB, reset_interval_us=1_000_000)).schemes

    assert (found.quota_low_bytes, found.quota_high_bytes) == (MIB, MIB)
    assert found.quota_windows == 4
    # The first window has no limit, and takes what the others would have.
    assert found.full_windows is not None
    assert 0 < found.full_windows < 4


def test_watermarks_leave_their_mark() -> None:
    marks = Watermarks(interval_us=1_000_000, high=0.5, mid=0.4, low=0.2)

    [gated] = met(replace(prcl(min_age_us=1_000_000), watermarks=marks)).schemes
    [open_] = met(prcl(min_age_us=1_000_000)).schemes

    assert (gated.active_share, gated.stats.tried_regions, gated.matched) == (0.0, 0, None)
    assert open_.active_share == 1.0


def test_swap_is_full_when_it_is_used_up() -> None:
    found = met(prcl(min_age_us=1_000_000), swap_bytes=8 * MIB)

    assert found.swap_full_from_s == pytest.approx(1.2, abs=0.3)
    assert met(prcl(), swap_bytes=0).swap_full_from_s is None
