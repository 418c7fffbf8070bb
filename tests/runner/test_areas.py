from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.recording import MappedArea
from autotune.damon.spans import Span, merged
from autotune.runner.areas import Areas
from autotune.runner.pagemap import Pagemap
from autotune.runner.procfs import Procfs

PAGE = 4096
STEP_US = 1_000_000

LOOKS = st.lists(st.frozensets(st.integers(1, 12), min_size=1), min_size=1, max_size=6)
"""Pages that are mapped, look by look."""


class EvenPages(Pagemap):
    """A process of which every even page is resident, and every fourth mapped elsewhere too."""

    def __init__(self) -> None:
        super().__init__("")

    def resident(self, start: int, end: int) -> tuple[Span, ...]:
        pages = range(start // PAGE, end // PAGE)
        return tuple((page * PAGE, (page + 1) * PAGE) for page in pages if page % 2 == 0)

    def shared(self, start: int, end: int) -> tuple[Span, ...]:
        return tuple(span for span in self.resident(start, end) if span[0] // PAGE % 4 == 0)


class Given(Procfs):
    """A process with the mappings that are given."""

    def __init__(self, pagemap: Pagemap | None = None) -> None:
        super().__init__()
        self.mapped: frozenset[int] = frozenset()
        self._pagemap = pagemap or EvenPages()

    def mappings(self, pid: int) -> list[Span]:
        del pid
        return merged((page * PAGE, (page + 1) * PAGE) for page in self.mapped)

    def pages(self, pid: int) -> Pagemap:
        del pid
        return self._pagemap


def seen(looks: list[frozenset[int]]) -> tuple[MappedArea, ...]:
    procfs = Given()
    areas = Areas(procfs, 1)
    for number, pages in enumerate(looks):
        procfs.mapped = pages
        areas.look(number * STEP_US)
    return areas.until(len(looks) * STEP_US)


def lives(looks: list[frozenset[int]]) -> Iterator[tuple[int, int, int]]:
    """The second implementation: for each page alone, from when to when it was there."""
    for page in frozenset().union(*looks):
        begin = None
        for number, pages in enumerate([*looks, frozenset[int]()]):
            if page in pages and begin is None:
                begin = number
            if page not in pages and begin is not None:
                yield page, begin * STEP_US, number * STEP_US
                begin = None


@given(LOOKS)
def test_every_page_is_in_an_area_for_as_long_as_it_was_mapped(
    looks: list[frozenset[int]],
) -> None:
    found = [
        (page, area.from_us, area.until_us)
        for area in seen(looks)
        for page in range(area.start // PAGE, area.end // PAGE)
    ]

    assert sorted(found) == sorted(lives(looks))


@given(LOOKS)
def test_what_is_resident_is_known_of_each_area_from_its_first_look(
    looks: list[frozenset[int]],
) -> None:
    for area in seen(looks):
        pages = range(area.start // PAGE, area.end // PAGE)

        assert [(page * PAGE, (page + 1) * PAGE) for page in pages if page % 2 == 0] == list(
            area.resident
        )


def test_what_stays_mapped_stays_one_area() -> None:
    first, second = seen([frozenset({1, 2}), frozenset({1, 2, 3}), frozenset({1, 2, 3})])

    assert (first.start, first.end, first.from_us, first.until_us) == (
        PAGE,
        3 * PAGE,
        0,
        3 * STEP_US,
    )
    assert (second.start, second.end, second.from_us) == (3 * PAGE, 4 * PAGE, STEP_US)


def test_a_process_that_has_ended_has_no_area_from_then_on() -> None:
    (area,) = seen([frozenset({1, 2}), frozenset()])

    assert (area.from_us, area.until_us) == (0, STEP_US)


class SharedPages(EvenPages):
    """A process that shares every page; the frame of a page has the page's number."""

    def shared(self, start: int, end: int) -> tuple[Span, ...]:
        return self.resident(start, end)

    def frames(self, start: int, end: int) -> tuple[int, ...]:
        return tuple(range(start // PAGE, end // PAGE))


def test_a_page_that_processes_share_is_repeated_in_the_second_one() -> None:
    procfs = Given(SharedPages())
    frames = set[int]()
    first, second = (Areas(procfs, pid, frames) for pid in (1, 2))
    procfs.mapped = frozenset({1, 2, 3, 4})
    first.look(0)
    procfs.mapped = frozenset({2, 3, 4, 5, 6})
    second.look(0)

    [of_first], [of_second] = first.until(STEP_US), second.until(STEP_US)
    assert of_first.repeated == ()
    assert of_second.shared == tuple((page * PAGE, (page + 1) * PAGE) for page in (2, 4, 6))
    assert of_second.repeated == tuple((page * PAGE, (page + 1) * PAGE) for page in (2, 4))
