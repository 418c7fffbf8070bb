from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.damon.damos import Action, Scheme, SchemeStats
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.experiment.conditions import Conditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.objective.doubts import (
    FASTER,
    NOT_GIVEN_BACK,
    OF_FILES,
    files_in_swap,
    not_given_back,
    swapped_unasked,
    too_fast,
    too_short,
    unlike,
)
from autotune.testing import measurement, pattern

BY_CPU = "own_cpu_slowdown"
MONITORED = Experiment(workload=pattern(), monitoring=Monitoring())


def told_of(figures: dict[str, float], *, more_than_noise: bool | None = None) -> str | None:
    """What is said of one pair whose work is not counted."""
    pairs = [(measurement(), measurement())]
    return too_fast(figures, pairs, slowdown=BY_CPU, more_than_noise=more_than_noise)


@pytest.mark.parametrize("slowdown", [0.5, 0.0, -0.9 * FASTER, -FASTER])
def test_noise_is_no_gain(slowdown: float) -> None:
    assert told_of({"slowdown": slowdown}) is None


def test_an_unknown_slowdown_is_no_gain() -> None:
    assert told_of({"memory_saving": 0.5}) is None


def test_a_gain_beyond_noise_is_in_doubt() -> None:
    told = told_of({"slowdown": -0.1325})

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
    told = told_of({"slowdown": slowdown}, more_than_noise=more_than_noise)

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
    gain, pairs = {"slowdown": -0.1}, [(measurement(), measurement())]

    assert too_fast(gain, pairs, (hugepage,), slowdown=BY_CPU) is None
    assert too_fast(gain, pairs, (pageout,), slowdown=BY_CPU) is not None


COUNTED = measurement(work_done=400.0)


def test_a_gain_of_counted_work_is_not_told_to_count_it() -> None:
    gain, pairs = {"slowdown": -0.0723}, [(COUNTED, COUNTED)]
    pageout = (Scheme(action=Action.PAGEOUT),)

    told = too_fast(gain, pairs, pageout, slowdown=BY_CPU)
    without_scheme = too_fast(gain, pairs, slowdown=BY_CPU)
    on_a_host = too_fast(gain, pairs, pageout, slowdown="wall_slowdown")

    assert told is not None
    assert told.endswith("measure without a scheme, and go by the difference")
    assert without_scheme is not None
    assert without_scheme.endswith("take this off the slowdown of a scheme")
    assert on_a_host is not None
    assert on_a_host.endswith("compare more seeds")
    assert "workload.work" not in told + without_scheme + on_a_host


MIB = 1 << 20
PAGEOUT = (Scheme(action=Action.PAGEOUT),)
BASELINE = measurement(rss_mean_bytes=1000.0 * MIB, pss_mean_bytes=100.0 * MIB)


def trial(rss_mib: float, pss_mib: float, tried_mib: int) -> Measurement:
    return measurement(
        rss_mean_bytes=rss_mib * MIB,
        pss_mean_bytes=pss_mib * MIB,
        scheme_stats=SchemeStats(tried_bytes=tried_mib * MIB),
    )


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (trial(1000, 100, 0), None),
        (trial(990, 96, 0), None),
        (trial(990, 40, 60), None),
        (trial(400, 40, 700), None),
        (
            trial(960, 60, 10),
            "the trial held 40.0 MiB of memory less than its baseline, and the schemes",
        ),
        (
            trial(400, 98, 10),
            "the trial held 600.0 MiB of resident memory less than its baseline, and ",
        ),
        (
            trial(1000, 110, 90),
            "the trial held 10.0 MiB of memory more than its baseline, which no ",
        ),
    ],
)
def test_memory_that_no_scheme_moved_is_no_saving(
    found: Measurement, beginning: str | None
) -> None:
    told = unlike([(found, BASELINE)], PAGEOUT)

    assert (told is None) == (beginning is None)
    assert (told or "").startswith(beginning or "")


def test_a_run_that_took_longer_has_another_mean() -> None:
    found = replace(trial(1000, 110, 90), runtime_s=1.5 * BASELINE.runtime_s)

    told = unlike([(found, BASELINE)], PAGEOUT)
    usual = unlike([(trial(1000, 110, 90), BASELINE)], PAGEOUT)

    assert told is not None
    assert ": the run took 50% longer, and memory that changes over a run has another " in told
    assert "(ready)" in told
    assert usual is not None
    assert ": the workload itself differs from run to run, and " in usual


def test_schemes_that_only_count_move_nothing() -> None:
    found = trial(400, 40, 700)

    assert unlike([(found, BASELINE)], PAGEOUT) is None
    assert unlike([(found, BASELINE)], (Scheme(action=Action.STAT),)) is not None
    assert unlike([(found, BASELINE)], ()) is not None


def test_huge_pages_may_take_more_memory() -> None:
    found = trial(1500, 150, 0)

    assert unlike([(found, BASELINE)], PAGEOUT) is not None
    assert unlike([(found, BASELINE)], (Scheme(action=Action.HUGEPAGE),)) is None


