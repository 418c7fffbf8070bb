from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.experiment.proportional import between_readings, too_few_readings
from autotune.testing import measurement

SIZES = st.integers(1, 1 << 40)


@given(values=st.lists(SIZES, min_size=1))
def test_what_was_read_at_every_sample_stays_as_it_is(values: list[int]) -> None:
    times = [float(number) for number in range(len(values))]

    assert between_readings(times, [3 * size for size in values], values) == tuple(values)


@given(sizes=st.lists(SIZES, min_size=3), share=st.sampled_from([0.25, 0.5, 1.0]))
def test_a_constant_share_of_resident_memory_is_found_from_one_reading(
    sizes: list[int], share: float
) -> None:
    sizes = [4 * size for size in sizes]
    times = [float(number) for number in range(len(sizes))]
    read: list[int | None] = [None] * len(sizes)
    read[1] = int(sizes[1] * share)

    found = between_readings(times, sizes, read)

    assert found == pytest.approx([size * share for size in sizes])


def test_the_share_changes_evenly_over_time_not_over_samples() -> None:
    found = between_readings((0.0, 3.0, 4.0), (100, 100, 100), (80, None, 20))

    assert found == pytest.approx((80.0, 35.0, 20.0))


def test_what_one_process_has_says_nothing_of_the_time_when_there_are_two() -> None:
    found = between_readings(
        (0.0, 1.0, 2.0, 3.0, 4.0), (60, 200, 200, 200, 60), (60, None, 100, None, 60)
    )

    assert found == (60.0, 100.0, 100.0, 100.0, 60.0)


def test_no_memory_has_no_share() -> None:
    assert between_readings((0.0, 1.0), (0, 0), (0, None)) == (0.0, 0.0)


def test_what_was_never_read_is_not_known() -> None:
    with pytest.raises(ValueError, match="never read"):
        between_readings((0.0, 1.0), (5, 5), (None, None))


def test_one_process_is_never_read_too_seldom() -> None:
    assert too_few_readings(measurement(runtime_s=0.1)) is None


def test_a_run_of_one_reading_is_said_to_be_short() -> None:
    assert too_few_readings(measurement(runtime_s=3.0, pss_periods_us=(6_400_000,))) == (
        "memory that processes share was read once in 3.0 s: make the measured part 26 s or longer"
    )
