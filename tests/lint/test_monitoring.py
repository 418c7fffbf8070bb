from __future__ import annotations

from autotune.damon.damos import Action, Range
from autotune.damon.monitoring import Monitoring
from autotune.lint import Code, Known
from tests.lint.examples import GIB, MIB, PADDR, PAGE, Example, cold, each, intervals, use

EXAMPLES = [
    Example(
        Code.AGGREGATION_ROUNDS,
        None,
        use(cold(), monitoring=intervals(30_000, 100_000)),
        use(cold(age=Range(4_500_000)), monitoring=intervals(30_000, 90_000)),
    ),
    Example(
        Code.HUGE_PAGES_COARSE,
        None,
        use(cold(), known=Known(huge_pages="always")),
        use(cold(), known=Known(huge_pages="madvise")),
    ),
    Example(
        Code.HUGE_PAGES_COARSE,
        None,
        use(cold(), known=Known(huge_pages="always")),
        use(cold(size=Range(2 * MIB), action=Action.NOHUGEPAGE), known=Known(huge_pages="always")),
    ),
    Example(
        Code.REGIONS_BLIND,
        None,
        use(cold(), known=Known(size_bytes=40 * GIB + PAGE)),
        use(cold(), known=Known(size_bytes=40 * GIB)),
    ),
    Example(
        Code.REGIONS_NEVER_SPLIT,
        None,
        use(cold(), monitoring=Monitoring(min_regions=51, max_regions=100)),
        use(cold(), monitoring=Monitoring(min_regions=50, max_regions=100)),
    ),
    Example(
        Code.UPDATE_SLOW,
        None,
        use(cold(), monitoring=intervals(update_us=60_000_000)),
        use(
            cold(),
            monitoring=intervals(update_us=60_000_000),
            known=Known(maps_later=False),
        ),
    ),
    Example(
        Code.UPDATE_SLOW,
        None,
        use(cold(), monitoring=intervals(update_us=60_000_000)),
        use(cold(), monitoring=intervals(update_us=60_000_000), operations=PADDR),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()
