"""DAMON's targets over a run: which processes are watched, and in which of DAMON's places.

DAMON knows a target by its place in the list of targets, not by its process: a commit gives the regions
and ages at a place to the process that the commit names there. So a process keeps its place as long as
it lives. The place of a process that has ended first goes to the kdamond itself, a thread without memory
that lives as long as DAMON runs, with one region of a page: that forgets the old regions. After that
another process can have the place.

Source: ``damon_commit_targets``, mm/damon/core.c of Linux 6.12.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from autotune.damon.kernel_rules import PAGE_BYTES, initial_regions
from autotune.damon.monitoring import Monitoring, Target
from autotune.runner.procfs import Procfs

_UPDATES_BETWEEN: Final = 2
"""Update intervals between two commits, at least. A commit starts every timer of DAMON anew."""

_EMPTY_PLACE: Final = ((PAGE_BYTES, 2 * PAGE_BYTES),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A process at a place among DAMON's targets.

    Attributes:
        place: The target's number.
        pid: The process.
        name: The name of its program when DAMON began to watch it.
        from_s: When DAMON surely watched the process, a time of `time.monotonic`.
        until_s: When DAMON may have left off; None if it never did.
    """

    place: int
    pid: int
    name: str
    from_s: float
    until_s: float | None = None


class Targets:
    """The processes of a workload that DAMON watches.

    Processes that come later are taken in once they have lived for an update interval, all at once, and
    at most once in two update intervals.

    Args:
        procfs: Where the processes' files are read.
        monitoring: DAMON's attributes as the user wants them.
    """

    def __init__(self, procfs: Procfs, monitoring: Monitoring) -> None:
        self._procfs = procfs
        self._asked = monitoring
        self._places: tuple[int | None, ...] = ()
        self._since_s: dict[int, float] = {}
        self._changed_s = 0.0
        self._next: tuple[int | None, ...] = ()
        self._open: dict[int, Stay] = {}
        self._closed: list[Stay] = []
        self.monitoring = monitoring
        """DAMON's attributes with a bound on regions that has room for all targets."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are watched now."""
        return tuple(pid for pid in self._places if pid is not None)

    @property
    def stays(self) -> tuple[Stay, ...]:
        """Who was watched where, in the order in which it ended, and then of places."""
        return (*self._closed, *self._open.values())

    def see(self, pids: tuple[int, ...], now_s: float) -> None:
        """Note which processes the workload has now."""
        known = self._since_s
        self._since_s = {pid: known.get(pid, now_s) for pid in pids}

    def first(self, pids: tuple[int, ...]) -> tuple[Target, ...]:
        """Give the targets with which DAMON is turned on: the processes *pids*."""
        self._next = pids
        self.monitoring = self.monitoring.with_room_for(len(pids))
        return tuple(Target(pid=pid) for pid in pids)

    def is_due(self, now_s: float) -> bool:
        """Say whether a process waits to be watched, and may be taken in now."""
        return bool(self._waiting(now_s)) and now_s - self._changed_s >= (
            _UPDATES_BETWEEN * self._update_s
        )

    @property
    def _update_s(self) -> float:
        return self._asked.intervals.update_us / 1e6

    def _waiting(self, now_s: float) -> list[int]:
        watched = set(self._places)
        return [
            pid
            for pid, since_s in self._since_s.items()
            if pid not in watched and now_s - since_s >= self._update_s
        ]

    def following(
        self, pids: tuple[int, ...], now_s: float, kdamond: int
    ) -> tuple[Target, ...] | None:
        """Give the targets for a commit, or None if it would take no process in.

        Args:
            pids: The processes that the workload has and that have memory, looked up just now.
            now_s: The time.
            kdamond: The number of DAMON's thread.
        """
        there = set(pids)
        coming = [pid for pid in self._waiting(now_s) if pid in there]
        if not coming:
            return None
        targets: list[Target] = []
        places: list[int | None] = []
        for pid in self._places:
            if pid in there:
                targets.append(Target(pid=pid))
                places.append(pid)
            elif pid is None and coming:
                places.append(coming.pop(0))
                targets.append(self._new(places[-1]))
            else:
                places.append(None)
                targets.append(Target(pid=kdamond, regions=_EMPTY_PLACE))
        places += coming
        targets += [self._new(pid) for pid in coming]
        while places[-1] is None:
            places.pop()
            targets.pop()
        self._next = tuple(places)
        self.monitoring = self.monitoring.with_room_for(len(places))
        return tuple(targets)

    def _new(self, pid: int | None) -> Target:
        """A target with the regions that DAMON itself would begin with: a commit makes none."""
        ranges = () if pid is None else self._procfs.monitored_ranges(pid)
        return Target(pid=pid, regions=initial_regions(ranges, self._asked.min_regions))

    def took(self, began_s: float, now_s: float) -> None:
        """Note that DAMON took the targets that were given last.

        Args:
            began_s: Up to when DAMON surely had the targets before; with no target before, from when it
                may have had these.
            now_s: From when DAMON surely has the new ones.
        """
        before, self._places = self._places, self._next
        for place, pid in enumerate(before):
            stays = place < len(self._places) and self._places[place] == pid
            if pid is not None and not stays:
                self._closed.append(replace(self._open.pop(place), until_s=began_s))
        for place, pid in enumerate(self._places):
            if pid is not None and place not in self._open:
                from_s = now_s if before else began_s
                name = self._procfs.name(pid)
                self._open[place] = Stay(place=place, pid=pid, name=name, from_s=from_s)
        self._changed_s = now_s
