"""Stopping a program that would run for ever: it is asked, asked again, and killed."""

from __future__ import annotations

import math
import signal

GRACE_S = 2.0
"""Time between two signals, in seconds: between asking a program to end, and killing it."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Stops:
    """When which signal is sent to a program that a clock stops.

    SIGINT comes first: load generators print what they did when Ctrl-C ends them.

    Args:
        after_s: Time of the first signal, in seconds since the measured part began.
    """

    def __init__(self, after_s: float) -> None:
        self.next_s = after_s
        """Time of the next signal; infinite after the last."""
        self._left = list(_SIGNALS)

    @property
    def begun(self) -> bool:
        """Whether a signal was sent."""
        return len(self._left) < len(_SIGNALS)

    def due(self, time_s: float) -> signal.Signals | None:
        """Give the signal to send at *time_s*, once; None if none is due.

        >>> stops = Stops(8.0)
        >>> stops.due(7.9), stops.due(8.0), stops.due(8.0), stops.next_s
        (None, <Signals.SIGINT: 2>, None, 10.0)
        """
        if time_s < self.next_s:
            return None
        number = self._left.pop(0)
        self.next_s = time_s + GRACE_S if self._left else math.inf
        return number
