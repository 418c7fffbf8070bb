from __future__ import annotations

from dataclasses import replace

from autotune.damon.damos import Action, Range
from autotune.lint import Code, Known
from tests.lint.examples import ANON, HUGE, PADDR, PART, YOUNG, Example, cold, each, use

EXAMPLES = [
    Example(
        Code.ACTION_INERT,
        1,
        use(cold(action=Action.LRU_DEPRIO)),
        use(cold(action=Action.LRU_DEPRIO), operations=PADDR),
    ),
    Example(
        Code.ACTION_INERT,
        1,
        use(cold(action=Action.COLD), operations=PADDR),
        use(cold(action=Action.COLD)),
    ),
    Example(
        Code.FILTER_IGNORED,
        1,
        use(cold(filters=(PART, ANON))),
        use(cold(filters=(ANON,)), operations=PADDR),
    ),
    Example(Code.FILTER_IGNORED, 1, use(cold(filters=(YOUNG,))), use(cold(filters=(PART,)))),
    Example(
        Code.HUGEPAGE_INERT,
        1,
        use(HUGE, known=Known(huge_pages="always")),
        use(HUGE, known=Known(huge_pages="madvise")),
    ),
    Example(
        Code.HUGEPAGE_INERT,
        1,
        use(cold(action=Action.NOHUGEPAGE), known=Known(huge_pages="never")),
        use(cold(action=Action.NOHUGEPAGE), known=Known(huge_pages="always")),
    ),
    Example(
        Code.PAGEOUT_LATE,
        1,
        use(cold(filters=(YOUNG,)), operations=PADDR),
        use(cold(filters=(replace(YOUNG, matching=False),)), operations=PADDR),
    ),
    Example(
        Code.PAGEOUT_LATE,
        1,
        use(cold(filters=(replace(YOUNG, matching=False, allow=True),)), operations=PADDR),
        use(cold(filters=(replace(YOUNG, allow=True),)), operations=PADDR),
    ),
    Example(
        Code.PAGEOUT_LATE,
        1,
        use(cold(age=Range(100_000)), operations=PADDR),
        use(cold(age=Range(0)), operations=PADDR),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()
