from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.spans import Span, merged
from autotune.runner.compression import Chunk, chunks_of, compressed_fraction, page_out
from autotune.runner.procfs import Procfs
from autotune.runner.system_memory import SystemMemory
from tests.recordings import PAGE, snapshot
from tests.runner.programs import wait_for

HALF, ALL = Chunk(0, 8 * PAGE, 8 * PAGE, 4 * PAGE), Chunk(8 * PAGE, 16 * PAGE, 8 * PAGE, 8 * PAGE)


@pytest.mark.parametrize(
    ("regions", "fraction"),
    [
        (((0, 8, 0), (8, 16, 0)), 0.75),
        (((0, 8, 0), (8, 16, 1)), 0.5),
        (((0, 8, 20), (8, 16, 0)), 1.0),
        (((0, 16, 3),), 0.75),
        ((), 0.75),
        (((0, 12, 0), (12, 16, 1)), (4 + 0.5 * 8) / (8 + 0.5 * 8)),
        (((0, 2, 1), (2, 4, 0), (4, 8, 1), (8, 10, 0), (10, 16, 5)), (1 + 2) / (2 + 2)),
        (((4, 30, 0),), (0.5 * 4 + 8) / (0.5 * 8 + 8)),
        (((20, 30, 0),), 0.75),
    ],
)
def test_chunks_count_by_how_much_of_them_was_idle(
    regions: tuple[tuple[int, int, int], ...], fraction: float
) -> None:
    assert compressed_fraction((HALF, ALL), [snapshot(1, *regions)]) == pytest.approx(fraction)


def test_all_snapshots_count_alike() -> None:
    seen = [snapshot(1, (0, 8, 0), (8, 16, 1)), snapshot(2, (0, 16, 0)), snapshot(3, (0, 16, 0))]

    assert compressed_fraction((HALF, ALL), seen) == pytest.approx(
        (3 * 4 + 2 * 8) / (3 * 8 + 2 * 8)
    )


@pytest.mark.parametrize("chunks", [(), (Chunk(0, PAGE, 0, 0),)])
def test_where_nothing_went_out_nothing_is_known(chunks: tuple[Chunk, ...]) -> None:
    assert compressed_fraction(chunks, [snapshot(1, (0, 1, 0))]) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), max_size=20))
def test_it_lies_between_the_best_and_the_worst_chunk(sizes: list[tuple[int, int]]) -> None:
    regions, at = [], 3
    for pages, accesses in sizes:
        regions.append((at, at + pages, accesses))
        at += pages

    fraction = compressed_fraction((HALF, ALL), [snapshot(1, *regions)])

    assert fraction is not None
    assert 0.5 <= fraction <= 1.0


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1, 255, 256, 257, 300_000, 2**31]))))
def test_a_process_is_paged_out_in_pieces_of_whole_pages(sizes: list[tuple[int, int]]) -> None:
    mappings, at = [], 0
    for gap, pages in sizes:
        mappings.append(((at + gap) * PAGE, (at + gap + pages) * PAGE))
        at += gap + pages

    pieces = list(chunks_of(mappings))

    assert all(start % PAGE == end % PAGE == 0 for start, end in pieces)
    assert max((end - start for start, end in pieces), default=0) <= 1 << 30
    assert merged(pieces) == merged(mappings)
    assert len(pieces) <= len(mappings) + 1000 or max(pages for _, pages in sizes) == 2**31


def test_of_a_process_that_has_ended_nothing_is_paged_out() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert page_out(ended.pid, Procfs(), SystemMemory()) == ()


class Looking(Procfs):
    """Has no mappings to page out, and looks at the process when it is asked for them."""

    looked = False

    def mappings(self, pid: int) -> list[Span]:
        wait_for(lambda: is_in(pid, "T"))
        self.looked = True
        return []


def is_in(pid: int, state: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == state


def test_it_stands_still_while_it_is_paged_out_and_goes_on_then() -> None:
    procfs = Looking()
    with subprocess.Popen(["sleep", "1000"]) as running:
        try:
            page_out(running.pid, procfs, SystemMemory())

            assert procfs.looked
            wait_for(lambda: is_in(running.pid, "S"))
        finally:
            running.kill()
