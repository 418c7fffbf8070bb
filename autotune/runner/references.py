"""Reads how much memory processes accessed within windows of growing length.

Writing 1 to ``clear_refs`` clears the Accessed bits of a process, and ``smaps`` says how many pages of
each mapping have theirs set since. DAMON's own sampling keeps a bit that it clears in the page's young
flag, which counts as well.

Source: Documentation/filesystems/proc.rst, "clear_refs" and "smaps"; mm/damon/ops-common.c of Linux
6.12.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from autotune.damon.references import ReferencedWindow
from autotune.runner.procfs import Procfs

WINDOWS_S: Final = (0.2, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)
"""When what was accessed is read, in seconds after the bits were cleared."""
ROUNDS_S: Final = (1.6, 6.4, 1.6, 12.8, 1.6, 25.6)
"""The length of the rounds, one after the other: each begins by clearing the bits."""
SHARE: Final = 0.02
"""The share of a CPU that this may take. A round that would take more begins later."""
FIRST_S: Final = 0.1
"""CPU time that is not counted, so that a short run has its rounds."""
_EARLY_S: Final = 0.02
"""Looks come on a grid of time: a look that is so early counts as in time."""
_MOST_OF_GAP: Final = 0.2
"""A look that would take more of the time since the last one is left out."""


class References:
    """The windows of the processes of one run.

    Args:
        procfs: Where the processes' files are read and written.
        begin_s: When the measured part began, by the clock.
        clock: Gives the time in seconds.
        cpu_clock: Gives the CPU time of this thread in seconds.
    """

    def __init__(
        self,
        procfs: Procfs,
        begin_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._procfs = procfs
        self._begin_s = begin_s
        self._clock, self._cpu_clock = clock, cpu_clock
        self._taken: dict[int, list[ReferencedWindow]] = {}
        self._cleared_us: dict[int, int] = {}
        self._round = self._next = self._begin_us = 0
        self._spent_s = self._cost_s = 0.0

    def sample(self, pids: tuple[int, ...]) -> None:
        """Clear or read the bits of *pids*, if it is time to."""
        began_s = self._cpu_clock()
        if self._cleared_us:
            since_s = (self._now_us() - self._begin_us) / 1e6
            if since_s > WINDOWS_S[self._next] - _EARLY_S:
                self._look(since_s)
        if not self._cleared_us and self._spent_s <= FIRST_S + SHARE * self._now_us() / 1e6:
            self._clear(pids)
        self._spent_s += self._cpu_clock() - began_s

    def _look(self, since_s: float) -> None:
        """Read, and end the round if it is over."""
        length_s = ROUNDS_S[self._round]
        last_s = WINDOWS_S[self._next - 1] if self._next else 0.0
        while self._next < len(WINDOWS_S) and since_s > WINDOWS_S[self._next] - _EARLY_S:
            self._next += 1
        is_over = WINDOWS_S[self._next - 1] >= length_s
        if is_over or self._cost_s <= _MOST_OF_GAP * (since_s - last_s):
            began_s = self._cpu_clock()
            self._read()
            self._cost_s = self._cpu_clock() - began_s
        if is_over:
            self._round = (self._round + 1) % len(ROUNDS_S)
            self._cleared_us = {}

    def _now_us(self) -> int:
        return round((self._clock() - self._begin_s) * 1e6)

    def _clear(self, pids: tuple[int, ...]) -> None:
        began_s = self._cpu_clock()
        self._next, self._begin_us = 0, self._now_us()
        for pid in pids:
            now_us = self._now_us()
            if self._procfs.clear_references(pid):
                self._cleared_us[pid] = now_us
        self._cost_s = self._cpu_clock() - began_s

    def _read(self) -> None:
        for pid, begin_us in self._cleared_us.items():
            end_us = self._now_us()
            if areas := self._procfs.references(pid):
                self._taken.setdefault(pid, []).append(
                    ReferencedWindow(begin_us=begin_us, end_us=end_us, areas=areas)
                )

    def of(self, pid: int) -> tuple[ReferencedWindow, ...]:
        """Give the windows of a process, in the order of their ends."""
        return tuple(self._taken.get(pid, ()))
