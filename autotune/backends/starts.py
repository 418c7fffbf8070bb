"""How often a workload was started: what a user waits for, and what a search is measured by."""

from __future__ import annotations

import threading


class Starts:
    """A count that threads raise together.

    >>> starts = Starts()
    >>> starts.one_more()
    >>> starts.count
    1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def one_more(self) -> None:
        """Count a start."""
        with self._lock:
            self._count += 1

    @property
    def count(self) -> int:
        """The number of starts."""
        return self._count
