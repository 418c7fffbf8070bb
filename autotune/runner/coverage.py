"""How much of a workload's memory belonged to processes that DAMON did not watch, and how they lived."""

from __future__ import annotations

from collections.abc import Collection

from autotune.runner.procfs import Procfs

_NAMES = 3


class Coverage:
    """Resident memory times time, of all processes and of those that DAMON did not watch.

    A sample stands for the time until the next sample.

    Args:
        procfs: Where the processes' files are read.
    """

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._at_s: float | None = None
        self._total_bytes = 0
        self._unwatched: list[tuple[int, str, int]] = []
        self._weighed_total = 0.0
        self._weighed: dict[str, float] = {}
        self._weighed_processes: dict[int, float] = {}
        self._seen_s: dict[int, tuple[float, float]] = {}
        self._there: frozenset[int] = frozenset()

    def sample(
        self,
        pids: tuple[int, ...],
        targets: Collection[int],
        total_bytes: int,
        time_s: float,
    ) -> None:
        """Note which processes there are.

        Args:
            pids: The processes of the workload.
            targets: The processes that DAMON watches.
            total_bytes: Resident memory of *pids*, summed.
            time_s: The time.
        """
        self.end(time_s)
        self._at_s, self._total_bytes = time_s, total_bytes
        self._unwatched = []
        self._there = frozenset(pids)
        for pid in pids:
            if pid in targets:
                continue
            size = self._procfs.resident_bytes(pid)
            if size:
                self._unwatched.append((pid, self._procfs.name(pid), size))
                self._weighed_processes.setdefault(pid, 0.0)

    def end(self, time_s: float) -> None:
        """Weigh the last sample, which stands for the time up to now."""
        if self._at_s is None:
            return
        length_s = max(0.0, time_s - self._at_s)
        self._at_s = time_s
        for pid, name, size in self._unwatched:
            self._weighed[name] = self._weighed.get(name, 0.0) + length_s * size
            self._weighed_processes[pid] += length_s * size
        for pid in self._there:
            began_s, _ = self._seen_s.get(pid, (time_s - length_s, time_s))
            self._seen_s[pid] = began_s, time_s
        # A process may grow between the two readings.
        seen = max(self._total_bytes, sum(size for _, _, size in self._unwatched))
        self._weighed_total += length_s * seen

    @property
    def unwatched_share(self) -> float:
        """The share of memory times time that was not watched, from 0 to 1."""
        if not self._weighed_total:
            return 0.0
        return min(1.0, sum(self._weighed.values()) / self._weighed_total)

    @property
    def unwatched_names(self) -> tuple[str, ...]:
        """Names of the unwatched programs with most memory times time."""
        most = sorted(self._weighed.items(), key=lambda item: -item[1])
        return tuple(name for name, _ in most[:_NAMES] if name)

    @property
    def unwatched_life_s(self) -> float | None:
        """For how long the unwatched processes lived, in seconds, watched later or not.

        Returns:
            The mean, in which a process counts by what of it was not watched. None if most of that is
            of processes that were still there at the last sample: nobody knows how long they live.
        """
        ended = {pid: w for pid, w in self._weighed_processes.items() if pid not in self._there}
        weight = sum(ended.values())
        if weight <= sum(self._weighed_processes.values()) / 2:
            return None
        lives = {pid: self._seen_s[pid][1] - self._seen_s[pid][0] for pid in ended}
        return sum(lives[pid] * its for pid, its in ended.items()) / weight

    def unwatched_processes(self, ever_watched: Collection[int]) -> int:
        """Give how many processes with memory were seen and are not among *ever_watched*."""
        return len(self._weighed_processes.keys() - set(ever_watched))