def test_of_several_seeds_the_means_count() -> None:
    less, more = trial(900, 90, 0), trial(1100, 110, 0)

    assert unlike([(less, BASELINE), (more, BASELINE)], PAGEOUT) is None
    assert unlike([(less, BASELINE), (less, BASELINE)], PAGEOUT) is not None


def test_nothing_is_said_of_what_was_not_counted() -> None:
    assert unlike([(measurement(rss_mean_bytes=1.0), BASELINE)], PAGEOUT) is None


def test_a_baseline_that_swaps_out_by_itself_is_told_of() -> None:
    assert swapped_unasked(BASELINE) is None
    assert swapped_unasked(replace(BASELINE, swap_out_bytes=10 * MIB)) is None
    told = swapped_unasked(replace(BASELINE, swap_out_bytes=40 * MIB))
    assert told is not None
    assert told.startswith(
        "the baseline swapped out 40.0 MiB without DAMON, so that savings look sma"
    )


@pytest.mark.parametrize(
    ("saved", "given_back", "doubted"),
    [
        (0.45, 0.44, False),
        (0.32, 0.27, False),
        (0.3, 0.31 - NOT_GIVEN_BACK, False),
        (0.3, 0.29 - NOT_GIVEN_BACK, True),
        (0.02, 0.5, False),
    ],
)
def test_what_the_machine_did_not_get_back_is_told(
    saved: float, given_back: float, *, doubted: bool
) -> None:
    figures = {"memory_saving": saved, "system_memory_saving": given_back}
    told = not_given_back(figures, [(measurement(swap_out_bytes=90 * MIB), measurement())])

    assert (told is not None) == doubted
    assert told is None or told.endswith("go by system_memory_saving")


def test_memory_of_the_kernel_is_not_blamed_on_page_out() -> None:
    before = measurement(rss_mean_bytes=2.5 * MIB, system_used_mean_bytes=4.0 * MIB)
    after = replace(before, system_used_mean_bytes=4.5 * MIB)
    figures = {"memory_saving": 0.0, "system_memory_saving": -0.125}

    told = not_given_back(figures, [(after, before)])

    assert told is not None
    assert "uses 0.5 MiB more than in the baseline, and only 0.0 MiB were paged out" in told
    assert told.endswith("go by memory_saving")


def test_a_machine_whose_memory_is_unknown_is_no_doubt() -> None:
    assert not_given_back({"memory_saving": 0.5}, [(measurement(), measurement())]) is None


def paged_out(files_mib: float | None, pool_mib: float) -> Measurement:
    """A measurement with so much memory of files that lie in memory, and in the swap pool."""
    size = None if files_mib is None else int(files_mib * MIB)
    return measurement(
        rss_mean_bytes=50.0 * MIB,
        swap_pool_mean_bytes=pool_mib * MIB,
        conditions=Conditions(monitored_s=9.0, files_in_memory_bytes=size),
    )


MAPPED = measurement(rss_mean_bytes=100.0 * MIB)
SAVED = {"memory_saving": -0.08, "rss_saving": 0.5}


def test_files_in_memory_that_fill_the_swap_pool_are_told_with_what_a_disk_would_give() -> None:
    told = files_in_swap(SAVED, [(paged_out(80.0, 58.0), MAPPED)])

    assert told is not None
    assert told.startswith(
        "memory_saving is -8.00%, and rss_saving 50.00%: 80.0 MiB of the workload's 100.0 MiB are of "
        "files (programs, libraries, mapped files), which lie in memory here "
    )
    assert told.endswith(
        "there memory_saving is from -8.00% to 50.00%: measure with backend: host"
    )


def test_a_disk_gives_back_no_more_than_the_files() -> None:
    told = files_in_swap(SAVED, [(paged_out(30.0, 58.0), MAPPED)])

    assert told is not None
    assert "there memory_saving is from -8.00% to 22.00%:" in told


@pytest.mark.parametrize(
    ("measured", "figures"),
    [
        pytest.param(paged_out(None, 58.0), SAVED, id="files lie on a disk"),
        pytest.param(paged_out(0.0, 58.0), SAVED, id="no files"),
        pytest.param(paged_out(80.0, 0.0), SAVED, id="nothing paged out"),
        pytest.param(paged_out(10.0, 900.0 * OF_FILES), SAVED, id="mostly other memory"),
        pytest.param(measurement(swap_pool_mean_bytes=58.0 * MIB), SAVED, id="not known"),
        pytest.param(paged_out(80.0, 58.0), {"rss_saving": 0.5}, id="no saving"),
    ],
)
def test_files_that_hardly_count_need_no_word(
    measured: Measurement, figures: dict[str, float]
) -> None:
    assert files_in_swap(figures, [(measured, MAPPED)]) is None


def test_files_of_several_seeds_count_by_their_mean() -> None:
    pairs = [(paged_out(80.0, 0.0), MAPPED), (paged_out(80.0, 10.0), MAPPED)]

    assert files_in_swap(SAVED, pairs) is None
    assert files_in_swap(SAVED, pairs[1:]) is not None
