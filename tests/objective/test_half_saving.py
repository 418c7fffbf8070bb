from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from autotune.experiment.measurement import Measurement, Series
from autotune.objective.half_saving import half_saving_s
from autotune.testing import measurement

END_S = 60.0
STEPS = 600
BEFORE = 1000.0


def run(held: Callable[[float], float], *, end_s: float = END_S, pool: float = 0.0) -> Measurement:
    """A run whose resident memory at each time is *held*, in bytes, sampled every 0.1 s."""
    time_s = tuple(step / 10 for step in range(round(end_s * 10)))
    rss = tuple(round(held(at_s)) for at_s in time_s)
    count = len(time_s)
    series = Series(
        time_s=time_s,
        rss_bytes=rss,
        pss_bytes=rss,
        swap_bytes=(0,) * count,
        pool_bytes=tuple(round(pool * (BEFORE - size)) for size in rss),
        used_bytes=rss,
        wss_bytes=(None,) * count,
    )
    return measurement(runtime_s=end_s, rss_mean_bytes=sum(rss) / count, series=series)


BASELINE = run(lambda _: BEFORE)


@pytest.mark.parametrize("pool", [0.0, 0.4])
def test_a_saving_that_grows_evenly_is_half_reached_half_way(pool: float) -> None:
    measured = run(lambda at_s: BEFORE - 10.0 * max(0.0, min(40.0, at_s - 10.0)), pool=pool)

    assert half_saving_s(measured, BASELINE) == pytest.approx(30.0, abs=0.1)


def test_a_saving_at_once_is_reached_in_the_sample_that_shows_it() -> None:
    measured = run(lambda at_s: 400.0 if at_s >= 12.3 else BEFORE)

    assert half_saving_s(measured, BASELINE) == 12.3


def test_the_largest_saving_counts_even_if_it_is_lost_again() -> None:
    measured = run(lambda at_s: BEFORE - (600.0 if 20.0 <= at_s < 30.0 else 200.0))

    assert half_saving_s(measured, BASELINE) == 20.0


def test_a_moment_is_no_saving() -> None:
    """The baseline takes memory at 5 s, and the measurement half a second later."""
    baseline = run(lambda at_s: 1000.0 if at_s >= 5.0 else 100.0)
    measured = run(lambda at_s: 100.0 if at_s < 5.5 else 1000.0 - 100.0 * (at_s >= 40.0))

    assert half_saving_s(measured, baseline) == 40.0


def test_the_saving_is_against_the_baseline_at_the_same_time() -> None:
    """Memory that the workload itself gives back is no saving."""
    baseline = run(lambda at_s: 1000.0 if at_s < 30.0 else 300.0)
    measured = run(lambda at_s: (1000.0 if at_s < 30.0 else 300.0) - 100.0 * (at_s >= 15.0))

    assert half_saving_s(measured, baseline) == 15.0


def test_a_run_that_takes_longer_is_compared_as_long_as_both_run() -> None:
    measured = run(lambda at_s: 900.0 if 10.0 <= at_s < 60.0 else 1000.0, end_s=90.0)

    assert half_saving_s(measured, BASELINE) == 10.0


def test_what_is_held_less_before_anything_is_swapped_out_is_no_saving() -> None:
    """The measurement fills memory a little later than its baseline, and is paged out from 20 s on."""
    baseline = run(lambda at_s: min(1000.0, 100.0 * at_s))
    filled = run(lambda at_s: min(1000.0, 50.0 * at_s) - 300.0 * (at_s >= 20.0))
    swapped = tuple(300 * (at_s >= 20.0) for at_s in filled.series.time_s)
    measured = replace(filled, series=replace(filled.series, swap_bytes=swapped))

    assert half_saving_s(measured, baseline) == 20.0
    assert half_saving_s(filled, baseline) < 10.0  # memory of files is dropped, and in no swap


def test_a_longer_run_with_another_mean_has_saved_nothing_in_the_time_of_both() -> None:
    """The same memory at each time, and little in the seconds that the measurement runs longer."""
    measured = run(lambda at_s: 1000.0 if at_s < 60.0 else 100.0, end_s=90.0)

    with pytest.raises(ValueError, match="in the time that both runs have, too little to time"):
        half_saving_s(measured, BASELINE)


def test_a_growing_program_that_is_held_up_saves_nothing() -> None:
    """The measurement gets as large as its baseline, half as fast, and so holds less at each time."""
    baseline = run(lambda at_s: 100.0 + 15.0 * at_s)
    measured = run(lambda at_s: 100.0 + 7.5 * at_s, end_s=2 * END_S)

    with pytest.raises(
        ValueError, match=r"^less than 1% of memory was saved, too little to time$"
    ):
        half_saving_s(measured, baseline)


def test_samples_that_were_skipped_change_nothing() -> None:
    measured = run(lambda at_s: 500.0 if at_s >= 20.0 else BEFORE)
    kept = [number for number in range(STEPS) if number % 3]
    series = {
        name: tuple(getattr(measured.series, name)[number] for number in kept)
        for name in Series.__dataclass_fields__
        if getattr(measured.series, name)
    }

    skipped = replace(measured, series=Series(**series))

    assert half_saving_s(skipped, BASELINE) == pytest.approx(20.0, abs=0.11)


@pytest.mark.parametrize("left", [1000.0, 995.0, 1100.0])
def test_without_a_saving_there_is_no_time(left: float) -> None:
    with pytest.raises(ValueError, match="too little to time") as error:
        half_saving_s(run(lambda _: left), BASELINE)

    assert str(error.value) == "less than 1% of memory was saved, too little to time"


def test_a_run_shorter_than_a_second_has_a_time_too() -> None:
    baseline = run(lambda _: BEFORE, end_s=0.5)

    assert half_saving_s(run(lambda _: 500.0, end_s=0.5), baseline) == 0.0
