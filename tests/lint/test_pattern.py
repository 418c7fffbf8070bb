from __future__ import annotations

import pytest

from autotune.damon.damos import Action, Range
from autotune.lint import Code, Known
from tests.lint.examples import HUGE, MIB, PADDR, PAGE, Example, cold, each, intervals, use
from tests.lint.simulated import simulated

EXAMPLES = [
    Example(
        Code.AGE_UNALIGNED, 1, use(cold(age=Range(5_050_000))), use(cold(age=Range(5_100_000)))
    ),
    Example(Code.AGE_UNALIGNED, 1, use(cold(age=Range(50_000))), use(cold(age=Range(100_000)))),
    Example(
        Code.AGE_UNALIGNED,
        1,
        use(cold(age=Range(0, 5_050_000))),
        use(cold(age=Range(0, 5_050_000)), monitoring=intervals(5_000, 50_000)),
    ),
    Example(
        Code.AGE_TOO_HIGH,
        1,
        use(cold(age=Range(10_100_000)), known=Known(runtime_us=10_000_000)),
        use(cold(age=Range(10_000_000)), known=Known(runtime_us=10_000_000)),
    ),
    Example(
        Code.AGE_TOO_HIGH,
        1,
        use(cold(age=Range(0)), known=Known(runtime_us=0)),
        use(cold(age=Range(0)), known=Known(runtime_us=100_000)),
    ),
    Example(Code.AGE_ZERO, 1, use(cold(age=Range(0, 0))), use(cold(age=Range(0, 100_000)))),
    Example(
        Code.PAGEOUT_ANY_RATE,
        1,
        use(cold(rate=Range(0.0))),
        use(cold(rate=Range(0.0, 0.95))),
    ),
    Example(
        Code.PAGEOUT_ANY_RATE,
        1,
        use(cold(rate=Range(0.0))),
        use(cold(rate=Range(0.0)), operations=PADDR),
    ),
    Example(
        Code.RATE_COLD_ONLY,
        1,
        use(cold(action=Action.HUGEPAGE)),
        use(HUGE),
    ),
    Example(
        Code.RATE_TO_ZERO,
        1,
        use(cold(rate=Range(0.0, 0.04))),
        use(cold(rate=Range(0.0, 0.05))),
    ),
    Example(
        Code.RATE_UNALIGNED,
        1,
        use(cold(rate=Range(0.0, 0.12))),
        use(cold(rate=Range(0.0, 0.10))),
    ),
    Example(
        Code.RATE_UNALIGNED,
        1,
        use(cold(action=Action.WILLNEED, rate=Range(0.01))),
        use(cold(action=Action.WILLNEED, rate=Range(0.01)), monitoring=intervals(1_000)),
    ),
    Example(Code.SIZE_NOTHING, 1, use(cold(size=Range(0, 0))), use(cold(size=Range(0, PAGE)))),
    Example(
        Code.SIZE_TOO_LARGE,
        1,
        use(cold(size=Range(20 * MIB + PAGE)), known=Known(size_bytes=100 * MIB)),
        use(cold(size=Range(20 * MIB)), known=Known(size_bytes=100 * MIB)),
    ),
    Example(Code.SIZE_UNALIGNED, 1, use(cold(size=Range(5_000))), use(cold(size=Range(8_192)))),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()


@pytest.mark.parametrize("min_size_bytes", [PAGE, MIB, 8 * MIB + PAGE, 16 * MIB])
def test_a_min_size_that_is_too_large_matches_nothing(min_size_bytes: int) -> None:
    scheme = cold(size=Range(min_size_bytes), age=Range(500_000))
    known = Known(size_bytes=40 * MIB)

    warned = Code.SIZE_TOO_LARGE in {code for code, _ in use(scheme, known=known).found()}

    assert warned == (simulated(scheme).tried_regions == 0)
