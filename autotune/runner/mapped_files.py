"""How much memory of files a workload has mapped, looked at so seldom that it takes little of a CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from autotune.runner.procfs import Procfs

SHARE: Final = 0.0025
"""The share of a CPU that looks may take."""
_FIRST_S: Final = 1.0
"""When a workload is looked at after its first time, in seconds since the measured part began."""


class MappedFiles:
    """The most that was seen, beginning with a look when it is made: the workload should be ready.

    Args:
        procfs: Where the processes' files are read.
        look_up: Gives the processes of the workload.
        cpu_s: Gives the CPU time of this thread, in seconds: what a look costs.
    """

    def __init__(
        self,
        procfs: Procfs,
        look_up: Callable[[], tuple[int, ...]],
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._procfs = procfs
        self._look_up = look_up
        self._cpu_s = cpu_s
        self.at_first_bytes = self.most_bytes = 0
        self._next_s = 0.0
        self.look(0.0)
        self.at_first_bytes = self.most_bytes

    def look(self, time_s: float) -> None:
        """Look, if it is time to: after 1 s, 2 s, 4 s and so on, and later where a look is dear.

        Args:
            time_s: The time since the measured part began.
        """
        if time_s < self._next_s:
            return
        began_s = self._cpu_s()
        found = self._procfs.mapped_file_bytes(self._look_up())
        self.most_bytes = max(self.most_bytes, found)
        cost_s = self._cpu_s() - began_s
        self._next_s = max(_FIRST_S, 2 * time_s, time_s + cost_s / SHARE)
