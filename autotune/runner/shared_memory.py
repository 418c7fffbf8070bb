"""Reads memory that processes share, so seldom that the reading takes little of a CPU.

The kernel walks all pages of a process to say what it shares: a reading costs by pages, and in a machine
with one CPU it is the workload's CPU that it takes. So the time between two readings follows from what a
reading costs. A baseline and its trials must share one time, or their figures would not compare.
"""

from __future__ import annotations

import math
import time

from autotune.runner.procfs import Memory, Procfs, ProportionalMemory

SHARE = 0.01
"""The share of a CPU that readings may take: the time between two readings is chosen for it."""
MOST_SHARE = 0.015
"""When readings take more than this, the time between them becomes longer."""


def reading_cost_s(procfs: Procfs, pids: tuple[int, ...]) -> float:
    """Give the CPU time of a reading of *pids*, in seconds; 0.0 if fewer than two have memory."""
    if procfs.memory(pids).processes < 2:
        return 0.0
    costs = []
    for _ in range(2):  # the first reading may wait for code and tables
        began_s = time.thread_time()
        procfs.proportional_memory(pids)
        costs.append(time.thread_time() - began_s)
    return min(costs)


def samples_apart(cost_s: float, sampling_period_us: int, share: float = SHARE) -> int:
    """Give how many samples apart readings must be, so that they take at most *share* of a CPU.

    >>> samples_apart(0.0, 100_000), samples_apart(0.0005, 100_000), samples_apart(0.02, 100_000)
    (1, 1, 20)
    """
    return max(1, math.ceil(cost_s * 1e6 / (share * sampling_period_us)))


class SharedMemory:
    """The readings of one run.

    Args:
        procfs: Where the processes' files are read.
        cost_s: CPU time of a reading before the run, in seconds.
        sampling_period_us: Time between two samples.
        period_us: Time between two readings, a multiple of the sampling period. With None it follows
            from the cost, and grows if readings become dearer during the run.
    """

    def __init__(
        self, procfs: Procfs, *, cost_s: float, sampling_period_us: int, period_us: int | None
    ) -> None:
        self._procfs = procfs
        self._sampling_period_us = sampling_period_us
        self._grows = period_us is None
        self._apart = (
            samples_apart(cost_s, sampling_period_us)
            if period_us is None
            else max(1, round(period_us / sampling_period_us))
        )
        self._next = 0
        self._last_cost_s = 0.0
        self._periods: list[int] = []

    @property
    def periods_us(self) -> tuple[int, ...]:
        """Times between two readings, in microseconds; none if nothing had to be read."""
        return tuple(self._periods)

    def sample(
        self, number: int, pids: tuple[int, ...], memory: Memory
    ) -> ProportionalMemory | None:
        """Give the proportional memory at sample *number*; None if it is not read at that sample.

        Nothing is shared within a tree of one process: its own figures are given.

        Raises:
            BackendUnavailableError: If the kernel does not say what processes share.
        """
        if memory.processes < 2:
            return ProportionalMemory(pss_bytes=memory.rss_bytes, swap_bytes=memory.swap_bytes)
        if not self._periods:
            self._periods.append(self._apart * self._sampling_period_us)
        if number < self._next:
            return None
        began_s = time.thread_time()
        read = self._procfs.proportional_memory(pids)
        if self._grows:
            self._adapt(time.thread_time() - began_s)
        self._next = number + self._apart
        return read

    def _adapt(self, last_cost_s: float) -> None:
        # Two readings in a row are dear, not one that something else held up.
        cost_s = min(last_cost_s, self._last_cost_s)
        self._last_cost_s = last_cost_s
        if samples_apart(cost_s, self._sampling_period_us, MOST_SHARE) > self._apart:
            self._apart = samples_apart(cost_s, self._sampling_period_us)
            self._periods.append(self._apart * self._sampling_period_us)
