"""A pattern that has warmed up, in its player."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

from autotune.experiment.activity import PlayedPhase
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Ready
from autotune.native.player_text import DONE, READY, go_line, played_phases, player_input
from autotune.runner.errors import WorkloadError
from autotune.runner.output import LAST_LINES_S, LineSeen, to_all
from autotune.runner.processes import Processes, Started
from autotune.runner.readiness import be_silent, wait_until_ready


class RunningPattern:
    """A pattern in its player, which has mapped every region and written each page once.

    Args:
        pattern: The pattern to play.
        player: The compiled player.
        processes: The processes of the workload; the player becomes one of them.
        timeout_us: How long the preparation may take.
        on_wait: Called again and again with the time waited so far, in seconds.

    Raises:
        WorkloadError: If the player can't be started or does not become ready.
    """

    def __init__(
        self,
        pattern: Pattern,
        player: Path,
        processes: Processes,
        timeout_us: int,
        on_wait: Callable[[float], None] = be_silent,
    ) -> None:
        ready = f"^{READY}$"
        line, self._done = LineSeen(ready), LineSeen(f"^{DONE}$")
        self._lines: list[str] = []  # the player prints few lines for each phase
        self._waker = os.eventfd(0, os.EFD_CLOEXEC)
        processes.close_at_end(self._waker)
        listeners = to_all(line, self._lines.append, self._done, self._wake)
        self.measured = processes.start([str(player)], on_line=listeners)
        self.measured.tell(player_input(pattern))
        criterion = Ready(line=ready)
        wait_until_ready(criterion, self.measured, processes, line.seen, timeout_us, on_wait)

    @property
    def last(self) -> Started:
        """The player."""
        return self.measured

    @property
    def wakers(self) -> tuple[int, ...]:
        """The file that shows the player's line "done", and the file that shows the player's end."""
        return (self._waker, self.measured.pidfd)

    def has_ended(self) -> bool:
        """Say whether all is played, or the player has crashed. After playing all, the player stays."""
        return self._done.seen() or self.measured.has_ended()

    def _wake(self, _line: str) -> None:
        if self._done.seen():
            os.eventfd_write(self._waker, 1)

    def begin(self, seed: int) -> None:
        """Tell the player to play."""
        self.measured.tell(go_line(seed))

    def stop_if_due(self, time_s: float) -> float:  # noqa: ARG002  # one signature
        """Do nothing: a pattern ends by itself."""
        return math.inf

    def was_stopped(self) -> bool:
        """Say no: a pattern ends by itself."""
        return False

    def ended_well(self) -> bool:
        """Say whether the player goes on, or ended without an error."""
        return not self.measured.status

    def work_done(self) -> float:
        """Give the number of accesses.

        Raises:
            WorkloadError: If the player did not print it.
        """
        return float(sum(phase.accesses for phase in self.phases()))

    def phases(self) -> tuple[PlayedPhase, ...]:
        """Give the phases as they were played.

        Raises:
            WorkloadError: If the player did not print them.
        """
        if not self._done.seen():
            self.measured.output.wait(LAST_LINES_S)
        try:
            return played_phases("\n".join(self._lines))
        except ValueError as error:
            raise WorkloadError(
                f"the pattern's player did not end as it should: {error}"
            ) from error

    def latency_max_s(self) -> None:
        """Give nothing: a pattern has no requests."""
        return
