from __future__ import annotations

import array
import ctypes
import gc
import mmap
import os
from pathlib import Path

from autotune.runner.pagemap import Pagemap
from autotune.runner.procfs import Procfs

PAGE = os.sysconf("SC_PAGE_SIZE")


def test_what_is_resident_is_what_was_touched() -> None:
    pages, touched = 64, (0, 1, 2, 40, 63)
    with mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for page in touched:
            memory[page * PAGE] = 1
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))

        found = Procfs().pages(os.getpid()).resident(start, start + pages * PAGE)
        gc.collect()  # else the buffer could not be closed

    assert [(low - start, high - start) for low, high in found] == [
        (0, 3 * PAGE),
        (40 * PAGE, 41 * PAGE),
        (63 * PAGE, 64 * PAGE),
    ]


def test_pages_that_are_mapped_twice_are_told_from_those_of_one_mapping(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(4 * PAGE))
    both = mmap.PROT_READ | mmap.PROT_WRITE
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 4 * PAGE, flags=mmap.MAP_PRIVATE, prot=both) as memory,
        mmap.mmap(file.fileno(), 2 * PAGE, flags=mmap.MAP_PRIVATE, prot=both) as other,
    ):
        assert memory[PAGE] == other[PAGE] == memory[3 * PAGE] == 0
        memory[2 * PAGE] = 1  # a copy, which belongs to no file
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))

        resident = Procfs().pages(os.getpid()).resident(start, start + 4 * PAGE)
        shared = Procfs().pages(os.getpid()).shared(start, start + 4 * PAGE)
        gc.collect()  # else the buffer could not be closed

    def pages(spans: tuple[tuple[int, int], ...]) -> set[int]:
        return {(at - start) // PAGE for low, high in spans for at in range(low, high, PAGE)}

    assert pages(resident) >= {1, 2, 3}
    assert pages(shared) - {0} == {1}


def test_a_process_that_is_gone_has_nothing_resident(tmp_path: Path) -> None:
    assert Procfs(tmp_path).pages(7).resident(0, PAGE) == ()


def test_a_page_has_the_frame_that_its_entry_names_if_it_is_present(tmp_path: Path) -> None:
    present, alone = 1 << 63, 1 << 56
    file = tmp_path / "pagemap"
    file.write_bytes(array.array("Q", [present | 5, 6, present | alone | 7, 0]).tobytes())
    pages = Pagemap(str(file))

    assert pages.frames(0, 4 * PAGE) == (5, 0, 7, 0)
    assert pages.frames(2 * PAGE, 3 * PAGE) == (7,)
    assert pages.resident(0, 4 * PAGE) == ((0, PAGE), (2 * PAGE, 3 * PAGE))
    assert pages.shared(0, 4 * PAGE) == ((0, PAGE),)
