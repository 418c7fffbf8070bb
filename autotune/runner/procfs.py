"""What the kernel says of processes: their trees, memory, CPU time and faults.

A process that ends while it is read counts as one without memory, time or children.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from autotune.damon.spans import Span, merged

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CHUNK_BYTES = 1 << 16
_ENTRY_BYTES = 8
_IS_PRESENT = bytes(top >> 7 for top in range(256))
_IS_SHARED = bytes(top >> 7 & (top & 1 ^ 1) for top in range(256))
_ONES = re.compile(b"\1+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of processes, in bytes.

    Attributes:
        rss_bytes: Resident.
        swap_bytes: Swapped out.
    """

    rss_bytes: int
    swap_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What processes used since they began.

    Attributes:
        cpu_s: CPU time, system time included.
        major_faults: Faults that waited for a page to be read, from swap or a file.
    """

    cpu_s: float
    major_faults: int


class Procfs:
    """Reads the files of processes below *root*."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = str(root)

    def read(self, name: str) -> bytes | None:
        """Give the content of a file; None if there is no such file, or its process has ended."""
        try:
            descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            content = b""
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                content += chunk
            return content
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def children(self, pid: int) -> tuple[int, ...]:
        """The processes that *pid* has begun and not outlived."""
        try:
            threads = sorted(os.listdir(f"{self._root}/{pid}/task"), key=int)  # noqa: PTH208  # numbers
        except OSError:
            return ()
        found = (self.read(f"{pid}/task/{thread}/children") or b"" for thread in threads)
        return tuple(int(child) for text in found for child in text.split())

    def tree(self, *roots: int) -> tuple[int, ...]:
        """The processes *roots* and all that they began, parents before children."""
        found: dict[int, None] = {}
        waiting = list(roots)
        while waiting:
            pid = waiting.pop(0)
            if pid not in found:
                found[pid] = None
                waiting += self.children(pid)
        return tuple(found)

    def memory(self, pids: tuple[int, ...]) -> Memory:
        """Memory of processes, summed; what they share counts once for each."""
        rss = swap = 0
        for pid in pids:
            for line in (self.read(f"{pid}/status") or b"").splitlines():
                if line.startswith(b"VmRSS:"):
                    rss += int(line.split()[1])
                elif line.startswith(b"VmSwap:"):
                    swap += int(line.split()[1])
                    break
        return Memory(rss_bytes=rss << 10, swap_bytes=swap << 10)

    def usage(self, pids: tuple[int, ...]) -> Usage:
        """What processes used, and what those of their children did that they have seen end.

        CPU time of a process comes from its CPU clock, in nanoseconds and of all its threads, alive or
        not; that of ended children in clock ticks.
        """
        cpu_s, faults = 0.0, 0
        for pid in pids:
            fields = self._stat(pid)
            if fields is None:
                continue
            cpu_s += _cpu_clock_s(pid) + (int(fields[13]) + int(fields[14])) / _TICKS_PER_S
            faults += int(fields[9]) + int(fields[10])
        return Usage(cpu_s=cpu_s, major_faults=faults)

    def has_memory(self, pid: int) -> bool:
        """Whether a process has an address space: it is no zombie and no kernel thread."""
        return b"VmSize:" in (self.read(f"{pid}/status") or b"")

    def idle_s(self) -> float:
        """How long CPUs had nothing to do, all of them together.

        Source: Documentation/filesystems/proc.rst, "/proc/stat": idle and iowait, in clock ticks.
        """
        fields = (self.read("stat") or b"").partition(b"\n")[0].split()
        return sum(map(int, fields[4:6])) / _TICKS_PER_S

    def oom_kills(self) -> int:
        """Processes that the kernel has killed for want of memory since it began."""
        for line in (self.read("vmstat") or b"").splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0

    def name(self, pid: int) -> str:
        """Name of a process; empty if it has ended."""
        return (self.read(f"{pid}/comm") or b"").decode(errors="replace").strip()

    def monitored_bytes(self, pids: tuple[int, ...]) -> int:
        """Size of the ranges that DAMON watches in the address spaces of processes, in bytes.

        Source: ``__damon_va_three_regions``, mm/damon/vaddr.c: all from the first mapping to the last,
        without the two largest gaps; nothing where there are not two gaps.
        """
        return sum(_without_two_gaps(self.mappings(pid)) for pid in pids)

    def mappings(self, pid: int) -> list[Span]:
        """The areas that a process has mapped, in order of address; none once it has ended."""
        lines = (self.read(f"{pid}/maps") or b"").splitlines()
        ends = (line.split(b" ", 1)[0].split(b"-") for line in lines if b"[vsyscall]" not in line)
        return [(int(start, 16), int(end, 16)) for start, end in ends]

    def resident(self, pid: int, start: int, end: int) -> tuple[Span, ...]:
        """What of a process's addresses is in memory, as few spans of whole pages."""
        return self._pages(pid, start, end, _IS_PRESENT)

    def shared_pages(self, pid: int, start: int, end: int) -> tuple[Span, ...]:
        """What of that is mapped elsewhere too, as few spans of whole pages."""
        return self._pages(pid, start, end, _IS_SHARED)

    def _pages(self, pid: int, start: int, end: int, wanted: bytes) -> tuple[Span, ...]:
        """Spans of the pages whose highest byte *wanted* translates to 1.

        Source: Documentation/admin-guide/mm/pagemap.rst: 64 bits a page; bit 63 says that it is
        present, bit 56 that it is mapped only once.
        """
        found: list[Span] = []
        try:
            descriptor = os.open(f"{self._root}/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return ()
        try:
            step = _CHUNK_BYTES // _ENTRY_BYTES
            for page in range(start // PAGE_BYTES, end // PAGE_BYTES, step):
                pages = min(step, end // PAGE_BYTES - page)
                entries = os.pread(descriptor, pages * _ENTRY_BYTES, page * _ENTRY_BYTES)
                present = entries[_ENTRY_BYTES - 1 :: _ENTRY_BYTES].translate(wanted)
                found += (
                    ((page + run.start()) * PAGE_BYTES, (page + run.end()) * PAGE_BYTES)
                    for run in _ONES.finditer(present)
                )
        except OSError:  # it has ended
            return ()
        finally:
            os.close(descriptor)
        return tuple(merged(found))

    def _stat(self, pid: int) -> list[bytes] | None:
        """The fields of `stat` behind the name: the state is number 0."""
        text = self.read(f"{pid}/stat")
        return None if text is None else text[text.rindex(b")") + 1 :].split()


def _cpu_clock_s(pid: int) -> float:
    # The kernel's encoding of a process's CPU clock, as clock_getcpuclockid(3) gives it.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _without_two_gaps(mappings: list[Span]) -> int:
    gaps = sorted(
        (start - end for (_, end), (start, _) in itertools.pairwise(mappings)),
        reverse=True,
    )
    if len(gaps) < 2 or gaps[1] == 0:
        return 0
    return mappings[-1][1] - mappings[0][0] - gaps[0] - gaps[1]
