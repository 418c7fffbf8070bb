"""What a process has mapped over time, found by looking at its mappings again and again."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.damon.recording import MappedArea
from autotune.damon.spans import Span, common, merged, without
from autotune.runner.procfs import Procfs


@dataclass(frozen=True, slots=True)
class _Open:
    """An area that is still mapped."""

    start: int
    end: int
    from_us: int
    resident: tuple[Span, ...]
    shared: tuple[Span, ...]

    def cut(self, span: Span) -> _Open:
        """Give the part of the area within *span*, which lies in the area."""
        resident, shared = (tuple(common(pages, [span])) for pages in (self.resident, self.shared))
        return _Open(*span, self.from_us, resident, shared)

    def close(self, until_us: int) -> MappedArea:
        return MappedArea(
            start=self.start,
            end=self.end,
            from_us=self.from_us,
            until_us=until_us,
            resident=self.resident,
            shared=self.shared,
        )


class Areas:
    """The areas of one process.

    Args:
        procfs: Where the mappings are read.
        pid: The process.
    """

    def __init__(self, procfs: Procfs, pid: int) -> None:
        self._procfs = procfs
        self._pid = pid
        self._last: list[Span] = []
        self._open: list[_Open] = []
        self._closed: list[MappedArea] = []

    def look(self, time_us: int) -> None:
        """See what is mapped now.

        The resident pages of a new area are read. An area that is gone ends now. If the process has
        ended, its last areas are kept.
        """
        mapped = self._procfs.mappings(self._pid)
        if mapped == self._last or not mapped:
            return
        self._last = mapped
        known = [(area.start, area.end) for area in self._open]
        kept: list[_Open] = []
        for area in self._open:
            whole = [(area.start, area.end)]
            kept += [area.cut(part) for part in common(whole, merged(mapped))]
            self._closed += [
                area.cut(part).close(time_us) for part in without(whole, merged(mapped))
            ]
        for start, end in without(mapped, merged(known)):
            resident = self._procfs.resident(self._pid, start, end)
            shared = self._procfs.shared_pages(self._pid, start, end)
            kept.append(_Open(start, end, time_us, resident, tuple(common(shared, resident))))
        self._open = sorted(kept, key=lambda area: area.start)

    def until(self, time_us: int) -> tuple[MappedArea, ...]:
        """Give all areas, in the order of addresses. Areas that are still mapped end at *time_us*."""
        areas = [*self._closed, *(area.close(time_us) for area in self._open)]
        return tuple(sorted(areas, key=lambda area: (area.start, area.from_us)))
