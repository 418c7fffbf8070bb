from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.experiment.experiment import Experiment
from autotune.objective.doubts import FASTER, too_fast, too_short
from autotune.testing import measurement, pattern

MONITORED = Experiment(workload=pattern(), monitoring=Monitoring())


@pytest.mark.parametrize("slowdown", [0.5, 0.0, -0.9 * FASTER, -FASTER])
def test_noise_is_no_gain(slowdown: float) -> None:
    assert too_fast({"slowdown": slowdown}) is None


def test_an_unknown_slowdown_is_no_gain() -> None:
    assert too_fast({"memory_saving": 0.5}) is None


def test_a_gain_beyond_noise_is_in_doubt() -> None:
    told = too_fast({"slowdown": -0.1325})

    assert told is not None
    assert told.startswith("a slowdown of -13.25% is no gain")
    assert "workload.work" in told


@pytest.mark.parametrize(
    ("slowdown", "more_than_noise", "doubted"),
    [
        (-0.01, True, True),
        (-0.01, None, False),
        (-0.004, True, False),
        (-0.1, False, False),
        (-0.1, None, True),
    ],
)
def test_the_spread_of_seeds_is_the_noise(
    slowdown: float, *, more_than_noise: bool | None, doubted: bool
) -> None:
    told = too_fast({"slowdown": slowdown}, more_than_noise=more_than_noise)

    assert (told is not None) == doubted


def test_a_run_of_two_seconds_is_long_enough() -> None:
    assert too_short(measurement(runtime_s=2.0), MONITORED) is None


def test_a_run_of_half_a_second_is_told_with_what_it_lacks() -> None:
    told = too_short(measurement(runtime_s=0.45), MONITORED)

    assert told == (
        "the measured part of 0.45 s is too short to tell: it holds 4 samples of memory and 4 "
        "aggregations, and takes at least 20: let it run 2s or longer"
    )


def test_the_longer_of_the_two_periods_counts() -> None:
    slow = Monitoring(
        intervals=Intervals(sampling_us=50_000, aggregation_us=500_000, update_us=1_000_000)
    )

    told = too_short(measurement(runtime_s=5.0), replace(MONITORED, monitoring=slow))

    assert told is not None
    assert "it holds 10 aggregations, " in told
    assert told.endswith("let it run 10s or longer")


def test_a_gain_by_huge_pages_is_no_doubt() -> None:
    """Huge pages can make a workload faster; paging out can't."""
    hugepage, pageout = Scheme(action=Action.HUGEPAGE), Scheme(action=Action.PAGEOUT)
    assert too_fast({"slowdown": -0.1}, (hugepage,)) is None
    assert too_fast({"slowdown": -0.1}, (pageout,)) is not None
