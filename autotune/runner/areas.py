"""What a process has mapped over time, found by looking at its mappings again and again."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.damon.recording import MappedArea
from autotune.damon.spans import Span, common, merged, without
from autotune.runner.procfs import PAGE_BYTES, Procfs


@dataclass(frozen=True, slots=True)
class _Open:
    """An area that is still mapped."""

    start: int
    end: int
    from_us: int
    resident: tuple[Span, ...]
    shared: tuple[Span, ...]
    repeated: tuple[Span, ...]

    def cut(self, span: Span) -> _Open:
        """Give the part of the area within *span*, which lies in the area."""
        resident, shared, repeated = (
            tuple(common(pages, [span])) for pages in (self.resident, self.shared, self.repeated)
        )
        return _Open(*span, self.from_us, resident, shared, repeated)

    def close(self, until_us: int) -> MappedArea:
        return MappedArea(
            start=self.start,
            end=self.end,
            from_us=self.from_us,
            until_us=until_us,
            resident=self.resident,
            shared=self.shared,
            repeated=self.repeated,
        )


class Areas:
    """The areas of one process.

    Args:
        procfs: Where the mappings are read.
        pid: The process.
        known_frames: Frames that other processes of the recording are known to have; all have one set.
    """

    def __init__(self, procfs: Procfs, pid: int, known_frames: set[int] | None = None) -> None:
        self._procfs = procfs
        self._pid = pid
        self._pages = procfs.pages(pid)
        self._known_frames = set[int]() if known_frames is None else known_frames
        self._gone_us: int | None = None
        self._last: list[Span] = []
        self._open: list[_Open] = []
        self._closed: list[MappedArea] = []

    def look(self, time_us: int) -> None:
        """See what is mapped now.

        The resident pages of a new area are read. An area that is gone ends now. If the process has
        ended, all its areas end now.
        """
        mapped = self._procfs.mappings(self._pid)
        if not mapped and self._gone_us is None and self._last:
            self._gone_us = time_us
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
            resident = self._pages.resident(start, end)
            shared = tuple(common(self._pages.shared(start, end), resident))
            repeated = tuple(self._repeated(shared))
            kept.append(_Open(start, end, time_us, resident, shared, repeated))
        self._open = sorted(kept, key=lambda area: area.start)

    def frames(self) -> set[int]:
        """Give the frames that the process has now, where it was last seen mapped."""
        return {
            frame
            for start, end in self._last
            for span in self._pages.resident(start, end)
            for frame in self._pages.frames(*span)
            if frame
        }

    def _repeated(self, shared: tuple[Span, ...]) -> list[Span]:
        """Give the parts of *shared* whose frames were seen before, and note the others."""
        found: list[Span] = []
        for start, end in shared:
            for number, frame in enumerate(self._pages.frames(start, end)):
                if frame in self._known_frames:
                    page = start + number * PAGE_BYTES
                    found.append((page, page + PAGE_BYTES))
                elif frame:
                    self._known_frames.add(frame)
        return merged(found)

    def until(self, time_us: int) -> tuple[MappedArea, ...]:
        """Give all areas, in the order of addresses.

        Areas that are still mapped end at *time_us*, or when the process was gone.
        """
        time_us = time_us if self._gone_us is None else min(time_us, self._gone_us)
        areas = [*self._closed, *(area.close(time_us) for area in self._open)]
        return tuple(sorted(areas, key=lambda area: (area.start, area.from_us)))
