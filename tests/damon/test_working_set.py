from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.recording import Recording
from autotune.damon.working_set import PERCENTILES, percentile, working_set_sizes
from tests.recordings import PAGE, area, recording, recordings, snapshot


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(0, 100))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[int], percent: int
) -> None:
    def enough(value: int) -> bool:
        return 100 * sum(other <= value for other in values) >= percent * len(values)

    found = percentile(values, percent)

    assert found in values
    assert enough(found)
    assert not any(enough(value) for value in values if value < found)


def test_sizes_are_those_of_accessed_regions_at_the_end_of_each_aggregation() -> None:
    recorded = recording(
        snapshots=(
            snapshot(50_000, (16, 20, 1), (20, 32, 0)),
            snapshot(200_000, (16, 20, 1), (20, 32, 3)),
        )
    )

    sizes = working_set_sizes(recorded)

    assert sizes.to_dict() == {
        "min_bytes": 4 * PAGE,
        "p25_bytes": 4 * PAGE,
        "p50_bytes": 4 * PAGE,
        "p75_bytes": 16 * PAGE,
        "p90_bytes": 16 * PAGE,
        "max_bytes": 16 * PAGE,
        "mean_bytes": 10 * PAGE,
        "is_only_bounded": False,
        "series": {"time_s": [0.05, 0.2], "bytes": [4 * PAGE, 16 * PAGE]},
    }
    assert list(sizes.percentiles_bytes) == list(PERCENTILES)


@given(recordings())
def test_what_is_not_accessed_is_the_rest_of_what_was_monitored(recorded: Recording) -> None:
    sizes = working_set_sizes(replace(recorded, areas=(), resident_peak_bytes=None)).sizes_bytes

    for one, size in zip(recorded.snapshots, sizes, strict=True):
        idle = sum(r.end - r.start for r in one.regions if r.accesses == 0)
        assert size + idle == sum(r.end - r.start for r in one.regions)


def test_addresses_that_were_never_mapped_are_in_no_working_set() -> None:
    recorded = recording(
        snapshots=(snapshot(50_000, (16, 40, 1)),),
        areas=(area(16, 20), area(38, 60)),
    )

    assert working_set_sizes(recorded).sizes_bytes == (6 * PAGE,)
    assert not working_set_sizes(recorded).is_only_bounded


def test_a_working_set_is_at_most_what_was_resident() -> None:
    recorded = recording(
        snapshots=(snapshot(50_000, (16, 18, 1)), snapshot(100_000, (16, 32, 1))),
        resident_peak_bytes=7 * PAGE,
    )

    sizes = working_set_sizes(recorded)

    assert sizes.sizes_bytes == (2 * PAGE, 7 * PAGE)
    assert sizes.is_only_bounded
