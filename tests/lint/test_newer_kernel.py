from __future__ import annotations

from dataclasses import replace

from autotune.damon.damos import Filter, FilterType, GoalMetric
from autotune.lint import Code
from tests.lint.examples import ANON, PADDR, PART, Example, cold, each, fed, use

EXAMPLES = [
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(Filter(type=FilterType.UNMAPPED),)), operations=PADDR),
        use(cold(filters=(ANON,)), operations=PADDR),
    ),
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(replace(PART, allow=True),))),
        use(cold(filters=(PART,))),
    ),
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(quota=fed(GoalMetric.ACTIVE_MEM_BP))),
        use(cold(quota=fed(GoalMetric.SOME_MEM_PSI_US))),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()
