from __future__ import annotations

import ctypes
import itertools
import mmap
import os

from autotune.damon.references import ReferencedArea
from autotune.runner.procfs import Procfs
from autotune.runner.references import FIRST_S, ROUNDS_S, SHARE, References

PAGE = os.sysconf("SC_PAGE_SIZE")


class Clocks:
    """A machine on which each reading takes CPU time; it notes when bits were cleared."""

    def __init__(self, cost_s: float) -> None:
        self.now_s = self.cpu_s = 0.0
        self.cleared_s: list[float] = []
        self.cost_s = cost_s


class Fake(Procfs):
    def __init__(self, clocks: Clocks) -> None:
        super().__init__()
        self.clocks = clocks

    def clear_references(self, pid: int) -> bool:
        self.clocks.cleared_s.append(self.clocks.now_s)
        self.clocks.cpu_s += self.clocks.cost_s
        return pid == 7

    def references(self, pid: int) -> tuple[ReferencedArea, ...]:
        assert pid == 7
        self.clocks.cpu_s += self.clocks.cost_s
        return (ReferencedArea(0, 2 * PAGE, PAGE, PAGE),)


def ran(clocks: Clocks, seconds: int) -> References:
    """References of a run with a sample every 100 ms; of two processes one has ended."""
    references = References(
        Fake(clocks), 0.0, clock=lambda: clocks.now_s, cpu_clock=lambda: clocks.cpu_s
    )
    for sample in range(10 * seconds):
        clocks.now_s = sample / 10
        references.sample((7, 8))
    return references


def test_bits_are_cleared_round_by_round_and_read_after_longer_and_longer_times() -> None:
    windows = ran(Clocks(0.0), 9).of(7)

    assert [(one.begin_us, one.end_us) for one in windows] == [
        *((0, end_us) for end_us in (200_000, 800_000, 1_600_000)),
        *(
            (1_600_000, 1_600_000 + length_us)
            for length_us in (200_000, 800_000, 1_600_000, 3_200_000, 6_400_000)
        ),
        *((8_000_000, 8_000_000 + length_us) for length_us in (200_000, 800_000)),
    ]


def test_what_takes_long_is_done_seldom() -> None:
    clocks = Clocks(0.05)

    ran(clocks, 200)

    assert len(clocks.cleared_s) > 2
    most_s = FIRST_S + SHARE * 200 + 10 * clocks.cost_s  # one round is always ended
    assert clocks.cpu_s <= most_s


def test_after_the_last_round_the_first_comes_again() -> None:
    clocks = Clocks(0.0)

    ran(clocks, int(2 * sum(ROUNDS_S)) + 1)

    begins_s = clocks.cleared_s[::2]  # two processes
    lengths_s = [after - before for before, after in itertools.pairwise(begins_s)]
    assert [round(length_s, 1) for length_s in lengths_s] == [*ROUNDS_S, *ROUNDS_S]


def test_a_process_that_was_never_there_has_no_windows() -> None:
    assert ran(Clocks(0.0), 9).of(8) == ()


def test_what_is_referenced_is_what_was_touched_since_the_bits_were_cleared() -> None:
    procfs, pid, pages = Procfs(), os.getpid(), 64
    with mmap.mmap(-1, 2 * pages * PAGE) as memory:
        place = ctypes.addressof(held := ctypes.c_char.from_buffer(memory))
        del held
        for page in range(pages):
            memory[page * PAGE] = 1
        assert procfs.clear_references(pid)
        for page in range(10):
            memory[page * PAGE] = 2

        (found,) = (area for area in procfs.references(pid) if area.start <= place < area.end)

    around = 8 * PAGE  # a mapping beside it may be one with it
    assert pages * PAGE <= found.resident_bytes <= pages * PAGE + around
    assert 10 * PAGE <= found.referenced_bytes <= 10 * PAGE + around


def test_a_process_that_is_gone_has_no_references() -> None:
    assert not Procfs().clear_references(2**22 + 1)
    assert Procfs().references(2**22 + 1) == ()
