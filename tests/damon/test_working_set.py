from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.working_set import PERCENTILES, percentile, working_set_sizes
from tests.recordings import PAGE, recording, snapshot


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
        "series": {"time_s": [0.05, 0.2], "bytes": [4 * PAGE, 16 * PAGE]},
    }
    assert list(sizes.percentiles_bytes) == list(PERCENTILES)
