from __future__ import annotations

from autotune.damon.damos import Watermarks
from autotune.lint import Code
from tests.lint.examples import Example, cold, each, use

EXAMPLES = [
    Example(
        Code.APPLY_ROUNDS,
        1,
        use(cold(apply_interval_us=101_000)),
        use(cold(apply_interval_us=105_000)),
    ),
    Example(
        Code.APPLY_ROUNDS, 1, use(cold(apply_interval_us=1)), use(cold(apply_interval_us=5_000))
    ),
    Example(
        Code.APPLY_SHORT,
        1,
        use(cold(apply_interval_us=95_000)),
        use(cold(apply_interval_us=100_000)),
    ),
    Example(
        Code.WATERMARKS_NEVER,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.0, mid=0.0, low=0.0))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=0.999, low=0.0))),
    ),
    Example(
        Code.WATERMARKS_NEVER,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=1.0, low=1.0))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=1.0, low=0.999))),
    ),
    Example(
        Code.WATERMARKS_UNALIGNED,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.5555, mid=0.4, low=0.2))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.555, mid=0.4, low=0.2))),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()
