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
    wholes = [3 * size for size in values]

    assert between_readings(times, wholes, values, [0] * len(values)) == tuple(values)


@given(sizes=st.lists(SIZES, min_size=3), share=st.sampled_from([0.25, 0.5, 1.0]))
def test_memory_that_comes_and_goes_with_processes_is_shared_as_the_rest_is(
    sizes: list[int], share: float
) -> None:
    sizes = [4 * size for size in sizes]
    times = [float(number) for number in range(len(sizes))]
    read: list[int | None] = [None] * len(sizes)
    read[1] = int(sizes[1] * share)

    found = between_readings(times, sizes, read, range(len(sizes)))

    assert found == pytest.approx([size * share for size in sizes])


@given(own=st.lists(st.integers(0, 1 << 30), min_size=3), again=st.integers(1, 1 << 30))
def test_memory_of_one_process_alone_comes_and_goes_as_a_whole(own: list[int], again: int) -> None:
    sizes = [again + size for size in own]
    times = [float(number) for number in range(len(sizes))]
    read: list[int | None] = [None] * len(sizes)
    read[1] = own[1]

    assert between_readings(times, sizes, read) == pytest.approx(own)


def test_what_is_counted_again_changes_evenly_over_time_not_over_samples() -> None:
    found = between_readings((0.0, 3.0, 4.0), (100, 100, 100), (80, None, 20), "aaa")

    assert found == pytest.approx((80.0, 35.0, 20.0))


def test_page_out_next_to_a_helper_that_comes_and_goes_is_seen_at_once() -> None:
    # Of 300 bytes in three processes 200 are counted again; 60 of a single process are paged out.
    sizes = (300, 302, 242, 242, 240, 240)
    found = between_readings(
        tuple(map(float, range(6))), sizes, (100, None, None, None, None, 40), "abbbaa"
    )

    assert found == pytest.approx((100, 101, 41, 41, 40, 40), abs=0.5)


def test_processes_that_take_along_more_than_they_brought_leave_no_less_than_nothing() -> None:
    # The second process grows by 300 bytes between the readings, and ends.
    sizes = (100, 400, 20, 20, 20)
    found = between_readings((0.0, 1.0, 2.0, 3.0, 4.0), sizes, (60, None, None, None, 15), "aabbb")

    assert all(0 <= value <= size for value, size in zip(found, sizes, strict=True))


def test_what_one_process_has_says_nothing_of_the_time_when_there_are_two() -> None:
    found = between_readings(
        (0.0, 1.0, 2.0, 3.0, 4.0), (60, 200, 200, 200, 60), (60, None, 100, None, 60), "abbba"
    )

    assert found == (60.0, 100.0, 100.0, 100.0, 60.0)


def test_no_memory_has_no_share() -> None:
    assert between_readings((0.0, 1.0), (0, 0), (0, None), "aa") == (0.0, 0.0)


def test_what_was_never_read_is_not_known() -> None:
    with pytest.raises(ValueError, match="never read"):
        between_readings((0.0, 1.0), (5, 5), (None, None), "aa")


def test_one_process_is_never_read_too_seldom() -> None:
    assert too_few_readings(measurement(runtime_s=0.1)) is None


def test_a_run_of_one_reading_is_said_to_be_short() -> None:
    assert too_few_readings(measurement(runtime_s=3.0, pss_periods_us=(6_400_000,))) == (
        "memory that processes share was read once in 3.0 s: make the measured part 26 s or longer"
    )
